"""Runs both apps in one process, with the threads that send what is due and record what comes back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

import uvicorn
from starlette.types import ASGIApp

from messaging.app import Messaging
from messaging.errors import InputError, SettingsError
from messaging.nouns.work import LANES, Kind, Work
from messaging.queue.inline import InlineQueue
from messaging.server.callbacks import callback_routes
from messaging.server.events import openapi
from messaging.server.jobs import PATIENCE, Job, Pulse, check
from messaging.server.mails import Mailbox
from messaging.server.public import public_app
from messaging.server.staff import staff_app
from messaging.server.targets import Targets
from messaging.server.timing import Timed
from messaging.services.health import Health
from messaging.services.sending import Alive
from messaging.settings import brand_values

#: How often a server looks for what became due, in seconds; an event that it took in itself wakes it at once.
POLL = 0.5
#: How often it looks for template versions that are new, in seconds.
VERSIONS = 20.0
#: How often what other processes wrote is taken in, in seconds, so that no request has to.
REFRESH = 0.1
#: How often it tidies up, in seconds.
HOUSEKEEPING = 3600.0
#: How long threads may take to finish what they have in hand, in seconds.
ENDING = 30.0


@dataclass(frozen=True, slots=True)
class Door:
    """An app and the socket it answers on."""

    app: ASGIApp
    socket: socket.socket

    @property
    def url(self) -> str:
        host, port = self.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: Messaging, *, host: str, port: int, staff_port: int, announce: Callable[[str, str], object]) -> None:
    """Serve until SIGTERM or SIGINT; port 0 takes any that is free.

    `announce` is told both addresses once they answer.

    Raises:
        InputError: an address cannot be listened on.
        StoreError: the store cannot be used.
    """
    app.store.health()
    targets = Targets(app.store)
    stop = threading.Event()
    jobs = make_jobs(app, targets, stop)
    public, staff = make_apps(app, targets, host, jobs)
    with listen(host, port) as here, listen(host, staff_port) as there:
        doors = Door(public, here), Door(staff, there)
        run(
            doors,
            jobs,
            on_start=lambda: announce(*(door.url for door in doors)),
            release=app.queue.wake_all if isinstance(app.queue, InlineQueue) else lambda: None,
            stop=stop,
        )


def make_apps(app: Messaging, targets: Targets, host: str, jobs: Sequence[Job] = ()) -> tuple[ASGIApp, ASGIApp]:
    """The public and the staff app of a workspace."""
    brand = brand_values(app.settings)
    health = Health(
        app.store,
        app.clock,
        rests=app.rests,
        folder=app.workspace.data,
        overdue=app.settings.server.overdue,
        check_jobs=lambda: check(jobs),
        check_broker=app.queue.check if app.queue.workers else None,
    )
    public = public_app(
        app.store,
        app.recorder,
        app.preferences,
        receive=app.receive,
        keys=app.signing_keys,
        api_key=app.keys.api_key,
        brand=brand,
        topics=app.settings.topics,
        targets=targets,
        more=callback_routes(
            app.callbacks,
            app.sources,
            base_url=app.settings.server.base_url,
            max_body=app.settings.server.max_body,
        ),
        max_body=app.settings.server.max_body,
        health=health,
    )
    staff = staff_app(
        app.store,
        app.reporter,
        Mailbox(app.workspace.mailbox),
        health=health,
        metrics=lambda: app.metrics.page(),
        describe_api=lambda: openapi(public.api),
        brand=brand,
        host=host,
        password=app.keys.staff_password,
    )
    try:
        app.metrics  # noqa: B018 - it counts from now on
    except SettingsError:
        return public, staff  # its page says what to install
    return Timed(public, "public", public.routes), Timed(staff, "staff", staff.routes)


def make_jobs(app: Messaging, targets: Targets, stop: threading.Event) -> list[Job]:
    """What a server does beside answering, until `stop`; where workers send, it does nothing of that.

    Each lane has a sender of its own on each channel: none of them waits for another.
    """
    hits = Pulse()
    jobs = [
        Job("hits", partial(app.recorder.drain, hits), every=POLL, pulse=hits),
        Job("links", targets.load, every=VERSIONS),
        Job("store", app.store.refresh, every=REFRESH),
    ]
    return jobs if app.queue.workers else [*_sending(app, stop), *jobs]


def _sending(app: Messaging, stop: threading.Event) -> list[Job]:
    queue, dispatcher, jobs = app.queue, app.dispatcher, []
    assert isinstance(queue, InlineQueue)
    # An adapter that hangs is given up on after the timeout: that is no hang of the job.
    patience = app.settings.sending.timeout.total_seconds() + PATIENCE

    def sending(
        name: str, begin: Callable[[threading.Event, Alive], Callable[[], object]], wake: threading.Event | None = None
    ) -> Job:
        pulse = Pulse()
        return Job(name, begin(stop, pulse), every=POLL, wake=wake, pulse=pulse, patience=patience)

    for kind, lane in LANES.items():
        for channel in app.channels():
            wake = queue.listen(Work(kind, channel))
            name = f"{lane.name.lower()} messages by {channel}"
            jobs.append(sending(name, partial(dispatcher.lane_round, lane, channel), wake))
    return [
        *jobs,
        sending("campaigns", dispatcher.campaign_round),
        sending("events", dispatcher.events_round, queue.listen(Work(Kind.INTAKE))),
        sending("recovery", dispatcher.recovery_round),
        Job("housekeeping", dispatcher.tidy, every=HOUSEKEEPING),
    ]


@contextlib.contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on that address.

    Raises:
        InputError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Said to be TCP: only then does asyncio switch Nagle's delay (40 ms an answer) off.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"cannot listen on {host}, port {port}: {reason}",
                hint="choose another with --port or --staff-port",
            ) from None
        yield opened


def run(
    doors: Sequence[Door],
    jobs: Sequence[Callable[[threading.Event], object]] = (),
    *,
    on_start: Callable[[], object] = lambda: None,
    release: Callable[[], object] = lambda: None,
    stop: threading.Event | None = None,
) -> None:
    """Answer on `doors` and work on `jobs` until a signal or `stop`; then `release` whoever waits for work."""
    stop = stop or threading.Event()
    # Daemons: one that hangs (an adapter that never answers) must not keep the process from ending.
    threads = [
        threading.Thread(target=job, args=(stop,), name=f"messaging-{getattr(job, 'name', number)}", daemon=True)
        for number, job in enumerate(jobs)
    ]
    for thread in threads:
        thread.start()
    try:
        asyncio.run(_answer(doors, on_start, stop))
    finally:
        stop.set()
        release()
        until = monotonic() + ENDING
        for thread in threads:
            thread.join(max(0.0, until - monotonic()))


class _Server(uvicorn.Server):
    """One of several in a process: signals are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _answer(doors: Sequence[Door], on_start: Callable[[], object], stop: threading.Event) -> None:
    servers = [_Server(_config(door.app)) for door in doors]
    loop = asyncio.get_running_loop()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    tasks = [
        asyncio.create_task(server.serve(sockets=[door.socket])) for server, door in zip(servers, doors, strict=True)
    ]
    while not all(server.started for server in servers) and not any(task.done() for task in tasks):
        await asyncio.sleep(0.01)
    if all(server.started for server in servers):
        on_start()
    while not stop.is_set() and not any(task.done() for task in tasks):
        await asyncio.sleep(0.05)
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*tasks)


def _config(app: ASGIApp) -> uvicorn.Config:
    # No access log: addresses hold tokens.
    return uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
