"""How a person who is to be forgotten is recognised in what others wrote about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

#: What people put between the digits of a number.
_BETWEEN = str.maketrans("", "", " +-()./")
#: Digits that a number written without its country has at least.
_LOCAL = 7


class Identity:
    """What names one customer; `alias` is the random id that stands in for theirs."""

    def __init__(
        self,
        customer_id: str,
        addresses: Iterable[tuple[str, str]],
        *,
        ids: Iterable[str] = (),
        name: Iterable[str | None] = (),
        alias: str = "",
    ) -> None:
        """`addresses` are (channel, address); `ids` are those a shop has for them; `name` is first and last."""
        self.customer_id = customer_id
        self.alias = alias
        self._texts = {address.casefold() for _, address in addresses}
        self._addresses = set(map(_bare, self._texts))
        self._phones = [address.removeprefix("+") for address in self._texts if address.startswith("+")]
        self._ids = set(map(_bare, (customer_id, *ids)))
        first_and_last = [word for word in name if word]
        self._name = _words(" ".join(first_and_last)) if len(first_and_last) > 1 else frozenset()

    def named_by(self, profile: Mapping[str, Any]) -> bool:
        """Whether an event's `customer` means them: by id, email or phone, however written."""
        values = (profile.get(name) for name in ("id", "email", "phone"))
        return any(
            isinstance(value, (str, int)) and (_bare(str(value)) in self._ids or self.is_address(str(value)))
            for value in values
        )

    def is_address(self, text: str) -> bool:
        """Whether `text` is an address of theirs, however written: a phone number also without its country."""
        bare = _bare(text)
        local = bare.lstrip("0")
        is_local = local.isdigit() and len(local) >= _LOCAL and any(known.endswith(local) for known in self._phones)
        return bare in self._addresses or is_local

    def in_text(self, text: str | None) -> bool:
        """Whether `text` has an address of theirs in it."""
        folded = (text or "").casefold()
        return any(known in folded for known in self._texts)

    def in_document(self, value: object) -> bool:
        """Whether any text inside a JSON value has."""
        return self.in_text(orjson.dumps(value).decode())

    def has_name_in(self, text: str) -> bool:
        """Whether `text` has all words of their first and last name."""
        folded = text.casefold()
        return bool(self._name) and all(word in folded for word in self._name) and self._name <= _words(folded)


def _bare(text: str) -> str:
    """`text` without the ways of writing it: case, and what people put between the digits of a number."""
    folded = text.casefold().strip()
    digits = folded.replace("(0)", "").translate(_BETWEEN)
    return digits if digits.isdigit() else folded


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))
