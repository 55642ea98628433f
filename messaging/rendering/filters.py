"""The filters that templates have: the usual ones of Jinja2, bounded, and those of `formats`.

Each takes the message's `Run` first. It pays for the size of its value before it works, and what it makes is
no larger than a value may be. Names with `_` are for prepared templates only.
"""

from __future__ import annotations

import operator
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import wraps
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson
from jinja2 import TemplateRuntimeError, Undefined
from markupsafe import Markup, escape

from messaging.rendering import formats
from messaging.rendering.addresses import guarded_image, pixel, tracked
from messaging.rendering.operators import concatenate, decimal, operate
from messaging.rendering.run import MAX_ITEMS, OverLimit, Run, text_of

Filter = Callable[..., Any]

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


def metered(function: Filter) -> Filter:
    """`function` paying for its arguments, and its result bounded."""

    @wraps(function)
    def call(run: Run, *args: Any, **kwargs: Any) -> Any:
        for value in args:
            run.weigh(value)
        for value in kwargs.values():
            run.weigh(value)
        try:
            return run.bounded(function(run, *args, **kwargs))
        except (TypeError, ValueError, AttributeError) as error:
            raise TemplateRuntimeError(f"filter {function.__name__.strip('_')}: {error}") from error

    return call


def plugin_filter(name: str, function: Filter) -> Filter:
    """A plugin's filter: it gets the value without the run; one that raises is named."""

    def call(run: Run, *args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            run.weigh(value)
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            raise TemplateRuntimeError(f"filter {name}: {type(error).__name__}: {error}") from error
        return run.bounded(run.weigh(result))

    return call


def _list(value: Any) -> list[Any]:
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


def _pick(value: Any, path: str | int | None) -> Any:
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


def default(run: Run, value: Any, instead: Any = "", boolean: bool = False) -> Any:
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return instead
    return value


def length(run: Run, value: Any) -> int:
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    return len(value)


def first(run: Run, value: Any) -> Any:
    items = _list(value)
    return items[0] if items else run.missing("first of an empty list")


def last(run: Run, value: Any) -> Any:
    items = _list(value)
    return items[-1] if items else run.missing("last of an empty list")


def join(run: Run, value: Any, separator: str = "", attribute: str | None = None) -> str:
    items = [_pick(item, attribute) for item in _list(value)]
    texts = [item if isinstance(item, Markup) else text_of(item) for item in items]
    run.spend(sum(map(len, texts)) + len(separator) * len(texts) >> 3)
    if run.html and any(isinstance(text, Markup) for text in texts):
        return escape(separator).join(escape(text) for text in texts)
    return separator.join(texts)


def replace(run: Run, value: Any, old: str, new: str, count: int = -1) -> str:
    text, new = _soft(value), _soft(new)
    if isinstance(text, Markup):
        old, new = escape(old), escape(new)
    run.spend(len(text) + text.count(old) * len(new) >> 3)
    return text.replace(old, new, count)


def truncate(
    run: Run, value: Any, length: int = 255, killwords: bool = False, end: str = "…", leeway: int = 5
) -> str:
    text = text_of(value)
    if len(text) <= length + leeway:
        return text
    cut = text[: max(0, length - len(end))]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + end


def indent(run: Run, value: Any, width: int = 4, first: bool = False, blank: bool = False) -> str:
    text, space = _soft(value), " " * min(int(width), 80)
    run.spend(len(text) + text.count("\n") * len(space) >> 3)
    lines = text.split("\n")
    moved = [
        space + line if (line or blank) and (index or first) else line for index, line in enumerate(lines)
    ]
    return (Markup("\n") if isinstance(text, Markup) else "\n").join(moved)


def round_(run: Run, value: Any, precision: int = 0, method: str = "common") -> Decimal:
    """Commercially by default, as prices are."""
    modes = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
    if method not in modes or not -20 <= precision <= 20:
        raise TemplateRuntimeError("round: common, ceil or floor, and at most 20 places")
    return decimal(value).quantize(Decimal(1).scaleb(-precision), modes[method])


def to_int(run: Run, value: Any, default: Any = 0) -> int | Any:
    try:
        return int(decimal(value))
    except TemplateRuntimeError:
        return default


def to_float(run: Run, value: Any, default: Any = 0.0) -> float | Any:
    try:
        return float(decimal(value))
    except TemplateRuntimeError:
        return default


def sum_(run: Run, value: Any, attribute: str | None = None, start: Any = 0) -> Any:
    total = start
    for item in _list(value):
        total = operate(run, "+", total, _pick(item, attribute))
    return total


def _extreme(run: Run, value: Any, attribute: str | None, choose: Callable[..., Any]) -> Any:
    items = _list(value)
    if not items:
        return run.missing("largest or smallest of an empty list")
    return choose(items, key=lambda item: _sort_key(_pick(item, attribute), False))


def sort(
    run: Run, value: Any, reverse: bool = False, case_sensitive: bool = False, attribute: str | None = None
) -> list[Any]:
    items = _list(value)
    run.spend(len(items) * 8)
    return sorted(items, key=lambda item: _sort_key(_pick(item, attribute), case_sensitive), reverse=reverse)


def dictsort(run: Run, value: Mapping[str, Any], case_sensitive: bool = False, by: str = "key") -> list[Any]:
    position = 0 if by == "key" else 1
    return sorted(value.items(), key=lambda item: _sort_key(item[position], case_sensitive))


def unique(run: Run, value: Any, case_sensitive: bool = False, attribute: str | None = None) -> list[Any]:
    seen: dict[str, Any] = {}
    for item in _list(value):
        key = _pick(item, attribute)
        name = repr(key if case_sensitive or not isinstance(key, str) else key.lower())
        seen.setdefault(name, item)
    return list(seen.values())


def groupby(run: Run, value: Any, attribute: str, default: Any = None) -> list[dict[str, Any]]:
    groups: dict[str, dict[str, Any]] = {}
    for item in _list(value):
        key = _pick(item, attribute)
        key = default if key is None else key
        groups.setdefault(repr(key), {"grouper": key, "list": []})["list"].append(item)
    return sorted(groups.values(), key=lambda group: _sort_key(group["grouper"], False))


def batch(run: Run, value: Any, size: int, fill: Any = None) -> list[list[Any]]:
    items = _list(value)
    if not 1 <= size <= 100:
        raise TemplateRuntimeError("batch: 1 to 100 in a row")
    rows = [items[start : start + size] for start in range(0, len(items), size)]
    if rows and fill is not None:
        rows[-1] = rows[-1] + [fill] * (size - len(rows[-1]))
    return rows


def map_(
    run: Run,
    value: Any,
    name: str | None = None,
    *args: Any,
    attribute: str | None = None,
    default: Any = None,
) -> list[Any]:
    items = _list(value)
    if attribute is not None:
        found = (_pick(item, attribute) for item in items)
        return [default if item is None else item for item in found]
    if name is None or name.startswith("_") or name not in FILTERS:
        raise TemplateRuntimeError(f"map: there is no filter {name!r}")
    return [FILTERS[name](run, item, *args) for item in items]


def _choose(
    run: Run, value: Any, attribute: str | None, test: str | None, args: tuple[Any, ...], keep: bool
) -> list[Any]:
    chosen = []
    for item in _list(value):
        field = _pick(item, attribute)
        if test is None:
            matches = bool(field)
        elif test in ("defined", "undefined"):
            matches = (field is not None) is (test == "defined")
        elif test == "none":
            matches = field is None
        elif test in _COMPARISONS and len(args) == 1:
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


def tojson(run: Run, value: Any) -> Markup:
    """The value as JSON, safe in HTML too. Decimals as numbers would lose digits: they are text."""
    try:
        data = orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, orjson.JSONEncodeError) as error:
        raise TemplateRuntimeError(f"this cannot be written as JSON: {error}") from None
    for character in "<>&'":
        data = data.replace(character, f"\\u{ord(character):04x}")
    return Markup(data)  # noqa: S704 - nothing in it is special in HTML any more


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"a {type(value).__name__}")


def escape_(run: Run, value: Any) -> str:
    if not run.html:
        return text_of(value)
    return value if isinstance(value, Markup) else escape(text_of(value))


def nl2br(run: Run, value: Any) -> str:
    """Line breaks that are seen in HTML too."""
    if not run.html:
        return text_of(value)
    return Markup("<br>\n").join(escape(line) for line in text_of(value).split("\n"))


def striptags(run: Run, value: Any) -> str:
    return " ".join(re.sub(r"<!--.*?-->|<[^>]*>", "", text_of(value), flags=re.DOTALL).split())


def urlencode(run: Run, value: Any) -> str:
    if isinstance(value, Mapping):
        return "&".join(
            f"{quote(text_of(k), safe='')}={quote(text_of(v), safe='')}" for k, v in value.items()
        )
    return quote(text_of(value), safe="/")


def wordwrap(run: Run, value: Any, width: int = 79) -> str:
    return "\n".join(textwrap.fill(line, max(1, min(width, 1000))) for line in text_of(value).split("\n"))


def loop(run: Run, value: Any, weight: int) -> Any:
    """What a `for` goes over; pays for all its turns."""
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    if value is None:
        raise TemplateRuntimeError("a loop over null")
    if not hasattr(value, "__len__"):
        value = _list(value)
    run.spend(len(value) * weight + 1)
    return value


def capture(run: Run, value: Any) -> Any:
    """A value that becomes part of a captured text."""
    run.spend(len(value) if isinstance(value, str) else 1)
    return value


def key(run: Run, value: Any) -> Any:
    """What a table may be asked by."""
    if not isinstance(value, (str, int, Undefined)):
        raise TemplateRuntimeError("only text and whole numbers can be keys")
    return value


def json_value(run: Run, value: Any) -> str:
    """A value in a JSON document, outside of quotes."""
    return str(value) if isinstance(value, Markup) else str(tojson(run, value))


def json_text(run: Run, value: Any) -> str:
    """A value inside the quotes of a JSON document."""
    return str(tojson(run, text_of(value)))[1:-1]


def _soft(value: Any) -> str:
    """A value as text; captured HTML stays what it is."""
    return value if isinstance(value, Markup) else text_of(value)


def _method(name: str) -> Filter:
    """A method of text as a filter."""
    call_method = operator.methodcaller(name)

    def call(run: Run, value: Any) -> str:
        return call_method(_soft(value))  # type: ignore[no-any-return]

    call.__name__ = name
    return call


_PUBLIC: dict[str, Filter] = {
    "abs": lambda run, value: abs(decimal(value)),
    "batch": batch,
    "capitalize": _method("capitalize"),
    "count": length,
    "d": default,
    "date": formats.date_,
    "datetime": formats.datetime_,
    "decimal": lambda run, value: decimal(value),
    "default": default,
    "dictsort": dictsort,
    "e": escape_,
    "escape": escape_,
    "first": first,
    "float": to_float,
    "groupby": groupby,
    "indent": indent,
    "int": to_int,
    "items": lambda run, value: list(value.items()) if isinstance(value, Mapping) else [],
    "join": join,
    "last": last,
    "length": length,
    "list": lambda run, value: _list(value),
    "lower": _method("lower"),
    "map": map_,
    "max": lambda run, value, attribute=None: _extreme(run, value, attribute, max),
    "min": lambda run, value, attribute=None: _extreme(run, value, attribute, min),
    "money": formats.money,
    "nl2br": nl2br,
    "number": formats.number,
    "percent": formats.percent,
    "reject": lambda run, value, test=None, *args: _choose(run, value, None, test, args, False),
    "rejectattr": lambda run, value, attr, test=None, *args: _choose(run, value, attr, test, args, False),
    "replace": replace,
    "reverse": lambda run, value: value[::-1] if isinstance(value, str) else _list(value)[::-1],
    "round": round_,
    "select": lambda run, value, test=None, *args: _choose(run, value, None, test, args, True),
    "selectattr": lambda run, value, attr, test=None, *args: _choose(run, value, attr, test, args, True),
    "sort": sort,
    "string": lambda run, value: _soft(value),
    "striptags": striptags,
    "sum": sum_,
    "time": formats.time_,
    "title": _method("title"),
    "tojson": tojson,
    "trim": lambda run, value, chars=None: _soft(value).strip(chars),
    "truncate": truncate,
    "unique": unique,
    "upper": _method("upper"),
    "urlencode": urlencode,
    "wordcount": lambda run, value: len(text_of(value).split()),
    "wordwrap": wordwrap,
}

#: All filters by name.
FILTERS: dict[str, Filter] = {name: metered(function) for name, function in _PUBLIC.items()}
FILTERS.update(
    _loop=loop,
    _capture=capture,
    _key=key,
    _weigh=Run.weigh,
    _concat=concatenate,
    _json=json_value,
    _json_text=json_text,
    _click=tracked,
    _image=guarded_image,
    _pixel=pixel,
)
