"""Works off the events that are safe in the store and have no effects yet: what hooks accepted, what a crash left.

In order of arrival, a few in one commit. Of what a source left incomplete the shop is asked first; if it cannot answer,
the event waits, each time longer, and fails at last. A shop that is away keeps no other one waiting.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from messaging.clock import Clock
from messaging.errors import (
    PLUGIN_FAULTS,
    DeliveryError,
    Erased,
    InputError,
    MessagingError,
    NotFound,
    NotYet,
    SettingsError,
    StoreError,
)
from messaging.nouns.event import Event, EventState
from messaging.rules.envelope import read_event
from messaging.rules.retry import backoff
from messaging.services.effects import Effects
from messaging.stores.base import Store

log = logging.getLogger("messaging.intake")

#: Events in one commit: whoever posts meanwhile waits no longer than these take.
GROUP = 16
#: Events that are looked at together.
PAGE = 512
#: How long the first wait for a shop that cannot answer is, the longest, and for how long it is asked at all.
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
PATIENCE = timedelta(days=1)
#: Events on end that a shop could not answer for: it is away then, and its others wait with them.
AWAY = 3

#: Asks an event's source for the whole of it: `complete`.
Complete = Callable[[Event], Mapping[str, Any] | None]


class Backlog:
    """Works it off. One thread of a process at a time; several processes may."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        effects: Effects,
        *,
        left: Callable[[Sequence[Event]], list[Event]],
        complete: Complete,
    ) -> None:
        """`left` leaves out the events that somebody is at."""
        self._store = store
        self._clock = clock
        self._effects = effects
        self._left = left
        self._complete = complete
        self._working = threading.Lock()
        #: (source, shop) -> how often on end it could not answer.
        self._silent: Counter[tuple[str, str]] = Counter()

    def work_off(self, alive: Callable[[], object] = lambda: None, stopped: Callable[[], bool] = lambda: False) -> int:
        """Work off all that waits and may be worked off by now, until `stopped`; return how many events.

        `alive` is called on the way. `stopped` is asked after each step, so that one is always taken.

        Raises:
            StoreError: the store cannot be used.
        """
        count = 0
        with self._working:
            while events := self._due():
                complete = [event for event in events if event.incomplete is None]
                for start in range(0, len(complete), GROUP):
                    group = complete[start : start + GROUP]
                    self._effects.work_off(group)
                    count += len(group)
                    alive()
                    if stopped():
                        return count
                count += self._ask([event for event in events if event.incomplete is not None], alive, stopped)
                if stopped():
                    break
        return count

    def _due(self) -> list[Event]:
        return self._left(self._store.events.received(now=self._clock.now(), limit=PAGE))

    def again(self, key: str) -> None:
        """Work an event off once more, however far it came. It makes no message that there is already."""
        with self._working:
            self._store.events.settle(key, EventState.RECEIVED)  # so that a crash on the way leaves it to be taken up
            for event in self._store.events.get([key]).values():
                self._ask_one(event) if event.incomplete is not None else self._effects.work_off([event])

    def _ask(self, events: Sequence[Event], alive: Callable[[], object], stopped: Callable[[], bool]) -> int:
        """Ask the shops of `events` for the rest of them, one by one, until `stopped`; where one is away, all wait.

        Return how many have an answer or wait.
        """
        asked, ends = 0, False
        waiting: dict[tuple[str, str], tuple[timedelta, list[Event]]] = {}
        for event in events:
            shop = (event.source, event.shop)
            if shop in waiting:
                waiting[shop][1].append(event)
            elif not ends:
                if (wait := self._ask_one(event)) is not None:
                    waiting[shop] = (wait, [])
                asked += 1
                alive()
                ends = stopped()
        for wait, others in waiting.values():
            self._store.events.put_off(others, self._clock.now() + wait)
            asked += len(others)
        return asked

    def _ask_one(self, event: Event) -> timedelta | None:
        """Complete an event and work it off; how long the shop's others wait, None if not at all."""
        shop = (event.source, event.shop)
        try:
            told = self._complete(event)
            self._silent.pop(shop, None)
            if told is None:  # nothing to tell
                self._store.events.settle(event.key, EventState.DONE)
            else:
                self._effects.work_off([completed(event, told)])
        except StoreError:
            raise
        except Erased:
            self._effects.ignore([event.key])
        except NotYet as error:
            self._later(event, str(error))  # the shop is well: it has more to tell
        except (DeliveryError, SettingsError, NotFound) as error:
            after = error.after if isinstance(error, DeliveryError) else None
            if after is not None:  # it is busy: all its events are one too many
                after = min(max(after, FIRST_WAIT), LONGEST_WAIT)  # `Retry-After: 0` would be asked without end
                self._later(event, str(error), after)
                return after
            self._silent[shop] += 1
            self._later(event, str(error))
            away = self._silent[shop] - AWAY
            return _wait("/".join(shop), away + 1) if away >= 0 else None
        except MessagingError as error:
            self._fail(event, str(error))
        except PLUGIN_FAULTS as error:
            log.exception("event %s", event.key)
            self._fail(event, f"{type(error).__name__} while the shop was asked for it")
        return None

    def _later(self, event: Event, error: str, wait: timedelta | None = None) -> None:
        now = self._clock.now()
        if now - (event.received_at or now) >= PATIENCE:
            self._fail(event, f"the shop could not be asked for it in {PATIENCE / timedelta(hours=1):g} hours: {error}")
            return
        tried = replace(event, attempts=event.attempts + 1, error=error)
        self._store.events.put_off([tried], now + (_wait(event.key, tried.attempts) if wait is None else wait))
        log.info("event %s waits for its shop: %s", event.key, error)

    def _fail(self, event: Event, error: str) -> None:
        self._store.events.settle(event.key, EventState.FAILED, error=error)
        log.warning("event %s failed: %s", event.key, error)


def completed(event: Event, told: Mapping[str, Any]) -> Event:
    """`event` as its source completed it: id, source and shop stay, and type and time where it tells none.

    Raises:
        InputError: it is no event, or not complete.
    """
    document = {
        "type": event.type,
        "time": event.time.isoformat(),
        **told,
        "id": event.id,
        "source": event.source,
        "shop": event.shop,
    }
    try:
        whole = read_event(document)
    except InputError as error:
        raise InputError(f"what the shop was asked for is no event: {error.message}") from None
    return replace(event, type=whole.type, time=whole.time, customer=whole.customer, data=whole.data, incomplete=None)


def _wait(name: str, attempt: int) -> timedelta:
    return backoff(name, attempt, first=FIRST_WAIT, longest=LONGEST_WAIT)
