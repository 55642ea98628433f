"""`messaging rehearse` and `messaging templates test`, as they are typed."""

from __future__ import annotations

import json

import pytest


def placed(number, day, customer="ann"):
    return json.dumps(
        {
            "id": f"{number} placed",
            "type": "order.placed",
            "time": f"2026-01-{day:02}T10:00:00Z",
            "customer": {"id": customer, "email": f"{customer}@example.com"},
            "data": {"order": {"number": str(number), "total": "1.00", "currency": "EUR"}},
        }
    )


@pytest.fixture
def history(run, tmp_path):
    people = tmp_path / "people.csv"
    people.write_text("id,email\nann,ann@example.com\n")
    assert run("customers", "import", people)[0] == 0
    path = tmp_path / "history.jsonl"
    path.write_text("\n".join([placed(1, 2), placed(2, 9), placed(3, 9, "bob")]))
    return path


def test_a_table_and_a_plot(run, history):
    code, out, err = run("rehearse", history, "--template", "order-confirmation")
    assert (code, err) == (0, "")
    assert "2026-01-02 to 2026-01-09: 3 events. Nothing was sent." in out
    assert out.split("order-confirmation")[1].split()[:6] == ["email", "3", "3", "0", "0", "0"]
    assert "█" * 50 in out
    assert run("messages", "list", "--json")[1].strip() == "[]"


def test_the_headline_says_what_was_run(run, history):
    code, out, _ = run("rehearse", history, "--template", "order-confirmation", "--to", "2026-03-01T00:00:00Z")
    assert code == 0
    assert "2026-01-02 to 2026-03-01: 3 events. Nothing was sent." in out


def test_one_customer(run, history):
    code, out, _ = run("rehearse", history, "--template", "order-confirmation", "--customer", "ann@example.com")
    assert code == 0
    assert out.count("order-confirmation") == 2
    assert "2026-01-02 10:00" in out


def test_json(run, history):
    code, out, _ = run("rehearse", history, "--from", "2026-01-05T00:00:00Z", "--customer", "ann", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["events"]["before"] == 1
    assert {row["template"]: row["sent"] for row in document["templates"]}["order-confirmation"] == 2
    assert [row["template"] for row in document["customer"] if row["state"] == "sent"] == ["order-confirmation"]
    assert "html" in document["customer"][0]["parts"]


def test_standard_input_and_lines_that_are_no_events(run, history):
    code, out, err = run("rehearse", "-", "--template", "order-confirmation", stdin=history.read_text() + "\nno\n")
    assert code == 3
    assert "3 events" in out
    assert "1 line could not be told; line 4: not JSON" in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: No such file"),
        (["-", "--template", "no-such"], "no template 'no-such'"),
        (["-", "--template", "promotion"], "template promotion has no triggers"),
        (["-", "--to", "tomorrow"], "is not a time"),
        (["-"], "no event to rehearse. The file is empty."),
    ],
)
def test_one_line_for_what_is_wrong(run, arguments, problem):
    code, out, err = run("rehearse", *arguments, stdin="")
    assert code != 0
    assert out == ""
    assert problem in err
    assert err.count("\n") == 1


def test_template_tests(run):
    folder = run.folder / "templates" / "order-confirmation"
    event = placed(1, 2).replace('": ', '" = ').replace("{", "{ ")
    step = f"[[tests.steps]]\nevent = {event}\n"
    (folder / "tests.toml").write_text(
        f'[[tests]]\nname = "sent"\nnow = "2026-01-02T10:00:00Z"\n{step}[[tests.steps]]\nexpect = [{{}}]\n'
        f'[[tests]]\nname = "not sent"\nnow = "2026-01-02T10:00:00Z"\n{step}'
    )
    code, out, err = run("templates", "test", "order-confirmation")
    assert code == 1
    assert "order-confirmation: not sent: step 1: nothing more was expected, but:" in out
    assert "1 test passed." in err
    assert "1 test failed" in err
    code, out, _ = run("templates", "test", "order-confirmation", "--json")
    assert json.loads(out)["failed"] == 1
