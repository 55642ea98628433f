"""A command ends, whatever a plugin left running; with its own exit code, and all it printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from messaging.workspace.folder import Workspace, make_workspace

LEFT = {
    "a thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=False, name='owl').start()\n",
    "a pool": "from concurrent.futures import ThreadPoolExecutor\nimport time\nThreadPoolExecutor().submit(time.sleep, 600)\n",
    "an exit": "import atexit, time\natexit.register(time.sleep, 600)\n",
    "a closed stream": "import sys\nsys.stderr.close()\nimport atexit, time\natexit.register(time.sleep, 600)\n",
}
RUN = "import messaging.cli.ending as it; it.PATIENCE = {seconds}; it.run()"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "shop")


def run(workspace: Workspace, *arguments: str, seconds: float = 1.0) -> tuple[int, str, str]:
    command = [sys.executable, "-c", RUN.format(seconds=seconds), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=workspace.root, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("what", LEFT)
def test_it_ends_whatever_a_plugin_left_running(workspace: Workspace, what: str) -> None:
    (workspace.plugins / "left.py").write_text(LEFT[what], "utf-8")
    code, out, err = run(workspace, "plugins", "list", "--json")
    assert (code, '"left"' in out, out.endswith("]\n")) == (0, True, True)
    if what != "a closed stream":
        assert "messaging: done, but " in err
        assert "would not end: left by a plugin? messaging --no-plugins … tells" in err
    if what == "a thread":
        assert "(owl)" in err


def test_its_exit_code_stays(workspace: Workspace) -> None:
    (workspace.plugins / "left.py").write_text(LEFT["a pool"], "utf-8")
    code, _, err = run(workspace, "campaigns", "send", "nothing", "--yes")
    assert (code, "no campaign 'nothing'" in err) == (1, True)


def test_one_that_leaves_nothing_does_not_wait(workspace: Workspace) -> None:
    code, _, err = run(workspace, "plugins", "list", seconds=600)
    assert (code, err) == (0, "")
