"""Which queue the settings name, and what is said where they cannot mean it."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.errors import SettingsError
from messaging.queue.inline import InlineQueue
from messaging.queue.opening import open_queue
from messaging.workspace.folder import Workspace, make_workspace

POSTGRES = "postgresql://shop@db.example/shop"
REDIS = "redis://:hush-hush@broker.example:6379/0"


def opened(use: str, url: str | None = REDIS, store_url: str = POSTGRES) -> Any:
    return open_queue(use, url, prefix="messaging", channels=["email"], store_url=store_url)


def test_inline_needs_nothing() -> None:
    assert isinstance(opened("inline", None, "tinydb:data/store.jsonl"), InlineQueue)


def test_celery_needs_postgresql() -> None:
    with pytest.raises(SettingsError, match=r"workers need the store on PostgreSQL \(set \[store\] url"):
        opened("celery", store_url="tinydb:data/store.jsonl")


def test_celery_needs_a_broker() -> None:
    with pytest.raises(SettingsError, match=r"there is no broker \(set \[queue\] url"):
        opened("celery", None)


def test_celery_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] in ("celery", "kombu"):
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "messaging.queue.brokered", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(SettingsError, match='pip install "customer-messaging\\[scale\\]"'):
        opened("celery")


def test_making_one_asks_nobody() -> None:
    queue = opened("celery")  # at a host that does not exist
    assert queue.workers
    queue.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("use", "rq"), ("url", "http://broker.example"), ("url", "broker.example"), ("prefix", "a b"), ("prefix", "")],
)
def test_settings_that_mean_nothing(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    workspace = make_workspace(tmp_path / "shop")
    with pytest.raises(SettingsError, match=f"queue.{name}"):
        Messaging.open(str(workspace.root), overrides={"queue": {name: value}})


@pytest.fixture
def workspace(tmp_path: Any) -> Workspace:
    return make_workspace(tmp_path / "shop")


def test_the_url_is_not_shown(workspace: Workspace) -> None:
    app = Messaging.open(str(workspace.root), overrides={"queue": {"use": "celery", "url": REDIS}})
    with pytest.raises(SettingsError) as raised:
        app.queue  # the store is the embedded one
    for text in (str(raised.value), repr(app.settings), str(app.settings)):
        assert "hush-hush" not in text
    app.close()


@pytest.mark.parametrize(
    ("store_url", "prefix"),
    [
        ("postgresql://shop:secret@db.example/shop", "shop-messaging"),
        ("postgresql://other@10.0.0.7:5433/shop?schema=tea&pool=3", "shop-tea"),
        ("postgresql://db.example/Té%20shop", "T__shop-messaging"),
        (f"postgresql://db.example/{'s' * 80}", "s" * 60),
    ],
)
def test_queues_are_named_after_the_store(store_url: str, prefix: str) -> None:
    queue = open_queue("celery", "redis://127.0.0.1/0", prefix=None, channels=["email"], store_url=store_url)
    assert queue.prefix == prefix
    queue.close()
