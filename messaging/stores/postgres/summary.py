"""Counts for reports: messages as the database keeps count of them, engagement by one pass over what came back."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from messaging.nouns.engagement import EngagementKind
from messaging.nouns.message import MessageState
from messaging.stores.counts import EngagementCount, LinkCount, slot_order
from messaging.stores.postgres.session import Row, Session

_STATES = """
SELECT template, version, channel, campaign, state, variant, sum(number)::bigint AS number FROM message_counts
WHERE NOT test {where} GROUP BY template, version, channel, campaign, state, variant HAVING sum(number) <> 0
"""
_REACTIONS = """
SELECT of_template AS template, of_version AS version, of_channel AS channel, kind, coalesce(slot, '') AS slot,
    grouping(coalesce(slot, '')) = 0 AS of_slot,
    count(*) FILTER (WHERE machine) AS machine,
    count(*) FILTER (WHERE NOT machine OR %(include_machines)s) AS hits,
    count(DISTINCT message_id) FILTER (WHERE NOT machine OR %(include_machines)s) AS unique_hits,
    count(DISTINCT message_id) AS messages
FROM engagements WHERE NOT of_test {where}
GROUP BY GROUPING SETS ((of_template, of_version, of_channel, kind),
    (of_template, of_version, of_channel, kind, coalesce(slot, '')))
"""
_NONE: Row = {"machine": 0, "hits": 0, "unique_hits": 0, "messages": 0}


@dataclass(slots=True)
class _Count:
    """One (template, version, channel)."""

    campaigns: set[str] = field(default_factory=set)
    states: dict[MessageState, int] = field(default_factory=lambda: dict.fromkeys(MessageState, 0))
    variants: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    kinds: dict[str, Row] = field(default_factory=dict)
    slots: dict[str, Row] = field(default_factory=dict)

    def of(self, kind: EngagementKind) -> Row:
        return self.kinds.get(kind.value, _NONE)


def summarise(
    session: Session, *, campaign: str | None, template: str | None, include_machines: bool
) -> list[EngagementCount]:
    """The counts of each (template, version, channel), in order; of one campaign or template, if given."""
    given = {"campaign": campaign, "template": template}
    asked = [name for name, value in given.items() if value is not None]
    counts: defaultdict[tuple[str, str, str], _Count] = defaultdict(_Count)
    where = "".join(f" AND {name} = %({name})s" for name in asked)
    for row in session.rows(_STATES.format(where=where), given):
        count = counts[row["template"], row["version"], row["channel"]]
        if row["campaign"] is not None:
            count.campaigns.add(row["campaign"])
        count.states[MessageState(row["state"])] += row["number"]
        if row["state"] == MessageState.SENT and row["variant"] is not None:
            count.variants[row["variant"]] += row["number"]
    where = "".join(f" AND of_{name} = %({name})s" for name in asked)
    for row in session.rows(_REACTIONS.format(where=where), {**given, "include_machines": include_machines}):
        count = counts[row["template"], row["version"], row["channel"]]
        if not row["of_slot"]:
            count.kinds[row["kind"]] = row
        elif row["kind"] == EngagementKind.CLICKED:
            count.slots[row["slot"]] = row
    return [_finished(key, counts[key]) for key in sorted(counts)]


def _finished(key: tuple[str, str, str], count: _Count) -> EngagementCount:
    template, version, channel = key
    opens, clicks = count.of(EngagementKind.OPENED), count.of(EngagementKind.CLICKED)
    return EngagementCount(
        template=template,
        version=version,
        channel=channel,
        campaigns=tuple(sorted(count.campaigns)),
        states=count.states,
        delivered=count.of(EngagementKind.DELIVERED)["messages"],
        bounced=count.of(EngagementKind.BOUNCED)["messages"],
        complained=count.of(EngagementKind.COMPLAINED)["messages"],
        opens=opens["hits"],
        unique_opens=opens["unique_hits"],
        clicks=clicks["hits"],
        unique_clicks=clicks["unique_hits"],
        machine_clicks=clicks["machine"],
        machine_opens=opens["machine"],
        unsubscribed=count.of(EngagementKind.UNSUBSCRIBED)["messages"],
        sent_by_variant=dict(count.variants),
        links=tuple(
            LinkCount(slot=slot, clicks=row["hits"], unique_clicks=row["unique_hits"], machine_clicks=row["machine"])
            for slot, row in sorted(count.slots.items(), key=lambda item: slot_order(item[0]))
        ),
    )
