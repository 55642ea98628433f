"""No value changes how something is built that was built well; where one got out of its place, that shows."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Callable
from email.message import EmailMessage
from io import StringIO
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.testing.contract.contents import since, without_ends
from messaging.testing.contract.shapes import alike

HEAD = "POST /messages HTTP/1.1\r\nHost: loft.example\r\nContent-Type: {}\r\n\r\n"


def as_json(value: str) -> bytes:
    return json.dumps({"to": "ann", "text": value, "more": [value]}).encode()


def as_form(value: str) -> bytes:
    return (HEAD.format("application/x-www-form-urlencoded") + urlencode({"to": "ann", "text": value})).encode()


def as_query(value: str) -> bytes:
    return f"GET /send?{urlencode({'to': 'ann', 'text': value})} HTTP/1.1\r\nHost: loft.example\r\n\r\n".encode()


def as_rows(value: str, delimiter: str) -> bytes:
    table = StringIO(newline="")
    csv.writer(table, delimiter=delimiter).writerow(["ann", value, "end"])
    return table.getvalue().encode()


def as_multipart(value: str, boundary: str = "") -> bytes:
    boundary = boundary or secrets.token_hex(16)
    told = {"to": "ann", "text": value, "end": "x"}
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in told.items()]
    return (HEAD.format(f"multipart/form-data; boundary={boundary}") + "".join(parts) + f"--{boundary}--\r\n").encode()


def as_mail(value: str) -> bytes:
    mail = EmailMessage()
    mail["To"] = "ann@example.com"
    mail.set_content(value)
    return mail.as_bytes()


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["a\r\nX: y", 'a","b":"c', "a&b=c#d?e", "a,b;c\td|e", '"', "</text><to>", "a\rb"]
)


@pytest.mark.parametrize(
    "write",
    [
        as_json,
        as_form,
        as_query,
        as_mail,
        as_multipart,
        *(lambda value, each=each: as_rows(value, each) for each in ",;\t|"),
    ],
)
@given(value=values)
def test_what_is_built_well_is_built_alike(write: Callable[[str], bytes], value: str) -> None:
    assert alike(write("Hello Ann"), write(value))


@pytest.mark.parametrize(
    ("tame", "other"),
    [
        (b'{"text": "Hello Ann"}', b'{"text": "a","to":"b"}'),
        (b"[1]\n", b"[1]\n[2]\n"),
        (b"ann,Hello Ann,end\n", b"ann,a,b,end\n"),
        (b"ann,Hello Ann,end\n", b"ann,a\nX,end\n"),
        (b"ann\tHello Ann\n", b"ann\ta\nb\n"),
        (b"SEND ann Hello Ann\r\n", b"SEND ann a\r\nX-Injected: yes\r\n"),
        (b"SEND ann Hello Ann\r\n", b"SEND ann a\rb\r\n"),
        (b"<m><text>Hello Ann</text></m>", b"<m><text>a</text><to>b</to></m>"),
        (b"To: ann\r\nSubject: Hello Ann\r\n\r\nHi", b"To: ann\r\nSubject: a\r\nBcc: b\r\n\r\nHi"),
        (as_multipart("Hello Ann", "b"), as_multipart("a\r\n--b\r\nContent-Disposition: form-data\r\n\r\nx", "b")),
        (as_multipart("Hello Ann"), as_multipart("a").replace(b'name="text"', b'name="a"; x="text"')),
        (as_query("Hello Ann"), b"GET /send?to=ann&text=a&to=b HTTP/1.1\r\nHost: loft.example\r\n\r\n"),
        (as_query("Hello Ann"), as_query("a").replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n")),
    ],
)
def test_a_value_that_got_out_of_its_place_shows(tame: bytes, other: bytes) -> None:
    assert not alike(tame, other)


def test_what_nobody_can_read_is_left_to_its_author() -> None:
    assert alike(b"\x05Hello\n", b"\x0aa\nb\nc\nd\ne\n")


def test_what_grew_is_told_by_what_was_added() -> None:
    assert since([b"a\n", b"b"], [b"a\nc\n", b"b", b"d"]) == [(True, b"c\n"), (False, b"d")]
    assert since([b"a"], [b"a", b"a"]) == [(False, b"a")]


def test_a_value_at_the_end_of_a_file_is_free() -> None:
    calm, fields = {"body": "Hello Ann"}, {"body": "a\nb\n"}
    assert alike(*without_ends(b"ann\nHello Ann\n", b"ann\na\nb\n", calm, fields))
    assert not alike(*without_ends(b"ann\nHello Ann\n", b"ann\nx\na\nb\n", calm, fields))
