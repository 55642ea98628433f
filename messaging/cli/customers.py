"""`messaging customers`: take contacts in, look at people, give them their data, erase them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from messaging.cli.common import (
    counted,
    json_option,
    limit_option,
    must_ask,
    pass_app,
    print_json,
    print_table,
    progress,
    progress_bar,
    say,
    the_customer,
    yes_option,
)
from messaging.cli.timeline import timeline
from messaging.errors import InputError, NotFound, PartlyFailed
from messaging.nouns.consent import ALL_TOPICS

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.nouns.customer import Customer
    from messaging.services.import_consent import Grant
    from messaging.services.importing import Survey

#: New attributes that are named, of a file that brings more.
_TOLD = 20
_LIST = ("id", "email", "phone", "first_name", "last_name", "locale", "country", "city")
_EXPORT = (
    *_LIST[:5],
    "locale",
    "timezone",
    "country",
    "region",
    "city",
    "postal_code",
    "birthday",
    "created_at",
)


@click.group()
def customers() -> None:
    """The people the shop may write to."""


customers.add_command(timeline)


@customers.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="OURS=THEIRS",
    help="Which column is what, where it is not recognised: --map email=Mail.",
)
@click.option(
    "--consent",
    "consents",
    multiple=True,
    metavar="CHANNEL[:TOPIC]",
    help="These people agreed to be written to: --consent email:news.",
)
@click.option("--consent-source", metavar="TEXT", help="By what proof they agreed.")
@click.option(
    "--dates",
    type=click.Choice(["dmy", "mdy"]),
    help="How dates like 3/4/2026 are to be read, where the file does not show it.",
)
@json_option
@pass_app
def import_(
    app: Messaging,
    file: Path,
    maps: Sequence[str],
    consents: Sequence[str],
    consent_source: str | None,
    dates: Any,
    as_json: bool,
) -> None:
    """Take customers in from a CSV file; - is standard input. Run it again as you like: nobody is taken in twice."""
    from messaging.services.csv_file import open_csv
    from messaging.services.rejected import RejectedFile

    grants = [_grant(app, text) for text in consents]
    mapping = _mapping(maps)
    with open_csv(file, sys.stdin.buffer) as table:
        with progress_bar("Reading the file") as step:
            survey = app.customer_import.survey(table, mapping, order=dates, progress=step)
        # There is no place beside a pipe.
        beside = file if file.is_file() else app.workspace.root / "customers.csv"
        rejected = RejectedFile(app.store, beside, app.workspace.root, ".csv")
        incomplete = RejectedFile(app.store, beside, app.workspace.root, ".csv", "incomplete")
        with progress_bar("Importing customers", survey.rows) as step:
            summary = app.customer_import.run(
                table,
                survey,
                grants=grants,
                source=consent_source or f"import {table.path.name}",
                rejected=rejected,
                incomplete=incomplete,
                progress=step,
            )
    _say_attributes(survey)
    told = {name: getattr(summary, name) for name in ("read", "created", "updated", "rejected")}
    if as_json:
        print_json(told | ({"incomplete": summary.incomplete} if summary.incomplete else {}))
    else:
        print_table(tuple(told), [tuple(told.values())])
    if summary.unchanged:
        say(f"Of those updated, {summary.unchanged} told nothing new.")
    if summary.incomplete:
        rows = counted(summary.incomplete, "row", "was/were")
        why = (
            ""
            if app.settings.brand.country
            else "; if they lack the country code, set [brand] country and import again"
        )
        say(f"{rows} taken in without a phone number, as what is there is none: see {incomplete.path}{why}.")
    if summary.rejected:
        raise PartlyFailed(f"{counted(summary.rejected, 'row', 'was/were')} rejected: see {rejected.path}")


@customers.command("list")
@click.option("--segment", help="Only members of a segment.")
@limit_option
@json_option
@pass_app
def list_(app: Messaging, segment: str | None, limit: int, as_json: bool) -> None:
    """List customers."""
    from itertools import islice

    found = list(islice(_people(app, segment), limit or None))
    if as_json:
        print_json([customer.to_document() for customer in found])
        return
    print_table(_LIST, [[getattr(customer, name) for name in _LIST] for customer in found], solid=("id", "email"))
    if len(found) == limit:
        say(f"The first {limit}; --limit shows more, --limit 0 all.")


@customers.command()
@click.argument("customer")
@json_option
@pass_app
def show(app: Messaging, customer: str, as_json: bool) -> None:
    """Show one customer, found by id, email address or phone number."""
    from messaging.services.customers import shop_ids

    found = the_customer(app, customer)
    data = app.eraser.export(found.id)
    if as_json:
        print_json(data)
        return
    print_table(("", ""), list(_profile(data["customer"])))
    ids = shop_ids(app.store, found.id)
    if ids:
        say(f"The shop's own id: {', '.join(ids)}.")
    others = (
        [one.id for one in app.store.customers.find(email=found.email) if one.id != found.id] if found.email else []
    )
    if others:
        say(f"Has the email address together with: {', '.join(others)}.")
    for place in data["addresses"]:
        said = [
            f"{'agreed to' if consent['granted'] else 'withdrew from'} {_topic(consent['topic'])}"
            f" on {consent['at'][:10]} ({consent['source']})"
            for consent in place["consents"]
        ]
        if place["suppression"]:
            said.append(f"suppressed: {place['suppression']['reason']}")
        say(f"{place['channel']} {place['address']}: {'; '.join(said) or 'nothing said about consent'}")
    orders = [(o["number"], o.get("placed_at", "")[:10], o["total"], o.get("currency")) for o in data["orders"]]
    if orders:
        print_table(("order", "placed", "total", "currency"), orders)
    messages = [(m["id"][:12], m["template"], m["channel"], m["state"], m.get("reason")) for m in data["messages"]]
    if messages:
        print_table(("message", "template", "channel", "state", "reason"), messages)


@customers.command()
@click.argument("customer", required=False)
@click.option("--segment", help="Only members of a segment.")
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to a file instead of standard output.")
@pass_app
def export(app: Messaging, customer: str | None, segment: str | None, output: Path | None) -> None:
    """Export customers as CSV; or, for one CUSTOMER, all that is kept about them as JSON."""
    import orjson

    if customer is not None:
        data = app.eraser.export(the_customer(app, customer).id)
        _write(output, orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    people = progress(_people(app, segment), "Exporting", app.store.customers.count())
    if output is None:
        _write_csv(sys.stdout, people, list(app.settings.attributes))
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            number = _write_csv(file, people, list(app.settings.attributes))
        say(f"Wrote {counted(number, 'customer')} to {output}.")
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from None


@customers.command()
@click.argument("customer")
@yes_option
@json_option
@pass_app
def erase(app: Messaging, customer: str, yes: bool, as_json: bool) -> None:
    """Erase a customer everywhere; counts stay. It cannot be undone."""
    try:
        found = the_customer(app, customer)
    except NotFound:
        if not app.eraser.finish(customer):
            raise
        if as_json:
            print_json({"customer": customer, "finished": True})
        else:
            say("The erasure that was cut short is finished.")
        return
    if must_ask(yes):
        click.confirm(f"Erase customer {found.id} and all that is kept about them?", abort=True, err=True)
    receipt = asdict(app.eraser.erase(found.id))
    if as_json:
        print_json(receipt)
        return
    to_look_at = receipt.pop("to_look_at")
    print_table(("removed", ""), list(receipt.items()))
    if to_look_at:
        say(f"These name them, or a rejected row may be theirs, mistyped; look in: {', '.join(to_look_at)}.")
    say("Such files are yours to clean. Those elsewhere that you imported from, and backups you made, too.")


def _profile(customer: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Field and value, attributes and addresses by the names that segments have for them."""
    for name, value in customer.items():
        if name == "attributes":
            yield from value.items()
        elif name in ("created_at", "updated_at"):
            yield name, f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M} UTC"
        elif name == "told_at":
            continue  # for machines
        elif isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _topic(topic: str) -> str:
    return "everything" if topic == ALL_TOPICS else topic


def _people(app: Messaging, segment: str | None) -> Iterable[Customer]:
    if segment is not None:
        app.audience.check(segment)  # before anything is written
        return app.audience.members(segment)
    return _everybody(app)


def _everybody(app: Messaging) -> Iterator[Customer]:
    after = None
    while page := app.store.customers.page(after=after):
        after = page[-1].id
        yield from page


def _write_csv(file: IO[str], people: Iterable[Customer], attributes: Sequence[str]) -> int:
    """Write them; return how many."""
    from messaging.services.csv_file import safe_cell

    writer = csv.writer(file)
    writer.writerow([*_EXPORT, *attributes])
    number = 0
    for customer in people:
        number += 1
        values = [getattr(customer, name) for name in _EXPORT]
        values += [customer.attributes.get(name) for name in attributes]
        writer.writerow(["" if value is None else safe_cell(str(value)) for value in values])
    return number


def _write(output: Path | None, text: str) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}") from None


def _mapping(maps: Sequence[str]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for text in maps:
        ours, _, theirs = (part.strip() for part in text.partition("="))
        if not ours or not theirs:
            raise click.UsageError(f"--map {text}: write it like --map email=COLUMN.")
        mapping[ours] = theirs
    return mapping


def _grant(app: Messaging, text: str) -> Grant:
    from difflib import get_close_matches

    from messaging.ids import is_name
    from messaging.services.import_consent import Grant

    channel, colon, topic = (part.strip() for part in text.partition(":"))
    # A shop may gather numbers before it has what writes to them.
    adapters = app.plugins.adapters().values()
    known = sorted({"email", "sms", *app.settings.channels, *(adapter.channel for adapter in adapters)})
    if channel not in known:
        near = get_close_matches(channel.lower(), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}."
        raise click.UsageError(f"--consent {text}: no channel {channel!r}: {hint}")
    if colon and not is_name(topic):
        raise click.UsageError(f"--consent {text}: no topic {topic!r}: write it like --consent {channel}:news.")
    return Grant(channel, topic or ALL_TOPICS)


def _say_attributes(survey: Survey) -> None:
    if survey.undeclared:
        told = [f"{name} ({type})" for name, type in survey.undeclared.items()]
        more = f" and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
        say(f"New attributes, declared in messaging.toml: {', '.join(told[:_TOLD])}{more}.")
