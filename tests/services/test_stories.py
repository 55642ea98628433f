"""What was told of an order is asked for once, however many triggers look at it."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.nouns.template import Trigger
from messaging.services.stories import Story


@pytest.fixture
def asked(shop: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the events whose order the store was asked about."""
    ids: list[str] = []
    about_the_same = shop.store.events.about_the_same

    def noted(event: Any, customer_id: str) -> Any:
        ids.append(event.id)
        return about_the_same(event, customer_id)

    monkeypatch.setattr(shop.store.events, "about_the_same", noted)
    return ids


def test_once_for_all_triggers_of_an_event(shop: Any, asked: list[str]) -> None:
    for name in ("first", "second", "third"):
        shop.shelf.put(name, Trigger(event="order.shipped"))
        shop.switch.enable(name)
    shop.intake.receive(shop.event("order.placed", id="p", order={"number": "1", "total": "9.00"}))
    del asked[:]
    shop.intake.receive(shop.event("order.shipped", id="s", order={"number": "1"}))
    assert asked == ["s"]
    messages = shop.messages()
    assert [message.context["order"]["total"] for message in messages] == ["9.00"] * 3
    del asked[:]
    stories = shop.triggering.stories(messages)
    assert shop.triggering.due_checks(messages, shop.clock.now(), stories) == {}
    assert shop.triggering.renewed(messages, stories) == messages
    assert asked == ["s"] * 3  # once a message


def test_it_is_as_it_was_when_first_looked_at(shop: Any) -> None:
    shop.shelf.put("news", Trigger(event="order.shipped"))
    shop.switch.enable("news")
    shop.intake.receive(shop.event("order.shipped", id="s", order={"number": "1"}))
    (message,) = shop.messages()
    (event,) = shop.store.events.get([message.event_key]).values()
    before = Story(shop.store, event, message.customer_id)
    assert [each.id for each in before.told] == ["s"]
    shop.intake.receive(shop.event("order.paid", id="p", order={"number": "1", "total": "9.00"}))
    assert "total" not in before.context["order"]
    assert Story(shop.store, event, message.customer_id).context["order"]["total"] == "9.00"
