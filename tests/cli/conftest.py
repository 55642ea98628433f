"""The command line, as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from messaging.cli import main
from messaging.workspace.folder import make_workspace


class Run:
    """Runs command lines in a new workspace, on 2026-03-02 at 10:00 UTC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: object, stdin: str | None = None) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        done = CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin, prog_name="messaging")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    folder = tmp_path / "shop"
    make_workspace(folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MESSAGING_NOW", "2026-03-02T10:00:00Z")
    return Run(folder)
