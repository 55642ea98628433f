"""The filters that templates have: the usual ones of Jinja2, bounded, and those of `formats`.

Each takes the message's `Run` first. It pays for the size of its value before it works, and what it makes is
no larger than a value may be. Names with `_` are for prepared templates only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from functools import wraps
from inspect import signature
from typing import Any

import orjson
from jinja2 import TemplateRuntimeError, Undefined
from jinja2.runtime import LoopContext
from markupsafe import Markup

from messaging.errors import PLUGIN_FAULTS
from messaging.patience import Hung, told
from messaging.rendering import formats, listing, wording
from messaging.rendering.addresses import guarded_image, guarded_images, pixel, tracked
from messaging.rendering.operators import concatenate, decimal
from messaging.rendering.run import LIGHT, Run, digits_of, text_of

#: What a value may have inside a style.
_STYLE_VALUE = re.compile(r"[\w #%.,-]*")

Filter = Callable[..., Any]


def metered(name: str, function: Filter) -> Filter:
    """`function`, called `name`, paying for its arguments, and its result bounded."""

    @wraps(function)
    def call(run: Run, /, *args: Any, **kwargs: Any) -> Any:
        for value in args:
            if type(value) is not str or len(value) > LIGHT:
                run.weigh(value)
        for value in kwargs.values():
            run.weigh(value)
        try:
            made = function(run, *args, **kwargs)
            return made if type(made) is str and len(made) <= LIGHT else run.bounded(run.weigh(made))
        except (TypeError, ValueError, AttributeError) as error:
            problem = _misfit(function, run, *args, **kwargs) or str(error)
            raise TemplateRuntimeError(f"filter {name}: {problem}") from error

    return call


def _misfit(function: Filter, /, *args: Any, **kwargs: Any) -> str | None:
    """Why these are no arguments for `function`, in words that name none of our own; None: they are."""
    try:
        signature(function).bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    return None


def plugin_filter(name: str, function: Filter) -> Filter:
    """A plugin's filter: it gets the value without the run; one that raises is named."""

    def call(run: Run, /, *args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            run.weigh(value)
        try:
            result = function(*args, **kwargs)
        except Hung:
            raise
        except PLUGIN_FAULTS as error:
            raise TemplateRuntimeError(f"filter {name}: {told(error)}") from error
        return run.bounded(run.weigh(result))

    return call


def default(run: Run, value: Any, /, instead: Any = "", boolean: bool = False) -> Any:
    if isinstance(value, Undefined) or value is None or (boolean and not value):
        return instead
    return value


def length(run: Run, value: Any, /) -> int:
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    return len(value)


def round_(run: Run, value: Any, /, precision: int = 0, method: str = "common") -> Decimal:
    """Commercially by default, as prices are."""
    modes = {"common": ROUND_HALF_UP, "ceil": ROUND_CEILING, "floor": ROUND_FLOOR}
    if method not in modes or not -20 <= precision <= 20:
        raise TemplateRuntimeError("round: common, ceil or floor, and at most 20 places")
    return decimal(value).quantize(Decimal(1).scaleb(-precision), modes[method])


def to_int(run: Run, value: Any, /, default: Any = 0) -> int | Any:
    try:
        return int(decimal(value))
    except TemplateRuntimeError:
        return default


def to_float(run: Run, value: Any, /, default: Any = 0.0) -> float | Any:
    try:
        return float(decimal(value))
    except TemplateRuntimeError:
        return default


def map_(
    run: Run,
    value: Any,
    /,
    name: str | None = None,
    *args: Any,
    attribute: str | None = None,
    default: Any = None,
) -> list[Any]:
    items = listing.items_of(value)
    if attribute is not None:
        found = (listing.pick(item, attribute) for item in items)
        return [default if item is None else item for item in found]
    if name is None or name.startswith("_") or name not in FILTERS:
        raise TemplateRuntimeError(f"map: there is no filter {name!r}")
    return [FILTERS[name](run, item, *args) for item in items]


def tojson(run: Run, value: Any, /) -> Markup:
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
        return digits_of(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"a {type(value).__name__}")


def quoted(run: Run, value: Any, /) -> Any:
    """A value inside the quotes of an attribute: markup and JSON have quotes that would end it."""
    if not isinstance(value, Markup):
        return value
    return Markup(str(value).replace('"', "&#34;").replace("'", "&#39;"))  # noqa: S704 - only less is special in it


def css(run: Run, value: Any, /) -> str:
    """A value inside a style: a colour, a length, a word; nothing that could end its declaration or load a file."""
    text = text_of(value)
    if _STYLE_VALUE.fullmatch(text) is None:
        raise TemplateRuntimeError(f"{text[:40]!r} is no value for a style: letters, digits, spaces and # % . , - only")
    return text


def loop(run: Run, value: Any, /, weight: int) -> Any:
    """What a `for` goes over; pays for all its turns."""
    if isinstance(value, Undefined):
        raise TemplateRuntimeError(f"{value._undefined_name} is missing")
    if value is None:
        raise TemplateRuntimeError("a loop over null")
    if isinstance(value, LoopContext):
        # Its items are those of the loop around this one, which would end early.
        raise TemplateRuntimeError("loop is no list: use its fields")
    if not hasattr(value, "__len__"):
        value = listing.items_of(value)
    run.spend(len(value) * weight + 1)
    return value


def capture(run: Run, value: Any, /) -> Any:
    """A value that becomes part of a captured text."""
    run.spend(len(value) if isinstance(value, str) else 1)
    return value


def key(run: Run, value: Any, /) -> Any:
    """What a table may be asked by."""
    if not isinstance(value, (str, int, Undefined)):
        raise TemplateRuntimeError("only text and whole numbers can be keys")
    return value


def json_value(run: Run, value: Any, /) -> str:
    """A value in a JSON document, outside of quotes."""
    return str(value) if isinstance(value, Markup) else str(tojson(run, value))


def json_text(run: Run, value: Any, /) -> str:
    """A value inside the quotes of a JSON document."""
    return str(tojson(run, text_of(value)))[1:-1]


_PUBLIC: dict[str, Filter] = {
    "abs": lambda run, value, /: abs(decimal(value)),
    "batch": listing.batch,
    "capitalize": wording.method("capitalize"),
    "count": length,
    "d": default,
    "date": formats.date_,
    "datetime": formats.datetime_,
    "days_until": formats.days_until,
    "decimal": lambda run, value, /: decimal(value),
    "default": default,
    "dictsort": listing.dictsort,
    "e": wording.escape_,
    "escape": wording.escape_,
    "first": listing.first,
    "float": to_float,
    "groupby": listing.groupby,
    "indent": wording.indent,
    "int": to_int,
    "items": lambda run, value, /: list(value.items()) if isinstance(value, Mapping) else [],
    "join": listing.join,
    "last": listing.last,
    "length": length,
    "list": lambda run, value, /: listing.items_of(value),
    "lower": wording.method("lower"),
    "map": map_,
    "max": lambda run, value, /, attribute=None: listing.extreme(run, value, attribute, max),
    "min": lambda run, value, /, attribute=None: listing.extreme(run, value, attribute, min),
    "money": formats.money,
    "nl2br": wording.nl2br,
    "number": formats.number,
    "percent": formats.percent,
    "reject": lambda run, value, /, test=None, *args: listing.choose(run, value, None, test, args, False),
    "rejectattr": lambda run, value, /, attr, test=None, *args: listing.choose(run, value, attr, test, args, False),
    "replace": wording.replace,
    "reverse": lambda run, value, /: value[::-1] if isinstance(value, str) else listing.items_of(value)[::-1],
    "round": round_,
    "select": lambda run, value, /, test=None, *args: listing.choose(run, value, None, test, args, True),
    "selectattr": lambda run, value, /, attr, test=None, *args: listing.choose(run, value, attr, test, args, True),
    "sort": listing.sort,
    "string": lambda run, value, /: wording.soft(value),
    "striptags": wording.striptags,
    "sum": listing.sum_,
    "time": formats.time_,
    "title": wording.method("title"),
    "tojson": tojson,
    "trim": lambda run, value, /, chars=None: wording.soft(value).strip(chars),
    "truncate": wording.truncate,
    "unique": listing.unique,
    "upper": wording.method("upper"),
    "urlencode": wording.urlencode,
    "wordcount": lambda run, value, /: len(text_of(value).split()),
    "wordwrap": wording.wordwrap,
}

#: All filters by name.
FILTERS: dict[str, Filter] = {name: metered(name, function) for name, function in _PUBLIC.items()}
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
    _images=guarded_images,
    _pixel=pixel,
    _quoted=quoted,
    _css=css,
)
