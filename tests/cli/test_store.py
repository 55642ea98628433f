"""`messaging store`, as it is typed."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from messaging.clock import clock_from_environment
from messaging.nouns.message import MessageState
from messaging.stores.contents import KINDS, MIGRATION
from messaging.stores.outbox import Outcome
from messaging.stores.tinydb.store import TinyStore

PEOPLE = "id,email,first_name\n" + "".join(f"c{n},c{n}@example.com,Ann\n" for n in range(30))


def opened(path: str | Path = "data/store.jsonl"):
    return closing(TinyStore(Path(path).resolve(), clock=clock_from_environment()))


class TestStatus:
    def test_an_empty_one(self, run):
        code, out, err = run("store", "status", "--json")
        told = json.loads(out)
        assert (code, err) == (0, "")
        assert told["store"].startswith("tinydb:")
        assert told["rows"] == dict.fromkeys(KINDS, 0)
        assert set(told["states"].values()) == {0}
        assert (told["next_due"], told["waits_since"], told["schema"]) == (None, None, "1")

    def test_what_is_in_it_and_since_when_the_oldest_waits(self, run, letter):
        with opened() as store:
            store.outbox.add([letter(), letter("bob", state=MessageState.SKIPPED)])
        code, out, _ = run("store", "status")
        assert code == 0
        assert "waits since" in out
        assert "2026-03-02 10:00:00 UTC" in out
        told = json.loads(run("store", "status", "--json")[1])
        assert told["rows"]["messages"] == 2
        assert (told["states"]["planned"], told["states"]["skipped"]) == (1, 1)
        assert told["waits_since"] == told["next_due"]

    @pytest.mark.postgres
    def test_of_a_database_it_shows_no_password(self, run, postgres_url, monkeypatch):
        url = postgres_url.replace("root@", "root:geheim@")
        monkeypatch.setenv("MESSAGING__STORE__URL", url)
        code, out, err = run("store", "status", "--json")
        assert code == 0
        assert json.loads(out)["schema"]
        assert "geheim" not in out + err


class TestCheck:
    def test_all_well(self, run):
        assert run("store", "check") == (0, "All of it fits together.\n", "")
        code, out, _ = run("store", "check", "--json")
        assert (code, json.loads(out)["faults"]) == (0, [])

    def test_a_fault_is_one_line_and_the_exit_code_says_so(self, run, letter):
        with opened() as store:
            store.outbox.add([letter()])
        code, out, err = run("store", "check")
        assert code == 1
        assert out == ""
        lines = err.splitlines()
        assert len(lines) == 2
        assert "customers who are not there" in lines[0]
        assert "template version" in lines[1]
        code, out, _ = run("store", "check", "--json")
        assert code == 1
        assert [set(fault) for fault in json.loads(out)["faults"]] == [{"problem", "hint"}] * 2

    def test_a_damaged_file_is_named(self, run):
        with opened() as store:
            store.put_note("a", 1)
            store.put_note("b", 1)
        file = Path("data/store.jsonl")
        data = bytearray(file.read_bytes())
        data[-30] ^= 1
        file.write_bytes(data)
        code, out, err = run("store", "check")
        assert (code, out) == (1, "")
        assert len(err.splitlines()) == 1
        assert "damaged" in err
        assert bytes(data) == file.read_bytes()


class TestMigrate:
    def test_to_another_file_and_on_from_there(self, run):
        run("customers", "import", "-", stdin=PEOPLE)
        code, out, err = run("store", "migrate", "--to", "tinydb:data/other.jsonl")
        assert code == 0
        assert '[store] url = "tinydb:data/other.jsonl"' in out
        assert "one of the two only" in err
        assert "keys" in err
        text = Path("messaging.toml").read_text("utf-8")
        assert "other.jsonl" not in text
        settings = text.replace('url = "tinydb:data/store.jsonl"', 'url = "tinydb:data/other.jsonl"')
        if settings == text:
            settings += '\n[store]\nurl = "tinydb:data/other.jsonl"\n'
        Path("messaging.toml").write_text(settings, "utf-8")
        assert json.loads(run("store", "status", "--json")[1])["rows"]["customers"] == 30
        assert "data/other.jsonl" in Path(".stores").read_text()

    def test_a_place_where_no_file_can_be_made_is_named_as_it_was_typed(self, run):
        typed = f"{'../' * 30}proc/other.jsonl"
        code, out, err = run("store", "migrate", "--to", f"tinydb:{typed}")
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert f"{typed}: no file can be made beside it: No such file or directory" in err
        assert ".queue" not in err

    def test_whoever_still_opens_the_old_one_is_told_in_one_line(self, run, monkeypatch):
        run("customers", "import", "-", stdin=PEOPLE)
        assert run("store", "migrate", "--to", "tinydb:data/other.jsonl")[0] == 0
        for command in (["customers", "list"], ["campaigns", "list"], ["send-due"], ["store", "compact"]):
            code, out, err = run(*command)
            assert (code, out, len(err.splitlines())) == (1, "", 1)
            assert "data/store.jsonl: it was brought to tinydb:" in err
            assert "other.jsonl on 20" in err
            assert "messaging store reopen" in err
        code, out, err = run("store", "status")
        assert (code, "brought to" in out) == (0, True)
        told = json.loads(run("store", "status", "--json")[1])
        assert told["moved"]["to"].endswith("other.jsonl")
        code, out, err = run("store", "check")
        assert (code, out, len(err.splitlines())) == (0, "All of it fits together.\n", 1)
        assert "it was brought to" in err
        monkeypatch.setenv("MESSAGING__STORE__URL", "tinydb:data/other.jsonl")
        assert json.loads(run("store", "status", "--json")[1])["moved"] is None
        assert "brought to" not in "".join(map(str, run("store", "check")))

    def test_on_purpose_it_goes_on_with_the_old_one(self, run):
        assert run("store", "migrate", "--to", "tinydb:data/other.jsonl")[0] == 0
        code, _, err = run("store", "reopen")
        assert code == 0
        assert "with one of the two only" in err
        assert run("customers", "list")[0] == 0
        code, _, err = run("store", "reopen")
        assert (code, "nothing to reopen" in err) == (1, True)

    def test_there_and_back(self, run, monkeypatch):
        run("customers", "import", "-", stdin=PEOPLE)
        there, back = "tinydb:data/other.jsonl", "tinydb:data/store.jsonl"
        assert run("store", "migrate", "--to", there)[0] == 0
        code, _, err = run("store", "migrate", "--to", "tinydb:data/third.jsonl")
        assert (code, len(err.splitlines()), "it was brought to" in err) == (1, 1, True)
        monkeypatch.setenv("MESSAGING__STORE__URL", there)
        run("customers", "import", "-", stdin="id,email\nnew,new@example.com\n")
        code, _, err = run("store", "migrate", "--to", back)
        assert (code, len(err.splitlines())) == (1, 1)
        assert "it holds what was brought from it" in err
        Path("data/store.jsonl").unlink()
        for left in Path("data").glob("store.jsonl.*"):
            left.unlink()
        assert run("store", "migrate", "--to", back)[0] == 0
        assert "messaging store reopen" in run("customers", "list")[2]
        monkeypatch.setenv("MESSAGING__STORE__URL", back)
        assert json.loads(run("store", "status", "--json")[1])["rows"]["customers"] == 31

    def test_worked_with_since_it_is_not_to_be_removed(self, run):
        run("store", "migrate", "--to", "tinydb:data/other.jsonl")
        assert run("store", "migrate", "--to", "tinydb:data/other.jsonl")[0] == 0
        with opened("data/other.jsonl") as other:
            other.put_note("mine", 1)
        code, out, err = run("store", "migrate", "--to", "tinydb:data/other.jsonl")
        assert code == 1
        assert " there" in out
        assert "not the same: notes. All of it was there once" in err
        with opened("data/other.jsonl") as other:
            assert other.get_note("mine") == 1

    @pytest.mark.postgres
    def test_to_a_database_as_json(self, run, new_postgres_url, monkeypatch):
        run("customers", "import", "-", stdin=PEOPLE)
        url = new_postgres_url.replace("root@", "root:geheim@")
        code, out, err = run("store", "migrate", "--to", url, "--json")
        told = json.loads(out)
        assert (code, err) == (0, "")
        assert [each["kind"] for each in told["kinds"]] == list(KINDS)
        assert all(each["same"] and each["here"] == each["there"] for each in told["kinds"])
        assert "geheim" not in out
        assert told["setting"] == f'[store] url = "{told["to"]}"'
        monkeypatch.setenv("MESSAGING__STORE__URL", url)
        assert run("customers", "list", "--json")[0] == 0
        assert run("store", "check")[0] == 0

    def test_what_is_not_all_there_yet_is_not_opened(self, run, monkeypatch):
        with opened("data/other.jsonl") as other:
            other.put_note(MIGRATION, {"from": "tinydb:x", "done": False})
        monkeypatch.setenv("MESSAGING__STORE__URL", "tinydb:data/other.jsonl")
        code, _, err = run("customers", "list")
        assert code == 1
        assert len(err.splitlines()) == 1
        assert "not all of it is there yet that was to come from tinydb:x" in err
        assert "store migrate" in err

    def test_one_that_is_not_empty_is_refused_in_one_line(self, run):
        with opened("data/other.jsonl") as other:
            other.put_note("mine", 1)
        code, out, err = run("store", "migrate", "--to", "tinydb:data/other.jsonl")
        assert (code, out) == (1, "")
        assert len(err.splitlines()) == 1
        assert "not empty" in err

    def test_with_a_message_on_its_way_it_says_what_to_stop(self, run, letter):
        with opened() as store:
            worker = store.enlist()
            store.outbox.add([letter()])
            store.outbox.claim(worker, now=letter().due_at, limit=1)
            store.outbox.begin(worker, [letter().id], now=letter().due_at)
            code, _, err = run("store", "migrate", "--to", "tinydb:data/other.jsonl")
            assert code == 1
            assert "work with it" in err
        code, _, err = run("store", "migrate", "--to", "tinydb:data/other.jsonl")
        assert code == 1
        assert "`sending`" in err
        with opened() as store:
            store.outbox.settle([Outcome(message_id=letter().id, state=MessageState.UNKNOWN)])
        assert run("store", "migrate", "--to", "tinydb:data/other.jsonl")[0] == 0

    @pytest.mark.parametrize(
        ("url", "problem"),
        [
            ("mysql://u:geheim@host/db", "--to = 'mysql://u@host/db': unknown kind of store"),
            ("tinydb:nowhere/store.jsonl", "there is no folder"),
            ("tinydb:data/store.jsonl", "the store itself"),
            ("tinydb:data", "is a folder"),
            ("postgresql://u:geheim@host", "--to: it names no database"),
            ("postgresql://u:geheim@127.0.0.1:1/db", "postgresql://u@127.0.0.1:1/db"),
            ("postgresql://127.0.0.1:1/db?password=geheim", "postgresql://127.0.0.1:1/db"),
        ],
    )
    def test_an_address_that_leads_nowhere(self, run, url, problem):
        code, out, err = run("store", "migrate", "--to", url)
        assert code != 0
        assert problem in err
        assert len(err.splitlines()) == 1
        assert "geheim" not in out + err
