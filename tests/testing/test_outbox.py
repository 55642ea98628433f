"""An app to test with, and a look into its outbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from messaging.clock import FrozenClock
from messaging.nouns.consent import Consent
from messaging.testing import NOW, Outbox, make_customer


def test_what_became_of_a_campaign(messaging_app: Any, outbox: Outbox) -> None:
    app = messaging_app
    (app.workspace.segments / "all.toml").write_text('where = "id is defined"\n', "utf-8")
    ann, bob = make_customer(1, id="ann", first_name="Ann"), make_customer(2, id="bob")
    app.store.customers.put([ann, bob])
    app.store.addresses.add_consents(
        [Consent(channel="email", address=str(ann.email), granted=True, at=NOW, source="test")]
    )
    letter = app.workspace.templates / "letter"
    letter.mkdir()
    toml = 'class = "marketing"\ntopic = "news"\nsubject = "Hello {{ customer.first_name }}"\nchannels = ["email"]\n'
    (letter / "template.toml").write_text(toml, "utf-8")
    (letter / "email.html").write_text(
        "<p>{{ brand.address }} {{ brand.contact_url }} {{ unsubscribe_url }}</p>", "utf-8"
    )
    app.campaigning.create("spring", template="letter", segment="all")
    app.campaigning.start("spring")
    app.campaigning.fill("spring")
    assert [message.customer_id for message in outbox.planned] == ["ann"]
    app.dispatcher.send("spring")
    assert [message.customer_id for message in outbox.sent] == ["ann"]
    assert outbox.rendered(outbox.sent[0]).parts["subject"] == "Hello Ann"
    assert [message.customer_id for message in outbox.skipped] == ["bob"]
    assert outbox.reasons["bob"]
    assert outbox.refused == []


def test_time_stands_still(messaging_app: Any) -> None:
    assert isinstance(messaging_app.clock, FrozenClock)
    assert messaging_app.clock.now() == NOW
    messaging_app.clock.advance(timedelta(hours=4))
    assert messaging_app.clock.now() == NOW + timedelta(hours=4)
