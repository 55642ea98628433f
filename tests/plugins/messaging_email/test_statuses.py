"""What a server's verdict means for the address: by its status, or by its words, never by the wrong ones."""

from __future__ import annotations

import time

import pytest

from messaging_email.statuses import Fate, is_full, judge


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("5.1.1", "550 5.1.1 no such user"),
        ("5.1.1", ""),
        ("5.1.2", "bad destination system"),
        ("5.1.3", "501 5.1.3 bad syntax"),
        ("5.1.6", "has moved"),
        ("5.1.10", "556 5.1.10 null MX"),
        ("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled."),
        (None, "550 No such user here"),
        (None, "550 Unknown user ann@example.com"),
        (None, "550 Invalid recipient"),
        ("5.0.0", "550 <ann@example.com>: Recipient address rejected: User unknown"),
        ("5.3.0", "550 mailbox not found"),
        ("5.5.0", "550 Requested action not taken: mailbox unavailable"),
        ("5.1.351", "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable"),
        ("5.4.1", "550 5.4.1 [ann@example.com]: Recipient address rejected: Access denied [PROD.OUTLOOK.COM]"),
        ("5.4.4", "Host or domain name not found. Name service error for name=gone.example type=A: Host not found"),
    ],
)
def test_gone(status: str | None, text: str) -> None:
    assert judge(status, text) is Fate.GONE


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("5.2.2", "552 5.2.2 mailbox full"),
        ("5.1.1", "550 5.1.1 mailbox is full"),
        ("5.1.1", "550 5.1.1 user is over quota"),
        ("5.1.1", "550 5.1.1 blocked by our policy"),
        ("5.2.1", "550-5.2.1 The user you are trying to contact is receiving mail at a rate that prevents more"),
        ("5.1.8", "553 5.1.8 sender domain unknown"),
        ("5.1.0", "553 5.1.0 Sender address rejected: domain not found"),
        ("5.7.1", "550 5.7.1 no such user policy"),
        ("5.7.1", "554 5.7.1 Relay access denied"),
        ("5.7.26", "550 5.7.26 unauthenticated mail"),
        ("5.7.515", "550 5.7.515 Access denied, sending domain does not meet the required authentication level"),
        ("5.7.9", "553 5.7.9 message not accepted for policy reasons"),
        ("5.3.4", "552 5.3.4 message too big"),
        ("5.4.6", "routing loop"),
        (None, "550 5.7.1"),
        (None, "550 mailbox unavailable"),
        (None, "451 greylisted, try again later"),
        (None, "550 rejected as spam: no such user"),
        (None, ""),
    ],
)
def test_not_the_address(status: str | None, text: str) -> None:
    assert judge(status, text) is Fate.REFUSED


@pytest.mark.parametrize("status", ["4.1.1", "4.2.2", "4.7.0"])
def test_not_for_ever(status: str) -> None:
    assert judge(status, "no such user") is Fate.LATER


@pytest.mark.parametrize("word", ["over ", "user ", "no ", "not ", "relay ", "unknown ", "5.4.1", "from: ", "a"])
def test_a_long_answer_costs_little(word: str) -> None:
    began = time.process_time()
    judge(None, word * 100_000)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("status", "full"), [("5.2.2", True), ("4.2.2", True), ("5.2.3", False), (None, False), (5, False)]
)
def test_a_full_mailbox(status: object, full: bool) -> None:
    assert is_full(status) is full
