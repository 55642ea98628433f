"""Adobe's keys: asked for where Adobe has them, seldom, and whoever posts cannot make us ask elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from pytest_httpserver import HTTPServer

from messaging import DeliveryError, NotSent, Request, RequestRejected, SourceContext
from messaging.outgoing import Outgoing
from messaging_shops.adobe_keys import AdobeKeys, read_key
from messaging_shops.magento import Magento
from tests.plugins.messaging_shops.payloads import bodies
from tests.plugins.messaging_shops.test_magento import CLIENT, ORDER, PATH, adobes, by, event, pem, private, raw
from tests.plugins.messaging_shops.test_magento import make as made

BODY = bodies("magento")["sales_order_save_after"]


def make(server: HTTPServer) -> Magento:
    http = Outgoing(allow_private=["127.0.0.0/8", "::1/128"], allow_http=True)
    return made(SourceContext(shop="main", http=http), client_id=CLIENT, keys=server.url_for(""))


def post(source: Magento, body: bytes, headers: Mapping[str, str]) -> None:
    at = datetime.now(UTC)
    source.verify(Request(url="https://x.example/", body=body, headers=headers, received_at=at))


def test_each_is_asked_for_once(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request(PATH).respond_with_data(pem(private("one")))
    source = make(httpserver)
    for _ in range(3):
        post(source, BODY, adobes(BODY))
    assert len(httpserver.log) == 1
    with pytest.raises(RequestRejected):
        post(source, BODY + b" ", {**adobes(BODY), "x-adobe-digital-signature-2": ""})


def test_the_second_will_do(httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data("", status=404)
    httpserver.expect_request("/prod/keys/pub-key-kruhWwu4Or.pem").respond_with_data(pem(private("two")))
    post(make(httpserver), BODY, adobes(BODY))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/prod/keys/../../pub-key-x.pem",
        "/prod/keys/pub-key-x.pem/../../evil.pem",
        "//evil.example/prod/keys/pub-key-x.pem",
        "@evil.example/prod/keys/pub-key-x.pem",
        ".evil.example/prod/keys/pub-key-x.pem",
        "/prod/keys/pub-key-%2e%2e.pem",
        "/prod/keys/pub-key-x.pem?at=evil",
        "/prod/keys/pub-key-x.pem#",
        "/prod/keys/pub-key-x.pem\n",
        "/prod/keys/pub-key-é.pem",
        f"/prod/keys/pub-key-{'x' * 65}.pem",
        "/stage/keys/pub-key-x.pem",
    ],
)
def test_no_other_path_is_asked_for(httpserver: HTTPServer, path: str) -> None:
    headers = {"x-adobe-digital-signature-1": by("evil", BODY), "x-adobe-public-key1-path": path}
    with pytest.raises(RequestRejected, match="signature is missing or wrong"):
        post(make(httpserver), BODY, headers)
    assert httpserver.log == []


def test_who_does_not_name_us_costs_nothing(httpserver: HTTPServer) -> None:
    body = BODY.replace(CLIENT.encode(), CLIENT[::-1].encode())
    with pytest.raises(RequestRejected, match="not for this shop"):
        post(make(httpserver), body, adobes(body))
    assert httpserver.log == []


def test_signed_by_adobe_for_somebody_else(httpserver: HTTPServer) -> None:
    """Adobe signs what all its customers make happen, and they may write our name into it."""
    httpserver.expect_request(PATH).respond_with_data(pem(private("one")))
    for named in (
        {"recipient_client_id": CLIENT[::-1], "evil": CLIENT},
        {"recipient_client_id": None, "evil": CLIENT},
        {"recipient_client_id": [CLIENT]},
        {"recipientclientid": CLIENT[::-1]},
    ):
        body = raw(event("sales_order_save_after", ORDER, **named))
        with pytest.raises(RequestRejected, match="not for this shop"):
            post(make(httpserver), body, adobes(body))


def test_when_adobe_does_not_answer_it_is_posted_again(httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATH).respond_with_data("", status=503)
    with pytest.raises(DeliveryError):
        post(make(httpserver), BODY, adobes(BODY))


def test_nobody_makes_us_ask_without_end(httpserver: HTTPServer) -> None:
    httpserver.expect_request(re.compile("/prod/keys/.*")).respond_with_data("", status=404)
    source = make(httpserver)
    refused: list[type[Exception]] = []
    for number in range(30):
        headers = {
            "x-adobe-digital-signature-1": by("evil", BODY),
            "x-adobe-public-key1-path": f"/prod/keys/pub-key-{number}.pem",
        }
        with pytest.raises((RequestRejected, NotSent)) as caught:
            post(source, BODY, headers)
        refused.append(caught.type)
    assert refused == [RequestRejected] * 10 + [NotSent] * 20
    assert len(httpserver.log) == 10


def test_what_is_no_key(httpserver: HTTPServer) -> None:
    http = Outgoing(allow_private=["127.0.0.0/8", "::1/128"], allow_http=True)
    for number, text in enumerate(("<html>", pem(private("weak", 1024)), "x" * 20_000)):
        path = f"/prod/keys/pub-key-{number}.pem"
        httpserver.expect_request(path).respond_with_data(text)
        keys = AdobeKeys(http, httpserver.url_for(""))
        if len(text) > 10_000:
            with pytest.raises(NotSent):
                keys.get(path)
        else:
            assert keys.get(path) is None
    assert read_key(pem(private("one"))).key_size == 2048
