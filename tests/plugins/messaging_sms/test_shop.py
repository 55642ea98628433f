"""The channel in a whole shop: from a campaign to phones, and back."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest
from click.testing import CliRunner

from messaging import RenderedMessage, Request
from messaging.cli import main
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.nouns.links import ShortLink
from messaging.nouns.message import MessageState
from messaging.server.run import Door, listen, make_apps, run
from messaging.server.targets import Targets
from messaging.testing.standins import TwilioStandIn
from messaging.testing.standins.twilio import Signature, sign

if TYPE_CHECKING:
    from tests.conftest import Shop

ANN, BOB = "+436641234567", "+15005559999"
SMS = (
    "{{ brand.name }}: 10 % off, {{ customer.id }}! https://shop.example/sale "
    "https://shop.example/for?{{ customer.id }} Stop: {{ unsubscribe_url }} Questions: {{ brand.phone }}"
)


def set_up(shop: Shop, settings: str) -> None:
    file = shop.workspace.settings
    text = re.sub(r"(?m)^(base_url|phone) = .*\n", "", file.read_text("utf-8"))
    text = text.replace("[brand]\n", '[brand]\nphone = "+44 20 7946 0123"\n', 1)
    file.write_text(text + f'\n[channels.sms]\nadapter = "twilio"\n[adapters.twilio]\n{settings}', "utf-8")
    folder = shop.workspace.templates / "sale"
    folder.mkdir()
    (folder / "template.toml").write_text('class = "marketing"\ntopic = "news"\nchannels = ["sms"]\n', "utf-8")
    (folder / "sms.txt").write_text(SMS, "utf-8")
    shop.app = shop.open()


@pytest.fixture
def shop(live_shop: Shop, twilio_standin: TwilioStandIn, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("MESSAGING__SERVER__ALLOW_INSECURE_LINKS", "true")
    monkeypatch.setenv("MESSAGING__SERVER__BASE_URL", "https://shop.example/m")
    for name, value in twilio_standin.environment().items():
        monkeypatch.setenv(name, value)
    set_up(live_shop, 'from = "+15005550006"\nprice = "0.08"\n')
    now = live_shop.clock.now()
    live_shop.app.store.customers.put(
        [Customer(id="ann", phone=ANN, created_at=now), Customer(id="bob", phone=BOB, created_at=now)]
    )
    live_shop.app.store.addresses.add_consents(
        Consent(channel="sms", address=number, granted=True, at=now, source="form") for number in (ANN, BOB)
    )
    return live_shop


def send(shop: Shop, name: str = "spring") -> None:
    shop.app.campaigning.create(name, template="sale", segment="all", channel="sms")
    assert shop.app.send_campaign(name) is None


def posted(fields: dict[str, str], query: str = "") -> Request:
    url = "https://shop.example/m/callbacks/twilio" + query
    headers = {"x-twilio-signature": sign("standin-auth-token", url, fields), "content-type": "x"}
    return Request(url=url, body=urlencode(fields).encode(), headers=headers, received_at=datetime.now(UTC))


def test_a_campaign_with_short_links(shop: Shop, twilio_standin: TwilioStandIn) -> None:
    send(shop)
    assert shop.counts() == {"sent": 2}
    text = twilio_standin.last(ANN)["body"]
    codes = re.findall(r"https://shop\.example/m/s/([0-9A-Za-z]{11})(?= )", text)
    assert len(codes) == text.count("https://") == 3
    links = [shop.app.store.short_links.get(code) for code in codes]
    assert [(link.purpose, link.target) for link in links if link] == [
        ("c", None),
        ("c", "https://shop.example/for?ann"),
        ("u", None),
    ]
    others = re.findall(r"/s/([0-9A-Za-z]{11})", twilio_standin.last(BOB)["body"])
    assert not set(codes) & set(others)
    assert twilio_standin.last(ANN)["segments"] == 2


def test_links_are_kept_before_a_message_leaves(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, twilio_standin: TwilioStandIn
) -> None:
    adapter = shop.app.adapters.get("twilio")
    real, seen = adapter.deliver, []

    def deliver(messages: Sequence[RenderedMessage]) -> Iterator[Any]:
        other = shop.open()  # as another process would see it
        for message in messages:
            codes = re.findall(r"/s/([0-9A-Za-z]{11})", message.parts["text"])
            seen.append([other.store.short_links.get(code) is not None for code in codes])
        return real(messages)

    monkeypatch.setattr(adapter, "deliver", deliver)
    send(shop)
    assert seen == [[True, True, True]] * 2


def test_a_code_that_is_taken_sends_nobody_elsewhere(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, twilio_standin: TwilioStandIn
) -> None:
    """Two texts whose codes are the same by chance: the second is not sent."""
    store = shop.app.store
    real = store.short_links.add

    def add(links: Sequence[ShortLink]) -> list[ShortLink]:
        return real([replace(link, code="0" * 11) if link.purpose == "u" else link for link in links])

    monkeypatch.setattr(store.short_links, "add", add)
    send(shop)
    assert shop.counts() == {"sent": 1, "skipped": 1}
    assert shop.reasons() == {"its short link is taken": 1}
    assert twilio_standin.count == 1


def test_what_comes_back(shop: Shop, twilio_standin: TwilioStandIn) -> None:
    send(shop)
    kept = twilio_standin.last(ANN)
    assert kept["status_callback"].startswith("https://shop.example/m/callbacks/twilio?message_id=")
    query = kept["status_callback"][kept["status_callback"].index("?") :]
    fields = {"MessageSid": kept["sid"], "MessageStatus": "delivered", "To": ANN, "From": "+15005550006"}
    for _ in range(2):
        assert shop.app.callbacks.take("twilio", posted(fields, query)).answer.endswith("<Response/>")
    (row,) = shop.app.store.outbox.page(customer_id="ann")
    [told] = shop.app.store.engagements.of_messages([row.id])[row.id]
    assert (told.kind, told.source, told.customer_id) == ("delivered", "twilio", "ann")


def test_stop_and_start(shop: Shop, twilio_standin: TwilioStandIn) -> None:
    def write(sid: str, body: str) -> None:
        shop.app.callbacks.take("twilio", posted({"MessageSid": sid, "From": ANN, "To": "+15005550006", "Body": body}))

    write("SM1", "Stopp!")
    send(shop)
    assert shop.reasons() == {"suppressed (opted out)": 1}
    write("SM2", "Start")
    write("SM1", "Stopp!")  # told once more
    send(shop, "summer")
    assert shop.counts("summer") == {"sent": 2}
    write("SM3", "What is this?")
    status = shop.app.store.addresses.status([("sms", ANN)])["sms", ANN]
    assert status.suppression is None


def test_a_phone_that_opted_out_at_twilio_is_left_alone(shop: Shop, twilio_standin: TwilioStandIn) -> None:
    twilio_standin.inbound_to = None
    twilio_standin._stopped.add(ANN)
    send(shop)
    assert shop.counts() == {"sent": 1, "refused": 1}
    (row,) = shop.app.store.outbox.page(customer_id="ann")
    assert row.state is MessageState.REFUSED
    status = shop.app.store.addresses.status([("sms", ANN)])["sms", ANN]
    assert status.suppression is not None
    assert status.suppression.reason == "opted out"
    assert ANN not in (row.reason or "")


def test_a_phone_that_is_never_reached_is_left_alone_until_it_is(shop: Shop, twilio_standin: TwilioStandIn) -> None:
    def became(status: str, code: int | None = None) -> None:
        kept = twilio_standin.last(BOB)
        query = kept["status_callback"][kept["status_callback"].index("?") :]
        fields = {"MessageSid": kept["sid"], "MessageStatus": status, "To": BOB, "From": "+15005550006"}
        shop.app.callbacks.take("twilio", posted({**fields, **({"ErrorCode": str(code)} if code else {})}, query))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["--workspace", str(shop.workspace.root), *arguments], prog_name="messaging")
        assert done.exit_code == 0, done.output
        return done.output

    for number in range(5):
        send(shop, f"c{number}")
        assert shop.counts(f"c{number}") == {"sent": 2}
        became("undelivered", 30003)
        became("undelivered", 30003)
    send(shop, "sixth")
    assert shop.reasons("sixth") == {"suppressed (unreachable)": 1}
    assert "suppressed: unreachable" in run("customers", "show", "bob")
    (row,) = [row for row in shop.app.store.outbox.page(customer_id="bob") if row.campaign == "sixth"]
    told = "5 soft bounces in a row, nothing delivered between"
    assert told in run("why", row.id)
    assert told in run("customers", "timeline", "bob")
    became("delivered")  # the last of them, after all
    send(shop, "seventh")
    assert shop.counts("seventh") == {"sent": 2}


def test_parts_and_price_are_shown_before_anything_leaves(
    shop: Shop, twilio_standin: TwilioStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is sent, so links may still lead to this machine.
    monkeypatch.setenv("MESSAGING__SERVER__ALLOW_INSECURE_LINKS", "false")
    monkeypatch.setenv("MESSAGING__SERVER__BASE_URL", "http://127.0.0.1:8000")
    shop.app = shop.open()
    shop.app.campaigning.create("spring", template="sale", segment="all", channel="sms")
    shown = shop.app.campaigning.plan("spring").summary()["measure"]
    assert shown == {"units": 4, "messages": {"2": 2}, "price": "0.32", "currency": "USD", "notes": []}
    assert twilio_standin.requests == type(twilio_standin.requests)()


def test_a_plan_says_what_it_cannot_be_sent_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def warnings() -> list[str]:
        shop.app = shop.open()
        return list(shop.app.campaigning.plan("spring").summary()["warnings"])

    shop.app.campaigning.create("spring", template="sale", segment="all", channel="sms")
    assert warnings() == []
    monkeypatch.delenv("TWILIO_ACCOUNT_SID")
    assert warnings() == [
        "as things are it cannot be sent: [adapters.twilio] account_sid is not set (set TWILIO_ACCOUNT_SID)"
    ]
    monkeypatch.setenv("MESSAGING__SERVER__ALLOW_INSECURE_LINKS", "false")
    monkeypatch.setenv("MESSAGING__SERVER__BASE_URL", "http://127.0.0.1:8000")
    assert "links would lead to this machine only" in warnings()[0]


def test_the_command_line_shows_them(shop: Shop, twilio_standin: TwilioStandIn) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["--workspace", str(shop.workspace.root), *arguments], prog_name="messaging")
        assert done.exit_code == 0, done.output
        return done.output

    (shop.workspace.templates / "sale" / "sms.txt").write_text(SMS + " Zażółć", "utf-8")
    assert run("templates", "check", "sale").startswith(
        "templates/sale/sms.txt: warning: with its sample it counts as 3 parts: “ż” (U+017C"
    )
    assert "It counts as 3 parts, 0.24 USD: “ż”" in run("templates", "preview", "sale")
    shown = json.loads(run("templates", "preview", "sale", "--json"))["measure"]
    assert (shown["units"], shown["price"]) == (3, "0.24")
    run("campaigns", "create", "spring", "--template", "sale", "--segment", "all", "--channel", "sms")
    text = run("campaigns", "plan", "spring")
    assert "6 parts in 2 messages (2 of 3), 0.48 USD" in text
    assert "2 messages: “ż”" in text
    assert json.loads(run("campaigns", "plan", "spring", "--json"))["measure"]["units"] == 6


@contextmanager
def at_the_door(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The shop's public door, on this machine; its address."""
    stop, started = threading.Event(), threading.Event()
    with listen("127.0.0.1", 0) as one:
        url = f"http://127.0.0.1:{one.getsockname()[1]}"
        monkeypatch.setenv("MESSAGING__SERVER__BASE_URL", url)
        shop.app = shop.open()
        public, _ = make_apps(shop.app, Targets(shop.app.store), "127.0.0.1")
        arguments = {"on_start": started.set, "stop": stop}
        thread = threading.Thread(target=run, args=([Door(public, one)],), kwargs=arguments)
        thread.start()
        try:
            assert started.wait(10)
            yield url
        finally:
            stop.set()
            thread.join(10)


@pytest.mark.parametrize("signature", ["sha1", "sha256"])
def test_the_whole_way_over_the_wire(shop: Shop, monkeypatch: pytest.MonkeyPatch, signature: Signature) -> None:
    """Sent, delivered, clicked, and answered with STOP, in the provider's own requests."""
    with TwilioStandIn(signature=signature) as provider:
        monkeypatch.setenv("TWILIO_BASE_URL", provider.url)
        monkeypatch.setenv("MESSAGING__ADAPTERS__TWILIO__SIGNATURE", signature)
        monkeypatch.setenv("MESSAGING__ADAPTERS__TWILIO__SIGNING_SECRET", provider.auth_token)
        with at_the_door(shop, monkeypatch) as url:
            provider.inbound_to = f"{url}/callbacks/twilio"
            provider.fail("duplicate", times=1)
            send(shop)
            assert provider.wait()
            provider.receive(ANN, "stop")
            assert provider.wait()
            click = re.findall(r"http://\S+/s/[0-9A-Za-z]{11}", provider.last(BOB)["body"])[0]
            answer = httpx.get(click, headers={"User-Agent": "Mozilla/5.0 Firefox/145.0"}, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "https://shop.example/sale")
    shop.app.recorder.drain()
    rows = shop.app.store.outbox.page()
    told = shop.app.store.engagements.of_messages([row.id for row in rows])
    kinds = {row.customer_id: sorted(each.kind.value for each in told[row.id]) for row in rows}
    assert kinds == {"ann": ["delivered"], "bob": ["clicked", "delivered"]}
    assert shop.app.store.addresses.status([("sms", ANN)])["sms", ANN].suppression is not None
