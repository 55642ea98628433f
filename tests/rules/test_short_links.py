"""Short links: nobody guesses one, the same message has the same, and each stands for one thing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.nouns.links import ShortLink
from messaging.rules.short_links import LENGTH, LinkShortener, ShortMessageLinks, token_of
from messaging.rules.tokens import MAX_SLOT, MAX_TURN, Purpose, SigningKeys, Token

KEYS = SigningKeys(current=7, keys={1: b"\x01" * 32, 7: b"\x07" * 32})
MESSAGE = "00112233445566778899aabbccddeeff"
VERSION = "ffeeddccbbaa99887766554433221100"


def links(message: str = MESSAGE, version: str = VERSION, keys: SigningKeys = KEYS) -> ShortMessageLinks:
    return LinkShortener(keys, "https://shop.example/m/").for_message(message, version)


def places(made: ShortMessageLinks) -> list[str]:
    """An address of every kind."""
    return [
        made.click(1, 0, None),
        made.click(2, 0, None),
        made.click(1, 1, None),
        made.click(1, 0, "https://shop.example/1"),
        made.click(1, 0, "https://shop.example/2"),
        made.click(1, 1, "https://shop.example/1"),
        made.click(11, 0, None),
        made.pixel(),
        made.unsubscribe(),
        made.preferences(),
    ]


def test_short_and_plain() -> None:
    for address in places(links()):
        assert re.fullmatch(r"https://shop\.example/m/s/[0-9A-Za-z]{11}", address)
    assert 62**LENGTH > 2**64


def test_all_differ_and_the_same_is_the_same() -> None:
    other = replace(KEYS, current=1)
    of_all = [
        *places(links()),
        *places(links(message=MESSAGE[::-1])),
        *places(links(version=VERSION[::-1])),
        *places(links(keys=other)),
    ]
    assert len(set(of_all)) == len(of_all)
    assert places(links()) == places(links())


def test_how_they_are_made_never_changes() -> None:
    """They stand in messages that were sent long ago, and a message that is sent again has the same."""
    assert links().click(1, 0, None) == "https://shop.example/m/s/BLHJaQfltZN"
    assert links().unsubscribe() == "https://shop.example/m/s/2Xml3zkOEqA"


@given(st.integers(1, MAX_SLOT), st.integers(0, 10_000), st.none() | st.text())
def test_what_it_stands_for_is_kept(slot: int, turn: int, target: str | None) -> None:
    made = links()
    address = made.click(slot, turn, target)
    [kept] = made.used([f"See {address}."])
    assert address.endswith(kept.code)
    assert ShortLink.from_document(kept.code, kept.to_document()) == kept
    assert token_of(kept) == Token(
        purpose=Purpose.CLICK,
        message_id=MESSAGE,
        version=VERSION[:14],
        slot=slot,
        turn=min(turn, MAX_TURN),
        target=target or None,
    )


def test_only_what_is_in_the_message_is_kept() -> None:
    made = links()
    click, _, unsubscribe = made.click(1, 0, None), made.preferences(), made.unsubscribe()
    assert {link.purpose for link in made.used([click])} == {"c"}
    inside = made.click(2, 0, f"https://shop.example/?stop={unsubscribe}")
    # In another address, whose target is only known when sending.
    assert {link.purpose for link in made.used([inside])} == {"c", "u"}
    assert links().used(["STOP to end"]) == []


@pytest.mark.parametrize("slot", [0, -1, MAX_SLOT + 1])
def test_a_slot_that_cannot_be(slot: int) -> None:
    with pytest.raises(ValueError, match="link slot"):
        links().click(slot, 0, None)
