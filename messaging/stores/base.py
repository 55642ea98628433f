"""The store port: what the services ask of a store, and the promises they build on.

Promises that every store keeps, and the contract suite tests:

- Each method is atomic and, unless it says otherwise, durable when it returns.
- `transaction()` makes several methods one: all of them happen, or none. It nests.
- Transactions come one after the other, whichever processes they are in: what one reads of customers, addresses,
  orders, campaigns and notes stays so until it ends.
- A method sees everything that any process committed before it began.
- Methods may be called from several threads and processes at once.

Sequences come in the order given; mappings leave out what is not there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from messaging.expressions.inquiry import Inquiry
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.consent import AddressStatus, Consent, Suppression
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement
from messaging.nouns.history import History, HistoryNeeds
from messaging.nouns.template import TemplateVersion
from messaging.stores.contents import Contents
from messaging.stores.counts import EngagementCount
from messaging.stores.events import Events
from messaging.stores.links import ShortLinks
from messaging.stores.outbox import Outbox
from messaging.stores.products import Products

#: A channel and a normalised address on it.
Address = tuple[str, str]


class Customers(ABC):
    """Customers and their addresses."""

    @abstractmethod
    def get(self, ids: Iterable[str]) -> dict[str, Customer]:
        """Customers by id."""

    @abstractmethod
    def known(self, ids: Iterable[str]) -> set[str]:
        """Those of `ids` that are customers'."""

    @abstractmethod
    def find(self, *, email: str | None = None, phone: str | None = None, limit: int | None = None) -> list[Customer]:
        """Customers who have this email address (however upper and lower case) or this phone number, oldest first.

        With `limit`, any so many of them: to see whether there are more costs no more than that.
        """

    def at(self, places: Iterable[Address], *, limit: int = 20) -> list[Customer]:
        """Who has one of these addresses, each once; of each address any `limit`, as one that more share is nobody's.

        Only email addresses and phone numbers are looked for.
        """
        fields = {"email": "email", "sms": "phone"}
        wanted = ({fields[channel]: address} for channel, address in places if channel in fields)
        return list({one.id: one for each in wanted for one in self.find(**each, limit=limit)}.values())

    @abstractmethod
    def put(self, customers: Iterable[Customer]) -> None:
        """Insert or replace."""

    @abstractmethod
    def page(self, *, after: str | None = None, limit: int = 1000) -> list[Customer]:
        """The next customers in order of id (code points)."""

    def candidates(
        self, inquiry: Inquiry, *, after: str | None = None, limit: int = 1000, unsure: bool = False
    ) -> list[tuple[str, bool]]:
        """The ids of the next customers, in order, who may meet a condition, and whether they surely do.

        Whoever meets it is among them. `unsure`: only those of whom it is not sure. A store that cannot tell
        leaves everybody to the caller.
        """
        return [(customer.id, False) for customer in self.page(after=after, limit=limit)]

    def count_candidates(self, inquiry: Inquiry) -> tuple[int, int]:
        """How many customers surely meet a condition, and of how many more it is not sure."""
        return 0, self.count()

    @abstractmethod
    def count(self) -> int: ...

    @abstractmethod
    def histories(self, ids: Sequence[str], needs: HistoryNeeds) -> dict[str, History]:
        """What each of `ids` did and was sent, as far as `needs` asks; everybody has an entry.

        `messages` holds those that were sent, and opens and clicks by people only.
        """

    @abstractmethod
    def delete(self, customer_id: str, *, ids: Iterable[str] = (), addresses: Iterable[Address] = ()) -> None:
        """Forget the customer, their orders and events (of these the keys stay known), and what stands with addresses.

        `addresses` are those they had before, `ids` those that a shop has for them: events that never got as far as
        being anybody's go too, if one of these is in them. An address that somebody else has too stays theirs.

        The rows of their messages stay to be counted, without address, context or attributes, for a customer id
        that is a random one; their engagement loses its raw event, their short links the targets made for them.
        Suppressions stay, as a keyed hash is kept by the caller. The data is gone from the store's files when this
        returns, backups included.

        Raises:
            Uncompacted: they are forgotten, but their data is still in the store's files. `compact` takes it out.
        """


class Campaigns(ABC):
    """Campaigns and the people they go to."""

    @abstractmethod
    def get(self, name: str) -> Campaign | None: ...

    @abstractmethod
    def put(self, campaign: Campaign) -> None: ...

    @abstractmethod
    def all(self, states: Collection[CampaignState] | None = None) -> list[Campaign]:
        """Those in one of these states, or all, by time of creation."""

    @abstractmethod
    def put_members(self, campaign: str, customer_ids: Collection[str]) -> None:
        """Store the whole member list, once. By itself, not in a transaction, it holds up nobody."""

    @abstractmethod
    def members(self, campaign: str) -> Iterator[str] | None:
        """The stored member list, read as it is asked for, or None. It may be changed meanwhile: who is erased."""

    @abstractmethod
    def listed(self, campaign: str, ids: Collection[str]) -> set[str]:
        """Those of `ids` that are on its member list now."""


class Addresses(ABC):
    """Consent and suppression."""

    @abstractmethod
    def status(self, addresses: Collection[Address]) -> dict[Address, AddressStatus]:
        """What is known about each; all have an entry."""

    @abstractmethod
    def add_consents(self, consents: Iterable[Consent]) -> None:
        """Add decisions; one that is already there is not added again.

        One without a time of its own (`dated` false) is there already if all but its time is the same.
        """

    @abstractmethod
    def suppress(self, suppressions: Iterable[Suppression]) -> None:
        """Suppress addresses; the first reason stays, but `UNREACHABLE`, which passes, gives way to any other."""

    @abstractmethod
    def unsuppress(self, address: Address) -> bool:
        """Lift a suppression; whether there was one."""

    @abstractmethod
    def suppressed(
        self, *, channel: str | None = None, after: Address | None = None, limit: int = 1000
    ) -> list[Suppression]:
        """Suppressions that stand (on `channel`), in an order of the store's own; those after that of `after`."""


class Engagements(ABC):
    """What came back."""

    @abstractmethod
    def add(self, engagements: Sequence[Engagement]) -> list[Engagement]:
        """Keep those whose (source, id) is new, and return them."""

    @abstractmethod
    def of_messages(self, message_ids: Sequence[str]) -> dict[str, list[Engagement]]:
        """By message, in order of time."""

    @abstractmethod
    def of_address(self, address: Address) -> list[Engagement]:
        """What names the address itself and no message, in order of time."""

    @abstractmethod
    def judge(self, verdicts: Mapping[str, tuple[bool, tuple[str, ...]]]) -> None:
        """Set `machine` and `reasons` anew, by engagement id."""

    @abstractmethod
    def summary(
        self, *, campaign: str | None = None, template: str | None = None, include_machines: bool = False
    ) -> list[EngagementCount]:
        """Counts per (template, version, channel), sorted by these; test sends are not counted.

        With `include_machines`, hits by machines count among opens and clicks too.
        """

    @abstractmethod
    def clicks(self, *, campaign: str | None = None, template: str | None = None) -> list[tuple[datetime, bool]]:
        """When links were clicked, in order of time, and whether by a machine."""


class Store(ABC):
    """All of it."""

    customers: Customers
    events: Events
    outbox: Outbox
    campaigns: Campaigns
    addresses: Addresses
    engagements: Engagements
    short_links: ShortLinks
    products: Products
    contents: Contents

    @abstractmethod
    def transaction(self, *, shared: bool = False) -> AbstractContextManager[None]:
        """Make all that is called inside one atomic, durable change.

        `shared`: others that are shared may go on beside it, so it must change nothing that a transaction goes by
        (customers, addresses, orders, campaigns, notes): whoever only adds, marks or settles messages.
        """

    @abstractmethod
    def put_version(self, version: TemplateVersion) -> None:
        """Keep a template version for ever."""

    @abstractmethod
    def version(self, version: str) -> TemplateVersion | None: ...

    @abstractmethod
    def versions(self) -> Iterator[TemplateVersion]:
        """All that are kept, in order of arrival, read as they are asked for."""

    @abstractmethod
    def get_notes(self, keys: Iterable[str]) -> dict[str, Any]:
        """Small JSON values by the keys under which they are kept (which triggers are on, RFM cut points)."""

    def get_note(self, key: str) -> Any:
        """One of them; None if there is none."""
        return self.get_notes([key]).get(key)

    @abstractmethod
    def put_note(self, key: str, value: Any) -> None: ...

    @abstractmethod
    def swap_note(self, key: str, old: Any, new: Any) -> bool:
        """Put `new` in the place of `old` (None: nothing), if that is what is there; return whether it was.

        Of several who do so at once, one does it. It takes no turn with transactions: none goes by such a note.
        """

    @abstractmethod
    def notes(self, prefix: str) -> dict[str, Any]:
        """All notes whose key begins with `prefix`."""

    @abstractmethod
    def take_tokens(self, bucket: str, wanted: int, *, rate: float, burst: int) -> tuple[int, float]:
        """Take up to `wanted` tokens from a bucket that all processes share.

        The bucket fills at `rate` a second up to `burst`, by a clock that other boots and machines share. Returns how
        many were taken (possibly 0) and in how many seconds the next will be there. Not durable.
        """

    @abstractmethod
    def give_back_tokens(self, bucket: str, number: int, *, burst: int) -> None:
        """Put tokens that were taken and not used back into a bucket that holds `burst`. Not durable."""

    @abstractmethod
    def enlist(self) -> str:
        """A new worker's id, for `Outbox.claim`. It is alive until it is dismissed, the store is closed, or this
        process dies, however that happens. One for each thread that sends."""

    @abstractmethod
    def is_alive(self, worker: str) -> bool:
        """Whether a worker, of whichever process, is alive."""

    @abstractmethod
    def dismiss(self, worker: str) -> None:
        """End a worker of this process. What it has is freed by `Outbox.bury`."""

    @abstractmethod
    def health(self) -> dict[str, Any]:
        """Where it is and how it does: `{"store", "customers", "messages", "bytes", …}`.

        Raises:
            StoreError: it cannot be used, or nothing can be written to it.
        """

    @abstractmethod
    def close(self) -> None: ...

    # For a store in files, with memory of its own. A database does these by itself.

    def refresh(self) -> None:  # noqa: B027 - see above
        """Take in what other processes wrote, so that the next call need not. For a thread in the background."""

    def compact(self) -> None:  # noqa: B027 - see above
        """Give back the space of what was replaced."""

    def tidy(self) -> None:  # noqa: B027 - see above
        """Compact if that is worth while. For a server, now and then."""
