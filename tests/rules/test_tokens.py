"""Link tokens: nobody but us makes one, and each opens its own place only."""

from __future__ import annotations

import base64
import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import TokenError
from messaging.rules.tokens import (
    MAX_SLOT,
    MAX_TURN,
    LinkSigner,
    Purpose,
    SigningKeys,
    Token,
    read_token,
)

KEYS = SigningKeys(current=7, keys={1: b"\x01" * 32, 7: b"\x07" * 32})
MESSAGE = "00112233445566778899aabbccddeeff"
VERSION = "ffeeddccbbaa99887766554433221100"
LINKS = LinkSigner(KEYS, "https://shop.example/m/").for_message(MESSAGE, VERSION)

hexes = st.binary(min_size=16, max_size=16).map(bytes.hex)
targets = st.one_of(st.none(), st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))


def token_of(url: str) -> str:
    return url.rpartition("/")[2].removesuffix(".gif")


ALL = {
    Purpose.CLICK: [
        token_of(LINKS.click(1, 0, None)),
        token_of(LINKS.click(2, 0, None)),
        token_of(LINKS.click(1, 1, None)),
        token_of(LINKS.click(1, 0, "https://shop.example/p/1")),
        token_of(LINKS.click(1, 1, "https://shop.example/p/1")),
        token_of(LINKS.click(14, 0, None)),
    ],
    Purpose.OPEN: [token_of(LINKS.pixel())],
    Purpose.UNSUBSCRIBE: [token_of(LINKS.unsubscribe())],
    Purpose.PREFERENCES: [token_of(LINKS.preferences())],
}
#: As they stand in messages that were sent long ago: how they are made must never change.
LONG_SENT = {
    Purpose.CLICK: "BwARIjNEVWZ3iJmqu8zd7v__7t3Mu6qZADAAGLGWcfLZVDD2jUaLUMzeqW_n",
    Purpose.OPEN: "BwARIjNEVWZ3iJmqu8zd7v__7t3Mu6qZAAAAoNUXpt5d4N9ypOb4PrtaltSz",
    Purpose.UNSUBSCRIBE: "BwARIjNEVWZ3iJmqu8zd7v__7t3Mu6qZABAA8UB2buuIMbUd2wnsUQjE-M8N",
    Purpose.PREFERENCES: "BwARIjNEVWZ3iJmqu8zd7v__7t3Mu6qZACAAgNlZCTbi95zocuATD8Sb9NgI",
}
FAR = "BwARIjNEVWZ3iJmqu8zd7v__7t3Mu6qZAqACPkLub6uIsQrl9Vcl2E0X9hGzaHR0cHM6Ly9zaG9wLmV4YW1wbGUvcC8x"
EVERY = [(purpose, token) for purpose, tokens in ALL.items() for token in tokens]


def refused(purpose: Purpose, token: str, keys: SigningKeys = KEYS) -> bool:
    """Whether a token is refused; always in the same words."""
    try:
        read_token(keys, purpose, token)
    except TokenError as error:
        return error.message == "this link is not one of ours"
    return False


@given(
    message=hexes,
    version=hexes,
    slot=st.integers(1, MAX_SLOT),
    turn=st.integers(0, MAX_TURN),
    target=targets,
    key=st.sampled_from([1, 7]),
)
def test_what_is_signed_is_read(message: str, version: str, slot: int, turn: int, target: str | None, key: int) -> None:
    links = LinkSigner(replace(KEYS, current=key), "https://shop.example").for_message(message, version)
    assert read_token(KEYS, Purpose.CLICK, token_of(links.click(slot, turn, target))) == Token(
        purpose=Purpose.CLICK, message_id=message, version=version[:14], slot=slot, turn=turn, target=target
    )
    for purpose, url in (
        (Purpose.OPEN, links.pixel()),
        (Purpose.UNSUBSCRIBE, links.unsubscribe()),
        (Purpose.PREFERENCES, links.preferences()),
    ):
        token = read_token(KEYS, purpose, token_of(url))
        assert (token.message_id, token.version, token.slot) == (message, version[:14], 0)


def test_addresses() -> None:
    assert LINKS.click(1, 0, None).startswith("https://shop.example/m/c/")
    assert LINKS.pixel().startswith("https://shop.example/m/o/")
    assert LINKS.pixel().endswith(".gif")
    assert LINKS.unsubscribe().startswith("https://shop.example/m/u/")
    assert LINKS.preferences().startswith("https://shop.example/m/p/")
    assert len(token_of(LINKS.click(1, 0, None))) == 60


def test_the_place_as_reports_name_it() -> None:
    assert read_token(KEYS, Purpose.CLICK, token_of(LINKS.click(3, 0, None))).place == "3"
    assert read_token(KEYS, Purpose.CLICK, token_of(LINKS.click(3, 1, None))).place == "3.2"


def test_every_token_is_another() -> None:
    assert len({token for _, token in EVERY}) == len(EVERY)
    tags = [base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[27:45] for _, token in EVERY]
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize(("purpose", "token"), EVERY)
def test_every_flipped_bit_is_refused(purpose: Purpose, token: str) -> None:
    assert not refused(purpose, token)
    for index, character in enumerate(token):
        for bit in range(8):
            flipped = token[:index] + chr(ord(character) ^ (1 << bit)) + token[index + 1 :]
            assert refused(purpose, flipped), (index, bit)
    data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for index in range(len(data) * 8):
        changed = bytearray(data)
        changed[index // 8] ^= 1 << index % 8
        assert refused(purpose, base64.urlsafe_b64encode(changed).rstrip(b"=").decode()), index


@pytest.mark.parametrize(("purpose", "token"), EVERY)
def test_cut_doubled_and_padded_are_refused(purpose: Purpose, token: str) -> None:
    for length in range(len(token)):
        assert refused(purpose, token[:length])
    for other in (token * 2, token + "=", token + "A", " " + token, token + "\n", token + "é", "", "=" * 60):
        assert refused(purpose, other)
    assert refused(purpose, token + "A" * 8000)


@pytest.mark.parametrize(("purpose", "token"), EVERY)
def test_no_token_opens_another_place(purpose: Purpose, token: str) -> None:
    assert [other for other in Purpose if not refused(other, token)] == [purpose]


def test_a_piece_seen_in_one_link_signs_no_other() -> None:
    """The tag of a static link is public: it must not be of use for a target of somebody's own."""
    from hashlib import blake2b

    data = base64.urlsafe_b64decode(ALL[Purpose.CLICK][0])
    target = b"https://evil.example/"
    piece, person = data[27:], b"messaging links"
    for tag in (
        piece,
        blake2b(b"\0\0" + target, key=piece, digest_size=18, person=person).digest(),
        blake2b(piece + b"\0\0" + target, key=piece, digest_size=18, person=person).digest(),
        blake2b(piece + b"\0\0" + target, digest_size=18, person=person).digest(),
    ):
        forged = base64.urlsafe_b64encode(data[:27] + tag + target).rstrip(b"=").decode()
        assert refused(Purpose.CLICK, forged)


def test_keys() -> None:
    purposes = {purpose: tokens[0] for purpose, tokens in ALL.items()}
    without = SigningKeys(current=1, keys={1: KEYS.keys[1]})
    assert all(refused(purpose, token, without) for purpose, token in purposes.items())
    other = SigningKeys(current=7, keys={7: b"\x08" * 32})
    assert all(refused(purpose, token, other) for purpose, token in purposes.items())
    retired = replace(KEYS, current=1, retired=frozenset({7}))
    assert {purpose for purpose, token in purposes.items() if not refused(purpose, token, retired)} == {
        Purpose.UNSUBSCRIBE,
        Purpose.PREFERENCES,
    }
    assert "\\x07" not in repr(KEYS)


def test_bounds() -> None:
    with pytest.raises(ValueError, match="at most"):
        LINKS.click(MAX_SLOT + 1, 0, None)
    with pytest.raises(ValueError, match="at most"):
        LINKS.click(0, 0, None)
    last = read_token(KEYS, Purpose.CLICK, token_of(LINKS.click(1, MAX_TURN + 10, None)))
    assert last.turn == MAX_TURN


@given(st.text(max_size=80))
def test_garbage_is_refused(text: str) -> None:
    assert all(refused(purpose, text) for purpose in Purpose)


def test_guessing_finds_nothing() -> None:
    for _ in range(2000):
        assert refused(Purpose.CLICK, secrets.token_urlsafe(45))


def test_all_links_of_a_message_cost_one_keyed_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    import messaging.rules.tokens as module

    count = 0
    real = module.shake_256

    def counting(data: bytes) -> object:
        nonlocal count
        count += 1
        return real(data)

    monkeypatch.setattr(module, "shake_256", counting)
    links = LinkSigner(KEYS, "https://shop.example").for_message(MESSAGE, VERSION)
    for slot in range(1, 14):
        links.click(slot, 0, None)
        links.click(slot, 3, "https://shop.example/p")
    links.pixel(), links.unsubscribe(), links.preferences()
    assert count == 1


@pytest.mark.parametrize("purpose", Purpose)
def test_what_was_sent_long_ago_still_opens(purpose: Purpose) -> None:
    assert read_token(KEYS, purpose, LONG_SENT[purpose]).message_id == MESSAGE


def test_a_far_place_with_a_target_that_was_sent_long_ago() -> None:
    token = read_token(KEYS, Purpose.CLICK, FAR)
    assert (token.place, token.target) == ("40.3", "https://shop.example/p/1")
