from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_email.quoting import quote

SECRET = "SG.abc.def+/="


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("too many requests", "too many requests"),
        ("  Too\r\nlong\x1b\u2028. ", "Too long ."),
        (f"bad key '{SECRET}'", "bad key '(hidden)'"),
        (f"bad key {SECRET.upper()}", "bad key (hidden)"),
        ("Authorization: Bearer SG.some.one-elses", "Authorization: Bearer (hidden)"),
        ("bad: Basic c2hvcDpodW50ZXIy", "bad: Basic (hidden)"),
        ("what is AUTH PLAIN AHNob3AAaHVudGVyMg==?", "what is AUTH PLAIN (hidden)?"),
        ("a basic plan", "a basic plan"),
        ("<bob@shop.example>: Relay access denied", "<(address)>: Relay access denied"),
        ("no jörg.k+tea@bücher.example, ann@example.com", "no (address), (address)"),
        ("to=bob@shop.example", "to=(address)"),
        ("x" * 1000, "x" * 500),
        ("", ""),
    ],
)
def test_what_is_shown(said: str, shown: str) -> None:
    assert quote(said, [SECRET, "", "SG.abc"]) == shown


@given(before=st.text(max_size=600), after=st.text(max_size=600))
def test_no_secret_and_no_address_wherever_they_stand(before: str, after: str) -> None:
    shown = quote(f"{before} {SECRET} {after} bob@shop.example", [SECRET])
    assert SECRET not in shown
    assert "@shop" not in shown
    assert len(shown) <= 500
    assert shown.isprintable()


def test_a_page_of_addresses_leaves_none_behind() -> None:
    assert "@" not in quote("someone-with-a-long-name@shop.example " * 10_000)
