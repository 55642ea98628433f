"""The adapter against real receivers on loopback."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError
from werkzeug import Request, Response

from messaging import AdapterContext, AdapterUnusable, HttpAnswer, MessageClass, Receipt, RenderedMessage, Verdict
from messaging.errors import SettingsError
from messaging.outgoing import Outgoing
from messaging.services.plugin_settings import read_settings
from messaging_webhook.adapter import Webhook, WebhookSettings, receipt_of

NEW = "whsec_" + "bmV3" * 8
OLD = "whsec_" + "b2xk" * 8
ANYWHERE = re.compile(".*")


@pytest.fixture
def webhook() -> Iterator[Callable[..., Webhook]]:
    clients: list[Outgoing] = []

    def make(*, private: bool = True, ca_file: str | None = None, **settings: Any) -> Webhook:
        allowed = ["127.0.0.0/8"] if private else []
        clients.append(Outgoing(allow_private=allowed, allow_http=True, ca_file=ca_file))
        context = AdapterContext(workspace=".", timeout=10.0, http=clients[-1])
        return Webhook(WebhookSettings(**{"secrets": (NEW,), **settings}), context)

    yield make
    for client in clients:
        client.close()


def message(to: str, id: str = "m1", body: str = '{"order": "A-1"}', **more: Any) -> RenderedMessage:
    return RenderedMessage(
        id=id,
        channel="webhook",
        to=to,
        message_class=MessageClass.TRANSACTIONAL,
        template="shipped",
        parts={"body": body} if body else {},
        timestamp=1_772_445_600.0,
        **more,
    )


def deliver(adapter: Webhook, *messages: RenderedMessage) -> dict[str, Receipt]:
    return {receipt.message_id: receipt for receipt in adapter.deliver(messages)}


def test_a_message_arrives_signed_with_all_secrets_and_as_it_was_written(
    webhook: Callable[..., Webhook], httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/hook").respond_with_data("thanks", status=202)
    body = '{ "total": 12.50, "big": 12345678901234567890, "name": "Zoë \\u2028" }\n'
    receipts = deliver(webhook(secrets=(NEW, OLD)), message(httpserver.url_for("/hook?who=1"), body=body))
    assert receipts == {"m1": Receipt.accepted("m1", delivered=True)}
    ((request, _),) = httpserver.log
    assert request.method == "POST"
    assert request.get_data() == body.encode()
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Webhook-Id"] == "m1"
    assert abs(int(request.headers["Webhook-Timestamp"]) - time.time()) < 60, "the real time, not the business's"
    for secret in (NEW, OLD):
        assert Receiver(secret).verify(request.get_data(), dict(request.headers.items()))["name"] == "Zoë \u2028"
    assert len(request.headers["Webhook-Signature"].split()) == 2


def test_a_cloud_event(webhook: Callable[..., Webhook], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("")
    adapter = webhook(format="cloudevents", source="https://shop.example/")
    deliver(adapter, message(httpserver.url_for("/"), body='{"total": 1.50}'))
    ((request, _),) = httpserver.log
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert b'"data": {"total": 1.50}' in request.get_data()
    assert Receiver(NEW).verify(request.get_data(), dict(request.headers.items())) == {
        "specversion": "1.0",
        "id": "m1",
        "source": "https://shop.example/",
        "type": "customer-messaging.shipped",
        "time": "2026-03-02T10:00:00+00:00",
        "datacontenttype": "application/json",
        "data": {"total": 1.5},
    }


def test_one_place_for_everybody(webhook: Callable[..., Webhook], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/all").respond_with_data("")
    receipts = deliver(webhook(url=httpserver.url_for("/all")), message("c0001"), message("c0002", "m2"))
    assert {receipt.verdict for receipt in receipts.values()} == {Verdict.ACCEPTED}
    assert sorted(request.headers["Webhook-Id"] for request, _ in httpserver.log) == ["m1", "m2"]


def test_a_receiver_with_a_secret_of_its_own(webhook: Callable[..., Webhook], httpserver: HTTPServer) -> None:
    httpserver.expect_request(ANYWHERE).respond_with_data("")
    ann, bob = httpserver.url_for("/ann"), httpserver.url_for("/bob")
    deliver(webhook(receivers={ann: (OLD,)}), message(ann), message(bob, "m2"))
    for request, _ in httpserver.log:
        mine, other = (OLD, NEW) if request.path == "/ann" else (NEW, OLD)
        headers = dict(request.headers.items())
        assert Receiver(mine).verify(request.get_data(), headers) == {"order": "A-1"}
        with pytest.raises(WebhookVerificationError):
            Receiver(other).verify(request.get_data(), headers)


@pytest.mark.parametrize(
    ("status", "headers", "receipt"),
    [
        (200, {}, Receipt.accepted("m", delivered=True)),
        (204, {}, Receipt.accepted("m", delivered=True)),
        (301, {"location": "x"}, Receipt.try_again("m", "the receiver answered 301: redirects are not followed")),
        (308, {}, Receipt.try_again("m", "the receiver answered 308: redirects are not followed")),
        *(
            (status, {}, Receipt.try_again("m", f"the receiver answered {status}"))
            for status in (400, 401, 403, 404, 422)
        ),
        (404, {"retry-after": "60"}, Receipt.try_again("m", "the receiver answered 404", timedelta(seconds=60))),
        (408, {}, Receipt.try_again("m", "the receiver answered 408")),
        (410, {}, Receipt.refused("m", "410: the receiver is gone", suppress="gone")),
        (429, {"retry-after": "7"}, Receipt.try_again("m", "the receiver answered 429", timedelta(seconds=7))),
        (429, {"retry-after": "soon"}, Receipt.try_again("m", "the receiver answered 429")),
        (502, {}, Receipt.try_again("m", "the receiver answered 502")),
        (
            503,
            {"retry-after": "Sun, 22 Nov 2020 10:00:10 GMT"},
            Receipt.try_again("m", "the receiver answered 503", timedelta(0)),
        ),
        (504, {}, Receipt.try_again("m", "the receiver answered 504")),
        (503, {"retry-after": "9" * 5000}, Receipt.try_again("m", "the receiver answered 503", timedelta(days=365))),
        (500, {}, Receipt.try_again("m", "the receiver answered 500")),
        (599, {}, Receipt.try_again("m", "the receiver answered 599")),
    ],
)
def test_what_an_answer_means(status: int, headers: dict[str, str], receipt: Receipt) -> None:
    assert receipt_of("m", HttpAnswer(status=status, headers=headers)) == receipt


def test_nobody_there_is_tried_again(webhook: Callable[..., Webhook]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    receipt = deliver(webhook(), message(f"http://127.0.0.1:{port}/"))["m1"]
    assert receipt == Receipt.try_again("m1", "cannot connect to 127.0.0.1: Connection refused")


def test_no_answer_in_time_is_unknown(webhook: Callable[..., Webhook], httpserver: HTTPServer) -> None:
    let_go = threading.Event()
    httpserver.expect_request("/").respond_with_handler(lambda request: Response(str(let_go.wait(20))))
    receipt = deliver(webhook(timeout=1.5), message(httpserver.url_for("/")))["m1"]
    let_go.set()
    assert receipt == Receipt.unknown("m1", "no answer in time")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://127.0.0.1/", "private network"),
        ("https://localhost/secret", "private network"),
        ("ann@example.com", "not an https address"),
        ("c0001", "not an https address"),
        ("", "not an https address"),
    ],
)
def test_an_address_that_is_none_is_refused(webhook: Callable[..., Webhook], url: str, reason: str) -> None:
    receipt = deliver(webhook(private=False), message(url))["m1"]
    assert receipt.verdict is Verdict.REFUSED
    assert reason in str(receipt.reason)
    assert "secret" not in str(receipt.reason)
    assert receipt.suppress is None, "the settings may be the cause"


@pytest.mark.parametrize("body", ["", "hello", "{", '{"a": NaN}', "[" * 100_000])
def test_what_is_not_json_is_refused(webhook: Callable[..., Webhook], body: str) -> None:
    receipt = deliver(webhook(), message("https://hook.example/", body=body))["m1"]
    assert receipt == Receipt.refused("m1", "the body is not JSON: the template needs a webhook.json")


def test_headers_go_along_but_none_of_ours(webhook: Callable[..., Webhook], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("")
    url = httpserver.url_for("/")
    receipts = deliver(
        webhook(),
        message(url, headers={"X-Shop": "tea"}),
        message(url, "m2", headers={"Webhook-Id": "m1"}),
        message(url, "m3", headers={"X-Evil": "a\r\nb: c"}),
    )
    assert [receipts[id].verdict.value for id in ("m1", "m2", "m3")] == ["accepted", "refused", "refused"]
    ((request, _),) = httpserver.log
    assert request.headers["X-Shop"] == "tea"


@pytest.mark.parametrize(
    "odd", [{"to": "https://\ud800.example/"}, {"body": '{"a": "\ud800"}'}, {"headers": {"X-A": "\ud800"}}]
)
def test_what_cannot_be_written_costs_nobody_a_receipt(
    webhook: Callable[..., Webhook], httpserver: HTTPServer, odd: dict[str, Any]
) -> None:
    httpserver.expect_request("/").respond_with_data("")
    url = httpserver.url_for("/")
    receipts = deliver(
        webhook(), message(**{"to": url, "id": "odd", **odd}), *(message(url, f"m{n}") for n in range(5))
    )
    assert receipts.pop("odd").verdict is Verdict.REFUSED
    assert [receipt.verdict for receipt in receipts.values()] == [Verdict.ACCEPTED] * 5


def test_a_fault_over_one_is_that_ones_alone(
    webhook: Callable[..., Webhook], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/").respond_with_data("")
    adapter = webhook()
    really = adapter._body

    def broken(message: RenderedMessage) -> tuple[bytes, str]:
        if message.id == "m0":
            raise LookupError("nobody thought of it")
        return really(message)

    monkeypatch.setattr(adapter, "_body", broken)
    receipts = deliver(adapter, *(message(httpserver.url_for("/"), f"m{n}") for n in range(5)))
    assert receipts.pop("m0") == Receipt.unknown("m0", "a fault of the adapter: LookupError")
    assert [receipt.verdict for receipt in receipts.values()] == [Verdict.ACCEPTED] * 4


def test_certificates_of_ours_that_cannot_be_read_stop_the_adapter(webhook: Callable[..., Webhook]) -> None:
    """Nothing left: it is no fault over one of them, and nobody is unknown for it."""
    with pytest.raises(AdapterUnusable, match="ca_file"):
        deliver(webhook(ca_file="/nowhere.pem"), *(message("https://127.0.0.1/", f"m{n}") for n in range(5)))


def test_a_slow_receiver_holds_nobody_up(webhook: Callable[..., Webhook]) -> None:
    """Twenty messages to one that does not answer, and one each to others behind them: these come first."""
    let_go = threading.Event()

    def answer(request: Request) -> Response:
        if request.path == "/slow":
            let_go.wait(20)
        return Response("")

    threaded = HTTPServer(threaded=True)
    threaded.expect_request(ANYWHERE).respond_with_handler(answer)
    with threaded:
        slow = [message(threaded.url_for("/slow"), f"slow{n}") for n in range(20)]
        quick = [message(threaded.url_for(f"/{n}"), f"quick{n}") for n in range(5)]
        receipts = webhook(connections=2).deliver([*slow, *quick])
        first = [next(receipts).message_id for _ in quick]
        assert sorted(first) == [each.id for each in quick]
        let_go.set()
        assert len(list(receipts)) == len(slow)


def test_who_stops_listening_stops_the_rest(webhook: Callable[..., Webhook], httpserver: HTTPServer) -> None:
    httpserver.expect_request("/").respond_with_data("")
    receipts = webhook(connections=1).deliver([message(httpserver.url_for("/"), f"m{n}") for n in range(500)])
    next(receipts)
    receipts.close()
    assert len(httpserver.log) < 500


def test_one_adapter_serves_many_threads(webhook: Callable[..., Webhook], httpserver: HTTPServer) -> None:
    httpserver.expect_request(ANYWHERE).respond_with_handler(lambda request: Response(request.get_data()))
    adapter, found = webhook(), {}

    def work(number: int) -> None:
        found.update(deliver(adapter, *(message(httpserver.url_for("/"), f"{number}-{n}") for n in range(20))))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 160
    assert {receipt.verdict for receipt in found.values()} == {Verdict.ACCEPTED}


class TestSettings:
    def test_secrets_from_a_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WEBHOOK_SECRETS", f"{NEW} {OLD}")
        settings = read_settings(WebhookSettings, {}, ("adapters", "webhook"))
        assert [secret.get_secret_value() for secret in settings.secrets] == [NEW, OLD]

    @pytest.mark.parametrize("table", [{}, {"secrets": []}, {"secrets": ["hunter2"]}, {"secrets": [NEW, "hunter2"]}])
    def test_without_a_good_secret_nothing_is_sent(self, table: dict[str, Any]) -> None:
        with pytest.raises(SettingsError, match="secrets") as caught:
            read_settings(WebhookSettings, table, ("adapters", "webhook"))
        assert "hunter2" not in str(caught.value)

    @pytest.mark.parametrize("secrets", [[], ["hunter2"], "hunter2"])
    def test_a_receiver_with_a_bad_secret(self, secrets: Any) -> None:
        table = {"secrets": [NEW], "receivers": {"https://x.example/": secrets}}
        with pytest.raises(SettingsError, match="receivers") as caught:
            read_settings(WebhookSettings, table, ("adapters", "webhook"))
        assert "hunter2" not in str(caught.value)

    def test_a_secret_is_not_shown(self, webhook: Callable[..., Webhook]) -> None:
        assert NEW not in repr(webhook().settings)
