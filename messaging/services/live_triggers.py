"""Which triggers are on, and with what content.

Triggers start off. Enabling one keeps its template's version and triggers under a note in the store. A good
edit of the template goes live by itself; a broken one, or a template that is gone, leaves the last good
version live and says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

from messaging.errors import MessagingError, NotFound
from messaging.nouns.event import Event
from messaging.nouns.template import Template, TemplateVersion, Trigger
from messaging.rules.event_types import is_type
from messaging.rules.subjects import value_at
from messaging.rules.timing import path_of
from messaging.stores.base import Store

log = logging.getLogger("messaging.triggers")

#: Note: template -> its version and triggers. One note, as it is read for every event.
_NOTE = "triggers"


class Templates(Protocol):
    """Where templates come from, as of now."""

    def get(self, name: str) -> Template:
        """The template as written."""

    def sendable(self, name: str) -> TemplateVersion:
        """The template prepared for rendering, if it may be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTriggers:
    """The triggers of one template, as they are live."""

    template: str
    triggers: tuple[Trigger, ...]
    version: TemplateVersion
    #: Why the template's present files are not what is live.
    problem: str | None = None

    def origin(self, key: str) -> str:
        """What a message is for: the template, with what makes its trigger once."""
        return f"trigger:{self.template}:{key}"


@dataclass(frozen=True, slots=True)
class Matching:
    """The live triggers that an event concerns: it sets them off, asks for them, or cancels what waits."""

    live: tuple[LiveTriggers, ...] = ()
    #: Of `live`, those that the event sets off for a segment, or for those who asked.
    audiences: tuple[tuple[LiveTriggers, int], ...] = ()


class TriggerSwitch:
    """Turns triggers on and off, and knows what is live."""

    def __init__(
        self,
        store: Store,
        templates: Templates,
        *,
        check: Callable[[Trigger], object] = lambda trigger: None,
        patience: float = 1.0,
    ) -> None:
        """`check` raises a `MessagingError` if a trigger makes no sense.

        `patience`: for how many seconds a template's files are taken to be as they were; to look at them for
        every event would cost more than the event.
        """
        self._store = store
        self._templates = templates
        self._check = check
        self._patience = patience
        self._looked: dict[str, tuple[float, tuple[Trigger, ...]]] = {}
        self._renewed: dict[str, tuple[float, Mapping[str, Any], LiveTriggers]] = {}
        self._kept: dict[str, tuple[Mapping[str, Any], tuple[Trigger, ...]]] = {}
        self._said: dict[str, str] = {}

    def enable(self, name: str) -> LiveTriggers:
        """Turn a template's triggers on.

        Raises:
            NotFound: there is no such template, or it has no triggers.
            TemplateError: it cannot be prepared, or is a promotion that does not show what it must.
            MessagingError: a trigger makes no sense.
        """
        live = self.written(name)
        self._keep(live)
        return live

    def written(self, name: str) -> LiveTriggers:
        """A template's triggers as its files say, live or not; raises what `enable` does."""
        template = self._templates.get(name)
        if not template.triggers:
            raise NotFound(f"template {name} has no triggers", hint="add a [[triggers]] table to its template.toml")
        return self._checked(name, template.triggers)

    def disable(self, name: str) -> bool:
        """Turn a template's triggers off; whether they were on."""
        with self._store.transaction():
            notes = self._notes()
            was_on = notes.pop(name, None) is not None
            self._put_notes(notes)
        return was_on

    def enabled(self) -> list[str]:
        """Names of the templates whose triggers are on."""
        return sorted(self._notes())

    def live(self, name: str) -> LiveTriggers | None:
        """The live triggers of a template; None if they are off."""
        note = self._notes().get(name)
        return self._current(name, note) if note else None

    def triggers(self, name: str) -> tuple[Trigger, ...]:
        """The triggers that are live for a template, as they are kept: nothing is read or prepared."""
        note = self._notes().get(name)
        return self._triggers(name, note) if note else ()

    def kept(self, name: str) -> LiveTriggers | None:
        """The live triggers of a template as they are kept: nothing is read or prepared. None if they are off."""
        note = self._notes().get(name)
        version = self._store.version(note["version"]) if note else None
        triggers = self._triggers(name, note) if note else ()
        return LiveTriggers(template=name, triggers=triggers, version=version) if version else None

    def matching(self, event: Event) -> Matching:
        """What `event` concerns. Templates that changed are prepared here, so not in a transaction."""
        renewed = (
            self._current(name, note)
            for name, note in sorted(self._notes().items())
            if any(_concerns(trigger, event) for trigger in self._written(name, note))
        )
        live = [one for one in renewed if any(_concerns(trigger, event) for trigger in one.triggers)]
        audiences = tuple(
            (one, index)
            for one in live
            for index, trigger in enumerate(one.triggers)
            if is_type(event.type, trigger.event) and trigger.to_many
        )
        return Matching(tuple(live), audiences)

    def _notes(self) -> dict[str, Any]:
        return dict(self._store.get_note(_NOTE) or {})

    def _put_notes(self, notes: Mapping[str, Any]) -> None:
        self._store.put_note(_NOTE, notes)

    def _written(self, name: str, note: Mapping[str, Any]) -> tuple[Trigger, ...]:
        """All that may be live for a template in a moment: what is, and what its files say."""
        looked = self._looked.get(name)
        if looked is None or self._is_old(looked[0]):
            try:
                looked = monotonic(), self._templates.get(name).triggers
            except MessagingError:
                looked = monotonic(), ()
            self._looked[name] = looked
        return (*looked[1], *self._triggers(name, note))

    def _triggers(self, name: str, note: Mapping[str, Any]) -> tuple[Trigger, ...]:
        """The triggers of a note, made of it once."""
        known = self._kept.get(name)
        if known is None or known[0] != note:
            made = tuple(Trigger.from_document(document) for document in note["triggers"])
            self._kept[name] = known = (note, made)
        return known[1]

    def _current(self, name: str, note: Mapping[str, Any]) -> LiveTriggers:
        renewed = self._renewed.get(name)
        if renewed is None or renewed[1] != note or self._is_old(renewed[0]):
            self._renewed[name] = renewed = monotonic(), note, self._renew(name, note)
        return renewed[2]

    def _is_old(self, since: float) -> bool:
        return monotonic() - since >= self._patience

    def _renew(self, name: str, note: Mapping[str, Any]) -> LiveTriggers:
        try:
            live = self._checked(name, self._templates.get(name).triggers)
        except MessagingError as error:
            return self._last_good(name, note, error)
        self._said.pop(name, None)
        if live.version.version != note["version"] or live.triggers != self._triggers(name, note):
            with self._store.transaction():
                if name in self._notes():  # not turned off meanwhile
                    self._keep(live)
        return live

    def _checked(self, name: str, triggers: tuple[Trigger, ...]) -> LiveTriggers:
        for trigger in triggers:
            self._check(trigger)
        return LiveTriggers(template=name, triggers=triggers, version=self._templates.sendable(name))

    def _last_good(self, name: str, note: Mapping[str, Any], error: MessagingError) -> LiveTriggers:
        problem = str(error)
        if self._said.get(name) != problem:
            self._said[name] = problem
            log.warning("template %s: %s; its last good version stays live", name, problem)
        version = self._store.version(note["version"])
        if version is None:
            raise error
        return LiveTriggers(template=name, triggers=self._triggers(name, note), version=version, problem=problem)

    def _keep(self, live: LiveTriggers) -> None:
        note = {
            "version": live.version.version,
            "triggers": [trigger.to_document() for trigger in live.triggers],
        }
        with self._store.transaction():
            self._store.put_version(live.version)
            self._put_notes(self._notes() | {live.template: note})


def _concerns(trigger: Trigger, event: Event) -> bool:
    return (
        is_type(event.type, trigger.event, *trigger.cancel_on)
        or asks(trigger, event)
        or tells_another_time(trigger, event)
    )


def asks(trigger: Trigger, event: Event) -> bool:
    """Whether an event is a request that a trigger answers."""
    return trigger.answers is not None and is_type(event.type, trigger.answers)


def tells_another_time(trigger: Trigger, event: Event) -> bool:
    """Whether an event that does not set a trigger off tells the time that it goes by, or what it waits for."""
    if (trigger.at is None and not trigger.waits_for) or is_type(event.type, trigger.event):
        return False
    paths = [path for path in (path_of(trigger), *trigger.waits_for) if path is not None]
    return any(value_at(path, event) is not None for path in paths)
