"""Opens the queue that a workspace's settings name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from messaging.errors import SettingsError
from messaging.queue.base import Queue
from messaging.queue.inline import InlineQueue

#: The extra that workers need.
SCALE = '"customer-messaging[scale]"'


def open_queue(use: str, url: str | None, *, prefix: str | None, channels: Sequence[str], store_url: str) -> Queue:
    """The queue: `inline`, or `celery` over the broker at `url`; its queues' names begin with `prefix`.

    Where none is given, they are named after the store: two workspaces that share a broker would take each other's
    wake-ups, and find nothing due.

    Raises:
        SettingsError: workers cannot work like that, no broker can be reached by that url, or what they need is not
            installed.
    """
    if use == "inline":
        return InlineQueue()
    if not store_url.startswith("postgresql:"):
        raise SettingsError(
            '[queue] use = "celery": workers need the store on PostgreSQL',
            hint='set [store] url = "postgresql://…", or [queue] use = "inline"',
        )
    if url is None:
        raise SettingsError(
            '[queue] use = "celery": there is no broker',
            hint='set [queue] url = "redis://…" or "amqp://…" (or MESSAGING__QUEUE__URL)',
        )
    try:
        from messaging.queue.brokered import CeleryQueue
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("celery", "kombu", "redis"):
            raise
        raise SettingsError(
            '[queue] use = "celery": workers need what is not installed', hint=f"pip install {SCALE}"
        ) from None
    return CeleryQueue(url, prefix=prefix or _named_after(store_url), channels=channels)


def _named_after(store_url: str) -> str:
    """A prefix of the database's name and its schema's: hosts are called this here and that there."""
    from messaging.stores.postgres.address import read_address

    place = read_address(store_url)
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{place.url.database}-{place.schema}")[:60]
