"""Customers that are told of: found by id, then email, then phone, or made; and brought up to date.

An id goes first, and two ids are two customers, whatever address they have: nobody has verified who is at one, so an
account of one shop must not become, move or rename a customer of another's. What belongs to the address (consent,
suppression) holds for all who have it. A customer whom no shop has numbered yet takes the first id that comes with
their address, and no second. A telephone may be a family's, so it finds somebody only where neither id nor email says
who it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from messaging.errors import Conflict
from messaging.nouns.customer import Customer
from messaging.rules.profile import Profile, apply, is_made_id, made_id
from messaging.services.forgotten import Forgotten
from messaging.stores.base import Address, Store

#: An address that more people have than this is nobody's: a placeholder, or the shop's own.
_FAMILY = 8
#: Told of customers, by id, and of addresses that may perhaps be written to now, in the transaction that lets them:
#: `Triggering.plan_again`, the one rule for whoever could not be.
Reached = Callable[[Collection[str], Collection[Address]], object]
#: Note: the shop's id of a customer who came without one -> the id we made then.
_ALIAS = "customer-id:"
#: Note: the id that we made -> the shop's, the other way round.
_NUMBERED = "customer-numbered:"
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
    shop_id = store.get_note(_NUMBERED + customer_id)
    return [] if shop_id is None else [shop_id]


def former_addresses(store: Store, customer_id: str) -> list[Address]:
    """The addresses that a customer had before those of today."""
    return [(channel, address) for channel, address in store.get_note(_FORMER + customer_id) or []]


def forget_notes(store: Store, customer_id: str) -> None:
    """Forget what `shop_ids` and `former_addresses` know."""
    for shop_id in shop_ids(store, customer_id):
        store.put_note(_ALIAS + shop_id, None)
    store.put_note(_NUMBERED + customer_id, None)
    store.put_note(_FORMER + customer_id, None)


class CustomerBatch:
    """Customers told of in one transaction. Reads ahead, sees its own changes, and writes once, at `save`."""

    def __init__(self, store: Store, forgotten: Forgotten, profiles: Sequence[Profile], *, now: datetime) -> None:
        self._store = store
        self._forgotten = forgotten
        self._now = now
        self._known = store.customers.get({profile.id for profile in profiles if profile.id})
        self._changed: dict[str, Customer] = {}
        self._emails: dict[str, dict[str, None]] = {}
        self._phones: dict[str, str] = {}
        self._aliases: dict[str, str] = {}
        self._numbered: set[str] = set()
        self._new_addresses: list[Address] = []
        self._former: dict[str, list[Address]] = {}
        #: (customer id, channel) of those who were known and had no address on it.
        self.reached: list[tuple[str, str]] = []

    def tell(
        self, profile: Profile, at: datetime, *, corrects: bool = False, rather: str | None = None
    ) -> tuple[Customer, Customer | None]:
        """The customer that `profile` (as of `at`) is about, with what it says; and as they were before, if known.

        `corrects`: it goes over what was told for the same time. `rather`: which customer it is of several who have its
        address, if it has no id.

        Raises:
            Conflict: nobody can say whom it is about.
        """
        if profile.id and is_made_id(profile.id) and self._by_id(profile.id) is None:
            # One of our own, from an old export: it may find, not make.
            if not (profile.email or profile.phone):
                raise Conflict(f"there is no customer {profile.id}")
            profile = replace(profile, id=None)
        found = self._find(profile, rather)
        if found is None:
            customer_id = profile.id or self._free_id(profile)
        else:
            customer_id = found.id
            if profile.id and profile.id != found.id:
                self._aliases[profile.id] = found.id
                self._numbered.add(found.id)
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

    def named(self, profile: Profile) -> list[Customer]:
        """Whom a request to erase is about: who has its id; without one, all who have its address.

        Raises:
            Conflict: its id and its email address are two customers, or nobody can say whose its phone number is.
        """
        if not profile.id:
            found = self._store.customers.find(email=profile.email) if profile.email else []
            return found or [one for one in (self._find(profile),) if one is not None]
        self.check(profile)
        one = self._find(profile)
        return [] if one is None else [one]

    def check(self, profile: Profile) -> None:
        """See that a profile does not contradict itself; for what a person is to look at rather than take it in.

        Raises:
            Conflict: its id and its email address are two customers.
        """
        one = self._by_id(profile.id) if profile.id else None
        if one is None or not profile.email or one.email in (None, profile.email):
            return
        for other in self._at(profile.email)[:1]:
            raise Conflict(
                f"id {profile.id} is one customer, but the email address belongs to another: {other.id}",
                hint="correct it in the shop, or erase the one who is gone",
            )

    def shares(self, customer: Customer) -> bool:
        """Whether somebody else has a customer's email address, too."""
        return bool(customer.email) and any(other.id != customer.id for other in self._at(customer.email or ""))

    def save(self) -> None:
        """Write what changed."""
        if self._changed:
            self._store.customers.put(self._changed.values())
        for shop_id, customer_id in self._aliases.items():
            self._store.put_note(_ALIAS + shop_id, customer_id)
            self._store.put_note(_NUMBERED + customer_id, shop_id)
        for customer_id, left in self._former.items():
            known = former_addresses(self._store, customer_id)
            self._store.put_note(_FORMER + customer_id, list(dict.fromkeys([*known, *left])))
        self._forgotten.withdraw(self._new_addresses, at=self._now)

    def _find(self, profile: Profile, rather: str | None = None) -> Customer | None:
        if profile.id:
            found = self._by_id(profile.id)
            if found is None and profile.email:
                found = next((one for one in self._at(profile.email) if self._is_unnumbered(one)), None)
        else:
            found = self._by_email(profile.email, rather) if profile.email else None
        return found or (self._by_phone(profile) if profile.phone else None)

    def _is_unnumbered(self, customer: Customer) -> bool:
        """Whether no shop has given a customer an id yet."""
        return is_made_id(customer.id) and customer.id not in self._numbered and not shop_ids(self._store, customer.id)

    def _by_id(self, customer_id: str) -> Customer | None:
        found = self._current(self._known.get(customer_id)) or self._changed.get(customer_id)
        if found is not None:
            return found
        alias = self._aliases.get(customer_id) or self._store.get_note(_ALIAS + customer_id)
        return self._get(alias) if alias else None

    def _by_email(self, email: str, rather: str | None) -> Customer | None:
        """Who has an address that comes without an id: of several `rather`, else whom we made, else the first."""
        found = {one.id: one for one in self._at(email)}
        if rather in found:
            return found[rather]
        return min(
            found.values(), key=lambda one: (not is_made_id(one.id), one.created_at or self._now, one.id), default=None
        )

    def _at(self, email: str) -> list[Customer]:
        """Those who have an email address; of one that is nobody's, whom we made for it."""
        stored = [one.id for one in self._store.customers.find(email=email, limit=_FAMILY + 1)]
        ids = dict.fromkeys([*stored, *self._emails.get(email, ())])
        if len(ids) > _FAMILY:
            ids = {made_id(email): None}
        return [one for one in map(self._get, ids) if one is not None and one.email == email]

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
            and not (profile.id and not self._is_unnumbered(customer))
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
            self._emails.setdefault(after.email, {})[after.id] = None
        if after.phone:
            self._phones[after.phone] = after.id
        for channel in ("email", "sms", *after.addresses):
            address = after.address(channel)
            left = before.address(channel) if before is not None else None
            if address and address != left:
                self._new_addresses.append((channel, address))
                if left is not None:
                    self._former.setdefault(after.id, []).append((channel, left))
                elif before is not None:
                    self.reached.append((after.id, channel))
