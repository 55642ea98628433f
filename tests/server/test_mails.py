"""The mailbox read for its pages."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.server import mails
from messaging.server.mails import Mailbox


def test_summaries_in_memory_are_bounded(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mails, "SUMMARIES", 3)
    for number in range(10):
        site.mail(f"m{number}", f"To: ann@example.com\nSubject: Letter {number}\n\nHello\n")
    mailbox = Mailbox(site.mailbox)
    for _ in range(2):
        found, total = mailbox.find("letter", start=0, count=100)
        assert (total, {summary.subject for summary in found}) == (10, {f"Letter {number}" for number in range(10)})
    assert len(mailbox._summaries) == 3
