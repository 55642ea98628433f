"""Killed at every call of the disk and of the adapter while sending: nobody is lost, nobody doubled, unknowns few."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from messaging import Receipt
from messaging.nouns.message import MessageState
from messaging.services.sending import GROUP
from messaging.stores.tinydb.disk import Disk

pytestmark = pytest.mark.slow

PEOPLE = 50


class Countdown:
    """Kills the process, as `kill -9` does, at the N-th call."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def send_until_killed(shop: Any, ledger: Path, at: int) -> bool:
    """In a process of its own: send, and die at call number `at`; whether it died."""
    child = os.fork()
    if child == 0:
        try:
            count = Countdown(at)
            for name in ("write", "sync", "truncate", "replace", "link", "remove", "sync_folder"):
                original = getattr(Disk, name)

                def counted(self: Disk, *arguments: Any, _original: Any = original) -> None:
                    count()
                    _original(self, *arguments)

                setattr(Disk, name, counted)
            app = shop.open()

            def take(messages: Any) -> Any:
                with ledger.open("a", encoding="utf-8") as file:
                    for message in messages:
                        count()  # before the provider has it
                        file.write(f"{message.to}\n")
                        file.flush()
                        count()  # the provider has it, nobody knows yet
                        yield Receipt.accepted(message.id)

            shop.pigeon_of(app).answer = take
            app.campaigning.start("spring")
            app.campaigning.fill("spring")
            app.send_campaign("spring")
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


@pytest.mark.parametrize("first", range(1, 9))
def test_killed_at_every_eighth_call_from(live_shop: Any, tmp_path: Path, first: int) -> None:
    """One run that is killed again and again, each time a few calls further on, until it is through."""
    live_shop.add_customers(PEOPLE)
    live_shop.app.campaigning.create("spring", template="letter", segment="all")
    live_shop.app.library.version("letter")
    live_shop.app.close()
    ledger = tmp_path / "ledger"
    ledger.touch()
    kills = 0
    at = first
    while send_until_killed(live_shop, ledger, at):
        kills += 1
        at += 8
        app = live_shop.open()
        counts = app.store.outbox.counts("spring")
        if app.campaigning.get("spring").state.value in ("sending", "done"):
            assert sum(counts.values()) == PEOPLE
        app.close()
    assert kills >= 3
    live_shop.app = live_shop.open()
    taken = ledger.read_text("utf-8").split()
    assert len(taken) == len(set(taken))
    states = {
        state: {m.address for m in live_shop.app.store.outbox.page(campaign="spring", state=state, limit=PEOPLE)}
        for state in MessageState
    }
    sent, unknown = states[MessageState.SENT], states[MessageState.UNKNOWN]
    assert len(sent) + len(unknown) == PEOPLE
    assert sent <= set(taken) <= sent | unknown
    assert len(unknown) <= kills * 2 * GROUP
