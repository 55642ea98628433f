"""Campaigns and their member lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import count, groupby, islice
from math import ceil

from messaging.nouns.campaign import Campaign, CampaignState
from messaging.rules.identity import Identity
from messaging.stores.base import Campaigns
from messaging.stores.tinydb.table import JournalDB

#: Customers on one row of a member list.
MEMBERS = 1000


class TinyCampaigns(Campaigns):
    """The `campaigns` and `members` tables."""

    def __init__(self, db: JournalDB) -> None:
        self._table = db.journal_table("campaigns")
        self._members = db.journal_table("members")
        self._journal = db.journal

    def get(self, name: str) -> Campaign | None:
        with self._journal.reading():
            document = self._table.copy(name)
            return Campaign.from_document(document) if document else None

    def put(self, campaign: Campaign) -> None:
        with self._journal.changing():
            self._table.put(campaign.name, campaign.to_document())

    def all(self, states: Collection[CampaignState] | None = None) -> list[Campaign]:
        with self._journal.reading():
            campaigns = [
                Campaign.from_document(document)
                for document in self._table.documents.values()
                if states is None or document["state"] in states
            ]
        return sorted(campaigns, key=lambda campaign: (campaign.created_at, campaign.name))

    def put_members(self, campaign: str, customer_ids: Collection[str]) -> None:
        with self._journal.changing():
            if _key(campaign, 0) in self._members.documents:
                return
            rest = iter(customer_ids)
            for page in range(max(1, ceil(len(customer_ids) / MEMBERS))):
                self._members.put(_key(campaign, page), {"ids": list(islice(rest, MEMBERS))})

    def members(self, campaign: str) -> Iterator[str] | None:
        with self._journal.reading():
            return self._each(campaign) if _key(campaign, 0) in self._members.documents else None

    def listed(self, campaign: str, ids: Collection[str]) -> set[str]:
        wanted = set(ids)
        return wanted and wanted.intersection(self._each(campaign))

    def _each(self, campaign: str) -> Iterator[str]:
        for page in count():
            with self._journal.reading():
                document = self._members.documents.get(_key(campaign, page))
            if document is None:
                return
            yield from document["ids"]

    def begin_lists(self, campaigns: Iterable[str]) -> None:
        """Begin member lists. Inside `changing`."""
        for campaign in campaigns:
            self._members.put(_key(campaign, 0), {"ids": []})

    def add_members(self, members: Iterable[tuple[str, int, str]]) -> None:
        """Put who comes next on lists: campaign, position, customer. Inside `changing`."""
        for key, some in groupby(members, key=lambda member: _key(member[0], member[1] // MEMBERS)):
            known = self._members.documents.get(key, {"ids": []})
            self._members.put(key, {"ids": [*known["ids"], *(customer for _, _, customer in some)]})

    def forget(self, identity: Identity) -> None:
        """Put a customer's alias in their place on every list: the audience stays as large as it was."""
        for key, document in list(self._members.documents.items()):
            if identity.customer_id in document["ids"]:
                ids = [identity.alias if id == identity.customer_id else id for id in document["ids"]]
                self._members.put(key, {"ids": ids})


def place_of(key: str) -> tuple[str, int]:
    """The campaign and the number of the page that a row of member lists is."""
    campaign, _, page = key.rpartition("/")
    return campaign, int(page)


def _key(campaign: str, page: int) -> str:
    return f"{campaign}/{page}"
