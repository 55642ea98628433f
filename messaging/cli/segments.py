"""`messaging segments`: look at segments, check them, see who is in them and why."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import (
    counted,
    json_option,
    pass_app,
    print_json,
    print_table,
    progress_bar,
    say,
    the_customer,
)
from messaging.errors import MessagingError, SourceError

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.expressions import Explanation, SegmentLibrary
    from messaging.nouns.customer import Customer

#: Rows of a table nobody asked to be longer.
_ROWS = 100
_COLUMNS = ("id", "email", "phone", "first_name", "last_name")


@click.group()
def segments() -> None:
    """Segments: who is in them, and why."""


@segments.command("list")
@json_option
@pass_app
def list_(app: Messaging, as_json: bool) -> None:
    """List the segments of this workspace."""
    library = app.audience.library()
    found = [_describe(library, name) for name in library.names()]
    if as_json:
        print_json({"segments": found})
        return
    print_table(
        ("segment", "who"),
        [(one["name"], f"broken: {one['error']}" if "error" in one else one["description"]) for one in found],
    )


def _describe(library: SegmentLibrary, name: str) -> dict[str, Any]:
    error = _error_of(library, name)
    segment = library.segments.get(name)
    described: dict[str, Any] = {"name": name}
    if segment is not None:
        described |= {
            "description": segment.description,
            "where": segment.where.strip(),
            "file": segment.file,
        }
    return described if error is None else {**described, "error": error.message}


def _error_of(library: SegmentLibrary, name: str) -> MessagingError | None:
    try:
        library.expression(name)
    except MessagingError as error:
        return error
    return None


@segments.command()
@click.argument("name", required=False)
@json_option
@pass_app
@click.pass_context
def check(ctx: click.Context, app: Messaging, name: str | None, as_json: bool) -> None:
    """Check segment NAME, or all: the first error of each, with its file, line and column."""
    library = app.audience.library()
    if name is not None and name not in library.names():
        library.expression(name)  # raises, with the nearest name
    known = {*app.library.names(), *(campaign.name for campaign in app.store.campaigns.all())}
    results = [_check(app, library, each, known) for each in ([name] if name else library.names())]
    wrong = [result for result in results if not result["ok"]]
    if as_json:
        print_json({"segments": results})
    else:
        for result in results:
            for warning in result["warnings"]:
                say(f"{result['name']}: {warning}")
            if not result["ok"]:
                hint = f" ({result['hint']})" if result["hint"] else ""
                say(f"{result['error']}{hint}")
        say(f"{len(results) - len(wrong)} of {counted(len(results), 'segment', 'is/are')} right")
    ctx.exit(1 if wrong else 0)


def _check(app: Messaging, library: SegmentLibrary, name: str, known: set[str]) -> dict[str, Any]:
    error = _error_of(library, name)
    if error is None:
        return {"name": name, "ok": True, "warnings": _warnings(app, library, name, known)}
    result = {"name": name, "ok": False, "warnings": [], "error": error.message, "hint": error.hint}
    if isinstance(error, SourceError):
        result |= {"file": error.file, "line": error.line, "column": error.column}
    return result


def _warnings(app: Messaging, library: SegmentLibrary, name: str, known: set[str]) -> list[str]:
    """What is not wrong, but will find nobody yet."""
    expression = library.expression(name)
    warnings = [f"there is no template or campaign {mention!r} yet" for mention in sorted(expression.mentions - known)]
    if expression.graded and app.audience.cuts() is None:
        warnings.append("it asks for RFM grades, and none are made yet: run messaging segments grade")
    return warnings


@segments.command()
@click.argument("name")
@json_option
@pass_app
def count(app: Messaging, name: str, as_json: bool) -> None:
    """Count who is in segment NAME."""
    total = app.store.customers.count()
    with progress_bar(f"Counting {name}", total) as step:
        number = app.audience.count(name, progress=step)
    if as_json:
        print_json({"segment": name, "count": number, "customers": total})
        return
    share = f", {number / total:.1%}" if total else ""
    click.echo(str(number))
    say(f"of {counted(total, 'customer')}{share}")


@segments.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many; 0: all. A table has 100 unless you say.")
@json_option
@pass_app
def members(app: Messaging, name: str, limit: int | None, as_json: bool) -> None:
    """List who is in segment NAME, in order of id."""
    with progress_bar(f"Looking for {name}", app.store.customers.count()) as step:
        found = app.audience.members(name, progress=step)
        if as_json:
            people = [_person(customer) for customer in islice(found, limit or None)]
            print_json({"segment": name, "members": people})
            return
        wanted = limit if limit is not None else _ROWS
        rows = [tuple(_person(customer).values()) for customer in islice(found, wanted or None)]
        more = sum(1 for _ in found) if limit is None else 0
    print_table(_COLUMNS, rows, solid=("id", "email"))
    if more:
        say(f"and {more} more: --limit 0 lists all")


def _person(customer: Customer) -> dict[str, str | None]:
    return {column: getattr(customer, column) for column in _COLUMNS}


@segments.command()
@click.argument("name")
@click.argument("customer")
@json_option
@pass_app
def explain(app: Messaging, name: str, customer: str, as_json: bool) -> None:
    """Explain why CUSTOMER (id, email or phone) is in segment NAME, or is not."""
    app.audience.check(name)
    person = the_customer(app, customer)
    explanation = app.audience.explain(name, person.id)
    reasons = explanation.reasons()
    who = " ".join(part for part in (person.first_name, person.last_name) if part) or person.email or person.id
    sentence = f"{who} is {'in' if explanation.holds else 'not in'} {name}: {'; '.join(reasons)}"
    if as_json:
        print_json(
            {
                "segment": name,
                "customer": person.id,
                "in": explanation.holds,
                "sentence": sentence,
                "because": reasons,
                "where": explanation.to_document(),
            }
        )
        return
    _print_explanation(explanation, sentence)


def _print_explanation(explanation: Explanation, sentence: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console.width = 200
    console.print(Text(_clean(sentence), style="bold"), end="\n\n")
    table = Table.grid(padding=(0, 3))
    for depth, held, condition, values in _lines(explanation, 0):
        mark = Text("  " * depth + ("✓ " if held else "✗ "), style="green" if held else "red")
        table.add_row(mark + Text(_clean(condition), style=""), Text(_clean(values), style="dim"))
    console.print(table)


def _lines(part: Explanation, depth: int) -> Iterator[tuple[int, bool, str, str]]:
    """Depth, whether it holds, the condition, and the values it met."""
    if part.joined in ("all", "any"):
        # The outermost needs no line of its own when all must hold: the sentence says what it came to.
        if depth or part.joined == "any":
            yield depth, part.holds, "all of these:" if part.joined == "all" else "one of these:", ""
            depth += 1
        for each in part.parts:
            yield from _lines(each, depth)
        return
    # A segment's own line, or that of its `not`, stands for it; so does the line of a plain condition.
    told = part.parts[0] if part.joined == "not" else part
    yield depth, part.holds, part.text, _values(told)
    if told.joined == "segment":
        for each in told.parts:
            yield from _lines(each, depth + 1)
    elif part.joined == "not" and told.parts:
        yield from _lines(told, depth + 1)


def _values(part: Explanation) -> str:
    from messaging.expressions.values import show

    return ", ".join(f"{text} = {show(value)}" for text, value in part.values) or part.phrase


def _clean(text: str) -> str:
    """Without control characters: a customer's name must not steer the terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


@segments.command()
@json_option
@pass_app
def grade(app: Messaging, as_json: bool) -> None:
    """Work out RFM grades anew.

    Recency, frequency and money, 1 (least) to 5, by quantiles of all who bought.
    """
    with progress_bar("Grading", app.store.customers.count()) as step:
        cuts = app.audience.grade(progress=step)
    if as_json:
        print_json(cuts.to_document())
        return
    if not cuts.customers:
        say("Nobody has ordered yet, so there is nothing to grade.")
        return
    say(f"Graded by {counted(cuts.customers, 'customer')} with an order, on {cuts.graded_at:%Y-%m-%d %H:%M} UTC.")
    rows = [
        ("r: days since the last order", *(f"{float(-cut):.1f} or more" for cut in cuts.r)),
        ("f: orders", *(f"{cut:f} or less" for cut in cuts.f)),
        ("m: total of orders", *(f"{cut:.2f} or less" for cut in cuts.m)),
    ]
    print_table(("", "grade 1", "grade 2", "grade 3", "grade 4"), rows)
    say("Who is beyond the last column has grade 5.")
