"""`messaging bounces`: what mail servers and mailbox providers write back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from messaging.cli.common import counted, json_option, pass_app, print_json, print_table, progress, say
from messaging.errors import PartlyFailed

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.services.mail_files import FoundMail
    from messaging.services.returned_mail import ReturnedMail, Taken

#: Mails that are recorded in one transaction.
_TOGETHER = 100
#: Unreadable mails that are named one by one.
_NAMED = 20


@click.group()
def bounces() -> None:
    """Bounces and complaints that came back by mail."""


@bounces.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--by-address", is_flag=True, help="Believe also mails that name an address we wrote to, and no message of ours."
)
@click.option("--delete", is_flag=True, help="Remove from the maildir what was taken in.")
@json_option
@pass_app
def import_(app: Messaging, path: Path, by_address: bool, delete: bool, as_json: bool) -> None:
    """Take in what came back: PATH is a maildir, an mbox, a folder of .eml files, or one file.

    Run it again as you like: nothing counts twice.
    """
    from messaging.services.mail_files import count_mails, find_mails, is_maildir
    from messaging.services.returned_mail import ReturnedMail, Taken

    if delete and path.exists() and not is_maildir(path):
        raise click.UsageError(f"--delete: {path} is not a maildir.")
    returned = ReturnedMail(app.store, app.clock, app.recorder, app.signing_keys, app.adapters.mail_readers())
    counts: Counter[Taken] = Counter()
    unreadable: list[str] = []
    for mail, taken in _take(returned, progress(find_mails(path), "Reading mail", count_mails(path)), by_address):
        counts[taken] += 1
        if taken is Taken.UNREADABLE:
            unreadable.append(f"{mail.name}: {mail.fault or 'no adapter could read it'}")
        elif delete and mail.file and taken not in (Taken.IGNORED, Taken.UNPROVEN):
            mail.file.unlink(missing_ok=True)
    summary = {
        "read": counts.total(),
        "bounced": counts[Taken.BOUNCED],
        "deferred": counts[Taken.DEFERRED],
        "complained": counts[Taken.COMPLAINED],
        "known": counts[Taken.KNOWN],
        "ignored": counts[Taken.IGNORED] + counts[Taken.UNPROVEN],
        "unreadable": len(unreadable),
    }
    if as_json:
        print_json(summary)
    else:
        print_table(tuple(summary), [tuple(summary.values())])
    if counts[Taken.UNPROVEN]:
        many = counted(counts[Taken.UNPROVEN], "mail", "names/name")
        say(f"{many} no message of ours, so nobody is suppressed by that: see --by-address.")
    if unreadable:
        for line in unreadable[:_NAMED]:
            say(line)
        raise PartlyFailed(f"{counted(len(unreadable), 'mail')} could not be read")


def _take(returned: ReturnedMail, mails: Iterator[FoundMail], by_address: bool) -> Iterator[tuple[FoundMail, Taken]]:
    """Each mail with what it was taken for, once that is recorded."""
    from messaging.services.returned_mail import Taken

    while found := list(islice(mails, _TOGETHER)):
        readable = [mail for mail in found if mail.fault is None]
        yield from zip(readable, returned.take([mail.data for mail in readable], by_address=by_address), strict=True)
        yield from ((mail, Taken.UNREADABLE) for mail in found if mail.fault is not None)
