"""`POST /events`, over HTTP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging.errors import StoreError
from messaging.server.events import openapi

KEY = "the-api-key-of-this-test"
EVENT = {
    "id": "1",
    "type": "order.placed",
    "time": "2026-03-02T10:00:00+01:00",
    "customer": {"email": "ann@example.com"},
    "data": {"order": {"number": "1001", "total": "9.90"}},
}


def post(public: httpx.Client, body: Any = None, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(EVENT if body is None else body)
    given = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    return public.post("/events", content=content, headers={**given, **headers})


def error_of(answer: httpx.Response) -> str:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "hint"}
    return str(body["error"]["message"])


def test_an_event_is_taken_in_once(site, public) -> None:
    first, again = post(public), post(public)
    assert (first.status_code, again.status_code) == (202, 200)
    assert (first.json()["new"], again.json()["new"]) == (True, False)
    other = post(public, {**EVENT, "type": "order.paid"})
    assert other.status_code == 409
    assert "another content" in error_of(other)
    assert len(site.inbox.events) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"Authorization": "Bearer ü"},
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
    ],
)
def test_without_the_key_nothing_is_read(site, public, headers: dict[str, str]) -> None:
    answer = post(public, **{name: value.encode("latin-1") for name, value in headers.items()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.text
    error_of(answer)
    assert site.inbox.events == {}


def test_the_key_in_its_own_header(public) -> None:
    assert post(public, **{"Authorization": "", "X-API-Key": KEY}).status_code == 202


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"id": NaN}', "not JSON"),
        (b'{"id": "\\ud800"}', "not JSON"),
        (b'{"id": "\xff"}', "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"[]", "object"),
        (b'"text"', "object"),
        (b"{}", "id"),
        ({**EVENT, "time": "yesterday"}, "time"),
        ({**EVENT, "time": "2026-03-02T10:00:00"}, "zone"),
        ({**EVENT, "data": {"order": {"number": "1", "total": "a lot"}}}, "data.order.total"),
        ({**EVENT, "customer": {}}, "customer"),
    ],
)
def test_what_is_no_event(site, public, body: object, says: str) -> None:
    answer = post(public, body)
    assert answer.status_code == 400
    assert says in error_of(answer)
    assert site.inbox.events == {}


def test_the_json_test_suite(shared: Callable[[str], Path], site, public) -> None:
    """What must not be read is refused; what must be is at least no event. Nothing is a failure of ours."""
    for path in sorted(shared("data/json_test_suite").glob("*.json")):
        answer = post(public, path.read_bytes())
        assert answer.status_code in (400, 413), path.name
        if path.name.startswith("n_"):
            assert "not JSON" in error_of(answer) or answer.status_code == 413, path.name


def test_too_large(site, public) -> None:
    big = json.dumps({**EVENT, "data": {"filler": "x" * 20_000}}).encode()
    assert post(public, big).status_code == 413
    assert error_of(post(public, big))
    stream = public.post(
        "/events",
        content=iter([big[:10_000], big[10_000:]]),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
    )
    assert stream.status_code == 413


def test_what_says_it_is_too_large_is_not_waited_for(public) -> None:
    connection = http.client.HTTPConnection(public.base_url.host, public.base_url.port, timeout=5)
    connection.putrequest("POST", "/events")
    for name, value in (("Authorization", f"Bearer {KEY}"), ("Content-Type", "application/json")):
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(20 * 1024 * 1024))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
    ],
)
def test_only_plain_json(site, public, headers: dict[str, str]) -> None:
    answer = post(public, **headers)
    assert answer.status_code == 415
    error_of(answer)
    assert site.inbox.events == {}


def test_other_json_types(public) -> None:
    assert post(public, **{"Content-Type": "application/json; charset=utf-8"}).status_code == 202
    assert post(public, **{"Content-Type": "application/vnd.shop+json"}).status_code == 200


def test_the_store_is_down(site, public, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise StoreError("/srv/shop/data: the disk is gone")

    monkeypatch.setattr(site.store, "health", fail)
    answer = public.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert answer.json()["parts"]["store"] == {"status": "failing", "says": "cannot be used"}
    assert "/srv" not in answer.text  # everybody may ask
    assert "/srv/shop/data: the disk is gone" in caplog.text
    assert public.get("/healthz").json() == {"status": "ok"}
    monkeypatch.undo()
    assert (public.get("/readyz").status_code, public.get("/readyz").json()["status"]) == (200, "ok")


@pytest.mark.parametrize(("method", "path"), [("GET", "/events"), ("GET", "/nothing"), ("DELETE", "/events")])
def test_other_requests_fail_alike(public, method: str, path: str) -> None:
    answer = public.request(method, path)
    assert answer.status_code in (404, 405)
    error_of(answer)


def test_its_description(site) -> None:
    description = openapi(site.public.api)
    assert set(description["paths"]) == {"/events", "/healthz", "/readyz"}
    schema = description["paths"]["/events"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Event"}
    text = json.dumps(description)
    for reference in {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert reference in description["components"]["schemas"]
    assert openapi(site.public.api) == description
