"""`messaging events`, as it is typed."""

from __future__ import annotations

import json

import pytest


def event(id="1", **changes):
    return {
        "id": id,
        "type": "order.placed",
        "time": "2026-03-01T10:00:00Z",
        "customer": {"id": "17", "email": "ann@example.com"},
        "data": {"order": {"number": id, "total": "49.90", "currency": "EUR"}},
    } | changes


def write(run, name, *events):
    (run.folder / name).write_text("".join(json.dumps(one) + "\n" for one in events))
    return name


def test_history(run):
    name = write(run, "history.jsonl", event("1"), event("2"))
    code, out, _ = run("events", "import", name, "--json")
    assert code == 0
    assert json.loads(out) == {"read": 2, "new": 2, "known": 0, "failed": 0, "rejected": 0}
    assert json.loads(run("events", "import", name, "--json")[1])["known"] == 2
    listed = json.loads(run("events", "list", "--customer", "17", "--json")[1])
    assert sorted(one["id"] for one in listed) == ["1", "2"]
    assert "order.placed" in run("events", "list")[1]


def test_history_with_bad_lines(run):
    (run.folder / "history.jsonl").write_text(json.dumps(event()) + "\nnonsense\n" + "x" * 3_000_000 + "\n")
    code, out, err = run("events", "import", "history.jsonl", "--json")
    assert code == 3
    assert json.loads(out)["rejected"] == 2
    assert "history.rejected.jsonl" in err
    rejected = [json.loads(line) for line in (run.folder / "history.rejected.jsonl").read_text().splitlines()]
    assert [bad["line"] for bad in rejected] == [2, 3]


@pytest.mark.parametrize("form", ["one", "list", "lines", "stdin"])
def test_send(run, form):
    one, two = event("1"), event("2")
    text = {"one": json.dumps(one, indent=2), "list": json.dumps([one, two]), "stdin": json.dumps(one)}.get(
        form, json.dumps(one) + "\n" + json.dumps(two)
    )
    (run.folder / "event.json").write_text(text)
    if form == "stdin":
        code, out, _ = run("events", "send", "-", "--json", stdin=text)
    else:
        code, out, _ = run("events", "send", "event.json", "--json")
    assert code == 0
    answers = json.loads(out)
    first = answers[0] if isinstance(answers, list) else answers
    assert (first["state"], first["new"], first["customer"]) == ("done", True, "17")
    assert (len(answers) == 2) is (form in ("list", "lines")) or not isinstance(answers, list)


def test_send_the_same_and_another(run):
    write(run, "a.json", event("1"))
    write(run, "b.json", event("1", time="2026-03-01T11:00:00Z"))
    assert run("events", "send", "a.json")[0] == 0
    code, out, _ = run("events", "send", "a.json", "--json")
    assert (code, json.loads(out)["new"]) == (0, False)
    code, _, err = run("events", "send", "b.json")
    assert code == 1
    assert "known with another content" in err


@pytest.mark.parametrize("text", ["", "nonsense", "{", "[]x", '"text"', "{}", '{"id": NaN}'])
def test_send_what_is_no_event(run, text):
    code, _, err = run("events", "send", "-", stdin=text)
    assert code == 1
    assert err.startswith("messaging: ")
    assert "Traceback" not in err


def test_some_of_several(run):
    write(run, "a.json", event("1"), event("2", time="soon"))
    code, out, err = run("events", "send", "a.json", "--json")
    assert code == 3
    assert "1 of 2 events" in err
    assert json.loads(out)[1]["error"].startswith("time:")


def test_history_from_standard_input(run):
    line = json.dumps(
        {
            "id": "1",
            "type": "order.placed",
            "time": "2026-03-01T10:00:00Z",
            "customer": {"id": "17"},
            "data": {"order": {"number": "1"}},
        }
    )
    code, out, err = run("events", "import", "-", "--json", stdin=f"{line}\nno event\n")
    assert (code, json.loads(out)["new"], json.loads(out)["rejected"]) == (3, 1, 1)
    assert f"1 line was rejected: see {run.folder / 'events.rejected.jsonl'}" in err
