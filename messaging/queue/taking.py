"""What a worker takes from the broker: wake-ups as they are published here, and nothing else.

Celery believes what a task says of itself: when it is due, how long it may take before its process is killed, what is
to be run behind it. And it ends at what it cannot read, gives that back to the broker, and ends at it again. So each is
looked at before Celery does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from celery.worker.consumer import Consumer
from kombu.utils.uuid import uuid

from messaging.nouns.work import Work

log = logging.getLogger("messaging.worker")

#: The one task there is: `messaging.work(kind, channel)`.
TASK = "messaging.work"
#: How long a broker that is away is left alone at most, in seconds: when it is back, messages have waited long enough.
PAUSE = 5.0


class Taking(Consumer):  # type: ignore[misc] # Celery is typed in part
    """Celery's consumer, behind a door: it hears nothing of other workers, tells them nothing, and takes no orders."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # Whoever can write to the broker could speak as a worker, too.
        alone = dict.fromkeys(("without_gossip", "without_mingle", "without_heartbeat"), True)
        super().__init__(*args, **{**options, **alone, "task_events": False})

    def ensure_connected(self, conn: Any) -> Any:
        # Celery's own pauses grow to half a minute, and it takes no others.
        conn.ensure_connection = partial(
            conn.ensure_connection, interval_start=1.0, interval_step=1.0, interval_max=PAUSE
        )
        return super().ensure_connected(conn)

    def create_task_handler(self, *args: Any, **options: Any) -> Callable[[Any], object]:
        take = super().create_task_handler(*args, **options)

        def look(message: Any) -> None:
            if is_wake_up(message, self.app.works):
                # Nothing else of what it says of itself goes on.
                message.headers = {"lang": "py", "task": TASK, "id": uuid()}
                take(message)
            else:
                log.error("a task that is none of ours was left undone")
                message.reject_log_error(log, self.connection_errors)

        return look


def is_wake_up(message: Any, works: Collection[Work]) -> bool:
    """Whether it wakes for one of `works`, and says no more than that."""
    try:
        args, kwargs, then = message.payload
        return (
            message.headers["task"] == TASK
            and kwargs in [{"kind": work.kind.value, "channel": work.channel} for work in works]
            and not args
            and not any(then.values())
        )
    except Exception:  # whatever somebody made of it
        return False
