"""The outbox against a plain dict: whatever is done with messages in whatever order, by whom, every store agrees with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from messaging.ids import message_id
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import Lane, Message, MessageState
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome
from messaging.stores.tinydb.store import TinyStore

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
PLANNED, SENDING, SENT, UNKNOWN = (
    MessageState.PLANNED,
    MessageState.SENDING,
    MessageState.SENT,
    MessageState.UNKNOWN,
)
PEOPLE = ("ann", "bob", "cy")
CAMPAIGNS = ("spring", "summer")
WHO = st.sampled_from(PEOPLE)
HOURS = st.integers(-2, 1)
#: Which of those there are: taken modulo their number.
PICK = st.integers(0, 99)
#: A call alone, one in a transaction, and one in a transaction that fails afterwards, which must be as if it never was.
WAYS = st.sampled_from(["alone", "alone", "alone", "transaction", "undone"])
WHICH = st.integers(0, 1)
LANES = st.sampled_from([Lane.ORDER, Lane.EVENT, Lane.CAMPAIGN])
#: What a receipt, or its loss, says of a message that was handed over.
WORDS = st.sampled_from(["accepted", "refused", "again", "lost", "stopped"])
#: What may become of a message from one moment to the next, whatever was done.
MAY_BECOME = {
    PLANNED: set(MessageState) - {UNKNOWN},
    SENDING: set(MessageState),
    SENT: {SENT},
    MessageState.REFUSED: {MessageState.REFUSED, SENT},
    MessageState.SKIPPED: {MessageState.SKIPPED, PLANNED, SENT},
    UNKNOWN: {UNKNOWN, SENT, MessageState.REFUSED, MessageState.SKIPPED, PLANNED},
}


class Undone(Exception):
    """A transaction is not to be."""


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self, open_store: Callable[[], Store], make: Any) -> None:
        super().__init__()
        self.open_store, self.make = open_store, make
        #: Two processes.
        self.stores = [open_store(), open_store()]
        #: In order of arrival.
        self.rows: dict[str, Message] = {}
        #: Workers that live, and whose they are.
        self.living = {self.stores[which].enlist(): which for which in (0, 1)}
        self.now = make.now
        self.before: dict[str, MessageState] = {}
        self.erased = 0

    # What comes in.

    @initialize(hours=HOURS)
    def begin_with_some(self, hours):
        self._add(0, "alone", [self._campaign_row("spring", who, hours) for who in PEOPLE])
        self._add(1, "alone", [self._event_row("ann", 1, Lane.ORDER, hours)])

    @rule(
        which=WHICH,
        way=WAYS,
        campaign=st.sampled_from(CAMPAIGNS),
        people=st.sets(WHO, min_size=1),
        hours=HOURS,
        some_skipped=st.booleans(),
    )
    def add_campaign(self, which, way, campaign, people, hours, some_skipped):
        rows = [self._campaign_row(campaign, who, hours) for who in sorted(people)]
        if some_skipped:
            rows[0] = replace(rows[0], state=MessageState.SKIPPED, reason="no consent (email)")
        self._add(which, way, rows)

    @rule(which=WHICH, way=WAYS, who=WHO, order=st.integers(1, 3), marketing=st.booleans(), hours=HOURS)
    def add_order(self, which, way, who, order, marketing, hours):
        self._add(which, way, [self._event_row(who, order, Lane.EVENT if marketing else Lane.ORDER, hours)])

    @precondition(lambda self: self._ids(MessageState.SKIPPED))
    @rule(which=WHICH, way=WAYS, pick=PICK, hours=HOURS)
    def replan(self, which, way, pick, hours):
        """Those that were skipped; what is not skipped, or not there, stays as it is."""
        ids = {self._pick(MessageState.SKIPPED, pick), *list(self.rows)[:1]}
        anew = [
            replace(self.rows[id], state=PLANNED, reason=None, due_at=self.now + hours * HOUR)
            for id in sorted(ids)
            if self.rows[id].address is not None
        ]
        changed = {row.id: row for row in anew if self.rows[row.id].state is MessageState.SKIPPED}
        stranger = self.make.message("nobody's")
        assert self._do(which, way, lambda s: s.outbox.replan([*anew, stranger]), changed) == len(changed)

    # A sender's way.

    @precondition(lambda self: self._waiting(None, None))
    @rule(pick=PICK, way=WAYS, limit=st.integers(1, 4), campaign=st.sampled_from(CAMPAIGNS), also_begin=st.booleans())
    def claim_of_a_campaign(self, pick, way, limit, campaign, also_begin):
        self._claim(pick, way, limit, also_begin, campaign=campaign)

    @precondition(lambda self: self._waiting(None, None))
    @rule(pick=PICK, way=WAYS, limit=st.integers(1, 4), lanes=st.none() | st.sets(LANES), also_begin=st.booleans())
    def claim_of_lanes(self, pick, way, limit, lanes, also_begin):
        self._claim(pick, way, limit, also_begin, lanes=lanes)

    def _claim(self, pick, way, limit, also_begin, *, lanes=None, campaign=None):
        worker, which = self._worker(pick)
        due = [row for row in self._waiting(lanes, campaign) if row.due_at <= self.now]
        claimed = self._do(
            which,
            way,
            lambda s: s.outbox.claim(worker, now=self.now, limit=limit, lanes=lanes, campaign=campaign),
            lambda found: {row.id: replace(self.rows[row.id], worker=worker) for row in found},
        )
        assert {row.id for row in claimed} <= {row.id for row in due}
        expected = sorted((row.lane, row.due_at) for row in due)[:limit]
        assert [(row.lane, row.due_at) for row in claimed] == expected
        assert [replace(row, worker=None) for row in claimed] == [
            replace(self.rows[row.id], worker=None) for row in claimed
        ]
        if claimed and way != "undone" and also_begin:
            self._begin(worker, way, limit)

    @precondition(lambda self: self._busy(PLANNED))
    @rule(pick=PICK, way=WAYS, also=PICK)
    def begin(self, pick, way, also):
        self._begin(self._worker(pick, self._busy(PLANNED))[0], way, also)

    def _begin(self, worker, way, also):
        """Some of its own; what it does not have is not begun."""
        mine = [row.id for row in self.rows.values() if row.state is PLANNED and row.worker == worker]
        others = [row.id for row in self.rows.values() if row.worker != worker]
        asked = [*mine[: 1 + also % 3], *others, "nobody's"]
        begun = {
            id: replace(self.rows[id], state=SENDING, attempts=self.rows[id].attempts + 1) for id in asked if id in mine
        }
        which = self.living[worker]
        assert self._do(which, way, lambda s: s.outbox.begin(worker, asked, now=self.now), begun) == list(begun)

    @precondition(lambda self: self._ids(SENDING))
    @rule(which=WHICH, way=WAYS, words=st.lists(st.tuples(PICK, WORDS), min_size=1, max_size=3))
    def settle(self, which, way, words):
        """Receipts of what is in hand."""
        told = {self._pick(SENDING, pick): word for pick, word in words}
        self._settle(which, way, [self._outcome(self.rows[id], word) for id, word in told.items()])

    @precondition(lambda self: self._ids(PLANNED, locked=True))
    @rule(which=WHICH, way=WAYS, pick=PICK, held=st.booleans())
    def decide(self, which, way, pick, held):
        """Policy has its say of what is locked: not now, or not at all."""
        row = self.rows[self._pick(PLANNED, pick, locked=True)]
        self._settle(which, way, [self._outcome(row, "held" if held else "stopped")])

    @precondition(lambda self: self._ids(UNKNOWN, SENT))
    @rule(which=WHICH, way=WAYS, pick=PICK, word=WORDS)
    def hear_later(self, which, way, pick, word):
        """A late receipt, a provider's event, or a person resolves what is unknown; what was sent stays sent."""
        self._settle(which, way, [self._outcome(self.rows[self._pick((UNKNOWN, SENT), pick)], word)])

    @precondition(lambda self: any(row.attempts for row in self.rows.values()))
    @rule(which=WHICH, way=WAYS, pick=PICK, word=WORDS, before=st.integers(0, 1))
    def hear_of_an_attempt(self, which, way, pick, word, before):
        """A sender that was taken for dead speaks, of the last hand-over or the one before."""
        tried = [row for row in self.rows.values() if row.attempts]
        row = tried[pick % len(tried)]
        self._settle(which, way, [replace(self._outcome(row, word), of_attempt=row.attempts - before)])

    @precondition(lambda self: self._busy(PLANNED))
    @rule(pick=PICK, way=WAYS, some=st.booleans())
    def release(self, pick, way, some):
        worker, which = self._worker(pick, self._busy(PLANNED))
        locked = [row for row in self.rows.values() if row.state is PLANNED and row.worker == worker]
        locked = locked[:1] if some else locked
        others = [row.id for row in self.rows.values() if row.state is SENDING or row.worker != worker]
        ids = [row.id for row in locked] + others if some else None
        freed = {row.id: replace(row, worker=None) for row in locked}
        self._do(which, way, lambda s: s.outbox.release(worker, ids), freed)

    @precondition(lambda self: self._busy(PLANNED, SENDING, UNKNOWN))
    @rule(pick=PICK)
    def die(self, pick):
        """What it has stays with it until somebody buries it."""
        worker, which = self._worker(pick, self._busy(PLANNED, SENDING, UNKNOWN))
        self.stores[which].dismiss(worker)
        del self.living[worker]
        self.living[self.stores[which].enlist()] = which

    @precondition(lambda self: set(self._workers()) - set(self.living))
    @rule(which=WHICH, way=WAYS)
    def bury_the_dead(self, which, way):
        by = next(worker for worker, whose in self.living.items() if whose == which)
        for worker in self.stores[which].outbox.workers():
            assert self.stores[which].is_alive(worker) == (worker in self.living)
            if worker not in self.living:
                held = [row for row in self.rows.values() if row.worker == worker]
                buried = {row.id: replace(row, worker=None) for row in held}
                lost = {row.id for row in held if row.state is not PLANNED}
                for id in lost:
                    reason = "the sender died" if self.rows[id].state is SENDING else self.rows[id].reason
                    buried[id] = replace(buried[id], state=UNKNOWN, reason=reason, worker=by)
                told = self._do(which, way, lambda s, dead=worker: s.outbox.bury(dead, by=by), buried)
                assert {row.id: row for row in told} == {id: buried[id] for id in lost}

    # What others do meanwhile.

    @precondition(lambda self: self.rows)
    @rule(which=WHICH, way=WAYS, picks=st.lists(PICK, min_size=1, max_size=3), hours=HOURS, expires=st.booleans())
    def postpone(self, which, way, picks, hours, expires):
        ids = [list(self.rows)[pick % len(self.rows)] for pick in picks]
        due, expiry = self.now + hours * HOUR, self.now + 9 * HOUR if expires else None
        moved = {
            id: replace(self.rows[id], due_at=due, expires_at=expiry or self.rows[id].expires_at)
            for id in ids
            if self.rows[id].state is PLANNED and self.rows[id].worker is None
        }
        assert self._do(which, way, lambda s: s.outbox.postpone(ids, due, expires_at=expiry), moved) == len(moved)

    @rule(which=WHICH, way=WAYS, campaign=st.sampled_from(CAMPAIGNS), pause=st.booleans())
    def stop(self, which, way, campaign, pause):
        """A campaign is paused, which changes no row, or cancelled."""
        left = [row for row in self.rows.values() if row.campaign == campaign and row.state is PLANNED and not pause]
        stopped = {row.id: replace(row, state=MessageState.SKIPPED, reason="cancelled", worker=None) for row in left}
        state = CampaignState.PAUSED if pause else CampaignState.CANCELLED

        def act(store):
            store.campaigns.put(self.make.campaign(campaign, state=state))
            return 0 if pause else store.outbox.stop(campaign, "cancelled")

        assert self._do(which, way, act, stopped) == len(stopped)

    @precondition(lambda self: self.erased < 1 and len(self.rows) > 3)
    @rule(which=WHICH, way=WAYS, who=WHO)
    def erase(self, which, way, who):
        """What was still to go is skipped; the rest stays to be counted, for nobody that one could name."""
        gone = {}
        for row in self.rows.values():
            if row.customer_id == who:
                bare = replace(row, address=None, context=None, provider_id=None, event_key=None, trigger_key=None)
                if row.campaign is None:
                    bare = replace(bare, origin=f"trigger:{row.template}:erased")
                if row.state is PLANNED:
                    bare = replace(bare, state=MessageState.SKIPPED, reason="erased", worker=None)
                gone[row.id] = bare
        self.stores[which].customers.put([self.make.customer(who)])
        self._do(which, way, lambda s: s.customers.delete(who), gone)
        if gone and way != "undone":
            found = self.stores[which].outbox.get(gone)
            (alias,) = {row.customer_id for row in found.values()}
            assert alias not in (*PEOPLE, "")
            self.rows |= {id: replace(row, customer_id=alias) for id, row in gone.items()}
        self.erased += way != "undone"

    @rule(hours=st.integers(-1, 3))
    def time_passes(self, hours):
        """Clocks are set back as well."""
        self.now += hours * HOUR

    @precondition(lambda self: self._busy(PLANNED, SENDING, UNKNOWN))
    @rule(which=WHICH)
    def reopen(self, which):
        """Its workers are gone with it."""
        self.stores[which].close()
        self.stores[which] = self.open_store()
        self.living = {worker: whose for worker, whose in self.living.items() if whose != which}
        self.living[self.stores[which].enlist()] = which

    # What must always hold.

    @invariant()
    def agree(self):
        for store in self.stores:
            outbox = store.outbox
            assert outbox.page(limit=1000) == [self.rows[id] for id in sorted(self.rows)]
            for campaign in CAMPAIGNS:
                rows = [row for row in self.rows.values() if row.campaign == campaign]
                counts = outbox.counts(campaign)
                assert counts == {**dict.fromkeys(MessageState, 0), **Counter(row.state for row in rows)}
                assert sum(counts.values()) == len(rows)
                assert outbox.reasons(campaign) == Counter((row.state, row.reason) for row in rows if row.reason)
                waiting = [row.due_at for row in self._waiting(None, campaign)]
                assert outbox.next_due(campaign=campaign) == min(waiting, default=None)
            for lanes in ({Lane.ORDER}, {Lane.EVENT, Lane.CAMPAIGN}):
                assert outbox.next_due(lanes=lanes) == min(
                    (row.due_at for row in self._waiting(lanes, None)), default=None
                )
            assert outbox.workers() == self._workers()
            pending = outbox.pending(PEOPLE)
            for who in PEOPLE:
                own = [row for row in self.rows.values() if row.customer_id == who]
                assert {row.id for row in outbox.waiting(customer_id=who)} == {
                    row.id for row in own if row in self._waiting({Lane.ORDER, Lane.EVENT}, None)
                }
                assert {row.id for row in pending.get(who, ())} == {
                    row.id for row in own if row.state in (PLANNED, SENDING, UNKNOWN)
                }

    @invariant()
    def laws(self):
        """They hold of the store itself, whatever the model thinks."""
        rows = {row.id: row for row in self.stores[0].outbox.page(limit=1000)}
        assert rows.keys() >= self.before.keys(), "a message vanished"
        for id, before in self.before.items():
            assert rows[id].state in MAY_BECOME[before], f"{before} became {rows[id].state}"
        assert all(row.worker for row in rows.values() if row.state is SENDING), "sending, and nobody sends it"
        assert all(row.state in (PLANNED, SENDING, UNKNOWN) for row in rows.values() if row.worker)
        named = [(row.origin, row.customer_id, row.channel) for row in rows.values() if row.address is not None]
        assert len(named) == len(set(named)), "somebody has a message twice"
        self.before = {id: row.state for id, row in rows.items()}

    def teardown(self):
        for store in self.stores:
            store.close()

    # Small helpers.

    def _campaign_row(self, campaign: str, who: str, hours: int) -> Message:
        origin = f"campaign:{campaign}"
        return self.make.message(
            message_id(origin, who, "email"),
            origin=origin,
            campaign=campaign,
            customer_id=who,
            address=f"{who}@example.com",
            due_at=self.now + hours * HOUR,
        )

    def _event_row(self, who: str, order: int, lane: Lane, hours: int) -> Message:
        origin = f"trigger:welcome:{lane.name}-{order}"
        return self.make.message(
            message_id(origin, who, "email"),
            origin=origin,
            lane=lane,
            customer_id=who,
            address=f"{who}@example.com",
            event_key=f"e{order}",
            context={"order": {"number": str(order)}},
            due_at=self.now + hours * HOUR,
        )

    def _add(self, which: int, way: str, rows: list[Message]) -> None:
        new = {row.id: row for row in rows if row.id not in self.rows}
        assert self._do(which, way, lambda s: s.outbox.add(rows), new) == len(new)

    def _outcome(self, row: Message, word: str) -> Outcome:
        make = self.make
        return {
            "accepted": lambda: make.sent(row.id, provider_id=f"p-{row.attempts}", variant="default"),
            "refused": lambda: Outcome(message_id=row.id, state=MessageState.REFUSED, reason="no", adapter="smtp"),
            "again": lambda: Outcome(message_id=row.id, state=PLANNED, reason="busy", due_at=self.now + HOUR),
            "held": lambda: Outcome(message_id=row.id, state=PLANNED, reason="quiet hours", due_at=self.now + HOUR),
            "lost": lambda: Outcome(message_id=row.id, state=UNKNOWN, reason="no answer", adapter="smtp"),
            "stopped": lambda: Outcome(message_id=row.id, state=MessageState.SKIPPED, reason="unsubscribed"),
        }[word]()

    def _settle(self, which: int, way: str, outcomes: list[Outcome]) -> None:
        settled = {}
        for outcome in outcomes:
            row = self.rows[outcome.message_id]
            if row.state is SENT:
                continue
            late = outcome.of_attempt is not None and outcome.state is not SENT
            if late and (outcome.of_attempt != row.attempts or row.state not in (PLANNED, SENDING, UNKNOWN)):
                continue
            if late and (row.state, outcome.state) == (PLANNED, UNKNOWN):
                continue
            given = ("due_at", "attempts", "adapter", "provider_id", "sent_at", "context", "variant")
            fields = {name: value for name in given if (value := getattr(outcome, name)) is not None}
            fields |= {"state": outcome.state, "reason": outcome.reason, "worker": None}
            if outcome.of_attempt not in (None, row.attempts):
                fields["reason"] = row.reason
            if row.address is None:  # erased: what counts is recorded, and nothing is planned again
                fields = {name: value for name, value in fields.items() if name not in ("provider_id", "due_at")}
                fields["reason"] = "erased" if outcome.reason else None
                if outcome.state is PLANNED:
                    fields |= {"state": MessageState.SKIPPED, "reason": "erased"}
            settled[row.id] = replace(row, **fields)
        self._do(which, way, lambda s: s.outbox.settle(outcomes), settled)

    def _do(self, which: int, way: str, act: Callable[[Store], Any], changed: Any) -> Any:
        """Do it, and the same to the model; `changed`: the new rows, or what makes them of the answer."""
        store = self.stores[which]
        if way == "alone":
            answer = act(store)
        else:
            try:
                with store.transaction():
                    answer = act(store)
                    if way == "undone":
                        raise Undone
            except Undone:
                return answer
        self.rows |= changed(answer) if callable(changed) else changed
        return answer

    def _waiting(self, lanes: set[Lane] | None, campaign: str | None) -> list[Message]:
        return [
            row
            for row in self.rows.values()
            if row.state is PLANNED
            and row.worker is None
            and (lanes is None or row.lane in lanes)
            and campaign in (None, row.campaign)
        ]

    def _ids(self, *states: MessageState, locked: bool = False) -> list[str]:
        return [row.id for row in self.rows.values() if row.state in states and (row.worker or not locked)]

    def _pick(self, states: Any, pick: int, *, locked: bool = False) -> str:
        ids = self._ids(*(states if isinstance(states, tuple) else (states,)), locked=locked)
        return ids[pick % len(ids)]

    def _busy(self, *states: MessageState) -> list[str]:
        """The living workers that have messages in one of these states."""
        return [
            worker
            for worker in self.living
            if any(row.worker == worker and row.state in states for row in self.rows.values())
        ]

    def _worker(self, pick: int, workers: list[str] | None = None) -> tuple[str, int]:
        found = list(self.living) if workers is None else workers
        return found[pick % len(found)], self.living[found[pick % len(found)]]

    def _workers(self) -> list[str]:
        return sorted({row.worker for row in self.rows.values() if row.worker})


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def begin_anew(request, tmp_path, clock) -> Callable[[], Callable[[], Store]]:
    """Makes an empty store, again and again: returns what opens it."""
    if request.param == "postgres":
        empty, opener = request.getfixturevalue("empty_postgres"), request.getfixturevalue("open_postgres")

        def begin() -> Callable[[], Store]:
            empty()
            return opener

        return begin
    numbers: Iterator[int] = iter(range(10**6))

    def begin() -> Callable[[], Store]:
        path = tmp_path / str(next(numbers)) / "store.jsonl"
        return lambda: TinyStore(path, clock=clock)

    return begin


def test_every_store_agrees_with_a_dict(begin_anew, make):
    run_state_machine_as_test(
        lambda: OutboxMachine(begin_anew(), make),
        settings=settings(
            max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
