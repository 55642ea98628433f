"""One adapter's whole life, watched: made, given messages by a provider that is every way by turns, asked, called back,
and closed. The tests of `Conduct` look at what was noted.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from messaging.nouns.adapter import Adapter, RenderedMessage
from messaging.patience import Call
from messaging.services.handover import secrets_in
from messaging.testing.builders import make_message
from messaging.testing.contract.authoring import PATIENCE, AdapterBench
from messaging.testing.contract.bench import Run, values
from messaging.testing.contract.files import things_in
from messaging.testing.contract.footprint import Footprint, changed, common, deeds
from messaging.testing.contract.hearing import Listener, Printed, listening, printing
from messaging.testing.contract.leaks import addresses_in, chain
from messaging.testing.contract.provider import Arrival, Fate, HttpProvider, Provider
from messaging.testing.contract.signatures import now, request_of

#: Messages of a step, and the number of the first: nobody else's.
_STEP = 3
_FIRST = 3000
_WHEN = {
    Fate.ACCEPT: "all went well",
    Fate.REFUSE: "they were refused",
    Fate.BUSY: "the provider was busy",
    Fate.LOCKED_OUT: "the key was refused",
    Fate.BROKEN: "the provider failed",
    Fate.RESET: "the provider hung up without an answer",
    Fate.ODD: "the provider answered oddly",
    Fate.SILENT: "the provider never answered",
}
#: What is signed and is nothing that a provider posts.
_NONSENSE = (b"", b"null", b"[1]", b'{"a": 1}')


@dataclass(frozen=True, slots=True)
class Step:
    """What was handed over, to a provider that was so, and what left meanwhile."""

    what: str
    fate: Fate
    messages: Sequence[RenderedMessage]
    run: Run
    arrived: Sequence[Arrival]


class Life:
    """What is noted of one."""

    def __init__(self, bench: AdapterBench, provider: Provider) -> None:
        self._bench = bench
        self._provider = provider
        self._seen = 0
        self.steps: list[Step] = []
        self.heard = Listener()
        self.printed = Printed()
        #: The texts of what it raised, and of all else that it said.
        self.raised: list[str] = []
        self.said: list[str] = []
        #: What else others can see of it, by where.
        self.shown: dict[str, str] = {}
        #: What nobody may hear: secrets; the addresses in what was posted to it, and those posts.
        self.secrets: set[str] = set()
        self.posted: set[str] = set()
        self.posts: list[str] = []
        #: A post that was not genuine was answered with the signature it should have had.
        self.betrayed = False
        #: When it changed its messages, and when the process, and what of it.
        self.messages_changed: str | None = None
        self.process_changed: str | None = None
        #: What came to the provider when all was over, and what the process still held.
        self.late: Sequence[Arrival] = ()
        self.left: list[str] = []

    def lead(self, folder: Path, at_first: Footprint) -> None:
        """Live it, in a workspace in `folder`."""
        gc.collect()
        with deeds() as done:
            with ExitStack() as workspace, listening() as self.heard, printing() as self.printed:
                before = common()
                adapter = self._bench.make(self._provider, folder, workspace, timeout=self._bench.hurry)
                self.secrets |= set(secrets_in(adapter.settings))
                own = [Path(each) for each in _texts_in(adapter.settings) if os.path.isabs(each)]
                if isinstance(self._provider, HttpProvider):
                    self._provider.watch = lambda: self._compare(before, "while it waited for an answer")
                for what in self._days(adapter):
                    self._compare(before, what)
                self.said.append(f"{adapter!r} {adapter}")
            if isinstance(self._provider, HttpProvider):
                self.secrets |= self._provider.lent
            self.late = self._arrived()
            if isinstance(self._provider, HttpProvider):  # others may have threads of their own
                self.left = at_first.running()  # some would end only because the provider does
            self._provider.__exit__(None, None, None)
            self.left = self.left or at_first.left(lambda: done.left(folder, *own))
        self.shown |= {"the command of a child process": "\n".join(done.commands), "a file": _words_in(folder)}
        del adapter  # it lived until here: what only its end closes does not count

    def _days(self, adapter: Adapter) -> Iterator[str]:
        """Each thing that it does; says when."""
        busy: Sequence[RenderedMessage] = ()
        for number, fate in enumerate(self._fates()):
            messages = self._bench.messages(
                self._provider, 1 if fate is Fate.SILENT else _STEP, _FIRST + number * _STEP
            )
            yield self._hand_over(adapter, _WHEN[fate], fate, messages)
            busy = messages if fate is Fate.BUSY else busy
        if busy:
            again = [replace(message, attempt=2) for message in busy]
            self._provider.be(Fate.ACCEPT)
            yield self._hand_over(adapter, "they were handed over again", Fate.ACCEPT, again)
        self._try(lambda: adapter.measure(self._bench.message(1, self._provider)))
        yield "it measured one"
        self._look_up(adapter)
        yield "it looked one up"
        self._call_back(adapter)
        yield "it was called back"
        self._try(adapter.close)
        yield "it was closed"

    def _fates(self) -> Iterator[Fate]:
        yield Fate.ACCEPT
        if self._provider.asked_for:
            yield from (each for each in _WHEN if each is not Fate.ACCEPT and self._provider.be(each))
            self._provider.be(Fate.ACCEPT)
        yield Fate.ACCEPT

    def _hand_over(self, adapter: Adapter, what: str, fate: Fate, messages: Sequence[RenderedMessage]) -> str:
        before = [values(message) for message in messages]
        run = self._bench.run(adapter, messages)
        if [values(message) for message in messages] != before:
            self.messages_changed = self.messages_changed or what
        self.said += [repr(receipt) for receipt in run.receipts]
        self.raised += chain(run.raised)
        self.steps.append(Step(what, fate, messages, run, self._arrived()))
        return what

    def _arrived(self) -> Sequence[Arrival]:
        """What came since it was last asked."""
        if not self._provider.asked_for:
            return ()
        arrived = self._provider.arrived[self._seen :]
        self._seen += len(arrived)
        return arrived

    def _look_up(self, adapter: Adapter) -> None:
        provider = self._provider
        if not adapter.capabilities.lookup or not isinstance(provider, HttpProvider):
            return
        for fate, id in ((Fate.ACCEPT, "prov-000001-q"), (Fate.ACCEPT, None), (Fate.BROKEN, None), (Fate.RESET, None)):
            provider.be(fate)
            provider.looking = (id,)
            self._try(lambda: adapter.lookup(self.steps[0].messages[0].id))
        provider.looking = None

    def _call_back(self, adapter: Adapter) -> None:
        if not adapter.capabilities.callbacks:
            return
        about = make_message(1, channel=adapter.channel)
        ours = [about.from_, repr(self._bench.settings(self._provider))]
        for body in self._bench.callbacks(about.id):
            people = {each for each in addresses_in(body) if not any(each in text for text in ours)}
            self.posted |= people
            self.posts.append(body.decode("utf-8", "replace"))
            for genuine in (body, body[: len(body) // 2], body[:-1], b"[" + body + b"]", *_NONSENSE):
                self._post(adapter, genuine, genuine)
            for other in (body + b" ", b""):
                told = len(self.raised), len(self.heard.lines)
                right = self._post(adapter, body, other)
                text = "\n".join([*self.raised[told[0] :], *self.heard.lines[told[1] :]])
                self.betrayed = self.betrayed or any(value in text for value in right)

    def _post(self, adapter: Adapter, body: bytes, signed: bytes) -> set[str]:
        """Post a body with the signature of `signed`; the long values that the right headers have beside it."""
        at = now()
        headers, right = self._bench.sign(signed, at), self._bench.sign(body, at)
        self._try(lambda: adapter.callback(request_of(self._bench.callback_url, body, headers, at)))
        return {value for value in right.values() if len(value) >= 16} - set(headers.values())

    def _try(self, call: Callable[[], object]) -> None:
        try:
            Call(call).result(PATIENCE)
        except Exception as error:  # what its author wrote may raise anything
            self.raised += chain(error)

    def _compare(self, before: dict[str, object], when: str) -> None:
        what = changed(before)
        if what is not None and self.process_changed is None:
            self.process_changed = f"{what} ({when})"


def _texts_in(settings: object) -> Iterator[str]:
    """What its settings say: where they name a place, it may write there."""
    for _, value in settings if isinstance(settings, BaseModel) else ():
        if isinstance(value, str | os.PathLike):
            yield os.fspath(value)


def _words_in(folder: Path) -> str:
    """What stands in its files, as far as somebody would read them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return "\n".join(each[:100_000].decode("utf-8", "replace") for path in files for each in things_in(path))
