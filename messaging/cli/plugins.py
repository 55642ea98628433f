"""`messaging plugins`: what is installed, and whether it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from messaging.cli.common import json_option, pass_app, print_json, print_table, say

if TYPE_CHECKING:
    from messaging.app import Messaging


@click.group()
def plugins() -> None:
    """What is installed, and whether it works."""


@plugins.command("list")
@json_option
@pass_app
def list_(app: Messaging, as_json: bool) -> None:
    """List plugins with their adapters; those that could not be loaded, with the reason."""
    found = app.plugins.found
    if as_json:
        print_json(
            [
                {
                    "name": plugin.name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "hooks": plugin.hooks,
                    "adapters": [
                        {
                            "name": name,
                            "channel": adapter.channel,
                            "batch_size": adapter.capabilities.batch_size,
                            "idempotency_key": adapter.capabilities.idempotency_key,
                            "lookup": adapter.capabilities.lookup,
                        }
                        for name, adapter in plugin.adapters.items()
                    ],
                    "fault": str(plugin.fault) if plugin.fault else None,
                }
                for plugin in found
            ]
        )
        return
    print_table(
        ("plugin", "from", "version", "adapters", "state"),
        [
            (
                plugin.name,
                plugin.distribution,
                plugin.version,
                ", ".join(f"{name} ({adapter.channel})" for name, adapter in plugin.adapters.items()),
                "left out" if plugin.fault else "works",
            )
            for plugin in found
        ],
    )
    for plugin in found:
        if plugin.fault:
            say(str(plugin.fault))
