"""What shops post: kept before it is answered, all of it or nothing, whatever becomes of us the moment after."""

from __future__ import annotations

import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from messaging.app import Messaging
from messaging.nouns.event import EventState
from messaging.server import limits
from messaging.server.run import make_apps, make_jobs
from messaging.server.targets import Targets

JSON_SUITE = Path(__file__).resolve().parents[3] / "shared" / "data" / "json_test_suite"

KIOSK = """
import hmac
from pydantic import SecretStr
from messaging import EventSource, InputError, RequestRejected, SourceSettings, hookimpl

class KioskSettings(SourceSettings):
    secret: SecretStr

class Kiosk(EventSource):
    name = "kiosk"
    Settings = KioskSettings
    def verify(self, request):
        expected = hmac.digest(self.settings.secret.get_secret_value().encode(), request.body, "sha256").hex()
        if not hmac.compare_digest(expected.encode(), request.header("x-kiosk").encode()):
            raise RequestRejected("its signature is wrong")
    def events(self, request):
        told = request.json()
        if told == {"hello": 1}:
            return []
        told = told if isinstance(told, list) else [told]
        if not all(isinstance(each, dict) and "id" in each for each in told) or not told:
            raise InputError("it is no event")
        return told
    def complete(self, event):
        return {"customer": {"id": "ann"}, "data": {"order": {"number": event["incomplete"]["order"]}}}
    def answer(self, request):
        if request.query().get("boom"):
            raise KeyError("boom")
        return request.query().get("challenge", "").encode() or None

@hookimpl
def register_event_sources():
    return [Kiosk]
"""


def order(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number}:placed",
        "type": "order.placed",
        "time": "2026-03-02T09:59:00+00:00",
        "customer": {"email": f"c{number % 7}@example.com"},
        "data": {"order": {"number": f"A{number}", "total": "9.90", "currency": "EUR"}},
        **more,
    }


def sign(body: bytes, secret: str = "s1") -> dict[str, str]:
    return {"x-kiosk": hmac.digest(secret.encode(), body, "sha256").hex()}


def post(web: httpx.Client, told: object, shop: str = "main", secret: str = "s1") -> httpx.Response:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return web.post(f"/hooks/kiosk/{shop}", content=body, headers=sign(body, secret))


def set_up(folder: Any) -> None:
    (folder.plugins / "kiosk.py").write_text(KIOSK, "utf-8")
    text = folder.settings.read_text("utf-8")
    shops = '\n[sources.kiosk.main]\nsecret = "s1"\n[sources.kiosk.other]\nsecret = "s2"\n'
    folder.settings.write_text(text + shops, "utf-8")


@pytest.fixture
def shop(live_shop: Any) -> Any:
    set_up(live_shop.workspace)
    live_shop.app = live_shop.open()
    return live_shop


@pytest.fixture
def web(shop: Any, visit: Callable[[Any], httpx.Client]) -> httpx.Client:
    return visit(make_apps(shop.app, Targets(shop.app.store), "127.0.0.1")[0])


@contextmanager
def at_work(app: Messaging, name: str) -> Iterator[None]:
    """One of the server's jobs, in a thread of its own."""
    stop = threading.Event()
    (job,) = (job for job in make_jobs(app, Targets(app.store), stop) if job.name == name)
    thread = threading.Thread(target=job, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        app.queue.wake_all()
        thread.join(10)


def states(app: Messaging) -> list[EventState]:
    return [event.state for event in app.store.events.page(limit=10_000)]


def until(done: Callable[[], bool]) -> None:
    """Wait until it is so."""
    for _ in range(500):
        if done():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came so")


def test_nothing_is_worked_off_while_the_shop_waits(shop: Any, web: httpx.Client) -> None:
    answer = post(web, order(1))
    assert (answer.status_code, answer.json()) == (202, {"events": 1, "new": 1})
    assert (states(shop.app), shop.app.store.customers.count()) == ([EventState.RECEIVED], 0)
    with at_work(shop.app, "events"):
        until(lambda: states(shop.app) == [EventState.DONE])
        # And what comes now is worked off at once: nobody waits for the next look.
        post(web, order(2))
        until(lambda: states(shop.app) == [EventState.DONE] * 2)
    assert shop.app.store.customers.count() == 2


def test_send_due_works_off_what_waits(shop: Any, web: httpx.Client) -> None:
    post(web, [order(1), {"id": "thin", "type": "order.paid", "time": order(1)["time"], "incomplete": {"order": "A1"}}])
    shop.app.dispatcher.run_due()
    assert states(shop.app) == [EventState.DONE] * 2
    (paid,) = shop.app.store.events.page(type="order.paid")
    assert (paid.customer_id, paid.data["order"]["number"], paid.source) == ("ann", "A1", "kiosk")


def test_a_delivery_is_kept_whole_or_not_at_all(shop: Any, web: httpx.Client) -> None:
    answer = post(web, [order(1), order(2), {**order(3), "time": "noon"}])
    assert answer.status_code == 400
    assert "source kiosk made an event that is none: time: must be" in answer.text
    assert shop.app.store.events.count() == 0
    assert post(web, [order(1), order(2), order(1)]).json() == {"events": 2, "new": 2}


def test_no_shop_writes_for_another(shop: Any, web: httpx.Client) -> None:
    assert post(web, order(1)).status_code == 202
    assert post(web, order(1), "other", "s1").status_code == 401
    stolen = {**order(1), "shop": "main", "source": "api", "type": "order.cancelled"}
    assert post(web, stolen, "other", "s2").json() == {"events": 1, "new": 1}
    shop.app.backlog.work_off()
    placed, cancelled = (
        next(iter(shop.app.store.events.page(type=f"order.{word}"))) for word in ("placed", "cancelled")
    )
    assert (placed.shop, cancelled.shop, cancelled.source) == ("main", "other", "kiosk")
    (mine,) = (o for o in shop.app.store.events.orders_of([placed.customer_id])[placed.customer_id] if o.placed_at)
    assert mine.cancelled_at is None


def test_a_shop_that_asks_is_answered(web: httpx.Client) -> None:
    for ask in (
        lambda: web.get("/hooks/kiosk/main?challenge=<script>"),
        lambda: web.post(
            "/hooks/kiosk/main?challenge=<script>", content=b'{"hello": 1}', headers=sign(b'{"hello": 1}')
        ),
    ):
        answer = ask()
        assert (answer.status_code, answer.text) == (200, "<script>")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert post(web, {"hello": 1}).json() == {"events": 0, "new": 0}


def test_who_wants_a_reply_gets_it_once_the_events_are_kept(shop: Any, web: httpx.Client) -> None:
    body = json.dumps(order(1)).encode()
    for query, status, reply in (("challenge=go+on", 200, "go on"), ("boom=1", 503, "plugin kiosk")):
        answer = web.post(f"/hooks/kiosk/main?{query}", content=body, headers=sign(body))
        assert answer.status_code == status
        assert reply in answer.text
        assert [event.id for event in shop.app.store.events.page()] == ["1:placed"]
    forged = web.post("/hooks/kiosk/main?challenge=go+on", content=body, headers=sign(body, "s2"))
    assert (forged.status_code, "go on" in forged.text) == (401, False)


@pytest.mark.parametrize(
    "path", ["/hooks/kiosk/main", "/hooks/kiosk/third?challenge=1", "/hooks/none/main?challenge=1"]
)
def test_who_has_nothing_to_say_is_not_there(web: httpx.Client, path: str) -> None:
    answer = web.get(path)
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "nobody posts here")
    assert web.head(path).status_code == 404


def test_an_answer_that_fails_names_its_plugin(web: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    assert web.get("/hooks/kiosk/main?boom=1").status_code == 503
    assert "plugin kiosk" in caplog.text


def test_what_is_too_large_too_slow_or_compressed_is_not_read(
    shop: Any, web: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(order(1)).encode()
    packed = web.post("/hooks/kiosk/main", content=body, headers={**sign(body), "Content-Encoding": "gzip"})
    assert packed.status_code == 415
    place = (web.base_url.host, web.base_url.port or 80)
    head = b"POST /hooks/kiosk/main HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    with socket.create_connection(place, timeout=10) as opened:
        opened.sendall(head + b"Content-Length: 20000000\r\n\r\n")  # and not one byte of them
        assert opened.recv(100).startswith(b"HTTP/1.1 413")
    with socket.create_connection(place, timeout=10) as opened:
        piece = b"10000\r\n" + b"[" * 65536 + b"\r\n"
        try:
            opened.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 200)
        except ConnectionError:
            pass  # it hangs up while more is sent
        assert opened.recv(100).startswith((b"HTTP/1.1 413", b""))
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    with socket.create_connection(place, timeout=10) as opened:
        opened.sendall(head + b"Content-Length: 20\r\n\r\n{")
        assert opened.recv(100).startswith(b"HTTP/1.1 408")
    assert shop.app.store.events.count() == 0


@pytest.mark.skipif(not JSON_SUITE.is_dir(), reason="needs ../shared/data/json_test_suite")
@pytest.mark.parametrize("door", ["hooks", "events"])
def test_json_that_is_none_is_a_400(shop: Any, web: httpx.Client, door: str) -> None:
    files = [file for file in sorted(JSON_SUITE.rglob("*.json")) if file.name[:2] in ("n_", "y_", "i_")]
    assert len(files) > 250
    key = {"X-API-Key": shop.app.keys.api_key, "Content-Type": "application/json"}
    for file in files:
        body = file.read_bytes()
        answer = post(web, body) if door == "hooks" else web.post("/events", content=body, headers=key)
        assert answer.status_code == 400 if file.name.startswith("n_") else answer.status_code < 500, file.name
    assert shop.app.store.events.count() == 0


def test_many_at_once_are_all_kept_once(shop: Any, web: httpx.Client) -> None:
    told = [order(number) for number in range(120)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda one: post(web, one), [*told, *told[::3]]))
    assert {answer.status_code for answer in answers} == {202}
    assert sum(answer.json()["new"] for answer in answers) == len(told) == shop.app.store.events.count()


SERVER = """
import sys
from messaging.cli import main
main(["--workspace", sys.argv[1], "serve", "--port", "0", "--staff-port", "0"])
"""


@pytest.mark.slow
def test_killed_the_moment_after_the_answer_nothing_is_lost(live_shop: Any) -> None:
    set_up(live_shop.workspace)
    folder = str(live_shop.workspace.root)
    environment = {name: value for name, value in os.environ.items() if name != "MESSAGING_NOW"}
    for turn in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        ) as process:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "http://" in line)
            url = next(word.rstrip(",.") for word in line.split() if word.startswith("http://"))
            with httpx.Client(base_url=url, trust_env=False) as web:
                for number in range(turn * 5, turn * 5 + 5):
                    answer = post(web, order(number))
                    if number % 5 == 4:
                        os.kill(process.pid, signal.SIGKILL)
                    assert answer.status_code == 202
            process.wait(10)
    with Messaging.open(folder) as app:
        assert app.store.events.count() == 15
        app.backlog.work_off()
        assert set(states(app)) == {EventState.DONE}
        assert app.store.customers.count() == 7
