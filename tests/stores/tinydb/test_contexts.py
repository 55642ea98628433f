"""Forgetting rendering contexts costs what is forgotten, not what is stored, and never holds the store for long."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest

from messaging.stores.tinydb import outbox as module


class NoScan(dict):
    """Documents that may be looked up, but not gone through."""

    def __iter__(self):
        raise AssertionError("all documents are gone through")

    items = keys = values = __iter__


@pytest.fixture
def store(open_tiny, make):
    store = open_tiny()
    store.outbox.add([make.message(f"m{n}", context={"n": n}) for n in range(7)])
    store.outbox.settle([make.sent(f"m{n}") for n in range(5)])
    return store


def test_only_what_is_forgotten_is_looked_at(store, make):
    rows = store.outbox._table.rows
    rows.documents = NoScan(rows.documents)
    assert store.outbox.forget_contexts(make.now + timedelta(hours=1)) == 5


def test_a_few_at_a_time(store, make, monkeypatch):
    monkeypatch.setattr(module, "FORGOTTEN", 2)
    patched: list[int] = []
    patch, changing = store.outbox._table.patch, store.outbox._journal.changing

    @contextmanager
    def counting():
        with changing():
            patched.append(0)
            yield

    def patching(keys, fields):
        patched[-1] += len(keys)
        patch(keys, fields)

    monkeypatch.setattr(store.outbox._table, "patch", patching)
    monkeypatch.setattr(store.outbox._journal, "changing", counting)
    assert store.outbox.forget_contexts(make.now + timedelta(hours=1)) == 5
    assert patched == [2, 2, 1]
