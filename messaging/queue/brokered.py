"""Wakes workers by Celery. Needs the extra `scale`.

A queue for each work, with one wake-up waiting in it (two, if two publish at once): whoever takes it looks at the
store, so a second could not tell them more. So no queue grows, whatever is away, and a backlog on one channel keeps no
other waiting. Published is from a thread of its own, out of a set of what is to be told: nobody waits for a broker that
is slow or away.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import kombu
from celery import Celery
from celery.beat import ScheduleEntry, Scheduler

from messaging.nouns.work import Kind, Work, all_work
from messaging.patience import Call
from messaging.queue.address import read_broker
from messaging.queue.base import Queue
from messaging.queue.faults import told
from messaging.queue.taking import TASK

log = logging.getLogger("messaging.queue")

#: What is done again and again, by whoever keeps the time, and how often, in seconds.
EVERY = {Kind.SWEEP: 1.0, Kind.TIDY: 3600.0}
#: When it was done last, as far as a clock that was started just now knows.
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
#: How long connecting to the broker, and each answer of it, may take, in seconds.
PATIENCE = 2.0
#: How long one that is away is left alone, in seconds.
PAUSE = 1.0
#: How long the last wake-ups of a process may take to get away, in seconds.
ENDING = 2.0
#: RabbitMQ serves first who is more urgent; Redis in turn.
_URGENT = {Kind.ORDERS: 2, Kind.INTAKE: 2, Kind.CAMPAIGNS: 0}


def make_celery(url: str, *, prefix: str, channels: Sequence[str]) -> Celery:
    """The Celery app that both sides use: JSON only, no results, late acknowledgement, nothing that can be steered."""
    broker = read_broker(url)
    app = Celery("messaging", set_as_current=False, fixups=[])
    app.works = all_work(list(channels))  # for `Taking`
    app.conf.update(
        broker_url=broker.url,
        broker_use_ssl=broker.tls,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        # Whoever dies while they work leaves the wake-up to the next.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        task_create_missing_queues=False,
        task_default_queue=f"{prefix}.{Kind.SWEEP}",
        task_default_exchange="",
        task_queues=[queue_of(prefix, work) for work in app.works],
        task_default_delivery_mode="transient",
        task_publish_retry=False,
        # Of whoever can write to the broker nothing is run but wake-ups.
        worker_consumer="messaging.queue.taking:Taking",
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_timeout=PATIENCE,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        beat_scheduler="messaging.queue.brokered:Beat",
        beat_schedule={
            kind.value: {"task": TASK, "schedule": every, "kwargs": {"kind": kind.value}, "last_run_at": LONG_AGO}
            for kind, every in EVERY.items()
        },
    )
    return app


def queue_of(prefix: str, work: Work) -> kombu.Queue:
    """The queue that wake-ups for `work` wait in. What is in it need not outlive the broker."""
    name = f"{prefix}.{work.name}"
    return kombu.Queue(
        name,
        kombu.Exchange("", type="direct"),
        routing_key=name,
        durable=False,
        consumer_arguments={"x-priority": _URGENT.get(work.kind, 1)},
    )


class Beat(Scheduler):  # type: ignore[misc] # Celery is typed in part
    """Celery's clock, which keeps nothing in a file, and publishes as all do: nothing piles up where no worker is."""

    producer = None  # a connection of its own would be in nobody's use

    def apply_async(self, entry: ScheduleEntry, producer: Any = None, advance: bool = True, **_: Any) -> None:
        if advance:
            self.reserve(entry)
        self.app.wake(Work(Kind(entry.kwargs["kind"])))


class CeleryQueue(Queue):
    """Publishes wake-ups."""

    workers = True

    def __init__(self, url: str, *, prefix: str, channels: Sequence[str]) -> None:
        self.celery = make_celery(url, prefix=prefix, channels=channels)
        self.celery.wake = self.wake  # for `Beat`
        self.prefix = prefix
        self._broker = read_broker(url)
        self._changed = threading.Condition()
        self._pending: dict[Work, None] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        #: Of the thread alone.
        self._connection: kombu.Connection | None = None
        self._channel: Any = None
        self._away = False

    def wake(self, *works: Work) -> None:
        with self._changed:
            self._pending.update(dict.fromkeys(works))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="messaging-queue", daemon=True)
                self._thread.start()
            self._changed.notify()

    def check(self, seconds: float = 1.0) -> None:
        try:
            # In a thread that can be left behind: finding a host may take longer than any timeout.
            Call(lambda: self._ask(seconds)).result(seconds + 0.5)
        except Exception as error:
            raise told(error, seconds + 0.5) from error

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(ENDING)

    def _ask(self, seconds: float) -> None:
        with contextlib.closing(self._connect(seconds)):
            pass

    def _connect(self, seconds: float) -> kombu.Connection:
        names = ("read_timeout", "write_timeout") if self._broker.is_amqp else ("socket_timeout",)
        options = dict.fromkeys(names, seconds)
        connection = kombu.Connection(
            self._broker.url, ssl=self._broker.tls, connect_timeout=seconds, transport_options=options
        )
        try:
            connection.ensure_connection(max_retries=0)  # once: it is for us to try again
        except BaseException:
            connection.collect()
            raise
        return connection

    # In its own thread.

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed)
                works, self._pending = self._pending, {}
            if not works:
                break
            try:
                self._publish(list(works))
            except Exception as error:  # whatever it is, it must not end this thread: it is told, and tried again
                if not self._away:
                    why = told(error, PATIENCE).message
                    log.error("workers cannot be woken: %s; what is due waits in the store", why)
                self._away = True
                with self._changed:
                    self._pending = {**works, **self._pending}
                    if self._closed:
                        break
                    self._changed.wait_for(lambda: self._closed, PAUSE)
            else:
                if self._away:
                    log.warning("workers can be woken again")
                self._away = False
        self._drop()

    def _publish(self, works: Sequence[Work]) -> None:
        """One wake-up for each, where none waits."""
        if self._channel is not None:
            try:
                self._publish_by(self._channel, works)
                return
            except Exception:  # it may have been cut while it was idle
                self._drop()
        self._connection = self._connect(PATIENCE)
        try:
            self._channel = self._connection.channel()
            self._publish_by(self._channel, works)
        except BaseException:
            self._drop()
            raise

    def _publish_by(self, channel: Any, works: Sequence[Work]) -> None:
        producer = kombu.Producer(channel)
        for work in works:
            queue = queue_of(self.prefix, work)
            declared = channel.queue_declare(
                queue=queue.name, durable=queue.durable, exclusive=False, auto_delete=False, arguments=None
            )
            if not declared.message_count:
                self.celery.send_task(
                    TASK,
                    kwargs={"kind": work.kind.value, "channel": work.channel},
                    queue=queue,
                    producer=producer,
                    retry=False,
                    ignore_result=True,
                )

    def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):  # what is broken need not be closed in good order
                connection.release()
            with contextlib.suppress(Exception):
                connection.collect()
