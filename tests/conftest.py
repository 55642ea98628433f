"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from messaging.clock import FrozenClock

SHARED = Path(os.environ.get("MESSAGING_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("data/olist")`: real material beside the checkout; the test is skipped, and says so, where there is none."""

    def find(path: str) -> Path:
        found = SHARED / path
        if not found.exists():
            pytest.skip(f"no shared material: {path} (set MESSAGING_SHARED to its folder)")
        return found

    return find


@pytest.fixture
def clock() -> FrozenClock:
    """A business time that stands still: 2026-03-02, 10:00 UTC, a Monday."""
    return FrozenClock(datetime(2026, 3, 2, 10, 0, tzinfo=UTC))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting leaks in from the machine."""
    for name in list(os.environ):
        if name.startswith(("MESSAGING", "SENDGRID_", "SMTP_")) and name != "MESSAGING_SHARED":
            monkeypatch.delenv(name)
