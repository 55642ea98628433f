"""The part of the store port by which all that it holds is read, brought to another store, and checked.

What a store holds is told in kinds, and a row of a kind as a plain JSON document that is the same for every store.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from messaging.nouns.documents import Document
from messaging.nouns.message import MessageState

#: What a store holds, in an order in which it can be filled: an engagement is kept by its message.
KINDS = (
    *("versions", "customers", "consents", "suppressions", "orders", "events", "erased_events"),
    *("campaigns", "member_lists", "members", "messages", "engagements", "short_links", "notes"),
)
#: The note of a store that is being filled from another one, or was: `{"from": …, "done": …}`; and of one that was
#: brought to another one: `{"to": …, "moved": when}`. It is none of its rows.
MIGRATION = "store.migration"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a store that does not fit together, in words for who looks after it."""

    problem: str
    hint: str


def addressed_twice(number: int) -> Fault:
    """What is said of addresses to which one campaign has several messages that are not skipped."""
    return Fault(
        f"{number} addresses have several messages of one campaign",
        "messaging messages list --campaign … shows them; messaging campaigns cancel … skips what has not left",
    )


class Contents(ABC):
    """All that a store holds, kind by kind."""

    @abstractmethod
    def numbers(self) -> dict[str, int]:
        """How many rows there are of each of `KINDS`, counted."""

    @abstractmethod
    def states(self) -> Mapping[MessageState, int]:
        """How many messages are in each state; every state has an entry."""

    @abstractmethod
    def dump(self, kind: str) -> Iterator[Document]:
        """All rows of a kind: in order of arrival if that matters to anybody, else of their names.

        No more than a page is in memory that was not there before. Nobody is kept from changing rows meanwhile.
        """

    @abstractmethod
    def load(self, kind: str, rows: Sequence[Document]) -> None:
        """Add rows as `dump` gave them: the next ones of their kind, all or none. Kinds come in order of `KINDS`.

        Raises:
            InputError: one has what this store cannot keep.
        """

    def loaded(self) -> None:  # noqa: B027 - most stores need not do anything
        """All kinds were loaded. For a store that has to look at what it holds to be quick."""

    @abstractmethod
    def alone(self) -> AbstractContextManager[None]:
        """Inside, no transaction of another process begins; it may fail for that.

        Raises:
            InUse: others work with it.
        """

    @abstractmethod
    def enter(self, check: Callable[[], object]) -> None:
        """Work with it from now on, as long as `check` does not raise: it does once the store was left for another.

        `check` is asked now. Of what had to wait for somebody who was alone nothing is done without it.

        Raises:
            InUse: somebody is alone with it, and whoever comes meanwhile would not be noticed.
        """

    @abstractmethod
    def faults(self) -> Iterator[Fault]:
        """What is wrong with how it keeps things, as far as only it can know. It may be in use meanwhile."""
