"""Filters over lists: of what an order or a cart brings."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from jinja2 import TemplateRuntimeError, Undefined
from markupsafe import Markup, escape

from messaging.rendering.operators import operate
from messaging.rendering.run import MAX_ITEMS, OverLimit, Run, text_of

#: Comparisons that `selectattr` and its kin know by name.
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "equalto": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lessthan": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "greaterthan": operator.gt,
    "ge": operator.ge,
    "in": lambda value, container: value in container,
}


def items_of(value: Any) -> list[Any]:
    """The items of something that can be looped over.

    Raises:
        TemplateRuntimeError: it cannot.
    """
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    if not isinstance(value, Iterable):
        raise TemplateRuntimeError("this is no list")
    items = list(islice(value, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise OverLimit(f"a list of more than {MAX_ITEMS:,} items")
    return items


def pick(value: Any, path: str | int | None) -> Any:
    """The field at a dotted path; None where there is none."""
    if path is None:
        return value
    for name in str(path).split("."):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, (list, tuple)) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _sort_key(value: Any, case_sensitive: bool) -> tuple[int, Any]:
    # What cannot be compared is kept apart: nothing first, then numbers, then text.
    if value is None or isinstance(value, Undefined):
        return (0, 0)
    if isinstance(value, (int, float, Decimal)):
        return (1, value)
    if isinstance(value, str):
        return (2, value if case_sensitive else value.lower())
    return (3, value)


def first(run: Run, value: Any, /) -> Any:
    items = items_of(value)
    return items[0] if items else run.missing("first of an empty list")


def last(run: Run, value: Any, /) -> Any:
    items = items_of(value)
    return items[-1] if items else run.missing("last of an empty list")


def join(run: Run, value: Any, /, separator: str = "", attribute: str | None = None) -> str:
    items = [pick(item, attribute) for item in items_of(value)]
    texts = [item if isinstance(item, Markup) else text_of(item) for item in items]
    run.spend(sum(map(len, texts)) + len(separator) * len(texts) >> 3)
    if run.html and any(isinstance(text, Markup) for text in texts):
        return escape(separator).join(escape(text) for text in texts)
    return separator.join(texts)


def sum_(run: Run, value: Any, /, attribute: str | None = None, start: Any = 0) -> Any:
    total = start
    for item in items_of(value):
        total = operate(run, "+", total, pick(item, attribute))
    return total


def extreme(run: Run, value: Any, /, attribute: str | None, choose: Callable[..., Any]) -> Any:
    items = items_of(value)
    if not items:
        return run.missing("largest or smallest of an empty list")
    return choose(items, key=lambda item: _sort_key(pick(item, attribute), False))


def sort(
    run: Run, value: Any, /, reverse: bool = False, case_sensitive: bool = False, attribute: str | None = None
) -> list[Any]:
    items = items_of(value)
    run.spend(len(items) * 8)
    return sorted(items, key=lambda item: _sort_key(pick(item, attribute), case_sensitive), reverse=reverse)


def dictsort(run: Run, value: Mapping[str, Any], /, case_sensitive: bool = False, by: str = "key") -> list[Any]:
    position = 0 if by == "key" else 1
    return sorted(value.items(), key=lambda item: _sort_key(item[position], case_sensitive))


def unique(run: Run, value: Any, /, case_sensitive: bool = False, attribute: str | None = None) -> list[Any]:
    seen: dict[str, Any] = {}
    for item in items_of(value):
        key = pick(item, attribute)
        name = repr(key if case_sensitive or not isinstance(key, str) else key.lower())
        seen.setdefault(name, item)
    return list(seen.values())


def groupby(run: Run, value: Any, /, attribute: str, default: Any = None) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for item in items_of(value):
        key = pick(item, attribute)
        key = default if key is None else key
        groups.setdefault(repr(key), {"grouper": key, "list": []})["list"].append(item)
    return sorted(groups.values(), key=lambda group: _sort_key(group["grouper"], False))


def batch(run: Run, value: Any, /, size: int, fill: Any = None) -> list[list[Any]]:
    items = items_of(value)
    if not 1 <= size <= 100:
        raise TemplateRuntimeError("batch: 1 to 100 in a row")
    rows = [items[start : start + size] for start in range(0, len(items), size)]
    if rows and fill is not None:
        rows[-1] = rows[-1] + [fill] * (size - len(rows[-1]))
    return rows


def choose(
    run: Run, value: Any, /, attribute: str | None, test: str | None, args: tuple[Any, ...], keep: bool
) -> list[Any]:
    chosen = []
    for item in items_of(value):
        field = pick(item, attribute)
        if test is None:
            matches = bool(field)
        elif test in ("defined", "undefined"):
            matches = (field is not None) is (test == "defined")
        elif test == "none":
            matches = field is None
        elif test in _COMPARISONS and len(args) == 1:
            run.weigh(args[0])
            try:
                matches = bool(_COMPARISONS[test](field, args[0]))
            except TypeError:
                # Two-valued, as in segments: what cannot be compared does not match.
                matches = False
        else:
            raise TemplateRuntimeError(f"there is no test {test!r}")
        if matches is keep:
            chosen.append(item)
    return chosen
