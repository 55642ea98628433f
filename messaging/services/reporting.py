"""Counts into rates: what each template's messages brought, with its uncertainty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from messaging.clock import Clock
from messaging.errors import NotFound
from messaging.nouns.message import MessageState
from messaging.nouns.template import DEFAULT_VARIANT, LinkSlot, TemplateVersion
from messaging.rules.statistics import wilson
from messaging.services.recording import Recorder
from messaging.stores.base import Store
from messaging.stores.counts import EngagementCount, LinkCount


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """One place in a message where a link stands; of a loop, each time round is a place."""

    #: `3`, or `3.2` for the second time round.
    slot: str
    #: What a person calls it.
    label: str
    part: str
    locale: str
    #: Where it leads; None: that differs by message.
    target: str | None
    #: Messages sent in the variant that has it. One whose variant is not known may have been any: it counts too.
    sent: int
    clicks: int
    unique_clicks: int
    machine_clicks: int
    #: Unique clicks over these; None if none was sent.
    click_through_rate: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateReport:
    """What the messages of one template version on one channel brought. Opens and clicks are by people."""

    template: str
    version: str
    channel: str
    campaigns: tuple[str, ...]
    sent: int
    delivered: int
    bounced: int
    complained: int
    refused: int
    unknown: int
    #: Those not sent, and those still to be sent.
    skipped: int
    waiting: int
    opens: int
    unique_opens: int
    machine_opens: int
    clicks: int
    #: Messages with a click by a person.
    unique_clicks: int
    machine_clicks: int
    #: Unique clicks over messages sent; None if none was sent.
    click_through_rate: float | None
    #: The rate's 95 % Wilson interval.
    click_through_interval: tuple[float, float]
    unsubscribes: int
    links: tuple[LinkReport, ...]

    def to_document(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


class Reporter:
    """Reports what came back."""

    def __init__(
        self, store: Store, recorder: Recorder, clock: Clock, *, templates: Callable[[], Collection[str]]
    ) -> None:
        """`templates` are the names there are, of which nothing may have been sent yet."""
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._templates = templates

    def report(self, *, campaign: str | None = None, template: str | None = None) -> list[TemplateReport]:
        """Numbers per template, version and channel, of one campaign or template if given, up to this moment.

        Raises:
            NotFound: there is no such campaign, or no such template and none was ever sent.
        """
        if campaign is not None and self._store.campaigns.get(campaign) is None:
            names = ", ".join(known.name for known in self._store.campaigns.all())
            raise NotFound(f"no campaign {campaign!r}", hint=f"there are: {names}" if names else "there are none yet")
        if template is not None and template not in {*self._templates(), *self._sent()}:
            raise NotFound(f"no template {template!r}", hint="see them with: messaging templates list")
        self._recorder.drain()
        versions: dict[str, TemplateVersion | None] = {}
        reports = []
        for count in self._store.engagements.summary(campaign=campaign, template=template):
            if count.version not in versions:
                versions[count.version] = self._store.version(count.version)
            reports.append(_report(count, versions[count.version]))
        return reports

    def _sent(self) -> Iterator[str]:
        return (version.template for version in self._store.versions())

    def now(self) -> datetime:
        """Up to when a report goes."""
        return self._clock.now()

    def clicks(self, *, campaign: str | None = None, template: str | None = None) -> list[tuple[datetime, bool]]:
        """When links were clicked, in order, and whether by a machine."""
        return self._store.engagements.clicks(campaign=campaign, template=template)


def _report(count: EngagementCount, version: TemplateVersion | None) -> TemplateReport:
    states: Mapping[MessageState, int] = count.states
    sent = states.get(MessageState.SENT, 0)
    # A message that is just being handed over can be clicked before it is recorded as sent.
    unique = min(count.unique_clicks, sent)
    return TemplateReport(
        template=count.template,
        version=count.version,
        channel=count.channel,
        campaigns=count.campaigns,
        sent=sent,
        delivered=count.delivered,
        bounced=count.bounced,
        complained=count.complained,
        refused=states.get(MessageState.REFUSED, 0),
        unknown=states.get(MessageState.UNKNOWN, 0),
        skipped=states.get(MessageState.SKIPPED, 0),
        waiting=states.get(MessageState.PLANNED, 0) + states.get(MessageState.SENDING, 0),
        opens=count.opens,
        unique_opens=count.unique_opens,
        machine_opens=count.machine_opens,
        clicks=count.clicks,
        unique_clicks=count.unique_clicks,
        machine_clicks=count.machine_clicks,
        click_through_rate=unique / sent if sent else None,
        click_through_interval=wilson(unique, sent),
        unsubscribes=count.unsubscribed,
        links=_links(count, version),
    )


def _links(count: EngagementCount, version: TemplateVersion | None) -> tuple[LinkReport, ...]:
    """All places of the version on this channel, in its order, also those that nobody clicked.

    What is the first, second … link of a part in one language is so in the others too: these stand together.
    """
    known = {link.slot: link for link in version.links if link.channel == count.channel} if version else {}
    clicked = {link.slot: link for link in count.links}
    nothing = [
        LinkCount(slot=str(slot), clicks=0, unique_clicks=0, machine_clicks=0)
        for slot in known
        if str(slot) not in clicked
    ]
    places = _places(known.values())
    links = sorted((*count.links, *nothing), key=lambda link: _order(link.slot, places))
    variants = version.parts.get(count.channel, ()) if version else ()
    return tuple(_link(link, known.get(_number(link.slot)), count, several=len(variants) > 1) for link in links)


def _places(links: Iterable[LinkSlot]) -> dict[int, tuple[int, int]]:
    """Slot -> which part it is in, and the how manieth it is there."""
    parts: dict[str, int] = {}
    numbers: Counter[tuple[str, str]] = Counter()
    places = {}
    for link in sorted(links, key=lambda link: link.slot):
        places[link.slot] = (parts.setdefault(link.part, len(parts)), numbers[link.locale, link.part])
        numbers[link.locale, link.part] += 1
    return places


def _order(slot: str, places: Mapping[int, tuple[int, int]]) -> tuple[tuple[int, int], list[int]]:
    """By place, then as the slots are numbered: `2` before `10`, `3.2` after `3`."""
    return places.get(_number(slot), (len(places), 0)), [int(part) for part in slot.split(".") if part.isdecimal()]


def _link(count: LinkCount, link: LinkSlot | None, of: EngagementCount, *, several: bool) -> LinkReport:
    sent = of.states.get(MessageState.SENT, 0)
    if link is not None and several:
        elsewhere = sum(of.sent_by_variant.values()) - of.sent_by_variant.get(link.locale or DEFAULT_VARIANT, 0)
        sent -= elsewhere
    return LinkReport(
        slot=count.slot,
        label=link.label if link else "",
        part=link.part if link else "",
        locale=link.locale if link else "",
        target=link.target if link else None,
        sent=sent,
        clicks=count.clicks,
        unique_clicks=count.unique_clicks,
        machine_clicks=count.machine_clicks,
        click_through_rate=min(count.unique_clicks, sent) / sent if sent else None,
    )


def _number(slot: str) -> int:
    first = slot.partition(".")[0]
    return int(first) if first.isdecimal() else 0
