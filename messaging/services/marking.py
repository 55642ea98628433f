"""Marks messages as `sending`, committed, just before they are handed over: what is marked may have left.

Whether they may still go is asked in the same transaction, so that a withdrawal comes before it or after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice

from messaging.clock import Clock
from messaging.errors import StoreError
from messaging.nouns.links import ShortLink
from messaging.nouns.message import Message, MessageState
from messaging.services.rechecking import Rechecks, held, skipped
from messaging.services.settling import Handed
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

#: How many are marked in one transaction, whatever goes in one request: for so long those wait who decide about people.
PAGE = 250

#: Told what became of those that do not go.
Count = Callable[[Sequence[MessageState]], object]


class Marking:
    """Marks a sender's messages, and takes back what was marked and not handed over."""

    def __init__(self, store: Store, clock: Clock, rechecks: Rechecks) -> None:
        self._store = store
        self._clock = clock
        self._rechecks = rechecks

    def begin(
        self,
        worker: str,
        variants: Mapping[str, str],
        by_id: Mapping[str, Message],
        links: Sequence[ShortLink],
        *,
        count: Count,
    ) -> dict[str, Handed] | None:
        """Mark a group (message id -> the variant it was rendered in), and keep its short links; those that go, by id.

        None: its campaign is no longer being sent.
        """
        ids = iter(variants)
        before: dict[str, Handed] = {}
        begun: dict[str, Handed] = {}
        try:
            while page := [by_id[id] for id in islice(ids, PAGE)]:
                before |= begun
                marked = self._page(worker, page, links, count)
                if marked is None:
                    self.take_back(before.values())
                    return None
                begun = {one.id: Handed(one, one.attempts + 1, variants[one.id]) for one in page if one.id in marked}
            if before:  # whoever withdraws waits for a page, not for the group, and is committed in between
                before = self.still(before, count=count)
        except BaseException:
            with suppress(StoreError):  # else whoever buries us cannot know that none of them left
                self.take_back([*before.values(), *begun.values()])
            raise
        return before | begun

    def _page(
        self, worker: str, messages: Sequence[Message], links: Sequence[ShortLink], count: Count
    ) -> set[str] | None:
        ids = {message.id for message in messages}
        with self._store.transaction(shared=True):
            if self._rechecks.stopped(messages):
                return None
            refused = self._rechecks.refused(messages)
            gone = {outcome.message_id for outcome in refused}
            new = [link for link in links if link.message_id in ids - gone]
            taken = {link.message_id for link in self._store.short_links.add(new)}
            refused += [skipped(message, "its short link is taken") for message in messages if message.id in taken]
            gone |= taken
            left = [message.id for message in messages if message.id not in gone]
            marked = set(self._store.outbox.begin(worker, left, now=self._clock.now()))
            self._store.outbox.settle(refused)
        count([outcome.state for outcome in refused])
        return marked

    def still(self, begun: Mapping[str, Handed], *, count: Count) -> dict[str, Handed]:
        """Those of a marked group that may still go, now that others had their turn at the store."""
        messages = [one.message for one in begun.values()]
        with self._store.transaction(shared=True):
            if self._rechecks.stopped(messages):
                self.take_back(begun.values())
                return {}
            refused = [
                replace(outcome, of_attempt=begun[outcome.message_id].attempt)
                for outcome in self._rechecks.refused(messages)
            ]
            self._store.outbox.settle(refused)
        count([outcome.state for outcome in refused])
        gone = {outcome.message_id for outcome in refused}
        return {id: one for id, one in begun.items() if id not in gone}

    def take_back(self, marked: Iterable[Handed]) -> None:
        """These were marked but never handed to the adapter: they are planned as before."""
        self._store.outbox.settle([not_taken(one, "") for one in marked])


def not_taken(marked: Handed, reason: str) -> Outcome:
    """A message that was marked and surely not taken is planned, and had no attempt."""
    planned = held(marked.message, marked.message.due_at, reason)
    return replace(planned, attempts=marked.attempt - 1, of_attempt=marked.attempt)
