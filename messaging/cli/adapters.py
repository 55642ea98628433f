"""`messaging adapters`: who delivers, and who rests because its provider takes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from messaging.cli.common import json_option, pass_app, print_json, print_table, say

if TYPE_CHECKING:
    from messaging.app import Messaging


@click.group()
def adapters() -> None:
    """What delivers on which channel, and how it does."""


@adapters.command("list")
@json_option
@pass_app
def list_(app: Messaging, as_json: bool) -> None:
    """List adapters: what each is used for, and whether it rests."""
    from messaging.services.resting import told

    known, now = app.rests.all(), app.clock.now()
    used: dict[str, list[str]] = {}
    for channel in app.channels():
        used.setdefault(app.settings.adapter_for(channel) or "", []).append(channel)
    found = sorted(app.plugins.adapters().items())
    if as_json:
        print_json(
            [
                {
                    "adapter": name,
                    "channel": adapter.channel,
                    "used": adapter.channel in used.get(name, ()),
                    "rest": known[name].to_document() if name in known else None,
                }
                for name, adapter in found
            ]
        )
        return
    print_table(
        ("adapter", "channel", "used", "how it does"),
        [
            (
                name,
                adapter.channel,
                "yes" if adapter.channel in used.get(name, ()) else "",
                told(name, known[name], now) if name in known else "well",
            )
            for name, adapter in found
        ],
        solid=("adapter",),
    )


@adapters.command()
@click.argument("name")
@pass_app
def resume(app: Messaging, name: str) -> None:
    """End the rest of adapter NAME: what is due goes out at once."""
    app.plugins.adapter(name)
    rest = app.rests.forget(name)
    if rest is None or rest.until is None:
        say(f"{name} does not rest.")
    else:
        say(f"{name} rests no more; it rested since {rest.since:%Y-%m-%d %H:%M} UTC: {rest.reason}")
