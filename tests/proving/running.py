"""One run: a campaign and orders, faults by the seed, rest, and the verdict."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from messaging.errors import StoreError
from tests.proving.checking import Verdict, come_to_rest, judge
from tests.proving.faults import Breaker, Fault, Watch, plan
from tests.proving.services import Postgres, RabbitMQ, Redis, Service, until
from tests.proving.shop import Orders, Shop
from tests.proving.tether import tethered

T = TypeVar("T")
#: How long all may take to come to rest when everything is well again, in seconds.
REST = 240.0
#: With every other seed faults wait for the first message, for so long; with the others they find the campaign's list
#: being made.
SETTING_OUT = 60.0
#: How long a campaign takes for each fault, in seconds.
PAUSE = 1.5
BROKERS = {"redis": Redis, "rabbitmq": RabbitMQ}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a run is made on."""

    store: str
    broker: str | None = None
    people: int = 3000
    faults: int = 12
    unknown: str = "at_most_once"
    only: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.store if self.broker is None else f"{self.store}, workers over {self.broker}"


@dataclass
class Run:
    """How one went."""

    kind: Kind
    seed: int
    plan: list[Fault] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    #: What cannot be done on this machine, and why.
    left_out: dict[str, str] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0
    accepted: int = 0
    tries: int = 0
    #: Kept for whoever looks what went wrong.
    folder: Path | None = None


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that another user's database can be in."""
    folder = Path(tempfile.mkdtemp(prefix="proof-"))
    folder.chmod(0o755)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def prove(kind: Kind, seed: int, *, keep: bool = False) -> Run:
    """Run it once; `keep` its folder, whatever came of it.

    Raises:
        Missing: a service that it needs cannot be started.
    """
    run = Run(kind, seed)
    begun = time.monotonic()
    with scratch() as folder, tethered(folder), ExitStack() as stack:

        def started(service: type[Service]) -> Service:
            made = service(folder)
            stack.callback(made.stop)
            return made

        postgres = started(Postgres) if kind.store == "postgres" else None
        broker = started(BROKERS[kind.broker]) if kind.broker else None
        shop = Shop(
            folder / "shop",
            kind.people,
            store=postgres.url if postgres else "tinydb:data/store.jsonl",
            queue=broker.url if broker else None,
            seconds=kind.faults * PAUSE,
            unknown=kind.unknown,
        )
        stack.callback(shop.close)
        breaker = Breaker(shop, postgres, broker)
        kinds = [name for name in breaker.kinds() if not kind.only or name in kind.only]
        if shop.clocks.missing is not None:
            run.left_out["clocks apart"] = shop.clocks.missing
        run.plan = plan(seed, kind.faults, kinds)
        _run(shop, breaker, run)
        run.done, run.struck = breaker.done, breaker.struck
        if not (run.verdict.breaches or keep):
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.callback(shop.close)
        else:
            run.folder = folder
    run.seconds = time.monotonic() - begun
    return run


def _run(shop: Shop, breaker: Breaker, run: Run) -> None:
    breaker.keep_going()
    until(lambda: _answers(shop), 60, "messaging serve")
    orders = Orders(shop)
    orders.start()
    with Watch(breaker):
        end = time.monotonic() + SETTING_OUT
        while run.seed % 2 and not shop.provider.ledger and time.monotonic() < end:
            time.sleep(0.05)
        for fault in run.plan:
            time.sleep(fault.pause)  # the plan's own rhythm, not a wait for anything
            breaker.do(fault)
        breaker.mend()
        taken = orders.stop(150)
        left = readable(lambda: come_to_rest(shop, REST), str)
    codes = shop.stop()
    run.verdict = readable(
        lambda: judge(shop, orders, breaker.struck, at_least_once=run.kind.unknown == "at_least_once"),
        lambda said: Verdict(breaches=[said]),
    )
    run.verdict.must(taken, "the last orders were not accepted")
    run.verdict.must(not left, f"it never came to rest: {left}")
    for name, code in codes.items():
        run.verdict.must(code in (0, 1, 3, 130, -15) and code >= -15, f"{name} did not end in good order: {code}")
    run.accepted, run.tries = len(orders.accepted), orders.tries


def readable(look: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    """What a look at the store found, or `otherwise` if it cannot be used any more: that breaks all promises at once."""
    try:
        return look()
    except StoreError as error:
        return otherwise(f"the store cannot be used: {error}")


def _answers(shop: Shop) -> bool:
    try:
        socket.create_connection(("127.0.0.1", shop.port), 0.5).close()
    except OSError:
        return False
    return True
