"""Receipts: one for each message, whatever their number, from whichever thread, and no longer than anybody listens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice, zip_longest
from pathlib import Path

import pytest

from messaging.nouns.adapter import Adapter, Receipt, RenderedMessage, Verdict
from messaging.nouns.request import Request
from messaging.testing.contract.authoring import PATIENCE, AdapterBench
from messaging.testing.contract.bench import Run, check_accounts, check_ids, fault
from messaging.testing.contract.provider import HttpProvider, Provider
from messaging.testing.contract.reading import says

_ALL = "hand over every message, and say accepted of what the provider took: the core knows what is sent twice"


class Receipts(AdapterBench):
    """Tests of `deliver` where all goes well."""

    @pytest.mark.parametrize("number", [1, 16, 500])
    def test_each_message_has_one_receipt(self, open: Callable[..., Adapter], remote: Provider, number: int) -> None:
        messages = self.messages(remote, number)
        run = self.run(open(), messages)
        check_accounts(run, messages)
        wrong = [receipt for receipt in run.receipts if receipt.verdict is not Verdict.ACCEPTED]
        if wrong:
            fault(
                f"a good message was not accepted: {wrong[0].verdict}, {wrong[0].reason}",
                "say in accepted(self, request, id) how your provider answers when all is well",
            )
        arrived = remote.arrived if remote.asked_for else []
        lost = [each for each in messages if arrived and not any(self.carries(got.raw, each) for got in arrived)]
        if lost:
            fault(f"{len(lost)} of {number} messages were accepted, and did not come to the provider", _ALL)

    def test_nothing_to_deliver(self, open: Callable[..., Adapter], remote: Provider) -> None:
        check_accounts(self.run(open(), []), [])
        if remote.asked_for and remote.arrived:
            fault("without a message, a request was sent", "send nothing where there is nothing to deliver")

    @pytest.mark.parametrize("words", [("tea1of2", "tea2of2"), ("tea", "tea")])
    def test_two_messages_to_one_address(
        self, open: Callable[..., Adapter], remote: Provider, words: tuple[str, str]
    ) -> None:
        to = self.message(1, remote).to
        messages = [self.message(n, remote, to=to, **self.parts(word)) for n, word in enumerate(words, 1)]
        run = self.run(open(), messages)
        check_accounts(run, messages)
        arrived = remote.arrived if remote.asked_for else []
        if len({run.of(message).verdict for message in messages}) > 1:
            fault(f"of two messages to one address, {words} in words, one was accepted and one was not", _ALL)
        for message, word in zip(messages, words, strict=True):
            accepted = run.of(message).verdict is Verdict.ACCEPTED
            if accepted and arrived and not any(says(each.raw, word) for each in arrived):
                fault("of two messages to one address one was accepted, and did not come to the provider", _ALL)

    def test_calls_do_not_mix(self, open: Callable[..., Adapter], remote: Provider) -> None:
        """Two calls take turns, on one instance and on two."""
        adapter = open()
        for other in (adapter, open()):
            first, second = self.messages(remote, 3), self.messages(remote, 3, first=11)
            got: tuple[list[Receipt], list[Receipt]] = ([], [])
            for one, two in zip_longest(adapter.deliver(first), other.deliver(second)):
                got[0].extend([one] if one is not None else [])
                got[1].extend([two] if two is not None else [])
            for receipts, messages in zip(got, (first, second), strict=True):
                check_together(Run(receipts=receipts), messages)

    def test_many_threads(self, open: Callable[..., Adapter], remote: Provider) -> None:
        """Eight threads at once, their requests answered together."""
        adapter, number = open(), 8
        if isinstance(remote, HttpProvider) and remote.asked_for:
            remote.together = number
        batches = [self.messages(remote, 4, first=1 + 10 * each) for each in range(number)]
        runs: list[Run | None] = [None] * number
        start = threading.Barrier(number)

        def work(each: int) -> None:
            start.wait(10)
            runs[each] = self.run(adapter, batches[each])

        threads = [threading.Thread(target=work, args=(each,), daemon=True) for each in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE * 4)
        for run, messages in zip(runs, batches, strict=True):
            check_together(run or Run(hung=True), messages)
            assert run is not None
            self.check_provider_ids(run, messages, remote)

    def check_provider_ids(self, run: Run, messages: list[RenderedMessage], remote: Provider) -> None:
        """Each receipt holds what the provider called the request that its message was in."""
        if not remote.asked_for:
            return
        for arrival in remote.arrived:
            if arrival.id is None or (arrival.request is not None and not self.tells(arrival.request, arrival.id)):
                continue  # its provider gives none
            for message in messages:
                receipt = run.of(message)
                if receipt.verdict is Verdict.ACCEPTED and self.carries(arrival.raw, message):
                    if receipt.provider_id is None:
                        fault(
                            "the provider's id is lost",
                            "pass it on: Receipt.accepted(message.id, provider_id); it is what callbacks, lookups and "
                            "the provider's own support speak of",
                        )
                    if arrival.id not in receipt.provider_id:
                        fault(
                            "a receipt has the provider's id of another message",
                            "keep nothing of a call on self: deliver is called from several threads; where several "
                            "requests are under way, keep each with its own message",
                        )

    def tells(self, request: Request, id: str) -> bool:
        """Whether the provider's good answer holds an id at all."""
        answer = self.accepted(request, id)
        return id.encode() in answer.body or any(id in value for value in answer.headers.values())

    def test_the_providers_id_is_passed_on(self, open: Callable[..., Adapter], remote: Provider) -> None:
        self.needs(remote)
        messages = self.messages(remote, 1)
        run = self.run(open(), messages)
        check_accounts(run, messages)
        self.check_provider_ids(run, messages, remote)

    def test_answers_overtake_each_other(self, open: Callable[..., Adapter], remote: Provider) -> None:
        """What is answered first need not be what was sent first."""
        provider = self.http_provider(remote)
        adapter = open()
        provider.backwards = 4
        messages = self.messages(provider, 4 * adapter.capabilities.batch_size)
        if len(messages) > 1000:
            pytest.skip("hundreds of messages go in one request")
        run = self.run(adapter, messages)
        check_accounts(run, messages)
        self.check_provider_ids(run, messages, provider)

    def test_instances_share_nothing(self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path) -> None:
        """Two workspaces in one process: each with settings, a folder and a provider of its own."""
        self.needs(remote)
        with self.provider() as second, ExitStack() as stack:
            adapters = [open(), self.make(second, tmp_path / "second", stack)]
            stack.callback(adapters[1].close)
            for adapter, provider, number in ((adapters[0], remote, 1), (adapters[1], second, 2)):
                messages = self.messages(provider, 1, first=number)
                before = len(provider.arrived)
                check_accounts(self.run(adapter, messages), messages)
                if len(provider.arrived) == before:
                    fault(
                        "what one instance delivered went where another's settings lead",
                        "keep settings, connections and caches on self, not on the class or in the module",
                    )

    def test_receipts_come_as_they_are_known(self, open: Callable[..., Adapter], remote: Provider) -> None:
        provider = self.http_provider(remote)
        adapter = open()
        size = adapter.capabilities.batch_size
        if size > 500:
            pytest.skip("hundreds of messages go in one request")
        messages = self.messages(provider, 3 * size)
        provider.hold(1)
        receipts = iter(adapter.deliver(messages))
        released = threading.Event()

        def release() -> None:
            released.set()
            provider.release()

        late = threading.Timer(1.5, release)
        late.start()
        given = [receipt.message_id for receipt in islice(receipts, 1)]
        early = not released.is_set()
        late.cancel()
        provider.release()
        given += [receipt.message_id for receipt in receipts]
        if not early:
            fault(
                "the first receipt was kept back until later answers had come",
                "yield each receipt as soon as it is known: what was not yielded when a process dies is unknown",
            )
        check_ids(given, [message.id for message in messages])

    def test_it_stops_when_nobody_listens(self, open: Callable[..., Adapter], remote: Provider) -> None:
        adapter = open()
        size = adapter.capabilities.batch_size
        messages = self.messages(remote, 200 if size == 1 else min(3 * size, 3000))
        provider = remote if isinstance(remote, HttpProvider) and remote.asked_for else None
        if provider is not None and len(messages) > size:
            provider.hold(1)
        receipts = adapter.deliver(messages)
        if not hasattr(receipts, "close"):
            fault(f"deliver returned a {type(receipts).__name__}", "make it a generator: yield each receipt")
        next(receipts, None)
        try:
            receipts.close()
        except RuntimeError:
            fault(
                "deliver went on after nobody listened any more",
                "let GeneratorExit through: catch Exception, or better only what you expect, never BaseException",
            )
        if provider is not None and len(messages) > size:
            provider.release()
            again = self.run(adapter, self.messages(provider, 1, first=3900))  # whatever was queued goes before it
            reached = sum(any(self.carries(arrival.raw, each) for each in messages) for arrival in provider.arrived)
            if reached >= len(messages):
                fault(
                    "all messages left although nobody listened after the first receipt",
                    "hand over as you are asked for receipts, and drop what is queued when the generator is closed",
                )
            check_accounts(again, self.messages(provider, 1, first=3900))

    def test_an_interrupt_goes_through(self, open: Callable[..., Adapter], remote: Provider) -> None:
        receipts = open().deliver(self.messages(remote, 3))
        if not hasattr(receipts, "throw"):
            fault(f"deliver returned a {type(receipts).__name__}", "make it a generator: yield each receipt")
        next(receipts, None)
        try:
            receipts.throw(KeyboardInterrupt)
        except KeyboardInterrupt:
            return
        except StopIteration:
            pass
        fault("deliver swallowed a KeyboardInterrupt", "catch Exception, or better only what you expect")


def check_together(run: Run, messages: list[RenderedMessage]) -> None:
    """As `check_accounts`; what is wrong here is wrong because others called at the same time."""
    try:
        check_accounts(run, messages)
    except pytest.fail.Exception as failed:
        fault(
            f"when deliver is called several times at once, {failed.msg}",
            "keep nothing of a call on self or in the module; a connection is used by one thread at a time",
        )
