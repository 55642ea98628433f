"""`messaging rehearse`: what a history of events would have sent; nothing leaves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import (
    TIME,
    counted,
    json_option,
    pass_app,
    print_json,
    print_table,
    progress_bar,
    say,
    the_customer,
)
from messaging.errors import InputError, PartlyFailed

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.rehearsing.history import Told
    from messaging.rehearsing.summary import TemplateRows

#: Characters of the longest bar.
_BAR = 50


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "since", type=TIME, help="Send for what happens from then on; what was before is history.")
@click.option("--to", "until", type=TIME, help="Stop then; else at the last event.")
@click.option("--template", "templates", metavar="NAME", multiple=True, help="Only these; else all with triggers.")
@click.option("--customer", metavar="CUSTOMER", help="Show what one customer would have got, by id, email or phone.")
@json_option
@pass_app
def rehearse(
    app: Messaging,
    file: Path,
    since: datetime | None,
    until: datetime | None,
    templates: tuple[str, ...],
    customer: str | None,
    as_json: bool,
) -> None:
    """Run events of a file (JSON Lines; - is standard input) through triggers, rules and templates; nothing is sent.

    Everything happens at the time it would have. Customers and their consents are today's; events, orders and messages
    begin empty. Triggers count as on, whether they are or not.
    """
    from messaging.rehearsing.app import rehearse as rehearsing
    from messaging.rehearsing.history import tell_history
    from messaging.rehearsing.summary import as_document, of_customer, summarise

    lines = _lines(file)
    with rehearsing(app, templates) as rehearsal:
        with progress_bar("Rehearsing", len(lines)) as step:
            told = tell_history(rehearsal, lines, since=since, until=until, progress=step)
        rows = summarise(rehearsal)
        theirs = of_customer(rehearsal, the_customer(rehearsal, customer).id) if customer else None
    if as_json:
        print_json(as_document(told, rows) | ({"customer": theirs} if theirs is not None else {}))
    elif theirs is not None:
        _print_customer(theirs)
    else:
        _print_all(told, rows)
    if told.rejected:
        line, reason = told.rejected[0]
        raise PartlyFailed(f"{counted(len(told.rejected), 'line')} could not be told; line {line}: {reason}")


def _lines(file: Path) -> list[bytes]:
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).splitlines()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None


def _print_all(told: Told, rows: Sequence[TemplateRows]) -> None:
    click.echo(f"{told.first:%Y-%m-%d} to {told.last:%Y-%m-%d}: {counted(told.told, 'event')}. Nothing was sent.")
    if not rows:
        click.echo("They would have sent nothing.")
        return
    print_table(
        ("template", "channel", "messages", "sent", "held back", "skipped", "still waiting"),
        [
            (
                row.template,
                row.channel,
                row.states.total(),
                row.states["sent"],
                row.held.total(),
                row.states["skipped"] + row.states["refused"],
                row.states["planned"],
            )
            for row in rows
        ],
    )
    whys = [(row.template, n, why) for row in rows for why, n in row.reasons.most_common()]
    if whys:
        print_table(("not sent", "messages", "because"), whys)
    whys = [(row.template, n, why) for row in rows for why, n in row.held.most_common()]
    if whys:
        print_table(("held back", "messages", "because"), whys)
    _print_plot(rows)


def _print_plot(rows: Sequence[TemplateRows]) -> None:
    from messaging.rehearsing.summary import over_time

    periods = over_time(rows)
    most = max((number for _, number in periods), default=0)
    if len(periods) > 1:
        print_table(("sent from", "messages", ""), [(day, number, _bar(number / most)) for day, number in periods])


def _bar(share: float) -> str:
    """A bar of eighths of characters; what is not nothing is seen."""
    eighths = max(round(share * _BAR * 8), 1 if share else 0)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def _print_customer(rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        say("They would have got nothing.")
        return
    print_table(
        ("time", "template", "channel", "state", "subject", "because"),
        [
            (
                f"{datetime.fromisoformat(row['time']):%Y-%m-%d %H:%M}",
                row["template"],
                row["channel"],
                "waiting" if row["state"] == "planned" else row["state"],
                (row["parts"] or {}).get("subject") or (row["parts"] or {}).get("text"),
                row["reason"],
            )
            for row in rows
        ],
    )
