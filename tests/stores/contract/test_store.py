"""What every store does beside its collections."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from messaging.errors import InputError, StoreError


class TestTransactions:
    def test_all_or_nothing(self, store, look, make, abandon):
        def change():
            store.customers.put([make.customer("ann")])
            store.put_note("a", 1)
            assert store.customers.count() == 1

        abandon(store, change)
        assert look().customers.count() == 0
        assert look().get_note("a") is None
        with store.transaction():
            store.customers.put([make.customer("ann")])
            store.put_note("a", 1)
        assert look().customers.count() == 1
        assert look().get_note("a") == 1

    def test_nested_and_caught_undoes_the_inner_one_only(self, store, look, abandon):
        def change():
            store.put_note("outer", 2)
            store.put_note("inner", 1)

        with store.transaction():
            store.put_note("outer", 1)
            abandon(store, change)
            store.put_note("after", 1)
        assert look().notes("") == {"after": 1, "outer": 1}

    def test_a_refused_value_undoes_its_whole_call_only(self, store, look, make):
        with store.transaction():
            store.put_note("a", 1)
            with pytest.raises(InputError):
                store.customers.put([make.customer("ann"), make.customer("bob", city="\0")])
        assert look().notes("") == {"a": 1}
        assert look().customers.count() == 0

    def test_others_see_it_when_it_is_done(self, store, open_store):
        other = open_store()
        with store.transaction():
            store.put_note("a", 1)
            assert other.get_note("a") is None
        assert other.get_note("a") == 1

    def test_threads_see_all_of_it_or_nothing(self, store):
        seen, begun = [], threading.Event()

        def look():
            begun.set()
            seen.append(store.get_note("a"))

        with store.transaction():
            store.put_note("a", 1)
            thread = threading.Thread(target=look)
            thread.start()
            begun.wait()
            store.put_note("a", 2)
        thread.join()
        assert seen in ([None], [2])

    def test_they_come_one_after_the_other(self, store, open_store):
        """What one read is still so when it writes: nobody's addition is lost."""
        store.put_note("sum", 0)

        def add(own):
            for _ in range(20):
                with own.transaction():
                    own.put_note("sum", own.get_note("sum") + 1)

        threads = [threading.Thread(target=add, args=[own]) for own in (store, store, open_store(), open_store())]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.get_note("sum") == 80

    def test_what_one_goes_by_does_not_change_meanwhile(self, store, open_store, make):
        """Neither by a method alone, nor for one that is shared: a withdrawal comes before a message is marked, or after."""
        other, order = open_store(), []

        def withdraw():
            other.addresses.add_consents([make.consent(granted=False)])
            order.append("withdrawn")

        for shared in (False, True):
            with store.transaction(shared=shared):
                before = store.addresses.status([("email", "ann@example.com")])
                thread = threading.Thread(target=withdraw)
                thread.start()
                thread.join(0.1)
                assert store.addresses.status([("email", "ann@example.com")]) == before
                order.append("decided")
            thread.join()
        assert order == ["decided", "withdrawn"] * 2


class TestNotesAndVersions:
    def test_notes(self, store, look):
        store.put_note("trigger:a", {"on": True})
        store.put_note("trigger:b", [1, 2.5, "x", None])
        store.put_note("rfm", 1)
        assert look().get_note("trigger:a") == {"on": True}
        assert look().notes("trigger:") == {"trigger:a": {"on": True}, "trigger:b": [1, 2.5, "x", None]}
        assert look().get_notes(["trigger:a", "rfm", "rfm", "none", "\0"]) == {"trigger:a": {"on": True}, "rfm": 1}
        assert look().get_notes([]) == {}
        store.put_note("trigger:a", None)
        assert look().get_note("trigger:a") is None
        assert list(look().notes("trigger:")) == ["trigger:b"]

    def test_a_note_is_swapped_for_what_was_there_only(self, store, look):
        one, two = {"rests": 1, "reason": 'é \u2028 "x"'}, {"rests": 2.5, "of": [None, True]}
        assert not store.swap_note("a", one, two)
        assert store.swap_note("a", None, None)
        assert store.swap_note("a", None, one)
        assert not store.swap_note("a", None, two)
        assert not store.swap_note("a", two, one)
        assert look().get_note("a") == one
        assert store.swap_note("a", look().get_note("a"), two)
        assert look().get_note("a") == two
        assert not store.swap_note("a", None, None)
        assert not store.swap_note("a", one, None)
        assert store.swap_note("a", two, None)
        assert look().notes("") == {}

    def test_of_many_who_swap_a_note_at_once_one_does(self, open_store):
        stores = [open_store() for _ in range(4)]
        for old in (None, {"turn": 0}):
            start, done = threading.Barrier(len(stores)), []

            def swap(number, old=old, start=start, done=done):
                start.wait()
                if stores[number].swap_note("a", old, {"turn": 0} if old is None else {"turn": number + 1}):
                    done.append(number)

            threads = [threading.Thread(target=swap, args=(number,)) for number in range(len(stores))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(done) == 1

    def test_a_swap_waits_for_no_transaction(self, open_store):
        with open_store().transaction():
            if "postgres" in type(store := open_store()).__module__:  # the embedded one has a single lock
                assert store.swap_note("a", None, 1)

    def test_what_was_got_can_be_changed_without_changing_what_is_kept(self, store):
        value = {"on": [1]}
        store.put_note("a", value)
        value["on"].append(2)
        assert store.get_note("a") == {"on": [1]}

    def test_versions(self, store, look, make):
        assert look().version("v1") is None
        for version in ("v2", "v1", "v3", "v2"):
            store.put_version(make.version(version))
        assert look().version("v1") == make.version("v1")
        assert [version.version for version in look().versions()] == ["v2", "v1", "v3"]

    def test_many_versions_come_in_order_and_while_others_come(self, store, look, make):
        for number in range(120):
            store.put_version(make.version(f"v{number}"))
        there = look()
        versions = there.versions()
        first = next(versions).version
        store.put_version(make.version("late"))
        found = [first, *(version.version for version in versions)]
        assert found[:120] == [f"v{number}" for number in range(120)]
        assert found[120:] in ([], ["late"])


class TestTokens:
    def test_up_to_the_burst_at_once(self, store, open_store):
        assert store.take_tokens("smtp", 3, rate=0.001, burst=5) == (3, 0.0)
        taken, wait = open_store().take_tokens("smtp", 9, rate=0.001, burst=5)
        assert taken == 2
        assert 900 < wait <= 1000
        assert store.take_tokens("smtp", 1, rate=0.001, burst=5)[0] == 0
        assert store.take_tokens("other", 1, rate=0.001, burst=5)[0] == 1

    def test_what_was_not_used_is_given_back(self, store, open_store):
        assert store.take_tokens("smtp", 5, rate=0.001, burst=5) == (5, pytest.approx(1000, abs=1))
        open_store().give_back_tokens("smtp", 3, burst=5)
        assert store.take_tokens("smtp", 9, rate=0.001, burst=5)[0] == 3
        store.give_back_tokens("smtp", 9, burst=5)  # never more than the bucket holds
        store.give_back_tokens("never used", 9, burst=5)
        assert store.take_tokens("smtp", 9, rate=0.001, burst=5)[0] == 5
        assert store.take_tokens("never used", 9, rate=0.001, burst=5)[0] == 5

    def test_a_rate_of_nothing_is_refused(self, store):
        with pytest.raises(InputError):
            store.take_tokens("smtp", 1, rate=0, burst=1)


class TestWorkers:
    def test_alive_until_dismissed(self, store, open_store):
        other = open_store()
        one, two = store.enlist(), store.enlist()
        assert one != two
        assert (store.is_alive(one), other.is_alive(one)) == (True, True)
        store.dismiss(one)
        assert (store.is_alive(one), other.is_alive(one), other.is_alive(two)) == (False, False, True)
        assert not store.is_alive("../nobody")

    def test_alive_until_the_store_is_closed(self, store, open_store):
        other = open_store()
        worker = other.enlist()
        other.close()
        assert not store.is_alive(worker)

    def test_threads_are_workers_of_their_own(self, store, open_store):
        other = open_store()
        workers = [store.enlist() for _ in range(3)]
        store.dismiss(workers[1])
        assert [other.is_alive(worker) for worker in workers] == [True, False, True]


class TestHealth:
    def test_says_what_is_there(self, store, look, make):
        store.customers.put([make.customer("ann")])
        store.outbox.add([make.message("m1")])
        health = look().health()
        assert (health["customers"], health["messages"]) == (1, 1)
        assert health["bytes"] > 0
        assert health["store"]

    def test_a_closed_store_says_so(self, open_store):
        store = open_store()
        store.close()
        store.close()
        with pytest.raises(StoreError, match="closed"):
            store.get_note("a")


def test_compaction_changes_nothing(store, look, make):
    store.customers.put([make.customer(f"c{n}") for n in range(50)])
    store.outbox.add([make.message("m1")])
    store.outbox.settle([make.sent("m1")])
    before = [store.customers.page(), store.outbox.page(), store.engagements.summary()]
    store.compact()
    after = look()
    assert [after.customers.page(), after.outbox.page(), after.engagements.summary()] == before


def test_refresh_takes_in_what_others_wrote(store, open_store):
    other = open_store()
    for number in range(100):
        other.put_note(f"n{number:03}", number)
    store.refresh()
    assert len(store.notes("n")) == 100


def test_the_help_of_the_command_line_does_not_load_the_store():
    code = "import sys, messaging.stores.base; sys.exit('tinydb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_was_got_and_changed_is_not_what_is_kept(store, make):
    store.put_note("a", {"on": [1]})
    store.get_note("a")["on"].append(2)
    assert store.get_note("a") == {"on": [1]}
    note = store.notes("a")["a"]
    note["on"].append(2)
    store.put_note("a", note)
    assert store.get_note("a") == {"on": [1, 2]}
    store.outbox.add([make.message("m1", context={"order": {"items": []}})])
    store.outbox.get(["m1"])["m1"].context["order"]["items"].append("x")
    assert store.outbox.get(["m1"])["m1"].context == {"order": {"items": []}}
