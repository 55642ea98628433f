"""What providers and shops post: genuine or refused, recorded once, joined to its message or its address."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from messaging import Request, RequestRejected
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.nouns.message import MessageState
from messaging.rules.policy import standing
from messaging.server.run import make_apps
from messaging.server.targets import Targets
from messaging.stores.outbox import Outcome

if TYPE_CHECKING:
    from tests.conftest import Shop

BIRDS = """
import hmac
from datetime import UTC, datetime
from messaging import (
    Adapter, Callback, Capabilities, Engagement, EngagementKind, EventSource, InputError, RequestRejected, hookimpl,
    SourceSettings,
)

class Owl(Adapter):
    name = "owl"
    channel = "sms"
    capabilities = Capabilities(callbacks=True)
    leaves_the_machine = False
    def deliver(self, messages):
        yield from ()
    def callback(self, request):
        if not hmac.compare_digest(request.header("X-Owl").encode(), b"hoot"):
            raise RequestRejected("no hoot")
        told = []
        for each in request.json():
            if each.get("kind") == "burst":
                raise RuntimeError("owls fly at night")
            told.append(Engagement(
                id=each["id"], kind=EngagementKind(each["kind"]), at=datetime.fromisoformat(each["at"]),
                message_id=each.get("message"), channel=each.get("channel"), address=each.get("address"),
                permanent=each.get("permanent", False), raw=each,
            ))
        return Callback(engagements=told, answer="<hoot/>" + request.url, media_type="text/xml")

class Barn(Owl):
    name = "barn"
    channel = "email"

class Stork(Owl):
    name = "stork"
    leaves_the_machine = True

class Mute(Adapter):
    name = "mute"
    channel = "sms"
    leaves_the_machine = False
    def deliver(self, messages):
        yield from ()

class KioskSettings(SourceSettings):
    secret: str

class Kiosk(EventSource):
    name = "kiosk"
    Settings = KioskSettings
    def verify(self, request):
        if request.header("x-kiosk") != self.settings.secret:
            raise RequestRejected("wrong secret")
    def events(self, request):
        document = request.json()
        if document == "crash":
            raise KeyError("crash")
        return [document] if document else []

@hookimpl
def register_adapters():
    return [Owl, Barn, Stork, Mute]

@hookimpl
def register_event_sources():
    return [Kiosk]
"""

HOOT = {"X-Owl": "hoot"}


@pytest.fixture
def shop(live_shop: Shop) -> Shop:
    (live_shop.workspace.plugins / "birds.py").write_text(BIRDS, "utf-8")
    settings = live_shop.workspace.settings
    text = settings.read_text("utf-8") + '\n[sources.kiosk.main]\nsecret = "s1"\n[sources.kiosk.other]\nsecret = "s2"\n'
    settings.write_text(text, "utf-8")
    live_shop.app = live_shop.open()
    return live_shop


@pytest.fixture
def web(shop: Shop, visit: Callable[[Any], httpx.Client]) -> httpx.Client:
    return visit(make_apps(shop.app, Targets(shop.app.store), "127.0.0.1")[0])


def told(id: str, kind: str, at: str = "2026-03-02T10:05:00+00:00", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "at": at, **more}


def post(web: httpx.Client, *events: dict[str, Any], adapter: str = "owl") -> Any:
    return web.post(f"/callbacks/{adapter}", content=json.dumps(events), headers=HOOT)


def test_what_came_back_is_recorded_once_and_settles_an_unknown(shop: Shop, web: httpx.Client) -> None:
    shop.add_customers(1)
    shop.campaign()
    (message,) = shop.app.store.outbox.page(campaign="spring")
    shop.app.store.outbox.settle([Outcome(message_id=message.id, state=MessageState.UNKNOWN, reason="no answer")])
    event = told("e1", "delivered", message=message.id)
    for _ in range(3):
        answer = post(web, event, event, adapter="barn")
        assert answer.status_code == 200
        assert answer.text == "<hoot/>http://127.0.0.1:8400/callbacks/barn"
        assert answer.headers["content-type"].startswith("text/xml")
    (recorded,) = shop.app.store.engagements.of_messages([message.id])[message.id]
    assert (recorded.source, recorded.customer_id, recorded.raw) == ("barn", "c0000", event)
    assert shop.app.store.outbox.get([message.id])[message.id].state is MessageState.SENT


def test_what_comes_back_needs_no_address_that_the_world_can_open(shop: Shop, web: httpx.Client) -> None:
    """A stand-in posts to this machine, whatever links would lead to."""
    assert shop.app.settings.server.base_url.startswith("http://127.0.0.1")
    assert post(web, adapter="stork").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/callbacks/ann@example.com",
        "/callbacks/ann%40example.com",
        "/callbacks/+15005559999",
        "/callbacks/15005559999",
        "/hooks/kiosk/ann@example.com",
        "/hooks/ann@example.com/main",
        "/callbacks/x%1b%5b31m%0aERROR all is lost",
        "/hooks/kiosk/" + "x" * 5_000,
    ],
)
def test_no_address_and_nothing_odd_is_logged(web: httpx.Client, caplog: pytest.LogCaptureFixture, path: str) -> None:
    assert web.post(path, content=b"[]").status_code == 404
    (record,) = [record for record in caplog.records if record.name == "messaging.server"]
    line = record.getMessage()
    assert "nobody posts here" in line
    assert line.isprintable()
    assert len(line) < 200
    for told in ("ann", "5005559999", "ERROR"):
        assert told not in line


def test_whom_a_log_is_about_is_told(web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    web.post("/hooks/kiosk/main", content=b"[]")
    assert "/hooks/kiosk/main: wrong secret" in caplog.text


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/callbacks/owl", {}, 401),
        ("/callbacks/owl", {"X-Owl": "ho\xf6t"}, 401),
        ("/callbacks/mute", HOOT, 404),
        ("/callbacks/nobody", HOOT, 404),
        ("/callbacks/sendgrid", HOOT, 404),
        ("/hooks/kiosk/main", {}, 401),
        ("/hooks/kiosk/main", {"x-kiosk": "s2"}, 401),
        ("/hooks/kiosk/third", {"x-kiosk": "s1"}, 404),
        ("/hooks/nobody/main", {}, 404),
    ],
)
def test_what_is_not_genuine_is_refused_in_one_line(
    shop: Shop, web: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    body = json.dumps([told("e1", "delivered", message="x")])
    answer = web.post(path, content=body, headers={k: v.encode("latin-1") for k, v in headers.items()})
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert shop.app.store.events.count() == 0


@pytest.mark.parametrize(("body", "status"), [(b"\xff{", 400), (b"[" * 2_000_000, 413)])
def test_bad_bodies_are_refused(web: httpx.Client, body: bytes, status: int) -> None:
    assert web.post("/callbacks/owl", content=body, headers=HOOT).status_code == status


def test_an_adapter_that_fails_is_named_and_asked_again(web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    answer = post(web, {"kind": "burst"})
    assert answer.status_code == 503
    assert "plugin birds" in caplog.text
    assert "owls fly at night" in caplog.text


NUMBER = "+43720000001"
PLACE = ("sms", NUMBER)


def answers(web: httpx.Client, *kinds: str) -> None:
    """What the owner of the number answers, a minute after the other."""
    for minute, kind in enumerate(kinds, 5):
        at = f"2026-03-02T10:{minute:02}:00+00:00"
        post(web, told(f"e{minute}", kind, at=at, channel="sms", address=NUMBER, permanent=kind == "unsubscribed"))


def agreed(shop: Shop, topic: str) -> bool | None:
    decision = standing(shop.app.store.addresses.status([PLACE])[PLACE].consents, topic)
    return None if decision is None else decision.granted


def suppressed(shop: Shop) -> str | None:
    suppression = shop.app.store.addresses.status([PLACE])[PLACE].suppression
    return None if suppression is None else suppression.reason


def agree(shop: Shop, *topics: str, granted: bool = True) -> None:
    at = shop.clock.now()
    shop.app.store.addresses.add_consents(
        Consent(channel="sms", address=NUMBER, topic=topic, granted=granted, at=at, source="form") for topic in topics
    )


def test_start_puts_back_what_held_before_stop_and_nothing_else(shop: Shop, web: httpx.Client) -> None:
    shop.app.store.customers.put([Customer(id="ann", phone=NUMBER, created_at=shop.clock.now())])
    agree(shop, "offers")
    agree(shop, "news", granted=False)
    answers(web, "unsubscribed", "unsubscribed")
    assert (agreed(shop, "offers"), agreed(shop, "news"), suppressed(shop)) == (False, False, "opted out")
    answers(web, "unsubscribed", "unsubscribed", "resubscribed")
    assert (agreed(shop, "offers"), agreed(shop, "news"), agreed(shop, "other")) == (True, False, False)
    assert suppressed(shop) is None
    late = told("e9", "unsubscribed", at="2026-03-02T10:06:30+00:00", channel="sms", address=NUMBER, permanent=True)
    post(web, late)
    assert (agreed(shop, "offers"), suppressed(shop)) == (True, None), "a STOP told late is older than the START"


def test_start_makes_no_consent_out_of_nothing(shop: Shop, web: httpx.Client) -> None:
    answers(web, "resubscribed")
    assert agreed(shop, "offers") is None
    answers(web, "resubscribed", "unsubscribed", "resubscribed")
    assert (agreed(shop, "offers"), suppressed(shop)) == (False, None)


def test_no_provider_moves_what_went_another_way(shop: Shop, web: httpx.Client) -> None:
    shop.add_customers(1)
    shop.campaign()
    (message,) = shop.app.store.outbox.page(campaign="spring")
    post(
        web,
        told("e1", "bounced", message=message.id, permanent=True),
        told("e2", "complained", channel="email", address="c0000@example.com"),
    )
    place = ("email", "c0000@example.com")
    assert shop.app.store.addresses.status([place])[place].suppression is None
    assert not shop.app.store.engagements.of_messages([message.id])


def test_odd_words_of_others_cost_no_event(shop: Shop, web: httpx.Client) -> None:
    more = {"reason": "x\0", "number": 10**30, "inside": [{"far": "1e999"}]}
    odd = told("e1", "deferred", channel="sms", address=NUMBER, **more)
    stop = told("e2", "unsubscribed", channel="sms", address=NUMBER, permanent=True)
    body = json.dumps([odd, stop]).replace("x\\u0000", "x\\u0000\\ud800").encode() + b" "
    body = body.replace(b'"reason": "x', b'"reason": "\xff').replace(b'"1e999"', b"1e999")
    assert web.post("/callbacks/owl", content=body, headers=HOOT).status_code == 200
    assert suppressed(shop) == "opted out"


@pytest.mark.parametrize("place", ["id", "message", "address"])
@pytest.mark.parametrize("odd", ["x\0", "x\ud800"])
def test_nor_do_odd_names(shop: Shop, web: httpx.Client, place: str, odd: str) -> None:
    named = told("e1", "deferred", channel="sms", address=NUMBER)
    stop = told("e2", "unsubscribed", channel="sms", address=NUMBER, permanent=True)
    assert post(web, named | {place: odd}, stop).status_code == 200
    assert suppressed(shop) == "opted out"


def test_start_does_not_lift_a_bounce(shop: Shop, web: httpx.Client) -> None:
    place = ("sms", "+43720000001")
    post(web, told("e1", "bounced", channel="sms", address=place[1], permanent=True))
    post(web, told("e2", "resubscribed", at="2026-03-02T11:00:00+00:00", channel="sms", address=place[1]))
    suppression = shop.app.store.addresses.status([place])[place].suppression
    assert suppression is not None
    assert suppression.reason == "bounced"


ORDER = {
    "id": "1:placed",
    "type": "order.placed",
    "time": "2026-03-02T09:59:00+00:00",
    "customer": {"email": "ann@example.com"},
    "data": {"order": {"id": "1", "number": "A1", "total": "9.90", "currency": "EUR", "items": []}},
}


def hook(web: httpx.Client, document: object, shop: str = "main", secret: str = "s1") -> Any:
    return web.post(f"/hooks/kiosk/{shop}", content=json.dumps(document), headers={"x-kiosk": secret})


def test_a_shops_delivery_is_taken_in_once_and_the_first_body_stays(shop: Shop, web: httpx.Client) -> None:
    assert hook(web, ORDER).json() == {"events": 1, "new": 1}
    assert hook(web, ORDER).json() == {"events": 1, "new": 0}
    other = {**ORDER, "customer": {"email": "bob@example.com"}}
    assert hook(web, other).status_code == 202
    (event,) = shop.app.store.events.page()
    assert (event.source, event.shop, event.customer) == ("kiosk", "main", {"email": "ann@example.com"})
    assert hook(web, None).json() == {"events": 0, "new": 0}


def test_no_shop_writes_for_another(shop: Shop, web: httpx.Client) -> None:
    assert hook(web, {**ORDER, "shop": "main", "source": "api"}, "other", "s2").status_code == 202
    (event,) = shop.app.store.events.page()
    assert (event.source, event.shop) == ("kiosk", "other")


def test_a_source_that_fails_or_makes_no_event_is_named(web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    assert hook(web, "crash").status_code == 503
    assert "plugin birds" in caplog.text
    assert hook(web, {"id": "1"}).status_code == 400


def test_who_takes_no_callbacks_believes_nobody(shop: Shop) -> None:
    mute = shop.app.adapters.get("mute")
    with pytest.raises(RequestRejected, match="mute takes no callbacks"):
        mute.callback(Request(url="https://x.example", received_at=shop.clock.now()))
