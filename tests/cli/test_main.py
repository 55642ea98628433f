"""The door itself: help, versions, one line for what goes wrong, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import messaging
from messaging.cli import COMMANDS, main
from messaging.workspace.folder import make_workspace


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments, prog_name="messaging")
    return result.exit_code, result.stdout, result.stderr


def test_help_lists_every_family() -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert [name for name in COMMANDS if name not in out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    code, out, _ = run(name, "--help")
    assert code == 0
    assert "Usage: messaging" in out


def test_version() -> None:
    assert run("-V") == (0, f"messaging, version {messaging.__version__}\n", "")


def test_wrong_use_is_one_line_and_exit_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (("campaigns", "send"), ("campaigns", "send", "--nope"), ("init",), ("nonsense",)):
        code, out, err = run(*arguments)
        assert (code, out) == (2, "")
        assert err.count("\n") == 1, err
        assert "--help" in err


def test_no_workspace_is_one_line_and_exit_code_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("campaigns", "list")
    assert (code, out) == (4, "")
    assert err.startswith("messaging: no messaging.toml in")
    assert err.count("\n") == 1


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    script = f"{sys.executable} -m messaging --help | true"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_is_quick_because_it_imports_little() -> None:
    code = (
        "import sys; from messaging.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'fastapi', 'uvicorn', 'sendgrid', 'css_inline', 'phonenumbers', 'tinydb', 'messaging.app'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_wrong_call_is_a_sentence_on_one_line(run):
    code, _, err = run("customers", "import", "people.csv", "--dates", "ymd")
    assert code == 2
    assert err.count("\n") == 1
    assert "'ymd' is not one of 'dmy', 'mdy'. See messaging customers import --help." in err


@pytest.mark.parametrize(
    "command",
    [
        ("customers", "import"),
        ("events", "import"),
        ("events", "send"),
        ("bounces", "import"),
        ("bounces", "import", "--delete"),
    ],
)
def test_a_file_that_is_not_there_is_one_line_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    make_workspace(tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    code, out, err = run(*command, "missing.file")
    assert (code, out) == (1, "")
    assert err.startswith("messaging: missing.file: No such file or directory")
    assert err.count("\n") == 1
