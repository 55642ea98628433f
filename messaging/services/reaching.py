"""Suppresses addresses that were not reached several times in a row, and lets go of them when they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from messaging.nouns.consent import UNREACHABLE, Suppression
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message
from messaging.rules.reach import shows_reach, soft_bounces
from messaging.stores.base import Address, Store

#: Messages to each customer that are looked at.
_MOST_MESSAGES = 10_000


def place_of(told: Engagement, messages: Mapping[str, Message]) -> Address | None:
    """The channel and address that something came back from: its message's, else as told; None if nobody knows."""
    message = messages.get(told.message_id or "")
    channel, address = (message.channel, message.address) if message else (told.channel, told.address)
    return (channel, address) if channel is not None and address is not None else None


class Reaching:
    """Asks of each address that something came back from whether it is still reached."""

    def __init__(self, store: Store, *, limit: int) -> None:
        """`limit`: so many soft bounces in a row suppress; 0 is never."""
        self._store = store
        self._limit = limit

    def look(self, recorded: Iterable[Engagement], messages: Mapping[str, Message]) -> list[Address]:
        """Suppress and let go of what `recorded`, which is in the store by now, is about. In the caller's transaction.

        `messages` are those it names, by id. Returns what was let go of.
        """
        bounced: dict[Address, set[str]] = {}
        reached: dict[Address, set[str]] = {}
        for told in recorded:
            place = place_of(told, messages)
            soft = told.kind is EngagementKind.BOUNCED and told.soft
            if place is not None and (soft or shows_reach(told)):
                owners = (bounced if soft else reached).setdefault(place, set())
                owners.update({told.customer_id} if told.customer_id else ())
        statuses = self._store.addresses.status({*bounced, *reached})
        for place in bounced if self._limit else ():
            if statuses[place].suppression is None:
                self._suppress(place, bounced[place] | reached.get(place, set()))
        free: list[Address] = []
        for place, owners in reached.items():
            stop = statuses[place].suppression
            # Whatever is told late counts where it belongs: the row may have been none.
            if stop is not None and stop.reason == UNREACHABLE and len(self._row(place, owners)) < max(self._limit, 1):
                self._store.addresses.unsuppress(place)
                free.append(place)
        return free

    def _suppress(self, place: Address, owners: set[str]) -> None:
        row = self._row(place, owners)
        if len(row) < self._limit:
            return
        channel, address = place
        self._store.addresses.suppress(
            [
                Suppression(
                    channel=channel,
                    address=address,
                    reason=UNREACHABLE,
                    at=row[-1].at,
                    source=f"{row[-1].source}: {len(row)} soft bounces in a row, nothing delivered between",
                )
            ]
        )

    def _row(self, place: Address, owners: set[str]) -> Sequence[Engagement]:
        known = self._store.customers.at([place])
        theirs = [
            message.id
            for customer_id in sorted(owners | {customer.id for customer in known})
            for message in self._store.outbox.page(customer_id=customer_id, limit=_MOST_MESSAGES)
            if (message.channel, message.address) == place
        ]
        told = self._store.engagements.of_address(place)
        for ones in self._store.engagements.of_messages(theirs).values():
            told += ones
        return soft_bounces(told)
