"""What stands in for missing data: by dotted path, where a value is missing, null or empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Fallbacks:
    """The fallbacks of a version, with their paths taken apart once."""

    def __init__(self, fallbacks: Mapping[str, Any]) -> None:
        self._paths = [(tuple(path.split(".")), value) for path, value in fallbacks.items()]

    def apply(self, context: Mapping[str, Any], *, generic: bool = False) -> dict[str, Any]:
        """A context in which nothing with a fallback is missing; `context` stays as it is.

        `generic`: the fallback stands in everywhere, also where there is a value.
        """
        values = dict(context)
        copied: set[tuple[str, ...]] = set()
        for path, instead in self._paths:
            if not generic and not _empty(_at(values, path)):
                continue
            table = values
            for depth in range(1, len(path)):
                place = path[:depth]
                below = table.get(place[-1])
                if place not in copied:
                    below = dict(below) if isinstance(below, Mapping) else {}
                    table[place[-1]] = below
                    copied.add(place)
                assert isinstance(below, dict)
                table = below
            table[path[-1]] = instead
        return values


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = values
    for name in path:
        if type(value) is not dict and not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _empty(value: Any) -> bool:
    return value is None or value == "" or value == [] or value == {}
