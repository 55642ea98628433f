"""A store is opened where the settings say; one that vanished is never begun anew."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from messaging.clock import Clock
from messaging.errors import InUse, Moved, SettingsError, StoreBroken, StoreError
from messaging.services.migrating import migrate
from messaging.stores.base import Store
from messaging.stores.opening import open_store, open_target
from messaging.workspace.folder import Workspace, make_workspace

URL = "tinydb:data/store.jsonl"
Open = Callable[..., Store]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "shop")


@pytest.fixture
def opened(workspace: Workspace, clock: Clock) -> Iterator[Open]:
    stores: list[Store] = []

    def one(url: str = URL, at: Workspace = workspace) -> Store:
        stores.append(open_store(url, at, clock))
        return stores[-1]

    yield one
    for store in stores:
        store.close()


def made(opened: Open, url: str = URL) -> None:
    store = opened(url)
    store.put_note("kept", 1)
    store.close()


@pytest.mark.parametrize("left", ["no folder", "an empty folder", "a folder of git's"])
def test_a_store_that_vanished_is_no_empty_one(workspace: Workspace, opened: Open, left: str) -> None:
    made(opened)
    shutil.rmtree(workspace.data)
    if left != "no folder":
        workspace.data.mkdir()
    if left == "a folder of git's":
        (workspace.data / ".gitignore").touch()
    with pytest.raises(StoreBroken, match="the store is gone") as caught:
        opened()
    assert str(workspace.data) in str(caught.value)  # bring that back
    assert "on purpose" in str(caught.value)
    assert str(workspace.root / ".stores") in str(caught.value)
    assert not (workspace.data / "store.jsonl").exists()


def test_it_vanishes_while_it_is_used(workspace: Workspace, opened: Open) -> None:
    store = opened()
    store.put_note("kept", 1)
    shutil.rmtree(workspace.data)
    with pytest.raises(StoreBroken):
        store.put_note("kept", 2)
    with pytest.raises(StoreBroken):
        opened()


def test_one_begins_anew_on_purpose(workspace: Workspace, opened: Open) -> None:
    made(opened)
    shutil.rmtree(workspace.data)
    (workspace.root / ".stores").unlink()
    store = opened()
    assert store.get_note("kept") is None
    store.put_note("kept", 2)
    assert opened().get_note("kept") == 2


def test_a_backup_brought_back_is_taken(workspace: Workspace, opened: Open, tmp_path: Path) -> None:
    made(opened)
    shutil.move(workspace.data, tmp_path / "backup")
    with pytest.raises(StoreBroken):
        opened()
    shutil.move(tmp_path / "backup", workspace.data)
    assert opened().get_note("kept") == 1


def test_a_store_from_before_is_noted_when_it_is_opened(workspace: Workspace, opened: Open) -> None:
    made(opened)
    (workspace.root / ".stores").unlink()
    opened().close()
    shutil.rmtree(workspace.data)
    with pytest.raises(StoreBroken):
        opened()


def test_looking_makes_no_store(workspace: Workspace, opened: Open) -> None:
    assert opened().customers.count() == 0
    assert not (workspace.root / ".stores").exists()


def test_a_fresh_clone_begins_empty(workspace: Workspace, opened: Open, tmp_path: Path) -> None:
    """Git carries neither the store nor the note of it."""
    made(opened)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "shop"]):
        subprocess.run([*git, *command], cwd=workspace.root, check=True)
    subprocess.run([*git, "clone", "-q", workspace.root, tmp_path / "clone"], check=True)
    clone = Workspace(tmp_path / "clone")
    store = opened(at=clone)
    assert store.health()["customers"] == 0
    store.put_note("kept", 3)
    assert opened(at=clone).get_note("kept") == 3


def test_each_store_is_noted_by_itself(workspace: Workspace, opened: Open, tmp_path: Path) -> None:
    made(opened)
    made(opened, f"tinydb:{tmp_path}/other.jsonl")
    lines = (workspace.root / ".stores").read_text("utf-8").splitlines()
    assert lines[1:] == ["data/store.jsonl", f"{tmp_path}/other.jsonl"]
    (tmp_path / "other.jsonl").unlink()
    (tmp_path / "other.jsonl.head").unlink()
    with pytest.raises(StoreBroken):
        opened(f"tinydb:{tmp_path}/other.jsonl")
    assert opened().get_note("kept") == 1


def test_a_workspace_that_moved_knows_its_store(workspace: Workspace, opened: Open, tmp_path: Path) -> None:
    made(opened)
    shutil.rmtree(workspace.data)
    shutil.move(workspace.root, tmp_path / "moved")
    with pytest.raises(StoreBroken):
        opened(at=Workspace(tmp_path / "moved"))


@pytest.mark.parametrize("url", ["tinydb:{}/nowhere/store.jsonl", "tinydb:dta/store.jsonl"])
def test_a_folder_that_is_not_there_is_named(workspace: Workspace, opened: Open, tmp_path: Path, url: str) -> None:
    url = url.format(tmp_path)
    with pytest.raises(SettingsError, match="there is no folder") as caught:
        opened(url)
    folder = (workspace.root / url.removeprefix("tinydb:")).parent
    assert str(folder) in caught.value.message
    assert "MESSAGING__STORE__URL" in str(caught.value)
    assert not folder.exists()


def test_a_folder_that_vanished_with_its_store_is_told_as_that(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    made(opened, f"tinydb:{tmp_path}/elsewhere/store.jsonl")
    shutil.rmtree(tmp_path / "elsewhere")
    with pytest.raises(StoreBroken, match="the store is gone"):
        opened(f"tinydb:{tmp_path}/elsewhere/store.jsonl")


@pytest.mark.parametrize(
    ("url", "problem"), [("tinydb:data", "is a folder"), ("tinydb:", "unknown kind"), ("mysql:x", "unknown kind")]
)
def test_a_url_that_leads_nowhere(opened: Open, url: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        opened(url)


def test_what_is_left_beside_it_is_named_too(workspace: Workspace, opened: Open) -> None:
    made(opened)
    file = workspace.data / "store.jsonl"
    file.unlink()
    with pytest.raises(StoreBroken, match="the store is gone") as caught:
        opened()
    assert caught.value.hint is not None
    left = caught.value.hint.rpartition(" remove ")[2].split(" and ")
    assert left == [f"{file}.head", str(workspace.stores)]
    for path in left:
        Path(path).unlink()
    assert opened().get_note("kept") is None


def test_the_stores_own_backup_is_named(workspace: Workspace, opened: Open) -> None:
    store = opened()
    store.put_note("kept", 1)
    store.compact()
    store.close()
    (workspace.data / "store.jsonl").unlink()
    with pytest.raises(StoreBroken, match="the last backup is .*store.jsonl.bak, of "):
        opened()


#: Whoever has a database open keeps it from being brought away.
WHICH = [
    ("tinydb", "before"),
    ("tinydb", "meanwhile"),
    pytest.param("postgres", "meanwhile", marks=pytest.mark.postgres),
]


@pytest.mark.parametrize(("kind", "since"), WHICH)
def test_whoever_waits_for_a_migration_does_nothing_in_the_store_that_was_left(
    workspace: Workspace, opened: Open, clock: Clock, request: pytest.FixtureRequest, kind: str, since: str
) -> None:
    """A command that was started while it is brought away, or, as far as the store lets it be, before."""
    url = URL if kind == "tinydb" else str(request.getfixturevalue("postgres_url"))
    made(opened, url)
    early = opened(url) if since == "before" else None
    told: list[StoreError] = []
    begun = threading.Event()

    def command() -> None:
        begun.set()
        try:
            store = early or opened(url)
            store.put_note("late", 1)
        except StoreError as error:
            told.append(error)

    late = threading.Thread(target=command)

    def step(kind: str, rows: int) -> None:
        if not begun.is_set():
            late.start()
            begun.wait()
            late.join(0.3)  # it waits; what is seen below holds also if it does not get there

    source = open_store(url, workspace, clock, left=True)
    with closing(source), closing(open_target("tinydb:data/other.jsonl", workspace, clock)) as target:
        assert all(each.same for each in migrate(source, target, now=clock.now(), step=step))
        late.join()
        assert [type(error) in (Moved, InUse) for error in told] == [True]
        assert source.get_note("late") is None


@pytest.mark.postgres
def test_nobody_opens_a_database_that_is_being_brought_away(
    workspace: Workspace, opened: Open, clock: Clock, postgres_url: str
) -> None:
    made(opened, postgres_url)
    with closing(open_store(postgres_url, workspace, clock, left=True)) as source:
        with source.contents.alone():
            with pytest.raises(InUse, match="being brought to another one") as caught:
                opened(postgres_url)
            assert "wait until" in str(caught.value)
            with closing(open_store(postgres_url, workspace, clock, left=True)) as looked_at:
                assert looked_at.get_note("kept") == 1
        assert opened(postgres_url).get_note("kept") == 1
