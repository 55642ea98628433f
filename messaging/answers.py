"""What plugins answer to hooks, looked at before anybody relies on it. Runs where the plugin runs: it may hang too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pydantic import BaseModel

from messaging.ids import is_name
from messaging.nouns.adapter import Adapter, AdapterSettings, Capabilities
from messaging.nouns.decision import Decision, Deny, NotBefore
from messaging.nouns.source import EventSource, SourceSettings

#: Answers that a hook may give, at most; a check so many for each message. Some make them without end.
MOST = 1000
#: Characters of an odd answer that are shown.
_SHOWN = 200


class Wrong(Exception):
    """An answer is not what the hook asks for; said for its author."""


def _listed(hook: str, answer: Iterable[Any], most: int = MOST) -> list[Any]:
    found = list(islice(answer, most + 1))
    if len(found) > most:
        raise Wrong(f"{hook} answers without end, or with more than {most:,}")
    return found


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def adapters(answer: Iterable[Any]) -> dict[str, type[Adapter]]:
    """Adapter classes by name."""
    found: dict[str, type[Adapter]] = _classes("register_adapters", answer, Adapter, AdapterSettings)
    for adapter in found.values():
        channel = getattr(adapter, "channel", None)
        if not isinstance(channel, str) or not is_name(channel):
            raise Wrong(f"{adapter.__name__}.channel must be a word like email, sms, webhook")
        if not isinstance(adapter.capabilities, Capabilities):
            raise Wrong(f"{adapter.__name__}.capabilities is {_shown(adapter.capabilities)}, no messaging.Capabilities")
        if adapter.capabilities.callbacks and adapter.callback is Adapter.callback:
            raise Wrong(f"{adapter.__name__} declares callbacks and has no method callback")
    return found


def sources(answer: Iterable[Any]) -> dict[str, type[EventSource]]:
    """Event-source classes by name."""
    return _classes("register_event_sources", answer, EventSource, SourceSettings)


def _classes(hook: str, answer: Iterable[Any], base: type, settings: type[BaseModel]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in _listed(hook, answer):
        if not (isinstance(each, type) and issubclass(each, base)):
            raise Wrong(f"{hook} returned {_shown(each)}, which is no subclass of messaging.{base.__name__}")
        name = getattr(each, "name", None)
        if not isinstance(name, str) or not is_name(name):
            raise Wrong(f"{each.__name__}.name must be lower-case letters, digits, - and _")
        lacking = sorted(method for method in _required(base, each) if not _is_written(each, method))
        if lacking:
            raise Wrong(f"{each.__name__} is not finished: it has no method {', '.join(lacking)}")
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
        raise Wrong(f"register_settings returned {_shown(answer)}, which is no pydantic model")
    return answer


def filters(answer: Mapping[Any, Any]) -> dict[str, Any]:
    """Template filters by name."""
    found = dict(_listed("register_filters", dict(answer).items()))
    for name, function in found.items():
        if not isinstance(name, str) or not name.isidentifier() or not callable(function):
            raise Wrong(f"register_filters returned {_shown(name)}: {_shown(function)}, which is no function by name")
    return found


def paths(answer: Iterable[Any]) -> list[str]:
    """Names in the context."""
    found = _listed("register_context_names", answer)
    for path in found:
        if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")):
            raise Wrong(f"register_context_names returned {_shown(path)}, which is no path like weather.today")
    return found


def decisions(answer: Iterable[Any] | None, ids: Collection[str]) -> list[Decision]:
    """What a check decided about the messages with these ids."""
    return [_decision(each, ids) for each in _listed("check_messages", answer or (), MOST * (len(ids) + 1))]


def _decision(each: Any, ids: Collection[str]) -> Decision:
    said = f"check_messages answered {_shown(each)}"
    if not isinstance(each, Deny | NotBefore) or each.message_id not in ids:
        raise Wrong(f"{said}: not Deny or NotBefore for one of its messages")
    if not isinstance(each.reason, str):
        raise Wrong(f"{said}: its reason is no text")
    if isinstance(each, Deny):
        return each
    if not isinstance(each.time, datetime) or each.time.tzinfo is None:
        raise Wrong(f"{said}: its time is none, or has no zone")
    try:
        return NotBefore(message_id=each.message_id, time=each.time.astimezone(UTC), reason=each.reason)
    except (OverflowError, ValueError):
        raise Wrong(f"{said}: its time is out of all bounds") from None
