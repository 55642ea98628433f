"""What there is to do for whoever sends: what they are woken for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from messaging.nouns.message import Lane


class Kind(StrEnum):
    """The kinds of it. Each is a look at the store, which alone knows what is due."""

    ORDERS = "orders"  # order messages on a channel
    EVENTS = "events"  # other event-driven messages on a channel
    CAMPAIGNS = "campaigns"
    INTAKE = "intake"  # events that were accepted, and are to be worked off
    SWEEP = "sweep"  # look for what nobody was woken for
    RECOVERY = "recovery"  # what died in somebody's hands
    TIDY = "tidy"  # drop what was kept long enough


#: The kinds that are the messages of a lane, on one channel each.
LANES = {Kind.ORDERS: Lane.ORDER, Kind.EVENTS: Lane.EVENT}


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to do."""

    kind: Kind
    #: Where it is a lane's messages.
    channel: str | None = None

    @property
    def name(self) -> str:
        return f"{self.kind}.{self.channel}" if self.channel is not None else self.kind.value


def all_work(channels: list[str]) -> list[Work]:
    """All there is, in order of its urgency."""
    works: list[Work] = []
    for kind in Kind:
        works += [Work(kind, channel) for channel in channels] if kind in LANES else [Work(kind)]
    return works
