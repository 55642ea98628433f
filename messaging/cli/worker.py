"""`messaging worker`: the processes that send what is due, where Celery is the queue."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from messaging.cli.common import pass_app, say
from messaging.errors import QueueError, SettingsError

if TYPE_CHECKING:
    from messaging.app import Messaging

LANES = ("orders", "events", "campaigns")


@click.command()
@click.option("--lane", "lanes", type=click.Choice(LANES), multiple=True, help="Send only these; all unless you say.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    help="Processes that send campaigns; as many as there are processors unless you say.",
)
@pass_app
def worker(app: Messaging, lanes: tuple[str, ...], concurrency: int | None) -> None:
    """Send what is due, until stopped; order messages by a process of their own."""
    from messaging.cli.supervising import Supervisor, parts

    if not app.queue.workers:
        raise SettingsError(
            '[queue] use = "inline": there are no workers',
            hint='set [queue] use = "celery" and its url, or let messaging serve send',
        )
    app.store.health()
    try:
        app.queue.check()
    except QueueError as error:
        say(f"Note: {error}.")
    wanted = parts(lanes or LANES, app.channels(), concurrency or os.cpu_count() or 1)
    told = [f"{part.name} by {part.processes} process{'es' if part.processes > 1 else ''}" for part in wanted]
    say(f"Sending {', '.join(told)}. Ctrl-C stops when what is under way is through.")
    # Whoever is given up on has had all the time that a hand-over may take.
    patience = app.settings.sending.timeout.total_seconds() + 15.0
    Supervisor(app.queue, app.workspace.root, wanted, prefix=app.settings.queue.prefix, patience=patience).run()
