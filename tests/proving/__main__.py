"""`make prove`: a shop that is broken again and again while it sends, and whether every promise was kept.

    python -m tests.proving [--seed 1] [--minutes 10] [--faults 12] [--people 3000] [--store postgres] [--broker redis]

Starts a PostgreSQL, a Redis and a RabbitMQ of its own, the server, senders or workers, and a provider's stand-in; sends a
campaign while orders come in, breaks things by the seed, lets all come to rest, and compares. Exits with 1 if a promise
was broken, and keeps the folder to look at; with 3 if a service that was asked for cannot be started.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from tests.proving.running import BROKERS, Kind, Run, prove
from tests.proving.services import Missing
from tests.proving.telling import table, tell


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the first run; each further one counts on. By default drawn")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="runs begin for so long; by default one of each kind"
    )
    parser.add_argument("--faults", type=int, default=18, help="in a run")
    parser.add_argument("--people", type=int, default=3000, help="whom the campaign goes to")
    parser.add_argument("--store", choices=["tinydb", "postgres"], action="append")
    parser.add_argument("--broker", choices=["none", *BROKERS], action="append", help="none: without workers")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help="faults of this kind only")
    parser.add_argument("--keep", action="store_true", help="the folder of each run, also if no promise was broken")
    given = parser.parse_args()
    seed = int.from_bytes(os.urandom(3), "big") if given.seed is None else given.seed
    end = time.monotonic() + given.minutes * 60
    kinds = list(_kinds(given))
    runs: list[Run] = []
    left_out: dict[str, str] = {}
    number = 0
    for asked in (signal.SIGINT, signal.SIGTERM):  # both end everybody, also where a shell had the first ignored
        signal.signal(asked, signal.default_int_handler)
    stopped = False
    while number < len(kinds) or (time.monotonic() < end and len(left_out) < len(kinds)):
        kind = kinds[number % len(kinds)]
        try:
            run = prove(kind, seed + number // len(kinds), keep=given.keep)
        except Missing as error:
            left_out[str(kind)] = str(error)
        except KeyboardInterrupt:
            stopped = True
            print(f"\nSTOPPED during seed {seed + number // len(kinds)}, {kind}")
            break
        else:
            runs.append(run)
            tell(run)
        number += 1
    table(runs)
    for name, why in left_out.items():
        print(f"LEFT OUT {name}: {why}")
    if any(run.verdict.breaches for run in runs):
        return 1
    if stopped:
        return 130
    return 3 if left_out else 0


def _kinds(given: argparse.Namespace) -> list[Kind]:
    found = []
    for store in given.store or ["tinydb", "postgres"]:
        for broker in given.broker or ["none", *BROKERS]:
            if store == "tinydb" and broker != "none":
                continue  # workers need PostgreSQL
            unknown = "at_least_once" if broker == "redis" else "at_most_once"
            found.append(
                Kind(
                    store=store,
                    broker=None if broker == "none" else broker,
                    people=given.people,
                    faults=given.faults,
                    unknown=unknown,
                    only=tuple(given.only),
                )
            )
    return found


if __name__ == "__main__":
    sys.exit(main())
