"""`messaging store`: where everything is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from messaging.cli.common import json_option, pass_app, print_json, print_table, say
from messaging.stores.opening import upgrade_store

if TYPE_CHECKING:
    from messaging.app import Messaging


@click.group()
def store() -> None:
    """Where everything is kept."""


@store.command()
@json_option
@pass_app
def status(app: Messaging, as_json: bool) -> None:
    """Show where it is, how much is in it, and whether it is sound."""
    health = app.store.health()
    if as_json:
        print_json(health)
    else:
        print_table(("", ""), list(health.items()))


@store.command()
@pass_app
def compact(app: Messaging) -> None:
    """Give back the space of what was replaced."""
    before = app.store.health().get("bytes", 0)
    app.store.compact()
    say(f"From {before:,} to {app.store.health().get('bytes', 0):,} bytes.")


@store.command()
@pass_app
def upgrade(app: Messaging) -> None:
    """Bring a database's tables to what this release wants.

    What is there already is left as it is.
    """
    upgrade_store(app.settings.store.url)
    say("The database has what this release wants.")
