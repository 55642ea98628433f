"""The receiver of webhooks, signed by hand as the specification says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from messaging.errors import InputError
from messaging.testing.standins import WebhookStandIn

OLD, NEW = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def _headers(body: bytes, id: str = "msg_1", secret: str = OLD, at: float | None = None, **more: str) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    found = {"id": id, "timestamp": timestamp, "signature": "v1," + base64.b64encode(signature).decode(), **more}
    return {f"webhook-{name}": value for name, value in found.items() if value}


@pytest.fixture
def provider() -> Iterator[WebhookStandIn]:
    with WebhookStandIn(signing_secrets=[OLD, NEW]) as found:
        yield found


@pytest.fixture
def post(provider: WebhookStandIn) -> Iterator[Any]:
    with httpx.Client(base_url=provider.url, trust_env=False) as client:
        yield lambda body, headers, path="/hook": client.post(path, content=body, headers=headers)


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_a_signed_post_is_kept(provider: WebhookStandIn, post: Any, secret: str) -> None:
    assert post(b'{"a": 1}', _headers(b'{"a": 1}', secret=secret), "/orders").status_code == 204
    (kept,) = provider.messages
    assert (kept["id"], kept["to"], kept["body"]) == ("msg_1", "/orders", '{"a": 1}')


def test_each_id_is_kept_once(provider: WebhookStandIn, post: Any) -> None:
    for _ in range(3):
        assert post(b"x", _headers(b"x")).status_code == 204
    assert post(b"x", _headers(b"x", "msg_2")).status_code == 204
    assert ([one["id"] for one in provider.messages], provider.duplicates) == (["msg_1", "msg_2"], 2)
    provider.clear()
    post(b"x", _headers(b"x"))
    assert provider.count == 1


def test_one_right_signature_of_several_is_enough(provider: WebhookStandIn, post: Any) -> None:
    headers = _headers(b"x")
    headers["webhook-signature"] = "v1,AAAA v1a,BBBB " + headers["webhook-signature"]
    assert post(b"x", headers).status_code == 204


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (lambda: {}, "must all be there"),
        (lambda: _headers(b"x", signature=""), "must all be there"),
        (lambda: _headers(b"y"), "not one of ours"),
        (lambda: _headers(b"x", id="a") | {"webhook-id": "b"}, "not one of ours"),
        (lambda: _headers(b"x", secret="whsec_" + base64.b64encode(b"3" * 32).decode()), "not one of ours"),
        (lambda: _headers(b"x", at=time.time() - 3600), "too far from now"),
        (lambda: _headers(b"x", at=time.time() + 3600), "too far from now"),
        (lambda: _headers(b"x", timestamp="now"), "not in Unix seconds"),
        (lambda: _headers(b"x", signature="v1"), "not one of ours"),
        (lambda: _headers(b"x", signature="v2,AAAA"), "not one of ours"),
    ],
)
def test_what_is_not_believed(
    provider: WebhookStandIn, post: Any, headers: Callable[[], dict[str, str]], said: str
) -> None:
    answer = post(b"x", headers())
    assert (answer.status_code, said in answer.json()["error"]) == (401, True)
    assert provider.messages == []


def test_every_answer_it_can_be_told_to_give(provider: WebhookStandIn, post: Any) -> None:
    for status in (302, 410, 429, 503):
        provider.fail(status=status, retry_after="120", location="http://elsewhere.example/")
        answer = post(b"x", _headers(b"x"))
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "120")
        assert answer.headers["Location"] == "http://elsewhere.example/"
    assert provider.messages == []
    assert post(b"x", _headers(b"x")).status_code == 204


def test_only_posts(provider: WebhookStandIn) -> None:
    assert httpx.get(f"{provider.url}/hook", trust_env=False).status_code == 405


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", base64.b64encode(b"x" * 32).decode(), "whsec_%%%"])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(InputError, match="the secret is none"):
        WebhookStandIn(signing_secrets=[secret])


def test_it_makes_a_secret_up() -> None:
    one, other = WebhookStandIn(), WebhookStandIn()
    assert one.secrets != other.secrets
    assert one.environment()["WEBHOOK_SECRETS"].startswith("whsec_")
