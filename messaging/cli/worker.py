"""`messaging worker`: the processes that send what is due, where Celery is the queue."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from messaging.cli.common import pass_app, say
from messaging.errors import InputError, QueueError, SettingsError

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.cli.supervising import Part

LANES = ("orders", "events", "campaigns")
#: How long the broker may take to answer at the start, in seconds: more than a machine that is busy needs.
PATIENCE = 5.0


@click.command()
@click.option("--lane", "lanes", type=click.Choice(LANES), multiple=True, help="Send only these; all unless you say.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    help="Processes that send campaigns; as many as there are processors unless you say.",
)
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve /metrics of all these processes there.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Where that listens.")
@pass_app
def worker(
    app: Messaging, lanes: tuple[str, ...], concurrency: int | None, metrics_port: int | None, metrics_host: str
) -> None:
    """Send what is due, until stopped; order messages by a process of their own."""
    from messaging.logs import speak_alike

    speak_alike(app)
    _ = app.plugins  # a mistake in what is set for them is told here, and not by each process again and again
    if not app.queue.workers:
        raise SettingsError(
            '[queue] use = "inline": there are no workers',
            hint='set [queue] use = "celery" and its url, or let messaging serve send',
        )
    # Only now: it needs Celery, and what that takes is said by what is above.
    from messaging.cli.supervising import parts

    app.store.health()
    try:
        app.queue.check(PATIENCE)
    except QueueError as error:
        say(f"Note: {error}.")
    wanted = parts(lanes or LANES, app.channels(), concurrency or os.cpu_count() or 1)
    told = [f"{part.name} by {part.processes} process{'es' if part.processes > 1 else ''}" for part in wanted]
    say(f"Sending {', '.join(told)}. Ctrl-C stops when what is under way is through.")
    with serving(app, metrics_host, metrics_port) if metrics_port else nullcontext():
        _run(app, wanted)


@contextmanager
def serving(app: Messaging, host: str, port: int) -> Iterator[None]:
    """Serve the metrics of this process and those that it starts.

    Raises:
        InputError: the address cannot be listened on.
        SettingsError: prometheus-client is not installed.
    """
    from messaging.metrics import SHARED

    with TemporaryDirectory(prefix="messaging-metrics-") as folder:
        # Before anything is counted: where to is decided then. A folder that was shared before stays so.
        os.environ.setdefault(SHARED, folder)
        metrics = app.metrics
        from prometheus_client import start_http_server

        try:
            server, thread = start_http_server(port, host, metrics.registry)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"cannot listen on {host}, port {port}: {reason}", hint="choose another with --metrics-port"
            ) from None
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def _run(app: Messaging, wanted: Sequence[Part]) -> None:
    from messaging.cli.supervising import Supervisor
    from messaging.queue.brokered import CeleryQueue

    assert isinstance(app.queue, CeleryQueue)
    # Whoever is given up on has had all the time that a hand-over may take.
    patience = app.settings.sending.timeout.total_seconds() + 15.0
    Supervisor(app.queue, app.workspace.root, wanted, prefix=app.queue.prefix, patience=patience).run()
