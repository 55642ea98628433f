"""What a shop tells of who agreed to be written to, or took it back: `consent.changed`.

A decision belongs to an address: the one that the event names, else the customer's. While they have none on that
channel, it waits in its event, and counts as soon as they have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from messaging.nouns.consent import ALL_TOPICS, Consent
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event
from messaging.rules.profile import Profile, ProfileReader
from messaging.stores.base import Store

CONSENT_CHANGED = "consent.changed"

#: A customer's events of a type that are looked at.
_EVENTS = 1000
_FIELDS = {"email": "email", "sms": "phone"}


class EventConsents:
    """Reads decisions from events."""

    def __init__(
        self,
        store: Store,
        profiles: ProfileReader,
        address: Callable[[Customer, str], str | None] = Customer.address,
    ) -> None:
        """`address` says where a customer is reached on a channel."""
        self._store = store
        self._profiles = profiles
        self._address = address

    def of(self, event: Event, customer: Customer, now: datetime) -> Consent | None:
        """The decision that an event tells; None while nobody knows of which address.

        Raises:
            ValueError: the address it names is none.
        """
        told = event.data["consent"]
        channel = told["channel"]
        address = self._told(event) or self._address(customer, channel)
        return self._decision(event, told, address, now) if address else None

    def waiting(self, customer: Customer, channel: str, now: datetime) -> Iterator[Consent]:
        """The decisions that waited for a customer to have an address on `channel`."""
        address = self._address(customer, channel)
        if address:
            for event in self._store.events.page(customer_id=customer.id, type=CONSENT_CHANGED, limit=_EVENTS):
                told = event.data.get("consent", {})
                if told.get("channel") == channel and not self._told(event):
                    yield self._decision(event, told, address, now)

    def _told(self, event: Event) -> str | None:
        """The address that the event itself names, in our form."""
        told = event.data["consent"]
        channel, address = told["channel"], told.get("address")
        if address:
            profile, problems = self._profiles.read(_as_profile(channel, address, event))
            if problems:
                raise ValueError(f"data.consent.address: {problems[0].partition(': ')[2]}")
        else:
            profile, _ = self._profiles.read(event.customer)
        return _address_in(profile, channel)

    @staticmethod
    def _decision(event: Event, told: dict[str, Any], address: str, now: datetime) -> Consent:
        at = datetime.fromisoformat(told["at"]) if told.get("at") else event.time
        words = [word for word in (told.get("source"), told.get("proof")) if word]
        return Consent(
            channel=told["channel"],
            address=address,
            topic=told.get("topic") or ALL_TOPICS,
            granted=told["granted"],
            at=min(at, now),
            source=": ".join([f"{event.source}/{event.shop}", *words]),
        )


def _as_profile(channel: str, address: str, event: Event) -> dict[str, Any]:
    field = _FIELDS.get(channel)
    if field is None:
        return {"addresses": {channel: address}}
    return {field: address, "country": event.customer.get("country")}


def _address_in(profile: Profile, channel: str) -> str | None:
    field = _FIELDS.get(channel)
    return profile.addresses.get(channel) if field is None else profile.fields.get(field)
