"""The sandbox: Jinja2 with plain values only, an allow-list of methods, strict about what is missing.

Two of them exist: one for HTML, one for everything else. `guard` puts the counting into each template before
it is compiled; here is what it counts with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from jinja2 import TemplateRuntimeError, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment, safe_range
from jinja2.utils import Namespace
from markupsafe import Markup, escape

try:
    from markupsafe import _speedups
except ImportError:  # built without a C compiler
    from markupsafe import _native as _speedups  # type: ignore[no-redef] # the same in Python

from messaging.rendering.filters import FILTERS, plugin_filter
from messaging.rendering.operators import decimal, operate
from messaging.rendering.run import Run, text_of

#: Escapes without making a Markup of every value: they are joined at once.
_escape: Callable[[str], str] = getattr(_speedups, "_escape_inner", None) or (lambda value: str(escape(value)))

#: The name under which compiled templates find their `Run`. Templates cannot write it: names with `_` are
#: refused.
RUN = "_s"

_TEXT_METHODS = frozenset(
    [
        "capitalize",
        "casefold",
        "count",
        "endswith",
        "find",
        "isalnum",
        "isalpha",
        "isdigit",
        "isnumeric",
        "isspace",
        "lower",
        "lstrip",
        "partition",
        "removeprefix",
        "removesuffix",
        "rfind",
        "rpartition",
        "rsplit",
        "rstrip",
        "split",
        "splitlines",
        "startswith",
        "strip",
        "swapcase",
        "title",
        "upper",
    ]
)
_LOOP_FIELDS = frozenset(
    [
        "index",
        "index0",
        "revindex",
        "revindex0",
        "first",
        "last",
        "length",
        "depth",
        "depth0",
        "previtem",
        "nextitem",
        "cycle",
        "changed",
    ]
)
#: What templates may ask of a value beside the fields it has.
_METHODS: dict[type, frozenset[str]] = {
    str: _TEXT_METHODS,
    Markup: _TEXT_METHODS,
    # `items`, `keys` and `values` are what shops call fields: no method may stand in when such a field is
    # missing.
    dict: frozenset(("get",)),
    list: frozenset(("count", "index")),
    tuple: frozenset(("count", "index")),
    date: frozenset(("year", "month", "day", "isoformat", "weekday", "isoweekday")),
    datetime: frozenset(
        ("year", "month", "day", "hour", "minute", "second", "date", "isoformat", "weekday", "isoweekday")
    ),
    timedelta: frozenset(("days", "seconds", "total_seconds")),
    LoopContext: _LOOP_FIELDS,
}

TESTS = [
    "boolean",
    "defined",
    "divisibleby",
    "even",
    "false",
    "float",
    "integer",
    "iterable",
    "mapping",
    "none",
    "number",
    "odd",
    "sequence",
    "string",
    "true",
    "undefined",
]
#: Of numbers alone: Jinja2's own would format a text with `%`, to any width.
NUMBER_TESTS: dict[str, Callable[..., bool]] = {
    "divisibleby": lambda value, by: decimal(value) % decimal(by) == 0,
    "even": lambda value: decimal(value) % 2 == 0,
    "odd": lambda value: abs(decimal(value) % 2) == 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """What plugins add for templates, by name: enough to prepare and check one without running them."""

    filters: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    #: Values of the context and functions, by name or dotted path.
    names: tuple[str, ...] = ()


NOTHING = Additions()


#: The most products that a message recommends.
MOST_RECOMMENDED = 12


class Recommended(list[Any]):
    """Products to show: all of them, `{% for product in recommended %}`, or so many, `recommended(4)`."""

    def __call__(self, count: Any = 4) -> list[Any]:
        if type(count) is not int or not 0 <= count <= MOST_RECOMMENDED:
            raise TemplateRuntimeError(f"recommended: how many must be a number up to {MOST_RECOMMENDED}")
        return self[:count]


class Missing(Undefined):
    """What is not there. It can be tested (`if`, `is defined`, `default`), and every comparison with it is
    false, as in segments; showing it, looping over it, or computing with it is an error that names it.
    """

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return f"{self._undefined_name} is missing"

    def _false(self, other: Any) -> Any:
        return False

    def _fail(self, *args: Any) -> Any:
        return self._fail_with_undefined_error()

    __eq__ = __ne__ = __contains__ = _false
    __lt__ = __le__ = __gt__ = __ge__ = _false
    __str__ = __len__ = __iter__ = __hash__ = _fail


_GLOBALS: dict[str, Any] = {"range": safe_range, "dict": dict, "namespace": Namespace}


class _Code(CodeGenerator):
    """Writes `show(value)` where Jinja2 writes `escape(value)` or `str(value)`."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write("show(")


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment that templates are compiled and rendered in."""

    code_generator_class = _Code
    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(
        self,
        *,
        html: bool,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        prepare: Callable[[Sandbox], None] | None = None,
    ) -> None:
        super().__init__(autoescape=html, undefined=Missing, keep_trailing_newline=True, cache_size=0)
        self.globals = dict(_GLOBALS)
        self.filters = dict(FILTERS)
        for name, function in (filters or {}).items():
            self.filters.setdefault(name, plugin_filter(name, function))
        self.tests = {**{name: self.tests[name] for name in TESTS}, **NUMBER_TESTS}
        if prepare is not None:
            ours = {**vars(self), **{name: dict(getattr(self, name)) for name in ("filters", "tests", "globals")}}
            prepare(self)
            added = {name: getattr(self, name) for name in ("filters", "tests", "globals")}
            # A filter that was put in directly is wrapped like a registered one; ours stay, and so does all else.
            wrapped = {name: plugin_filter(name, function) for name, function in added["filters"].items()}
            vars(self).update(
                ours,
                filters={**wrapped, **ours["filters"]},
                tests={**added["tests"], **ours["tests"]},
                globals={**added["globals"], **ours["globals"]},
            )
        self._functions = {id(function) for function in self.globals.values() if callable(function)}
        #: What compiled templates call to write a value.
        self.show: Callable[[Any], str] = show_html if html else text_of

    def additions(self) -> Additions:
        """What plugins brought."""
        return Additions(
            filters=tuple(sorted(self.filters.keys() - FILTERS.keys())),
            tests=tuple(sorted(self.tests.keys() - set(TESTS))),
            names=tuple(sorted(self.globals.keys() - _GLOBALS.keys())),
        )

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: of a table its own field first, so that `order.items` are the items."""
        if type(obj) is dict:
            try:
                return obj[attribute]
            except KeyError:
                pass
        return self._attribute(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`."""
        if isinstance(obj, (Mapping, list, tuple, str)):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        if isinstance(argument, str):
            return self._attribute(obj, argument)
        return self.undefined(obj=obj, name=argument)

    def _attribute(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Undefined):
            return self.undefined(name=f"{obj._undefined_name}.{attribute}")
        if attribute in _METHODS.get(type(obj), ()):
            return getattr(obj, attribute)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, Namespace) and not attribute.startswith("_"):
            try:
                return getattr(obj, attribute)
            except AttributeError:
                pass
        return self.undefined(obj=obj, name=attribute)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """`obj(…)`: a function of the environment, or a method that `getattr` gave out."""
        run: Run = context.parent[RUN]
        if isinstance(obj, Undefined):
            raise TemplateRuntimeError(f"there is no function {obj._undefined_name}")
        owner = getattr(obj, "__self__", None)
        if id(obj) not in self._functions and type(owner) not in _METHODS and type(obj) is not Recommended:
            raise SecurityError(f"{type(obj).__name__} cannot be called")
        run.weigh(owner if type(owner) in _METHODS and not isinstance(owner, LoopContext) else None)
        for value in (*args, *kwargs.values()):
            run.weigh(value)
        made = super().call(context, obj, *args, **kwargs)
        return made if isinstance(made, Namespace) else run.bounded(run.weigh(made))

    def is_safe_callable(self, obj: Any) -> bool:
        """`call` has looked at it."""
        return True

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`left operator right`."""
        return operate(context.parent[RUN], operator, left, right)


def stand_in(additions: Additions, *, html: bool) -> Sandbox:
    """An environment that knows what plugins add, and has none of it."""
    sandbox = Sandbox(html=html, filters=dict.fromkeys(additions.filters, str))
    sandbox.tests = {**{name: lambda value, *args: True for name in additions.tests}, **sandbox.tests}
    return sandbox


def show_html(value: Any) -> str:
    """A value as it stands in HTML."""
    kind = type(value)
    if kind is Markup:
        return value  # type: ignore[no-any-return] # its kind was looked at
    return _escape(value if kind is str and len(value) < 10_000 else text_of(value))
