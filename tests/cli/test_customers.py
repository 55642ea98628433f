"""`messaging customers`, as it is typed."""

from __future__ import annotations

import csv
import io
import json
import tomllib

import pytest


@pytest.fixture
def people(run):
    file = run.folder / "people.csv"
    file.write_text(
        "Customer ID,Email,First Name,Phone,points\n"
        "17,ann@example.com,Ann,+43 664 1234567,12\n"
        "18,bob@example.com,=cmd(),,3\n"
    )
    return file


def test_import_says_what_it_did(run, people):
    code, out, err = run("customers", "import", people, "--consent", "email:news", "--json")
    assert code == 0
    assert json.loads(out) == {"read": 2, "created": 2, "updated": 0, "rejected": 0}
    assert "points (number)" in err
    assert tomllib.loads((run.folder / "messaging.toml").read_text())["attributes"] == {"points": "number"}
    code, out, _ = run("customers", "import", people, "--json")
    assert json.loads(out) == {"read": 2, "created": 0, "updated": 2, "rejected": 0}


def test_import_that_could_not_take_everything(run, people):
    people.write_text(people.read_text() + "19,nobody,,,\n")
    code, out, err = run("customers", "import", people, "--json")
    assert code == 3
    assert json.loads(out)["rejected"] == 1
    assert "1 rows were rejected: see" in err
    with (run.folder / "people.rejected.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["line"], row["Email"]) == ("4", "nobody")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing.csv",),
        ("people.csv", "--map", "email"),
        ("people.csv", "--map", "email=Mail"),
        ("people.csv", "--consent", "E-Mail!"),
        ("people.csv", "--consent", "email:*x"),
    ],
)
def test_import_that_cannot_be(run, people, arguments):
    code, out, err = run("customers", "import", *arguments)
    assert code == 1
    assert out == ""
    assert err.startswith("messaging: ")
    assert err.count("\n") == 1
    assert json.loads(run("customers", "list", "--json")[1]) == []


def test_list_and_show(run, people):
    run("customers", "import", people, "--consent", "email", "--consent-source", "the till")
    assert [c["id"] for c in json.loads(run("customers", "list", "--json")[1])] == ["17", "18"]
    assert len(json.loads(run("customers", "list", "--limit", 1, "--json")[1])) == 1
    assert "ann@example.com" in run("customers", "list")[1]
    for name in ("17", "ANN@example.com", "+436641234567", "+43 664 1234567"):
        shown = json.loads(run("customers", "show", name, "--json")[1])
        assert shown["customer"]["first_name"] == "Ann"
        assert shown["addresses"][0]["consents"][0]["source"] == "the till"
    code, _, err = run("customers", "show", "19")
    assert (code, err.splitlines()[0][:26]) == (1, "messaging: no customer '19")
    code, _, err = run("customers", "show", "17")
    assert code == 0
    assert "agreed to *" in err


def test_export_is_safe_in_a_spreadsheet_and_can_be_imported(run, people):
    run("customers", "import", people)
    code, out, _ = run("customers", "export")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert rows[1]["first_name"] == "'=cmd()"
    assert rows[0]["phone"] == "+436641234567"
    assert rows[0]["points"] == "12"
    before = run("customers", "list", "--json")[1]
    run("customers", "export", "--output", "out.csv")
    assert json.loads(run("customers", "import", "out.csv", "--json")[1])["updated"] == 2
    after = json.loads(run("customers", "list", "--json")[1])
    assert [c["first_name"] for c in after] == [c["first_name"] for c in json.loads(before)]
    assert json.loads(run("customers", "export", "18")[1])["customer"]["email"] == "bob@example.com"


def test_erase(run, people):
    run("customers", "import", people)
    code, _, _ = run("customers", "erase", "ann@example.com", stdin="n\n")
    assert code == 1
    code, out, _ = run("customers", "erase", "ann@example.com", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["addresses"] == 2
    assert run("customers", "show", "17")[0] == 1
    assert b"ann@example.com" not in (run.folder / "data" / "store.jsonl").read_bytes()
