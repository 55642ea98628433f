"""What a suite works with: an adapter made as the core makes it, watched while it delivers, and faults told."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, NoReturn, TypeVar

import pytest

from messaging.answers import Wrong
from messaging.errors import AdapterUnusable
from messaging.nouns.adapter import Adapter, Receipt, RenderedMessage, Verdict
from messaging.patience import Call, Escaped, Hung

T = TypeVar("T")

#: Seconds after which what its author wrote counts as hanging.
PATIENCE = 10.0


def fault(what: str, remedy: str) -> NoReturn:
    """Fail the test: what is wrong, and what its author is to do."""
    pytest.fail(f"{what}\n→ {remedy}", pytrace=False)


def ended(what: str, function: Callable[[], T]) -> T:
    """What `function` returns or raises, which its author wrote; it comes to an end, and ends nothing else."""
    try:
        return Call(function).result(PATIENCE)
    except Hung:
        fault(f"{what} did not come to an end in {PATIENCE:g} seconds", "bound every loop and every wait in it")
    except Escaped as error:
        fault(f"{what} raised {error}, which would end the program", "raise only what is an Exception")


def asked(what: str, look: Callable[[], T], remedy: str) -> T:
    """What the core makes of an answer; `look` is the core's own (`messaging.answers`)."""
    try:
        return ended(what, look)
    except Wrong as error:
        fault(f"{what}: {error}", remedy)


@dataclass(slots=True)
class Run:
    """What one call of `deliver` did."""

    receipts: list[Receipt] = field(default_factory=list)
    #: What it yielded that is no receipt.
    odd: list[object] = field(default_factory=list)
    raised: BaseException | None = None
    #: It had not come to an end in time.
    hung: bool = False
    seconds: float = 0.0

    def of(self, message: RenderedMessage) -> Receipt:
        """The one receipt of a message."""
        return next(receipt for receipt in self.receipts if receipt.message_id == message.id)


class _Ended:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def hand_over(adapter: Adapter, messages: Sequence[RenderedMessage], *, patience: float) -> Run:
    """Let it deliver in a thread of its own, as the core does; give up after `patience` seconds without a word."""
    said: queue.SimpleQueue[object] = queue.SimpleQueue()

    def run() -> None:
        error: BaseException | None = None
        try:
            for receipt in adapter.deliver(messages):
                said.put(receipt)
        except BaseException as raised:  # told to whoever waits
            error = raised
        said.put(_Ended(error))

    threading.Thread(target=run, name="kit-deliver", daemon=True).start()
    done, began = Run(), time.monotonic()
    while True:
        try:
            word = said.get(timeout=patience)
        except queue.Empty:
            done.hung = True
            break
        if isinstance(word, _Ended):
            done.raised = word.error
            break
        if isinstance(word, Receipt):
            done.receipts.append(word)
        else:
            done.odd.append(word)
    done.seconds = time.monotonic() - began
    return done


def check_accounts(run: Run, messages: Sequence[RenderedMessage], *, unusable: bool = False) -> None:
    """Each message has its one receipt, and each receipt makes sense. `unusable`: `AdapterUnusable` will do."""
    if run.hung:
        fault(
            "deliver did not come to an end",
            "bound every wait by self.context.timeout (seconds), and say unknown for what was not answered",
        )
    if isinstance(run.raised, AdapterUnusable) and unusable:
        return
    if run.raised is not None:
        fault(
            f"deliver raised {type(run.raised).__name__}: {run.raised}",
            "yield a verdict for each message instead: refused, try_again or unknown. AdapterUnusable is for a key "
            "or an account that is refused, and for nothing else",
        )
    for odd in run.odd:
        fault(f"deliver yielded {type(odd).__name__}", "yield messaging.Receipt only")
    check_ids([receipt.message_id for receipt in run.receipts], [message.id for message in messages])
    for receipt in run.receipts:
        check_receipt(receipt)


def check_ids(given: Sequence[str], wanted: Sequence[str]) -> None:
    """Receipts are for these messages, each once."""
    strangers = [id for id in given if id not in set(wanted)]
    if strangers:
        fault(
            f"a receipt is for {strangers[0]!r}, which was not handed over",
            "a receipt's message_id is the `id` of one of the messages",
        )
    twice = [id for id in dict.fromkeys(given) if given.count(id) > 1] if len(set(given)) < len(given) else []
    if twice:
        fault(f"{len(twice)} of {len(wanted)} messages got more than one receipt", "yield exactly one for each message")
    missing = len(set(wanted) - set(given))
    if missing:
        fault(
            f"{missing} of {len(wanted)} messages got no receipt",
            "yield exactly one for each message, also for those that could not be handed over",
        )


def check_receipt(receipt: Receipt) -> None:
    """It says what it must."""
    if not isinstance(receipt.verdict, Verdict):
        fault(
            f"a receipt's verdict is {receipt.verdict!r}", "make it with Receipt.accepted, refused, try_again, unknown"
        )
    if receipt.verdict is not Verdict.ACCEPTED and not (isinstance(receipt.reason, str) and receipt.reason.strip()):
        fault(f"a receipt says {receipt.verdict} without a reason", "say why, in words for a person")
    if receipt.provider_id in ("", "None", "null"):
        fault(f"a provider's id is {receipt.provider_id!r}", "None if there is none; str(None) is a word")
    if receipt.after is not None and not isinstance(receipt.after, timedelta):
        fault(f"a receipt's after is a {type(receipt.after).__name__}", "make it a datetime.timedelta")
    if receipt.after is not None and receipt.after.total_seconds() < 0:
        fault(
            f"a receipt asks to wait for {receipt.after}", "a time to wait is not negative; None if it cannot be read"
        )
    for name in ("message_id", "provider_id", "reason", "suppress"):
        value: object = getattr(receipt, name)
        # What only passes for text compares, hashes or is written as it likes.
        if value is not None and type(value) is not str and not isinstance(value, Enum):
            fault(f"a receipt's {name} is a {type(value).__name__}", "make it text: str(value)")


def values(document: object) -> Any:
    """A copy that later changes do not reach."""
    if isinstance(document, RenderedMessage):
        return {name: values(getattr(document, name)) for name in RenderedMessage.__slots__}
    if isinstance(document, Mapping):
        return {key: values(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [values(value) for value in document]
    return document
