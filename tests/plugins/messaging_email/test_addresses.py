from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_email.addresses import read_address, read_named
from messaging_email.headers import Unmailable


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("a@example.com", "a@example.com"),
        ("First.Last+tag@mail.example.com", "First.Last+tag@mail.example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("info@例え.example", "info@xn--r8jz45g.example"),
        ("jörg@example.com", "jörg@example.com"),
    ],
)
def test_one_plain_address(text: str, spec: str) -> None:
    assert read_address(text).spec == spec
    assert read_named(f"Name <{text}>").spec == spec


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "a",
            "@",
            "a@",
            "@example.com",
            "a@b",
            "a@@example.com",
            "a@example",
            "a b@example.com",
            "a@exa mple.com",
        ),
        *(
            "a@x.example, b@y.example",
            "a@x.example;b@y.example",
            "a@x.example b@y.example",
            "Name <a@x.example>",
            "<a@x.example>",
        ),
        *(
            "a@x.example)b@y.example",
            "a(c)@x.example",
            "a@x.example(c)",
            '"a b"@x.example',
            '"a\r\nRCPT TO:<b@y.example>"@x.example',
        ),
        *(
            "a@x.example\r\n",
            "a@x.example\n",
            "a\0@x.example",
            "a@x.example\u2028",
            "a@x.example>",
            "a@x.example> SIZE=1",
            "a\\@x.example",
        ),
        *(
            ".a@x.example",
            "a.@x.example",
            "a..b@x.example",
            "a@.x.example",
            "a@x..example",
            "a@-x.example",
            "a@x-.example",
        ),
        *(
            "a@[127.0.0.1]",
            "a@x.example.",
            "@r.example:a@x.example",
            "g:a@x.example;",
            "a%b@",
            "x" * 65 + "@example.com",
        ),
        *(
            "a@" + "x" * 64 + ".example",
            "a@" + ".".join(["x" * 60] * 5),
            "=?utf-8?q?a?=@x.example",
            "é" * 40 + "@example.com",
        ),
        *("a@b\u3002example\r\n", "a\u200b@x.example", "a@x\ud800.example", "a\u0000é@x.example", "a\u202e@x.example"),
    ],
)
def test_what_is_not_one_plain_address(text: str) -> None:
    with pytest.raises(Unmailable):
        read_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "a@x.example, b@y.example",
        "A <a@x.example>, B <b@y.example>",
        "A <a@x.example> <b@y.example>",
        "A <>",
        "<",
        "A <a@x.example",
    ],
)
def test_what_names_no_single_mailbox(text: str) -> None:
    with pytest.raises(Unmailable):
        read_named(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a@x.example", ""),
        ("Our shop <a@x.example>", "Our shop"),
        ('"Tea, \\"fine\\"" <a@x.example>', 'Tea, "fine"'),
        ("Tee & Café <a@x.example>", "Tee & Café"),
        ("Evil\r\nBcc: b@y.example <a@x.example>", "Evil Bcc: b@y.example"),
    ],
)
def test_a_name_and_an_address(text: str, name: str) -> None:
    found = read_named(text)
    assert (found.name, found.spec) == (name, "a@x.example")


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_yields_more_than_one_address_or_line(local: str, domain: str) -> None:
    try:
        found = read_address(f"{local}@{domain}")
    except Unmailable:
        return
    assert found.spec.count("@") == 1
    assert found.spec.isprintable()
    assert not set(found.spec) & set(' <>()[]\\,;:"')
    assert found.domain.isascii()
