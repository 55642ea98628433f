"""What must hold when all has come to rest: the outbox against what the provider accepted and what the shop was promised."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from messaging.app import Messaging
from messaging.nouns.campaign import CampaignState
from messaging.nouns.event import EventState
from messaging.nouns.message import Message, MessageState
from tests.proving.shop import BATCH, CAMPAIGN, Orders, Shop, customer_of

#: What a row says that may have arrived twice.
TWICE = "it may arrive twice"
#: What one says that was in somebody's hands when they died, or lost their store.
DIED = "sender died"
#: What one says whose answer did not come in time: on a machine that is busy enough, without anybody's doing.
LATE = "no answer in time"
#: How many messages one who dies may leave in doubt: two requests of each thread of theirs that sends, and when a
#: database goes that is everybody. And how many when connections are cut: those of requests that nobody had read.
IN_HANDS, IN_REQUESTS = 2 * BATCH * 6, BATCH * 4 * 2
#: Whom these leave with messages in their hands.
DEADLY = ("killed", "apart", "PostgreSQL", "disk full")
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


def share(waits: Sequence[float], part: float) -> float:
    """What so large a part of them is not over; they are in order."""
    return waits[min(int(len(waits) * part), len(waits) - 1)] if waits else 0.0


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


def judge(shop: Shop, orders: Orders, struck: Mapping[str, int], *, at_least_once: bool) -> Verdict:
    """Against the promises of the design; `struck`: how often each fault did."""
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
    doubt_against(verdict, rows, shop.provider.doubtful, struck, at_least_once=at_least_once)
    refused_against(verdict, rows, set(map(customer_of, shop.provider.refused)))
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


def doubt_against(
    verdict: Verdict,
    rows: Mapping[str, Message],
    doubtful: Container[str],
    struck: Mapping[str, int],
    *,
    at_least_once: bool,
) -> None:
    """Nothing is in doubt without a cause, and what is in doubt goes again only where that was asked for."""
    died = strange = 0
    for row in rows.values():
        if row.state is MessageState.UNKNOWN and row.id not in doubtful:
            reason = row.reason or ""
            died += DIED in reason
            strange += DIED not in reason and LATE not in reason
        if row.state is MessageState.UNKNOWN:
            verdict.must(
                row.attempts, f"message {row.id} is unknown ({row.reason}), and was never marked to be handed over"
            )
        if TWICE in (row.reason or "") and not (at_least_once and row.campaign is None):
            verdict.must(False, f"message {row.id} says {row.reason!r}, and nobody asked for that")
    deaths = sum(times for name, times in struck.items() if any(word in name for word in DEADLY))
    verdict.must(died <= deaths * IN_HANDS, f"{died} are unknown as their sender died, and {deaths} did")
    cuts = struck.get("connections refused", 0)
    verdict.must(strange <= cuts * IN_REQUESTS, f"{strange} are unknown, and their provider had answered")


def refused_against(verdict: Verdict, rows: Mapping[str, Message], nobody: Container[str]) -> None:
    """Only what the provider refused is refused, and only who has no address any more is skipped: customers by id."""
    for row in rows.values():
        if row.state in (MessageState.REFUSED, MessageState.SKIPPED):
            what = f"message {row.id} of {row.customer_id} is {row.state} ({row.reason})"
            verdict.must(row.customer_id in nobody, f"{what}, and the provider had nothing against them")


def _all(app: Messaging) -> list[Message]:
    found: list[Message] = []
    after: str | None = None
    while page := app.store.outbox.page(after=after, limit=1000):
        found += page
        after = page[-1].id
    return found


def _number(row: Message) -> str:
    return str(row.context["order"]["number"]) if row.context else "?"
