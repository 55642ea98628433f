"""A disk that fails at the N-th call, for every N: what failed did not happen, in memory or on disk."""

from __future__ import annotations

import errno

import pytest

from messaging.errors import StoreError
from messaging.stores.tinydb.disk import Disk
from messaging.stores.tinydb.rows import Rows


class FailingDisk(Disk):
    """Fails at the call number `at`, or from then on if it `stays` broken; a failing write writes half."""

    def __init__(self, at, *, stays, code):
        self.left = at
        self.stays = stays
        self.code = code

    def _count(self):
        self.left -= 1
        if self.left == 0 or (self.left < 0 and self.stays):
            raise OSError(self.code, "the disk failed")

    def write(self, fd, data, offset):
        try:
            self._count()
        except OSError:
            super().write(fd, data[: len(data) // 2], offset)
            raise
        super().write(fd, data, offset)

    def sync(self, fd):
        self._count()
        super().sync(fd)

    def truncate(self, fd, length):
        self._count()
        super().truncate(fd, length)

    def replace(self, source, target):
        self._count()
        super().replace(source, target)

    def link(self, source, target):
        self._count()
        super().link(source, target)

    def remove(self, path):
        self._count()
        super().remove(path)

    def sync_folder(self, folder):
        self._count()
        super().sync_folder(folder)


def scenario(make):
    """Steps, and what the store holds after each: (names of customers, states of messages, note)."""

    def both(store):
        with store.transaction():
            store.customers.put([make.customer("eve")])
            store.put_note("n", 2)

    return [
        (
            lambda store: store.customers.put([make.customer("ann"), make.customer("bob")]),
            "ann bob",
            "",
            None,
        ),
        (lambda store: store.outbox.add([make.message("m1")]), "ann bob", "planned", None),
        (lambda store: store.outbox.settle([make.sent("m1")]), "ann bob", "sent", None),
        (lambda store: store.put_note("n", 1), "ann bob", "sent", 1),
        (lambda store: store.compact(), "ann bob", "sent", 1),
        (both, "ann bob eve", "sent", 2),
        (lambda store: store.customers.delete("bob"), "ann eve", "sent", 2),
    ]


def state(store):
    customers = " ".join(customer.id for customer in store.customers.page())
    return customers, " ".join(message.state for message in store.outbox.page()), store.get_note("n")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("stays", [False, True])
def test_every_call(open_tiny, tmp_path, make, stays, code):
    for at in range(1, 200):
        disk = FailingDisk(at, stays=stays, code=code)
        path = tmp_path / f"{at}-{stays}-{code}" / "store.jsonl"
        store = open_tiny(disk, path)
        observer = open_tiny(None, path)
        expected, failed = ("", "", None), False
        for step, *after in scenario(make):
            try:
                step(store)
            except StoreError:
                failed = True
                # Forgetting is two things: the person is gone at once, but the files could not be cleaned.
                # And a disk that stays broken may have taken a line that it cannot give back.
                if state(store) == tuple(after) and (stays or "eve" in expected[0]):
                    expected = tuple(after)
                break
            expected = tuple(after)
            assert state(store) == expected
        assert state(store) == expected
        assert state(observer) == expected
        again = open_tiny(None, path)
        assert state(again) == expected
        again.put_note("works", 1)
        assert state(again) == expected
        for opened in (again, observer):
            opened.close()
        if disk.left > 0:
            assert not failed
            return
    pytest.fail("the scenario never came to its end")


class CountingDisk(Disk):
    """Knows how often it was asked to bring something to the disk."""

    syncs = 0

    def sync(self, fd):
        self.syncs += 1
        super().sync(fd)


def test_what_is_durable_when_it_returns(open_tiny, make):
    disk = CountingDisk()
    store = open_tiny(disk)

    def syncs(change):
        before = disk.syncs
        change()
        return disk.syncs - before

    def several():
        with store.transaction():
            store.outbox.add([make.message("m2")])
            store.events.add([make.event("1")])
            store.put_note("a", 1)

    store.put_note("open", 1)
    worker = store.enlist()
    assert syncs(lambda: store.outbox.add([make.message("m1")])) == 1
    assert syncs(several) == 1
    assert syncs(lambda: store.outbox.claim(worker, now=make.now, limit=1)) == 0
    assert syncs(lambda: store.outbox.begin(worker, ["m1"], now=make.now)) == 1
    assert syncs(lambda: store.outbox.settle([make.sent("m1")])) == 0
    assert syncs(lambda: store.take_tokens("smtp", 1, rate=1, burst=5)) == 0
    assert syncs(lambda: store.outbox.page()) == 0
    assert syncs(lambda: store.addresses.suppress([make.suppression()])) == 1
    store.outbox.release(worker)
    store.outbox.claim(worker, now=make.now, limit=1)
    assert syncs(store.close) == 1


def test_read_only_is_said_in_one_line(open_tiny, path):
    store = open_tiny(FailingDisk(1, stays=True, code=errno.EROFS))
    with pytest.raises(StoreError, match="the disk failed") as caught:
        store.put_note("a", 1)
    assert "read-only" in caught.value.hint
    assert not path.exists()


def test_after_a_failure_the_store_goes_on(open_tiny):
    open_tiny().put_note("a", 1)
    store = open_tiny(FailingDisk(1, stays=False, code=errno.ENOSPC))
    with pytest.raises(StoreError, match="the disk failed"):
        store.put_note("b", 1)
    store.put_note("c", 1)
    assert open_tiny().notes("") == {"a": 1, "c": 1}


class NoSync(FailingDisk):
    """The first sync fails, and every cut if `uncut`; then the disk pretends to be well, as the system does."""

    def __init__(self, *, uncut):
        super().__init__(0, stays=False, code=errno.EIO)
        self.uncut = uncut
        self.failed = False

    def sync(self, fd):
        if not self.failed:
            self.failed = True
            raise OSError(errno.EIO, "the disk failed")

    def truncate(self, fd, length):
        if self.uncut:
            raise OSError(errno.EIO, "the disk failed")
        super().truncate(fd, length)


class TestAfterAFailedSync:
    @pytest.fixture(params=[False, True])
    def uncut(self, request):
        return request.param

    @pytest.fixture
    def failed(self, open_tiny, uncut):
        open_tiny().put_note("a", 1)
        store = open_tiny(NoSync(uncut=uncut))
        store.take_tokens("smtp", 1, rate=1, burst=5)  # not durable: a failed sync may have lost it, too
        with pytest.raises(StoreError, match="the disk failed"):
            store.put_note("b", 1)
        return store

    def test_nothing_more_is_written(self, failed, path):
        before = path.read_bytes()
        for write in (
            lambda: failed.put_note("c", 1),
            lambda: failed.take_tokens("smtp", 1, rate=1, burst=5),
            failed.compact,
        ):
            with pytest.raises(StoreError, match=f"{path}: an earlier write did not reach the disk") as caught:
                write()
            assert "start" in caught.value.hint
        assert path.read_bytes() == before

    def test_it_says_that_it_is_not_well(self, failed):
        with pytest.raises(StoreError, match="did not reach the disk"):
            failed.health()

    def test_what_the_file_says_is_what_is_seen(self, failed, uncut, open_tiny):
        expected = {"a": 1, "b": 1} if uncut else {"a": 1}
        assert failed.notes("") == open_tiny().notes("") == expected

    def test_the_length_of_which_is_sure_does_not_grow(self, failed, path):
        head = path.with_name(path.name + ".head")
        before = head.read_bytes()
        failed.close()
        assert head.read_bytes() == before

    def test_opened_anew_it_goes_on(self, failed, open_tiny):
        failed.close()
        store = open_tiny()
        store.put_note("c", 1)
        assert open_tiny().get_note("c") == 1


def test_an_interrupt_while_another_processs_change_is_taken_in(open_tiny, make, monkeypatch):
    """Ctrl-C comes at any row: what was half taken in is taken in anew."""
    store, other = open_tiny(), open_tiny()
    other.put_note("a", 1)
    assert store.get_note("a") == 1
    with other.transaction():
        other.put_note("b", 1)
        other.put_note("c", 1)
    done = []
    real = Rows.set

    def interrupted(rows, key, document):
        if done:
            raise KeyboardInterrupt
        done.append(key)
        real(rows, key, document)

    with monkeypatch.context() as patched:
        patched.setattr(Rows, "set", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.get_note("c")
    assert store.notes("") == {"a": 1, "b": 1, "c": 1}
