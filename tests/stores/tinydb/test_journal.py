"""A damaged file is named and left alone; a killed append is as if it had never begun."""

from __future__ import annotations

import random

import pytest

from messaging.errors import StoreBroken, StoreError
from messaging.stores.tinydb.format import HEADER_SIZE


@pytest.fixture
def boundaries(path, open_tiny):
    """Writes ten notes, one a transaction, closes the store, and says how long the file was after each."""
    store = open_tiny()
    lengths = []
    for number in range(10):
        store.put_note(f"n{number}", "x" * number)
        lengths.append(path.stat().st_size)
    store.close()
    return lengths


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """A damaged file is tried again, in case somebody is just mending it. Here nobody is."""
    monkeypatch.setattr("messaging.stores.tinydb.storage._TRIES", 1)


def head_of(path):
    return path.with_name(path.name + ".head")


def refused(open_tiny, path, match=None):
    """Opening is refused, and changes nothing."""
    before = path.read_bytes()
    with pytest.raises(StoreBroken, match=match) as caught:
        open_tiny()
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == before
    return caught.value


class TestCutOff:
    def test_at_every_byte_it_is_refused(self, path, open_tiny, boundaries):
        whole = path.read_bytes()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            refused(open_tiny, path)
        path.write_bytes(whole)
        assert len(open_tiny().notes("n")) == 10

    def test_without_a_head_at_every_byte_it_is_the_last_whole_state(self, path, open_tiny, boundaries):
        whole = path.read_bytes()
        head_of(path).unlink()
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            if length < HEADER_SIZE:
                refused(open_tiny, path)
                continue
            store = open_tiny()
            assert len(store.notes("n")) == sum(end <= length for end in boundaries)
            store.close()
            head_of(path).unlink(missing_ok=True)

    def test_a_torn_end_is_dropped_by_the_next_append(self, path, open_tiny, boundaries):
        whole = path.read_bytes()
        head_of(path).unlink()
        for length in range(boundaries[-2] + 1, boundaries[-1]):
            path.write_bytes(whole[:length])
            store = open_tiny()
            assert store.get_note("n9") is None
            store.put_note("new", 1)
            store.close()
            assert open_tiny().notes("n") == {**{f"n{n}": "x" * n for n in range(9)}, "new": 1}
            head_of(path).unlink()

    def test_what_was_not_synced_may_go(self, path, open_tiny, make):
        store = open_tiny()
        store.outbox.add([make.message("m1")])
        synced = path.stat().st_size
        store.outbox.settle([make.sent("m1")])
        whole = path.read_bytes()
        assert synced < len(whole)
        for length in range(synced, len(whole)):
            path.write_bytes(whole[:length])
            assert open_tiny().outbox.get(["m1"])["m1"].state == "planned"
        path.write_bytes(whole[: synced - 1])
        refused(open_tiny, path, "cut off")

    def test_zeros_where_a_power_cut_lost_the_data_are_a_torn_end(self, path, open_tiny, boundaries):
        head_of(path).unlink()
        whole = path.read_bytes()
        for kept in (0, 5, 12):
            path.write_bytes(whole[: boundaries[-2] + kept] + b"\0" * 100)
            assert len(open_tiny().notes("n")) == 9


class TestDamaged:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\n",
            b"{}",
            b"{}\n",
            b"\0" * 2000,
            b'{"_default": {"1": {"a": 1}}}',
            b"00000000 {}" + b" " * 500 + b"\n",
            b"x" * HEADER_SIZE,
            "\ufeff".encode(),
        ],
    )
    def test_another_file_is_not_taken_for_a_store(self, path, open_tiny, content):
        path.parent.mkdir()
        path.write_bytes(content)
        refused(open_tiny, path)

    def test_a_byte_order_mark(self, path, open_tiny, boundaries):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        refused(open_tiny, path)

    @pytest.mark.parametrize(
        "garbage",
        [
            b"garbage",
            b"\n",
            b"\n\n",
            b"{}\n",
            b"00000000 []\n",
            b"0000000g",
            b"00000000x",
            b"00000000 {",
            b"00000000 [\0x",
            b"\0x",
            b"\xff\xfe",
            random.Random(1).randbytes(300),
        ],
    )
    def test_trailing_garbage(self, path, open_tiny, boundaries, garbage):
        path.write_bytes(path.read_bytes() + garbage)
        refused(open_tiny, path)
        head_of(path).unlink()
        refused(open_tiny, path)

    def test_any_byte_changed(self, path, open_tiny, boundaries):
        whole = path.read_bytes()
        for position in range(len(whole)):
            for bit in (1, 32):
                damaged = bytearray(whole)
                damaged[position] ^= bit
                path.write_bytes(damaged)
                with pytest.raises(StoreBroken):
                    open_tiny()

    @pytest.mark.parametrize("order", [[0, 2, 1], [0, 0, 1, 2], [0, 2], [1, 2]])
    def test_lines_lost_doubled_or_moved(self, path, open_tiny, boundaries, order):
        header, *lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(header + b"".join(lines[index] for index in order) + b"".join(lines[3:]))
        head_of(path).unlink()
        refused(open_tiny, path)

    def test_a_file_from_the_future(self, path, open_tiny, boundaries, monkeypatch):
        monkeypatch.setattr("messaging.stores.tinydb.format.VERSION", 2)
        refused(open_tiny, path, "format 1")

    def test_the_error_names_the_backup(self, path, open_tiny, boundaries):
        store = open_tiny()
        store.compact()
        store.close()
        path.write_bytes(path.read_bytes()[:600])
        assert f"{path}.bak" in refused(open_tiny, path).hint

    def test_the_backup_can_be_brought_back(self, path, open_tiny, boundaries):
        store = open_tiny()
        store.compact()
        store.close()
        backup = path.with_name(path.name + ".bak")
        path.write_bytes(backup.read_bytes())
        again = open_tiny()
        assert len(again.notes("n")) == 10
        again.put_note("new", 1)
        again.close()
        assert open_tiny().get_note("new") == 1

    @pytest.mark.parametrize("witness", [".head", ".bak"])
    def test_a_file_that_is_gone_is_not_begun_anew(self, path, open_tiny, boundaries, witness):
        path.rename(path.with_name(path.name + ".bak"))
        if witness == ".head":
            path.with_name(path.name + ".bak").unlink()
        else:
            head_of(path).unlink()
        with pytest.raises(StoreBroken, match="gone"):
            open_tiny()
        assert not path.exists()

    def test_damage_while_it_is_open_is_seen(self, path, open_tiny, boundaries):
        store = open_tiny()
        whole = path.read_bytes()
        path.write_bytes(whole + b"garbage\n")
        with pytest.raises(StoreBroken):
            store.get_note("n1")
        with pytest.raises(StoreBroken):
            store.put_note("n1", 2)
        assert path.read_bytes() == whole + b"garbage\n"
        path.write_bytes(whole)
        assert store.get_note("n1") == "x"


class TestFiles:
    def test_looking_makes_no_file(self, path, open_tiny):
        store = open_tiny()
        assert store.customers.count() == 0
        assert store.get_note("a") is None
        assert not path.exists()

    def test_looking_needs_no_right_to_write(self, path, open_tiny, boundaries):
        path.chmod(0o444)
        path.parent.chmod(0o555)
        try:
            assert len(open_tiny().notes("n")) == 10
        finally:
            path.parent.chmod(0o755)

    def test_a_folder_in_its_place(self, path, open_tiny):
        path.mkdir(parents=True)
        with pytest.raises(StoreError):
            open_tiny()

    def test_a_write_that_does_not_change_anything_writes_nothing(self, path, open_tiny, boundaries):
        store = open_tiny()
        store.put_note("n1", "x")
        store.outbox.release("nobody")
        assert path.stat().st_size == boundaries[-1]

    def test_head_damage_is_no_damage(self, path, open_tiny, boundaries):
        for content in (b"", b"x", b"\xff" * 80, head_of(path).read_bytes()[:-3]):
            head_of(path).write_bytes(content)
            assert len(open_tiny().notes("n")) == 10
