"""The main job through its real doors: the command line, a mail server, the running web server, `kill -9`."""

from __future__ import annotations

import json
import math
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller

pytestmark = pytest.mark.slow

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"}
SENT = "2026-03-02T10:00:00+00:00"


class Letterbox:
    """What a mail server took."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(BytesParser(policy=policy.default).parsebytes(envelope.content))
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@pytest.fixture
def letterbox() -> Iterator[Letterbox]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    box = Letterbox(port)
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box
    controller.stop()


class Shop:
    """A workspace, used by commands in processes of their own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "MESSAGING_NOW": SENT,
            "MESSAGING__SERVER__ALLOW_INSECURE_LINKS": "true",
            "MESSAGING__CHANNELS__EMAIL__ADAPTER": "smtp",
            "MESSAGING__ADAPTERS__SMTP__SECURITY": "none",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
        }

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "messaging", "-w", str(self.folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**self.environment, **variables},
        )

    def run(self, *arguments: str, code: int = 0, **variables: str) -> Any:
        process = self.start(*arguments, **variables)
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, err
        return json.loads(out) if "--json" in arguments else err


@pytest.fixture(params=["tinydb", pytest.param("postgres", marks=pytest.mark.postgres)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, letterbox: Letterbox) -> Shop:
    """On each kind of store."""
    shop = Shop(tmp_path / "shop", letterbox.port)
    if request.param == "postgres":
        shop.environment["MESSAGING__STORE__URL"] = request.getfixturevalue("new_postgres_url")
    subprocess.run([sys.executable, "-m", "messaging", "init", str(shop.folder)], check=True, capture_output=True)
    return shop


def import_people(shop: Shop, number: int) -> None:
    rows = "".join(f"p{n},p{n}@mail.example,Name{n},en\n" for n in range(number))
    (shop.folder / "people.csv").write_text("id,email,first_name,locale\n" + rows, "utf-8")
    answer = shop.run(
        "customers",
        "import",
        str(shop.folder / "people.csv"),
        "--consent",
        "email",
        "--consent-source",
        "form",
        "--json",
    )
    assert answer == {"read": number, "created": number, "updated": 0, "rejected": 0}


def test_killed_at_random_moments_and_sent_again_the_mail_is_what_the_outbox_says(
    shop: Shop, letterbox: Letterbox
) -> None:
    people, rng = 400, random.Random(11)
    import_people(shop, people)
    shop.run("campaigns", "create", "spring", "--template", "promotion", "--segment", "everyone", "--json")
    began = time.monotonic()
    plan = shop.run("campaigns", "plan", "spring", "--json")
    took = time.monotonic() - began  # on this machine; a sender that is killed within it may not have sent yet
    assert (plan["audience"], plan["planned"], plan["skipped"]) == (people, people, {})
    kills = 0
    while True:
        process = shop.start("campaigns", "send", "spring", "--plan", plan["hash"], "--json")
        # Each is killed after some more mails, so that there is an end to it, or by turns at a moment, if that comes first.
        enough = len(letterbox.recipients) + rng.randrange(1, people // 3)
        moment = time.monotonic() + took * rng.uniform(0.2, 0.8) if kills % 2 == 0 else math.inf
        while process.poll() is None and len(letterbox.recipients) < enough and time.monotonic() < moment:
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=0.01)
        through = process.poll() is not None
        process.kill()
        process.communicate()
        if through:
            break
        kills += 1
    assert kills > 0
    assert process.returncode in (0, 3)
    status = shop.run("campaigns", "status", "spring", "--json")
    counts = status["counts"]
    assert counts["planned"] == counts["sending"] == 0
    assert counts["sent"] + counts["unknown"] == people
    assert counts["unknown"] <= kills * 32
    got = Counter(letterbox.recipients)
    assert max(got.values()) == 1
    listed = shop.run("messages", "list", "--campaign", "spring", "--limit", "1000", "--json")
    sent = {row["address"] for row in listed if row["state"] == "sent"}
    unknown = {row["address"] for row in listed if row["state"] == "unknown"}
    assert sent <= set(got) <= sent | unknown


def links(mail: EmailMessage) -> list[str]:
    body = mail.get_body(("html",))
    assert body is not None
    return re.findall(r'href="([^"]+/c/[^"]+)"', body.get_content())


def test_clicks_through_the_running_server_are_what_the_report_says(shop: Shop, letterbox: Letterbox) -> None:
    people = 60
    import_people(shop, people)
    with (shop.folder / "messaging.toml").open("a", encoding="utf-8") as file:
        file.write("\n")
    server = shop.start("serve", "--port", "0", "--staff-port", "0", MESSAGING_NOW="2026-03-03T10:00:00+00:00")
    assert server.stderr is not None
    try:
        public = re.search(r"https?://\S+", server.stderr.readline())
        assert public is not None
        base = public[0].rstrip("/")
        shop.run(
            "campaigns",
            "create",
            "spring",
            "--template",
            "promotion",
            "--segment",
            "everyone",
            "--json",
            MESSAGING__SERVER__BASE_URL=base,
        )
        shop.run("campaigns", "send", "spring", "--yes", "--json", MESSAGING__SERVER__BASE_URL=base)
        assert len(letterbox.mails) == people
        rng = random.Random(5)
        clicked = set()
        expected: Counter[str] = Counter()
        with httpx.Client(headers=BROWSER) as client:
            for mail in letterbox.mails:
                assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
                if rng.random() < 0.4:
                    for link in rng.choices(links(mail), k=rng.randint(1, 2)):
                        answer = client.get(link)
                        assert answer.status_code == 302
                        assert answer.headers["location"].startswith(("https://shop.example", "mailto:"))
                        clicked.add(mail["to"])
                        expected[answer.headers["location"]] += 1
            scanned = letterbox.mails[0]
            for link in links(scanned):
                assert client.head(link).status_code == 302
            gone = re.search(r"<([^>]+)>", letterbox.mails[1]["List-Unsubscribe"])
            assert gone is not None
            answer = client.post(gone[1], data={"List-Unsubscribe": "One-Click"})
            assert answer.status_code == 200
        (row,) = [
            r for r in shop.run("report", "--campaign", "spring", "--json")["templates"] if r["template"] == "promotion"
        ]
        assert row["sent"] == people
        assert row["unique_clicks"] == len(clicked)
        assert row["clicks"] == sum(expected.values())
        assert row["machine_clicks"] == len(links(scanned))
        assert row["unsubscribes"] == 1
        assert row["click_through_rate"] == pytest.approx(len(clicked) / people)
        by_target: Counter[str] = Counter()
        for link in row["links"]:
            by_target[link["target"]] += link["clicks"]
        assert +by_target == expected
        shop.run("campaigns", "create", "again", "--template", "promotion", "--segment", "everyone", "--json")
        assert shop.run("campaigns", "plan", "again", "--json")["skipped"] == {"unsubscribed": 1}
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert server.returncode == 0


def test_an_order_event_over_http_becomes_a_confirmation(shop: Shop, letterbox: Letterbox) -> None:
    shop.run("triggers", "enable", "order-confirmation")
    server = shop.start("serve", "--port", "0", "--staff-port", "0")
    assert server.stderr is not None
    try:
        public = re.search(r"https?://\S+", server.stderr.readline())
        assert public is not None
        key = re.search(r'api_key = "([^"]+)"', (shop.folder / "keys.toml").read_text("utf-8"))
        assert key is not None
        event = {
            "id": "e1",
            "type": "order.placed",
            "time": SENT,
            "customer": {"email": "ann@mail.example", "first_name": "Ann"},
            "data": {
                "order": {
                    "id": "1",
                    "number": "A-1",
                    "total": "59.90",
                    "currency": "EUR",
                    "items": [{"sku": "T", "name": "Teapot <b>&", "quantity": 1, "price": "59.90"}],
                }
            },
        }
        with httpx.Client(base_url=public[0], headers={"Authorization": f"Bearer {key[1]}"}) as client:
            assert client.post("/events", json=event).status_code == 202
            assert client.post("/events", json=event).status_code in (200, 202)
            changed = {**event, "type": "order.paid"}
            assert client.post("/events", json=changed).status_code == 409
            assert client.post("/events", json=event, headers={"Authorization": "Bearer x"}).status_code == 401
        deadline = time.monotonic() + 20
        while not letterbox.mails and time.monotonic() < deadline:
            time.sleep(0.02)
        (mail,) = letterbox.mails
        assert letterbox.recipients == ["ann@mail.example"]
        assert "A-1" in mail["subject"]
        html, text = mail.get_body(("html",)), mail.get_body(("plain",))
        assert html is not None
        assert text is not None
        assert "Teapot &lt;b&gt;&amp;" in html.get_content()
        assert "Teapot <b>&" in text.get_content()
        assert "List-Unsubscribe" not in mail
    finally:
        server.terminate()
        server.communicate(timeout=20)
