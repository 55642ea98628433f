"""Counts for reports, made in one pass over what came back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from messaging.nouns.documents import Document
from messaging.nouns.engagement import EngagementKind
from messaging.nouns.message import Lane, MessageState
from messaging.stores.counts import EngagementCount, LinkCount, slot_order
from messaging.stores.tinydb.rows import Tally

#: (template, version, channel, campaign or None): what messages are counted by.
Batch = tuple[str, str, str, str | None]


@dataclass(slots=True)
class _Hits:
    """Opens, or clicks on one place or on all."""

    hits: int = 0
    machine: int = 0
    messages: set[str] = field(default_factory=set)

    def add(self, message_id: str, machine: bool, counted: bool) -> None:
        self.machine += machine
        if counted:
            self.hits += 1
            self.messages.add(message_id)


@dataclass(slots=True)
class _Count:
    """One (template, version, channel) while it is counted."""

    campaigns: set[str] = field(default_factory=set)
    states: dict[MessageState, int] = field(default_factory=lambda: dict.fromkeys(MessageState, 0))
    opens: _Hits = field(default_factory=_Hits)
    clicks: _Hits = field(default_factory=_Hits)
    #: Sent ones.
    variants: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    links: defaultdict[str, _Hits] = field(default_factory=lambda: defaultdict(_Hits))
    #: Messages by what else came back from them.
    others: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, engagement: Document, *, include_machines: bool) -> None:
        message_id, kind = engagement["message_id"], engagement["kind"]
        machine = bool(engagement.get("machine"))
        counted = include_machines or not machine
        if kind == EngagementKind.OPENED:
            self.opens.add(message_id, machine, counted)
        elif kind == EngagementKind.CLICKED:
            self.clicks.add(message_id, machine, counted)
            self.links[engagement.get("slot", "")].add(message_id, machine, counted)
        else:
            self.others[kind].add(message_id)

    def of(self, kind: EngagementKind) -> int:
        return len(self.others.get(kind.value, ()))


def summarise(
    tally: Tally[Batch, tuple[str, str | None]],
    messages: Mapping[str, Document],
    engagements: Iterable[Document],
    *,
    campaign: str | None,
    template: str | None,
    include_machines: bool,
) -> list[EngagementCount]:
    """The counts of each (template, version, channel), in order; of one campaign or template, if given."""
    counts: defaultdict[tuple[str, str, str], _Count] = defaultdict(_Count)
    for (of_template, version, channel, of_campaign), states in tally.groups.items():
        if template in (None, of_template) and campaign in (None, of_campaign):
            count = counts[of_template, version, channel]
            if of_campaign is not None:
                count.campaigns.add(of_campaign)
            for (state, variant), number in states.items():
                count.states[MessageState(state)] += number
                if state == MessageState.SENT and variant is not None:
                    count.variants[variant] += number
    for engagement in engagements:
        message = messages.get(engagement.get("message_id", ""))
        if message is None or message["lane"] == Lane.TEST or template not in (None, message["template"]):
            continue
        if campaign in (None, message.get("campaign")):
            count = counts[message["template"], message["version"], message["channel"]]
            count.add(engagement, include_machines=include_machines)
    return [_finished(key, counts[key]) for key in sorted(counts)]


def _finished(key: tuple[str, str, str], count: _Count) -> EngagementCount:
    template, version, channel = key
    return EngagementCount(
        template=template,
        version=version,
        channel=channel,
        campaigns=tuple(sorted(count.campaigns)),
        states=count.states,
        delivered=count.of(EngagementKind.DELIVERED),
        bounced=count.of(EngagementKind.BOUNCED),
        complained=count.of(EngagementKind.COMPLAINED),
        opens=count.opens.hits,
        unique_opens=len(count.opens.messages),
        clicks=count.clicks.hits,
        unique_clicks=len(count.clicks.messages),
        machine_clicks=count.clicks.machine,
        machine_opens=count.opens.machine,
        unsubscribed=count.of(EngagementKind.UNSUBSCRIBED),
        sent_by_variant=dict(count.variants),
        links=tuple(
            LinkCount(
                slot=slot,
                clicks=hits.hits,
                unique_clicks=len(hits.messages),
                machine_clicks=hits.machine,
            )
            for slot, hits in sorted(count.links.items(), key=lambda item: slot_order(item[0]))
        ),
    )
