"""What is printed: of each run what was done to it and what became of it, and of all of them a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.proving.checking import share
from tests.proving.running import Run


def tell(run: Run) -> None:
    """One run."""
    verdict = run.verdict
    print(f"\nseed {run.seed}, {run.kind}, {run.seconds:.0f} s, unknown: {run.kind.unknown}")
    print("  faults   " + ", ".join(f"{name} {_hits(run, name)}" for name in sorted(run.done)))
    if missed := [name for name in sorted(run.done) if not run.struck[name]]:
        print(f"  MISSED   {', '.join(missed)}: nothing was there to be struck")
    for name, why in run.left_out.items():
        print(f"  LEFT OUT {name}: {why}")
    print("  campaign " + _counts(verdict.counts) + f" = {sum(verdict.counts.values())} of {run.kind.people}")
    print(
        f"  orders   {run.accepted} accepted in {run.tries} tries: {_counts(verdict.orders)}; {_waits(verdict.waits)}"
    )
    print(f"  doubled  {verdict.doubled} that say so, {verdict.unsaid} that do not")
    for breach in verdict.breaches[:20]:
        print(f"  BROKEN   {breach}")
    if verdict.breaches:
        print(f"  {len(verdict.breaches)} breaches; again: --seed {run.seed}")
    else:
        print("  held")
    if run.folder is not None:
        print(f"  look at  {run.folder}")
    print(end="", flush=True)


def table(runs: Sequence[Run]) -> None:
    """All of them: what they ran on, and how often each fault struck."""
    if not runs:
        return
    kinds = {
        kind: [run for run in runs if str(run.kind) == kind] for kind in dict.fromkeys(str(run.kind) for run in runs)
    }
    print("\nOrder messages: seconds from accepted to handed over, while all this was done to them.\n")
    print("| on | runs | faults | campaign messages | orders | p50 | p99 | most | unknown | doubled, said | breaches |")
    print("|---|" + "--:|" * 10)
    for kind, of in kinds.items():
        waits = sorted(wait for run in of for wait in run.verdict.waits)
        row = (
            len(of),
            sum(sum(run.struck.values()) for run in of),
            sum(sum(run.verdict.counts.values()) for run in of),
            sum(run.accepted for run in of),
            *(f"{share(waits, part):.1f}" for part in (0.5, 0.99, 1.0)),
            sum(run.verdict.counts.get("unknown", 0) + run.verdict.orders.get("unknown", 0) for run in of),
            sum(run.verdict.doubled for run in of),
            sum(len(run.verdict.breaches) for run in of),
        )
        print(f"| {kind} | " + " | ".join(map(str, row)) + " |")
    print("\n| fault: struck, of times tried | " + " | ".join(kinds) + " |")
    print("|---|" + "--:|" * len(kinds))
    for name in sorted({name for run in runs for name in run.done}):
        cells = []
        for of in kinds.values():
            done, struck = sum(run.done[name] for run in of), sum(run.struck[name] for run in of)
            cells.append(f"{struck} of {done}" if done else "")
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(f"\nseeds {', '.join(map(str, sorted({run.seed for run in runs})))}", flush=True)


def _hits(run: Run, name: str) -> str:
    done, struck = run.done[name], run.struck[name]
    return str(done) if struck == done else f"{struck} of {done}"


def _waits(waits: Sequence[float]) -> str:
    p50, p99, most = (share(waits, part) for part in (0.5, 0.99, 1.0))
    return f"handed over after p50 {p50:.2f} s, p99 {p99:.2f} s, at most {most:.2f} s"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(counts.items())) or "none"
