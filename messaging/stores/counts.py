"""What a store counts for reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from messaging.nouns.message import MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCount:
    """Clicks on one slot of a template version."""

    slot: str
    clicks: int
    #: Messages with a click by a person on it.
    unique_clicks: int
    machine_clicks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngagementCount:
    """What became of the messages of one (template, version, channel), for reports."""

    template: str
    version: str
    channel: str
    campaigns: tuple[str, ...]
    #: Messages by state.
    states: Mapping[MessageState, int]
    delivered: int
    bounced: int
    complained: int
    #: Hits by people.
    opens: int
    #: Messages with an open by a person.
    unique_opens: int
    clicks: int
    unique_clicks: int
    machine_clicks: int
    machine_opens: int
    #: Messages through whose links somebody unsubscribed.
    unsubscribed: int
    links: tuple[LinkCount, ...]
    #: Those sent by the variant they were rendered in, as far as that is known.
    sent_by_variant: Mapping[str, int] = field(default_factory=dict)


def slot_order(slot: str) -> tuple[tuple[bool, int, str], ...]:
    """What slots are sorted by: `2` before `10`, `3.2` after `3`."""
    return tuple((not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in slot.split("."))
