"""`messaging store`: where everything is kept."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from messaging.cli.common import json_option, pass_app, print_json, print_table, progress_bar, say
from messaging.errors import Conflict
from messaging.stores.contents import MIGRATION
from messaging.stores.opening import moved, open_store, open_target, upgrade_store

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.services.migrating import Compared


@click.group()
def store() -> None:
    """Where everything is kept."""


@store.command()
@json_option
@pass_app
def status(app: Messaging, as_json: bool) -> None:
    """Show where it is, its schema, how much is in it, and since when the oldest message that is due waits."""
    app.left_store = True
    health, contents = app.store.health(), app.store.contents
    mark = app.store.get_note(MIGRATION) or {}
    left = {"to": mark["to"], "when": mark["moved"]} if "to" in mark else None
    rows, states, due = contents.numbers(), contents.states(), app.store.outbox.next_due()
    waits = due if due is not None and due <= app.clock.now() else None
    if as_json:
        messages = {state.value: number for state, number in states.items()}
        print_json({**health, "rows": rows, "states": messages, "next_due": due, "waits_since": waits, "moved": left})
        return
    facts = {name: value for name, value in health.items() if name not in rows}
    if left is not None:
        facts["brought to"] = f"{left['to']}, {left['when']}: messaging store reopen goes on with this one"
    if waits is not None:
        facts["waits since"] = f"{waits:%Y-%m-%d %H:%M:%S} UTC"
    elif due is not None:
        facts["next due"] = f"{due:%Y-%m-%d %H:%M:%S} UTC"
    print_table(("", ""), list(facts.items()))
    print_table(("kind", "rows"), [(kind.replace("_", " "), f"{number:,}") for kind, number in rows.items()])
    print_table(("messages", "number"), [(state.value, f"{number:,}") for state, number in states.items() if number])


@store.command()
@json_option
@pass_app
def check(app: Messaging, as_json: bool) -> None:
    """Read all of it and name what does not fit together; the exit code is 1 then."""
    from messaging.services.soundness import find_faults

    app.left_store = True
    mark = app.store.get_note(MIGRATION) or {}
    if "to" in mark:
        left = moved(app.store.health()["store"], mark)
        say(f"Note: {left.message} ({left.hint})")
    with progress_bar("checking", sum(app.store.contents.numbers().values())) as step:
        faults = list(find_faults(app.store, step=step))
    if as_json:
        print_json({"store": app.store.health()["store"], "faults": faults})
    for fault in () if as_json else faults:
        say(f"{fault.problem} ({fault.hint})")
    if faults:
        click.get_current_context().exit(1)
    if not as_json:
        click.echo("All of it fits together.")


@store.command()
@click.option("--to", "url", metavar="URL", required=True, help="The other store, as [store] url would name it.")
@json_option
@pass_app
def migrate(app: Messaging, url: str, as_json: bool) -> None:
    """Copy all of it into another store, and compare the two.

    Stop the server and all that sends first. Should it be cut short, run it again: it goes on. The settings stay as
    they are; when all is there this store is left, and says so to whoever opens it.
    """
    from messaging.services.migrating import migrate as bring

    app.left_store = True
    numbers = app.store.contents.numbers()
    with closing(open_target(url, app.workspace, app.clock)) as target:
        place = target.health()["store"]
        with progress_bar("copying and comparing", 2 * sum(numbers.values())) as step:
            compared = bring(app.store, target, now=app.clock.now(), step=lambda kind, rows: step(rows))
        done = target.get_note(MIGRATION)["done"]
    differing = [each.kind for each in compared if not each.same]
    if not differing:
        open_store(url, app.workspace, app.clock).close()  # from now on it is missed, should it vanish
    setting = f'[store] url = "{url if url.startswith("tinydb:") else place}"'
    if as_json:
        kinds = [{**asdict(each), "same": each.same} for each in compared]
        print_json({"from": app.store.health()["store"], "to": place, "kinds": kinds, "setting": setting})
    else:
        print_table(("kind", "here", "there", "checksum"), map(_line, compared))
    if differing:
        again = "remove what was copied (the file, or the schema in the database), then run it again"
        since = "all of it was there once: since then somebody worked with one of the two"
        raise Conflict(f"{place}: not the same: {', '.join(differing)}", hint=since if done else again)
    if not as_json:
        click.echo(f"All of it is there. Now say so in messaging.toml: {setting}")
        if not url.startswith("tinydb:"):
            say("Its password and what else it said go there too, or all of the url into MESSAGING__STORE__URL.")
        say("Work with one of the two only from now on: both have the messages that are planned.")
        say("This one is not opened any more, unless you say so: messaging store reopen.")
        say("The keys, and what lies in the workspace outside of the store, stay where they are.")


def _line(each: Compared) -> tuple[str, str, str, str]:
    checksum = each.checksum if each.same else f"{each.checksum} is {each.checksum_there} there"
    return each.kind.replace("_", " "), f"{each.here:,}", f"{each.there:,}", checksum


@store.command()
@pass_app
def reopen(app: Messaging) -> None:
    """Go on with this store, though all of it was brought to another one."""
    from messaging.services.migrating import reopen as take_back

    app.left_store = True
    place = take_back(app.store)
    say(f"This store is opened again. Work with one of the two only: {place} has the messages that are planned, too.")


@store.command()
@pass_app
def compact(app: Messaging) -> None:
    """Give back the space of what was replaced; a database works out anew what `check` finds wrong."""
    before = app.store.health().get("bytes", 0)
    app.store.compact()
    say(f"From {before:,} to {app.store.health().get('bytes', 0):,} bytes.")


@store.command()
@pass_app
def upgrade(app: Messaging) -> None:
    """Bring a database's tables to what this release wants.

    What is there already is left as it is.
    """
    upgrade_store(app.settings.store.url)
    say("The database has what this release wants.")
