"""What an adapter says it can do, it can: batches, idempotency keys, looking up, callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from messaging.nouns.adapter import Adapter, Receipt, RenderedMessage, Verdict
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import check_accounts, check_receipt, ended, fault
from messaging.testing.contract.clock import check_hash, modules_of
from messaging.testing.contract.provider import HttpProvider, Provider


class Abilities(AdapterBench):
    """Tests of `capabilities`."""

    def test_batches(self, open: Callable[..., Adapter], remote: Provider) -> None:
        """As many messages in a request as are declared, and no more."""
        self.needs(remote)
        adapter = open()
        size = adapter.capabilities.batch_size
        if not isinstance(size, int) or size < 1:
            fault(f"batch_size is {size!r}", "say how many messages go in one request: 1 or more")
        messages = self.messages(remote, min(2 * size + 1, 3000))
        check_accounts(self.run(adapter, messages), messages)
        arrived = remote.arrived
        for arrival in arrived:
            inside = sum(self.carries(arrival.raw, message) for message in messages)
            if inside > size:
                fault(
                    f"{inside} messages went in one request, and batch_size is {size}",
                    "cut what deliver is given into requests of at most batch_size, or declare more",
                )
        if size > 1 and len(arrived) >= len(messages):
            fault(
                f"batch_size is {size}, and every message went in a request of its own",
                "put them together, or leave batch_size at 1: the core marks a whole batch as under way at once",
            )

    def test_an_idempotency_key(self, open: Callable[..., Adapter], remote: Provider) -> None:
        if not self.adapter.capabilities.idempotency_key:
            pytest.skip("capabilities declare no idempotency_key")
        self.needs(remote)
        check_hash(modules_of(self.adapter))
        message = self.message(1, remote)
        again = replace(message, attempt=2, timestamp=message.timestamp + 600)
        other = replace(message, id=message.id[:-4] + "0ther")
        first, second, third = (self.key(open, remote, each) for each in (message, again, other))
        if first != second:
            fault(
                f"the same message had the key {first!r} first and {second!r} when it was handed over again",
                "make the key of message.id alone: the core hands it over again where the answer was lost, and a "
                "person must get it once",
            )
        if first == third:
            fault(
                f"two messages with the same words had the same key {first!r}",
                "make the key of message.id: the second one is not a repetition of the first",
            )

    def key(self, open: Callable[..., Adapter], remote: Provider, message: RenderedMessage) -> str:
        before = len(remote.arrived)
        check_accounts(self.run(open(), [message]), [message])
        for arrival in remote.arrived[before:]:
            key = self.idempotency_key(arrival, message)
            if key:
                return key
        fault(
            "capabilities declare an idempotency_key, and no request holds one",
            "send message.id as the provider's key, and say in idempotency_key(self, arrival, …) where it stands; "
            "or do not declare it: the core hands messages over again because of it",
        )

    def test_looking_up(self, open: Callable[..., Adapter], remote: Provider) -> None:
        if not self.adapter.capabilities.lookup:
            pytest.skip("capabilities declare no lookup")
        if self.adapter.lookup is Adapter.lookup:
            fault(
                "capabilities declare lookup, and there is no method lookup",
                "write lookup(self, message_id) -> Receipt | None, or do not declare it",
            )
        adapter, messages = open(), self.messages(remote, 2)
        run = self.run(adapter, messages[:1])
        check_accounts(run, messages[:1])
        if remote.asked_for:
            self.can_look_up(self.http_provider(remote))
        adapter = open()  # whoever asks is seldom who sent: a process that was started anew
        known = self.look_up(adapter, remote, messages[0], "prov-000001-q")
        if known is None or known.verdict is not Verdict.ACCEPTED:
            fault(
                f"lookup does not find a message that was accepted: it says {known and known.verdict}",
                "answer Receipt.accepted(message_id, provider_id) for what the provider took",
            )
        if known.message_id != messages[0].id:
            fault("lookup answers with a receipt for another message", "its message_id is the one that was asked for")
        if remote.asked_for and run.receipts[0].provider_id and not known.provider_id:
            fault("lookup loses the provider's id", "answer Receipt.accepted(message_id, provider_id)")
        unknown = self.look_up(adapter, remote, messages[1], None)
        if unknown is not None and unknown.verdict is Verdict.ACCEPTED:
            fault(
                "lookup says accepted of a message that was never handed over",
                "answer Receipt.try_again if it surely was not taken, None if that cannot be told",
            )

    def can_look_up(self, provider: HttpProvider) -> None:
        arrived = provider.arrived
        if not arrived or arrived[-1].request is None or self.looked_up(arrived[-1].request, "x") is None:
            pytest.skip("looked_up() does not say how the provider answers when it is asked about a message")

    def look_up(self, adapter: Adapter, remote: Provider, message: RenderedMessage, id: str | None) -> Receipt | None:
        if isinstance(remote, HttpProvider):
            remote.looking = (id,)
        try:
            found = ended("lookup", lambda: adapter.lookup(message.id))
        except Exception as error:  # what its author wrote may raise anything
            fault(f"lookup raised {type(error).__name__}: {error}", "answer None where it cannot be told")
        if found is not None:
            check_receipt(found)
        return found
