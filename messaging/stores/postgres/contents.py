"""All that the database holds, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from messaging.nouns.campaign import Campaign
from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.documents import Document
from messaging.nouns.message import MessageState
from messaging.nouns.template import TemplateVersion
from messaging.stores.base import Store
from messaging.stores.contents import KINDS, MIGRATION, Contents, Fault
from messaging.stores.filling import fill, link_row
from messaging.stores.postgres.addresses import CONSENTS, SUPPRESSIONS
from messaging.stores.postgres.campaigns import add_members, begin_lists
from messaging.stores.postgres.customers import CUSTOMERS
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.engagements import engagement_of
from messaging.stores.postgres.events import event_of
from messaging.stores.postgres.exclusive import alone, check_free
from messaging.stores.postgres.messages import FIELDS, message_of
from messaging.stores.postgres.orders import order_of
from messaging.stores.postgres.session import Row
from messaging.stores.postgres.short_links import link_of
from messaging.stores.postgres.soundness import find_faults
from messaging.stores.postgres.upkeep import TABLES, fold_counts, vacuum


class PostgresContents(Contents):
    """All tables but those that others are worked out from, and that of rate tokens."""

    def __init__(self, store: Store, database: Database) -> None:
        self._store = store
        self._database = database

    def numbers(self) -> dict[str, int]:
        counts = ", ".join(f"(SELECT count(*) FROM {_FROM.get(kind, kind)}) AS {kind}" for kind in KINDS)
        (row,) = self._database.rows(f"SELECT {counts}", {"migration": MIGRATION})
        return row

    def states(self) -> Mapping[MessageState, int]:
        rows = self._database.rows("SELECT state, sum(number)::bigint AS number FROM message_counts GROUP BY state")
        found = {row["state"]: row["number"] for row in rows}
        return {state: found.get(state.value, 0) for state in MessageState}

    def dump(self, kind: str) -> Iterator[Document]:
        statement = f"SELECT * FROM {_FROM.get(kind, kind)} ORDER BY {_ORDER[kind]}"
        return map(_ROWS[kind], self._database.stream(statement, {"migration": MIGRATION}))

    def load(self, kind: str, rows: Sequence[Document]) -> None:
        if kind == "member_lists":
            self._database.write(lambda session: begin_lists(session, rows))
        elif kind == "members":
            self._database.write(lambda session: add_members(session, rows))
        else:
            fill(self._store, kind, rows)

    def loaded(self) -> None:
        fold_counts(self._database)
        vacuum(self._database, TABLES, analyze=True, surely=False)  # only for speed: nothing of it is gone

    @contextmanager
    def alone(self) -> Iterator[None]:
        with alone(self._database):
            yield

    def enter(self, check: Callable[[], object]) -> None:
        check_free(self._database)
        check()

    def faults(self) -> Iterator[Fault]:
        return find_faults(self._database)


#: What is read of a kind whose table has more than its rows.
_FROM = {"notes": "(SELECT * FROM notes WHERE key <> %(migration)s) AS own"}
_ORDER = MappingProxyType(
    {
        **dict.fromkeys(("versions", "customers", "orders", "events", "messages", "engagements"), "seq"),
        "consents": "address, channel, seq",
        "suppressions": "address, channel",
        "erased_events": "key",
        "campaigns": "name",
        "member_lists": "campaign",
        "members": "campaign, position",
        "short_links": "code",
        "notes": "key",
    }
)
_ROWS: Mapping[str, Callable[[Row], Document]] = MappingProxyType(
    {
        "versions": lambda row: TemplateVersion.from_document(row["document"]).to_document(),
        "customers": lambda row: Customer.from_document(CUSTOMERS.document(row)).to_document(),
        "consents": lambda row: Consent.from_document(CONSENTS.document(row)).to_document(),
        "suppressions": lambda row: Suppression.from_document(SUPPRESSIONS.document(row)).to_document(),
        "orders": lambda row: order_of(row).to_document(),
        "events": lambda row: event_of(row).to_document(),
        "erased_events": dict,
        "campaigns": lambda row: Campaign.from_document(row["document"]).to_document(),
        "member_lists": dict,
        "members": lambda row: {name: row[name] for name in ("campaign", "position", "customer_id")},
        "messages": lambda row: message_of(row[name] for name in FIELDS).to_document(),
        "engagements": lambda row: engagement_of(row).to_document(),
        "short_links": lambda row: link_row(link_of(row)),
        "notes": lambda row: {"key": row["key"], "value": row["value"]},
    }
)
