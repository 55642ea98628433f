"""`/readyz` says what is degraded, in words for everybody; the staff page says it in full."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.errors import StoreError
from messaging.rules.resting import Limits, Took
from messaging.services.resting import Rests


def rest(site: Any) -> None:
    took = Took(well=False, at_once=True, reason="smtp.internal:25 refused 1000 customers")
    Rests(site.store, site.clock, Limits()).record("smtp", took)


def test_degraded_takes_traffic(site: Any, public: Any) -> None:
    rest(site)
    answer = public.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["parts"]["adapters"] == {
        "status": "degraded",
        "says": "one rests, and messages wait for it",
    }
    assert answer.headers["Cache-Control"] == "no-store"
    for detail in ("smtp", "internal", "1000", "tinydb", str(site.mailbox.parent)):
        assert detail not in answer.text
    assert public.get("/healthz").json() == {"status": "ok"}


def test_failing_takes_none(site: Any, public: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise StoreError("/srv/data: gone")

    monkeypatch.setattr(site.store, "health", fail)
    answer = public.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert "/srv" not in answer.text
    assert public.get("/healthz").status_code == 200


def test_staff_see_it_in_full(site: Any, staff: Any, public: Any) -> None:
    rest(site)
    page = staff.get("/health")
    assert page.status_code == 200
    for detail in (
        "degraded",
        "smtp rests until",
        "smtp.internal:25 refused",
        f"tinydb:{site.store.path}",
        "MB are free",
    ):
        assert detail in page.text
    assert public.get("/health").status_code == 404
