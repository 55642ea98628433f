"""The files by which workers are told from the dead."""

from __future__ import annotations

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
    first, second = Workers(tmp_path), Workers(tmp_path)
    (tmp_path / f"{'0' * 32}.lock").touch()
    assert [asked.is_alive("0" * 32) for asked in (first, second, first)] == [False] * 3
