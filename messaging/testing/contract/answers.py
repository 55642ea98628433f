"""What becomes of a message when its provider does not simply take it: the verdict, one request, and no waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest

from messaging.errors import AdapterUnusable
from messaging.nouns.adapter import Adapter, Receipt, RenderedMessage, Verdict
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import Run, check_accounts, fault
from messaging.testing.contract.provider import Fate, HttpProvider, Provider
from messaging.testing.standins.http import Answer

#: Bodies that say yes in a way nobody expects: without an id, or that cannot be read.
_ODD = {
    "200 with an empty object": Answer(status=200, body=b"{}"),
    "200 with null": Answer(status=200, body=b"null"),
    "200 with a list": Answer(status=200, body=b"[]"),
    "200 with an id that is none": Answer(status=200, body=b'{"id": {"a": [null]}}'),
    "200 with what is no text": Answer(status=200, body=b"\xe9\xff\0", media_type="text/plain; charset=latin-1"),
    "200 with brackets without end": Answer(status=200, body=b"[" * 100_000),
}

#: Seconds that an answer on this machine may take, and nobody calls it waiting.
_AT_ONCE = 1.0
#: Seconds to wait that are no longer what a provider asks for by 30.
_LONG = 600.0
#: How far away a date is until which the provider asks to wait.
_WHILE = 240.0


class Answers(AdapterBench):
    """Tests of `deliver` where the provider does not simply take a message."""

    def one(self, open: Callable[..., Adapter], remote: Provider, fate: Fate) -> tuple[RenderedMessage, Run]:
        """Hand over one message to a provider that is so; each message is sent once."""
        self.needs(remote, fate)
        message = self.message(1, remote)
        before = len(remote.arrived)
        run = self.run(open(), [message])
        tries = len(remote.arrived) - before
        if tries > 1:
            fault(
                f"{fate.value}: the message was handed over {tries} times in one call of deliver",
                "do not retry: say try_again or unknown, and the core retries at the right time. Switch off "
                "the retries of your HTTP library too",
            )
        return message, run

    def receipt(self, run: Run, message: RenderedMessage) -> Receipt:
        check_accounts(run, [message])
        return run.of(message)

    def expect(self, receipt: Receipt, allowed: set[Verdict], when: str, remedy: str) -> None:
        if receipt.verdict not in allowed:
            fault(f"{when}, the adapter says {receipt.verdict} ({receipt.reason})", remedy)

    @property
    def unanswered(self) -> set[Verdict]:
        """What may be said of a message that may have been taken."""
        again = {Verdict.TRY_AGAIN} if self.adapter.capabilities.idempotency_key else set()
        return {Verdict.UNKNOWN, *again}

    def test_a_refusal(self, open: Callable[..., Adapter], remote: Provider) -> None:
        message, run = self.one(open, remote, Fate.REFUSE)
        self.expect(
            self.receipt(run, message),
            {Verdict.REFUSED},
            "when the provider refuses a message for good",
            "yield Receipt.refused(message.id, reason): whatever the provider answers is to be looked at",
        )

    def test_too_many_requests(self, open: Callable[..., Adapter], remote: Provider, monkeypatch: Any) -> None:
        slept: list[float] = []
        really = time.sleep

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            really(min(seconds, 0.01))

        self.needs(remote, Fate.BUSY)
        remote.be(Fate.ACCEPT)
        self.run(open(), self.messages(remote, 1, first=51))  # what is loaded on first use has its time here
        monkeypatch.setattr(time, "sleep", sleep)
        message, run = self.one(open, remote, Fate.BUSY)
        if run.hung or run.seconds > _AT_ONCE or sum(slept) > 0.25:
            fault(
                "deliver waits when the provider is busy",
                "do not wait: yield Receipt.try_again(message.id, reason, after) at once, and the core waits",
            )
        receipt = self.receipt(run, message)
        self.expect(
            receipt,
            {Verdict.TRY_AGAIN},
            "when the provider has no time now",
            "yield Receipt.try_again(message.id, reason, after)",
        )
        answer = self.busy_answer(remote)
        if answer is not None and answer.headers.get("Retry-After") == "30":
            if receipt.after is None:
                fault("how long the provider asks to wait is lost", "pass it on: answer.retry_after() reads it")
            if not 29 <= receipt.after.total_seconds() <= _LONG:
                fault(
                    f"the provider asks to wait for 30 seconds, and the receipt says {receipt.after}",
                    "pass it on: answer.retry_after() reads Retry-After, which is in seconds, or a date",
                )

    def busy_answer(self, remote: Provider) -> Answer | None:
        arrived = remote.arrived
        request = arrived[-1].request if arrived else None
        return self.busy(request) if request is not None else None

    @pytest.mark.parametrize("retry_after", ["soon", "-5", "9" * 5000, "", "Wed, 99 Foo 2026 00:00:00 GMT"])
    def test_a_retry_after_that_is_none(
        self, open: Callable[..., Adapter], remote: Provider, retry_after: str, monkeypatch: Any
    ) -> None:
        provider = self.http_provider(remote)
        self.needs(provider, Fate.ACCEPT)
        self.run(open(), self.messages(provider, 1, first=51))
        usual = self.busy_answer(provider)
        if usual is None or usual.status < 400:
            pytest.skip("its provider is never busy, or says so with a yes, where no Retry-After is looked for")
        answer = replace(usual, headers={**usual.headers, "Retry-After": retry_after})
        monkeypatch.setattr(type(self), "busy", lambda self, request: answer)
        message, run = self.one(open, provider, Fate.BUSY)
        self.expect(
            self.receipt(run, message),
            {Verdict.TRY_AGAIN},
            f"when the provider is busy, with Retry-After: {retry_after or '(empty)'}",
            "a header may be anything: answer.retry_after() gives None for what cannot be read",
        )

    def test_a_retry_after_that_is_a_date(
        self, open: Callable[..., Adapter], remote: Provider, monkeypatch: Any
    ) -> None:
        provider = self.http_provider(remote)
        self.needs(provider, Fate.ACCEPT)
        self.run(open(), self.messages(provider, 1, first=51))
        usual = self.busy_answer(provider)
        if usual is None or "Retry-After" not in usual.headers:
            pytest.skip("its provider is never busy, or does not say for how long")
        date = formatdate(time.time() + _WHILE, usegmt=True)
        answer = replace(usual, headers={**usual.headers, "Retry-After": date})
        monkeypatch.setattr(type(self), "busy", lambda self, request: answer)
        message, run = self.one(open, provider, Fate.BUSY)
        after = self.receipt(run, message).after
        if after is None or not _WHILE / 2 < after.total_seconds() <= _WHILE + 1:
            fault(
                f"the provider asks to wait until a date, {_WHILE:g} seconds from now, and the receipt says {after}",
                "pass it on: answer.retry_after() reads Retry-After, which is in seconds, or a date",
            )

    def test_an_error_of_the_providers(self, open: Callable[..., Adapter], remote: Provider) -> None:
        message, run = self.one(open, remote, Fate.BROKEN)
        receipt = self.receipt(run, message)
        allowed = self.unanswered
        if isinstance(remote, HttpProvider) and self.turned_away(remote, Fate.BROKEN):
            allowed = {Verdict.TRY_AGAIN}
        self.expect(
            receipt,
            allowed,
            "when the provider fails with an error of its own",
            "nobody knows whether it took the message: yield Receipt.unknown(message.id, reason). Where its errors "
            "surely mean that it did not, name the statuses in turns_away and say try_again",
        )

    def test_a_key_that_is_refused(self, open: Callable[..., Adapter], remote: Provider) -> None:
        _, run = self.one(open, remote, Fate.LOCKED_OUT)
        if run.hung or not isinstance(run.raised, AdapterUnusable):
            said = run.receipts[0].verdict if run.receipts else run.raised
            fault(
                f"when the key is refused, the adapter says {said}",
                "raise AdapterUnusable: it means the same for everybody, and the core stops before the whole audience "
                "is refused. If your provider has no such answer, return None from locked_out",
            )

    def test_hanging_up_without_an_answer(self, open: Callable[..., Adapter], remote: Provider) -> None:
        message, run = self.one(open, remote, Fate.RESET)
        self.expect(
            self.receipt(run, message),
            self.unanswered,
            "when the connection is torn down after the request",
            "it may have been taken: yield Receipt.unknown(message.id, reason)",
        )

    def test_nobody_there(self, open: Callable[..., Adapter], remote: Provider) -> None:
        self.needs(remote)
        adapter, message = open(), self.message(1, remote)
        remote.__exit__(None, None, None)
        run = self.run(adapter, [message])
        check_accounts(run, [message], unusable=True)
        if run.receipts:
            self.expect(
                run.receipts[0],
                {Verdict.TRY_AGAIN, Verdict.UNKNOWN},
                "when nobody listens where the provider should be",
                "nothing left: yield Receipt.try_again(message.id, reason)",
            )

    @pytest.mark.parametrize("how", list(_ODD))
    def test_an_answer_that_nobody_expects(self, open: Callable[..., Adapter], remote: Provider, how: str) -> None:
        provider = self.http_provider(remote)
        provider.odd = _ODD[how]
        message, run = self.one(open, provider, Fate.ODD)
        if run.receipts and isinstance(run.raised, AdapterUnusable):
            # It may send nothing else to whoever answers so, once it said what became of this one.
            run = replace(run, raised=None)
        self.expect(
            self.receipt(run, message),
            {Verdict.ACCEPTED, *self.unanswered},
            f"when the provider answers {how}",
            "it was probably taken: say accepted (without an id, if there is none), or unknown where your provider "
            "never says yes so; after that receipt you may raise AdapterUnusable",
        )

    def test_one_bad_recipient(self, open: Callable[..., Adapter], remote: Provider) -> None:
        """The others get theirs."""
        provider = self.http_provider(remote)
        self.needs(remote, Fate.REFUSE)
        adapter = open()
        size = adapter.capabilities.batch_size
        number = min(size, 20) if size > 1 else 5
        messages = self.messages(provider, number)
        bad = messages[number // 2], messages[-1]
        provider.be(Fate.ACCEPT)
        if size > 1:
            check_accounts(self.run(adapter, messages), messages)
            probe = provider.arrived[-1].request
            if probe is None or self.partly(probe, [each.to for each in bad], "x") is None:
                pytest.skip("partly() does not say how a request is answered of which a part is refused")
        provider.bad = {self.shown(each): each.to for each in bad}
        run = self.run(adapter, messages)
        check_accounts(run, messages)
        for message in messages:
            right = Verdict.REFUSED if message in bad else Verdict.ACCEPTED
            if run.of(message).verdict is not right:
                fault(
                    f"of {number} messages two are refused by the provider, and the receipt of one that is "
                    f"{'refused' if message in bad else 'taken'} says {run.of(message).verdict}",
                    "read what the answer says of each message, not only the first: each has a verdict of its own",
                )

    @pytest.mark.parametrize("fate", [Fate.REFUSE, Fate.BUSY, Fate.LOCKED_OUT, Fate.BROKEN, Fate.RESET])
    def test_a_change_halfway(self, open: Callable[..., Adapter], remote: Provider, fate: Fate) -> None:
        """Some are taken, then something else happens: what was taken was taken, and nobody is forgotten."""
        provider = self.http_provider(remote)
        self.needs(remote, fate)
        adapter = open()
        size = adapter.capabilities.batch_size
        if size > 500:
            pytest.skip("hundreds of messages go in one request")
        messages = self.messages(provider, 6 * size)
        provider.be(Fate.ACCEPT)
        provider.turn(fate, after=3)
        run = self.run(adapter, messages)
        arrived = provider.arrived
        there = {m.id for m in messages if any(self.carries(arrival.raw, m) for arrival in arrived)}
        taken = {m.id for m in messages if any(self.carries(arrival.raw, m) for arrival in arrived if arrival.id)}
        what = f"when some messages are taken and then the provider is {fate.value}"
        if isinstance(run.raised, AdapterUnusable) and fate is Fate.LOCKED_OUT:
            lost = taken - {receipt.message_id for receipt in run.receipts}
            if lost:
                fault(
                    f"{what}, {len(lost)} messages were taken by the provider and have no receipt",
                    "yield the receipts of what was taken before AdapterUnusable is raised: what has none counts as "
                    "not taken, and goes out again",
                )
        else:
            check_accounts(run, messages)
        right = {Fate.REFUSE: {Verdict.REFUSED}, Fate.BUSY: {Verdict.TRY_AGAIN}}.get(fate, self.unanswered)
        for receipt in run.receipts:
            if receipt.message_id in taken:
                self.expect(receipt, {Verdict.ACCEPTED}, f"{what}, of one that was taken", "it was: say accepted")
            elif receipt.message_id not in there:
                self.expect(
                    receipt,
                    {Verdict.TRY_AGAIN, Verdict.UNKNOWN},
                    f"{what}, of one that never left",
                    "it surely was not taken: say try_again",
                )
            elif fate is not Fate.LOCKED_OUT and not self.turned_away(provider, fate):
                self.expect(receipt, right, f"{what}, of one that came after", "each has a verdict of its own")

    def turned_away(self, provider: HttpProvider, fate: Fate) -> bool:
        """Whether its author says that such an error means that nothing was taken."""
        request = provider.arrived[-1].request
        answer = self.broken(request) if fate is Fate.BROKEN and request is not None else None
        return answer is not None and answer.status in self.turns_away
