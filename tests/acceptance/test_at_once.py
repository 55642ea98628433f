"""Orders that come as fast as a shop can post them: while some are worked off, others leave, and none waits for ever."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from messaging.app import Messaging
from messaging.testing import sign_standard_webhook
from messaging.workspace.folder import make_workspace
from tests.acceptance.test_busy import order

pytestmark = pytest.mark.slow

ORDERS = 200
SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#: With a rule that looks at what a customer was sent.
SETTINGS = f"""
[sources.standard.main]
secrets = ["{SECRET}"]
[[plugins.rules.caps]]
channel = "email"
max = 3
days = 7
"""


def test_all_are_answered_and_all_leave(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    workspace = make_workspace(folder)
    with workspace.settings.open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    with Messaging.open(str(folder)) as app:
        app.triggers.enable("order-confirmation")
    command = [sys.executable, "-m", "messaging", "-w", str(folder), "serve", "--port", "0", "--staff-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            public = re.search(r"https?://\S+", server.stderr.readline())
            assert public is not None
            with httpx.Client(base_url=public[0], timeout=20) as client, ThreadPoolExecutor(4) as posting:

                def post(number: int) -> int:
                    told = {**order(number), "customer": {"id": f"c{number}", "email": f"c{number}@example.com"}}
                    body = json.dumps(told).encode()
                    headers = sign_standard_webhook(SECRET, body, id=f"d{number}")
                    return client.post("/hooks/standard/main", content=body, headers=headers).status_code

                assert set(posting.map(post, range(ORDERS))) == {202}
            mails, deadline = folder / "mailbox", time.monotonic() + 60
            while len(list(mails.glob("*.eml"))) < ORDERS and time.monotonic() < deadline:
                time.sleep(0.05)
            left = {number for path in mails.glob("*.eml") for number in re.findall(rb"A-\d+", path.read_bytes())[:1]}
            assert left == {f"A-{number}".encode() for number in range(ORDERS)}
        finally:
            server.kill()
