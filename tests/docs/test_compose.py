"""compose.yaml: what it starts, started here: its commands, in its environment, on this machine's servers."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from messaging.ids import random_id
from tests.docs.conftest import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
ORDER = {
    "id": "e1",
    "type": "order.placed",
    "customer": {"id": "ann", "email": "ann@example.com", "first_name": "Ann"},
    "data": {
        "order": {
            "number": "A-1",
            "total": "10.00",
            "currency": "EUR",
            "items": [{"sku": "T", "name": "Tea", "quantity": 1, "price": "10.00"}],
        }
    },
}

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path, new_postgres_url: str, redis_broker: str) -> Iterator[Start]:
    """Starts a service of ours. Where its servers are is the one thing that is changed, and which ports are free."""
    shop = tmp_path / "shop"
    shop.mkdir()
    started: list[subprocess.Popen[str]] = []
    prefix = f"compose-{random_id()}"

    def begin(name: str, command: str | None = None) -> subprocess.Popen[str]:
        service = OURS[name]
        environment = {**service["environment"], "MESSAGING__QUEUE__PREFIX": prefix}
        assert re.fullmatch(r"postgresql://.*@postgres/messaging", environment["MESSAGING__STORE__URL"])
        assert re.fullmatch(r"redis://.*@redis:6379/0", environment["MESSAGING__QUEUE__URL"])
        environment["MESSAGING__STORE__URL"], environment["MESSAGING__QUEUE__URL"] = new_postgres_url, redis_broker
        words = shlex.split(service["command"] if command is None else command)
        if words[0] == "serve":
            words += ["--port", "0", "--staff-port", "0"]
        process = subprocess.Popen(
            [sys.executable, "-m", "messaging", *words],
            cwd=shop,
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.terminate()
    for process in started:
        process.communicate(timeout=90)


@pytest.mark.postgres
@pytest.mark.broker
def test_an_order_goes_through_all_of_it(start: Start, tmp_path: Path) -> None:
    assert start("web", "init .").wait(60) == 0
    assert start("web", "triggers enable order-confirmation").wait(60) == 0
    others = {name: start(name) for name in OURS if name != "web"}
    web = start("web")
    assert web.stderr is not None
    public, staff = (re.search(r"http://0\.0\.0\.0:(\d+)", web.stderr.readline()) for _ in range(2))
    assert public is not None
    assert staff is not None
    # Listening for the world, it asks.
    assert httpx.get(f"http://127.0.0.1:{staff[1]}/report").status_code == 401
    _, python, *probe = OURS["web"]["healthcheck"]["test"]
    probe[-1] = probe[-1].replace(":8400/", f":{public[1]}/")
    assert python == "python"
    subprocess.run([sys.executable, *probe], check=True)
    key = re.search(r'api_key = "([^"]+)"', (tmp_path / "shop" / "keys.toml").read_text("utf-8"))
    assert key is not None
    answer = httpx.post(
        f"http://127.0.0.1:{public[1]}/events",
        json={**ORDER, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())},
        headers={"Authorization": f"Bearer {key[1]}"},
    )
    assert answer.status_code == 202
    until = time.monotonic() + 60
    while not list((tmp_path / "shop" / "mailbox").glob("*.eml")):
        assert time.monotonic() < until, "no message was sent"
        time.sleep(0.1)
    for process in (*others.values(), web):
        process.terminate()
    assert {name: process.wait(60) for name, process in {**others, "web": web}.items()} == dict.fromkeys(OURS, 0)


def test_what_it_publishes_is_for_this_host_alone() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_service_comes_back_and_no_secret_stands_in_it() -> None:
    for name, service in COMPOSE["services"].items():
        assert service["restart"] == "unless-stopped", name
        for key, value in service["environment"].items():
            assert "PASSWORD" not in key or re.fullmatch(r"\$\{[A-Z_]+:\?see above\}", value), (name, key)
        for url in re.findall(r"\w+://[^/]*@", str(service["environment"])):
            assert re.search(r":\$\{[A-Z_]+:\?see above\}@$", url), (name, url)
