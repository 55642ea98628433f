"""The suite for checks (`check_messages`): they answer for what they are asked, from what they are told, quickly."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

import pluggy
import pytest
from pydantic import BaseModel

from messaging import hookspecs
from messaging.nouns.consent import AddressStatus
from messaging.nouns.customer import Customer
from messaging.nouns.decision import Decision, Deny, MessageFacts, NotBefore
from messaging.nouns.history import MessageFact
from messaging.nouns.message import Lane, Message, MessageClass
from messaging.services.handover import secrets_in
from messaging.services.plugin_settings import read_settings
from messaging.testing.builders import NOW, make_customer, make_planned
from messaging.testing.contract.bench import ended, fault
from messaging.testing.contract.clock import check_hash, modules_of, no_clock
from messaging.testing.contract.hearing import listening
from messaging.testing.contract.leaks import check_addresses, check_secrets
from messaging.testing.contract.tidying import Tidying, nothing_left

#: As many messages as the core asks about at a time, and how long that may take (seconds of processor time).
PAGE = 256
#: Answers for each message.
MOST = 100
_QUICK = 0.5
#: How often a message may be held back while nothing else happens.
_TIMES = 40
#: By the clock on the wall, where it waits for somebody.
_PATIENCE = 2.0


class RuleContract(Tidying):
    """Whether a check is right. Subclass it in a test and name the plugin: its module, or any object with the hook.

    class TestQuietSundays(RuleContract):
        plugin = messaging_quiet
    """

    #: What has `check_messages`, marked with `messaging.hookimpl`.
    plugin: ClassVar[Any]
    #: The plugin's `[plugins.NAME]` table; it comes with the facts as its `register_settings` reads it.
    settings: ClassVar[Any] = {}
    #: Whether it denies order messages, and means to.
    denies_orders: ClassVar[bool] = False

    def batch(self, number: int = PAGE, **fields: Any) -> list[Message]:
        """Messages to different customers."""
        return [make_planned(each, **fields) for each in range(1, number + 1)]

    def facts(self, messages: Sequence[Message], now: datetime = NOW, **fields: Any) -> MessageFacts:
        """What the core preloads for them: here, that everybody got a promotion on each of the last five days, and that
        the messages themselves are planned.
        """
        sent = tuple(
            MessageFact("promotion", f"sale-{day}", now - timedelta(days=day), channel="email", topic="offers")
            for day in range(1, 6)
        )
        people = {message.customer_id for message in messages}
        pending: dict[str, tuple[Message, ...]] = dict.fromkeys(people, ())
        for message in messages:
            pending[message.customer_id] += (message,)
        values = {
            "customers": {each: make_customer(int(each[1:]), id=each) for each in people},
            "recent": dict.fromkeys(people, sent),
            "pending": pending,
            "addresses": {(message.channel, message.address or ""): AddressStatus() for message in messages},
            "settings": self.told(self.settings),
        }
        return MessageFacts(now=now, **{**values, **fields})

    @property
    def _hook(self) -> pluggy.HookCaller:
        manager = pluggy.PluginManager("messaging")
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(self.plugin)
        except pluggy.PluginValidationError as error:
            fault(f"the hook cannot be called: {error}", "take any of `messages` and `facts`, by these names")
        caller: pluggy.HookCaller = manager.hook.check_messages
        if not caller.get_hookimpls():
            fault("it has no check_messages", "mark the function of that name with @messaging.hookimpl")
        return caller

    def told(self, table: Any) -> Any:
        """A table of settings as the plugin gets it."""
        register = getattr(self.plugin, "register_settings", None)
        return (
            table
            if register is None or isinstance(table, BaseModel)
            else read_settings(register(), table, ("plugins", "tested"))
        )

    def _said(self, messages: Sequence[Message], facts: MessageFacts) -> list[Decision]:
        answers = (answer for each in self._hook(messages=messages, facts=facts) for answer in each)
        said = list(islice(answers, MOST * (len(messages) + 1)))
        if len(said) == MOST * (len(messages) + 1):
            raise ValueError("it answers without end")
        return said

    def ask(self, messages: Sequence[Message], facts: MessageFacts) -> list[Decision]:
        """What it says, as the core asks it."""
        try:
            said = ended("check_messages", lambda: self._said(messages, facts))
        except Exception as error:  # what its author wrote may raise anything
            fault(
                f"check_messages raised {type(error).__name__}: {error}",
                "decide on what is not known too: a check that raises holds the whole batch back",
            )
        ids = {message.id for message in messages}
        for decision in said:
            if not isinstance(decision, Deny | NotBefore):
                fault(f"it answered {decision!r}", "answer with messaging.Deny or messaging.NotBefore")
            if decision.message_id not in ids:
                fault(
                    f"it answered for {decision.message_id!r}, which it was not asked about",
                    "answer only for those of `messages` that must not go, or not now",
                )
            reason: object = decision.reason
            if not isinstance(reason, str) or "\n" in reason or not reason.strip():
                fault(f"a decision's reason is {reason!r}", "say why, in a line of words that the plan can show")
            if isinstance(decision, NotBefore) and decision.time.tzinfo is None:
                fault("a NotBefore has a time without a zone", "make it aware, from facts.now")
        return said

    def test_a_batch(self) -> None:
        messages = self.batch()
        self.ask(messages, self.facts(messages))

    def test_nothing_to_check(self) -> None:
        self.ask([], self.facts([]))

    def test_it_is_quick(self) -> None:
        messages = self.batch()
        facts = self.facts(messages)
        self.ask(messages, facts)
        began, at = time.process_time(), time.monotonic()
        self.ask(messages, facts)
        if time.process_time() - began > _QUICK or time.monotonic() - at > _PATIENCE:
            fault(
                f"{PAGE} messages cost more than {_QUICK:g} seconds",
                "everything needed is in `facts`: ask no store, no service and no file for each message",
            )

    def test_the_same_again(self) -> None:
        messages = self.batch()
        facts, others = self.facts(messages), self.facts(messages, NOW + timedelta(hours=7), recent={})
        first, second = self.ask(messages, facts), self.ask(messages, others)
        for _ in range(3):
            if self.ask(messages, facts) != first or self.ask(messages, others) != second:
                fault(
                    "asked the same twice, it answers differently",
                    "decide from messages and facts alone: facts.now is the time; keep nothing between calls",
                )

    def test_another_process_says_the_same(self) -> None:
        check_hash(modules_of(self.plugin))

    def test_it_does_not_look_at_the_clock(self) -> None:
        messages = self.batch(8)
        facts = self.facts(messages)
        with no_clock(modules_of(self.plugin), "facts.now is the time: business time may stand still, or be replayed"):
            self.ask(messages, facts)

    def test_nothing_is_left_behind(self) -> None:
        assert self.at_first is not None
        messages = self.batch(8)
        with nothing_left(self.at_first):
            for hours in (0, 7):
                self.ask(messages, self.facts(messages, NOW + timedelta(hours=hours)))

    def test_in_several_threads(self) -> None:
        """Each lane asks by itself."""
        batches = [self.batch(PAGE)[part::4] for part in range(4)]
        asked = [(batch, self.facts(batch, NOW + timedelta(hours=6 * n))) for n, batch in enumerate(batches)] * 4
        alone = [self.ask(*each) for each in asked]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda each: self.ask(*each), asked))
        if together != alone:
            fault(
                "asked by several threads at once, it answers differently",
                "keep nothing between and beside calls: what a call needs, it has in variables of its own",
            )

    def test_nothing_is_changed(self) -> None:
        context = {"order": {"number": "7", "items": [{"name": "tea"}]}}
        messages = [replace(message, context=deepcopy(context)) for message in self.batch(8)]
        facts = self.facts(messages)
        before = repr((messages, _values(facts)))  # customers hold views, which cannot be copied
        self.ask(messages, facts)
        if repr((messages, _values(facts))) != before:
            fault("it changed what it was given", "answer with decisions; messages and facts are for reading")

    def test_each_is_judged_by_itself(self) -> None:
        """Messages to different people have nothing to do with each other, however many are asked about at once."""
        messages = self.batch(40)
        facts = self.facts(messages)
        together = self._by_message(self.ask(messages, facts))
        for size in (1, 7, 20, 39):
            parts = [messages[start : start + size] for start in range(0, len(messages), size)]
            apart = self._by_message(decision for part in reversed(parts) for decision in self.ask(part, facts))
            if together != apart:
                fault(
                    "what it says of one message depends on others that go to other people",
                    "decide on each message by its own customer, address and history",
                )

    def test_in_any_order(self) -> None:
        """Also those to one person: two senders may look at them one after the other."""
        twins = [
            replace(message, id=f"{message.id}:{campaign}", origin=f"campaign:{campaign}", campaign=campaign)
            for message in self.batch(12)
            for campaign in ("spring", "summer", "autumn")
        ]
        facts = self.facts(twins)
        forwards = self._by_message(self.ask(twins, facts))
        backwards = self._by_message(self.ask(twins[::-1], facts))
        mixed = self._by_message(self.ask(twins[1::2] + twins[::2], facts))
        if not forwards == backwards == mixed:
            fault(
                "what it says depends on the order of the messages",
                "where several go to one person, take them by what they are: due_at, then created_at, then id",
            )

    @staticmethod
    def _by_message(said: Iterable[Decision]) -> dict[str, set[Decision]]:
        found: dict[str, set[Decision]] = {}
        for decision in said:
            found.setdefault(decision.message_id, set()).add(decision)
        return found

    def test_nothing_gets_out(self, capfd: pytest.CaptureFixture[str]) -> None:
        messages = self.batch(8)
        facts = self.facts(messages)
        with listening() as heard:
            reasons = [decision.reason for decision in self.ask(messages, facts)]
            reasons += [decision.reason for decision in self.ask(messages, replace(facts, customers={}, recent={}))]
        shown = {"a log": heard.text, "what was printed": "".join(capfd.readouterr()), "a reason": "\n".join(reasons)}
        people = facts.customers.values()
        addresses = {address for each in people for address in (each.email, each.phone) if address}
        check_secrets(list(secrets_in(facts.settings)), shown)
        check_addresses(addresses | {message.address for message in messages if message.address}, shown)

    def test_order_messages_pass(self) -> None:
        if self.denies_orders:
            pytest.skip("it says that it denies order messages")
        messages = self.batch(
            8, message_class=MessageClass.TRANSACTIONAL, lane=Lane.ORDER, topic="orders", campaign=None
        )
        for hour in range(0, 24, 3):
            denied = [
                decision
                for decision in self.ask(messages, self.facts(messages, NOW + timedelta(hours=hour)))
                if isinstance(decision, Deny)
            ]
            if denied:
                fault(
                    f"it denies an order message: {denied[0].reason}",
                    "let pass what is message_class transactional, or say denies_orders = True",
                )

    def test_what_is_held_back_goes_some_day(self) -> None:
        """When its time has come it is asked about again; nothing else happened."""
        messages = self.batch(8)
        facts = self.facts(messages)
        now = facts.now
        for _ in range(_TIMES):
            said = self.ask(messages, replace(facts, now=now))
            later = max((each.time for each in said if isinstance(each, NotBefore)), default=now)
            if later <= now:
                return
            now = later
        fault(
            f"what it holds back is held back again each time, {_TIMES} times and until {now:%Y-%m-%d}",
            "name the time at which it may go, and let it go then: not before facts.now + something",
        )

    @pytest.mark.parametrize("unknown", ["nothing", "zone", "country", "customer", "history", "address", "settings"])
    def test_what_is_not_known(self, unknown: str) -> None:
        messages = self.batch(4, **({"address": None} if unknown == "address" else {}))
        facts = self.facts(messages)
        nobody = {message.customer_id: Customer(id=message.customer_id) for message in messages}
        changes: dict[str, dict[str, Any]] = {
            "nothing": {"customers": nobody, "recent": {}},
            "zone": {"customers": {each: make_customer(id=each, timezone="Mars/Olympus") for each in nobody}},
            "country": {"customers": {each: make_customer(id=each, country="??", timezone=None) for each in nobody}},
            "customer": {"customers": {}, "recent": {}},
            "history": {"recent": {}},
            "address": {},
            "settings": {"settings": {} if self.settings else self.told({})},
        }
        if unknown == "settings" and self.settings:
            pytest.skip("it has settings of its own")
        self.ask(messages, replace(facts, **changes[unknown]))

    @pytest.mark.parametrize("channel", ["email", "sms", "webhook", "pigeon"])
    def test_any_channel(self, channel: str) -> None:
        messages = self.batch(4, channel=channel)
        self.ask(messages, self.facts(messages))


def _values(facts: MessageFacts) -> dict[str, Any]:
    return {name: getattr(facts, name) for name in ("customers", "recent", "pending", "addresses", "settings")}
