"""What a hook must be, and what it must answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from pydantic import BaseModel

from messaging.answers import MOST, Wrong, listed, not_async, nothing, shown, text
from messaging.answers.adapters import capabilities
from messaging.ids import is_name
from messaging.nouns.adapter import Adapter, AdapterSettings
from messaging.nouns.decision import Decision, Deny, NotBefore
from messaging.nouns.source import EventSource, SourceSettings

#: Hooks that are asked for a list, so that one that yields answers, too.
_LISTS = ("register_adapters", "register_event_sources", "register_context_names", "check_messages")


def hook(name: str, function: Callable[..., Any]) -> None:
    """What implements a hook: a function that has done its work when it returns."""
    not_async(name, function)
    if name not in _LISTS and inspect.isgeneratorfunction(function):
        raise Wrong(f"{name} yields, so nothing of it would run: write it without yield")


def adapters(answer: Iterable[Any]) -> dict[str, type[Adapter]]:
    """Adapter classes by name."""
    found: dict[str, type[Adapter]] = _classes("register_adapters", answer, Adapter, AdapterSettings)
    for adapter in found.values():
        channel = getattr(adapter, "channel", None)
        if not isinstance(channel, str) or not is_name(channel):
            raise Wrong(f"{adapter.__name__}.channel must be a word like email, sms, webhook")
        if capabilities(adapter.__name__, adapter.capabilities).callbacks and adapter.callback is Adapter.callback:
            raise Wrong(f"{adapter.__name__} declares callbacks and has no method callback")
    return found


def sources(answer: Iterable[Any]) -> dict[str, type[EventSource]]:
    """Event-source classes by name."""
    return _classes("register_event_sources", answer, EventSource, SourceSettings)


def _classes(hook: str, answer: Iterable[Any], base: type, settings: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in listed(hook, answer):
        if not (isinstance(each, type) and issubclass(each, base)):
            raise Wrong(f"{hook} returned {shown(each)}, which is no subclass of messaging.{base.__name__}")
        name = getattr(each, "name", None)
        if not isinstance(name, str) or not is_name(name):
            raise Wrong(f"{each.__name__}.name must be lower-case letters, digits, - and _")
        lacking = sorted(method for method in _required(base, each) if not _is_written(each, method))
        if lacking:
            raise Wrong(f"{each.__name__} is not finished: it has no method {', '.join(lacking)}")
        for method, function in inspect.getmembers(each, callable):
            if method in vars(base):
                not_async(f"{each.__name__}.{method}", function)
        model = getattr(each, "Settings", None)
        if not (isinstance(model, type) and issubclass(model, settings)):
            raise Wrong(f"{each.__name__}.Settings is no subclass of messaging.{settings.__name__}")
        if name in found:
            raise Wrong(f"{hook} returned two classes with the name {name!r}")
        found[name] = each
    return found


def _required(*classes: type) -> set[str]:
    return {method for each in classes for method in getattr(each, "__abstractmethods__", ())}


def _is_written(each: type, method: str) -> bool:
    function = getattr(each, method, None)
    return callable(function) and not getattr(function, "__isabstractmethod__", False)


def model(answer: Any) -> type[BaseModel]:
    """The model of a plugin's settings."""
    if not (isinstance(answer, type) and issubclass(answer, BaseModel)):
        raise Wrong(f"register_settings returned {shown(answer)}, which is no pydantic model")
    return answer


def filters(answer: Mapping[Any, Any]) -> dict[str, Any]:
    """Template filters by name."""
    found = dict(listed("register_filters", dict(answer).items()))
    for name, function in found.items():
        if not isinstance(name, str) or not name.isidentifier() or not callable(function):
            raise Wrong(f"register_filters returned {shown(name)}: {shown(function)}, which is no function by name")
        not_async(f"filter {name}", function)
    return found


def commands(group: click.Group, answer: object) -> dict[str, click.Command]:
    """What was added to a group, by name."""
    nothing("register_commands", answer)
    found = dict(listed("register_commands", dict(group.commands).items()))
    for name, command in found.items():
        if not isinstance(name, str) or not isinstance(command, click.Command):
            raise Wrong(f"register_commands added {shown(name)}: {shown(command)}, which is no click.Command by name")
    return found


def added(
    tables: Mapping[str, Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]], answer: object
) -> dict[str, dict[str, Any]]:
    """What was added to a Jinja2 environment's filters, tests and functions (or other globals), or replaced."""
    nothing("prepare_environment", answer)
    return {kind: _added(kind, table, before[kind]) for kind, table in tables.items()}


def _added(kind: str, table: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in table.items() if value is not before.get(name)}
    for name, value in found.items():
        if not isinstance(name, str) or not (callable(value) or kind == "function"):
            raise Wrong(f"prepare_environment added the {kind} {shown(name)}: {shown(value)}, which is no function")
        not_async(f"{kind} {name}", value)
    return found


def paths(answer: Iterable[Any]) -> list[str]:
    """Names in the context."""
    found = listed("register_context_names", answer)
    for path in found:
        if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")):
            raise Wrong(f"register_context_names returned {shown(path)}, which is no path like weather.today")
    return found


def decisions(answer: Iterable[Any] | None, ids: Collection[str]) -> list[Decision]:
    """What a check decided about the messages with these ids."""
    return [_decision(each, ids) for each in listed("check_messages", answer or (), MOST * (len(ids) + 1))]


def _decision(each: Any, ids: Collection[str]) -> Decision:
    said = f"check_messages answered {shown(each)}"
    if not isinstance(each, Deny | NotBefore) or each.message_id not in ids:
        raise Wrong(f"{said}: not Deny or NotBefore for one of its messages")
    if not isinstance(each.reason, str):
        raise Wrong(f"{said}: its reason is no text")
    reason = text(each.reason) or ""
    if isinstance(each, Deny):
        return Deny(message_id=each.message_id, reason=reason)
    if not isinstance(each.time, datetime) or each.time.tzinfo is None:
        raise Wrong(f"{said}: its time is none, or has no zone")
    try:
        return NotBefore(message_id=each.message_id, time=each.time.astimezone(UTC), reason=reason)
    except (OverflowError, ValueError):
        raise Wrong(f"{said}: its time is out of all bounds") from None
