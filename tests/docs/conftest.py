"""The documents, taken apart; and a shop to try them on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from starlette.types import ASGIApp

from messaging.app import Messaging
from messaging.cli import main
from messaging.server.run import make_apps
from messaging.server.targets import Targets
from messaging.workspace.folder import make_workspace

ROOT = Path(__file__).resolve().parents[2]
#: Business time of every example: a Sunday.
NOW = "2026-11-22T10:00:00+01:00"
API_KEY = "the-key-of-the-examples"
#: The shop that most documents speak of; they say it at their beginning.
PEOPLE = "id,email,first_name,country,points\nann,ann@example.com,Ann,AT,120\nbob,bob@example.com,Bob,DE,\n"
HISTORY = [
    ("A-1 placed", "order.placed", "2026-09-01T12:00:00Z", {"total": "40.00", "items": [{"sku": "TEA"}]}, {}),
    ("A-2 placed", "order.placed", "2026-10-20T12:00:00Z", {"total": "60.00", "items": [{"sku": "POT"}]}, {}),
    ("A-2 refunded", "order.refunded", "2026-10-25T12:00:00Z", {}, {"refund": {"amount": "10.00"}}),
]

_FENCE = re.compile(r"^(?P<fence>```+)(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
_OURS = re.compile(r"(?:[A-Z][A-Z0-9_]*=\S+ )*(?:messaging|curl) ")
_ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=")
_RULE = re.compile(r"^[\s─]*$")


@dataclass(frozen=True, slots=True)
class Fence:
    """A block of code in a document."""

    page: Path
    line: int
    #: The words after the opening fence: the language, then what the tests are to do with it.
    info: tuple[str, ...]
    text: str

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def fences_of(page: Path) -> list[Fence]:
    """The blocks of a document, in order."""
    text = page.read_text("utf-8")
    return [
        Fence(page, text.count("\n", 0, match.start()) + 1, tuple(match["info"].split()), match["text"])
        for match in _FENCE.finditer(text)
    ]


def pages() -> list[Path]:
    """All documents."""
    return [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if ".head." not in page.name)]


@dataclass
class Terminal:
    """Runs what a document shows after `$`, and sees that it prints what the document says."""

    folder: Path
    code: int = 0
    #: What was exported.
    variables: dict[str, str] = field(default_factory=dict)

    def play(self, fence: Fence) -> None:
        """One `console` block."""
        for command, shown in _turns(fence.text):
            told = self.run(command)
            assert matches(shown, told), f"{fence.place}: {command}\n--- shown\n{shown}\n--- printed\n{told}"
            if not shown:
                assert self.code == 0, f"{fence.place}: {command} ended with {self.code}\n{told}"

    def run(self, command: str) -> str:
        """What a command prints, both streams as they come."""
        if command == "echo $?":
            return f"{self.code}\n"
        if command.startswith("export "):
            (word,) = self._words(command.removeprefix("export "))
            name, _, self.variables[name] = word.partition("=")
            return ""
        words = self._words(command) if _OURS.match(command) else []
        variables = dict(self.variables)
        while words and _ASSIGNMENT.match(words[0]):
            name, _, variables[name] = words.pop(0).partition("=")
        if words[:1] == ["curl"]:
            return self._curl(words[1:])
        if not words:
            # What this environment has comes first, whether or not it is activated.
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            done = subprocess.run(
                command, shell=True, capture_output=True, text=True, cwd=self.folder, env={**os.environ, "PATH": path}
            )
            self.code = done.returncode
            return done.stdout + done.stderr
        result = CliRunner().invoke(main, words[1:], env=variables)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.code = result.exit_code
        return result.output

    def _words(self, command: str) -> list[str]:
        """The command's words as a shell makes them, with variables, quotes and `$(…)`."""
        script = f"printf '%s\\0' {command}"
        done = subprocess.run(
            ["sh", "-c", script],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, **self.variables},
            check=True,
        )
        return done.stdout.split("\0")[:-1]

    def _curl(self, words: Sequence[str]) -> str:
        """The little of curl that documents use, over the public app of this workspace."""
        headers, body, method, url, show = {}, None, None, "", False
        rest = iter(words)
        for word in rest:
            if word == "-H":
                name, _, value = next(rest).partition(":")
                headers[name] = value.strip()
            elif word in ("-d", "--data-binary"):
                body = next(rest)
                body = (self.folder / body[1:]).read_text("utf-8") if body.startswith("@") else body
                headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
            elif word == "-X":
                method = next(rest)
            elif word in ("-i", "-si"):
                show = True
            else:
                url = word
        with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
            for name, value in self.variables.items():
                patch.setenv(name, value)
            app = stack.enter_context(Messaging.open())
            public, _ = make_apps(app, Targets(app.store), "127.0.0.1")
            method = method or ("POST" if body is not None else "GET")
            answer = asyncio.run(_ask(public, httpx.Request(method, url, headers=headers, content=body)))
            app.recorder.drain()
        told = "".join(f"{name}: {value}\n" for name, value in sorted(answer.headers.items()))
        self.code = 0
        return (f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}\n{told}" if show else "") + answer.text


async def _ask(app: ASGIApp, request: httpx.Request) -> httpx.Response:
    return await httpx.AsyncClient(transport=httpx.ASGITransport(app=app)).send(request)


def _turns(text: str) -> Iterator[tuple[str, str]]:
    """Each command (with its continued lines) and the lines shown below it."""
    command: str | None = None
    shown: list[str] = []
    for line in text.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            if command is not None:
                yield command, "\n".join(shown)
            command, shown = line[2:], []
        else:
            shown.append(line)
    assert command is not None, "a console block without a command"
    yield command, "\n".join(shown)


def matches(shown: str, told: str) -> bool:
    """Whether `told` is as `shown`: blanks and rules do not count, `…` is anything, alone any lines."""
    if not shown.strip():
        return True
    pattern = "".join(
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in _plain(shown)
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in _plain(told))) is not None


def _plain(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if not _RULE.match(line)]


def _event(told: tuple[str, str, str, dict[str, Any], dict[str, Any]]) -> str:
    """What Ann did, as a line of history."""
    id, type, time, order, more = told
    data = {"order": {"number": id[:3], "currency": "EUR", **order}, **more}
    return json.dumps({"id": id, "type": type, "time": time, "customer": {"id": "ann"}, "data": data})


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new workspace, with the shop of the documents in it."""
    folder = tmp_path_factory.mktemp("docs") / "shop"
    make_workspace(folder)
    (folder / "people.csv").write_text(PEOPLE, "utf-8")
    (folder / "history.jsonl").write_text("\n".join(map(_event, HISTORY)), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MESSAGING_NOW", NOW)
        patch.chdir(folder)
        terminal = Terminal(folder)
        terminal.run('messaging customers import people.csv --consent email --consent-source "newsletter form"')
        assert terminal.code == 0
        terminal.run("messaging events import history.jsonl")
        assert terminal.code == 0
    return folder


@pytest.fixture
def new_terminal(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Terminal]:
    """A terminal in a workspace of one's own: the shop, or an empty one."""

    def open_one(with_shop: bool) -> Terminal:
        folder = tmp_path / "shop"
        if with_shop:
            shutil.copytree(made, folder)
        else:
            make_workspace(folder)
        monkeypatch.setenv("MESSAGING_NOW", NOW)
        monkeypatch.setenv("MESSAGING_API_KEY", API_KEY)
        monkeypatch.chdir(folder)
        return Terminal(folder)

    return open_one


@pytest.fixture
def fences() -> Callable[[Path], list[Fence]]:
    return fences_of


@pytest.fixture
def documents() -> list[Path]:
    return pages()


@pytest.fixture(name="turns")
def turns_() -> Callable[[str], Iterator[tuple[str, str]]]:
    return _turns


@pytest.fixture(name="matches")
def matches_() -> Callable[[str, str], bool]:
    return matches
