"""Rehearsals: what events would send, found out by the live services themselves.

A rehearsal is an app over the same settings, templates, segments and plugins, with three things exchanged: its store
is a file of its own that is thrown away, its clock goes from one moment at which something happens to the next, and
its adapters keep what they are given. Nothing leaves, and the workspace's own store is only read.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import inf
from pathlib import Path
from threading import Event as Flag
from typing import Any

from messaging.app import Messaging
from messaging.clock import FrozenClock
from messaging.nouns.adapter import Adapter, AdapterContext, AdapterSettings, Receipt, RenderedMessage
from messaging.nouns.consent import AddressStatus
from messaging.nouns.customer import Customer
from messaging.nouns.event import Accepted, Event
from messaging.nouns.message import Message
from messaging.queue.base import Queue
from messaging.queue.inline import InlineQueue
from messaging.services.adapters import Adapters
from messaging.services.audience import Audience
from messaging.services.dispatching import EVENT_LANES
from messaging.services.handover import Handover
from messaging.services.live_triggers import TriggerSwitch
from messaging.services.planning import Planner
from messaging.services.sending import Sender
from messaging.settings import Settings
from messaging.stores.base import Address, Store
from messaging.stores.tinydb.disk import Disk
from messaging.stores.tinydb.store import TinyStore
from messaging.workspace.folder import Workspace

#: What the clock shows before the first event.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
#: Notes that are the workspace's, not its people's: which triggers are on.
_TRIGGERS = "triggers"


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that would have been handed over."""

    at: datetime
    letter: RenderedMessage


@dataclass(frozen=True, slots=True)
class Held:
    """Until when a message was held back, and why."""

    until: datetime
    reason: str


class _Directly(Handover):
    """Calls the adapter here and now: one that only keeps cannot hang."""

    def _start(self) -> None:
        self._run()


class Rehearsal(Messaging):
    """An app that sends nothing. `rehearse` makes one."""

    clock: FrozenClock
    hand_over = _Directly

    def __init__(self, workspace: Workspace, settings: Settings, *, no_plugins: bool = False) -> None:
        super().__init__(workspace, settings, clock=FrozenClock(BEGINNING), no_plugins=no_plugins)
        #: What would have left, in the order it would have.
        self.kept: list[Kept] = []

    # What is exchanged.

    @cached_property
    def store(self) -> Store:
        return TinyStore(self.workspace.data / "store.jsonl", clock=self.clock, disk=_Unsynced())

    @cached_property
    def queue(self) -> Queue:
        return InlineQueue()  # which nobody listens to

    @cached_property
    def adapters(self) -> Adapters:
        return _Keepers(self)

    # A history is rehearsed with the segments and templates as they were when it began.

    @cached_property
    def audience(self) -> Audience:
        return self.make_audience(patience=inf)

    @cached_property
    def triggers(self) -> TriggerSwitch:
        return _OwnSwitch(self.store, self.library, check=self.conditions.check, patience=inf)

    @cached_property
    def planner(self) -> _NotingPlanner:
        return self.make_planner(_NotingPlanner)

    # What is done with it.

    @property
    def held(self) -> Mapping[str, Held]:
        """Messages that go, or went, later than they were due, by id: the last time they were held back."""
        return self.planner.held

    def tell(self, event: Event, at: datetime) -> Accepted:
        """Take a live event in at that time, once all that is due before has gone.

        Raises:
            InputError: it is not to be believed.
            Conflict: its id is known for another content.
        """
        self.pass_time(at)
        accepted = self.intake.take(event)
        self.pass_time(at)
        return accepted

    def pass_time(self, until: datetime) -> None:
        """Let everything go that is due by then, each at its time; then it is `until`.

        Raises:
            MessagingError: a channel's adapter is not there, or a check cannot be asked.
        """
        while (due := self._next_due()) is not None and due <= until:
            self._move_to(due)
            report = self._sender.send_lanes(EVENT_LANES, self.channels())
            fault = report.fault or report.unchecked
            if fault is not None:
                raise fault
        self._move_to(until)

    def close(self) -> None:
        sender = self.__dict__.pop("_sender", None)
        if sender is not None:
            sender.close()
        super().close()

    @cached_property
    def _sender(self) -> Sender:
        return self.make_sender(Flag())

    def _next_due(self) -> datetime | None:
        found = [self.store.outbox.next_due(lanes=EVENT_LANES, channel=channel) for channel in self.channels()]
        return min((due for due in found if due is not None), default=None)

    def _move_to(self, time: datetime) -> None:
        self.clock.advance(max(timedelta(), time - self.clock.now()))


@contextmanager
def rehearse(app: Messaging, templates: Collection[str] = (), *, people: bool = True) -> Iterator[Rehearsal]:
    """A rehearsal with `app`'s workspace: the triggers of `templates` are on, or of all that have some.

    With `people`, it begins with today's customers, their consents and what is known about their addresses; events,
    orders and messages begin empty.

    Raises:
        NotFound: there is no such template, or it has no triggers.
        TemplateError: one cannot be prepared.
    """
    sending = app.settings.sending.model_copy(update={"rate": {}})  # nobody is there to be spared
    settings = app.settings.model_copy(update={"sending": sending})
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as apart:
        workspace = Workspace(app.workspace.root, apart=Path(apart))
        workspace.data.mkdir()
        # Prepared templates are remembered by their content: to prepare them anew takes longer than a rehearsal.
        prepared = app.workspace.data / "prepared"
        prepared.mkdir(parents=True, exist_ok=True)
        (workspace.data / "prepared").symlink_to(prepared)
        with Rehearsal(workspace, settings, no_plugins=app.no_plugins) as rehearsal:
            if people:
                _copy_people(app, rehearsal)
            for name in templates or _with_triggers(app):
                rehearsal.triggers.enable(name)
            yield rehearsal


def _with_triggers(app: Messaging) -> list[str]:
    return [name for name in app.library.names() if app.library.get(name).triggers]


def _copy_people(source: Messaging, target: Messaging) -> None:
    """Customers, other names they are found by, consents and suppressions."""
    after = None
    while page := source.store.customers.page(after=after):
        after = page[-1].id
        statuses = source.store.addresses.status(_addresses(source, page))
        with target.store.transaction():
            target.store.customers.put(page)
            target.store.addresses.add_consents(one for status in statuses.values() for one in status.consents)
            target.store.addresses.suppress(
                status.suppression for status in statuses.values() if status.suppression is not None
            )
    with target.store.transaction():
        for key, value in source.store.notes("").items():
            if key != _TRIGGERS:
                target.store.put_note(key, value)


def _addresses(app: Messaging, customers: Iterable[Customer]) -> set[Address]:
    channels = {"email", "sms", *app.settings.channels}
    return {
        (channel, address)
        for customer in customers
        for channel in channels | customer.addresses.keys()
        if (address := app.settings.address_of(customer, channel))
    }


class _OwnSwitch(TriggerSwitch):
    """Nobody else turns it: what is on need not be read for each event."""

    _on: dict[str, Any] | None = None

    def _notes(self) -> dict[str, Any]:
        if self._on is None:
            self._on = super()._notes()
        return dict(self._on)

    def _put_notes(self, notes: Mapping[str, Any]) -> None:
        super()._put_notes(notes)
        self._on = None


class _NotingPlanner(Planner):
    """Notes what is held back."""

    @cached_property
    def held(self) -> dict[str, Held]:
        return {}

    def check(
        self,
        messages: Sequence[Message],
        customers: Mapping[str, Customer],
        statuses: Mapping[Address, AddressStatus],
        *,
        now: datetime,
    ) -> list[Message]:
        checked = super().check(messages, customers, statuses, now=now)
        for before, after in zip(messages, checked, strict=True):
            if after.due_at > before.due_at:
                self.held[after.id] = Held(after.due_at, after.reason or "")
        return checked


class _Keepers(Adapters):
    """For each adapter one that keeps what the real one would be given."""

    def __init__(self, app: Rehearsal) -> None:
        super().__init__(
            app.plugins,
            AdapterContext(workspace=str(app.workspace.root)),
            settings=app.settings.adapters,
            adapter_for=app.settings.adapter_for,
            base_url=app.settings.server.base_url,
            allow_insecure_links=True,
        )
        self._app = app

    def get(self, name: str) -> Adapter:
        return _Keeper(name, self._plugins.adapter(name).channel, self._app)


class _Keeper(Adapter):
    """Keeps what it is given."""

    leaves_the_machine = False

    def __init__(self, name: str, channel: str, app: Rehearsal) -> None:
        super().__init__(AdapterSettings(), AdapterContext(workspace=""))
        self.name = name  # type: ignore[misc] # it stands in for whichever one it is
        self.channel = channel  # type: ignore[misc] # as well
        self._app = app

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            self._app.kept.append(Kept(self._app.clock.now(), message))
            yield Receipt.accepted(message.id)


class _Unsynced(Disk):
    """It is thrown away: a power cut may have it."""

    def sync(self, fd: int) -> None:
        pass

    def sync_folder(self, folder: Path) -> None:
        pass
