"""The files by which workers are told from the dead."""

from __future__ import annotations

import fcntl

from messaging.stores.tinydb.workers import Workers


def test_the_dead_are_swept_away_and_the_living_are_not(tmp_path):
    workers, others = Workers(tmp_path), Workers(tmp_path)
    living = others.enlist()
    (tmp_path / f"{'0' * 32}.lock").touch()
    mine = workers.enlist()
    assert {file.stem for file in tmp_path.glob("*.lock")} == {living, mine}
    assert not workers.is_alive("0" * 32)
    others.close()
    assert not workers.is_alive(living)
    assert workers.is_alive(mine)
    workers.close()


def test_two_who_ask_at_once_do_not_take_each_other_for_the_worker(tmp_path):
    with (tmp_path / f"{'0' * 32}.lock").open("w") as another_who_is_asking:
        fcntl.flock(another_who_is_asking, fcntl.LOCK_SH)
        assert not Workers(tmp_path).is_alive("0" * 32)
