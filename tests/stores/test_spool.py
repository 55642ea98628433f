"""The spool loses nothing, whoever dies when."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from messaging.errors import StoreError
from messaging.stores.spool import Spool


class Taken:
    """What a spool was drained into, by id, as a store would know it."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def __call__(self, lines: Sequence[bytes]) -> None:
        self.lines += [line.rstrip(b"\n") for line in lines if line.rstrip(b"\n") not in self.lines]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "hits"


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_lines_come_out_once_and_files_go(folder: Path) -> None:
    spool, taken = Spool(folder), Taken()
    assert spool.drain(taken) == 0
    for number in range(1200):
        spool.append(b"%d" % number)
    assert spool.drain(taken) == 1200
    assert taken.lines == [b"%d" % number for number in range(1200)]
    assert files(folder) == []
    assert spool.drain(taken) == 0
    spool.append(b"again", durable=True)
    assert spool.drain(taken) == 1


def test_what_cannot_be_taken_waits(folder: Path) -> None:
    spool, taken = Spool(folder), Taken()
    spool.append(b"1")

    def fail(lines: Sequence[bytes]) -> None:
        raise StoreError("not now")

    with pytest.raises(StoreError):
        spool.drain(fail)
    spool.append(b"2")
    spool.drain(taken)
    assert sorted(taken.lines) == [b"1", b"2"]


def test_killed_between_taking_and_removing(folder: Path) -> None:
    """What was taken comes again; whoever takes it knows it by its id."""
    spool, taken = Spool(folder), Taken()
    spool.append(b"1")
    spool.append(b"2")

    def take_and_die(lines: Sequence[bytes]) -> None:
        taken(lines)
        raise SystemExit

    with pytest.raises(SystemExit):
        spool.drain(take_and_die)
    assert len(files(folder)) == 1
    assert Spool(folder).drain(taken) == 2
    assert taken.lines == [b"1", b"2"]
    assert files(folder) == []


def test_another_process_writes_on(folder: Path) -> None:
    writer, reader, taken = Spool(folder), Spool(folder), Taken()
    writer.append(b"1")
    assert reader.drain(taken) == 1
    assert len(files(folder)) == 1
    writer.append(b"2")
    assert reader.drain(taken) == 1
    assert reader.drain(taken) == 0
    writer.close()
    assert reader.drain(taken) == 0
    assert files(folder) == []
    assert taken.lines == [b"1", b"2"]


def test_many_threads_and_two_spools(folder: Path) -> None:
    writer, reader, taken = Spool(folder), Spool(folder), Taken()
    done = threading.Event()

    def write(name: int) -> None:
        for number in range(300):
            writer.append(b"%d-%d" % (name, number))

    def drain(spool: Spool) -> None:
        while not done.is_set():
            spool.drain(taken)

    writers = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    drainers = [threading.Thread(target=drain, args=(spool,)) for spool in (writer, reader)]
    for thread in writers + drainers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in drainers:
        thread.join()
    writer.drain(taken)
    assert set(taken.lines) == {b"%d-%d" % (name, number) for name in range(4) for number in range(300)}


def test_kill_while_writing(folder: Path) -> None:
    """What `append` returned from is there after kill -9; a line that was being written is left out."""
    program = """
import sys
from pathlib import Path
from messaging.stores.spool import Spool
spool = Spool(Path(sys.argv[1]))
for number in range(10**9):
    spool.append(b'{"n": %d, "filler": "%s"}' % (number, b"x" * 300))
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(200):
            said = process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        said = (process.stdout.read().splitlines() or [said])[-1]
        process.wait()
        process.stdout.close()
        taken = Taken()
        Spool(folder).drain(taken)
        numbers = [json.loads(line)["n"] for line in taken.lines]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > int(said or b"0")
        assert files(folder) == []


def test_a_full_disk_tears_one_line_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, taken = Spool(folder), Taken()
    spool.append(b"1")
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:1]))
    with pytest.raises(OSError, match="disk full"):
        spool.append(b"2222")
    monkeypatch.undo()
    spool.append(b"3")
    spool.drain(taken)
    assert taken.lines == [b"1", b"2", b"3"]


def test_a_line_that_must_last_has_a_name_that_lasts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was synced is still lost with a power cut if the folder that names it was not."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file).st_ino))
    spool = Spool(folder)
    spool.append(b"1")
    assert synced == []
    for _ in range(2):
        spool.append(b"2", durable=True)
        spool.append(b"3", durable=True)
        (file,) = files(folder)
        names = [folder.parent.stat().st_ino, folder.stat().st_ino]
        assert synced == [file.stat().st_ino, *names, file.stat().st_ino]
        synced.clear()
        spool.drain(lambda lines: None)  # what comes next is written to another file


def test_a_folder_that_cannot_be_synced_is_no_success(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, fsync = Spool(folder), os.fsync

    def sync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError("input/output error")
        fsync(file)

    monkeypatch.setattr(os, "fsync", sync)
    for _ in range(2):
        with pytest.raises(OSError, match="input/output"):
            spool.append(b"1", durable=True)


def test_only_the_owner_may_read(folder: Path) -> None:
    Spool(folder).append(b"1")
    (file,) = files(folder)
    assert file.stat().st_mode & 0o77 == 0
    assert folder.stat().st_mode & 0o77 == 0
