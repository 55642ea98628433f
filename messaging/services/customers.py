"""Customers that are told of: found by id, then email, then phone, or made; and brought up to date.

A conflict is reported, never merged: an email address belongs to one customer. A telephone may be a
family's, so it finds somebody only where neither id nor email says who it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from messaging.errors import Conflict
from messaging.nouns.customer import Customer
from messaging.rules.profile import Profile, apply, is_made_id, made_id
from messaging.services.forgotten import Forgotten
from messaging.stores.base import Address, Store

#: A telephone number that more people have than this is nobody's: a placeholder, or the shop's own.
_FAMILY = 8
#: Note: the shop's id of a customer who came without one -> the id we made then.
_ALIAS = "customer-id:"
#: Note: the id of a customer who moved -> the addresses they had before. Who is erased is erased there too.
_FORMER = "former-addresses:"


def find_customer(store: Store, text: str) -> list[Customer]:
    """The customers that `text`, an id or an address as somebody types it, may mean."""
    known = store.customers.get([text, store.get_note(_ALIAS + text) or text])
    if known:
        return list(known.values())
    return store.customers.find(email=text.lower()) if "@" in text else store.customers.find(phone=text)


def shop_ids(store: Store, customer_id: str) -> list[str]:
    """The ids that the shop has for a customer whose own we made."""
    return [key.removeprefix(_ALIAS) for key, target in store.notes(_ALIAS).items() if target == customer_id]


def former_addresses(store: Store, customer_id: str) -> list[Address]:
    """The addresses that a customer had before those of today."""
    return [(channel, address) for channel, address in store.get_note(_FORMER + customer_id) or []]


def forget_notes(store: Store, customer_id: str) -> None:
    """Forget what `shop_ids` and `former_addresses` know."""
    for shop_id in shop_ids(store, customer_id):
        store.put_note(_ALIAS + shop_id, None)
    store.put_note(_FORMER + customer_id, None)


class CustomerBatch:
    """Customers told of in one transaction. Reads ahead, sees its own changes, and writes once, at `save`."""

    def __init__(self, store: Store, forgotten: Forgotten, profiles: Sequence[Profile], *, now: datetime) -> None:
        self._store = store
        self._forgotten = forgotten
        self._now = now
        self._known = store.customers.get({profile.id for profile in profiles if profile.id})
        self._changed: dict[str, Customer] = {}
        self._emails: dict[str, str] = {}
        self._phones: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._new_addresses: list[Address] = []
        self._former: dict[str, list[Address]] = {}
        #: (customer id, channel) of those who had no address on it before.
        self.reached: list[tuple[str, str]] = []

    def tell(self, profile: Profile, at: datetime, *, corrects: bool = False) -> tuple[Customer, Customer | None]:
        """The customer that `profile` (as of `at`) is about, with what it says; and as they were before, if known.

        `corrects`: it goes over what was told for the same time.

        Raises:
            Conflict: it names two customers.
        """
        if profile.id and is_made_id(profile.id) and self._by_id(profile.id) is None:
            # One of our own, from an old export: it may find, not make.
            if not (profile.email or profile.phone):
                raise Conflict(f"there is no customer {profile.id}")
            profile = replace(profile, id=None)
        found = self._find(profile)
        if found is None:
            customer_id = profile.id or self._free_id(profile)
        else:
            customer_id = found.id
            if profile.id and profile.id != found.id:
                self._aliases[profile.id] = found.id
        told = apply(found, profile, customer_id=customer_id, at=at, now=self._now, corrects=corrects)
        if told != found:
            self._change(found, told)
        return told, found

    def meant(self, profile: Profile) -> Customer:
        """Whom a `profile` that is not taken in is about, with the addresses it tells, as far as that can be said."""
        try:
            found = self._find(profile)
        except Conflict:
            found = None
        addresses = {name: value for name in ("email", "phone") if (value := profile.fields.get(name))}
        return replace(found or Customer(id=profile.id or ""), **addresses)

    def current(self, customer_id: str) -> Customer | None:
        """A customer as they are by now."""
        return self._get(customer_id)

    def known(self, profile: Profile) -> Customer | None:
        """Whom a `profile` is about, if they are known.

        Raises:
            Conflict: it names two customers.
        """
        return self._find(profile)

    def save(self) -> None:
        """Write what changed."""
        if self._changed:
            self._store.customers.put(self._changed.values())
        for shop_id, customer_id in self._aliases.items():
            self._store.put_note(_ALIAS + shop_id, customer_id)
        for customer_id, left in self._former.items():
            known = former_addresses(self._store, customer_id)
            self._store.put_note(_FORMER + customer_id, list(dict.fromkeys([*known, *left])))
        self._forgotten.withdraw(self._new_addresses, at=self._now)

    def _find(self, profile: Profile) -> Customer | None:
        by_id = self._by_id(profile.id) if profile.id else None
        by_email = self._by_email(profile.email) if profile.email else None
        if by_id is not None:
            if by_email is not None and by_email.id != by_id.id:
                raise Conflict(
                    f"id {profile.id} is one customer, but the email address belongs to another: {by_email.id}",
                )
            return by_id
        if by_email is not None:
            if profile.id and not is_made_id(by_email.id):
                raise Conflict(
                    f"id {profile.id} is unknown, and the email address belongs to customer {by_email.id}",
                    hint="two ids for one person: correct it in the shop, or erase the one who is gone",
                )
            return by_email
        return self._by_phone(profile) if profile.phone else None

    def _by_id(self, customer_id: str) -> Customer | None:
        found = self._current(self._known.get(customer_id)) or self._changed.get(customer_id)
        if found is not None:
            return found
        alias = self._aliases.get(customer_id) or self._store.get_note(_ALIAS + customer_id)
        return self._get(alias) if alias else None

    def _by_email(self, email: str) -> Customer | None:
        if email in self._emails:
            return self._changed[self._emails[email]]
        for customer in self._store.customers.find(email=email):
            current = self._current(customer)
            if current is not None and current.email == email:
                return current
        return None

    def _by_phone(self, profile: Profile) -> Customer | None:
        phone = profile.phone
        assert phone is not None
        stored = self._store.customers.find(phone=phone, limit=_FAMILY + 1)
        alone = not (profile.email or profile.id)
        if len(stored) > _FAMILY and not alone:
            return None
        found = {customer.id: customer for customer in stored}
        if phone in self._phones:
            found[self._phones[phone]] = self._changed[self._phones[phone]]
        current = (self._changed.get(id, customer) for id, customer in found.items())
        fitting = [
            customer
            for customer in current
            if customer.phone == phone
            and not (profile.email and customer.email)
            and not (profile.id and not is_made_id(customer.id))
        ]
        if len(fitting) > 1 and alone:
            raise Conflict(
                "the phone number belongs to several customers",
                hint="say which by customer.id or customer.email",
            )
        return fitting[0] if len(fitting) == 1 else None

    def _current(self, customer: Customer | None) -> Customer | None:
        return None if customer is None else self._changed.get(customer.id, customer)

    def _get(self, customer_id: str) -> Customer | None:
        return self._changed.get(customer_id) or self._store.customers.get([customer_id]).get(customer_id)

    def _free_id(self, profile: Profile) -> str:
        address = profile.email or profile.phone
        assert address is not None, "a profile that identifies nobody"
        turn = 0
        while self._get(made_id(address, turn)) is not None:
            turn += 1
        return made_id(address, turn)

    def _change(self, before: Customer | None, after: Customer) -> None:
        self._changed[after.id] = after
        if after.email:
            self._emails[after.email] = after.id
        if after.phone:
            self._phones[after.phone] = after.id
        if before is not None and before.email and before.email != after.email:
            self._emails.pop(before.email, None)
        for channel in ("email", "sms", *after.addresses):
            address = after.address(channel)
            left = before.address(channel) if before is not None else None
            if address and address != left:
                self._new_addresses.append((channel, address))
                if left is None:
                    self.reached.append((after.id, channel))
                else:
                    self._former.setdefault(after.id, []).append((channel, left))
