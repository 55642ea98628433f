"""`messaging config`: the settings in force."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import json_option, pass_app, print_json, print_table
from messaging.rules.timing import duration_text

if TYPE_CHECKING:
    from messaging.app import Messaging


@click.group()
def config() -> None:
    """The settings in force."""


@config.command()
@json_option
@pass_app
def show(app: Messaging, as_json: bool) -> None:
    """Show every setting, its value and its environment name. Secrets are masked."""
    values = app.settings.model_dump(by_alias=True, round_trip=True)
    secret = _secret_fields(app)
    rows = []
    for path, value in _flat(values):
        shown = "******" if path[:1] == ("adapters",) and (len(path) < 3 or path[1:3] in secret) else value
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


def _secret_fields(app: Messaging) -> set[tuple[str, ...]]:
    """(adapter, field) of what must not be shown: all that its adapter does not declare as open."""
    adapters = app.plugins.adapters()
    hidden: set[tuple[str, ...]] = set()
    for name, table in app.settings.adapters.items():
        for field in table:
            info = adapters[name].Settings.model_fields.get(field) if name in adapters else None
            if info is None or "Secret" in str(info.annotation):
                hidden.add((name, field))
    return hidden
