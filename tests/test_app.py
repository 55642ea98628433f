"""The app takes events in one call, from any thread, whoever is first, and in a process that forks."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.errors import Conflict, InputError, SettingsError
from messaging.nouns.event import EventState
from messaging.workspace.folder import Workspace, make_workspace


def placed(number, total="5.00"):
    return {
        "id": f"{number}:placed",
        "type": "order.placed",
        "time": "2026-03-02T09:00:00Z",
        "customer": {"id": f"c{number}", "email": f"c{number}@example.com"},
        "data": {"order": {"number": str(number), "total": total, "currency": "EUR"}},
    }


def test_receive(live_shop):
    live_shop.app.triggers.enable("order-confirmation")
    accepted = live_shop.app.receive(placed(1))
    assert (accepted.state, accepted.new, accepted.customer_id, accepted.planned) == ("done", True, "c1", 1)
    assert not live_shop.app.receive(placed(1)).new
    with pytest.raises(Conflict):
        live_shop.app.receive(placed(1, "6.00"))
    with pytest.raises(InputError):
        live_shop.app.receive({"id": "2"})


def test_many_threads_at_once_on_an_app_that_did_nothing_yet(live_shop):
    app = live_shop.open()
    with ThreadPoolExecutor(16) as pool:
        states = [accepted.state for accepted in pool.map(app.receive, map(placed, range(64)))]
    assert states == ["done"] * 64
    assert app.store.events.count() == 64
    assert live_shop.app.store.events.count() == 64


FORKS = """
import os, sys
from messaging import Messaging
sys.path.insert(0, sys.argv[2])
from test_app import placed

app = Messaging.open(sys.argv[1])
app.receive(placed(0))
children = []
for child in range(1, 4):
    number = os.fork()
    if not number:
        for turn in range(20):
            app.receive(placed(child * 100 + turn))
        os._exit(0)
    children.append(number)
for turn in range(20):
    app.receive(placed(1000 + turn))
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
assert app.receive(placed(301)).new is False
print(app.store.events.count())
"""


def test_a_process_that_forks_has_its_own(tmp_path):
    """What locks and files are shared with a parent would let both write at once."""
    folder = str(make_workspace(tmp_path / "shop").root)
    words = [sys.executable, "-W", "ignore", "-c", FORKS, folder, str(Path(__file__).parent)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "81"), done.stderr
    with Messaging.open(folder) as app:
        assert app.store.events.count() == 81
        assert len(app.store.events.page(state=EventState.DONE, limit=100)) == 81


class TestRates:
    """A limit that was meant for nobody is none: it is told by whatever is done first."""

    def opened(self, tmp_path: Path, rate: dict[str, float], **more: Any) -> Messaging:
        folder = tmp_path / "shop"
        workspace = Workspace(folder) if folder.exists() else make_workspace(folder)
        return Messaging.open(str(workspace.root), overrides={"sending": {"rate": rate}}, **more)

    def test_one_for_no_adapter(self, tmp_path: Path) -> None:
        with (
            self.opened(tmp_path, {"mailbox": 1, "nosuch": 1}) as app,
            pytest.raises(SettingsError, match=r"^sending\.rate: there is no adapter 'nosuch' \(installed: .*mailbox"),
        ):
            app.plugins

    def test_one_for_an_adapter_whose_plugin_is_at_fault_or_not_wanted_now(self, tmp_path: Path) -> None:
        with self.opened(tmp_path, {"nosuch": 1}, no_plugins=True) as app:
            assert app.plugins.adapters() == {}
        (app.workspace.plugins / "broken.py").write_text("1 / 0\n", "utf-8")
        with self.opened(tmp_path, {"nosuch": 1}) as app:
            assert "mailbox" in app.plugins.adapters()
