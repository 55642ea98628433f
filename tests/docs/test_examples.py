"""What documents show is what happens. Each is played in a workspace of its own, from top to bottom.

```console                 commands after `$`, and what they print; `…` is anything
```toml file=segments/x.toml   a file that is written for what follows
```jinja segments          conditions with who is in, after `#`
```jinja values            templates' expressions with what they show, after `→`
```jinja refused           conditions with what is said of them, after `#`
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from babel import Locale

from messaging.app import Messaging
from messaging.errors import ExpressionError
from messaging.expressions import parse
from messaging.rendering.compiled import Compiled
from messaging.rendering.environment import Missing, Sandbox
from messaging.rendering.run import Run

ROOT = Path(__file__).resolve().parents[2]
#: docs/first-adapter.md is followed in an environment of its own (test_first_adapter).
PAGES = sorted(
    page.name for page in (ROOT / "docs").glob("*.md") if ".head." not in page.name and page.stem != "first-adapter"
)

#: What the examples of values in docs/templates.md are about.
CONTEXT: dict[str, Any] = {
    "customer": {"id": "ann", "first_name": "Ann", "points": 1250},
    "order": {
        "number": "A-1001",
        "total": "1234.50",
        "items": [
            {"name": "Teapot", "price": "46.90", "quantity": 1},
            {"name": "Green tea", "price": "9.50", "quantity": 3},
            {"name": "Black tea", "price": "9.50", "quantity": 1},
        ],
    },
    "shipment": {"eta": "2026-11-27"},
    "event": {"time": "2026-11-22T15:30:00+00:00"},
    "note": "Ring twice.\nThank you & good bye!",
}


@pytest.mark.parametrize("name", PAGES)
def test_document_is_true(name: str, new_terminal: Callable[[bool], Any], fences: Callable[[Path], list[Any]]) -> None:
    page = ROOT / "docs" / name
    terminal = new_terminal("<!-- the shop of the examples -->" in page.read_text("utf-8"))
    for fence in fences(page):
        file = next((word.removeprefix("file=") for word in fence.info if word.startswith("file=")), None)
        if file is not None:
            (terminal.folder / file).parent.mkdir(parents=True, exist_ok=True)
            (terminal.folder / file).write_text(fence.text, "utf-8")
        elif fence.language == "console":
            terminal.play(fence)
        elif fence.info[:2] == ("jinja", "segments"):
            _conditions(fence)
        elif fence.info[:2] == ("jinja", "refused"):
            _refusals(fence)
        elif fence.info[:2] == ("jinja", "values"):
            _values(fence)


@pytest.mark.parametrize("name", ["README.md", "docs/campaigns.md"])
def test_shell_lines_work(
    name: str,
    new_terminal: Callable[[bool], Any],
    fences: Callable[[Path], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without their output, which is not shown. The hash of a plan is put in for the one that is written."""
    monkeypatch.setattr("click.launch", lambda *args, **options: 0)
    terminal = new_terminal(True)
    (terminal.folder / "people.csv").rename(terminal.folder / "customers.csv")
    (terminal.folder / "history.jsonl").rename(terminal.folder / "orders.jsonl")
    if name == "README.md":
        # Its reader has the key and the time of a new workspace.
        monkeypatch.delenv("MESSAGING_API_KEY")
        monkeypatch.delenv("MESSAGING_NOW")
    for fence in fences(ROOT / name):
        file = next((word.removeprefix("file=") for word in fence.info if word.startswith("file=")), None)
        if file is not None:
            (terminal.folder / file).write_text(fence.text, "utf-8")
        elif fence.language == "console" and name == "README.md":
            terminal.play(fence)
        for line in _shell_lines(fence.text) if fence.language == "sh" else ():
            if line.startswith(("messaging init", "messaging serve")) or not line.startswith(_PLAYED):
                continue
            if "--plan" in line:
                plan = json.loads(terminal.run(f"messaging campaigns plan {line.split()[3]} --json"))
                line = re.sub(r"--plan \S+", f"--plan {plan['hash']} --yes", line)
            told = terminal.run(line.replace("curl ", "curl -i ", 1))
            assert terminal.code == 0, f"{name}: {line}\n{told}"
            assert not line.startswith("curl ") or told.startswith("HTTP/1.1 2"), f"{name}: {line}\n{told}"


#: Lines of a document's shell that are run.
_PLAYED = ("messaging ", "curl ", "export ")


def _shell_lines(text: str) -> Iterator[str]:
    """Commands; one goes on as long as a quote is open."""
    command = ""
    for line in text.splitlines():
        command = f"{command}\n{line}" if command else line
        try:
            words = shlex.split(command, comments="\n" not in command)
        except ValueError:
            continue
        if words:
            yield command
        command = ""


def _lines(text: str, mark: str) -> list[tuple[str, str]]:
    pairs = [line.partition(mark) for line in text.splitlines() if line.strip()]
    assert all(middle for _, middle, _ in pairs), f"a line without {mark}"
    return [(left.strip(), right.strip()) for left, _, right in pairs]


def _conditions(fence: Any) -> None:
    for number, (condition, who) in enumerate(_lines(fence.text, "  # ")):
        file = Path("segments") / f"line-{number}.toml"
        file.write_text(f"where = '''{condition}'''\n", "utf-8")
        with Messaging.open() as app:
            found = ", ".join(str(person.first_name) for person in app.audience.members(file.stem))
        file.unlink()
        assert (found or "nobody") == who, f"{fence.place}: {condition}"


def _refusals(fence: Any) -> None:
    with Messaging.open() as app:
        schema = app.audience.library().schema
    for condition, shown in _lines(fence.text, "  # "):
        with pytest.raises(ExpressionError) as caught:
            parse(condition, schema)
        told = f"{caught.value.problem} ({caught.value.hint})" if caught.value.hint else caught.value.problem
        assert told == shown, f"{fence.place}: {condition}"


def _values(fence: Any) -> None:
    options = dict(word.partition("=")[::2] for word in fence.info[2:])
    locale = Locale.parse(options.get("locale", "en"), sep="-")
    html = options.get("part") == "html"
    run = Run(
        links=None,  # none of these lines has a link
        locale=locale,
        date_locale=locale,
        zone=UTC,
        currency="EUR",
        undefined=Missing,
    )
    run.html = html
    context = {**CONTEXT, "now": datetime(2026, 11, 22, 9, tzinfo=UTC), "locale": str(locale)}
    for source, shown in _lines(fence.text, "→"):
        told = "".join(Compiled(Sandbox(html=html), source, fence.place).chunks(context, run))
        told = " ".join(told.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ").split())
        assert told == shown, f"{fence.place}: {source}"
