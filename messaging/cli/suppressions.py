"""`messaging suppressions`: addresses that must not be written to at all."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from messaging.cli.common import ALL, counted, json_option, limit_option, pass_app, print_json, print_table, say
from messaging.errors import InputError, PartlyFailed

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.services.csv_file import CsvFile
    from messaging.services.suppressing import Suppressing
    from messaging.stores.base import Address

channel_option = click.option("--channel", help="The channel of the address; else told by its looks.")

#: What other tools call the column with the address, the best first.
_COLUMNS = ("email", "email address", "e-mail", "phone", "phone number", "number", "address", "contact", "recipient")
#: Rows that cannot be read and are named one by one.
_NAMED = 20


@click.group()
def suppressions() -> None:
    """Addresses that must not be written to at all."""


@suppressions.command("list")
@click.option("--channel", help="Only on this channel.")
@click.option("--reason", help="Only for this reason: bounced, complained, unreachable …")
@limit_option
@json_option
@pass_app
def list_(app: Messaging, channel: str | None, reason: str | None, limit: int, as_json: bool) -> None:
    """List them."""
    found = list(islice(app.suppressing.all(channel=channel, reason=reason), limit or ALL))
    if as_json:
        print_json(found)
        return
    print_table(
        ("channel", "address", "reason", "since", "by"),
        [(one.channel, one.address, one.reason, f"{one.at:%Y-%m-%d}", one.source) for one in found],
        solid=("address",),
    )
    if len(found) == limit:
        say(f"These are the first {limit}: see --limit.")


@suppressions.command("add")
@click.argument("addresses", nargs=-1)
@click.option("--file", type=click.Path(path_type=Path), help="Take them from a CSV file; - is standard input.")
@channel_option
@click.option("--reason", default="by hand", show_default=True, help="Why, in a word or two.")
@json_option
@pass_app
def add(
    app: Messaging, addresses: tuple[str, ...], file: Path | None, channel: str | None, reason: str, as_json: bool
) -> None:
    """Suppress ADDRESSES: nothing goes there any more, not even order messages.

    Who only wants no advertising has withdrawn consent instead: import that with customers import.
    """
    if not addresses and file is None:
        raise click.UsageError("give addresses, or a --file of them.")
    places = [app.suppressing.place(text, channel) for text in addresses]
    faults: list[str] = []
    source = "by hand"
    if file is not None:
        from messaging.services.csv_file import open_csv

        with open_csv(file, sys.stdin.buffer) as table:
            places += _places(app.suppressing, table, channel, faults)
        source = f"import {file.name}"
    new, known = app.suppressing.add(places, reason=reason, source=source)
    summary = {"suppressed": new, "known": known, "unreadable": len(faults)}
    if as_json:
        print_json(summary)
    else:
        print_table(tuple(summary), [tuple(summary.values())])
    for fault in faults[:_NAMED]:
        say(fault)
    if faults:
        raise PartlyFailed(f"{counted(len(faults), 'row')} could not be read")


@suppressions.command("remove")
@click.argument("address")
@channel_option
@json_option
@pass_app
def remove(app: Messaging, address: str, channel: str | None, as_json: bool) -> None:
    """Lift the suppression of ADDRESS: it works again, or its owner asks for their order messages.

    What its owner does not agree to stays so.
    """
    lifted = app.suppressing.lift(app.suppressing.place(address, channel))
    if as_json:
        print_json(lifted)
    else:
        by = f" ({lifted.source})" if lifted.source else ""
        say(f"{lifted.address} is written to again. It was suppressed since {lifted.at:%Y-%m-%d}: {lifted.reason}{by}.")
        say("A provider that keeps a list of its own may still drop what is sent there.")


def _places(suppressing: Suppressing, table: CsvFile, channel: str | None, faults: list[str]) -> list[Address]:
    """The addresses of a file; `faults` says of each row that has none why."""
    names = [header.casefold() for header in table.headers]
    column = next((names.index(name) for name in _COLUMNS if name in names), None)
    if column is None:
        raise InputError(f"{table.path}: no column with addresses", hint="name it email, phone or address")
    if channel is None and names[column] in ("phone", "phone number", "number"):
        channel = "sms"
    places = []
    for row in table.rows():
        try:
            if row.fault is not None:
                raise InputError(row.fault)
            places.append(suppressing.place(row.cells[column] if column < len(row.cells) else "", channel))
        except InputError as error:
            faults.append(f"{table.path}, line {row.line}: {error}")
    return places
