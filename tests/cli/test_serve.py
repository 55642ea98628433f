"""`messaging serve` as it is started: two doors, each with its own pages, and a clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from messaging.workspace.folder import make_workspace
from messaging.workspace.keys import read_keys

EVENT = {
    "id": "1",
    "type": "order.placed",
    "time": "2026-03-02T10:00:00Z",
    "customer": {"id": "ann"},
    "data": {"order": {"number": "1", "total": "9.50", "currency": "EUR", "items": []}},
}


def test_serve(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "shop")
    command = [sys.executable, "-m", "messaging", "serve", "--port", "0", "--staff-port", "0"]
    environment = {**os.environ, "MESSAGING__SERVER__BASE_URL": "https://shop.example/m"}
    with subprocess.Popen(command, cwd=workspace.root, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stderr is not None
            told = [process.stderr.readline().rsplit(maxsplit=1) for _ in range(2)]
            assert [name for name, _ in told] == ["Links and events:", "Staff pages:"]
            with (
                httpx.Client(base_url=told[0][1], trust_env=False) as public,
                httpx.Client(base_url=told[1][1], trust_env=False) as staff,
            ):
                assert public.get("/readyz").json()["status"] in ("ok", "degraded")  # as full as the disk is
                assert [staff.get(path).status_code for path in ("/mailbox", "/report", "/health", "/docs")] == [
                    200
                ] * 4
                assert [public.get(path).status_code for path in ("/mailbox", "/report", "/health", "/docs")] == [
                    404
                ] * 4
                key = {"Authorization": f"Bearer {read_keys(workspace.root).api_key}"}
                assert public.post("/events", json=EVENT).status_code == 401
                assert public.post("/events", json=EVENT, headers=key).status_code == 202
                assert public.post("/events", json=EVENT, headers=key).status_code == 200
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
            assert (process.returncode, errors) == (0, "")
        finally:
            process.kill()
