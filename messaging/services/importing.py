"""Customers from a CSV file: streaming, in batches that are all or nothing, to be run again without doubles.

The file is read twice: first all of it is looked at and the types of its further columns are found, and
only when nothing is wrong with the file as a whole the customers are taken in. A row that is wrong is
rejected with its line; only what the person said no to is taken from it. A phone number that is none costs no row
whose person is known without it: it is taken in without, and named with its line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any

from messaging.clock import Clock
from messaging.errors import Conflict
from messaging.nouns.customer import Customer
from messaging.rules.headers import channel_of, columns_of, is_field, names_text
from messaging.rules.policy import agreed_to
from messaging.rules.profile import Profile, ProfileReader
from messaging.rules.values import AttributeType, Guess, SlashOrder
from messaging.services.csv_file import CsvFile, Row
from messaging.services.customers import CustomerBatch, Reached
from messaging.services.forgotten import Forgotten
from messaging.services.import_consent import ConsentReader, Grant, Said, record
from messaging.services.rejected import RejectedFile
from messaging.stores.base import Store

#: Rows in one transaction.
PAGE = 500


@dataclass(slots=True)
class CustomersSummary:
    """What became of the rows of a file."""

    read: int = 0
    created: int = 0
    #: Known before; put up to date, if the row told something new.
    updated: int = 0
    rejected: int = 0
    #: Of those updated: the row told nothing new.
    unchanged: int = 0
    #: Of those created and updated: the row's phone number is none, and was left out.
    incomplete: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    """What a first reading of the file found."""

    rows: int
    #: Column -> our field or attribute.
    columns: Mapping[int, str]
    #: Attributes that messaging.toml does not have yet.
    undeclared: Mapping[str, AttributeType]
    #: Field -> how its dates with slashes are to be read.
    orders: Mapping[str, SlashOrder]


class CustomerImport:
    """Takes contacts files in."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        attributes: Mapping[str, AttributeType],
        declare: Callable[[Mapping[str, AttributeType]], object],
        forgotten: Forgotten,
        region: str | None = None,
        zone: tzinfo,
        address: Callable[[Customer, str], str | None] = Customer.address,
        reached: Reached = lambda customer_ids, places: None,
    ) -> None:
        """`attributes` are those declared; `declare` adds to them; `region` and `zone` are the shop's.

        `address` says where a customer is reached on a channel; `reached` is told of who may be written to now.
        """
        self._store = store
        self._clock = clock
        self._attributes = attributes
        self._declare = declare
        self._forgotten = forgotten
        self._region = region
        self._zone = zone
        self._address = address
        self._reached = reached

    def survey(
        self,
        file: CsvFile,
        mapping: Mapping[str, str] | None = None,
        *,
        order: SlashOrder | None = None,
        progress: Callable[[int], object] = lambda rows: None,
    ) -> Survey:
        """Read all of the file and change nothing.

        `mapping` is ours -> theirs; `order` is for dates with slashes that leave a doubt.

        Raises:
            InputError: no column says who a row is about, the text is not UTF-8, or a quote is never closed.
        """
        columns = columns_of(file.headers, mapping or {})
        guesses = {position: Guess(order=order) for position in columns}
        rows = 0
        for row in file.rows():
            rows += 1
            if rows % PAGE == 0:
                progress(PAGE)
            if row.fault:
                continue
            for position, guess in guesses.items():
                if position < len(row.cells):
                    guess.observe(row.cells[position])
        return Survey(
            rows=rows,
            columns=columns,
            undeclared={
                name: "text" if names_text(name) else guesses[position].type
                for position, name in columns.items()
                if not is_field(name) and name not in self._attributes and guesses[position].seen
            },
            orders={name: guess.order for position, name in columns.items() if (guess := guesses[position]).order},
        )

    def run(
        self,
        file: CsvFile,
        survey: Survey,
        *,
        grants: Sequence[Grant] = (),
        source: str,
        rejected: RejectedFile,
        incomplete: RejectedFile,
        progress: Callable[[int], object] = lambda rows: None,
    ) -> CustomersSummary:
        """Take the customers in. `source` is the proof of consent that is kept; `progress` counts rows."""
        self._declare(survey.undeclared)
        profiles = ProfileReader(
            attributes={**self._attributes, **survey.undeclared},
            region=self._region,
            zone=self._zone,
            orders=survey.orders,
        )
        consents = ConsentReader(grants, survey.columns.values(), profiles)
        summary = CustomersSummary()
        rows = iter(file.rows())
        try:
            while page := list(islice(rows, PAGE)):
                batch = _Batch(file, survey, profiles, consents, self._address)
                batch.read(page)
                with self._store.transaction():
                    batch.write(self._store, self._forgotten, self._reached, source=source, now=self._clock.now())
                batch.report(summary, rejected, incomplete)
                progress(len(page))
        finally:
            rejected.close()
            incomplete.close()
        return summary


@dataclass(slots=True)
class _Bad:
    """A row that is rejected; what its person said no to counts all the same."""

    row: Row
    reason: str
    profile: Profile
    refusals: list[Said]


class _Batch:
    """Some rows on their way in."""

    def __init__(
        self,
        file: CsvFile,
        survey: Survey,
        profiles: ProfileReader,
        consents: ConsentReader,
        address: Callable[[Customer, str], str | None],
    ) -> None:
        self._address = address
        self._file = file
        self._survey = survey
        self._profiles = profiles
        self._consents = consents
        #: Line -> what is left out of a row that is taken in.
        self._partly: dict[int, str] = {}
        self._good: list[tuple[Row, Profile, list[Said]]] = []
        self._bad: list[_Bad] = []
        self._read = self._created = self._updated = self._unchanged = 0

    def read(self, rows: Iterable[Row]) -> None:
        """Make profiles of rows."""
        for row in rows:
            self._read += 1
            told, attributes, reason = self._told(row)
            profile, problems = self._profiles.read({**told, "attributes": attributes})
            said: list[Said] = []
            try:
                said = self._consents.read(told)
            except ValueError as error:
                problems.append(str(error))
            left_out = next((problem for problem in problems if problem.startswith("phone: ")), None)
            if left_out and (profile.id or profile.email):
                problems.remove(left_out)
                # What they agreed to was for the number they gave, not for one we may know.
                said = [one for one in said if one.channel != "sms" or not one.granted]
            if not reason and not problems and not profile.identifies:
                reason = "has neither an email address nor a phone number nor an id"
            if reason or problems:
                refusals = self._consents.refusals(told)
                self._bad.append(_Bad(row, reason or "; ".join(problems), profile, refusals))
            else:
                self._good.append((row, profile, said))
                if left_out:
                    self._partly[row.line] = left_out

    def write(self, store: Store, forgotten: Forgotten, reached: Reached, *, source: str, now: datetime) -> None:
        """Take the good ones in; whose id and address contradict what is known turns out bad."""
        profiles = [*(profile for _, profile, _ in self._good), *(bad.profile for bad in self._bad)]
        customers = CustomerBatch(store, forgotten, profiles, now=now)
        decisions: list[tuple[Customer, list[Said]]] = []
        same: list[tuple[Customer, list[Said]]] = []
        known: set[str] = set()
        for row, profile, said in self._good:
            try:
                customers.check(profile)
                customer, before = customers.tell(profile, now, corrects=True)
            except Conflict as error:
                self._bad.append(_Bad(row, str(error), profile, [one for one in said if not one.granted]))
                continue
            decisions.append((customer, said))
            if before is None:
                self._created += 1
                continue
            self._updated += 1
            known.add(customer.id)
            if replace(customer, updated_at=before.updated_at, told_at=before.told_at) == before:
                same.append((customer, said))
        for bad in (bad for bad in self._bad if bad.refusals):
            customer = customers.meant(bad.profile)
            channels = dict.fromkeys(one.channel for one in bad.refusals if customer.address(one.channel))
            if channels:
                decisions.append((customer, bad.refusals))
                bad.reason += f"; taken in all the same: no to {' and '.join(channels)}"
        customers.save()
        kept = record(store, decisions, source=source, now=now, address=self._address)
        agreed = agreed_to(kept)
        if agreed or customers.reached:
            reached(known, agreed)
        news = {(consent.channel, consent.address) for consent in kept}
        self._unchanged = sum(
            not any((one.channel, self._address(customer, one.channel)) in news for one in said)
            for customer, said in same
        )

    def report(self, summary: CustomersSummary, rejected: RejectedFile, incomplete: RejectedFile) -> None:
        """Count, and write down what was rejected, in whole or in part."""
        for bad in sorted(self._bad, key=lambda bad: bad.row.line):
            rejected.row(self._file.headers, bad.row.line, bad.reason, bad.row.cells)
            self._partly.pop(bad.row.line, None)  # its ids turned out to contradict
        for row, _, _ in self._good:
            if (reason := self._partly.get(row.line)) is not None:
                incomplete.row(self._file.headers, row.line, reason, row.cells)
        summary.incomplete += len(self._partly)
        summary.read += self._read
        summary.created += self._created
        summary.updated += self._updated
        summary.rejected += len(self._bad)
        summary.unchanged += self._unchanged

    def _told(self, row: Row) -> tuple[dict[str, Any], dict[str, str], str | None]:
        """The row's fields and attributes, and why it cannot be read as a row."""
        width = len(self._file.headers)
        reason = row.fault
        if reason is None and any(cell for cell in row.cells[width:]):
            reason = f"has {len(row.cells)} cells, the header {width}"
        told: dict[str, Any] = {"addresses": {}}
        attributes: dict[str, str] = {}
        for position, name in self._survey.columns.items():
            if position < len(row.cells) and row.cells[position]:
                if channel := channel_of(name):
                    told["addresses"][channel] = row.cells[position]
                else:
                    (told if is_field(name) else attributes)[name] = row.cells[position]
        return told, attributes, reason
