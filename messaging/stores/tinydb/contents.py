"""All that the embedded store holds, kind by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from types import MappingProxyType

from messaging.errors import InUse, StoreBroken
from messaging.nouns.campaign import Campaign
from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.documents import Document
from messaging.nouns.engagement import Engagement
from messaging.nouns.event import Event
from messaging.nouns.links import ShortLink
from messaging.nouns.message import Message, MessageState
from messaging.nouns.order import Order
from messaging.nouns.template import TemplateVersion
from messaging.stores.base import Store
from messaging.stores.contents import KINDS, MIGRATION, Contents, Fault, addressed_twice
from messaging.stores.filling import fill, link_row
from messaging.stores.tinydb.campaigns import MEMBERS, TinyCampaigns, place_of
from messaging.stores.tinydb.table import JournalDB, JournalTable
from messaging.stores.tinydb.workers import Workers

#: Rows that are read at once: others wait for the store meanwhile.
PAGE = 500


class TinyContents(Contents):
    """All tables but those of rate tokens and of the store itself."""

    def __init__(self, store: Store, db: JournalDB, *, campaigns: TinyCampaigns, workers: Workers) -> None:
        self._store = store
        self._journal = db.journal
        self._campaigns = campaigns
        self._workers = workers
        self._tables: dict[str, JournalTable] = {kind: db.journal_table(_TABLES.get(kind, kind)) for kind in KINDS}

    def numbers(self) -> dict[str, int]:
        with self._journal.reading():
            return {kind: _number(kind, table.documents) for kind, table in self._tables.items()}

    def states(self) -> Mapping[MessageState, int]:
        with self._journal.reading():
            found = Counter(document["state"] for document in self._tables["messages"].documents.values())
        return {state: found[state.value] for state in MessageState}

    def dump(self, kind: str) -> Iterator[Document]:
        table = self._tables[kind]
        with self._journal.reading():
            keys = iter(_in_order(kind, table.documents))
        while page := list(islice(keys, PAGE)):
            with self._journal.reading():
                found = list(table.copies(page))
            for key, document in found:
                yield from _ROWS[kind](key, document)

    def load(self, kind: str, rows: Sequence[Document]) -> None:
        with self._journal.changing():
            if kind == "member_lists":
                self._campaigns.begin_lists(row["campaign"] for row in rows)
            elif kind == "members":
                self._campaigns.add_members((row["campaign"], row["position"], row["customer_id"]) for row in rows)
            else:
                fill(self._store, kind, rows)

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._journal.changing():
            others = self._workers.others()
            if others:
                raise InUse(
                    f"{self._journal.path}: {len(others)} senders or servers work with it",
                    hint="stop `messaging serve`, workers and what sends, then try again",
                )
            yield

    def enter(self, check: Callable[[], object]) -> None:
        self._journal.check_first = check
        check()

    def faults(self) -> Iterator[Fault]:
        try:
            self._journal.verify()
        except StoreBroken as damage:
            yield Fault(damage.message, damage.hint or "")
        with self._journal.reading():
            places = Counter(map(_place, self._tables["messages"].documents.values()))
        twice = sum(number > 1 for place, number in places.items() if place is not None)
        if twice:
            yield addressed_twice(twice)


def _place(document: Document) -> tuple[str, str, str] | None:
    """Where a message of a campaign goes, if it goes anywhere."""
    if "campaign" not in document or "address" not in document or document["state"] == MessageState.SKIPPED:
        return None
    return document["campaign"], document["channel"], document["address"].lower()


def _number(kind: str, documents: Mapping[str, Document]) -> int:
    """How many rows of a kind its table has."""
    match kind:
        case "consents":
            return sum(len(document.get("consents", ())) for document in documents.values())
        case "suppressions":
            return sum("suppression" in document for document in documents.values())
        case "member_lists":
            return sum(place_of(key)[1] == 0 for key in documents)
        case "members":
            return sum(len(document["ids"]) for document in documents.values())
        case "notes":
            return len(documents) - (MIGRATION in documents)
    return len(documents)


def _in_order(kind: str, documents: Mapping[str, Document]) -> list[str]:
    """The keys of a kind's table in the order of its rows."""
    if kind in ("consents", "suppressions"):
        return sorted(documents, key=lambda key: (documents[key]["address"], documents[key]["channel"]))
    if kind in ("member_lists", "members"):
        return sorted(documents, key=place_of)
    return list(documents) if kind in _ARRIVED else sorted(documents)


def _consents(key: str, document: Document) -> Iterable[Document]:
    place = {"channel": document["channel"], "address": document["address"]}
    return (Consent.from_document({**place, **told}).to_document() for told in document.get("consents", ()))


def _suppressions(key: str, document: Document) -> Iterable[Document]:
    if "suppression" in document:
        place = {"channel": document["channel"], "address": document["address"]}
        yield Suppression.from_document({**place, **document["suppression"]}).to_document()


def _member_lists(key: str, document: Document) -> Iterable[Document]:
    campaign, page = place_of(key)
    return () if page else [{"campaign": campaign}]


def _members(key: str, document: Document) -> Iterable[Document]:
    campaign, page = place_of(key)
    return (
        {"campaign": campaign, "position": position, "customer_id": id}
        for position, id in enumerate(document["ids"], page * MEMBERS)
    )


def _notes(key: str, document: Document) -> Iterable[Document]:
    return () if key == MIGRATION else [{"key": key, "value": document["value"]}]


#: Kinds whose rows have an order of their own.
_ARRIVED = ("versions", "customers", "orders", "events", "messages", "engagements")
#: Kinds that are kept in a table of another name.
_TABLES = {"consents": "addresses", "suppressions": "addresses", "member_lists": "members"}
#: The rows that a document of a kind's table has.
_ROWS: Mapping[str, Callable[[str, Document], Iterable[Document]]] = MappingProxyType(
    {
        "versions": lambda _, document: [TemplateVersion.from_document(document).to_document()],
        "customers": lambda _, document: [Customer.from_document(document).to_document()],
        "consents": _consents,
        "suppressions": _suppressions,
        "orders": lambda _, document: [Order.from_document(document).to_document()],
        "events": lambda _, document: [Event.from_document(document).to_document()],
        "erased_events": lambda key, _: [{"key": key}],
        "campaigns": lambda _, document: [Campaign.from_document(document).to_document()],
        "member_lists": _member_lists,
        "members": _members,
        "messages": lambda _, document: [Message.from_document(document).to_document()],
        "engagements": lambda _, document: [Engagement.from_document(document).to_document()],
        "short_links": lambda key, document: [link_row(ShortLink.from_document(key, document))],
        "notes": _notes,
    }
)
