"""What Celery runs: `celery -A messaging.worker worker` (or `beat`), in a workspace or with MESSAGING_WORKSPACE set.

`messaging worker` starts the same. A task is a wake-up: it says what to look after, the store says what is due. So one
that comes twice, late or out of nowhere does what the next look would have done. Nothing is opened before a process
has forked.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from messaging.errors import PLUGIN_FAULTS, MessagingError
from messaging.nouns.work import LANES, Kind, Work
from messaging.services.sending import unwatched
from messaging.services.turns import Turn

if TYPE_CHECKING:
    from messaging.app import Messaging

log = logging.getLogger("messaging.worker")

#: How long one thing is done before what else there is has its turn, in seconds: what an order message may wait for
#: in a process that does everything.
TURN = 1.0
#: Set by `messaging worker` for the processes that it starts: they end when it does, however it does.
WATCHED = "MESSAGING_WORKER_WATCHED"
#: Set by it for those that send campaigns: by so much they stand back for others on the same processors (`nice`).
PATIENT = "MESSAGING_WORKER_PATIENT"
#: What the system, and libraries after it, call it when a process may have no more files open.
_FULL = os.strerror(errno.EMFILE)
#: Who may open fewer is as good as full: a connection that ends over it makes room for one, and that is of no use.
_ROOM = 8


def out_of_files(error: BaseException | None) -> bool:
    """Whether it says, or what is behind it, that this process may have no more files open."""
    while error is not None:
        if getattr(error, "errno", None) == errno.EMFILE or _FULL in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _has_room() -> bool:
    """Whether some more can be opened: what is found out by others, say an adapter, is not always told."""
    opened = []
    try:
        for _ in range(_ROOM):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return not out_of_files(error)
    finally:
        for file in opened:
            os.close(file)
    return True


class Hand:
    """One thing that a process does, by whichever of its threads is woken; by one at a time."""

    def __init__(self, name: str, step: Callable[[], object]) -> None:
        self._name = name
        self._step = step
        self._lock = threading.Lock()
        self._again = False
        self._told: str | None = None

    def __call__(self) -> None:
        """Do it; whoever is at it already looks once more instead."""
        self._again = True
        while self._again and self._lock.acquire(blocking=False):
            try:
                self._again = False
                self._do()
            finally:
                self._lock.release()

    def _do(self) -> None:
        try:
            self._step()
        except (MessagingError, OSError) as error:
            if out_of_files(error):
                raise
            if str(error) != self._told:  # not once a second
                log.error("%s: %s", self._name, error)
            self._told = str(error)
        except PLUGIN_FAULTS:
            log.exception("%s failed", self._name)
        else:
            self._told = None


class Process:
    """What a process of a worker has: the workspace, whose parts are made when it is first woken, and its hands."""

    def __init__(self, app: Messaging) -> None:
        self.app = app
        self.stop = threading.Event()
        self.busy = 0
        self._hands: dict[Work, Hand] = {}
        self._lock = threading.Lock()

    def work(self, work: Work) -> None:
        """Do it, for a turn.

        Raises:
            MessagingError, OSError: nothing can be done: the workspace, or the store, cannot be opened; or nothing any
                more, as no file can be.
        """
        if self.stop.is_set():
            return
        with self._lock:
            self.busy += 1
            if work not in self._hands:
                self._hands[work] = Hand(work.name, self._step(work))
        try:
            self._hands[work]()
        finally:
            with self._lock:
                self.busy -= 1

    def _step(self, work: Work) -> Callable[[], object]:
        app, dispatcher = self.app, self.app.dispatcher
        turn = Turn(TURN, more=lambda: app.queue.wake(work))
        match work.kind:
            case Kind.SWEEP:
                return dispatcher.look
            case Kind.RECOVERY:
                do = dispatcher.recovery_round(self.stop, unwatched, turn)
            case Kind.TIDY:
                return dispatcher.tidy
            case Kind.CAMPAIGNS:
                do = dispatcher.shard_round(self.stop, unwatched, turn)
            case Kind.INTAKE:
                do = dispatcher.events_round(self.stop, unwatched, turn)
            case _:
                assert work.channel is not None
                do = dispatcher.lane_round(LANES[work.kind], work.channel, self.stop, unwatched, turn)

        def step() -> None:
            with turn:
                do()

        return step


def make_app() -> Any:
    """The Celery app of the workspace, with its one task.

    Raises:
        SettingsError: it has no workers, or they cannot work like that.
    """
    from messaging.app import Messaging
    from messaging.errors import SettingsError
    from messaging.logs import set_up, speak_alike
    from messaging.metrics import SHARED, begin

    opened = Messaging.open()
    speak_alike(opened)
    queue = opened.queue
    if not queue.workers:
        raise SettingsError(
            '[queue] use = "inline": there are no workers',
            hint='set [queue] use = "celery" and its url, or let messaging serve send',
        )
    from celery import signals
    from celery.worker import state

    from messaging.queue.brokered import CeleryQueue
    from messaging.queue.taking import TASK

    assert isinstance(queue, CeleryQueue)
    celery = queue.celery
    process = Process(opened)
    if os.environ.get(SHARED):
        begin()

    forked: list[int] = []
    before: list[Any] = []

    # Celery is typed in part.
    @celery.task(name=TASK, Request="messaging.queue.acknowledging:Request")  # type: ignore[untyped-decorator]
    def work(kind: str, channel: str | None) -> None:
        if forked and not before:
            before.append(signal.signal(signal.SIGTERM, end))
        one = Work(Kind(kind), channel)
        full = False
        try:
            process.work(one)
        except (MessagingError, OSError) as error:
            full = out_of_files(error)
            if not full:
                log.error("%s: %s", one.name, error)
        if full or not _has_room():
            _give_up()
        _end_if_told()

    def _give_up() -> None:
        """Whoever can open nothing is of no use, and may have left open what will never be closed."""
        if process.stop.is_set():
            return
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        log.critical("no more files can be opened (ulimit -n: %d): this process ends, to be started anew", most)
        process.stop.set()
        if not forked:
            state.should_stop = 1  # in good order; what started it sees that it is no ordinary end

    def _end_if_told() -> None:
        """A child that was told to stop ends now that it has nothing in hand."""
        if forked and process.stop.is_set():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)

    def end(number: int, frame: Any) -> None:
        """Whoever ends a group of processes ends children with their parent: what is in hand is seen through."""
        process.stop.set()
        if not process.busy:
            before[0](number, frame)

    # Else Celery would log, and take the root logger for its own. How much is its own flag.
    signals.setup_logging.connect(
        lambda loglevel=None, **_: set_up(opened, verbose=loglevel is not None and loglevel <= logging.INFO), weak=False
    )
    logging.getLogger("celery.worker").addFilter(_without_its_way)
    # What Celery needs for a task beside ours, it opens, too.
    signals.task_internal_error.connect(
        lambda exception, **_: _give_up() if out_of_files(exception) else None, weak=False
    )
    signals.worker_process_init.connect(lambda **_: forked.append(os.getpid()), weak=False)
    signals.worker_shutting_down.connect(lambda **_: process.stop.set(), weak=False)
    signals.worker_init.connect(lambda **_: _watch(), weak=False)
    os.nice(int(os.environ.get(PATIENT) or 0))
    signals.worker_ready.connect(_look_up, weak=False)
    return celery


def _without_its_way(record: logging.LogRecord) -> bool:
    """Who starts again and again over a broker that lets nobody in says so in a line, without how Celery came there."""
    from amqp.exceptions import AMQPError

    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, AMQPError):
        # Its kind says it; its words may have the password in them.
        record.msg, record.args, record.exc_info = "the broker lets nobody in: %s", (type(error).__name__,), None
    return True


def _look_up(sender: Any, **_: Any) -> None:
    """A signal does not wake Celery's loop, which sleeps for up to ten seconds: let it look up after one."""
    if getattr(sender, "hub", None) is not None:
        sender.hub.fire_timers = partial(sender.hub.fire_timers, max_delay=1)


def _watch() -> None:
    """End when whoever started this process is gone: they hold the other end of our standard input."""
    if not os.environ.get(WATCHED):
        return

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="messaging-watch", daemon=True).start()


def __getattr__(name: str) -> Any:
    """`app`, as Celery looks for it: made when it is asked for, since it takes a workspace."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        made = globals()["app"] = make_app()
    except MessagingError as error:
        raise SystemExit(f"messaging: {error}") from None  # one line, whoever asks
    return made
