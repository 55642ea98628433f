"""Whether what a store holds fits together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType

from messaging.errors import InputError
from messaging.ids import message_id
from messaging.nouns.campaign import CampaignState
from messaging.nouns.documents import Document
from messaging.nouns.message import Lane, MessageState
from messaging.stores.base import Store
from messaging.stores.contents import KINDS, Fault

#: Rows that are looked up at once.
PAGE = 1000
#: Called with how many more rows were looked at.
Step = Callable[[int], object]
#: Campaigns in these states have all their rows.
_PLANNED = (CampaignState.SENDING, CampaignState.DONE)
_BACKUP = "bring it back from a backup"


def find_faults(store: Store, *, step: Step = lambda rows: None) -> Iterator[Fault]:
    """Read all of it, and tell what does not fit together. Others may work with it meanwhile. Raises StoreError."""
    yield from store.contents.faults()
    for kind in KINDS:
        try:
            yield from _CHECKS[kind](store, step) if kind in _CHECKS else _read(store, kind, step)
        # Nothing of ours has written that; that what is sound can be read, the store has seen to.
        except (ValueError, TypeError, LookupError, ArithmeticError, InputError) as error:
            yield Fault(f"{kind.replace('_', ' ')}: not all of them can be read ({error})", _BACKUP)


def _read(store: Store, kind: str, step: Step) -> Iterator[Fault]:
    for _ in _pages(store, kind, step):
        pass
    yield from ()


def _campaigns(store: Store, step: Step) -> Iterator[Fault]:
    sizes = Counter[str]()
    for page in _pages(store, "members", step):
        sizes.update(row["campaign"] for row in page)
    # A campaign in one of these states has its list, and that is as long as it will ever be.
    for campaign in store.campaigns.all():
        if campaign.state in _PLANNED:
            rows, size = sum(store.outbox.counts(campaign.name).values()), sizes[campaign.name]
            if not rows == size == (size if campaign.audience is None else campaign.audience):
                yield Fault(
                    f"campaign {campaign.name}: its messages by state add up to {rows}, its member list has {size}, "
                    f"its audience was {campaign.audience}",
                    f"messaging campaigns pause {campaign.name}, then resume it: what is missing is planned"
                    if rows < size and campaign.state is CampaignState.SENDING
                    else _BACKUP,
                )


def _messages(store: Store, step: Step) -> Iterator[Fault]:
    lost, renamed, versions = Counter[str](), Counter[str](), Counter[str]()
    for page in _pages(store, "messages", step):
        versions.update(row["version"] for row in page if row["state"] != MessageState.SKIPPED)
        theirs = [row for row in page if "address" in row and row["lane"] != Lane.TEST]
        renamed.update(
            row["id"] for row in theirs if row["id"] != message_id(row["origin"], row["customer_id"], row["channel"])
        )
        known = store.customers.get({row["customer_id"] for row in theirs})
        suspects = [row["id"] for row in theirs if row["customer_id"] not in known]
        if suspects:  # who was erased meanwhile has none any more
            messages = [message for message in store.outbox.get(suspects).values() if message.address]
            known = store.customers.get({message.customer_id for message in messages})
            lost.update(message.id for message in messages if message.customer_id not in known)
    kept = {version.version for version in store.versions()}
    gone = {version: number for version, number in versions.items() if version not in kept}
    yield from _told(lost, "messages are to customers who are not there", _BACKUP)
    yield from _told(renamed, "messages have an id that is not their origin's, customer's and channel's", _BACKUP)
    for version, number in gone.items():
        yield Fault(f"{number} messages are of template version {version}, which is not there", _BACKUP)


def _orders(store: Store, step: Step) -> Iterator[Fault]:
    lost = Counter[str]()
    for page in _pages(store, "orders", step):
        known = store.customers.get({row["customer_id"] for row in page if "customer_id" in row})
        suspects = [row["key"] for row in page if row.get("customer_id", None) not in {None, *known}]
        if suspects:
            orders = store.events.orders(suspects).values()
            known = store.customers.get({order.customer_id for order in orders if order.customer_id is not None})
            lost.update(order.number for order in orders if order.customer_id not in {None, *known})
    yield from _told(lost, "orders are of customers who are not there", _BACKUP)


def _short_links(store: Store, step: Step) -> Iterator[Fault]:
    lost = Counter[str]()
    for page in _pages(store, "short_links", step):
        known = store.outbox.get({row["message_id"] for row in page})
        lost.update(row["message_id"] for row in page if row["message_id"] not in known)
    yield from _told(lost, "short links are of messages that are not there", _BACKUP)


def _told(names: Counter[str], problem: str, hint: str) -> Iterator[Fault]:
    if names:
        yield Fault(f"{names.total()} {problem}, such as {next(iter(names))}", hint)


def _pages(store: Store, kind: str, step: Step) -> Iterator[list[Document]]:
    rows = store.contents.dump(kind)
    while page := list(islice(rows, PAGE)):
        yield page
        step(len(page))


#: What is looked at beside that its rows can be read, by kind.
_CHECKS: Mapping[str, Callable[[Store, Step], Iterator[Fault]]] = MappingProxyType(
    {"members": _campaigns, "messages": _messages, "orders": _orders, "short_links": _short_links}
)
