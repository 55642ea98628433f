"""Mail that came back, taken in: read by whatever adapter understands it, joined to what we sent, recorded.

Anybody can write such a mail and send it to us, so it counts only if it proves that its writer had a message of ours:
by the Message-ID, which carries a tag of ours, or by the signed link that it carried. A mail that only names an address
is believed on request, and only about addresses that we wrote to lately. Taken in twice, it counts once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from messaging.clock import Clock
from messaging.errors import PLUGIN_FAULTS, TokenError
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageState
from messaging.rules.addresses import normalise_email
from messaging.rules.mail_ids import read_mail_id
from messaging.rules.tokens import Purpose, SigningKeys, read_token
from messaging.services.adapters import MailReader
from messaging.services.recording import Recorder
from messaging.stores.base import Store

log = logging.getLogger("messaging.returned_mail")

CHANNEL = "email"
#: Who told what such a mail tells.
SOURCE = "bounces"
#: How long after a message its address alone is believed. Servers give up after days (RFC 5321 4.5.4.1).
LATELY = timedelta(days=30)


_LEFT = (MessageState.SENDING, MessageState.SENT, MessageState.UNKNOWN)
_NEVER = datetime.min.replace(tzinfo=UTC)
#: Messages of one customer that are looked through for an address, and customers who share one.
_MOST_MESSAGES, _MOST_CUSTOMERS = 10_000, 8


class Taken(StrEnum):
    """What one mail was taken for."""

    BOUNCED = "bounced"
    DEFERRED = "deferred"
    COMPLAINED = "complained"
    KNOWN = "known"  # it was taken in before
    UNPROVEN = "unproven"  # it tells of an address, and does not prove that it was our message
    IGNORED = "ignored"  # neither a bounce nor a complaint
    UNREADABLE = "unreadable"  # who reads such mail failed


_WORDS = {
    EngagementKind.BOUNCED: Taken.BOUNCED,
    EngagementKind.DEFERRED: Taken.DEFERRED,
    EngagementKind.COMPLAINED: Taken.COMPLAINED,
}


@dataclass(frozen=True, slots=True)
class _Read:
    """What a mail tells, and what of it is about messages of ours."""

    told: Sequence[Engagement] = ()
    joined: Sequence[Engagement] = ()
    failed: bool = False


class ReturnedMail:
    """Takes bounces and complaints in."""

    def __init__(
        self, store: Store, clock: Clock, recorder: Recorder, keys: SigningKeys, readers: Mapping[str, MailReader]
    ) -> None:
        """`readers`, by the adapter they belong to, are asked one after the other, until one understands the mail."""
        self._store = store
        self._clock = clock
        self._recorder = recorder
        self._keys = keys
        self._readers = readers

    def take(self, mails: Iterable[bytes], *, by_address: bool = False) -> list[Taken]:
        """Record what mails tell, in one transaction; return what each was taken for.

        `by_address`: believe also those that only name an address.
        """
        now = self._clock.now()
        read = [self._read(mail, now, by_address) for mail in mails]
        recorded = {each.id for each in self._recorder.record([told for each in read for told in each.joined])}
        return [_taken(each, recorded) for each in read]

    def _read(self, mail: bytes, now: datetime, by_address: bool) -> _Read:
        told: list[Engagement] = []
        for name, reader in self._readers.items():
            try:
                told = [each for each in reader(mail, now) if each.kind in _WORDS]
            except PLUGIN_FAULTS as error:
                # One mail, maybe made for this, must not keep the others from being read.
                log.error("adapter %s: read_mail raised %s: %s", name, type(error).__name__, error)
                return _Read(failed=True)
            if told:
                break
        joined = [found for each in told if (found := self._joined(each, now, by_address)) is not None]
        return _Read(told, joined)

    def _joined(self, told: Engagement, now: datetime, by_address: bool) -> Engagement | None:
        message = self._message(self._named(told)) or self._message(self._linked(told))
        if message is not None:
            # Its own address counts, wherever that forwards to; and it cannot have come back before it left.
            left = message.sent_at or message.created_at
            return replace(
                told,
                source=SOURCE,
                message_id=message.id,
                channel=None,
                address=None,
                at=min(max(told.at, left), now),
            )
        address = self._address(told)
        if not by_address or address is None or not self._wrote_to(address, now):
            return None
        return replace(told, source=SOURCE, message_id=None, channel=CHANNEL, address=address, at=min(told.at, now))

    def _message(self, message_id: str | None) -> Message | None:
        """The email of that id, if it may have left."""
        message = self._store.outbox.get([message_id]).get(message_id) if message_id else None
        return message if message and message.channel == CHANNEL and message.state in _LEFT else None

    def _named(self, told: Engagement) -> str | None:
        """The message whose Message-ID the mail names, if it has our tag: the id alone can be worked out."""
        return read_mail_id(self._keys, told.message_id or "")

    def _linked(self, told: Engagement) -> str | None:
        """The message whose unsubscribe link the returned mail carries, if we signed it."""
        link = told.raw.get("unsubscribe")
        try:
            path = urlsplit(link).path if isinstance(link, str) else ""
            return read_token(self._keys, Purpose.UNSUBSCRIBE, path.rpartition("/")[2]).message_id
        except (TokenError, ValueError):
            return None

    def _address(self, told: Engagement) -> str | None:
        try:
            return normalise_email(told.address or "")
        except ValueError:
            return None

    def _wrote_to(self, address: str, now: datetime) -> bool:
        """Whether an email went to that address lately."""
        since = now - LATELY
        return any(
            message.address == address and message.channel == CHANNEL and (message.sent_at or _NEVER) >= since
            for customer in self._store.customers.find(email=address, limit=_MOST_CUSTOMERS)
            for message in self._store.outbox.page(customer_id=customer.id, limit=_MOST_MESSAGES)
        )


def _taken(read: _Read, recorded: set[str]) -> Taken:
    """`recorded`: ids of what is new; what this mail told of it is taken out."""
    if read.failed:
        return Taken.UNREADABLE
    if not read.told:
        return Taken.IGNORED
    if not read.joined:
        return Taken.UNPROVEN
    new = [told for told in read.joined if told.id in recorded]
    recorded.difference_update(told.id for told in new)  # the same mail may be here twice
    return _WORDS[new[0].kind] if new else Taken.KNOWN
