"""Whether an address is still reached: told from what came back from it, not kept as a count of its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from messaging.nouns.engagement import Engagement, EngagementKind

_ARRIVED = EngagementKind.DELIVERED
#: What a person does shows that the address reaches them.
_ALIVE = (
    EngagementKind.OPENED,
    EngagementKind.CLICKED,
    EngagementKind.REPLIED,
    EngagementKind.RESUBSCRIBED,
)


def shows_reach(told: Engagement) -> bool:
    """Whether something arrived at the address, or a person is there."""
    return told.kind is _ARRIVED or (told.kind in _ALIVE and not told.machine)


def soft_bounces(told: Iterable[Engagement]) -> list[Engagement]:
    """The soft bounces of one address since it was last known to be reached, one a message, in order of time.

    `told` is all that came back from the address, in any order. Of a message that was both delivered and bounced the
    later word counts: servers take mail and return it afterwards, phones that were off get it in the end.
    """
    last: dict[str, Engagement] = {}
    for one in sorted(told, key=_order):
        if one.kind is _ARRIVED or (one.kind is EngagementKind.BOUNCED and one.soft):
            last[one.message_id or one.id] = one
        elif shows_reach(one):
            last[one.id] = one
    row: list[Engagement] = []
    for one in sorted(last.values(), key=_order):
        if shows_reach(one):
            row.clear()
        else:
            row.append(one)
    return row


def _order(told: Engagement) -> tuple[datetime, bool, str]:
    """By time; of one moment what arrived comes last."""
    return told.at, shows_reach(told), told.id
