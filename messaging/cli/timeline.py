"""`messaging customers timeline`: what happened with one customer, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from messaging.cli.common import json_option, limit_option, pass_app, print_json, print_table, say, the_customer

if TYPE_CHECKING:
    from messaging.app import Messaging

#: Digits of an id in a table.
_SHOWN = 12


@click.command()
@click.argument("customer")
@limit_option
@json_option
@pass_app
def timeline(app: Messaging, customer: str, limit: int, as_json: bool) -> None:
    """Show what happened with a customer: events, messages, clicks, consent, in order of time."""
    from messaging.services.timeline import timeline as timeline_of

    app.recorder.drain()  # the last clicks may not be recorded yet
    found = the_customer(app, customer)
    entries = timeline_of(app.store, found, app.triggering.untold(found.id, now=app.clock.now()))
    shown = entries[-limit:] if limit else entries
    if as_json:
        print_json([entry.to_document() for entry in shown])
        return
    print_table(
        ("time", "kind", "what", "note", "id"),
        [(f"{one.at:%Y-%m-%d %H:%M}", one.kind, one.what, one.note, (one.id or "")[:_SHOWN]) for one in shown],
        least=("id",),
    )
    if len(shown) < len(entries):
        say(f"The last {limit} of {len(entries)}; --limit shows more, --limit 0 all.")
