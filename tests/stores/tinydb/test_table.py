"""TinyDB's own methods work on the journal."""

from __future__ import annotations

import pytest
from tinydb import where
from tinydb.operations import increment
from tinydb.table import Document

from messaging.errors import InputError


@pytest.fixture
def table(open_tiny):
    return open_tiny().db.table("mine")


@pytest.fixture
def again(open_tiny):
    """The same table after a restart."""
    return lambda: open_tiny().db.table("mine")


def test_insert_get_and_search(table, again):
    id = table.insert({"name": "ann", "n": 1})
    assert isinstance(id, str)
    table.insert(Document({"name": "bob", "n": 2}, doc_id="b"))
    table.insert_multiple([{"name": "eve", "n": 3}, Document({"name": "dan", "n": 4}, doc_id="d")])
    for look in (table, again()):
        assert look.get(doc_id="b") == {"name": "bob", "n": 2}
        assert look.get(where("name") == "ann").doc_id == id
        assert {document["name"] for document in look.search(where("n") >= 3)} == {"eve", "dan"}
        assert (len(look), look.count(where("n") < 3), look.contains(doc_id="x")) == (4, 2, False)
        assert {document["name"] for document in look} == {"ann", "bob", "eve", "dan"}


def test_update_upsert_and_remove(table, again):
    table.insert_multiple([Document({"n": n, "deep": {"list": [n]}}, doc_id=str(n)) for n in range(4)])
    table.update({"seen": True}, where("n") > 1)
    table.update(increment("n"), doc_ids=["0"])
    table.update(lambda document: document["deep"]["list"].append("x"), doc_ids=["1"])
    table.upsert({"n": 9}, where("n") == 9)
    table.upsert({"again": 1}, where("n") == 3)
    table.remove(doc_ids=["2"])
    for look in (table, again()):
        assert look.get(doc_id="0") == {"n": 1, "deep": {"list": [0]}}
        assert look.get(doc_id="1")["deep"] == {"list": [1, "x"]}
        assert look.get(doc_id="2") is None
        assert look.get(doc_id="3") == {"n": 3, "deep": {"list": [3]}, "seen": True, "again": 1}
        assert look.count(where("n") == 9) == 1
    table.remove(where("n") == 9)
    assert len(again()) == 3
    table.truncate()
    assert len(again()) == 0


def test_an_update_that_fails_changes_nothing(table, again):
    table.insert(Document({"n": 1}, doc_id="1"))
    with pytest.raises(InputError, match="bad"):
        table.update({"bad": {1, 2}}, doc_ids=["1"])
    with pytest.raises(ZeroDivisionError):
        table.update(lambda document: document.update(n=1 / 0), doc_ids=["1"])
    assert again().get(doc_id="1") == table.get(doc_id="1") == {"n": 1}


def test_drop_tables(open_tiny):
    store = open_tiny()
    store.put_note("a", 1)
    store.db.table("mine").insert({"n": 1})
    assert store.db.tables() == {"notes", "mine"}
    store.db.drop_table("mine")
    assert open_tiny().db.tables() == {"notes"}
    store.db.drop_tables()
    assert store.get_note("a") is None
    assert open_tiny().db.tables() == set()


def test_indexes_follow(open_tiny, make):
    store = open_tiny()
    store.customers.put([make.customer("ann")])
    store.db.table("customers").update({"email": "new@example.com"}, doc_ids=["ann"])
    assert [customer.id for customer in store.customers.find(email="new@example.com")] == ["ann"]
    assert store.customers.find(email="ann@example.com") == []
