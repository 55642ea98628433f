"""`messaging config`: the settings in force."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

import click
from pydantic import BaseModel

from messaging.cli.common import json_option, pass_app, print_json, print_table
from messaging.rules.timing import duration_text
from messaging.rules.urls import without_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from messaging.app import Messaging

_HIDDEN = "******"


@click.group()
def config() -> None:
    """The settings in force."""


@config.command()
@json_option
@pass_app
def show(app: Messaging, as_json: bool) -> None:
    """Show every setting, its value and its environment name. Secrets are masked."""
    values = app.settings.model_dump(by_alias=True, round_trip=True)
    rows = []
    for path, value in _flat(values):
        shown = value if value is None or _is_open(app, path) else _HIDDEN
        if path == ("store", "url"):
            shown = without_secret(value)
        rows.append((".".join(path), "MESSAGING__" + "__".join(part.upper() for part in path), shown))
    if as_json:
        print_json([{"setting": name, "environment": variable, "value": value} for name, variable, value in rows])
    else:
        told = [(*names, str(value).lower() if isinstance(value, bool) else value) for *names, value in rows]
        print_table(("setting", "environment", "value"), told)


def _flat(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        return [row for key, inner in value.items() for row in _flat(inner, (*path, key))]
    if isinstance(value, timedelta):
        return [(path, duration_text(value))]
    return [(path, list(value) if isinstance(value, tuple) else value)]


def _is_open(app: Messaging, path: tuple[str, ...]) -> bool:
    """Whether a setting may be shown: whoever it belongs to declares it, and not as a secret."""
    plugins = app.plugins
    match path:
        case ("adapters", name, *field) if name in plugins.adapters():
            return _declared_open(plugins.adapters()[name].Settings, field)
        case ("sources", name, _, *field) if name in plugins.sources():
            return _declared_open(plugins.sources()[name].Settings, field)
        case ("plugins", name, field, *more):
            model = next((plugin.settings for plugin in plugins.found if plugin.name == name), None)
            return model is not None and _declared_open(model, [field, *more])
        case ("adapters" | "sources", *_):
            return False
    return _declared_open(type(app.settings), path)


def _declared_open(model: type[BaseModel], path: Sequence[str]) -> bool:
    """Whether `model` has the field that `path` begins with, as it is written in the file, and no secret in it."""
    for name, info in model.model_fields.items():
        if path and path[0] == (info.alias or name):
            kind = info.annotation
            if isinstance(kind, type) and issubclass(kind, BaseModel) and path[1:]:
                return _declared_open(kind, path[1:])
            return not _holds_secret(kind)
    return False


def _holds_secret(kind: Any, within: tuple[type, ...] = ()) -> bool:
    """Whether a value of that type may have a secret in it, however deep."""
    if kind in within:
        return False  # a model of models like it
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return any(_holds_secret(info.annotation, (*within, kind)) for info in kind.model_fields.values())
    return "Secret" in str(kind) or any(_holds_secret(part, within) for part in get_args(kind))
