"""What must hold when all has come to rest: the outbox against what the provider accepted and what the shop was promised."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from messaging.app import Messaging
from messaging.nouns.campaign import CampaignState
from messaging.nouns.event import EventState
from messaging.nouns.message import Message, MessageState
from tests.proving.shop import CAMPAIGN, Orders, Shop

#: What a row says that may have arrived twice.
TWICE = "it may arrive twice"
OPEN = (MessageState.PLANNED, MessageState.SENDING)


@dataclass
class Verdict:
    """What was found."""

    breaches: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    #: Messages that the provider accepted more than once, whose rows say so and do not.
    doubled: int = 0
    unsaid: int = 0
    #: Seconds from accepted to handed over, in order.
    waits: list[float] = field(default_factory=list)

    def must(self, true: object, said: str) -> None:
        if not true:
            self.breaches.append(said)

    def wait(self, share: float) -> float:
        return self.waits[min(int(len(self.waits) * share), len(self.waits) - 1)] if self.waits else 0.0


def come_to_rest(shop: Shop, seconds: float) -> str:
    """Wait until nothing is on its way any more; what is, if that takes too long."""
    end = time.monotonic() + seconds
    with shop.open() as app:
        while True:
            left = _left(app)
            if not left or time.monotonic() > end:
                return left
            if app.campaigning.get(CAMPAIGN).state in (CampaignState.PAUSED, CampaignState.HELD):
                app.campaigning.resume(CAMPAIGN)  # as a person does who was told
            time.sleep(0.5)


def _left(app: Messaging) -> str:
    waiting = {state: len(app.store.outbox.page(state=state, limit=100)) for state in OPEN}
    said = [f"{number} {state}" for state, number in waiting.items() if number]
    state = app.campaigning.get(CAMPAIGN).state
    if state is not CampaignState.DONE:
        said.append(f"campaign {state}")
    if events := app.store.events.page(state=EventState.RECEIVED, limit=100):
        said.append(f"{len(events)} events waiting")
    return ", ".join(said)


def judge(shop: Shop, orders: Orders) -> Verdict:
    """Against the promises of the design."""
    verdict = Verdict()
    ledger = Counter(id for id, _ in shop.provider.ledger)
    with shop.open() as app:
        campaign = app.campaigning.get(CAMPAIGN)
        counts = app.store.outbox.counts(CAMPAIGN)
        rows = {message.id: message for message in _all(app)}
    of_campaign = [row for row in rows.values() if row.campaign == CAMPAIGN]
    verdict.counts = {state.value: number for state, number in counts.items() if number}
    verdict.must(campaign.audience == shop.people, f"the audience is {campaign.audience}, not {shop.people}")
    verdict.must(sum(counts.values()) == shop.people, f"the states add up to {sum(counts.values())} of {shop.people}")
    counted = Counter(row.state for row in of_campaign)
    verdict.must(
        {state: number for state, number in counts.items() if number} == counted, f"counted {counts}, are {counted}"
    )
    people = Counter(row.customer_id for row in of_campaign)
    verdict.must(len(people) == len(of_campaign), "somebody is in the campaign twice")
    verdict.must(not any(row.worker for row in rows.values()), "a row is still in somebody's hands")
    orders_against(verdict, rows, orders.accepted)
    ledger_against(verdict, rows, ledger)
    for said in orders.refused:
        verdict.breaches.append(f"an order event was not accepted: {said}")
    first: dict[str, float] = {}
    for id, at in shop.provider.ledger:
        first.setdefault(id, at)
    numbers = {id: _number(row) for id, row in rows.items() if row.campaign is None}
    verdict.waits = sorted(
        max(0.0, first[id] - orders.accepted[number])
        for id, number in numbers.items()
        if id in first and number in orders.accepted
    )
    return verdict


def orders_against(verdict: Verdict, rows: Mapping[str, Message], accepted: Iterable[str]) -> None:
    """Every event that was answered with a yes has its message, and one."""
    confirmed = [row for row in rows.values() if row.campaign is None]
    verdict.orders = {state.value: number for state, number in Counter(row.state for row in confirmed).items()}
    numbers = Counter(_number(row) for row in confirmed)
    missing = [number for number in accepted if number not in numbers]
    verdict.must(not missing, f"{len(missing)} orders were accepted and have no message: {missing[:5]}")
    twice = [number for number, times in numbers.items() if times > 1]
    verdict.must(not twice, f"{len(twice)} orders have more than one message: {twice[:5]}")


def ledger_against(verdict: Verdict, rows: Mapping[str, Message], ledger: Mapping[str, int]) -> None:
    """What the provider accepted, message by message."""
    strangers = [id for id in ledger if id not in rows]
    verdict.must(not strangers, f"the provider accepted {len(strangers)} messages that are in no row: {strangers[:3]}")
    for row in rows.values():
        times = ledger.get(row.id, 0)
        said = row.reason is not None and TWICE in row.reason
        what = f"message {row.id} of {row.customer_id} ({row.campaign or _number(row)}) is {row.state} ({row.reason})"
        if row.state in OPEN:
            verdict.must(False, f"{what}: it never came to an end")
        elif row.state is MessageState.SENT:
            verdict.must(times, f"{what}, and the provider never had it: lost")
        elif row.state is not MessageState.UNKNOWN and not said:
            verdict.must(not times, f"{what}, and the provider accepted it")
        if times > 1:
            verdict.doubled += said
            verdict.unsaid += not said
            verdict.must(said, f"{what}, and the provider accepted it {times} times: doubled, and nobody says so")


def _all(app: Messaging) -> list[Message]:
    found: list[Message] = []
    after: str | None = None
    while page := app.store.outbox.page(after=after, limit=1000):
        found += page
        after = page[-1].id
    return found


def _number(row: Message) -> str:
    return str(row.context["order"]["number"]) if row.context else "?"
