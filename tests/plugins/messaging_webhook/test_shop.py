"""The channel in a whole shop: from a contacts file to receivers, and back."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook as Receiver
from werkzeug import Response

from messaging import AdapterContext, AddressRefused, NotSent, Request
from messaging.nouns.consent import Suppression
from messaging.nouns.message import MessageState
from messaging.services.csv_file import CsvFile
from messaging.services.import_consent import Grant
from messaging.services.rejected import RejectedFile

if TYPE_CHECKING:
    from tests.conftest import Shop

SECRET = "whsec_" + b64encode(b"k" * 32).decode()
SETTINGS = """
[channels.webhook]
adapter = "webhook"
{by_id}
[adapters.webhook]
secrets = ["SECRET"]
{settings}
[outgoing]
allow_private = ["127.0.0.0/8", "::1/128"]
allow_http = true
""".replace("SECRET", SECRET)


def set_up(shop: Shop, *, by_id: bool = False, settings: str = "") -> None:
    file = shop.workspace.settings
    ours = SETTINGS.format(by_id="by_id = true" if by_id else "", settings=settings)
    file.write_text(file.read_text("utf-8") + ours, "utf-8")
    folder = shop.workspace.templates / "ping"
    folder.mkdir()
    (folder / "template.toml").write_text('class = "marketing"\ntopic = "news"\nchannels = ["webhook"]\n', "utf-8")
    (folder / "webhook.json").write_text('{"to": {{ customer.id }}, "url": "https://shop.example/new"}', "utf-8")
    shop.app = shop.open()


@pytest.fixture
def shop(live_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("MESSAGING__SERVER__ALLOW_INSECURE_LINKS", "true")
    return live_shop


def take_in(shop: Shop, tmp_path: Path, text: str) -> None:
    path = tmp_path / "contacts.csv"
    path.write_text(text, "utf-8")
    file, doing = CsvFile(path), shop.app.customer_import
    doing.run(
        file,
        doing.survey(file),
        grants=[Grant("webhook", "news")],
        source="form",
        rejected=RejectedFile(shop.app.store, path, tmp_path, ".csv"),
        incomplete=RejectedFile(shop.app.store, path, tmp_path, ".csv", "incomplete"),
    )


def send(shop: Shop, name: str = "spring") -> None:
    shop.app.campaigning.create(name, template="ping", segment="all", channel="webhook")
    assert shop.app.send_campaign(name) is None


def test_from_a_file_to_receivers_and_gone_for_good(shop: Shop, httpserver: HTTPServer, tmp_path: Path) -> None:
    set_up(shop)
    httpserver.expect_request("/ann").respond_with_data("")
    httpserver.expect_request("/bob").respond_with_data("", status=410)
    rows = [f"{name},{name}@example.com,{httpserver.url_for('/' + name)}" for name in ("ann", "bob")]
    take_in(shop, tmp_path, "\n".join(["id,email,addresses.webhook", *rows, "cem,cem@example.com,"]))
    send(shop)
    assert shop.counts() == {"sent": 1, "refused": 1, "skipped": 1}
    assert shop.reasons() == {"410: the receiver is gone": 1, "no address (webhook)": 1}
    request = next(request for request, _ in httpserver.log if request.path == "/ann")
    (sent,) = shop.app.store.outbox.page(state=MessageState.SENT)
    assert request.headers["Webhook-Id"] == sent.id
    body = Receiver(SECRET).verify(request.get_data(), dict(request.headers.items()))
    assert body == {"to": "ann", "url": "https://shop.example/new"}
    (told,) = shop.app.store.engagements.of_messages([sent.id])[sent.id]
    assert (told.kind, told.source, told.customer_id) == ("delivered", "webhook", "ann")
    send(shop, "summer")
    assert shop.reasons("summer") == {"suppressed (gone)": 1, "no address (webhook)": 1}
    assert len(httpserver.log) == 3


def test_who_is_busy_is_asked_again_with_the_same_id(shop: Shop, httpserver: HTTPServer, tmp_path: Path) -> None:
    set_up(shop)
    answers = [Response("", 503, {"Retry-After": "3600"}), Response("", 500), Response("")]
    httpserver.expect_request("/").respond_with_handler(lambda request: answers.pop(0))
    take_in(shop, tmp_path, f"id,addresses.webhook\nann,{httpserver.url_for('/')}\n")
    send(shop)
    (row,) = shop.app.store.outbox.page()
    assert (row.state, row.reason) == (MessageState.PLANNED, "the receiver answered 503")
    assert row.due_at == shop.clock.now() + timedelta(hours=1)
    shop.clock.advance(timedelta(hours=1))
    shop.app.dispatcher.send("spring", plan_hash=None, listed=None, sent=None)
    shop.clock.advance(timedelta(hours=6))
    shop.app.dispatcher.send("spring", plan_hash=None, listed=None, sent=None)
    assert shop.counts() == {"sent": 1}
    assert {request.headers["Webhook-Id"] for request, _ in httpserver.log} == {row.id}
    assert len(httpserver.log) == 3


def test_one_place_for_everybody(shop: Shop, httpserver: HTTPServer, tmp_path: Path) -> None:
    set_up(shop, by_id=True, settings=f'url = "{httpserver.url_for("/all")}"')
    httpserver.expect_request("/all").respond_with_data("")
    take_in(shop, tmp_path, "id,email\nann,ann@example.com\nbob,bob@example.com\n")
    send(shop)
    assert shop.counts() == {"sent": 2}
    told = [json.loads(request.get_data())["to"] for request, _ in httpserver.log]
    assert sorted(told) == ["ann", "bob"]


def test_an_event_may_tell_the_address(shop: Shop) -> None:
    set_up(shop)
    event = {
        "id": "1",
        "type": "customer.updated",
        "time": "2026-03-02T09:00:00Z",
        "customer": {"id": "ann", "addresses": {"webhook": " https://hook.example/ann ", "fax": "", "email": "x"}},
        "data": {},
    }
    shop.app.intake.receive(event)
    (ann,) = shop.app.store.customers.get(["ann"]).values()
    assert dict(ann.addresses) == {"webhook": "https://hook.example/ann"}
    shop.app.intake.receive({**event, "id": "2", "customer": {"id": "ann", "addresses": {"push": "t-1"}}})
    (ann,) = shop.app.store.customers.get(["ann"]).values()
    assert dict(ann.addresses) == {"webhook": "https://hook.example/ann", "push": "t-1"}


def test_who_was_erased_stays_gone(shop: Shop) -> None:
    set_up(shop)
    address = ("webhook", "https://hook.example/ann")
    event = {
        "id": "1",
        "type": "customer.updated",
        "time": "2026-03-02T09:00:00Z",
        "customer": {"id": "ann", "addresses": {"webhook": address[1]}},
        "data": {},
    }
    shop.app.intake.receive(event)
    shop.app.store.addresses.suppress(
        [Suppression(channel="webhook", address=address[1], reason="gone", at=shop.clock.now(), source="webhook")]
    )
    shop.app.eraser.erase("ann")
    assert shop.app.store.addresses.status([address])[address].suppression is None
    shop.app.intake.receive({**event, "id": "2", "customer": {"id": "new", "addresses": {"webhook": address[1]}}})
    assert shop.app.store.addresses.status([address])[address].suppression is not None


def test_plugins_have_the_way_out_of_the_settings(shop: Shop) -> None:
    set_up(shop)
    assert shop.app.adapters.get("webhook").context.http is shop.app.http
    with pytest.raises(AddressRefused):
        shop.app.http.request("GET", "https://10.0.0.1/")
    with pytest.raises(NotSent, match="no way out"):
        AdapterContext(workspace=".").http.request("GET", "https://x.example/")


def reported(shop: Shop, id: str, document: Any, secret: str = SECRET) -> None:
    body, now = json.dumps(document), datetime.now(UTC)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Receiver(secret).sign(id, now, body),
    }
    request = Request(url="https://x.example/", body=body.encode(), headers=headers, received_at=now)
    shop.app.callbacks.take("webhook", request)


def test_what_a_receiver_reports_later(shop: Shop, httpserver: HTTPServer, tmp_path: Path) -> None:
    set_up(shop)
    httpserver.expect_request("/").respond_with_data("")
    take_in(shop, tmp_path, f"id,addresses.webhook\nann,{httpserver.url_for('/')}\n")
    send(shop)
    (row,) = shop.app.store.outbox.page()
    for _ in range(2):
        reported(shop, "e1", {"type": "message.opened", "data": {"message_id": row.id}})
    kinds = [told.kind for told in shop.app.store.engagements.of_messages([row.id])[row.id]]
    assert sorted(kinds) == ["delivered", "opened"]


def test_a_receiver_has_no_say_in_anothers_messages(shop: Shop, httpserver: HTTPServer, tmp_path: Path) -> None:
    ann, bob = httpserver.url_for("/ann"), httpserver.url_for("/bob")
    own = "whsec_" + b64encode(b"b" * 32).decode()
    set_up(shop, settings=f'receivers = {{ "{bob}" = ["{own}"] }}')
    for path in ("/ann", "/bob"):
        httpserver.expect_request(path).respond_with_data("")
    take_in(shop, tmp_path, f"id,addresses.webhook\nann,{ann}\nbob,{bob}\n")
    send(shop)
    for row in shop.app.store.outbox.page():
        reported(shop, f"e-{row.customer_id}", {"type": "message.opened", "data": {"message_id": row.id}}, own)
        told = shop.app.store.engagements.of_messages([row.id])[row.id]
        assert ("opened" in [each.kind for each in told]) is (row.customer_id == "bob")
    for name, url in (("ann", ann), ("bob", bob)):
        gone = {"type": "message.bounced", "data": {"address": url, "permanent": True}}
        reported(shop, f"b-{name}", gone, own)
        status = shop.app.store.addresses.status([("webhook", url)])["webhook", url]
        assert (status.suppression is not None) is (name == "bob")
    reported(shop, "x", {"type": "message.opened", "data": {"message_id": "nobody's"}}, own)
