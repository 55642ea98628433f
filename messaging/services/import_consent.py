"""What a contacts file says about who agreed to be written to.

Only a clear yes is a yes. What a file says never beats a withdrawal, unless it knows that the person agreed
after it. A plain "no" takes back what an earlier import granted, and nothing that a person said themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from messaging.nouns.consent import ALL_TOPICS, AddressStatus, Consent
from messaging.nouns.customer import Customer
from messaging.rules.policy import standing
from messaging.rules.profile import ProfileReader
from messaging.rules.values import means_yes
from messaging.stores.base import Store

#: What tools write about somebody who must not be written to any more.
_GONE = frozenset(
    {
        "unsubscribed",
        "bounced",
        "cancelled",
        "canceled",
        "complained",
        "cleaned",
        "inactive",
        "blocked",
        "spam",
    }
)


@dataclass(frozen=True, slots=True)
class Grant:
    """`--consent email:news`: everybody in the file agreed, unless a column of it says otherwise."""

    channel: str
    topic: str = ALL_TOPICS


@dataclass(frozen=True, slots=True)
class Said:
    """A decision as a row tells it; whose it is, the row's customer says."""

    channel: str
    topic: str
    granted: bool
    #: When the person decided, if the file knows.
    at: datetime | None = None
    #: A plain "no", which may mean that nobody ever asked.
    mild: bool = False

    def of(self, address: str, *, source: str, now: datetime) -> Consent:
        """The decision of whom `address` belongs to. A time to come is none: nobody can have decided then."""
        at = self.at if self.at is not None and self.at <= now else None
        return Consent(
            channel=self.channel,
            address=address,
            topic=self.topic,
            granted=self.granted,
            at=at or now,
            dated=at is not None,
            source=source,
        )


class ConsentReader:
    """Reads decisions from rows, by what the columns and the command say."""

    def __init__(self, grants: Sequence[Grant], fields: Iterable[str], profiles: ProfileReader) -> None:
        """`fields` are those that the file has columns for."""
        self._fields = frozenset(fields)
        self._profiles = profiles
        self._topics: dict[str, list[str]] = {}
        for grant in grants:
            self._topics.setdefault(grant.channel, []).append(grant.topic)
        told_of = [
            channel
            for channel in ("email", "sms")
            if self._fields & {f"{channel}_{name}" for name in ("consent", "status", "withdrawn", "withdrawn_at")}
        ]
        self._channels = dict.fromkeys([*self._topics, *told_of])

    def read(self, told: Mapping[str, str]) -> list[Said]:
        """The decisions that a row tells.

        Raises:
            ValueError: a time cannot be read; names the field.
        """
        return [said for channel in self._channels for said in self._of(channel, told)]

    def refusals(self, told: Mapping[str, str]) -> list[Said]:
        """What a row says no to: it counts, whatever else is wrong with the row.

        A withdrawal whose time is what cannot be read (not just "n/a") counts from now.
        """
        readable = dict(told)
        for channel in self._channels:
            for field in (f"{channel}_withdrawn_at", f"{channel}_consent_at"):
                try:
                    self._time(told, field)
                except ValueError:
                    text = readable.pop(field)
                    if field.endswith("_withdrawn_at") and any(map(str.isdigit, text)):
                        readable[f"{channel}_withdrawn"] = "yes"
        return [said for said in self.read(readable) if not said.granted]

    def _of(self, channel: str, told: Mapping[str, str]) -> list[Said]:
        withdrawn_at = self._time(told, f"{channel}_withdrawn_at")
        given_at = self._time(told, f"{channel}_consent_at")
        status = told.get(f"{channel}_status", "").strip().lower()
        if status in _GONE or means_yes(told.get(f"{channel}_withdrawn", "")):
            # That is how it stands now, whatever they agreed to before.
            at = max(withdrawn_at, given_at or withdrawn_at) if withdrawn_at else None
            return [Said(channel, ALL_TOPICS, False, at)]
        agreed = self._agreed(channel, told, given_at)
        if withdrawn_at:
            # Two facts, and the later counts.
            return [Said(channel, ALL_TOPICS, False, withdrawn_at), *(said for said in agreed if said.at)]
        return agreed

    def _agreed(self, channel: str, told: Mapping[str, str], given_at: datetime | None) -> list[Said]:
        topics = self._topics.get(channel) or [ALL_TOPICS]
        column = next((name for name in (f"{channel}_consent", f"{channel}_status") if name in self._fields), None)
        if column is None:
            return [Said(channel, topic, True, given_at) for topic in self._topics.get(channel, ())]
        word = told.get(column, "").strip()
        if not word:
            return []
        if means_yes(word):
            return [Said(channel, topic, True, given_at) for topic in topics]
        return [Said(channel, topic, False, mild=True) for topic in topics]

    def _time(self, told: Mapping[str, str], field: str) -> datetime | None:
        text = told.get(field, "").strip()
        if not text:
            return None
        try:
            return self._profiles.read_time(field, text)
        except ValueError as error:
            raise ValueError(f"{field}: {error}") from None


def record(
    store: Store,
    told: Sequence[tuple[Customer, Sequence[Said]]],
    *,
    source: str,
    now: datetime,
    address: Callable[[Customer, str], str | None] = Customer.address,
) -> list[Consent]:
    """Keep those decisions that change something, and return them. A rerun of the same file changes nothing.

    `source` is the proof that is kept with each; `address` says where a customer is reached on a channel.
    """
    decisions = [
        (said.of(known_as, source=source, now=now), said.mild)
        for customer, row in told
        for said in row
        if (known_as := address(customer, said.channel))
    ]
    if not decisions:
        return []
    known = dict(store.addresses.status({(consent.channel, consent.address) for consent, _ in decisions}))
    kept: list[Consent] = []
    for consent, mild in decisions:
        status = known[consent.channel, consent.address]
        if _changes(status.consents, consent, mild):
            kept.append(consent)
            # The rows after it see it, as if each had been imported on its own.
            consents = (*status.consents, consent)
            known[consent.channel, consent.address] = AddressStatus(consents, status.suppression)
    store.addresses.add_consents(kept)
    return kept


def _changes(consents: tuple[Consent, ...], consent: Consent, mild: bool) -> bool:
    before = standing(consents, consent.topic)
    if consent in consents or (mild and (before is None or before.dated)):
        return False
    if before is None:
        return True
    if before.granted == consent.granted:
        # Said again: it counts if it is later, or the first with the person's own time.
        return consent.dated and (not before.dated or consent.at > before.at)
    return standing((*consents, consent), consent.topic) == consent
