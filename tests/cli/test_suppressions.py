"""`messaging suppressions`, as it is typed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.nouns.consent import Suppression
from messaging.services.forgotten import Forgotten


def listed(run: Any, *options: str) -> dict[str, str]:
    code, out, err = run("suppressions", "list", "--json", *options)
    assert code == 0, err
    return {one["address"]: one["reason"] for one in json.loads(out)}


def test_added_they_are_listed_and_get_nothing(run: Any) -> None:
    (run.folder / "people.csv").write_text("id,email\na,ann@example.com\nb,bob@example.com\n", "utf-8")
    assert run("customers", "import", "people.csv", "--consent", "email")[0] == 0
    code, out, err = run("suppressions", "add", " ANN@Example.com", "+1 500 555 0006", "+15005550007", "--json")
    assert code == 0, err
    assert json.loads(out) == {"suppressed": 3, "known": 0, "unreadable": 0}
    assert set(listed(run)) == {"ann@example.com", "+15005550006", "+15005550007"}
    assert listed(run, "--channel", "email") == {"ann@example.com": "by hand"}
    assert run("campaigns", "create", "spring", "--template", "promotion", "--segment", "everyone")[0] == 0
    code, out, _ = run("campaigns", "plan", "spring")
    assert code == 0
    assert "suppressed (by hand)" in out


def test_a_list_from_another_tool(run: Any) -> None:
    rows = ["Date,E-Mail", "2025-01-01,Ann <ann@example.com>", "2025-01-02,nobody", "2025-01-02,ann@example.com"]
    code, out, err = run("suppressions", "add", "--file", "-", "--reason", "bounced", "--json", stdin="\n".join(rows))
    assert code == 3
    assert json.loads(out) == {"suppressed": 1, "known": 0, "unreadable": 1}
    assert "standard input, line 3: nobody" in err or "standard input, line 3: 'nobody'" in err
    assert listed(run) == {"ann@example.com": "bounced"}
    again = run("suppressions", "add", "ann@example.com", "--json")
    assert json.loads(again[1]) == {"suppressed": 0, "known": 1, "unreadable": 0}
    assert listed(run) == {"ann@example.com": "bounced"}


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["add"], "give addresses"),
        (["add", "ann"], "Say which --channel"),
        (["add", "ann@"], "not an email address"),
        (["add", "ann@example.com", "--reason", " "], "the reason"),
        (["add", "ann@example.com", "--reason", "erased"], "customers erase"),
        (["add", "--file", "none.csv"], "none.csv"),
        (["remove", "ann@example.com"], "is not suppressed"),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(run: Any, arguments: list[str], word: str) -> None:
    code, out, err = run("suppressions", *arguments)
    assert code != 0
    assert not out
    assert word in err
    assert len(err.splitlines()) == 1
    assert listed(run) == {}


def test_a_file_without_addresses(run: Any) -> None:
    code, _, err = run("suppressions", "add", "--file", "-", stdin="name\nAnn\n")
    assert code == 1
    assert "no column with addresses" in err


def test_one_is_lifted(run: Any) -> None:
    run("suppressions", "add", "ann@example.com", "--reason", "bounced")
    code, out, err = run("suppressions", "remove", "Ann@example.com")
    assert code == 0
    assert "ann@example.com is written to again" in err
    assert listed(run) == {}


def test_who_said_stop_undoes_it_alone(run: Any) -> None:
    with Messaging.open(str(run.folder)) as app:
        stop = Suppression(channel="sms", address="+15005550006", reason="opted out", at=app.clock.now())
        app.store.addresses.suppress([stop])
    code, _, err = run("suppressions", "remove", "+15005550006")
    assert code == 1
    assert "only its owner can undo that" in err
    assert listed(run) == {"+15005550006": "opted out"}


def test_who_was_erased_is_in_no_list(run: Any) -> None:
    with Messaging.open(str(run.folder)) as app:
        Forgotten(app.store, b"k" * 32).keep([("email", "ann@example.com")], at=app.clock.now())
    assert listed(run) == {}
    code, out, _ = run("suppressions", "list")
    assert code == 0
    assert "erase" not in out
