"""`messaging adapters`: how each does, and a person who ends a rest."""

from __future__ import annotations

import json
from typing import Any

from messaging.app import Messaging
from messaging.rules.resting import Took


def rest(folder: Any) -> None:
    with Messaging.open(str(folder)) as app:
        app.rests.record("mailbox", Took(well=False, at_once=True, reason="no room"))


def test_all_are_listed_with_how_they_do(run: Any) -> None:
    code, out, _ = run("adapters", "list")
    assert code == 0
    assert "mailbox" in out
    assert "rests" not in out
    rest(run.folder)
    _, out, _ = run("adapters", "list", "--json")
    found = {row["adapter"]: row for row in json.loads(out)}
    assert found["mailbox"]["rest"]["reason"] == "no room"
    assert found["mailbox"]["used"]
    assert found["smtp"] == {"adapter": "smtp", "channel": "email", "used": False, "rest": None}
    assert "mailbox rests until" in " ".join(run("adapters", "list")[1].split())


def test_a_person_ends_a_rest(run: Any) -> None:
    code, out, err = run("adapters", "resume", "mailbox")
    assert (code, out) == (0, "")
    assert "mailbox does not rest" in err
    rest(run.folder)
    assert "mailbox rests no more" in run("adapters", "resume", "mailbox")[2]
    with Messaging.open(str(run.folder)) as app:
        assert app.rests.all() == {}


def test_one_that_is_not_there_is_named(run: Any) -> None:
    code, _, err = run("adapters", "resume", "mailbx")
    assert code == 4
    assert "mailbx" in err
    assert "mailbox" in err
