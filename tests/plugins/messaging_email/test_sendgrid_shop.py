"""SendGrid in a whole shop: a campaign in a few requests, and what comes back of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytest_httpserver import HTTPServer

from messaging import RenderedMessage, Request
from messaging.nouns.customer import Customer
from messaging.nouns.message import MessageState
from messaging.testing.standins import SendGridStandIn
from messaging_email.sendgrid_body import mail_body

if TYPE_CHECKING:
    from tests.conftest import Shop


@pytest.fixture
def provider(httpserver: HTTPServer) -> Iterator[SendGridStandIn]:
    """It posts its events to the HTTP server."""
    httpserver.expect_request("/callbacks/sendgrid").respond_with_data("")
    with SendGridStandIn(events_to=httpserver.url_for("/callbacks/sendgrid")) as found:
        yield found


@pytest.fixture
def shop(live_shop: Shop, provider: SendGridStandIn, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("MESSAGING__SERVER__ALLOW_INSECURE_LINKS", "true")
    for name, value in provider.environment().items():
        monkeypatch.setenv(name, value)
    file = live_shop.workspace.settings
    file.write_text(file.read_text("utf-8").replace('adapter = "pigeon"', 'adapter = "sendgrid"'), "utf-8")
    live_shop.write_template(
        "letter",
        'class = "marketing"\ntopic = "news"\nsubject = "Tea for {{ customer.first_name }}"\nchannels = ["email"]\n'
        '[fallbacks]\n"customer.first_name" = "you"\n',
        '<p>Dear {{ customer.first_name }}, <a href="https://shop.example/new">look</a></p><p>{{ brand.address }} '
        '<a href="{{ brand.contact_url }}">contact</a> <a href="{{ unsubscribe_url }}">unsubscribe</a></p>',
    )
    live_shop.app = live_shop.open()
    return live_shop


def name(shop: Shop, customer: str, first_name: str, email: str) -> None:
    now = shop.clock.now()
    shop.app.store.customers.put([Customer(id=customer, email=email, first_name=first_name, created_at=now)])


def callbacks(shop: Shop, provider: SendGridStandIn, httpserver: HTTPServer) -> None:
    """Give the shop all that was posted."""
    assert provider.wait()
    for request, _ in httpserver.log:
        headers = {name.lower(): value for name, value in request.headers.items()}
        posted = Request(url=request.url, body=request.get_data(), headers=headers, received_at=datetime.now(UTC))
        shop.app.callbacks.take("sendgrid", posted)


def test_a_campaign_in_two_requests_and_what_came_back(
    shop: Shop, provider: SendGridStandIn, httpserver: HTTPServer
) -> None:
    shop.add_customers(300)
    name(shop, "c0007", "<b>Zoë & {{ 7*7 }}</b>", "c0007@example.com")
    name(shop, "c0008", "Bob", "c0008@example.com")
    shop.campaign()
    assert shop.app.send_campaign("spring") is None
    assert shop.counts() == {"sent": 300}
    assert len(provider.requests) == 2, "the one whose name looks like a tag goes alone"
    letter = provider.last("c0007@example.com")
    assert letter["subject"] == "Tea for <b>Zoë & {{ 7*7 }}</b>"
    assert "Dear &lt;b&gt;Zoë &amp; {{ 7*7 }}&lt;/b&gt;, <a" in letter["content"]["text/html"]
    assert "Dear you, <a" in provider.last("c0009@example.com")["content"]["text/html"]
    links = {one["headers"]["List-Unsubscribe"] for one in provider.messages}
    assert len(links) == 300
    assert all(
        one["headers"]["List-Unsubscribe"].strip("<>") in one["content"]["text/html"] for one in provider.messages
    )
    provider.tell("bounce", "c0001@example.com")
    provider.tell("spamreport", "c0002@example.com")
    provider.tell("machine-open", "c0003@example.com")
    callbacks(shop, provider, httpserver)
    callbacks(shop, provider, httpserver)
    rows = shop.app.store.outbox.page(campaign="spring", state=MessageState.SENT, limit=1000)
    told = shop.app.store.engagements.of_messages([row.id for row in rows])
    assert sum(len(each) for each in told.values()) == 303, "once, however often it is told"
    by_customer = {row.customer_id: {each.kind.value for each in told[row.id]} for row in rows}
    assert by_customer["c0001"] == {"delivered", "bounced"}
    assert by_customer["c0002"] == {"delivered", "complained"}
    assert by_customer["c0003"] == {"delivered", "opened"}
    places = [("email", f"c000{n}@example.com") for n in (1, 2, 3)]
    suppressions = [shop.app.store.addresses.status(places)[place].suppression for place in places]
    assert [each and each.reason for each in suppressions] == ["bounced", "complained", None]


def test_an_unknown_is_settled_by_what_comes_back(
    shop: Shop, provider: SendGridStandIn, httpserver: HTTPServer
) -> None:
    shop.add_customers(5)
    shop.campaign()
    provider.fail("status", status=500, when="after")
    shop.app.send_campaign("spring")
    assert shop.counts() == {"unknown": 5}
    callbacks(shop, provider, httpserver)
    assert shop.counts() == {"sent": 5}


def test_hostile_names_get_what_was_rendered_for_them(
    shop: Shop, provider: SendGridStandIn, shared: Callable[[str], Path]
) -> None:
    naughty = [text for text in json.loads(shared("data/naughty/blns.json").read_text("utf-8")) if text.strip()]
    shop.add_customers(len(naughty))
    for number, text in enumerate(naughty):
        name(shop, f"c{number:04d}", text, f"c{number:04d}@example.com")
    shop.campaign()
    shop.app.send_campaign("spring")
    assert set(shop.counts()) == {"sent"}
    together = sum(size > 20_000 for _, _, size in provider.requests)
    assert together >= 1
    assert len(provider.requests) < len(naughty) / 4
    rows = shop.app.store.outbox.page(campaign="spring", limit=1000)
    for row, letter in zip(rows, shop.app.composer.compose(rows, now=shop.clock.now()), strict=True):
        assert isinstance(letter, RenderedMessage)
        alone = mail_body(letter)
        got = provider.last(row.address or "")
        assert got["subject"] == alone["subject"]
        assert got["content"] == {part["type"]: part["value"] for part in alone["content"]}
        assert got["custom_args"] == {"message_id": row.id}
