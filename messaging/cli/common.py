"""What all command modules share: opening the workspace, output for people and for programs, progress."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar

import click
import orjson

from messaging.cli.tables import longest_word, widths
from messaging.errors import Conflict, InputError, NotFound

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.nouns.customer import Customer
    from messaging.nouns.message import Message

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")

limit_option = click.option(
    "--limit", type=click.IntRange(0, 1_000_000_000), default=50, show_default=True, help="At most so many; 0: all."
)
#: What `--limit 0` is to a store.
ALL = 1_000_000_000
#: Digits of a message's id by which it can be found.
_ENOUGH = 4


def must_ask(yes: bool, instead: str = "--yes") -> bool:
    """Whether a person has to be asked first.

    Raises:
        UsageError: there is nobody to ask: a program says `instead`.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError(f"nobody can be asked here: say {instead}.", click.get_current_context())
    return not yes


def open_app(ctx: click.Context) -> Messaging:
    """The app of this invocation; opened once, closed when the command ends."""
    from messaging.app import Messaging
    from messaging.logs import set_up

    root = ctx.find_root()
    app = root.meta.get("messaging.app")
    if app is None:
        app = Messaging.open(root.params.get("workspace"), no_plugins=bool(root.params.get("no_plugins")))
        set_up(app, verbose=bool(root.params.get("verbose")))
        root.meta["messaging.app"] = app
        root.call_on_close(app.close)
    return app


def pass_app(function: Callable[Concatenate[Messaging, P], R]) -> Callable[P, R]:
    """Give a command the app as its first argument."""

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(open_app(click.get_current_context()), *args, **kwargs)

    return wrapper


def load_plugin_commands(ctx: click.Context, group: click.Group) -> None:
    """Let plugins add their commands, if there is a workspace to load them for."""
    from messaging.errors import SettingsError

    try:
        open_app(ctx).plugins.register_commands(group)
    except SettingsError:
        return


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())


def _plain(value: Any) -> Any:
    if hasattr(value, "to_document"):
        return value.to_document()
    return str(value)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    solid: Collection[str] = (),
    least: Sequence[str] = (),
) -> None:
    """A table on standard output; columns of numbers are right-aligned.

    Where it is wider than the terminal, what is empty is left out and words are kept whole, if there is room for them.
    If there is not, columns of `least` are left out, in that order; those of `solid` are the last to be broken.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 200
    lines = [["" if cell is None else _visible(str(cell)) for cell in row] for row in rows]
    shown = [[column, *(line[index] for line in lines)] for index, column in enumerate(columns)]
    narrow = sum(max(map(len, cells)) + 3 for cells in shown) > console.width
    fitting: Sequence[int | None] = [None] * len(shown)
    left_out = []
    if narrow:
        if lines:
            shown = [cells for cells in shown if any(cells[1:])]
        for name in least:
            if sum(longest_word(cells) + 1 for cells in shown) - 1 > console.width:
                left_out += [name for cells in shown if cells[0] == name]
                shown = [cells for cells in shown if cells[0] != name]
        fitting = widths(shown, console.width, solid=solid)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0 if narrow else (0, 1), show_edge=not narrow)
    for cells, width in zip(shown, fitting, strict=True):
        numeric = bool(lines) and all(map(_is_number, cells[1:]))
        justify: Literal["left", "right"] = "right" if numeric else "left"
        table.add_column(cells[0], justify=justify, overflow="fold", width=width)
    for line in zip(*(cells[1:] for cells in shown), strict=True):
        # Text, not markup: a customer's name is not ours to interpret.
        table.add_row(*map(Text, line))
    if title:
        console.print(Text(_visible(title), style="bold"))
    console.print(table)
    if left_out:
        say(f"No room for: {', '.join(left_out)}. A wider terminal shows it, and so does --json.")


def _is_number(text: str) -> bool:
    return not text or text.lstrip("-+").replace(".", "", 1).replace(",", "").rstrip("%").isdigit()


def _visible(text: str) -> str:
    """Without control characters: a value must not steer the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def say(text: str) -> None:
    """Talk, on standard error."""
    click.echo(_visible(text), err=True)


def counted(number: int, noun: str, verbs: str = "") -> str:
    """`1 row`, `2 rows`; with `verbs` (of one/of more) `1 row was`, `2 rows were`."""
    verb, _, verb_of_more = verbs.partition("/")
    words = (noun, verb) if number == 1 else (f"{noun}s", verb_of_more)
    return " ".join((f"{number}", *filter(None, words)))


@contextmanager
def progress_bar(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error, if that is a terminal; call what it yields with each step's size."""
    with progress_bars(total, label) as (step,):
        yield step


@contextmanager
def progress_bars(total: int | None, *labels: str) -> Iterator[tuple[Callable[[int], None], ...]]:
    """One after the other; each is shown from its first step on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:

        def stepper(label: str) -> Callable[[int], None]:
            task = bar.add_task(label, total=total, visible=len(labels) == 1)

            def step(size: int) -> None:
                bar.update(task, advance=size, visible=True)

            return step

        yield tuple(stepper(label) for label in labels)


def progress(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """`items`, with a progress bar while they are gone through."""
    with progress_bar(label, total) as step:
        for item in items:
            yield item
            step(1)


def the_customer(app: Messaging, text: str) -> Customer:
    """The customer that a person means by an id, an email address or a phone number.

    Raises:
        NotFound: there is none.
        Conflict: there are several.
    """
    from messaging.rules.addresses import normalise_phone
    from messaging.services.customers import find_customer

    found = find_customer(app.store, text)
    if not found and "@" not in text:
        try:
            found = find_customer(app.store, normalise_phone(text, app.settings.brand.country))
        except ValueError:
            pass  # then it was no phone number
    if not found:
        raise NotFound(f"no customer {text!r}", hint="list them with: messaging customers list")
    if len(found) > 1:
        raise Conflict(f"{text!r} is {len(found)} customers", hint=f"say which: {', '.join(one.id for one in found)}")
    return found[0]


def the_message(app: Messaging, id: str) -> Message:
    """The message with this id, or the only one whose id begins so.

    Raises:
        NotFound: there is none.
        Conflict: there are several.
    """
    message = app.store.outbox.get([id]).get(id)
    if message is not None:
        return message
    # Ids come in order: the next ones are those that begin so, if any do.
    found = [m for m in app.store.outbox.page(after=id, limit=2) if m.id.startswith(id)] if len(id) >= _ENOUGH else []
    if not found:
        raise NotFound(f"no message {id!r}", hint="see them with: messaging messages list")
    if len(found) > 1:
        raise Conflict(f"several messages begin with {id!r}", hint="give more of the id; --json shows all of it")
    return found[0]


def the_template(app: Messaging, name: str) -> str:
    """The name of a template that there is, or that messages were once made from.

    Raises:
        NotFound: it is neither.
    """
    from difflib import get_close_matches

    there_are = app.library.names()
    known = [*there_are, *(version.template for version in app.store.versions() if name not in there_are)]
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else "see them with: messaging templates list"
        raise NotFound(f"no template {name!r}", hint=hint)
    return name


class TimeWithZone(click.ParamType[datetime]):
    """An ISO 8601 time; without a zone it is refused."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time: write it like 2026-11-27T09:00:00+01:00", param, ctx)
        if time.tzinfo is None:
            self.fail(f"{value!r} has no zone: write it like 2026-11-27T09:00:00+01:00", param, ctx)
        return time.astimezone(UTC)


TIME = TimeWithZone()


def open_input(file: Path) -> IO[bytes]:
    """A file that a command is to read; - is standard input.

    Raises:
        InputError: it cannot be opened: no mistake in how the command was typed, so another exit code than for those.
    """
    if str(file) == "-":
        return sys.stdin.buffer
    try:
        return file.open("rb")
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None


def read_json_file(file: Any, name: str) -> Any:
    """What a JSON file holds, read strictly.

    Raises:
        InputError: it is not JSON; says where.
    """
    try:
        return orjson.loads(file.read())
    except orjson.JSONDecodeError as error:
        raise InputError(f"{name}: not JSON: {error}") from None
