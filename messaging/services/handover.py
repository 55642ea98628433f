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
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from pydantic import BaseModel, SecretBytes, SecretStr

from messaging.answers import LONGEST, Wrong
from messaging.answers import adapters as answers
from messaging.errors import AdapterUnusable, DeliveryError, PluginError
from messaging.meters import note
from messaging.nouns.adapter import Adapter, Receipt, RenderedMessage
from messaging.patience import told

log = logging.getLogger("messaging.handover")

#: How long a receipt may wait to be recorded together with the next ones, in seconds.
LINGER = 0.002
#: Receipts more than there are messages that are listened to. Some make them without end.
SPARE = 100


class _End:
    """The call is over, and with what; said where it was made, as an error's words are its author's, too."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.text = "" if error is None else told(error)


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
        self._messages = tuple(messages)
        self._timeout = timeout
        self._blame = blame
        self._said: queue.SimpleQueue[Receipt | Wrong | _End] = queue.SimpleQueue()
        #: Ids of messages without a receipt, in the order they were given.
        self.missing: list[str] = [message.id for message in messages]
        #: What went wrong with the call as a whole.
        self.fault: AdapterUnusable | DeliveryError | PluginError | None = None
        #: It was given up on: what it was given is not to be counted on any more, nor is its thread.
        self.hung = False
        #: Whether it has come to an end, be it after it was given up on.
        self.over = False
        self._begun = time.monotonic()
        self._start()

    def _start(self) -> None:
        threading.Thread(target=self._run, name=f"deliver-{self._adapter.name}", daemon=True).start()

    def leave(self) -> None:
        """Listen no more: what it did not hand over yet, it shall not."""
        self.hung = True

    def __iter__(self) -> Iterator[list[Receipt]]:
        """The receipts as they come, those of a moment together."""
        waiting = dict.fromkeys(self.missing)
        problems: list[str] = []
        ended = False
        until = time.monotonic() + self._timeout
        while not ended:
            receipts = []
            for said in self._listen(until):
                if isinstance(said, _End):
                    ended = True
                    self.fault = self._judge(said)
                elif isinstance(said, Wrong):
                    problems.append(str(said))
                else:
                    del waiting[said.message_id]
                    receipts.append(
                        said if said.reason is None else replace(said, reason=self._without_secrets(said.reason))
                    )
            if receipts:
                for verdict, number in Counter([receipt.verdict for receipt in receipts]).items():
                    note("receipts", number, adapter=self._adapter.name, verdict=verdict.value)
                yield receipts
                until = time.monotonic() + self._timeout
        note("handover_seconds", time.monotonic() - self._begun, adapter=self._adapter.name)
        self.missing = list(waiting)
        if self.missing:
            note("receipts", len(self.missing), adapter=self._adapter.name, verdict="none")
        if self.missing and self.fault is None:
            # The next group would fare no better.
            self.fault = self._named(f"no receipt for {len(self.missing)} of {len(self._messages)} messages", problems)
        elif problems:
            log.error("%s", self._named("all messages have their receipts, but", problems))

    def _listen(self, until: float) -> Iterator[Receipt | Wrong | _End]:
        """What is said now; waits until something is, and a moment for what comes right behind it."""
        try:
            said = self._said.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            self.hung = True
            yield _End(DeliveryError(f"no receipt for {self._timeout:g} seconds; given up on"))
            return
        yield said
        until = time.monotonic() + LINGER
        with suppress(queue.Empty):  # nothing more came
            while not isinstance(said, _End) and (left := until - time.monotonic()) > 0:
                said = self._said.get(timeout=left)
                yield said

    def _run(self) -> None:
        """In its own thread, where what it answers is looked at, too."""
        waiting = {message.id for message in self._messages}
        most = len(waiting) + SPARE
        error: BaseException | None = None
        try:
            for number, said in enumerate(self._adapter.deliver(self._messages), 1):
                if number > most:
                    raise Wrong(f"it yields receipts without end, or {SPARE} more than there are messages")
                if self.hung:
                    break  # nobody listens: what it did not hand over yet, it shall not
                try:
                    looked_at = answers.receipt("deliver gave", said, waiting)
                except Wrong as problem:
                    self._said.put(problem)
                else:
                    waiting.remove(looked_at.message_id)
                    self._said.put(looked_at)
        except BaseException as raised:  # SystemExit too: an adapter does not end the program
            error = raised
        self._said.put(_End(error))
        self.over = True

    def _judge(self, end: _End) -> AdapterUnusable | DeliveryError | PluginError | None:
        if end.error is None or isinstance(end.error, AdapterUnusable):
            return end.error
        if self.hung or isinstance(end.error, Wrong):
            return self._named("deliver hangs" if self.hung else "deliver", [str(end.error)])
        return self._named(f"deliver raised {end.text}", [])

    def _named(self, what: str, problems: Sequence[str]) -> PluginError:
        more = f" ({len(problems) - 1} more like it)" if len(problems) > 1 else ""
        text = f"{what}: {problems[0]}{more}" if problems else what
        return self._blame(self._adapter.name, self.without_addresses(self._without_secrets(text)))

    def without_addresses(self, text: str) -> str:
        """The same without those it was given: it is logged."""
        known = sorted({message.to for message in self._messages if len(message.to) > 3}, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, known)) or r"(?!)", "(address)", text, flags=re.IGNORECASE)

    def _without_secrets(self, text: str) -> str:
        return without_secrets(text, self._adapter.settings)


def without_secrets(text: str, settings: object) -> str:
    """What an adapter says, without the secrets of its settings: it is stored, shown and logged."""
    for secret in secrets_in(settings):
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
