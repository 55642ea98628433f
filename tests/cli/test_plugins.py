"""`messaging plugins`: listed with what they bring, checked with what to do, inside of a workspace and outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import messaging.cli.plugins
from messaging.cli import main
from messaging.workspace.folder import Workspace, make_workspace

ADAPTER = """
from messaging import Adapter, AdapterSettings, Capabilities, Receipt, hookimpl

class Pigeon(Adapter):
    name = "pigeon"
    channel = "roof"
    leaves_the_machine = False
    {more}

    def deliver(self, messages):
        for message in messages:
            {each}

@hookimpl
def register_adapters():
    return [Pigeon]
"""
SOURCE = """
from messaging import EventSource, RequestRejected, hookimpl

class Shop(EventSource):
    name = "tea"

    def verify(self, request):
        {verify}

    def events(self, request):
        return []

@hookimpl
def register_event_sources():
    return [Shop]
"""
RULE = """
from messaging import Deny, hookimpl

@hookimpl
def check_messages(messages, facts):
    {body}
"""
GOOD = ADAPTER.format(more="", each="yield Receipt.accepted(message.id)")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = make_workspace(tmp_path / "shop")
    monkeypatch.chdir(workspace.root)
    return workspace


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments, prog_name="messaging")
    return result.exit_code, result.stdout, result.stderr


def check(name: str) -> tuple[int, str, str]:
    """In a process of its own: it runs pytest."""
    command = [sys.executable, "-m", "messaging", "plugins", "check", name]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def listed(*arguments: str) -> dict[str, dict[str, object]]:
    code, out, _ = run(*arguments, "plugins", "list", "--json")
    assert code == 0
    return {plugin["name"]: plugin for plugin in json.loads(out)}


def test_they_are_listed_outside_of_a_workspace(outside: Path) -> None:
    email = listed()["email"]
    assert (email["distribution"], email["state"], email["fault"]) == ("customer-messaging", "works", None)
    assert email["hooks"] == ["register_adapters"]
    adapters = {adapter["name"]: adapter for adapter in email["adapters"]}
    assert set(adapters["sendgrid"]) == {"name", "channel", "batch_size", "idempotency_key", "lookup", "callbacks"}
    code, out, _ = run("plugins", "list")
    assert (code, "mailbox (email)" in out) == (0, True)


def test_a_drop_in_is_listed_with_the_others(workspace: Workspace) -> None:
    (workspace.plugins / "pigeon.py").write_text(GOOD, "utf-8")
    (workspace.plugins / "broken.py").write_text("import nothing_like_that", "utf-8")
    found = listed()
    assert (found["pigeon"]["state"], found["broken"]["state"]) == ("works", "left out")
    assert "ModuleNotFoundError" in str(found["broken"]["fault"])
    _, out, err = run("plugins", "list")
    assert "pigeon (roof)" in out
    assert "plugin broken (from " in err


def test_one_that_is_off_is_listed_as_such(workspace: Workspace) -> None:
    (workspace.plugins / "pigeon.py").write_text("1/0", "utf-8")
    with workspace.settings.open("a", encoding="utf-8") as file:
        file.write('\n[plugins]\noff = ["pigeon", "sms"]\n')
    found = listed()
    assert found["pigeon"].keys() == found["email"].keys()
    assert [(found[name]["state"], found[name]["adapters"]) for name in ("pigeon", "sms")] == [("off", []), ("off", [])]


def test_without_plugins_there_are_none(outside: Path) -> None:
    assert listed("--no-plugins") == {}


def test_a_workspace_that_is_named_must_be_one(outside: Path) -> None:
    code, _, err = run("--workspace", "nowhere", "plugins", "list")
    assert (code, err.count("\n")) == (4, 1)


def test_new_makes_it_and_says_how_to_go_on(outside: Path) -> None:
    code, out, err = run("plugins", "new", "tea-shop", "--kind", "source", "--dir", "here")
    assert (code, out) == (0, "")
    assert "cd here/messaging-tea-shop" in err
    assert (outside / "here" / "messaging-tea-shop" / "messaging_tea_shop.py").is_file()


def test_what_is_installed_is_not_made_again(outside: Path) -> None:
    assert run("plugins", "new", "smtp") == (
        1,
        "",
        "messaging: 'smtp' is already there, from customer-messaging. Take another name.\n",
    )
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("name", ["email", "rules", "sms", "webhook"])
def test_ours_are_right(outside: Path, name: str) -> None:
    code, out, err = check(name)
    assert (code, out) == (0, ""), out
    assert err.startswith(f"plugin {name} (customer-messaging): nothing wrong.")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import nothing_like_that", "could not be loaded: ModuleNotFoundError"),
        ("", "it has no hook: mark functions with @messaging.hookimpl"),
        (
            ADAPTER.format(more="capabilities = Capabilities(lookup=True)", each="yield Receipt.accepted(message.id)"),
            "adapter pigeon: it declares lookup and has no method lookup: write it, or declare it not",
        ),
        (
            ADAPTER.format(more="def callback(self, request): ...", each="yield Receipt.accepted(message.id)"),
            "adapter pigeon: nobody calls its method callback: declare capabilities = Capabilities(callbacks=True)",
        ),
        (ADAPTER.format(more="", each="pass; yield from ()"), "adapter pigeon: "),
        (ADAPTER.format(more="", each="yield Receipt.accepted('nobody')"), "adapter pigeon: "),
        (SOURCE.format(verify="pass"), "verify lets a request without a signature pass: raise RequestRejected"),
        (SOURCE.format(verify="1/0"), "verify raised ZeroDivisionError for a request without a signature"),
        (RULE.format(body="1/0"), "check_messages: check_messages raised ZeroDivisionError"),
        (
            RULE.format(body="return [Deny(message_id=m.id, reason='no') for m in messages]"),
            "it denies an order message",
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(workspace: Workspace, source: str, problem: str) -> None:
    (workspace.plugins / "odd.py").write_text(source, "utf-8")
    code, out, err = check("odd")
    assert (code, problem in out) == (1, True), out + err
    assert all(":" in line for line in out.splitlines())
    number = len(out.splitlines())
    assert f"messaging: plugin odd: {number} problem{'s' if number > 1 else ''}" in err


def test_one_that_brings_what_another_has(workspace: Workspace) -> None:
    (workspace.plugins / "dove.py").write_text(GOOD.replace('"pigeon"', '"smtp"'), "utf-8")
    assert check("dove") == (
        1,
        f"plugin dove (from {workspace.plugins / 'dove.py'}): "
        "the adapter 'smtp' is already there, from plugin email (customer-messaging)\n",
        "messaging: plugin dove: 1 problem\n",
    )


def test_a_right_one_is_told_what_it_brings(workspace: Workspace) -> None:
    (workspace.plugins / "pigeon.py").write_text(GOOD, "utf-8")
    (workspace.plugins / "tea.py").write_text(SOURCE.format(verify="raise RequestRejected('no')"), "utf-8")
    code, out, err = check("pigeon")
    assert (code, out) == (0, "")
    assert err.endswith("nothing wrong. It brings adapter pigeon (roof).\n")
    assert check("tea")[2].endswith("nothing wrong. It brings event source tea.\n")


def test_one_that_is_not_there(workspace: Workspace) -> None:
    (workspace.plugins / "pigeon.py").write_text(GOOD, "utf-8")
    assert run("plugins", "check", "--here", "pidgeon") == (
        1,
        "",
        "messaging: no plugin 'pidgeon'. Did you mean pigeon?\n",
    )
    code, _, err = run("plugins", "check", "--here", "x")
    assert code == 1
    assert err.startswith("messaging: no plugin 'x'. Installed: email, ")
    assert "pigeon" in err


def test_without_pytest_it_says_what_it_did_not_do(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    (workspace.plugins / "pigeon.py").write_text(GOOD, "utf-8")
    code, _, err = run("plugins", "check", "--here", "pigeon")
    assert code == 0
    assert 'only what is declared was looked at: pip install "customer-messaging[testing]"' in err


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import os; os._exit(0)", "it ends the process that it is loaded in (exit code 0). Look for os._exit"),
        ("import os; os._exit(7)", "it ends the process that it is loaded in (exit code 7)"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "it ends the process that it is loaded in (signal 9)",
        ),
        ("import ctypes; ctypes.string_at(0)", "it ends the process that it is loaded in (signal 11)"),
        (RULE.format(body="import os; os._exit(0)"), "it ends the process that it is loaded in (exit code 0)"),
    ],
)
def test_one_that_ends_the_process_is_told(workspace: Workspace, source: str, problem: str) -> None:
    (workspace.plugins / "odd.py").write_text(source, "utf-8")
    code, out, err = check("odd")
    assert (code, out) == (1, "")
    assert f"messaging: plugin odd: {problem}" in err


def test_one_that_never_lets_go_is_given_up_on(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.plugins / "odd.py").write_text("import re; re.match('(a+)+$', 'a' * 60 + 'b')", "utf-8")
    monkeypatch.setattr(messaging.cli.plugins, "_LONG", 3.0)
    assert run("plugins", "check", "odd") == (
        1,
        "",
        "messaging: plugin odd: not done after 3 seconds. Look for what never lets go of the interpreter: "
        "a regular expression, a loop in C.\n",
    )


def test_one_that_hangs_is_told(workspace: Workspace) -> None:
    with workspace.settings.open("a", encoding="utf-8") as file:
        file.write('\n[plugins]\ntimeout = "1 second"\n')
    (workspace.plugins / "odd.py").write_text("import time; time.sleep(600)", "utf-8")
    code, out, err = check("odd")
    assert (code, "could not be loaded: it has not come back for 1 seconds" in out) == (1, True)
    assert err == "messaging: plugin odd: 1 problem\n"
    assert listed()["odd"]["state"] == "left out"


def test_one_that_hangs_can_be_switched_off(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything of it runs."""
    (workspace.plugins / "odd.py").write_text("raise SystemExit('it ran')", "utf-8")
    assert listed("--no-plugins") == {}
    monkeypatch.setenv("MESSAGING__PLUGINS__OFF", '["odd"]')
    assert listed()["odd"]["state"] == "off"


def test_what_one_prints_while_it_is_loaded_is_no_output(workspace: Workspace) -> None:
    (workspace.plugins / "odd.py").write_text("print('{')\n" + GOOD, "utf-8")
    assert listed()["odd"]["state"] == "works"


@pytest.mark.parametrize("name", ["off", "timeout", "sms", "shops"])
@pytest.mark.parametrize("options", [(), ("--no-plugins",)])
def test_names_that_are_taken(outside: Path, name: str, options: tuple[str, ...]) -> None:
    code, out, err = run(*options, "plugins", "new", name, "--kind", "rule")
    assert (code, out) == (1, "")
    assert err.startswith(f"messaging: {name!r}")
    assert err.endswith("Take another name.\n")
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("off", [{"MESSAGING__PLUGINS__OFF": '["pigeon"]'}, {}])
def test_one_is_checked_also_where_it_is_off(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, off: dict[str, str]
) -> None:
    (workspace.plugins / "pigeon.py").write_text(GOOD, "utf-8")
    for name, value in off.items():
        monkeypatch.setenv(name, value)
    code, _, err = run(*([] if off else ["--no-plugins"]), "plugins", "check", "--here", "pigeon")
    assert (code, err.splitlines()[-1].rpartition(": ")[2]) == (0, "nothing wrong. It brings adapter pigeon (roof).")
