"""Show a person all that is kept about them, and erase them (GDPR art. 15, 17, 20).

Erasing leaves counts: rows of their messages without anything of them, and keyed hashes of their addresses,
so that an old list does not bring them back into advertising.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from messaging.clock import Clock
from messaging.errors import NotFound, StoreError, Uncompacted
from messaging.ids import random_id
from messaging.nouns.consent import AddressStatus
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event
from messaging.nouns.message import Message
from messaging.nouns.order import Order
from messaging.rules.identity import Identity
from messaging.rules.profile import ProfileReader
from messaging.rules.subjects import lasting
from messaging.services.campaign_plans import forget_in_plans
from messaging.services.campaign_rows import forget_withheld
from messaging.services.customers import forget_notes, former_addresses, shop_ids
from messaging.services.forgotten import Forgotten
from messaging.services.mentions import files_that_name
from messaging.services.rejected import clean_rejected_files
from messaging.stores.base import Address, Store

#: More than anybody has; the port wants a limit.
_ALL = 1_000_000
#: Headers of a mail that are read to know whom it went to, in bytes.
_HEADERS = 32_768
#: Note: of an erasure that is under way, by what names it can be asked for again (hashed), and ids of messages.
_UNFINISHED = "unfinished-erasure:"


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
    #: Files that a person should look at: those of their own in the workspace that name the customer, and those of
    #: rejected rows, in which a mistyped one may be theirs.
    to_look_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """All that the store has about one customer."""

    customer: Customer
    orders: tuple[Order, ...]
    events: list[Event]
    messages: list[Message]
    #: Every address they ever had here, as far as it was told.
    addresses: dict[Address, AddressStatus]
    #: Those of them that nobody else has.
    theirs: list[Address]
    #: The shop's ids of theirs.
    shop_ids: list[str]


class Eraser:
    """Exports and erases."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        forgotten: Forgotten,
        profiles: ProfileReader,
        workspace: Path,
        mailbox: Path,
        plans: Path,
        apart: Collection[Path] = (),
        drain: Callable[[], object] = lambda: None,
    ) -> None:
        """`workspace`, `mailbox` and `plans` are folders; `apart`: what in the workspace is none of a person's own.

        `drain` records hits on links that still wait.
        """
        self._store = store
        self._clock = clock
        self._forgotten = forgotten
        self._profiles = profiles
        self._workspace = workspace
        self._mailbox = mailbox
        self._plans = plans
        self._apart = apart
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

    def erase(self, customer_id: str, *, since: datetime | None = None) -> ErasureReceipt:
        """Erase a customer everywhere. Cut short, it can be done again: the customer goes last.

        What is told of them later and happened before `since` (now, if not said) is not taken in: they asked for this
        then. Nor is what happens to an order or parcel of theirs that is known by now.

        Raises:
            NotFound: there is no such customer.
            Uncompacted: they are gone, but the store's files still have what was theirs; `finish` takes it out.
        """
        self._drain()
        known = self._known(customer_id)
        customer = known.customer
        identity = Identity(
            customer_id, known.theirs, ids=known.shop_ids, name=(customer.first_name, customer.last_name)
        )
        rejected_files, doubtful = clean_rejected_files(self._store, self._workspace, identity)
        messages = [message.id for message in known.messages]
        mails, plans = self._clean_files(customer_id, messages, known.theirs)
        unfinished = _UNFINISHED + random_id()
        uncompacted = None
        try:
            with self._store.transaction():
                self._forgotten.keep(known.theirs, at=self._clock.now())
                forget_notes(self._store, customer_id)
                forget_withheld(self._store, customer_id)
                self._store.customers.delete(customer_id, ids=known.shop_ids, addresses=known.theirs)
                names = [customer_id, *known.shop_ids, *(address for _, address in known.theirs)]
                self._forgotten.remember(names, at=since or self._clock.now())
                self._forgotten.remember_things({thing for event in known.events for thing in lasting(event)})
                marks = list(map(self._forgotten.mark, names))
                self._store.put_note(unfinished, {"names": marks, "messages": messages})
        except Uncompacted as error:
            uncompacted = error
        again = self._clean_files(customer_id, messages, known.theirs)  # what a sender had in hand meanwhile
        if uncompacted is not None:
            raise _left_in_the_store(customer_id, uncompacted)
        self._store.put_note(unfinished, None)
        named = files_that_name(identity, self._workspace, apart={*self._apart, *doubtful})
        return ErasureReceipt(
            customer=customer_id,
            orders=len(known.orders),
            events=len(known.events),
            messages=len(known.messages),
            addresses=len(known.addresses),
            mails=mails + again[0],
            plans=plans + again[1],
            rejected_files=rejected_files,
            to_look_at=tuple(map(str, [*named, *doubtful])),
        )

    def finish(self, name: str) -> bool:
        """Finish the erasure of somebody who had the id or address `name`; false if none was cut short.

        Raises:
            Uncompacted: the store's files still have what was theirs.
        """
        marks = {self._forgotten.mark(written) for written in (name, name.lower())}
        notes = self._store.notes(_UNFINISHED)
        found = {key: note for key, note in notes.items() if not marks.isdisjoint(note["names"])}
        for key, note in found.items():
            self._clean_files(name, note["messages"], [])
            try:
                self._store.compact()
            except StoreError as error:
                raise _left_in_the_store(name, error) from None
            self._store.put_note(key, None)
        return bool(found)

    def _known(self, customer_id: str) -> _Known:
        customer = self._store.customers.get([customer_id]).get(customer_id)
        if customer is None:
            raise NotFound(f"no customer {customer_id!r}", hint="list them with: messaging customers list")
        events = self._store.events.page(customer_id=customer_id, limit=_ALL)
        messages = self._store.outbox.page(customer_id=customer_id, limit=_ALL)
        addresses = list(dict.fromkeys(self._addresses(customer, events, messages)))
        return _Known(
            customer=customer,
            orders=self._store.events.orders_of([customer_id]).get(customer_id, ()),
            events=events,
            messages=messages,
            addresses=self._store.addresses.status(addresses),
            theirs=[address for address in addresses if not self._has_another(customer_id, address)],
            shop_ids=shop_ids(self._store, customer_id),
        )

    def _addresses(self, customer: Customer, events: Iterable[Event], messages: Iterable[Message]) -> Iterator[Address]:
        told = [self._profiles.read(event.customer)[0] for event in events]
        emails = (customer.email, *(profile.email for profile in told))
        yield from (("email", email) for email in emails if email)
        phones = (customer.phone, *(profile.phone for profile in told))
        yield from (("sms", phone) for phone in phones if phone)
        for addresses in (customer.addresses, *(profile.addresses for profile in told)):
            yield from addresses.items()
        yield from former_addresses(self._store, customer.id)
        yield from ((message.channel, message.address) for message in messages if message.address)

    def _has_another(self, customer_id: str, place: Address) -> bool:
        """Whether somebody else has an address, too."""
        channel, address = place
        find = self._store.customers.find
        found = find(email=address) if channel == "email" else find(phone=address)
        return any(other.id != customer_id for other in found)

    def _clean_files(self, customer_id: str, messages: Iterable[str], addresses: Iterable[Address]) -> tuple[int, int]:
        """Remove mails to them, and put somebody unknown in their place in plans; how many of each."""
        mails = [path for path in self._mailbox.rglob("*") if path.is_file() and _is_to(path, addresses, messages)]
        for path in mails:
            path.unlink(missing_ok=True)
        return len(mails), forget_in_plans(self._plans, customer_id)


def _left_in_the_store(name: str, error: StoreError) -> Uncompacted:
    again = f"messaging customers erase {shlex.quote(name)}"
    return Uncompacted(
        f"{name} is erased, but what was theirs is still in the store's files: {error.message}",
        hint=f"{error.hint or 'mend that'}, then finish with: {again}",
    )


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
