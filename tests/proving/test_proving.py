"""The proof in short, one seed on each store; `make prove` goes on for as long as it is told to."""

from __future__ import annotations

import pytest

from messaging.errors import StoreBroken
from tests.proving.faults import plan
from tests.proving.running import Kind, Run, prove, readable
from tests.proving.services import Missing

SEED = 1


def test_a_seed_names_a_plan():
    kinds = ["server killed", "sender killed", "disk full"]
    assert plan(1, 7, kinds) == plan(1, 7, kinds) != plan(2, 7, kinds)
    assert {fault.kind for fault in plan(1, 3, kinds)} == set(kinds)


def test_a_store_that_cannot_be_used_is_a_breach():
    def look() -> str:
        raise StoreBroken("it was cut off")

    assert "the store cannot be used: it was cut off" in readable(look, str)
    assert readable(lambda: "well", str) == "well"


def run(kind: Kind) -> Run:
    try:
        return prove(kind, SEED)
    except Missing as error:
        pytest.skip(f"what it needs cannot be started: {error}")


def held(run: Run) -> None:
    assert run.verdict.breaches == [], f"look at {run.folder}"
    assert sum(run.done.values()) == run.kind.faults
    assert run.accepted > 20


@pytest.mark.slow
@pytest.mark.alone
def test_every_promise_is_kept_on_the_embedded_store():
    held(run(Kind(store="tinydb", people=1000, faults=12)))


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.postgres
def test_every_promise_is_kept_by_workers():
    held(run(Kind(store="postgres", broker="redis", people=1000, faults=14, unknown="at_least_once")))
