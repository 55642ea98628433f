"""`make prove`: a shop that is broken again and again while it sends, and whether every promise was kept.

    python -m tests.proving [--seed 1] [--minutes 10] [--faults 12] [--people 3000] [--store postgres] [--broker redis]

Starts a PostgreSQL, a Redis and a RabbitMQ of its own, the server, senders or workers, and a provider's stand-in; sends a
campaign while orders come in, breaks things by the seed, lets all come to rest, and compares. Exits with 1 if a promise
was broken, and keeps the folder to look at; with 3 if a service that was asked for cannot be started.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.proving.running import BROKERS, Kind, Run, prove
from tests.proving.services import Missing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="of the first run; each further one counts on. By default drawn")
    parser.add_argument(
        "--minutes", type=float, default=0.0, help="runs begin for so long; by default one of each kind"
    )
    parser.add_argument("--faults", type=int, default=16, help="in a run")
    parser.add_argument("--people", type=int, default=3000, help="whom the campaign goes to")
    parser.add_argument("--store", choices=["tinydb", "postgres"], action="append")
    parser.add_argument("--broker", choices=["none", *BROKERS], action="append", help="none: without workers")
    parser.add_argument("--only", action="append", default=[], metavar="FAULT", help="faults of this kind only")
    given = parser.parse_args()
    seed = int.from_bytes(os.urandom(3), "big") if given.seed is None else given.seed
    end = time.monotonic() + given.minutes * 60
    kinds = list(_kinds(given))
    runs: list[Run] = []
    left_out: dict[str, str] = {}
    number = 0
    while number < len(kinds) or (time.monotonic() < end and len(left_out) < len(kinds)):
        kind = kinds[number % len(kinds)]
        try:
            run = prove(kind, seed + number // len(kinds))
        except Missing as error:
            left_out[str(kind)] = str(error)
        else:
            runs.append(run)
            _tell(run)
        number += 1
    _table(runs)
    for name, why in left_out.items():
        print(f"LEFT OUT {name}: {why}")
    if any(run.verdict.breaches for run in runs):
        return 1
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


def _tell(run: Run) -> None:
    verdict = run.verdict
    print(f"\nseed {run.seed}, {run.kind}, {run.seconds:.0f} s, unknown: {run.kind.unknown}")
    print("  faults   " + ", ".join(f"{name} {number}" for name, number in sorted(run.done.items())))
    print("  campaign " + _counts(verdict.counts) + f" = {sum(verdict.counts.values())} of {run.kind.people}")
    print(
        f"  orders   {run.accepted} accepted in {run.tries} tries: {_counts(verdict.orders)}; "
        f"handed over after p50 {verdict.wait(0.5):.2f} s, p99 {verdict.wait(0.99):.2f} s, at most {verdict.wait(1):.2f} s"
    )
    print(f"  doubled  {verdict.doubled} that say so, {verdict.unsaid} that do not")
    for breach in verdict.breaches[:20]:
        print(f"  BROKEN   {breach}")
    if verdict.breaches:
        print(f"  {len(verdict.breaches)} breaches; look at {run.folder}; again: --seed {run.seed}", flush=True)
    else:
        print("  held", flush=True)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "none"


def _table(runs: list[Run]) -> None:
    print("\n| on | runs | faults | campaign messages | orders | unknown | doubled, said | breaches |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    for kind in dict.fromkeys(str(run.kind) for run in runs):
        of = [run for run in runs if str(run.kind) == kind]
        row = (
            len(of),
            sum(sum(run.done.values()) for run in of),
            sum(sum(run.verdict.counts.values()) for run in of),
            sum(run.accepted for run in of),
            sum(run.verdict.counts.get("unknown", 0) + run.verdict.orders.get("unknown", 0) for run in of),
            sum(run.verdict.doubled for run in of),
            sum(len(run.verdict.breaches) for run in of),
        )
        print(f"| {kind} | " + " | ".join(map(str, row)) + " |")


if __name__ == "__main__":
    sys.exit(main())
