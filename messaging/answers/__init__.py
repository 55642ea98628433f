"""What plugins answer, looked at before anybody relies on it.

`hooks`, `adapters` and `sources` say what an answer must be. They look where the plugin runs, as an answer may hang
too, and hand on plain values of ours: what is relied on afterwards runs no plugin's code any more.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from messaging.nouns.documents import storable

#: Answers that a call may give, at most; a check so many for each message. Some make them without end.
MOST = 1000
#: Characters of an answer's text that are kept: of a reason, of a provider's id.
LONGEST = 1000
#: Characters of an odd answer that are shown.
_SHOWN = 200

#: The fields of an answer, and what each may be.
Kinds = Mapping[str, tuple[type, ...]]


class Wrong(Exception):
    """An answer is not what was asked for; said for its author."""


def listed(what: str, answer: Iterable[Any], most: int = MOST) -> list[Any]:
    """The answers one by one, if they are so many at most."""
    found = list(islice(answer, most + 1))
    if len(found) > most:
        raise Wrong(f"{what} answers without end, or with more than {most:,}")
    return found


def shown(value: object) -> str:
    """An odd answer, as its author is told of it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def nothing(what: str, answer: object) -> None:
    """The answer of what is only told something. It is ignored, unless it shows that nothing was done."""
    if inspect.iscoroutine(answer):
        answer.close()
        raise Wrong(f"{what} is async, so nothing of it has run: write it as a plain function")
    if inspect.isgenerator(answer) or inspect.isasyncgen(answer):
        raise Wrong(f"{what} yields, so nothing of it has run: write it without yield")


def not_async(what: str, function: object) -> None:
    """Nothing here awaits: what plugins run is called in a thread."""
    function = getattr(function, "__func__", function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise Wrong(f"{what} is async: write it as a plain function, it is called in a thread of its own")


def fields(what: str, answer: object, kinds: Kinds) -> None:
    """Each field is of a kind that it may be; a whole number is no `bool`."""
    for name, allowed in kinds.items():
        value = getattr(answer, name)
        if type(value) not in allowed and (type(value) is bool or not isinstance(value, allowed)):
            raise Wrong(f"{what} whose {name} is {shown(value)}")


def text(value: str | None) -> str | None:
    """Others' words as they can be kept."""
    if value is None or (value.isascii() and len(value) <= LONGEST and "\0" not in value):
        return value
    kept: str = storable(value if len(value) <= LONGEST else f"{value[:LONGEST]}…")
    return kept
