"""What is live: turned on by a person, renewed by good edits, kept by broken ones."""

from __future__ import annotations

import logging

import pytest

from messaging.errors import NotFound, TemplateError
from messaging.nouns.template import Trigger
from messaging.rules.envelope import read_event

PLACED = Trigger(event="order.placed")


def matching(shop, type="order.placed"):
    return shop.switch.matching(read_event(shop.event(type))).live


def test_only_what_is_on_and_concerned_matches(shop):
    shop.shelf.put("a", PLACED)
    shop.shelf.put("b", Trigger(event="cart.updated", cancel_on=("order.placed",)))
    shop.shelf.put("c", Trigger(event="order.paid"))
    assert matching(shop) == ()
    for name in "abc":
        shop.switch.enable(name)
    assert [live.template for live in matching(shop)] == ["a", "b"]
    assert shop.switch.enabled() == ["a", "b", "c"]


def test_a_good_edit_goes_live(shop):
    shop.shelf.put("a", PLACED)
    shop.switch.enable("a")
    shop.shelf.put("a", Trigger(event="order.paid"))
    assert matching(shop) == ()
    (live,) = matching(shop, "order.paid")
    assert live.version.version == "a-2"
    assert shop.store.version("a-2") is not None


def test_a_broken_edit_leaves_the_last_good_version_live_and_says_so(shop, caplog):
    shop.shelf.put("a", PLACED)
    shop.switch.enable("a")
    shop.shelf.put("a", Trigger(event="order.paid"))
    shop.shelf.broken.add("a")
    with caplog.at_level(logging.WARNING):
        (live,) = matching(shop)
        matching(shop)
    assert live.version.version == "a-1"
    assert "email.html:3" in live.problem
    assert len(caplog.records) == 1
    assert "last good version stays live" in caplog.text
    assert shop.intake.receive(shop.event()).planned == 1
    shop.shelf.broken.clear()
    assert shop.switch.live("a").problem is None


def test_a_template_that_is_gone_stays_live_and_says_so(shop):
    shop.shelf.put("a", PLACED)
    shop.switch.enable("a")
    del shop.shelf.templates["a"]
    (live,) = matching(shop)
    assert "no template" in live.problem
    assert shop.switch.disable("a")
    assert matching(shop) == ()


def test_what_cannot_be_turned_on(shop):
    shop.shelf.put("quiet")
    with pytest.raises(NotFound, match="no triggers"):
        shop.switch.enable("quiet")
    with pytest.raises(NotFound):
        shop.switch.enable("nothing")
    shop.shelf.put("a", PLACED)
    shop.shelf.broken.add("a")
    with pytest.raises(TemplateError):
        shop.switch.enable("a")
    assert shop.switch.enabled() == []


def test_files_are_not_looked_at_for_every_event(shop, monkeypatch):
    from messaging.services.live_triggers import TriggerSwitch

    now = [100.0]
    monkeypatch.setattr("messaging.services.live_triggers.monotonic", lambda: now[0])
    shop.switch = TriggerSwitch(shop.store, shop.shelf, patience=1.0)
    shop.shelf.put("a", PLACED)
    shop.switch.enable("a")
    assert matching(shop)[0].version.version == "a-1"
    shop.shelf.put("a", PLACED)
    assert matching(shop)[0].version.version == "a-1"
    now[0] += 1.0
    assert matching(shop)[0].version.version == "a-2"
    shop.switch.disable("a")
    assert matching(shop) == ()
