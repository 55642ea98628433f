from __future__ import annotations

from email.headerregistry import HeaderRegistry

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.ids import message_id
from messaging.rules.mail_ids import mail_id, read_mail_id
from messaging.rules.tokens import SigningKeys

KEYS = SigningKeys(current=7, keys={1: b"a" * 32, 7: b"b" * 64})
ID = message_id("campaign:spring", "ann", "email")
WHOLE = mail_id(KEYS, ID)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=80), st.integers(0, 255))
def test_what_was_made_is_read(id: bytes, key: bytes, number: int) -> None:
    keys = SigningKeys(current=number, keys={number: key})
    assert read_mail_id(keys, mail_id(keys, id.hex())) == id.hex()
    assert mail_id(keys, id.hex()) == mail_id(keys, id.hex())
    assert len(mail_id(keys, id.hex())) == 55


def test_it_may_stand_in_a_message_id() -> None:
    header = HeaderRegistry()("Message-ID", f"<{WHOLE}@shop.example>")
    assert not header.defects
    assert str(header) == f"<{WHOLE}@shop.example>"


@pytest.mark.parametrize("place", range(len(WHOLE)))
def test_each_digit_counts(place: int) -> None:
    other = "0" if WHOLE[place] != "0" else "1"
    assert read_mail_id(KEYS, WHOLE[:place] + other + WHOLE[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", ID, f"{ID}.", f"{ID}.07" + "0" * 20, WHOLE.upper(), f"{WHOLE}0", f" {WHOLE}", WHOLE + "\n"]
)
def test_what_is_not_ours(text: str) -> None:
    assert read_mail_id(KEYS, text) is None


def test_mail_of_an_older_key_comes_back_too_also_of_a_retired_one() -> None:
    old = mail_id(SigningKeys(current=1, keys={1: b"a" * 32}), ID)
    assert read_mail_id(KEYS, old) == ID
    retired = SigningKeys(current=7, keys=KEYS.keys, retired=frozenset({1}))
    assert read_mail_id(retired, old) == ID
    assert read_mail_id(SigningKeys(current=7, keys={7: b"b" * 64}), old) is None
    assert read_mail_id(SigningKeys(current=1, keys={1: b"x" * 32}), old) is None
