"""`messaging customers`, as it is typed."""

from __future__ import annotations

import csv
import errno
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
    code, out, err = run("customers", "import", people, "--json")
    assert json.loads(out) == {"read": 2, "created": 0, "updated": 2, "rejected": 0}
    assert "Of those updated, 2 told nothing new." in err


def test_of_very_many_new_attributes_some_are_named(run):
    names = [f"a{number}" for number in range(1000)]
    (run.folder / "wide.csv").write_text(f"email,{','.join(names)}\nann@example.com,{','.join('1' for _ in names)}\n")
    code, out, err = run("customers", "import", "wide.csv")
    assert code == 0
    assert "a19 (number) and 980 more." in err
    assert len(tomllib.loads((run.folder / "messaging.toml").read_text())["attributes"]) == 1000


def test_import_that_could_not_take_everything(run, people):
    people.write_text(people.read_text() + "19,nobody,,,\n")
    code, out, err = run("customers", "import", people, "--json")
    assert code == 3
    assert json.loads(out)["rejected"] == 1
    assert "1 row was rejected: see" in err
    with (run.folder / "people.rejected.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["line"], row["Email"]) == ("4", "nobody")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing.csv",),
        (".",),
        ("people.csv", "--map", "email=Mail"),
    ],
)
def test_import_that_cannot_be(run, people, arguments):
    code, out, err = run("customers", "import", *arguments)
    assert code == 1
    assert out == ""
    assert err.startswith("messaging: ")
    assert err.count("\n") == 1
    assert json.loads(run("customers", "list", "--json")[1]) == []


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--map", "email", "--map email: write it like --map email=COLUMN."),
        ("--consent", "e-mail", "--consent e-mail: no channel 'e-mail': did you mean email?"),
        ("--consent", "pigeon:news", "--consent pigeon:news: no channel 'pigeon': there are: email, sms, webhook."),
        ("--consent", "email:", "--consent email:: no topic '': write it like --consent email:news."),
        ("--consent", "email:*x", "--consent email:*x: no topic '*x': write it like --consent email:news."),
    ],
)
def test_import_that_is_asked_for_wrongly(run, people, option, value, said):
    code, out, err = run("customers", "import", people, option, value)
    assert (code, out) == (2, "")
    assert err == f"messaging customers import: {said} See messaging customers import --help.\n"
    assert json.loads(run("customers", "list", "--json")[1]) == []


def test_consent_on_a_channel_of_the_shops_own(run, people):
    settings = run.folder / "messaging.toml"
    settings.write_text(settings.read_text() + '\n[channels.push]\nadapter = "pushing"\n')
    assert run("customers", "import", people, "--consent", "push")[0] == 0


def test_import_from_standard_input(run):
    code, out, err = run(
        "customers", "import", "-", "--consent", "email", "--json", stdin="email\nann@example.com\nnobody\n"
    )
    assert (code, json.loads(out)["created"]) == (3, 1)
    assert f"1 row was rejected: see {run.folder / 'customers.rejected.csv'}" in err
    shown = json.loads(run("customers", "show", "ann@example.com", "--json")[1])
    assert shown["addresses"][0]["consents"][0]["source"] == "import standard input"


def test_import_says_which_row_has_a_stray_quote(run, people):
    people.write_text('email,note\n"ann@example.com"x,a\n"bob@example.com",b\n')
    code, out, _ = run("customers", "import", people, "--json")
    assert (code, json.loads(out)) == (3, {"read": 2, "created": 1, "updated": 0, "rejected": 1})
    with (run.folder / "people.rejected.csv").open(newline="") as file:
        (_, row) = csv.reader(file)
    assert row == [
        "2",
        'has text after a closing quote ("): a quote inside quotes is written twice',
        *("", "", '"ann@example.com"x,a'),
    ]
    code, out, _ = run("customers", "import", run.folder / "people.rejected.csv", "--json")
    assert (code, json.loads(out)["created"]) == (3, 0), "not taken for a row before somebody has mended it"


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
    assert "agreed to everything on 2026-03-02 (the till)" in err


def test_show_is_readable(run, people):
    run("customers", "import", people)
    lines = run("customers", "show", "17")[1].splitlines()
    assert [line.split() for line in lines if "points" in line or "first_name" in line] == [
        ["first_name", "Ann"],
        ["points", "12"],
    ]
    assert "{" not in "".join(lines)


def test_show_tells_who_shares_the_address_and_asks_which_is_meant(run, people):
    people.write_text(
        "Customer ID,Email\n17,ann@example.com\n18,ann@example.com\n,bob@example.com\n19,bob@example.com\n"
    )
    run("customers", "import", people)
    assert "Has the email address together with: 18." in run("customers", "show", "17")[2]
    assert "The shop's own id: 19." in run("customers", "show", "19")[2]
    for command in (["show"], ["timeline"], ["erase", "--yes"]):
        code, _, err = run("customers", *command, "ann@example.com")
        assert code != 0
        assert "Say which: 17, 18" in err


def test_export_is_safe_in_a_spreadsheet_and_can_be_imported(run, people):
    run("customers", "import", people)
    code, out, _ = run("customers", "export")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert rows[1]["first_name"] == "'=cmd()"
    assert rows[0]["phone"] == "+436641234567"
    assert rows[0]["points"] == "12"
    before = run("customers", "list", "--json")[1]
    assert run("customers", "export", "--output", "out.csv")[2] == "Wrote 2 customers to out.csv.\n"
    assert json.loads(run("customers", "import", "out.csv", "--json")[1])["updated"] == 2
    after = json.loads(run("customers", "list", "--json")[1])
    assert [c["first_name"] for c in after] == [c["first_name"] for c in json.loads(before)]
    assert json.loads(run("customers", "export", "18")[1])["customer"]["email"] == "bob@example.com"


def test_erase(run, people):
    run("customers", "import", people)
    code, _, _ = run("customers", "erase", "ann@example.com", stdin="y\n")
    assert code == 2  # a program says --yes
    code, out, _ = run("customers", "erase", "ann@example.com", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["addresses"] == 2
    assert run("customers", "show", "17")[0] == 1
    assert b"ann@example.com" not in (run.folder / "data" / "store.jsonl").read_bytes()


def test_an_erasure_that_a_full_disk_cut_short_is_finished_by_the_same_words(run, people, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    run("customers", "import", people)
    with monkeypatch.context() as disk:
        disk.setattr("messaging.stores.tinydb.compaction.Successor.put", full)
        code, out, err = run("customers", "erase", "ann@example.com", "--yes")
        assert (code, out) == (1, "")
        assert "is erased, but what was theirs is still in the store's files: " in err
        assert err.count("\n") == 1
        assert run("customers", "erase", "ann@example.com")[0] == 1
    assert b"ann@example.com" in (run.folder / "data" / "store.jsonl").read_bytes()
    code, _, err = run("customers", "erase", "ann@example.com")
    assert (code, err) == (0, "The erasure that was cut short is finished.\n")
    assert b"ann@example.com" not in (run.folder / "data" / "store.jsonl").read_bytes()
    code, _, err = run("customers", "erase", "ann@example.com")
    assert (code, "no customer" in err) == (1, True)


def test_rows_without_a_phone_number_that_is_one_are_named(run):
    (run.folder / "people.csv").write_text("email,phone\nann@example.com,n/a\nbob@example.com,\n", "utf-8")
    code, out, err = run("customers", "import", "people.csv", "--json")
    assert (code, json.loads(out)) == (0, {"read": 2, "created": 2, "updated": 0, "rejected": 0, "incomplete": 1})
    assert err == (
        "1 row was taken in without a phone number, as what is there is none: see "
        f"{run.folder / 'people.incomplete.csv'}; if they lack the country code, set [brand] country and import again.\n"
    )
    assert not (run.folder / "people.rejected.csv").exists()
    assert '2,"phone: not a phone number' in (run.folder / "people.incomplete.csv").read_text("utf-8")
