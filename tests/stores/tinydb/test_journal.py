"""A damaged file is named and left alone; a killed append is as if it had never begun."""

from __future__ import annotations

import os
import random
import zlib

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
    """Opening is refused, changes nothing and leaves no file open."""
    before, files = path.read_bytes(), len(os.listdir("/dev/fd"))
    with pytest.raises(StoreBroken, match=match) as caught:
        open_tiny()
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.read_bytes() == before
    assert len(os.listdir("/dev/fd")) <= files
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


class TestHole:
    """A power cut loses blocks of what was not synced, in any order: where one is missing the file has zeros."""

    @pytest.fixture
    def unsynced(self, path, open_tiny, make, monkeypatch):
        """A store whose last lines were not synced: (its bytes, how many of them were)."""
        store = open_tiny()
        store.outbox.add([make.message(f"m{n}") for n in range(20)])
        synced = path.stat().st_size
        for n in range(20):
            store.outbox.settle([make.sent(f"m{n}", provider_id="x" * 50)])
        whole = path.read_bytes()
        assert len(whole) > synced + 2000
        store.close()
        return whole, synced

    @pytest.fixture(autouse=True)
    def head(self, unsynced, path, open_tiny):
        """The head as it was before the store was closed."""
        whole, synced = unsynced
        generation = head_of(path).read_bytes().split()[0]
        text = b"%b %020d" % (generation, synced)
        head_of(path).write_bytes(b"%b %08x\n" % (text, zlib.crc32(text)))

    @staticmethod
    def holes(unsynced, size=512):
        """The file with each of its blocks after the synced part lost: (where the zeros begin, the file)."""
        whole, synced = unsynced
        for begin in range(synced // size * size, len(whole), size):
            end = min(begin + size, len(whole))
            start = max(begin, synced)
            yield start, whole[:start] + b"\0" * (end - start) + whole[end:]

    def test_in_the_unsynced_end_it_ends_the_journal(self, path, open_tiny, unsynced, caplog):
        whole, _ = unsynced
        head = head_of(path).read_bytes()
        for start, content in self.holes(unsynced):
            path.write_bytes(content)
            head_of(path).write_bytes(head)
            kept = whole[:start].count(b"\n") - 2  # without the header and the messages' own line
            store = open_tiny()
            assert sum(message.state == "sent" for message in store.outbox.page()) == kept
            assert path.read_bytes() == content
            caplog.clear()
            store.put_note("new", 1)
            assert [(record.levelname, record.name) for record in caplog.records] == [("WARNING", "messaging.store")]
            lost = len(content) - whole.rindex(b"\n", 0, start) - 1
            assert f"{path}: the last {lost} bytes" in caplog.text
            assert open_tiny().get_note("new") == 1
            assert b"\0" not in path.read_bytes()

    def test_a_reader_beside_sees_what_is_written_after(self, path, open_tiny, unsynced):
        _, content = next(self.holes(unsynced))
        path.write_bytes(content)
        reader, writer = open_tiny(), open_tiny()
        assert reader.get_note("new") is None
        assert reader.outbox.counts("spring")["planned"] == 20
        writer.put_note("new", 1)
        assert reader.get_note("new") == 1

    def test_it_can_be_compacted(self, path, open_tiny, unsynced):
        _, content = next(self.holes(unsynced))
        path.write_bytes(content)
        open_tiny().compact()
        assert b"\0" not in path.read_bytes()
        assert len(open_tiny().outbox.page()) == 20

    def test_in_what_was_synced_it_is_damage(self, path, open_tiny, unsynced):
        whole, synced = unsynced
        for begin in range(HEADER_SIZE, synced, 512):
            path.write_bytes(whole[:begin] + b"\0" * 512 + whole[begin + 512 :])
            refused(open_tiny, path, "damaged")
        path.write_bytes(whole[: synced - 1] + b"\0" * (len(whole) - synced + 1))
        refused(open_tiny, path)

    def test_zeros_that_no_lost_block_leaves_are_damage(self, path, open_tiny, unsynced):
        whole, synced = unsynced
        begin = synced + 10
        end = begin + 30
        assert end % 512
        path.write_bytes(whole[:begin] + b"\0" * 30 + whole[end:])
        refused(open_tiny, path, "damaged")

    def test_without_a_head_it_is_damage(self, path, open_tiny, unsynced):
        _, content = next(self.holes(unsynced))
        path.write_bytes(content)
        head_of(path).unlink()
        refused(open_tiny, path, "damaged")

    def test_other_damage_there_is_damage(self, path, open_tiny, unsynced):
        whole, synced = unsynced
        path.write_bytes(whole[: synced + 10] + b"x" + whole[synced + 11 :])
        refused(open_tiny, path, "damaged")

    def test_a_hole_that_comes_while_it_is_open_is_damage(self, path, open_tiny, unsynced):
        whole, synced = unsynced
        path.write_bytes(whole)
        store = open_tiny()
        line = next(iter(self.holes(unsynced)))[1][synced:]
        path.write_bytes(whole + line)
        with pytest.raises(StoreBroken):
            store.get_note("a")


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
