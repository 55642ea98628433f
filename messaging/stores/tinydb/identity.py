"""How a person who is to be forgotten is recognised in what others wrote about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from messaging.stores.base import Address

#: What people put between the digits of a number.
_BETWEEN = str.maketrans("", "", " +-()./")


class Identity:
    """What names one customer; `alias` is the random id that stands in for theirs."""

    def __init__(self, customer_id: str, addresses: Iterable[Address], *, alias: str) -> None:
        self.customer_id = customer_id
        self.alias = alias
        self._texts = {address.casefold() for _, address in addresses}
        self._names = {_bare(customer_id), *map(_bare, self._texts)}

    def named_by(self, profile: Mapping[str, Any]) -> bool:
        """Whether an event's `customer` means them: by id, email or phone, however written."""
        values = (profile.get(name) for name in ("id", "email", "phone"))
        return any(isinstance(value, (str, int)) and _bare(str(value)) in self._names for value in values)

    def in_text(self, text: str | None) -> bool:
        """Whether `text` has an address of theirs in it."""
        folded = (text or "").casefold()
        return any(known in folded for known in self._texts)

    def in_document(self, value: object) -> bool:
        """Whether any text inside a JSON value has."""
        return self.in_text(orjson.dumps(value).decode())


def _bare(text: str) -> str:
    """`text` without the ways of writing it: case, and what people put between the digits of a number."""
    folded = text.casefold().strip()
    digits = folded.translate(_BETWEEN)
    return digits if digits.isdigit() else folded
