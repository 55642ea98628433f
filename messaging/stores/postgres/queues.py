"""Where messages wait for a sender: each a stretch of an index in the order in which they are due."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from messaging.nouns.message import Lane

#: A message that nobody has taken.
FREE = "state = 'planned' AND worker IS NULL"
#: As many looks as there are channels, or campaigns, with something to send: no index has all of them by their time.
_FIRST = """
WITH RECURSIVE places AS (
    (SELECT {of} AS name FROM messages WHERE {queue} ORDER BY {of} LIMIT 1)
    UNION ALL
    SELECT (SELECT {of} FROM messages WHERE {queue} AND {of} > places.name ORDER BY {of} LIMIT 1)
    FROM places WHERE places.name IS NOT NULL
)
SELECT min(first.due_at) AS due_at FROM places,
    LATERAL (SELECT due_at FROM messages WHERE {queue} AND {of} = places.name ORDER BY due_at LIMIT 1) AS first
"""


def queues(campaign: str | None, channel: str | None, lanes: Collection[Lane] | None) -> Iterator[str]:
    """The messages that wait for a sender: a campaign's, or else lane by lane, each a stretch of an index in order."""
    wanted = sorted(Lane if lanes is None else set(lanes))
    of_channel = "AND channel = %(channel)s" if channel is not None else ""
    if campaign is not None:
        of_lanes = f"AND lane IN ({', '.join(str(int(lane)) for lane in wanted)})" if lanes is not None else ""
        yield f"{FREE} AND campaign = %(campaign)s {of_lanes} {of_channel}"
        return
    for lane in wanted:
        # An event's have no campaign, and an index without those of campaigns.
        of_none = "AND campaign IS NULL" if lane in (Lane.ORDER, Lane.EVENT) else ""
        yield f"{FREE} AND lane = {int(lane)} {of_none} {of_channel}"


def firsts(lanes: Collection[Lane] | None) -> Iterator[str]:
    """Statements for what is due first in each lane, of all channels and campaigns: each a few steps in an index."""
    for lane in sorted(Lane if lanes is None else set(lanes)):
        free = f"{FREE} AND lane = {int(lane)}"
        yield _FIRST.format(of="channel", queue=f"{free} AND campaign IS NULL")
        if lane not in (Lane.ORDER, Lane.EVENT):  # an event's have no campaign
            yield _FIRST.format(of="campaign", queue=f"{free} AND campaign IS NOT NULL")
