"""Who looks at the clock on the wall, of those who are told the time: seen in the act."""

from __future__ import annotations

import datetime as dates
import dis
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any

from messaging.testing.contract.bench import fault

#: What tells the time of day.
_FUNCTIONS = ("time", "time_ns", "localtime", "gmtime", "ctime", "strftime")


def modules_of(*things: object) -> list[ModuleType]:
    """The modules that these are written in, with all of their packages."""
    names = {thing.__name__ if isinstance(thing, ModuleType) else _class(thing).__module__ for thing in things}
    own = [module for module in list(sys.modules.values()) if getattr(module, "__name__", None) in names]
    packages = tuple(f"{package}." for module in own if (package := module.__package__))
    return [
        module
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType) and (module in own or (packages and name.startswith(packages)))
    ]


def _class(thing: object) -> type:
    return thing if isinstance(thing, type) else type(thing)


@contextmanager
def no_clock(modules: list[ModuleType], instead: str) -> Iterator[None]:
    """Fail if code of `modules` asks meanwhile what time it is; `instead` says where it is told."""
    names = {module.__name__ for module in modules}
    asked: list[str] = []

    def note(what: str) -> None:
        frame = sys._getframe(2)
        if frame.f_globals.get("__name__") in names:
            asked.append(f"{what} (line {frame.f_lineno} of {frame.f_globals['__name__']})")

    spies = _spies(note)
    places = [
        (module, name, spy) for module in (dates, time) for name, real, spy in spies if vars(module).get(name) is real
    ]
    places += [
        (module, name, spy)
        for module in modules
        for name, value in list(vars(module).items())
        for _, real, spy in spies
        if value is real
    ]
    before = [(module, name, vars(module)[name]) for module, name, _ in places]
    try:
        for module, name, spy in places:
            setattr(module, name, spy)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
    if asked:
        fault(f"it asks the clock on the wall: {asked[0]}", instead)


def _spies(note: Callable[[str], None]) -> list[tuple[str, object, object]]:
    """Stand-ins for what tells the time: name, the real one, one that is noted."""

    def spy(name: str) -> Callable[..., Any]:
        real = getattr(time, name)

        def call(*args: Any) -> Any:
            note(f"time.{name}()")
            return real(*args)

        return call

    class AnyDate(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, cls.__mro__[1])

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, cls.__mro__[1])

    class Datetime(dates.datetime, metaclass=AnyDate):
        @classmethod
        def now(cls, tz: dates.tzinfo | None = None) -> Any:
            note("datetime.now()")
            return _datetime.now(tz)

        @classmethod
        def utcnow(cls) -> Any:
            note("datetime.utcnow()")
            return _datetime.now(dates.UTC).replace(tzinfo=None)

        @classmethod
        def today(cls) -> Any:
            note("datetime.today()")
            return _datetime.now()

    class Date(dates.date, metaclass=AnyDate):
        @classmethod
        def today(cls) -> Any:
            note("date.today()")
            return _date.today()

    found: list[tuple[str, object, object]] = [(name, getattr(time, name), spy(name)) for name in _FUNCTIONS]
    return [*found, ("datetime", _datetime, Datetime), ("date", _date, Date)]


_datetime, _date = dates.datetime, dates.date


def check_hash(modules: list[ModuleType]) -> None:
    """Fail if their code calls `hash`, which for texts is another one in each process."""
    for module in modules:
        for value in list(vars(module).values()):
            for function in _functions(value, module):
                if function.__name__ != "__hash__" and "hash" not in vars(module) and _calls_hash(function.__code__):
                    fault(
                        f"{module.__name__}.{function.__qualname__} calls hash(), which is another in each process",
                        "take hashlib: hashlib.sha256(text.encode()).digest()",
                    )


def _functions(value: object, module: ModuleType) -> Iterator[FunctionType]:
    inside = list(vars(value).values()) if isinstance(value, type) and value.__module__ == module.__name__ else [value]
    for each in inside:
        function = getattr(each, "__func__", each)
        if isinstance(function, FunctionType) and function.__module__ == module.__name__:
            yield function


def _calls_hash(code: CodeType) -> bool:
    return any(each.opname == "LOAD_GLOBAL" and each.argval == "hash" for each in dis.get_instructions(code)) or any(
        _calls_hash(inner) for inner in code.co_consts if isinstance(inner, CodeType)
    )
