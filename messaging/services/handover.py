"""One call of an adapter's `deliver`, watched: faults are named, receipts checked, a hung call is given up on.

The call runs in a thread of its own, because nothing can stop it from outside. A thread that hangs is left behind;
what it says later is not listened to (a provider's event settles such messages).
"""

from __future__ import annotations

import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType, NoneType

from pydantic import BaseModel, SecretBytes, SecretStr

from messaging.errors import AdapterUnusable, DeliveryError, PluginError
from messaging.nouns.adapter import Adapter, Receipt, RenderedMessage, Verdict

log = logging.getLogger("messaging.handover")

#: How long a receipt may wait to be recorded together with the next ones, in seconds.
LINGER = 0.002
#: Characters of a reason that are kept.
LONGEST = 1000
#: What the fields of a receipt are.
_KINDS: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "verdict": (Verdict,),
        "provider_id": (str, NoneType),
        "reason": (str, NoneType),
        "suppress": (str, NoneType),
        "after": (timedelta, NoneType),
    }
)


class _End:
    """The call is over, and with what."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Handover:
    """Begins when it is made. Iterate it once: it yields the receipts; then the attributes tell the rest."""

    def __init__(
        self,
        adapter: Adapter,
        messages: Sequence[RenderedMessage],
        *,
        timeout: float,
        blame: Callable[[str, str], PluginError],
    ) -> None:
        """`timeout`: seconds without a receipt after which the call counts as hung.

        `blame` makes the error for an adapter's name and what is wrong with it.
        """
        self._adapter = adapter
        self._messages = messages
        self._timeout = timeout
        self._blame = blame
        self._said: queue.SimpleQueue[Receipt | _End] = queue.SimpleQueue()
        #: Ids of messages without a receipt, in the order they were given.
        self.missing: list[str] = [message.id for message in messages]
        #: What went wrong with the call as a whole.
        self.fault: AdapterUnusable | DeliveryError | PluginError | None = None
        self.hung = False
        self._start()

    def _start(self) -> None:
        threading.Thread(target=self._run, name=f"deliver-{self._adapter.name}", daemon=True).start()

    def __iter__(self) -> Iterator[list[Receipt]]:
        """The receipts as they come, those of a moment together."""
        waiting = dict.fromkeys(self.missing)
        problems: list[str] = []
        ended = False
        while not ended:
            receipts = []
            for said in self._listen():
                if isinstance(said, _End):
                    ended = True
                    self.fault = self._judge(said.error)
                    break
                problem = _problem(said, waiting)
                if problem is not None:
                    problems.append(problem)
                    continue
                del waiting[said.message_id]
                receipts.append(
                    said if said.reason is None else replace(said, reason=self._without_secrets(said.reason))
                )
            if receipts:
                yield receipts
        self.missing = list(waiting)
        if self.missing and self.fault is None:
            # The next group would fare no better.
            self.fault = self._named(f"no receipt for {len(self.missing)} of {len(self._messages)} messages", problems)
        elif problems:
            log.error("%s", self._named("all messages have their receipts, but", problems))

    def _listen(self) -> Iterator[Receipt | _End]:
        """What is said now; waits until something is, and a moment for what comes right behind it."""
        try:
            yield self._said.get(timeout=self._timeout)
        except queue.Empty:
            self.hung = True
            yield _End(DeliveryError(f"no receipt for {self._timeout:g} seconds; given up on"))
            return
        until = time.monotonic() + LINGER
        with suppress(queue.Empty):  # nothing more came
            while (left := until - time.monotonic()) > 0:
                yield self._said.get(timeout=left)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for receipt in self._adapter.deliver(self._messages):
                self._said.put(receipt)
        except BaseException as raised:  # SystemExit too: an adapter does not end the program
            error = raised
        self._said.put(_End(error))

    def _judge(self, error: BaseException | None) -> AdapterUnusable | DeliveryError | PluginError | None:
        if error is None or isinstance(error, AdapterUnusable):
            return error
        what = "deliver hangs" if self.hung else f"deliver raised {type(error).__name__}"
        return self._named(what, [str(error)])

    def _named(self, what: str, problems: Sequence[str]) -> PluginError:
        more = f" ({len(problems) - 1} more like it)" if len(problems) > 1 else ""
        text = f"{what}: {problems[0]}{more}" if problems else what
        return self._blame(self._adapter.name, self._without_addresses(self._without_secrets(text)))

    def _without_addresses(self, text: str) -> str:
        """The same without those it was given: it is logged."""
        known = sorted({message.to for message in self._messages if len(message.to) > 3}, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, known)) or r"(?!)", "(address)", text, flags=re.IGNORECASE)

    def _without_secrets(self, text: str) -> str:
        """What an adapter says, without the secrets of its settings: it is stored, shown and logged."""
        for secret in secrets_in(self._adapter.settings):
            text = text.replace(secret, "…")
        return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def secrets_in(settings: object) -> Iterator[str]:
    """The values of all secrets (`pydantic.SecretStr`) in an adapter's settings, however deep."""
    if isinstance(settings, SecretStr | SecretBytes):
        value = settings.get_secret_value()
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if len(text) > 3:  # a shorter one would be found in every other word
            yield text
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from secrets_in(getattr(settings, name))
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from secrets_in(value)
    elif isinstance(settings, list | tuple | set | frozenset):
        for value in settings:
            yield from secrets_in(value)


def _problem(said: object, waiting: dict[str, None]) -> str | None:
    if not isinstance(said, Receipt):
        return f"deliver yielded {type(said).__name__}, not a Receipt"
    if not isinstance(said.message_id, str) or said.message_id not in waiting:
        return f"deliver gave a receipt that was not asked for or a second one: {said.message_id!r}"
    wrong = [name for name, kinds in _KINDS.items() if not isinstance(getattr(said, name), kinds)]
    return f"deliver gave a receipt whose {wrong[0]} is {getattr(said, wrong[0])!r}" if wrong else None
