"""Who gets what: the channel, policy, and what plugins say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.errors import PluginError
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.consent import Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.decision import Decision, Deny, MessageFacts, NotBefore
from messaging.nouns.message import Lane, Message, MessageState
from messaging.plugins import Plugins
from messaging.services.planning import Draft, Planner
from messaging.stores.outbox import Outcome

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Checks(Plugins):
    """A plugin that says about a batch what it is told to say."""

    def __init__(self, say: Callable[[Sequence[Message], MessageFacts], list[Decision]]) -> None:
        super().__init__(none=True)
        self.asked: list[list[str]] = []
        self._say = say

    def has_checks(self) -> bool:
        return True

    def check_messages(
        self, messages: Sequence[Message], facts: MessageFacts, settings: Callable[[str], Mapping[str, Any]]
    ) -> list[Decision]:
        self.asked.append([message.customer_id for message in messages])
        return self._say(messages, facts)


@pytest.fixture
def plan(shop: Any) -> Callable[..., list[Message]]:
    """Plan a message to each of these customers."""

    def plan(
        *customers: Customer,
        plugins: Plugins | None = None,
        channels: tuple[str, ...] = ("email", "sms"),
        reachable: tuple[str, ...] = ("email", "sms"),
    ) -> list[Message]:
        shop.shelf.put("shipped", channels=channels)
        planner = Planner(
            shop.store,
            plugins or Plugins(none=True),
            channels=lambda channel: channel in reachable,
            plugin_settings=lambda name: {},
        )
        version = shop.shelf.sendable("shipped")
        drafts = [
            Draft(origin="trigger:shipped", customer=customer, version=version, lane=Lane.ORDER, due_at=NOW)
            for customer in customers
        ]
        return planner.plan(drafts, now=NOW)

    return plan


ANN = Customer(id="ann", email="ann@example.com", phone="+12025550101")
BOB = Customer(id="bob", phone="+12025550102")
EVE = Customer(id="eve")


def test_the_first_channel_that_reaches_them(plan: Callable[..., list[Message]]) -> None:
    planned = plan(ANN, BOB, EVE)
    assert [(message.channel, message.reason) for message in planned] == [
        ("email", None),
        ("sms", None),
        ("email", "no address (email)"),
    ]


def test_a_suppressed_address_is_passed_over(shop: Any, plan: Callable[..., list[Message]]) -> None:
    shop.store.addresses.suppress([Suppression(channel="email", address="ann@example.com", reason="bounced", at=NOW)])
    assert plan(ANN)[0].channel == "sms"


def test_a_channel_without_an_adapter_is_passed_over(plan: Callable[..., list[Message]]) -> None:
    assert plan(ANN, reachable=("sms",))[0].channel == "sms"


def test_without_any_adapter_it_waits_on_the_first_channel(plan: Callable[..., list[Message]]) -> None:
    (message,) = plan(ANN, reachable=())
    assert (message.channel, message.state) == ("email", MessageState.PLANNED)
    (message,) = plan(BOB, reachable=())
    assert (message.channel, message.reason) == ("email", "no address (email)")


def test_plugins_deny_and_delay(plan: Callable[..., list[Message]]) -> None:
    def say(messages: Sequence[Message], facts: MessageFacts) -> list[Decision]:
        ann, bob = messages
        assert facts.customers["ann"] == ANN
        return [
            Deny(message_id=ann.id, reason="had enough"),
            NotBefore(message_id=bob.id, time=NOW + HOUR, reason="quiet hours"),
        ]

    checks = Checks(say)
    ann, bob, eve = plan(ANN, BOB, EVE, plugins=checks)
    assert checks.asked == [["ann", "bob"]], "who gets nothing anyway is not asked about"
    assert (ann.state, ann.reason) == (MessageState.SKIPPED, "had enough")
    assert (bob.state, bob.due_at, bob.reason) == (MessageState.PLANNED, NOW + HOUR, "quiet hours")
    assert (eve.state, eve.reason) == (MessageState.SKIPPED, "no address (email)")


def test_a_delay_that_is_over_before_it_is_due_is_none(plan: Callable[..., list[Message]]) -> None:
    (message,) = plan(
        ANN,
        plugins=Checks(lambda messages, facts: [NotBefore(message_id=messages[0].id, time=NOW, reason="quiet hours")]),
    )
    assert (message.due_at, message.reason) == (NOW, None)


def test_plugins_see_what_was_sent_lately(shop: Any, plan: Callable[..., list[Message]]) -> None:
    (message,) = plan(ANN)
    shop.store.outbox.add([message])
    shop.store.outbox.settle([Outcome(message_id=message.id, state=MessageState.SENT, sent_at=NOW - 30 * 24 * HOUR)])
    seen: list[int] = []

    def say(messages: Sequence[Message], facts: MessageFacts) -> list[Decision]:
        seen.append(len(facts.recent.get("ann", ())))
        return []

    plan(ANN, plugins=Checks(say))
    assert seen == [1]


def test_plugins_see_what_else_is_on_its_way(shop: Any, plan: Callable[..., list[Message]]) -> None:
    """But not what a campaign has planned that is paused: it may never go."""
    (message,) = plan(ANN)
    shop.store.outbox.add([replace(message, id=name, campaign=name) for name in ("paused", "running", "in-hand")])
    for name, state in (("paused", "paused"), ("running", "sending"), ("in-hand", "paused")):
        shop.store.campaigns.put(
            Campaign(name=name, template="t", segment="s", channel="email", state=CampaignState(state), created_at=NOW)
        )
    shop.store.outbox.settle([Outcome(message_id="in-hand", state=MessageState.UNKNOWN)])
    seen: list[set[str]] = []

    def say(messages: Sequence[Message], facts: MessageFacts) -> list[Decision]:
        seen.append({message.id for message in facts.pending.get("ann", ())})
        return []

    plan(ANN, plugins=Checks(say))
    assert seen == [{"running", "in-hand"}]


def test_what_no_plugin_looks_at_is_not_loaded(
    shop: Any, plan: Callable[..., list[Message]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: object) -> None:
        raise AssertionError("loaded")

    monkeypatch.setattr(shop.store.outbox, "recent", never)
    monkeypatch.setattr(shop.store.outbox, "pending", never)
    assert len(plan(ANN, plugins=Checks(lambda messages, facts: []))) == 1


def test_a_check_that_fails_holds_the_batch(plan: Callable[..., list[Message]]) -> None:
    def say(messages: Sequence[Message], facts: MessageFacts) -> list[Decision]:
        raise PluginError("check_messages failed", plugin="caps", distribution="caps 1.0")

    with pytest.raises(PluginError, match="caps"):
        plan(ANN, plugins=Checks(say))


def test_nobody_to_ask_about_asks_nobody(plan: Callable[..., list[Message]]) -> None:
    checks = Checks(lambda messages, facts: [])
    plan(EVE, plugins=checks)
    assert checks.asked == []
