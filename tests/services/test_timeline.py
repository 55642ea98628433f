"""What happened with a customer stands in order of time, with how it ended."""

from __future__ import annotations

from datetime import timedelta

from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.services.timeline import timeline


def test_in_order(live_shop):
    shop = live_shop
    (ann,) = shop.add_customers(1)
    started = shop.clock.now()
    shop.clock.advance(timedelta(hours=1))
    shop.app.intake.receive(
        {
            "id": "e1",
            "type": "order.placed",
            "time": shop.clock.now().isoformat(),
            "customer": {"id": ann},
            "data": {"order": {"number": "A-1", "total": "5.00", "currency": "EUR"}},
        }
    )
    shop.clock.advance(timedelta(hours=1))
    shop.campaign()
    shop.app.send_campaign("spring")
    (message,) = shop.app.store.outbox.page(campaign="spring")
    shop.clock.advance(timedelta(hours=1))
    shop.app.store.engagements.add(
        [Engagement(id="1", kind=EngagementKind.CLICKED, at=shop.clock.now(), message_id=message.id, slot="1")]
    )
    shop.clock.advance(timedelta(hours=1))
    shop.unsubscribe(ann)
    (customer,) = shop.app.store.customers.get([ann]).values()
    entries = timeline(shop.app.store, customer)
    assert [(entry.kind, entry.what, entry.note) for entry in entries] == [
        ("consent", "agreed to everything by email", "test"),
        ("event", "order.placed: order A-1", ""),
        ("message", "letter by email", "sent"),
        ("clicked", "letter, link 1", ""),
        ("consent", "withdrew from everything by email", "test"),
    ]
    assert [entry.at - started for entry in entries] == [timedelta(hours=n) for n in range(5)]
    assert entries[2].id == message.id
    assert entries[2].to_document()["campaign"] == "spring"


def test_nobody_elses(live_shop):
    ann, bob = live_shop.add_customers(2)
    live_shop.campaign()
    live_shop.app.send_campaign("spring")
    (customer,) = live_shop.app.store.customers.get([bob]).values()
    assert [entry.kind for entry in timeline(live_shop.app.store, customer)] == ["consent", "message"]
