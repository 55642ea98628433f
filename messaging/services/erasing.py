"""Show a person all that is kept about them, and erase them (GDPR art. 15, 17, 20).

Erasing leaves counts: rows of their messages without anything of them, and keyed hashes of their addresses,
so that an old list does not bring them back into advertising.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses
from pathlib import Path
from typing import Any

import orjson

from messaging.clock import Clock
from messaging.errors import NotFound
from messaging.nouns.consent import AddressStatus
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event
from messaging.nouns.message import Message
from messaging.nouns.order import Order
from messaging.rules.profile import ProfileReader
from messaging.services.customers import aliases_of
from messaging.services.forgotten import Forgotten
from messaging.services.rejected import remove_rejected_files
from messaging.stores.base import Address, Store

#: More than anybody has; the port wants a limit.
_ALL = 1_000_000
#: Headers of a mail that are read to know whom it went to, in bytes.
_HEADERS = 32_768


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReceipt:
    """What was removed. The counts of messages stay in reports; all else is gone."""

    customer: str
    orders: int
    events: int
    messages: int
    addresses: int
    mails: int
    plans: int
    rejected_files: int


@dataclass(frozen=True, slots=True)
class _Known:
    """All that the store has about one customer."""

    customer: Customer
    orders: tuple[Order, ...]
    events: list[Event]
    messages: list[Message]
    #: Every address they ever had here, as far as it was told.
    addresses: dict[Address, AddressStatus]


class Eraser:
    """Exports and erases."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        forgotten: Forgotten,
        profiles: ProfileReader,
        mailbox: Path,
        plans: Path,
        drain: Callable[[], object] = lambda: None,
    ) -> None:
        """`mailbox` and `plans` are folders; `drain` records hits on links that still wait."""
        self._store = store
        self._clock = clock
        self._forgotten = forgotten
        self._profiles = profiles
        self._mailbox = mailbox
        self._plans = plans
        self._drain = drain

    def export(self, customer_id: str) -> dict[str, Any]:
        """All that is kept about a customer, as JSON.

        Raises:
            NotFound: there is no such customer.
        """
        self._drain()
        known = self._known(customer_id)
        engagements = self._store.engagements.of_messages([message.id for message in known.messages])
        return {
            "customer": known.customer.to_document(),
            "addresses": [
                {
                    "channel": channel,
                    "address": address,
                    "consents": [consent.to_document() for consent in status.consents],
                    "suppression": status.suppression.to_document() if status.suppression else None,
                }
                for (channel, address), status in known.addresses.items()
            ],
            "orders": [order.to_document() for order in known.orders],
            "events": [event.to_document() for event in known.events],
            "messages": [
                {
                    **message.to_document(),
                    "engagement": [one.to_document() for one in engagements.get(message.id, [])],
                }
                for message in known.messages
            ],
        }

    def erase(self, customer_id: str) -> ErasureReceipt:
        """Erase a customer everywhere. Cut short, it can be done again: the customer goes last.

        Raises:
            NotFound: there is no such customer.
        """
        self._drain()
        known = self._known(customer_id)
        rejected_files = remove_rejected_files(self._store)
        mails, plans = self._remove_files(known)
        with self._store.transaction():
            self._forgotten.keep(known.addresses, at=self._clock.now())
            for note in aliases_of(self._store, customer_id):
                self._store.put_note(note, None)
            self._store.addresses.forget(self._only_theirs(known))
            self._store.customers.delete(customer_id)
        again = self._remove_files(known)  # what a sender had in hand meanwhile
        return ErasureReceipt(
            customer=customer_id,
            orders=len(known.orders),
            events=len(known.events),
            messages=len(known.messages),
            addresses=len(known.addresses),
            mails=mails + again[0],
            plans=plans + again[1],
            rejected_files=rejected_files,
        )

    def _known(self, customer_id: str) -> _Known:
        customer = self._store.customers.get([customer_id]).get(customer_id)
        if customer is None:
            raise NotFound(f"no customer {customer_id!r}", hint="list them with: messaging customers list")
        events = self._store.events.page(customer_id=customer_id, limit=_ALL)
        messages = self._store.outbox.page(customer_id=customer_id, limit=_ALL)
        return _Known(
            customer=customer,
            orders=self._store.events.orders_of([customer_id]).get(customer_id, ()),
            events=events,
            messages=messages,
            addresses=self._store.addresses.status(list(dict.fromkeys(self._addresses(customer, events, messages)))),
        )

    def _addresses(self, customer: Customer, events: Iterable[Event], messages: Iterable[Message]) -> Iterator[Address]:
        told = [self._profiles.read(event.customer)[0] for event in events]
        emails = (customer.email, *(profile.email for profile in told))
        yield from (("email", email) for email in emails if email)
        phones = (customer.phone, *(profile.phone for profile in told))
        yield from (("sms", phone) for phone in phones if phone)
        for addresses in (customer.addresses, *(profile.addresses for profile in told)):
            yield from addresses.items()
        yield from ((message.channel, message.address) for message in messages if message.address)

    def _only_theirs(self, known: _Known) -> list[Address]:
        """Their addresses without those that somebody else has too."""
        return [
            (channel, address)
            for channel, address in known.addresses
            if not any(
                other.id != known.customer.id
                for other in (
                    self._store.customers.find(email=address)
                    if channel == "email"
                    else self._store.customers.find(phone=address)
                )
            )
        ]

    def _remove_files(self, known: _Known) -> tuple[int, int]:
        """Mails to them, and plans that name them; how many of each."""
        ids = [message.id for message in known.messages]
        mails = [path for path in self._mailbox.rglob("*") if path.is_file() and _is_to(path, known.addresses, ids)]
        name = orjson.dumps(known.customer.id)
        plans = [path for path in self._plans.rglob("*") if path.is_file() and name in path.read_bytes()]
        for path in (*mails, *plans):
            path.unlink(missing_ok=True)
        return len(mails), len(plans)


def _is_to(path: Path, addresses: Iterable[Address], ids: Iterable[str]) -> bool:
    """Whether a file of the mailbox is a message to one of `addresses`, or one of ours by its id."""
    with path.open("rb") as file:
        start = file.read(_HEADERS)
    if any(id in path.name or id.encode() in start for id in ids):
        return True
    headers = BytesHeaderParser(policy=compat32).parsebytes(start)
    told = [str(value) for name in ("To", "Cc", "Delivered-To", "X-Original-To") for value in headers.get_all(name, [])]
    recipients = {address.lower() for _, address in getaddresses(told)}
    return any(address.lower() in recipients for _, address in addresses)
