"""Only what a provider documents is a yes: no other status, no redirect, no page of somebody on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from messaging.errors import AdapterUnusable
from messaging.nouns.adapter import Adapter, RenderedMessage, Verdict
from messaging.services.handover import secrets_in
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import check_accounts, fault
from messaging.testing.contract.leaks import stands_in
from messaging.testing.contract.provider import Fate, HttpProvider, Provider
from messaging.testing.standins.http import Answer

#: Statuses by which nothing was taken, whatever their body says; and those beyond HTTP.
_NO = (
    *(300, 304, 305, 306, 399),
    *(400, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425),
    *(426, 428, 429, 431, 451, 460, 499),
    *(500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 522, 524, 529, 598),
    *(600, 700, 999),
)
#: By which nothing is said of a recipient.
_OF_THE_REQUEST = (300, 304, 402, 405, 406, 408, 411, 413, 414, 415, 416, 417, 426, 428, 429, 431)
#: What begins with a 2 and is no answer to a message, without a body.
_ODD_YES = (203, 205, 206, 207, 226, 250, 299)
#: By which some say that they know a key already.
_KNOWN = (208, 409)
#: They have no body.
_BARE = (304,)
_REDIRECTS = (301, 302, 303, 307, 308)
_PAGE = Answer(body=b"<!doctype html><html><title>Welcome</title>Sign in to go on.</html>", media_type="text/html")
_ONLY = (
    "accept only what your provider documents: its status, and its id where it gives one; say unknown for what you do "
    "not know. "
)


class Statuses(AdapterBench):
    """Tests of answers that are no yes."""

    def odd_answer(self, adapter: Adapter, provider: HttpProvider, answer: Answer, what: str) -> Verdict | None:
        """What is said of a message that is answered so; None if the adapter gives up as a whole."""
        provider.be(Fate.ODD)
        provider.odd = answer
        message = self.message(1, provider)
        before = len(provider.arrived)
        run = self.run(adapter, [message])
        tries = len(provider.arrived) - before
        if tries > 1:
            fault(
                f"answered {what}, the message was handed over {tries} times in one call of deliver",
                "do not retry: the core retries at the right time. Switch off the retries of your HTTP library too",
            )
        if isinstance(run.raised, AdapterUnusable):
            run.raised = None  # it may send nothing else to whoever answers so
            if not run.receipts:
                return None
        check_accounts(run, [message])
        receipt = run.of(message)
        if receipt.suppress and (answer.status in _OF_THE_REQUEST or answer.status >= 500):
            fault(
                f"answered {what}, the adapter says that the address is never to be tried again ({receipt.suppress})",
                "suppress only if the provider says that the address itself is the cause: a customer is lost by it",
            )
        return receipt.verdict

    def good(self, adapter: Adapter, provider: HttpProvider) -> Answer:
        """How the provider says yes."""
        provider.be(Fate.ACCEPT)
        self.run(adapter, [self.message(1, provider)])
        request = next((arrival.request for arrival in provider.arrived if arrival.request is not None), None)
        if request is None:
            fault("nothing came to the provider", "say accepted only after the provider did")
        return self.accepted(request, "prov-000001-q")

    def test_statuses_that_are_no_yes(self, open: Callable[..., Adapter], remote: Provider) -> None:
        provider, adapter = self.http_provider(remote), open()
        good = self.good(adapter, provider)
        documented = {good.status, *self.takes, *(_KNOWN if adapter.capabilities.idempotency_key else ())}
        answers = [
            *(replace(good, status=status, body=b"" if status in _BARE else good.body) for status in _NO),
            *(Answer(status=status) for status in _ODD_YES),
        ]
        for answer in answers:
            if answer.status in documented:
                continue
            what = f"{answer.status} with {'the body of a good answer' if answer.body else 'no body'}"
            if self.odd_answer(adapter, provider, answer, what) is Verdict.ACCEPTED:
                fault(
                    f"when the provider answers {what}, the adapter says accepted",
                    f"{_ONLY}Where other 2xx statuses mean yes, name them in takes",
                )

    def test_a_page_that_is_no_answer(self, open: Callable[..., Adapter], remote: Provider) -> None:
        """A proxy's, a hotel's, a parked domain's."""
        provider, adapter = self.http_provider(remote), open()
        good = self.good(adapter, provider)
        if not (good.body or good.headers) or "html" in good.media_type:
            pytest.skip("its provider's good answer holds nothing that a web page would not")
        if self.odd_answer(adapter, provider, _PAGE, "200 with a web page") is Verdict.ACCEPTED:
            fault(
                "when somebody on the way answers 200 with a web page, the adapter says accepted",
                f"{_ONLY}An answer that cannot be read is not the provider's: say unknown",
            )

    @pytest.mark.parametrize("status", _REDIRECTS)
    def test_redirects(self, open: Callable[..., Adapter], remote: Provider, status: int) -> None:
        provider, adapter = self.http_provider(remote), open()
        with HttpProvider(self) as elsewhere:
            answer = Answer(status=status, headers={"Location": f"{elsewhere.url}/elsewhere"})
            verdict = self.odd_answer(adapter, provider, answer, str(status))
            if self.given_to(elsewhere, adapter, self.message(1, provider)):
                fault(
                    f"a redirect ({status}) was followed: the message or the key went where settings do not lead",
                    "follow no redirect (allow_redirects=False): whoever answers would be given both",
                )
        if verdict is Verdict.ACCEPTED:
            fault(
                f"when the provider answers {status} (it is elsewhere), the adapter says accepted",
                "nothing was taken: follow no redirect (allow_redirects=False), and say refused or raise "
                "AdapterUnusable",
            )

    def test_a_certificate_that_nobody_vouches_for(self, open: Callable[..., Adapter], remote: Provider) -> None:
        provider = self.http_provider(remote)
        self.needs(provider, Fate.IMPOSTOR)
        adapter, message = open(), self.message(1, provider)
        run = self.run(adapter, [message])
        if self.given_to(provider, adapter, message):
            fault(
                "somebody whose certificate nobody vouches for was given the message or the key",
                "leave the checking of certificates as it is (verify=True, ssl.create_default_context()); let "
                "whoever has a certificate of their own name its file in a setting",
            )
        check_accounts(run, [message], unusable=True)
        if run.receipts and run.of(message).verdict not in (Verdict.TRY_AGAIN, Verdict.UNKNOWN):
            fault(
                f"when the provider cannot prove who it is, the adapter says {run.of(message).verdict}",
                "nothing left: yield Receipt.try_again(message.id, reason)",
            )

    def given_to(self, provider: HttpProvider, adapter: Adapter, message: RenderedMessage) -> bool:
        """Whether the message came there, or the key."""
        secrets = list(secrets_in(adapter.settings))
        return any(
            self.carries(arrival.raw, message)
            or any(stands_in(each, arrival.raw.decode("utf-8", "replace")) for each in secrets)
            for arrival in provider.arrived
        )
