"""The `sendgrid` adapter: hands mail to Twilio SendGrid's API (v3), several requests at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, SecretStr, field_validator

from messaging import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    AdapterUnusable,
    AddressRefused,
    ApiHost,
    Callback,
    Capabilities,
    Feed,
    NotSent,
    Receipt,
    RenderedMessage,
    Request,
    RequestRejected,
    Unanswered,
    Unavailable,
    Untrusted,
    Verdict,
    hand_over,
)
from messaging_email.headers import Unmailable
from messaging_email.sendgrid_answers import (
    PARTLY,
    UNSAID,
    Problem,
    by_recipient,
    problems,
    receipt_of,
    stranger,
)
from messaging_email.sendgrid_batch import Letter, Limits, Load, letter_of, loads, request_body
from messaging_email.sendgrid_events import engagements, key_of, verify

if TYPE_CHECKING:
    from messaging_email.sendgrid_client import Client


#: How many of a request that is refused without naming anybody are tried alone before all are.
PROBES = 8


class SendGridSettings(AdapterSettings):
    """`[adapters.sendgrid]`"""

    #: A secret: better in the environment than in messaging.toml. It needs "Mail Send" only.
    api_key: SecretStr = Field(min_length=1, json_schema_extra={"env": "SENDGRID_API_KEY"})
    #: `https://api.eu.sendgrid.com` for subusers in the EU.
    host: ApiHost = Field("https://api.sendgrid.com", json_schema_extra={"env": "SENDGRID_HOST"})
    #: Seconds that a request may take, from finding the host to the last byte of the answer.
    timeout: float = Field(30.0, gt=0)
    #: How many requests are under way at once.
    connections: int = Field(4, ge=1, le=64)
    #: How many messages go in one request at most, each recipient's own values beside one body; 1: one by one.
    batch: int = Field(1000, ge=1, le=1000)
    #: Bytes of JSON that one recipient's own values may have in a request with others; who has more goes alone.
    substitution_bytes: int = Field(10_000, gt=0)
    #: Bytes of JSON that a request with several recipients may have.
    request_bytes: int = Field(30_000_000, gt=0)
    #: SendGrid checks requests and sends nothing.
    sandbox: bool = False
    #: The public key of the Signed Event Webhook, as SendGrid shows it. Without it no event is believed.
    verification_key: str | None = Field(None, json_schema_extra={"env": "SENDGRID_WEBHOOK_VERIFICATION_KEY"})
    #: Seconds that a post of events may be old. SendGrid repeats what was not taken for 24 hours.
    replay_window: float = Field(90_000.0, gt=0)

    @field_validator("api_key")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        key = value.get_secret_value().strip()
        if re.fullmatch(r"[\x21-\x7e]+", key) is None:
            raise ValueError("has characters that no key has")
        return SecretStr(key)

    @field_validator("verification_key")
    @classmethod
    def _is_a_public_key(cls, value: str | None) -> str | None:
        if value is not None:
            key_of(value)
        return value


class SendGrid(Adapter):
    """Hands over as many messages a request as share a body; each receipt as it comes."""

    name: ClassVar[str] = "sendgrid"
    channel: ClassVar[str] = "email"
    capabilities = Capabilities(batch_size=1000, callbacks=True)
    Settings: ClassVar[type[AdapterSettings]] = SendGridSettings

    settings: SendGridSettings

    def __init__(self, settings: SendGridSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self.capabilities = replace(self.capabilities, batch_size=settings.batch)  # type: ignore[misc] # of this one
        self._limits = Limits(settings.batch, settings.substitution_bytes, settings.request_bytes)

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        letters: list[Letter] = []
        for message in messages:
            try:
                letters.append(letter_of(message, sandbox=self.settings.sandbox))
            except Unmailable as error:
                yield Receipt.refused(message.id, str(error))
        if letters:
            width = self.settings.connections
            yield from hand_over(loads(letters, self._limits), self._work, width=width, ids=_ids)

    def callback(self, request: Request) -> Callback:
        settings = self.settings
        if settings.verification_key is None:
            raise RequestRejected(
                "there is no key to check SendGrid's events with",
                hint="set SENDGRID_WEBHOOK_VERIFICATION_KEY to the one that SendGrid shows beside its event webhook",
            )
        signed_at = verify(request, key_of(settings.verification_key), window=settings.replay_window)
        return Callback(engagements=list(engagements(request, signed_at, secret=self._key())))

    def _work(self, feed: Feed[Load]) -> Iterator[Receipt]:
        while (load := feed.take()) is not None:
            yield from self._send(load, feed)

    @cached_property
    def _client(self) -> Client:
        from messaging_email.sendgrid_client import Client

        timeout = min(self.settings.timeout, self.context.timeout)
        return Client(self.context.http, self._key(), self.settings.host, timeout=timeout)

    def _key(self) -> str:
        return self.settings.api_key.get_secret_value()

    def _send(self, load: Load, feed: Feed[Load]) -> Iterator[Receipt]:
        """Hand over one load; what of it has to go once more, in smaller ones, is in the feed afterwards.

        Raises:
            Unavailable: not now, and the others not either; the load was given back.
            AdapterUnusable: it is us that SendGrid does not want, or it is not SendGrid that answers.
        """
        strange: AdapterUnusable | None = None
        try:
            answer = self._client.send(request_body(load))
            if len(load) > 1 and answer.status in PARTLY:
                found = problems(answer, self._key()) or ([UNSAID] if answer.status == 413 else [])
                if found and not found[0].of_sender:
                    yield from self._parted(load, answer.status, found, feed)
                    return
            receipt = receipt_of(load[0].id, answer, key=self._key(), sandbox=self.settings.sandbox)
            if receipt.verdict is Verdict.UNKNOWN and answer.status < 300:  # a yes, but not as SendGrid says it
                strange = stranger(answer)
        except (Untrusted, AddressRefused) as error:
            raise AdapterUnusable(
                f"sendgrid: {error.message}", hint=error.hint or "nothing was sent to it; check SENDGRID_HOST"
            ) from None
        except NotSent as error:
            feed.give_back(load)
            raise Unavailable(f"sendgrid: {error}") from None
        except Unanswered as error:
            receipt = Receipt.unknown(load[0].id, f"sendgrid: {error}")
        except Unavailable:
            feed.give_back(load)
            raise
        for letter in load:
            yield receipt.about(letter.id)
        if strange is not None:
            raise strange

    def _parted(self, load: Load, status: int, found: Sequence[Problem], feed: Feed[Load]) -> Iterator[Receipt]:
        """Put a load that was refused as a whole back in parts, so that none is refused for another.

        Whose address is wrong is refused; whoever else is named goes alone, where the answer is about them only.
        """
        named = by_recipient(found, len(load))
        if not named:
            yield from self._search(load, found[0].refused("", status), feed)
            return
        feed.extendleft((load[number],) for number, problem in named.items() if not problem.of_address)
        rest = tuple(letter for number, letter in enumerate(load) if number not in named)
        if rest:
            feed.appendleft(rest)
        for number, problem in named.items():
            if problem.of_address:
                yield problem.refused(load[number].id, status)

    def _search(self, load: Load, refusal: Receipt, feed: Feed[Load]) -> Iterator[Receipt]:
        """Find out whom a refusal is about that names nobody. A few of the load, far apart, are tried alone.

        As soon as one fares otherwise, it is about somebody: what is left is halved. If all are refused in the same
        words it is about what they share (the content, a setting), and refuses the rest.
        """
        left = list(load)
        for letter in load[:: -(-len(load) // PROBES)]:
            if feed.closed:
                return
            left.remove(letter)
            same = False
            try:
                for receipt in self._send((letter,), feed):
                    same = receipt.reason == refusal.reason
                    yield receipt
            except Unavailable:
                if left:
                    feed.append(tuple(left))
                raise
            if not same:
                middle = len(left) // 2
                feed.extendleft(tuple(half) for half in (left[middle:], left[:middle]) if half)
                return
        for letter in left:
            yield refusal.about(letter.id)


def _ids(load: Load) -> Iterator[str]:
    return (letter.id for letter in load)
