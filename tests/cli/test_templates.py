from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from messaging import Receipt
from messaging_email.mailbox import Mailbox

Run = Any


@pytest.fixture
def few(run: Run) -> Run:
    """A workspace with one template of its own and one starter."""
    for folder in (run.folder / "templates").iterdir():
        if folder.name not in ("_layouts", "order-confirmation"):
            for file in sorted(folder.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
            folder.rmdir()
    return run


def test_list(run: Run) -> None:
    code, out, _ = run("templates", "list", "--json")
    assert code == 0
    listed = {row["template"]: row for row in json.loads(out)["templates"]}
    assert listed["order-confirmation"]["triggers"] == ["order.placed"]
    assert listed["order-confirmation"]["locales"] == ["de", "pt"]
    assert "win-back" in run("templates", "list")[1]


def test_new_check_and_preview(few: Run) -> None:
    assert few("templates", "new", "hello")[0] == 0
    code, out, err = few("templates", "check", "hello")
    assert (code, out) == (0, ""), out
    assert "nothing is wrong" in err
    code, out, _ = few("templates", "preview", "hello", "--json")
    assert code == 0
    parts = json.loads(out)["parts"]
    assert parts["subject"] == "Your order 10482"
    assert "Hello Ann" in parts["text"]
    assert few("templates", "new", "hello")[0] == 1
    assert few("templates", "new", "../x")[0] == 1


def test_check_fails_with_file_and_line(few: Run) -> None:
    file = few.folder / "templates" / "order-confirmation" / "email.html"
    file.write_text(file.read_text("utf-8") + "\n{% block x %}{{ order.numbr }}{% endblock %}", "utf-8")
    (few.folder / "templates" / "order-confirmation" / "sms.txt").write_text("a\n{{ order.numbr }}", "utf-8")
    code, out, err = few("templates", "check", "order-confirmation", "--json")
    assert code == 1
    problems = json.loads(out)["problems"]
    assert {(p["file"], p["line"], p["severity"]) for p in problems if "numbr" in p["message"]} == {
        ("templates/order-confirmation/sms.txt", 2, "error")
    }
    assert "error" in err or err == ""


def test_check_strict_fails_on_warnings(few: Run) -> None:
    few("templates", "new", "hello")
    page = few.folder / "templates" / "hello" / "email.html"
    page.write_text(page.read_text("utf-8").replace("{{ customer.first_name }}", "{{ customer.city }}"), "utf-8")
    assert few("templates", "check", "hello")[0] == 0
    code, out, _ = few("templates", "check", "hello", "--strict")
    assert code == 1
    assert out.startswith("templates/hello/email.html:5: warning: customer.city may be missing")


def test_what_a_plugin_brings_is_known_to_check(few: Run) -> None:
    few("templates", "new", "hello")
    page = few.folder / "templates" / "hello" / "email.html"
    page.write_text(page.read_text("utf-8") + "{% if 1 is sunny %}{{ weather.today }}{% endif %}", "utf-8")
    assert "there is no 'weather'" in few("templates", "check", "hello")[1]
    (few.folder / "plugins" / "weather.py").write_text(
        "from messaging import hookimpl\n"
        "@hookimpl\ndef register_context_names():\n    return ['weather']\n"
        "@hookimpl\ndef prepare_context(context):\n    context['weather'] = {'today': 'all blue'}\n"
        "@hookimpl\ndef prepare_environment(environment):\n    environment.tests['sunny'] = lambda value: True\n"
    )
    code, out, err = few("templates", "check", "hello")
    assert (code, out) == (0, ""), out
    assert "nothing is wrong" in err
    assert "all blue" in few("templates", "preview", "hello")[1]


def test_preview_speaks_the_readers_language(few: Run) -> None:
    _, out, _ = few("templates", "preview", "order-confirmation", "--locale", "de-AT", "--channel", "sms")
    assert "Bestellung 10482" in out
    code, _, err = few("templates", "preview", "order-confirmation", "--channel", "fax")
    assert code == 1
    assert "no fax part" in err
    assert few("templates", "preview", "nope")[0] == 1
    code, _, err = few("templates", "preview", "order-confirmation", "--customer", "nobody")
    assert code == 1
    assert "no customer 'nobody'" in err


def test_preview_opens_a_page(few: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", lambda url: opened.append(url) or 0)
    code, out, _ = few("templates", "preview", "order-confirmation", "--open")
    assert code == 0
    assert opened == [out.strip()]
    assert "10482" in Path(opened[0]).read_text("utf-8")


def test_a_test_send_goes_the_way_of_every_message(few: Run) -> None:
    code, _, err = few("templates", "send-test", "order-confirmation", "--to", "Ann <ANN@example.com>")
    assert code == 0, err
    assert "ann@example.com" in err
    [letter] = (few.folder / "mailbox").glob("*.eml")
    assert b"10482" in letter.read_bytes()
    code, out, _ = few("messages", "list", "--template", "order-confirmation", "--json")
    [message] = json.loads(out)
    assert message["state"] == "sent"


@pytest.mark.parametrize(
    ("receipt", "code"),
    [(lambda id: Receipt.refused(id, "no such user"), 5), (lambda id: Receipt.try_again(id, "is down"), 1)],
)
def test_a_test_send_that_fails(few: Run, monkeypatch: pytest.MonkeyPatch, receipt: Any, code: int) -> None:
    """Refused by the provider is not the same as a provider that nobody answers at."""
    monkeypatch.setattr(Mailbox, "deliver", lambda self, messages: [receipt(m.id) for m in messages])
    ended, _, err = few("templates", "send-test", "order-confirmation", "--to", "ann@example.com")
    assert (ended, err.count("\n")) == (code, 1)
    assert "no such user" in err or "was not sent: is down" in err
    [message] = json.loads(few("messages", "list", "--template", "order-confirmation", "--json")[1])
    assert message["state"] in ("refused", "skipped"), "nobody comes back for a test"


def test_a_test_to_somebody_who_is_erased_is_erased_too(few: Run) -> None:
    (few.folder / "people.csv").write_text("id,email\nann,ann@example.com\n", "utf-8")
    few("customers", "import", "people.csv")
    assert few("templates", "send-test", "order-confirmation", "--to", "ann@example.com")[0] == 0
    code, _, err = few("customers", "erase", "ann@example.com", "--yes")
    assert code == 0, err
    left = [path for path in few.folder.rglob("*") if path.is_file() and b"ann@example.com" in path.read_bytes()]
    assert [path.name for path in left if path.suffix != ".csv"] == []


def test_a_test_send_to_nowhere(few: Run) -> None:
    code, _, err = few("templates", "send-test", "order-confirmation", "--to", "nowhere")
    assert code == 1
    assert "not an email address" in err
    code, _, err = few("templates", "send-test", "order-confirmation", "--channel", "sms", "--to", "+12025550123")
    assert code == 4
    assert "no adapter for sms" in err


def test_a_broken_template_is_one_line(few: Run) -> None:
    (few.folder / "templates" / "order-confirmation" / "template.toml").write_text("class = ", "utf-8")
    code, out, _ = few("templates", "check")
    assert code == 1
    assert out.startswith("templates/order-confirmation/template.toml:1: error: not TOML")
    code, _, err = few("templates", "preview", "order-confirmation")
    assert code == 1
    assert len(err.strip().splitlines()) == 1
