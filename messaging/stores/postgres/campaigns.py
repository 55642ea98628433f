"""Campaigns and their member lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import count, islice

from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.documents import Document
from messaging.rules.identity import Identity
from messaging.stores.base import Campaigns
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.session import Session
from messaging.stores.postgres.table import Table
from messaging.stores.postgres.values import askable
from messaging.stores.values import pack

CAMPAIGNS = Table("campaigns", {"name": "text", "state": "text", "created_at": "timestamptz", "document": "json"})
#: Customers of a member list that are written or read at once.
PAGE = 1000
_MEMBERS = {"campaign": "text", "position": "integer", "customer_id": "text"}


class PostgresCampaigns(Campaigns):
    """The `campaigns`, `member_lists` and `members` tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> Campaign | None:
        rows = self._database.rows("SELECT document FROM campaigns WHERE name = ANY(%(names)s)", _names(name))
        return Campaign.from_document(rows[0]["document"]) if rows else None

    def put(self, campaign: Campaign) -> None:
        document = campaign.to_document()
        row = CAMPAIGNS.row({**document, "document": document})
        conflict = f"ON CONFLICT (name) DO UPDATE SET {CAMPAIGNS.replaced}"
        self._database.write(
            lambda session: session.insert("campaigns", CAMPAIGNS.columns, [row], conflict), serial=True
        )

    def all(self, states: Collection[CampaignState] | None = None) -> list[Campaign]:
        which = "WHERE state = ANY(%(states)s)" if states is not None else ""
        statement = f"SELECT document FROM campaigns {which} ORDER BY created_at, name"
        rows = self._database.rows(statement, {"states": [state.value for state in states or ()]})
        return [Campaign.from_document(row["document"]) for row in rows]

    def put_members(self, campaign: str, customer_ids: Collection[str]) -> None:
        pack({"campaign": campaign}, "members")
        for page in _pages(customer_ids):
            pack({"ids": page}, "members")

        def put(session: Session) -> None:
            statement = "INSERT INTO member_lists VALUES (%(campaign)s) ON CONFLICT DO NOTHING"
            if session.run(statement, {"campaign": campaign}):
                position = count()
                for page in _pages(customer_ids):
                    session.insert("members", _MEMBERS, [(campaign, next(position), id) for id in page])

        self._database.write(put)

    def members(self, campaign: str) -> Iterator[str] | None:
        statement = "SELECT FROM member_lists WHERE campaign = ANY(%(names)s)"
        return self._members(campaign) if self._database.rows(statement, _names(campaign)) else None

    def listed(self, campaign: str, ids: Collection[str]) -> set[str]:
        statement = "SELECT customer_id FROM members WHERE campaign = ANY(%(names)s) AND customer_id = ANY(%(ids)s)"
        return {id for (id,) in self._database.tuples(statement, {**_names(campaign), "ids": askable(ids)})}

    def _members(self, campaign: str) -> Iterator[str]:
        statement = """
            SELECT customer_id FROM members WHERE campaign = %(campaign)s AND position >= %(start)s
            ORDER BY position LIMIT %(page)s
        """
        start = 0
        while rows := self._database.tuples(statement, {"campaign": campaign, "start": start, "page": PAGE}):
            start += len(rows)
            yield from (id for (id,) in rows)


def begin_lists(session: Session, lists: Iterable[Document]) -> None:
    """Begin member lists: campaigns."""
    session.insert("member_lists", {"campaign": "text"}, [(row["campaign"],) for row in lists])


def add_members(session: Session, members: Iterable[Document]) -> None:
    """Put who comes next on lists: campaign, position, customer."""
    session.insert("members", _MEMBERS, [tuple(row[name] for name in _MEMBERS) for row in members])


def forget_member(session: Session, identity: Identity) -> None:
    """Put a customer's alias in their place on every list: the audience stays as large as it was."""
    session.run(
        "UPDATE members SET customer_id = %(alias)s WHERE customer_id = %(id)s",
        {"id": identity.customer_id, "alias": identity.alias},
    )


def _pages(ids: Collection[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while page := list(islice(rest, PAGE)):
        yield page


def _names(name: str) -> dict[str, list[str]]:
    return {"names": askable([name])}
