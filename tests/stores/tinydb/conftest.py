"""The embedded store's own test tools."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging.clock import Clock
from messaging.stores.base import Store
from messaging.stores.tinydb.disk import Disk
from messaging.stores.tinydb.store import TinyStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store's file is."""
    return tmp_path / "data" / "store.jsonl"


@pytest.fixture
def open_store(open_tinydb: Callable[[], Store]) -> Callable[[], Store]:
    """No other store is tested here."""
    return open_tinydb


@pytest.fixture
def open_tiny(path: Path, clock: Clock) -> Iterator[Callable[..., TinyStore]]:
    """Opens the store, as often as asked; on another disk, if given."""
    opened: list[TinyStore] = []

    def open_one(disk: Disk | None = None, at: Path = path, **options: Any) -> TinyStore:
        opened.append(TinyStore(at, clock=clock, disk=disk, **options))
        return opened[-1]

    yield open_one
    for store in opened:
        try:
            store.close()
        except Exception:  # its disk may be made to fail, and its file to be damaged
            pass
