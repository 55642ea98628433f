"""Compaction while others read and write, and forgetting a person to the last byte."""

from __future__ import annotations

import threading

import pytest

from messaging.errors import StoreError
from messaging.stores.tinydb.journal import Journal
from messaging.stores.tinydb.locks import FileLock
from messaging.stores.tinydb.storage import JournalStorage


@pytest.fixture
def loads(monkeypatch):
    """Every time a journal is read from its beginning."""
    seen = []
    real = Journal.open

    def counting(self):
        seen.append(self.path)
        return real(self)

    monkeypatch.setattr(Journal, "open", counting)
    return seen


class TestOthers:
    def test_who_knew_everything_goes_on_without_reading_it_again(self, open_tiny, loads, make):
        store, other = open_tiny(), open_tiny()
        store.customers.put([make.customer("ann")])
        assert other.customers.count() == 1
        del loads[:]
        store.compact()
        store.customers.put([make.customer("bob")])
        assert other.customers.count() == 2
        other.customers.put([make.customer("eve")])
        assert store.customers.count() == 3
        assert loads == []

    def test_who_had_still_to_read_on_does_that_first(self, open_tiny, loads, make):
        store, other = open_tiny(), open_tiny()
        store.put_note("a", 1)
        assert other.get_note("a") == 1
        del loads[:]
        store.put_note("b", 1)
        store.compact()
        store.put_note("c", 1)
        assert other.notes("") == {"a": 1, "b": 1, "c": 1}
        assert loads == []

    def test_who_missed_two_reads_it_again(self, open_tiny, loads):
        store, other = open_tiny(), open_tiny()
        store.put_note("a", 1)
        assert other.get_note("a") == 1
        store.put_note("b", 1)
        store.compact()
        store.put_note("c", 1)
        store.compact()
        store.put_note("d", 1)
        assert other.notes("") == {"a": 1, "b": 1, "c": 1, "d": 1}

    def test_writing_goes_on_meanwhile(self, open_tiny, make):
        store, other = open_tiny(), open_tiny()
        store.customers.put([make.customer(f"c{n:05}", city="old") for n in range(3000)])
        stop = threading.Event()
        rounds = []

        def write():
            while not stop.is_set():
                rounds.append(1)
                for n in range(0, 3000, 151):
                    other.customers.put([make.customer(f"c{n:05}", city=f"{len(rounds)}")])
                other.put_note(f"n{len(rounds)}", len(rounds))

        thread = threading.Thread(target=write)
        thread.start()
        for _ in range(8):
            store.compact()
        stop.set()
        thread.join()
        for reader in (store, other, open_tiny()):
            assert len(reader.notes("n")) == len(rounds)
            cities = [customer.city for customer in reader.customers.page(limit=9999)]
            changed = range(0, 3000, 151)
            assert cities == [str(len(rounds)) if n in changed else "old" for n in range(3000)]

    def test_two_at_once(self, open_tiny):
        stores = [open_tiny(), open_tiny()]
        stores[0].put_note("a", 1)
        threads = [threading.Thread(target=store.compact) for store in stores * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [store.get_note("a") for store in [*stores, open_tiny()]] == [1, 1, 1]


class TestWhileAnotherCompacts:
    """Another process is at it, or was stopped in the middle of it."""

    @pytest.fixture
    def store(self, open_tiny, path):
        store = open_tiny()
        store.put_note("a", 1)
        return store

    @pytest.fixture(autouse=True)
    def another(self, store, path):
        lock = FileLock(path.with_name(path.name + ".compact"))
        lock.acquire(1)
        yield
        lock.close()

    def test_it_is_given_up_on_and_said(self, store, monkeypatch, path):
        monkeypatch.setattr("messaging.stores.tinydb.storage._PATIENCE", 0.01)
        with pytest.raises(StoreError, match="another process has been compacting the store for 0.01 s") as caught:
            store.compact()
        assert str(path) in caught.value.message
        assert "hanging" in caught.value.hint
        store.put_note("b", 1)

    def test_opening_does_not_wait(self, store, open_tiny, path, monkeypatch):
        monkeypatch.setattr("messaging.stores.tinydb.storage._SMALL", 1000)
        monkeypatch.setattr("messaging.stores.tinydb.locks.time.sleep", lambda seconds: pytest.fail("it waited"))
        for number in range(100):
            store.put_note("a", number)
        assert open_tiny().get_note("a") == 99


class TestSize:
    def test_history_goes(self, open_tiny, path):
        store = open_tiny()
        for number in range(500):
            store.put_note("a", number)
        before = path.stat().st_size
        store.compact()
        assert path.stat().st_size < before / 10
        assert store.get_note("a") == 499

    def test_a_wasteful_journal_is_compacted_when_it_is_opened(self, open_tiny, path, monkeypatch):
        monkeypatch.setattr("messaging.stores.tinydb.storage._SMALL", 1000)
        store = open_tiny()
        for number in range(100):
            store.put_note("a", number)
        store.close()
        before = path.stat().st_size
        assert open_tiny().get_note("a") == 99
        assert path.stat().st_size < before / 4

    def test_inside_a_transaction_it_comes_after(self, open_tiny, path):
        store = open_tiny()
        with store.transaction():
            store.put_note("a", 1)
            store.compact()
            assert not path.with_name(path.name + ".bak").exists()
        assert path.with_name(path.name + ".bak").exists()
        assert open_tiny().get_note("a") == 1


class TestForgetting:
    @pytest.fixture
    def full(self, open_tiny, make):
        store = open_tiny()
        store.customers.put([make.customer("ann", first_name="Annabel", phone="+12025550101")])
        store.events.add([make.event("1", customer_id="ann")])
        store.addresses.add_consents([make.consent()])
        store.outbox.add([make.message("m1", context={"name": "Annabel"})])
        store.engagements.add([make.engagement("e1", raw={"to": "ann@example.com"})])
        store.campaigns.put_members("spring", ["ann"])
        store.compact()
        store.put_note("after the backup", 1)
        return store

    def left(self, path):
        """What the files beside the store still say."""
        files = [file for file in path.parent.rglob("*") if file.is_file()]
        return [
            (file.name, word)
            for file in files
            for word in (b"ann@example.com", b"Annabel", b"2025550101", b'"ann"')
            if word in file.read_bytes()
        ]

    def test_nothing_is_left_in_any_file(self, full, path):
        assert self.left(path)
        full.customers.delete("ann")
        assert self.left(path) == []
        assert full.outbox.counts("spring")["skipped"] == 1

    def test_nor_inside_a_transaction(self, full, path):
        with full.transaction():
            full.customers.delete("ann")
            full.put_note("done", 1)
        assert self.left(path) == []

    def test_what_a_killed_process_left_undone_the_next_start_does(self, full, path, open_tiny, monkeypatch):
        with monkeypatch.context() as patched:
            patched.setattr(JournalStorage, "_replace_journal", lambda self: None)
            full.customers.delete("ann")
        full.close()
        assert self.left(path)
        open_tiny()
        assert self.left(path) == []

    def test_a_compaction_that_was_killed_leaves_nothing_either(self, full, path):
        path.with_name(path.name + ".compacted").write_bytes(b"Annabel")
        path.with_name(path.name + ".old").write_bytes(b"Annabel")
        full.customers.delete("ann")
        assert self.left(path) == []
