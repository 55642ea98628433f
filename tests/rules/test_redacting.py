"""What must be in no log is taken out of a text; what a person needs to know stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.redacting import redacted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550 <ann@example.com> no such user", "550 <(address)> no such user"),
        ("to=ann.b+c@mail.example.co.uk, next", "(address), next"),
        ("Jürgen.ß@bücher.example", "(address)"),
        ('"ann b"@example.com', "(address)"),
        ("postgresql://shop:s3cret@db.example/shop", "postgresql://db.example/shop"),
        ("postgresql://shop@127.0.0.1:5432/shop?schema=a: gone", "postgresql://127.0.0.1:5432/shop?schema=a: gone"),
        ("postgresql://shop:s3@cret@db.example/shop", "postgresql://db.example/shop"),
        ("postgresql://shop:s3/cret@db.example/shop", "postgresql://shop:(address)/shop"),
        ("https://shop.example/?to=ann@example.com", "https:(address)"),
        ("The 'To' number +4366012345678 is not valid", "The 'To' number (number) is not valid"),
        ("+43 660 123 45 67", "(number)"),
        ("+1 (555) 010-0199", "(number)"),
        ("number 4366012345678.", "number (number)."),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer (secret)"),
        ("GET /c/AbCdEfGh1234 404", "GET /c/(token) 404"),
        ("https://shop.example/m/u/x9x9x9x9x9x9", "https://shop.example/m/u/(token)"),
        ("key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "key (token)"),
        ("SG.aB3_" + "x9" * 30, "SG.(token)"),
    ],
)
def test_it_is_taken_out(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "message 0123456789abcdef0123456789abcdef is unknown",
        "smtp rests until 2026-03-02 10:15:00 UTC: connection refused",
        "2026-03-02T10:15:00.123456+00:00 order:1001:placed",
        "127.0.0.1 port 8400, 16 messages in 0.25 s, HTTP 503",
        "12,345,678 bytes of 1000000",
        "templates/promotion/email.html:12:5: 'customer.frist_name' is undefined",
        "/var/lib/shop/data/store.jsonl: cannot be written",
    ],
)
def test_what_a_person_needs_stays(text: str) -> None:
    assert redacted(text) == text


@given(st.text(), st.emails(), st.text())
def test_no_email_address_is_left(before: str, email: str, after: str) -> None:
    assert email not in redacted(f"{before} {email} {after}")


@given(st.text(), st.integers(10**7, 10**15 - 1), st.text())
def test_no_number_with_a_plus_is_left(before: str, number: int, after: str) -> None:
    assert f"+{number}" not in redacted(f"{before} +{number} {after}")


@given(st.text())
def test_once_is_enough(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)
