"""The one sender: every message is accounted for, none is doubled, whatever the adapter or the machine does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from messaging import AdapterUnusable, Capabilities, Conflict, Receipt, RenderedMessage
from messaging.errors import StoreError
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane, MessageState
from messaging.services.sending import GROUP
from messaging.services.turns import Turn


def test_a_campaign_goes_out_once(live_shop: Any) -> None:
    live_shop.add_customers(40)
    live_shop.campaign()
    assert live_shop.app.send_campaign("spring") is None
    assert live_shop.counts() == {"sent": 40}
    assert sorted(live_shop.handed()) == sorted(live_shop.sent())
    assert live_shop.app.campaigning.get("spring").state is CampaignState.DONE
    live_shop.app.campaigning.start("spring")
    live_shop.app.send_campaign("spring")
    assert len(live_shop.pigeon.handed) == 40


def test_receipts_become_states(live_shop: Any) -> None:
    live_shop.add_customers(4)
    live_shop.campaign()
    verdicts = {
        "c0000": lambda id: Receipt.accepted(id, "p-1"),
        "c0001": lambda id: Receipt.refused(id, "no such user", suppress=True),
        "c0002": lambda id: Receipt.refused(id, "too big"),
        "c0003": lambda id: Receipt.unknown(id, "no answer"),
    }
    live_shop.answer(lambda message: verdicts[message.to[:5]](message.id))
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 1, "refused": 2, "unknown": 1}
    assert live_shop.reasons() == {"no such user": 1, "too big": 1, "no answer": 1}
    sent = live_shop.app.store.outbox.page(campaign="spring", state=MessageState.SENT)[0]
    assert (sent.adapter, sent.provider_id, sent.sent_at, sent.attempts, sent.variant) == (
        "pigeon",
        "p-1",
        live_shop.clock.now(),
        1,
        "default",
    )
    assert live_shop.app.store.outbox.page(campaign="spring", state=MessageState.UNKNOWN)[0].variant == "default"
    statuses = live_shop.app.store.addresses.status([("email", f"c000{n}@example.com") for n in range(4)])
    assert [address[1][:5] for address, status in statuses.items() if status.suppression] == ["c0001"]


def test_try_again_comes_back_later_and_gives_up_in_the_end(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING__SENDING__ATTEMPTS", "4")  # all within the patience of one run
    live_shop.app = live_shop.open()
    live_shop.add_customers(1)
    live_shop.campaign()
    begun = live_shop.clock.now()
    live_shop.answer(lambda message: Receipt.try_again(message.id, "busy"))
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"refused": 1}
    assert live_shop.reasons() == {"gave up: busy": 1}
    attempts = live_shop.app.settings.sending.attempts
    assert [message.attempt for message in live_shop.pigeon.handed] == list(range(1, attempts + 1))
    assert live_shop.clock.now() - begun >= timedelta(seconds=30)  # the waits passed, in business time


def test_the_provider_says_when(live_shop: Any) -> None:
    live_shop.add_customers(1)
    live_shop.campaign()
    answers = iter([Receipt.try_again, Receipt.accepted])
    begun = live_shop.clock.now()

    def verdict(message: RenderedMessage) -> Receipt:
        make = next(answers)
        return make(message.id, "slow down", timedelta(minutes=5)) if make == Receipt.try_again else make(message.id)

    live_shop.answer(verdict)
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 1}
    assert live_shop.clock.now() - begun >= timedelta(minutes=5)


def test_an_unsubscribe_that_is_committed_stops_what_is_not_handed_over(live_shop: Any) -> None:
    live_shop.add_customers(3 * GROUP)
    live_shop.campaign()
    victim: list[str] = []

    def unsubscribe_the_last(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        if not victim:
            claimed = {message.to for message in messages}
            victim.append(next(f"c{n:04d}" for n in range(3 * GROUP) if f"c{n:04d}@example.com" not in claimed))
            live_shop.unsubscribe(victim[0])  # already locked and rendered by now
        for message in messages:
            yield Receipt.accepted(message.id)

    live_shop.pigeon.answer = unsubscribe_the_last
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 3 * GROUP - 1, "skipped": 1}
    assert live_shop.reasons() == {"unsubscribed": 1}
    assert victim[0] not in live_shop.handed()


def test_a_refused_adapter_stops_the_campaign_and_burns_nobody(live_shop: Any) -> None:
    live_shop.add_customers(2 * GROUP)
    live_shop.campaign()

    def refused(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.accepted(messages[0].id)
        raise AdapterUnusable("the key was refused", hint="set another")

    live_shop.pigeon.answer = refused
    fault = live_shop.app.send_campaign("spring")
    assert isinstance(fault, AdapterUnusable)
    assert live_shop.counts() == {"sent": 1, "planned": 2 * GROUP - 1}
    assert live_shop.app.campaigning.get("spring").state is CampaignState.SENDING
    assert live_shop.app.rests.all()["pigeon"].reason == "the key was refused"
    live_shop.answer(lambda message: Receipt.accepted(message.id))
    live_shop.app.rests.forget("pigeon")
    before = live_shop.clock.now()
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 2 * GROUP}
    assert live_shop.clock.now() == before  # at once: a person has mended it


def test_what_a_refused_adapter_did_not_take_is_no_attempt(live_shop: Any) -> None:
    """Else a letter that waited out a bad key for an hour would be given up on at the first greylisting."""
    live_shop.due(Lane.ORDER, "ann")

    def refused(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        raise AdapterUnusable("the key was refused")
        yield

    live_shop.pigeon.answer = refused
    for _ in range(live_shop.app.settings.sending.attempts + 1):
        live_shop.app.dispatcher.run_due()
        live_shop.clock.advance(live_shop.app.settings.sending.rest_max)
    live_shop.answer(lambda message: Receipt.try_again(message.id, "greylisted"))
    live_shop.app.dispatcher.run_due()
    (row,) = live_shop.app.store.outbox.page(template="letter")
    assert (row.state, row.reason, row.attempts) == (MessageState.PLANNED, "greylisted", 1)


@pytest.mark.parametrize("fault", [ValueError("odd"), SystemExit(1)])
def test_an_adapter_that_raises_leaves_unknowns_and_a_name(live_shop: Any, fault: BaseException) -> None:
    live_shop.add_customers(GROUP + 3)
    live_shop.campaign()

    def raising(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.accepted(messages[0].id)
        raise fault

    live_shop.pigeon.answer = raising
    error = live_shop.app.send_campaign("spring")
    assert "plugin pigeon" in str(error)
    assert live_shop.counts() == {"sent": 1, "unknown": GROUP - 1, "planned": 3}
    assert list(live_shop.app.rests.resting()) == ["pigeon"]


def test_missing_foreign_and_double_receipts(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    live_shop.pigeon.answer = lambda messages: [
        Receipt.accepted(messages[0].id),
        Receipt.refused(messages[0].id, "changed my mind"),
        Receipt.accepted("0" * 32),
    ]
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 1, "unknown": 2}
    ((reason, number),) = live_shop.reasons().items()
    assert number == 2
    assert "plugin pigeon" in reason
    assert "no receipt for 2 of 3 messages" in reason


def test_an_adapter_that_gives_no_receipts_burns_no_audience(live_shop: Any) -> None:
    live_shop.add_customers(100)
    live_shop.campaign()
    live_shop.pigeon.answer = lambda messages: ["hello" for _ in messages]
    fault = live_shop.app.send_campaign("spring")
    assert "not a Receipt" in str(fault)
    assert list(live_shop.app.rests.resting()) == ["pigeon"]
    assert live_shop.counts() == {"unknown": 16, "planned": 84}


def test_one_that_hangs_is_given_up_on(live_shop: Any) -> None:
    live_shop.add_customers(2)
    live_shop.campaign()
    forever = threading.Event()

    def hang(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.accepted(messages[0].id)
        forever.wait()

    live_shop.pigeon.answer = hang
    sender = live_shop.app.make_sender(threading.Event())
    sender._timeout = 0.05
    report = sender.send_campaign("spring")
    forever.set()
    assert "given up on" in str(report.fault)
    assert live_shop.counts() == {"sent": 1, "unknown": 1}


def test_a_dead_workers_messages(live_shop: Any) -> None:
    """Locked ones go out, those in its hand are asked about, and become unknown if nobody can tell."""
    live_shop.add_customers(5)
    live_shop.campaign()
    dead = live_shop.open()
    worker = dead.store.enlist()
    now = live_shop.clock.now()
    claimed = [message.id for message in dead.store.outbox.claim(worker, now=now, limit=4, campaign="spring")]
    begun = dead.store.outbox.begin(worker, claimed[:2], now=now)
    assert begun == claimed[:2]
    dead.close()  # as a kill would: its lock is gone, its rows are as they were
    live_shop.pigeon.found[claimed[0]] = Receipt.accepted(claimed[0], "it did arrive")
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 4, "unknown": 1}
    assert {message.id for message in live_shop.pigeon.handed}.isdisjoint(begun)
    assert live_shop.app.store.outbox.get([claimed[0]])[claimed[0]].provider_id == "it did arrive"
    assert live_shop.app.store.outbox.get([claimed[1]])[claimed[1]].state is MessageState.UNKNOWN


@pytest.mark.parametrize("dies", [True, False])
def test_who_buries_the_dead_may_die_of_it(live_shop: Any, monkeypatch: pytest.MonkeyPatch, dies: bool) -> None:
    """What they had not asked about yet is asked about by the next; also if it is only the store that was away."""
    live_shop.add_customers(3)
    live_shop.campaign()
    dead, second = live_shop.open(), live_shop.open()
    worker = dead.store.enlist()
    now = live_shop.clock.now()
    lost = [message.id for message in dead.store.outbox.claim(worker, now=now, limit=3, campaign="spring")]
    dead.store.outbox.begin(worker, lost, now=now)
    dead.close()
    for id in lost:
        for app in (live_shop.app, second):
            live_shop.pigeon_of(app).found[id] = Receipt.accepted(id)
    sender = second.make_sender(threading.Event())
    settle, calls = second.store.outbox.settle, iter([None])

    def once(outcomes: Any) -> None:
        if next(calls, settle) is settle:
            raise StoreError("the store is away")
        settle(outcomes)

    monkeypatch.setattr(second.store.outbox, "settle", once)
    with pytest.raises(StoreError):
        sender.bury_the_dead()
    assert live_shop.counts() == {"sent": 1, "unknown": 2}
    if dies:
        second.close()
        live_shop.app.make_sender(threading.Event()).bury_the_dead()
    else:
        monkeypatch.undo()
        sender.bury_the_dead()
    assert live_shop.counts() == {"sent": 3}
    assert live_shop.app.store.outbox.workers() == []


def test_two_senders_at_once_double_nobody(live_shop: Any) -> None:
    live_shop.add_customers(300)
    live_shop.campaign()
    apps = [live_shop.app, live_shop.open()]
    threads = [threading.Thread(target=app.send_campaign, args=("spring",)) for app in apps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert live_shop.counts() == {"sent": 300}
    handed = [message.to for app in apps for message in live_shop.pigeon_of(app).handed]
    assert len(handed) == len(set(handed)) == 300


def test_pausing_takes_effect_within_two_groups(live_shop: Any) -> None:
    live_shop.add_customers(5 * GROUP)
    live_shop.campaign()
    other = live_shop.open()

    def pause(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        if len(live_shop.pigeon.handed) == GROUP:
            other.campaigning.pause("spring", "by hand")
        for message in messages:
            yield Receipt.accepted(message.id)

    live_shop.pigeon.answer = pause
    live_shop.app.send_campaign("spring")
    counts = live_shop.counts()
    assert counts["sent"] in (GROUP, 2 * GROUP)  # the one in hand, and perhaps the one already marked
    assert counts["sent"] + counts["planned"] == 5 * GROUP
    live_shop.app.campaigning.resume("spring")
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 5 * GROUP}


def test_cancelling_skips_the_rest(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    live_shop.app.campaigning.cancel("spring")
    with pytest.raises(Conflict, match="campaign spring is cancelled"):
        live_shop.app.send_campaign("spring")
    assert live_shop.pigeon.handed == []
    assert live_shop.counts() == {"skipped": 3}
    assert live_shop.reasons() == {"cancelled": 3}


def test_retry_sends_again_to_those_who_were_refused(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    live_shop.answer(lambda m: Receipt.refused(m.id, "full") if m.to.startswith("c0001") else Receipt.accepted(m.id))
    live_shop.app.send_campaign("spring")
    live_shop.answer(lambda m: Receipt.accepted(m.id))
    assert live_shop.app.campaigning.retry("spring") == 1
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 3}
    assert live_shop.handed().count("c0001") == 2


def test_what_cannot_be_rendered_is_skipped_by_name(live_shop: Any) -> None:
    live_shop.write_template(
        "letter",
        'class = "marketing"\ntopic = "news"\nsubject = "Hello {{ customer.first_name }}"\nchannels = ["email"]\n',
    )
    live_shop.add_customers(2)
    live_shop.campaign()
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"skipped": 2}
    assert all("first_name" in reason for reason in live_shop.reasons())


def test_a_rate_is_kept(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING__SENDING__RATE__PIGEON", "400")
    live_shop.app = live_shop.open()
    live_shop.add_customers(450)
    live_shop.campaign()
    taken: list[int] = []
    allowed: list[float] = []
    take = live_shop.app.store.take_tokens
    begun = time.monotonic()

    def counting(bucket: str, wanted: int, *, rate: float, burst: int) -> tuple[int, float]:
        got: tuple[int, float] = take(bucket, wanted, rate=rate, burst=burst)
        taken.append(got[0])
        allowed.append(burst + rate * (time.monotonic() - begun))
        return got

    monkeypatch.setattr(live_shop.app.store, "take_tokens", counting)
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 450}
    assert sum(taken) >= 450
    assert all(sum(taken[: n + 1]) <= allowed[n] for n in range(len(taken)))


def test_it_shows_that_it_lives(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits for tokens, and with every receipt: who watches it must not take a slow provider for a hang."""
    monkeypatch.setenv("MESSAGING__SENDING__RATE__PIGEON", "100")
    live_shop.app = live_shop.open()
    live_shop.due(Lane.ORDER, "ann", "bob", "cid")
    told = threading.Event()
    waits = iter([True] * 5)
    told_in_time = []
    take = live_shop.app.store.take_tokens

    def reluctant(bucket: str, wanted: int, *, rate: float, burst: int) -> object:
        told_in_time.append(told.is_set())
        told.clear()
        return (0, 0.0) if next(waits, False) else take(bucket, wanted, rate=rate, burst=burst)

    def slowly(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            told.clear()
            yield Receipt.accepted(message.id)
            told_in_time.append(told.wait(10))

    monkeypatch.setattr(live_shop.app.store, "take_tokens", reluctant)
    live_shop.pigeon.answer = slowly
    sender = live_shop.app.make_sender(threading.Event(), told.set)
    sender.send_lanes((Lane.ORDER,), ("email",))
    sender.close()
    # Two buckets are asked a turn, the second without a word between.
    assert told_in_time == [True, False, True, False, True, False, True, True, True]


def test_tokens_that_were_not_needed_are_given_back(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING__SENDING__RATE__PIGEON", "800")
    live_shop.app = live_shop.open()
    live_shop.due(Lane.ORDER, "ann")
    live_shop.due(Lane.EVENT, "bob", "cid")
    monkeypatch.setattr(live_shop.app.store, "_seconds", lambda: 1000.0)  # nothing is filled up meanwhile
    live_shop.app.dispatcher.run_due()
    assert sorted(live_shop.handed()) == ["ann", "bob", "cid"]
    take = live_shop.app.store.take_tokens
    assert take("rate:pigeon:orders", 999, rate=200, burst=200)[0] == 199
    assert take("rate:pigeon", 999, rate=600, burst=600)[0] == 598


def test_the_share_of_orders_is_for_orders(live_shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGING__SENDING__RATE__PIGEON", "4")
    live_shop.app = live_shop.open()
    live_shop.app.store.take_tokens("rate:pigeon:orders", 1, rate=1, burst=1)
    buckets: list[str] = []
    take = live_shop.app.store.take_tokens

    def seen(bucket: str, wanted: int, *, rate: float, burst: int) -> tuple[int, float]:
        buckets.append(bucket)
        got: tuple[int, float] = take(bucket, wanted, rate=rate, burst=burst)
        return got

    monkeypatch.setattr(live_shop.app.store, "take_tokens", seen)
    live_shop.due(Lane.EVENT, "bob")
    live_shop.app.dispatcher.run_due()
    assert buckets == ["rate:pigeon"]
    live_shop.due(Lane.ORDER, "ann")
    live_shop.app.dispatcher.run_due()
    assert buckets[1:] == ["rate:pigeon:orders", "rate:pigeon"]  # all of theirs is taken: then what all share
    assert live_shop.handed() == ["bob", "ann"]


def test_orders_go_first_on_all_channels(live_shop: Any) -> None:
    live_shop.add_parrot()
    for channel in ("email", "sms"):
        live_shop.due(Lane.EVENT, "bob", channel=channel)
        live_shop.due(Lane.ORDER, "ann", channel=channel)
    handed: list[tuple[str, str]] = []

    def answer(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        for message in messages:
            handed.append((message.to.partition("@")[0], message.channel))
            yield Receipt.accepted(message.id)

    live_shop.pigeon.answer = answer
    live_shop.app.dispatcher.run_due()
    assert handed == [("ann", "email"), ("ann", "sms"), ("bob", "email"), ("bob", "sms")]


def test_a_channel_with_a_fault_is_left_alone_and_stops_no_other(live_shop: Any) -> None:
    live_shop.add_parrot()
    for channel in ("email", "sms"):
        live_shop.due(Lane.ORDER, "ann", channel=channel)
        live_shop.due(Lane.EVENT, "bob", channel=channel)
    tries: list[str] = []

    def answer(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        tries.append(messages[0].channel)
        if messages[0].channel == "email":
            raise AdapterUnusable("the key was refused")
        yield Receipt.accepted(messages[0].id)

    live_shop.pigeon.answer = answer
    _, fault = live_shop.app.dispatcher.run_due()
    assert isinstance(fault, AdapterUnusable)
    assert tries == ["email", "sms", "sms"]


def test_cancelling_while_it_is_being_sent_leaves_nothing_planned(live_shop: Any) -> None:
    live_shop.add_customers(5 * GROUP)
    live_shop.campaign()
    other = live_shop.open()

    def cancel(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        if len(live_shop.pigeon.handed) == GROUP:
            other.campaigning.cancel("spring")
        for message in messages:
            yield Receipt.accepted(message.id)

    live_shop.pigeon.answer = cancel
    live_shop.app.send_campaign("spring")
    counts = live_shop.counts()
    assert set(counts) == {"sent", "skipped"}
    assert counts["sent"] + counts["skipped"] == 5 * GROUP
    assert counts["sent"] <= 2 * GROUP


@pytest.mark.parametrize("answer", [Receipt.try_again, Receipt.accepted])
def test_what_others_have_in_hand_when_it_is_cancelled_is_planned_no_more(live_shop: Any, answer: Any) -> None:
    """Neither what is locked or marked, nor what the provider wants again; whoever dies, and without anybody's look."""
    live_shop.add_customers(5 * GROUP)
    live_shop.campaign()
    other, third = live_shop.open(), live_shop.open()
    locked = third.store.outbox.claim(third.store.enlist(), now=live_shop.clock.now(), limit=GROUP, campaign="spring")
    sender = live_shop.app.make_sender(threading.Event(), turn=Turn(0.0))

    def cancel(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        other.campaigning.cancel("spring")
        assert all(one.state is MessageState.SKIPPED for one in other.store.outbox.get([m.id for m in locked]).values())
        for message in messages:
            yield answer(message.id, "busy")

    live_shop.pigeon.answer = cancel
    with sender._turn:
        sender.send_campaign("spring")
    assert set(live_shop.counts()) == ({"sent", "skipped"} if answer == Receipt.accepted else {"skipped"})
    third.close()
    assert live_shop.app.store.outbox.workers() == []


def test_what_died_in_hand_and_would_be_sent_again_is_not_if_it_was_cancelled(live_shop: Any) -> None:
    live_shop.add_customers(3)
    live_shop.campaign()
    app, dead = live_shop.app, live_shop.open()
    worker = dead.store.enlist()
    lost = [message.id for message in dead.store.outbox.claim(worker, now=live_shop.clock.now(), limit=2)]
    dead.store.outbox.begin(worker, lost, now=live_shop.clock.now())
    dead.close()
    live_shop.pigeon.Pigeon.capabilities = Capabilities(idempotency_key=True)
    app.campaigning.cancel("spring")
    assert live_shop.counts() == {"sending": 2, "skipped": 1}
    sender = app.make_sender(threading.Event())
    assert sender.bury_the_dead() == 2
    assert live_shop.counts() == {"skipped": 3}


def test_what_a_sender_planned_again_and_died_is_skipped_in_time(live_shop: Any) -> None:
    live_shop.add_customers(1)
    live_shop.campaign()
    app = live_shop.app
    (message,) = app.store.outbox.claim(app.store.enlist(), now=live_shop.clock.now(), limit=1)
    app.campaigning.cancel("spring")
    app.store.outbox.replan([replace(message, worker=None)])  # as it stands between its receipt and its sender's end
    assert live_shop.counts() == {"planned": 1}
    app.dispatcher.tidy()
    assert live_shop.counts() == {"skipped": 1}


def test_an_unsubscribe_stops_a_message_that_is_already_marked(live_shop: Any) -> None:
    live_shop.add_customers(2 * GROUP)
    live_shop.campaign()
    other = live_shop.open()
    victims: list[str] = []

    def unsubscribe_the_next_group(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        if not victims:
            mine = {message.id for message in messages}
            while not victims:  # until the next group is marked
                rows = other.store.outbox.page(campaign="spring", state=MessageState.SENDING, limit=1000)
                victims.extend(row.customer_id for row in rows if row.id not in mine)
            live_shop.unsubscribe(victims[0])
        for message in messages:
            yield Receipt.accepted(message.id)

    live_shop.pigeon.answer = unsubscribe_the_next_group
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 2 * GROUP - 1, "skipped": 1}
    assert victims[0] not in live_shop.handed()


@pytest.mark.parametrize(("batch", "times"), [(600, 1), (1, 3)])
def test_consent_is_asked_when_it_counts(
    live_shop: Any, monkeypatch: pytest.MonkeyPatch, batch: int, times: int
) -> None:
    """In the transaction that marks a group, and anew if it had to wait for the one before."""
    live_shop.add_customers(2 * GROUP)
    live_shop.campaign()
    live_shop.pigeon.Pigeon.capabilities = Capabilities(batch_size=batch)
    live_shop.app.campaigning.start("spring")
    live_shop.app.campaigning.fill("spring")
    addresses, asked = live_shop.app.store.addresses, []
    status = addresses.status
    monkeypatch.setattr(addresses, "status", lambda wanted: asked.append(len(wanted)) or status(wanted))
    live_shop.app.send_campaign("spring")
    assert live_shop.counts() == {"sent": 2 * GROUP}
    assert asked == ([2 * GROUP] if batch > 1 else [GROUP] * times)


def test_an_order_message_is_shown_as_it_went_out(live_shop: Any) -> None:
    live_shop.app.triggers.enable("order-confirmation")
    event = {
        "id": "e1",
        "type": "order.placed",
        "time": live_shop.clock.now().isoformat(),
        "customer": {"id": "ann", "email": "ann@example.com", "first_name": "Annabel"},
        "data": {
            "order": {
                "number": "A-1",
                "total": "1.00",
                "currency": "EUR",
                "items": [{"sku": "T", "name": "Tea", "quantity": 1, "price": "1.00"}],
            }
        },
    }
    live_shop.app.intake.receive(event)
    live_shop.app.dispatcher.run_due()
    (message,) = live_shop.app.store.outbox.page(customer_id="ann")
    person = live_shop.app.store.customers.get(["ann"])["ann"]
    live_shop.app.store.customers.put([replace(person, first_name="Zelda")])
    shown = live_shop.app.show(message)
    assert shown.parts == live_shop.pigeon.handed[0].parts
    assert "Annabel" in shown.parts["text"]
    live_shop.app.store.outbox.forget_contexts(live_shop.clock.now() + timedelta(days=1))
    (message,) = live_shop.app.store.outbox.page(customer_id="ann")
    assert message.context is None


def test_who_takes_batches_gets_them_whole_with_their_pieces(live_shop: Any) -> None:
    live_shop.add_customers(700)
    groups: list[Sequence[RenderedMessage]] = []

    def answer(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        groups.append(messages)
        return (Receipt.accepted(message.id) for message in messages)

    live_shop.campaign()
    live_shop.pigeon.answer = answer
    live_shop.pigeon.Pigeon.capabilities = Capabilities(batch_size=600)
    live_shop.app.send_campaign("spring")
    assert [len(group) for group in groups] == [600, 100]
    for message in (message for group in groups for message in group):
        assert {name: piece.text for name, piece in message.pieces.items()} == message.parts
    assert len({message.pieces["html"].skeleton for message in groups[0]}) == 1
    groups.clear()
    live_shop.pigeon.Pigeon.capabilities = Capabilities()
    live_shop.campaign("summer")
    live_shop.app.send_campaign("summer")
    assert {len(group) for group in groups} == {GROUP, 700 % 256 % GROUP or GROUP}
    assert all(message.pieces == {} for group in groups for message in group)
