"""The examples of docs/in-process.md, run as they stand: in a script, in Django, in Flask."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.nouns.message import MessageState
from messaging.workspace.folder import make_workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "in-process.md"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace `my-shop` whose order confirmation is on, on the day of the examples."""
    monkeypatch.setenv("MESSAGING_NOW", "2026-11-22T10:00:00+01:00")
    folder = tmp_path / "my-shop"
    with Messaging.open(str(make_workspace(folder).root)) as app:
        app.triggers.enable("order-confirmation")
    return folder


@pytest.fixture
def example(fences: Callable[[Path], list[Any]], tmp_path: Path) -> Callable[[str], Path]:
    def write(name: str) -> Path:
        (text,) = [fence.text for fence in fences(PAGE) if f"file={name}" in fence.info]
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planned(workspace: Path) -> list[tuple[str, str | None]]:
    with Messaging.open(str(workspace)) as app:
        rows = app.store.outbox.page(state=MessageState.PLANNED)
        return [(row.template, row.address) for row in rows]


def test_script(workspace: Path, example: Callable[[str], Path]) -> None:
    path = example("tell.py")
    done = subprocess.run([sys.executable, str(path)], cwd=path.parent, capture_output=True, text=True, check=True)
    assert done.stdout == "done 1\n"
    assert planned(workspace) == [("order-confirmation", "ann@example.com")]


def test_django(workspace: Path, example: Callable[[str], Path]) -> None:
    django = pytest.importorskip("django", reason="Django is not here")
    from django.conf import settings
    from django.test import RequestFactory

    settings.configure(MESSAGING_WORKSPACE=str(workspace), ALLOWED_HOSTS=["testserver"])
    django.setup()
    module = imported(example("shop_django.py"))
    request = RequestFactory().post("/orders", {"email": "dan@example.com"})
    assert module.place_order(request).content == b"Thank you"
    assert module.place_order(request).status_code == 200  # the same again changes nothing
    module.messaging().close()
    assert planned(workspace) == [("order-confirmation", "dan@example.com")]


def test_flask(workspace: Path, example: Callable[[str], Path]) -> None:
    pytest.importorskip("flask", reason="Flask is not here")
    module = imported(example("shop_flask.py"))
    module.app.config["MESSAGING_WORKSPACE"] = str(workspace)
    answer = module.app.test_client().post("/orders", data={"email": "fay@example.com"})
    assert (answer.status_code, answer.text) == (200, "Thank you")
    module.messaging().close()
    assert planned(workspace) == [("order-confirmation", "fay@example.com")]
