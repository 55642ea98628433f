"""The names, addresses, orders and parcels of people who had themselves erased, as keyed hashes: all that is kept.

A hash tells nothing to whoever finds it without the workspace's key. It is there so that an old list which
brings the address back does not bring back the permission to advertise to it (GDPR art. 17 with art.
21(3)), and a parcel that is still under way not the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.documents import time_from_text, time_to_text
from messaging.stores.base import Address, Store

ERASED = "erased"
#: Who suppresses what is no address, but the hash of one.
ERASURE = "erasure"
#: Note: the mark of an id or address -> since when who had it is erased.
_SINCE = "erased-since:"
#: Note: the mark of an order or parcel of somebody who is erased.
_THING = "erased-thing:"


class Forgotten:
    """Keeps and asks for the hashes: suppressions of what is no address."""

    def __init__(self, store: Store, key: bytes) -> None:
        self._store = store
        self._key = blake2b(key, digest_size=32, person=b"erased addresses"[:16]).digest()

    def keep(self, addresses: Iterable[Address], *, at: datetime) -> None:
        """Remember `addresses`; a bounce or complaint that stood against one stays with its hash."""
        known = self._store.addresses.status(list(addresses))
        self._store.addresses.suppress(
            Suppression(
                channel=address[0],
                address=self._hash(address),
                reason=status.suppression.reason if status.suppression else ERASED,
                at=at,
                source=ERASURE,
            )
            for address, status in known.items()
        )

    def withdraw(self, addresses: Iterable[Address], *, at: datetime) -> int:
        """Put back what stands against those of `addresses` that were erased once; return how many.

        The withdrawal is dated `at`: an import does not undo it, the person's own later word does.
        """
        hashes = {(address[0], self._hash(address)): address for address in addresses}
        if not hashes:
            return 0
        consents, suppressions = [], []
        for hashed, status in self._store.addresses.status(hashes).items():
            if status.suppression is None:
                continue
            channel, address = hashes[hashed]
            reason = status.suppression.reason
            consents.append(Consent(channel=channel, address=address, granted=False, at=at, source="erased before"))
            if reason != ERASED:
                suppressions.append(Suppression(channel=channel, address=address, reason=reason, at=at))
        if consents:
            self._store.addresses.add_consents(consents)
            self._store.addresses.suppress(suppressions)
        return len(consents)

    def remember(self, names: Iterable[str], *, at: datetime) -> None:
        """Remember since when somebody who had these ids and addresses is erased."""
        for name in names:
            key = _SINCE + self.mark(name)
            known = time_from_text(self._store.get_note(key))
            self._store.put_note(key, time_to_text(at if known is None else max(known, at)))

    def remember_things(self, things: Iterable[str]) -> None:
        """Remember orders and parcels of somebody who is erased."""
        for thing in things:
            self._store.put_note(_THING + self.mark(thing), True)

    def recall(self, names: Iterable[str], things: Iterable[str]) -> tuple[datetime | None, bool]:
        """Since when somebody who has one of these ids and addresses is erased (None: nobody was), and whether one of
        these orders and parcels was somebody's who is."""
        since = [_SINCE + self.mark(name) for name in names]
        theirs = [_THING + self.mark(thing) for thing in things]
        found = self._store.get_notes([*since, *theirs])
        times = [time for key in since if (time := time_from_text(found.get(key))) is not None]
        return max(times, default=None), not found.keys().isdisjoint(theirs)

    def mark(self, text: str) -> str:
        """What tells, to us alone, an id or address of somebody erased from others."""
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=20).hexdigest()

    def _hash(self, address: Address) -> str:
        return f"erased:{self.mark(chr(0).join(address))}"
