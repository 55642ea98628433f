"""`messaging events`: what happened in the shop, as history and live."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from messaging.cli.common import (
    ALL,
    counted,
    json_option,
    limit_option,
    open_input,
    pass_app,
    print_json,
    print_table,
    progress,
    progress_bar,
    say,
    the_customer,
)
from messaging.errors import Conflict, InputError, MessagingError, NotFound, PartlyFailed

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.nouns.event import Event

source_option = click.option("--source", default="api", show_default=True, help="Who tells events that do not say it.")


@click.group()
def events() -> None:
    """What happened in the shop."""


@events.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@source_option
@json_option
@pass_app
def import_(app: Messaging, file: Path, source: str, as_json: bool) -> None:
    """Take history in from a file of JSON Lines; - is standard input. Triggers nothing; run it again as you like."""
    from messaging.services.rejected import RejectedFile

    lines = open_input(file)
    beside, size = (file, file.stat().st_size) if file.is_file() else (app.workspace.root / "events.jsonl", None)
    rejected = RejectedFile(app.store, beside, app.workspace.root, ".jsonl")
    with lines, progress_bar("Importing events", size) as step:
        summary = app.intake.import_history(
            _bounded(lines, step),
            source=source,
            reject=lambda bad: rejected.line(bad.line, bad.reason, bad.text),
        )
    rejected.close()
    if as_json:
        print_json(asdict(summary))
    else:
        print_table(tuple(asdict(summary)), [tuple(asdict(summary).values())])
    if summary.rejected:
        raise PartlyFailed(f"{counted(summary.rejected, 'line', 'was/were')} rejected: see {rejected.path}")
    if summary.failed:
        raise PartlyFailed(
            f"{counted(summary.failed, 'event')} had no effect",
            hint="see why with: messaging events list --state failed",
        )


@events.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@source_option
@json_option
@pass_app
def send(app: Messaging, file: Path, source: str, as_json: bool) -> None:
    """Take live events in, from a file or standard input (-), and set off what they trigger.

    FILE is one event, a list of events, or JSON Lines. What is due goes out with `messaging serve` or
    `send-due`.
    """
    answers: list[dict[str, object]] = []
    faults: list[MessagingError] = []
    with open_input(file) as content:
        text = content.read()
    documents = _documents(text)
    for document in progress(documents, "Sending events", len(documents)):
        try:
            accepted = app.receive(document, source=source)
        except MessagingError as error:
            faults.append(error)
            answers.append({"error": str(error)})
            continue
        answers.append(accepted.to_document())
        for warning in accepted.warnings:
            say(f"warning: {warning}")
        if accepted.error is not None:
            faults.append(PartlyFailed(f"the event is kept, but had no effect: {accepted.error}"))
    if as_json:
        print_json(answers[0] if len(answers) == 1 else answers)
    else:
        _print_answers(answers)
    if faults:
        if len(faults) < len(answers):
            raise PartlyFailed(f"{len(faults)} of {len(answers)} events: {faults[0]}")
        raise faults[0]


@events.command("list")
@click.option("--customer", metavar="CUSTOMER", help="By id, email or phone.")
@click.option("--type", "type_", metavar="TYPE")
@click.option("--state", type=click.Choice(["received", "done", "failed"]))
@limit_option
@json_option
@pass_app
def list_(
    app: Messaging, customer: str | None, type_: str | None, state: str | None, limit: int, as_json: bool
) -> None:
    """List events, the latest first."""
    from messaging.nouns.event import EventState

    found = app.store.events.page(
        customer_id=the_customer(app, customer).id if customer else None,
        type=type_,
        state=EventState(state) if state else None,
        limit=limit or ALL,
    )
    if as_json:
        print_json([event.to_document() for event in found])
        return
    print_table(
        ("time", "type", "id", "customer", "state", "error"),
        [(f"{e.time:%Y-%m-%d %H:%M}", e.type, e.id, e.customer_id, e.state, e.error) for e in found],
        solid=("id", "customer"),
    )
    if len(found) == limit:
        say(f"The latest {limit}; --limit shows more, --limit 0 all.")


@events.command()
@click.argument("id")
@click.option("--source", default="api", show_default=True, help="Who told it.")
@click.option("--shop", default="default", show_default=True, help="Of which shop.")
@json_option
@pass_app
def show(app: Messaging, id: str, source: str, shop: str, as_json: bool) -> None:
    """Show one event: as it was told, how far it came, and the messages it caused."""
    event = _the_event(app, id, source, shop)
    caused = (
        [
            message
            for message in app.store.outbox.page(customer_id=event.customer_id, limit=ALL)
            if message.event_key == event.key
        ]
        if event.customer_id
        else []
    )
    if as_json:
        print_json({**event.to_document(), "key": event.key, "messages": [one.to_document() for one in caused]})
        return
    facts = {name: value for name, value in event.to_document().items() if name not in ("customer", "data")}
    print_table(("", ""), [*facts.items(), ("key", event.key)])
    print_json({"customer": event.customer, "data": event.data})
    if caused:
        print_table(
            ("message", "template", "channel", "state", "reason"),
            [(one.id[:12], one.template, one.channel, one.state, one.reason) for one in caused],
            solid=("message",),
        )


@events.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--failed", is_flag=True, help="All that failed.")
@click.option("--source", default="api", show_default=True, help="Who told them.")
@click.option("--shop", default="default", show_default=True, help="Of which shop.")
@json_option
@pass_app
def replay(app: Messaging, ids: tuple[str, ...], failed: bool, source: str, shop: str, as_json: bool) -> None:
    """Work events out again: what failed, or what is done, with the triggers that are on now.

    What was sent stays sent once: a message that there is already is not made again. History is left alone.
    """
    from messaging.nouns.event import EventState

    if bool(ids) == failed:
        raise click.UsageError("say which: ids, or --failed.", click.get_current_context())
    chosen = [_the_event(app, id, source, shop) for id in ids]
    if failed:
        chosen = app.store.events.page(state=EventState.FAILED, limit=ALL)
    history = [event for event in chosen if not event.live]
    if history and not failed:
        raise Conflict(
            f"event {history[0].id} is history, which sets nothing off",
            hint="tell it live under an id of its own: messaging events send",
        )
    keys = [event.key for event in chosen if event.live]
    for key in progress(keys, "Replaying", len(keys)):
        app.backlog.again(key)
    now = app.store.events.get(keys)
    counts = Counter(event.state for event in now.values())
    if as_json:
        print_json({"replayed": len(now), **{state.value: counts[state] for state in EventState}})
    else:
        told = ", ".join(f"{number} {state.value}" for state, number in sorted(counts.items()))
        say(f"Replayed {counted(len(now), 'event')}{f': {told}' if told else ''}.")
    if counts[EventState.FAILED]:
        raise PartlyFailed(
            f"{counted(counts[EventState.FAILED], 'event')} had no effect",
            hint="see why with: messaging events list --state failed",
        )


def _the_event(app: Messaging, id: str, source: str, shop: str) -> Event:
    """The event of that id, or key.

    Raises:
        NotFound: there is none.
    """
    from messaging.nouns.event import event_key

    key = event_key(source, shop, id)
    found = app.store.events.get([key, id])
    if not found:
        raise NotFound(
            f"no event {id!r} of {source}/{shop}", hint="--source and --shop say whose; messaging events list --json"
        )
    return found.get(key) or found[id]


@events.command("schema")
def schema_() -> None:
    """Print what an event is, as JSON Schema (draft 2020-12). Works outside of a workspace."""
    from messaging.rules.event_schema import schema

    print_json(schema())


def _print_answers(answers: list[dict[str, object]]) -> None:
    rows = []
    for answer in answers:
        messages = answer.get("messages")
        counts = messages if isinstance(messages, dict) else {}
        state = answer.get("state", "refused") if answer.get("new", True) else f"{answer['state']} (known before)"
        rows.append(
            (
                state,
                answer.get("customer"),
                counts.get("planned"),
                counts.get("moved"),
                counts.get("cancelled"),
                answer.get("error"),
            )
        )
    print_table(("event", "customer", "planned", "moved", "cancelled", "error"), rows)


def _documents(text: bytes) -> list[object]:
    """The events in a text that is one, a list, or one a line."""
    from messaging.rules.envelope import parse_json

    text = text.removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        raise InputError("no event: the file is empty")
    try:
        value = parse_json(text)
    except InputError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].strip().endswith(b"}"):
            raise
        return [_line(number, line) for number, line in enumerate(lines, 1)]
    return value if isinstance(value, list) else [value]


def _line(number: int, line: bytes) -> object:
    from messaging.rules.envelope import parse_json

    try:
        return parse_json(line)
    except InputError as error:
        raise InputError(f"line {number}: {error.message}") from None


def _bounded(file: IO[bytes], step: object) -> Iterator[bytes]:
    """Lines, none of them longer than an event may be: the rest of such a line is passed over."""
    from messaging.rules.envelope import MAX_BYTES

    assert callable(step)
    while line := file.readline(MAX_BYTES + 2):
        step(len(line))
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_BYTES)):
            step(len(rest))
        yield line
