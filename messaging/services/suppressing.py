"""Suppressions as people handle them: looked at, brought along from another tool, lifted when one works again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from messaging.clock import Clock
from messaging.errors import Conflict, InputError, NotFound
from messaging.nouns.consent import OPTED_OUT, Suppression
from messaging.rules.addresses import normalise_email, normalise_phone
from messaging.services.customers import Reached
from messaging.services.forgotten import ERASED, ERASURE
from messaging.stores.base import Address, Store

#: Looked at together.
_PAGE = 1000
#: Characters of a reason: a word or two.
_LONGEST = 60


class Suppressing:
    """The suppressions of a store."""

    def __init__(self, store: Store, clock: Clock, *, region: str | None, reached: Reached) -> None:
        """`region` is where phone numbers without a country code belong (ISO 3166-1 alpha-2)."""
        self._store = store
        self._clock = clock
        self._region = region
        self._reached = reached

    def place(self, text: str, channel: str | None = None) -> Address:
        """The channel and normalised address that a person means; by its looks, if no channel is given.

        Raises:
            InputError: it is no address there, or could be anything.
        """
        text = text.strip()
        if channel is None:
            channel = "email" if "@" in text else "sms" if _is_number(text) else None
        if channel is None:
            raise InputError(f"{text!r} is no email address and no phone number", hint="say which --channel it is on")
        try:
            if channel == "email":
                return channel, normalise_email(text)
            if channel == "sms":
                return channel, normalise_phone(text, self._region)
        except ValueError as error:
            raise InputError(f"{text}: {error}") from None
        if not text:
            raise InputError("an address is empty")
        return channel, text

    def all(self, *, channel: str | None = None, reason: str | None = None) -> Iterator[Suppression]:
        """All that stand; the hashes that are kept of who was erased are no addresses, and are left out."""
        after = None
        while page := self._store.addresses.suppressed(channel=channel, after=after, limit=_PAGE):
            after = page[-1].channel, page[-1].address
            for suppression in page:
                if suppression.source != ERASURE and reason in (None, suppression.reason):
                    yield suppression

    def add(self, places: Iterable[Address], *, reason: str, source: str) -> tuple[int, int]:
        """Suppress addresses; how many were new, and how many were suppressed already and keep their reason.

        Raises:
            InputError: the reason is none.
        """
        reason = " ".join(reason.split())
        if not reason or len(reason) > _LONGEST or not reason.isprintable():
            raise InputError(f"the reason must be a word or two, at most {_LONGEST} characters")
        if reason == ERASED:
            raise InputError("who wants to be erased is, by: messaging customers erase")
        wanted = dict.fromkeys(places)
        with self._store.transaction():
            known = self._store.addresses.status(wanted)
            new = [place for place in wanted if known[place].suppression is None]
            now = self._clock.now()
            self._store.addresses.suppress(
                Suppression(channel=channel, address=address, reason=reason, at=now, source=source)
                for channel, address in new
            )
        return len(new), len(wanted) - len(new)

    def lift(self, place: Address) -> Suppression:
        """Lift the suppression of an address, and return what it was.

        A withdrawal of consent stays: whoever complained gets order messages again, and nothing else.

        Raises:
            NotFound: nothing suppresses it.
            Conflict: its owner stopped everything at the provider, who lets nothing through before they say START.
        """
        channel, address = place
        with self._store.transaction():
            found = self._store.addresses.status([place])[place].suppression
            if found is None:
                raise NotFound(f"{channel} {address} is not suppressed")
            if found.reason == OPTED_OUT:
                raise Conflict(
                    f"{channel} {address} opted out on {found.at:%Y-%m-%d}: only its owner can undo that",
                    hint="by answering START",
                )
            self._store.addresses.unsuppress(place)
            self._reached((), [place])
        return found


def _is_number(text: str) -> bool:
    return text[:1] in "+0" and sum(map(str.isdigit, text)) > 6
