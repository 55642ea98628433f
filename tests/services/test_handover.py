"""A hand-over is watched: whatever an adapter does, every message is accounted for and the fault has a name."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import Field, SecretStr

from messaging import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    AdapterUnusable,
    MessageClass,
    PluginError,
    Receipt,
    RenderedMessage,
)
from messaging.services.handover import Handover


def letter(id: str) -> RenderedMessage:
    return RenderedMessage(
        id=id, channel="roof", to="x", message_class=MessageClass.MARKETING, template="t", parts={"body": "b"}
    )


LETTERS = [letter("1"), letter("2"), letter("3")]


def adapter(behaviour: Callable[[Sequence[RenderedMessage]], Any]) -> Adapter:
    class Scripted(Adapter):
        name = "scripted"
        channel = "roof"

        def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
            result: Iterator[Receipt] = behaviour(messages)
            return result

    return Scripted(AdapterSettings(), AdapterContext(workspace="."))


def blame(adapter: str, problem: str) -> PluginError:
    return PluginError(f"{adapter}: {problem}", plugin="birds", distribution="messaging-birds")


def run(behaviour: Callable[[Sequence[RenderedMessage]], Any], timeout: float = 30) -> tuple[list[str], Handover]:
    handover = Handover(adapter(behaviour), LETTERS, timeout=timeout, blame=blame)
    return [receipt.message_id for receipts in handover for receipt in receipts], handover


def test_receipts_come_one_by_one() -> None:
    gate = threading.Event()

    def slowly(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.accepted("1")
        assert gate.wait(30)
        yield Receipt.accepted("2")
        yield Receipt.accepted("3")

    receipts = iter(Handover(adapter(slowly), LETTERS, timeout=30, blame=blame))
    assert [receipt.message_id for receipt in next(receipts)] == ["1"]  # while the others are still on their way
    gate.set()
    assert [receipt.message_id for batch in receipts for receipt in batch] == ["2", "3"]


def test_all_accounted_for() -> None:
    got, handover = run(lambda messages: (Receipt.accepted(m.id) for m in messages))
    assert (got, handover.missing, handover.fault) == (["1", "2", "3"], [], None)


def raising(error: BaseException) -> Callable[[Sequence[RenderedMessage]], Iterator[Receipt]]:
    def deliver(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.accepted("1")
        raise error

    return deliver


@pytest.mark.parametrize("error", [ValueError("odd"), SystemExit(2), KeyboardInterrupt()])
def test_raising_is_named_and_the_rest_is_missing(error: BaseException) -> None:
    got, handover = run(raising(error))
    assert (got, handover.missing) == (["1"], ["2", "3"])
    assert f"plugin birds (from messaging-birds): scripted: deliver raised {type(error).__name__}" in str(
        handover.fault
    )


def test_unusable_is_passed_on_as_it_is() -> None:
    refused = AdapterUnusable("the key is refused")
    got, handover = run(raising(refused))
    assert handover.fault is refused
    assert handover.missing == ["2", "3"]


def test_hanging_is_given_up_on() -> None:
    forever = threading.Event()

    def hang(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.accepted("1")
        forever.wait()

    got, handover = run(hang, timeout=0.05)
    forever.set()
    assert (got, handover.hung, handover.missing) == (["1"], True, ["2", "3"])
    assert "given up on" in str(handover.fault)


@pytest.mark.parametrize(
    "answer",
    [
        lambda messages: None,
        lambda messages: [None, None, None],
        lambda messages: [Receipt.accepted("someone else's")],
        lambda messages: [True],
    ],
)
def test_answers_that_make_no_sense_count_for_nobody(answer: Callable[..., Any]) -> None:
    got, handover = run(answer)
    assert (got, handover.missing) == ([], ["1", "2", "3"])


def test_a_second_receipt_is_not_listened_to(caplog: pytest.LogCaptureFixture) -> None:
    got, handover = run(lambda messages: [Receipt.accepted("1"), Receipt.refused("1", "no")])
    assert (got, handover.missing) == (["1"], ["2", "3"])
    assert "a second one" in str(handover.fault)
    got, handover = run(lambda messages: [Receipt.accepted(id) for id in ("1", "2", "3", "3")])
    assert (got, handover.missing, handover.fault) == (["1", "2", "3"], [], None)
    assert "a second one" in caplog.text


def test_what_is_no_receipt_stops_it_once_and_with_a_name() -> None:
    got, handover = run(lambda messages: ("hello" for _ in messages))
    assert (got, handover.missing) == ([], ["1", "2", "3"])
    assert isinstance(handover.fault, PluginError)
    assert "no receipt for 3 of 3 messages: deliver gave str, not a Receipt (2 more like it)" in str(handover.fault)


def test_silence_is_a_fault_of_the_adapter() -> None:
    got, handover = run(lambda messages: iter([Receipt.accepted("1")]))
    assert (got, handover.missing) == (["1"], ["2", "3"])
    assert "no receipt for 2 of 3 messages" in str(handover.fault)


class Keys(AdapterSettings):
    key: SecretStr = SecretStr("s3cret-key")
    more: dict[str, tuple[SecretStr, ...]] = Field({"others": (SecretStr("an0ther-key"),)})


def test_no_address_it_was_given_is_told() -> None:
    """What a fault says is logged."""
    letters = [replace(letter("1"), to="ann@example.com"), replace(letter("2"), to="bob@example.com")]

    def breaks(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.refused("1", "no such user: ann@example.com")
        raise ValueError(f"cannot write to {messages[1].to.upper()} nor {messages[0].to}")

    handover = Handover(adapter(breaks), letters, timeout=30, blame=blame)
    ((refused,),) = handover
    assert refused.reason == "no such user: ann@example.com", "it stands beside the address"
    assert "deliver raised ValueError: cannot write to (address) nor (address)" in str(handover.fault)


def test_no_secret_of_its_settings_is_told() -> None:
    def deliver(messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        yield Receipt.refused("1", "no: key=s3cret-key")
        raise RuntimeError("an0ther-key is not s3cret-key")

    leaky = adapter(deliver)
    leaky.settings = Keys()
    handover = Handover(leaky, LETTERS, timeout=30, blame=blame)
    (receipts,) = handover
    assert receipts[0].reason == "no: key=…"
    assert "RuntimeError: … is not …" in str(handover.fault)
