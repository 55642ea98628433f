"""Nobody waits for longer than the context says: for a provider that never answers, or never comes to an end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from messaging.nouns.adapter import Adapter, Verdict
from messaging.patience import Call, Hung
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import Run, check_accounts, fault, hand_over
from messaging.testing.contract.provider import Fate, HttpProvider, Provider
from messaging.testing.standins.http import Answer

#: Seconds beyond the context's that are a machine's which has much to do, and nobody's waiting.
GRACE = 1.0
_BOUND = (
    "bound every wait by self.context.timeout (seconds), whatever the settings say: min(self.settings.timeout, "
    "self.context.timeout). Let one moment end all of it (time.monotonic() + seconds): the timeout of a socket, and of "
    "most HTTP libraries, begins anew with each byte; self.context.http does it right"
)


class Waiting(AdapterBench):
    """Tests of how long things take."""

    def hurried(self, open: Callable[..., Adapter], remote: Provider, fate: Fate, what: str) -> None:
        """One message, to a provider that is so."""
        self.needs(remote, fate)
        adapter = open(timeout=self.hurry)
        remote.be(Fate.ACCEPT)
        self.run(adapter, self.messages(remote, 1, first=51))  # what is loaded on first use has its time here
        remote.be(fate)
        message = self.message(1, remote)
        run: Run = hand_over(adapter, [message], patience=self.hurry + GRACE)
        if run.hung:
            fault(
                f"deliver still waits after {self.hurry + GRACE:g} seconds for a provider that {what}; the context "
                f"gives it {self.hurry:g}",
                f"{_BOUND}; and say unknown",
            )
        check_accounts(run, [message])
        receipt, allowed = run.of(message), {Verdict.UNKNOWN}
        if self.adapter.capabilities.idempotency_key:
            allowed |= {Verdict.TRY_AGAIN}
        if isinstance(remote, HttpProvider) and fate is Fate.DRIP and remote.drips == "body":
            allowed |= {Verdict.ACCEPTED}  # its status says so
        if receipt.verdict not in allowed:
            fault(
                f"when no answer came in time, the adapter says {receipt.verdict} ({receipt.reason})",
                "it may have been taken: yield Receipt.unknown(message.id, reason)",
            )

    def test_silence(self, open: Callable[..., Adapter], remote: Provider) -> None:
        self.hurried(open, remote, Fate.SILENT, "never answers")

    def test_a_connection_that_is_not_taken(self, open: Callable[..., Adapter], remote: Provider) -> None:
        """As behind a firewall that drops what it does not like."""
        self.needs(remote)
        remote.be(Fate.ACCEPT)
        self.run(open(), self.messages(remote, 1, first=51))  # what is loaded on first use has its time here
        arrived = len(remote.arrived)
        self.needs(remote, Fate.DEAF)
        message = self.message(1, remote)
        run = hand_over(open(timeout=self.hurry), [message], patience=self.hurry + GRACE)
        if len(remote.arrived) > arrived:
            pytest.skip("its provider is never deaf, whatever be() says")
        if run.hung:
            fault(
                f"deliver still waits after {self.hurry + GRACE:g} seconds to be connected; the context gives it "
                f"{self.hurry:g}",
                f"{_BOUND}; connecting is a wait too: say try_again",
            )
        check_accounts(run, [message])
        if run.of(message).verdict not in (Verdict.TRY_AGAIN, Verdict.UNKNOWN):
            fault(
                f"when no connection came about, the adapter says {run.of(message).verdict}",
                "nothing left: yield Receipt.try_again(message.id, reason)",
            )

    @pytest.mark.parametrize("part", ["all", "body"])
    def test_an_answer_that_drips(self, open: Callable[..., Adapter], remote: Provider, part: str) -> None:
        if isinstance(remote, HttpProvider):
            remote.drips = part
        elif part == "body":
            pytest.skip("its provider does not speak HTTP")
        self.hurried(open, remote, Fate.DRIP, "answers a byte at a time")

    @pytest.mark.parametrize("how", ["gone", "silent", "dripping", "broken", "odd"])
    def test_looking_up_in_vain(self, open: Callable[..., Adapter], remote: Provider, how: str) -> None:
        """The provider does not answer, or not the question: nothing is known."""
        if not self.adapter.capabilities.lookup:
            pytest.skip("capabilities declare no lookup")
        self.needs(remote, Fate(how) if how != "gone" else None)
        adapter = open(timeout=self.hurry)
        if isinstance(remote, HttpProvider):
            remote.looking = (None,)
            remote.odd = Answer(body=b"<html>Welcome!</html>", media_type="text/html")
        if how == "gone":
            remote.__exit__(None, None, None)
        id = self.message(1, remote).id
        try:
            found = Call(lambda: adapter.lookup(id)).result(self.hurry + GRACE)
        except Hung:
            fault(
                f"lookup still waits after {self.hurry + GRACE:g} seconds for a provider that is {how}; the context "
                f"gives it {self.hurry:g}",
                f"{_BOUND}; and answer None",
            )
        except Exception as error:  # what its author wrote may raise anything
            fault(f"lookup raised {type(error).__name__}: {error}", "answer None where it cannot be told")
        if found is not None and how != "dripping":
            fault(
                f"nobody answered the lookup (the provider is {how}), and it says {found.verdict}",
                "answer None: only the provider can tell, by an answer that it documents",
            )
