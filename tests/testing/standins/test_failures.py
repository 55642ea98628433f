"""What is to fail, and how."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from messaging.errors import InputError
from messaging.testing.standins.failures import Failure, Failures

KINDS = frozenset({"status", "reset"})


def test_the_next_so_many_fail() -> None:
    failures = Failures(KINDS)
    failures.add({"kind": "status", "status": 429, "times": 2})
    found = [failures.take("status") for _ in range(3)]
    assert [one and one.status for one in found] == [429, 429, None]


def test_what_was_told_first_comes_first() -> None:
    failures = Failures(KINDS)
    failures.add({"status": 500})
    failures.add({"kind": "reset"})
    assert [one.kind for one in (failures.take("status", "reset"), failures.take("status", "reset")) if one] == [
        "status",
        "reset",
    ]


def test_a_share_fails_always_the_same_by_its_seed() -> None:
    def drawn(seed: int) -> list[bool]:
        failures = Failures(KINDS)
        failures.add({"share": 0.3, "seed": seed})
        return [failures.take("status") is not None for _ in range(1000)]

    assert 250 < sum(drawn(1)) < 350
    assert drawn(1) == drawn(1) != drawn(2)


def test_all_is_well_again() -> None:
    failures = Failures(KINDS)
    failures.add({"share": 1})
    assert failures.take("status") is not None
    failures.clear()
    assert failures.take("status") is None


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"status": 200}, "status: "),
        ({"times": 0}, "times: "),
        ({"share": 1.5}, "share: "),
        ({"when": "never"}, "when: "),
        ({"retryafter": "2"}, "retryafter: "),
        ({"kind": "explode"}, "no failure of kind 'explode' (there are reset, status)"),
        ({1: 2}, "no such failure"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(told: dict[Any, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        Failures(KINDS).add(told)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_kind_of_retry_after() -> None:
    def header(word: str) -> str | None:
        return Failure(retry_after=word).headers().get("Retry-After")

    assert header("missing") is None
    assert "Retry-After" not in Failure(status=429).headers()
    assert header("seconds") == "2"
    date = header("date")
    assert date is not None
    assert date.endswith(" GMT")
    assert 0 < parsedate_to_datetime(date).timestamp() - time.time() <= 2
    assert header("nonsense") == "soon"
    assert header("negative") == "-5"
    assert header("huge") == "99999999999999999999"
    assert header("120") == "120"


def test_when_the_rate_is_reset() -> None:
    headers = Failure(status=429, reset_in=30).headers()
    assert headers["X-RateLimit-Remaining"] == "0"
    assert 28 <= int(headers["X-RateLimit-Reset"]) - time.time() <= 30
