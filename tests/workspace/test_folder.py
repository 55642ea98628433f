"""Making a workspace and finding it again."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from messaging.errors import InputError, SettingsError
from messaging.settings_file import load_settings
from messaging.workspace.folder import Workspace, find_workspace, make_workspace
from messaging.workspace.keys import read_keys


def test_a_new_workspace_has_all_its_parts(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "shop")
    assert {path.name for path in workspace.root.iterdir()} == {
        "messaging.toml", "keys.toml", ".gitignore", "segments", "templates", "plugins", "data",
    }  # fmt: skip
    assert (workspace.templates / "order-confirmation" / "template.toml").is_file()
    assert list(workspace.segments.glob("*.toml"))
    ignored = (workspace.root / ".gitignore").read_text("utf-8").split()
    assert {"/keys.toml", "/data/", "/mailbox/", "/.stores"} <= set(ignored)
    assert stat.S_IMODE((workspace.root / "keys.toml").stat().st_mode) == 0o600
    assert load_settings(workspace.settings).adapter_for("email") == "mailbox"


def test_it_is_found_from_below_by_flag_and_by_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(tmp_path / "shop")
    deep = workspace.templates / "promotion"
    monkeypatch.chdir(deep)
    assert find_workspace() == workspace
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"no messaging\.toml in .* or above it"):
        find_workspace()
    assert find_workspace("shop") == workspace
    monkeypatch.setenv("MESSAGING_WORKSPACE", str(workspace.root))
    assert find_workspace() == workspace
    with pytest.raises(SettingsError, match=r"no messaging\.toml in"):
        find_workspace("elsewhere")


def test_nothing_of_yours_is_overwritten(tmp_path: Path) -> None:
    make_workspace(tmp_path / "shop")
    with pytest.raises(InputError, match="is a workspace already"):
        make_workspace(tmp_path / "shop")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine", "utf-8")
    with pytest.raises(InputError, match="is not an empty folder"):
        make_workspace(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not an empty folder"):
        make_workspace(tmp_path / "file")


def test_a_fresh_git_checkout_is_empty_enough(tmp_path: Path) -> None:
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    make_workspace(tmp_path / "shop")


def clone_of(workspace: Workspace) -> Path:
    """What git carries of it."""
    for left in (workspace.root / "keys.toml", workspace.stores):
        left.unlink(missing_ok=True)
    for folder in (workspace.data, workspace.plugins):
        shutil.rmtree(folder)
    return workspace.root


def test_a_clone_is_completed(tmp_path: Path) -> None:
    root = clone_of(make_workspace(tmp_path / "shop"))
    with pytest.raises(SettingsError, match=f"in a fresh clone make one: messaging init {root}"):
        read_keys(root)
    (root / "messaging.toml").write_text("# theirs\n", "utf-8")
    make_workspace(root)
    assert read_keys(root).current == 1
    assert (root / "messaging.toml").read_text("utf-8") == "# theirs\n"
    assert stat.S_IMODE((root / "data").stat().st_mode) == 0o700
    with pytest.raises(InputError, match="is a workspace already"):
        make_workspace(root)


@pytest.mark.parametrize("left", [".stores", "data/store.jsonl"])
def test_one_that_lost_its_keys_is_no_clone(tmp_path: Path, left: str) -> None:
    root = clone_of(make_workspace(tmp_path / "shop"))
    (root / "data").mkdir()
    (root / left).touch()
    with pytest.raises(InputError, match=r"lost keys\.toml"):
        make_workspace(root)
    assert not (root / "keys.toml").exists()


def test_two_workspaces_have_different_keys(tmp_path: Path) -> None:
    first = read_keys(make_workspace(tmp_path / "a").root)
    second = read_keys(make_workspace(tmp_path / "b").root)
    assert first.signing[first.current] != second.signing[second.current]
    assert first.api_key != second.api_key


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not a key file"),
        ("\x00", "is not a key file"),
        (
            'current = 2\napi_key = "0123456789abcdef"\nstaff_password = "01234567"\n[signing]\n1 = "' + "0" * 64 + '"',
            "no such key",
        ),
        (
            'current = 1\napi_key = "0123456789abcdef"\nstaff_password = "01234567"\n[signing]\n1 = "00"',
            "at least 32 bytes",
        ),
        (
            'current = 1\napi_key = "short"\nstaff_password = "01234567"\n[signing]\n1 = "' + "0" * 64 + '"',
            "api_key needs",
        ),
        (
            'current = 1\napi_key = "0123456789abcdef"\nstaff_password = "01234567"\n[signing]\n1 = "zz"',
            "is not a key file",
        ),
    ],
)
def test_a_damaged_key_file_is_refused_without_showing_it(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "keys.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=problem) as raised:
        read_keys(tmp_path)
    assert "0123456789abcdef" not in str(raised.value)


OLD, NEW = "0" * 64, "f" * 64
ROTATED = f'''current = 2
retired = [1]
api_key = "0123456789abcdef"
staff_password = "01234567"
[signing]
1 = "{OLD}"
2 = "{NEW}"
'''


def test_keys_that_leaked_are_named(tmp_path: Path) -> None:
    (tmp_path / "keys.toml").write_text(ROTATED, "utf-8")
    keys = read_keys(tmp_path)
    assert (keys.current, set(keys.signing), keys.retired) == (2, {1, 2}, {1})
    (tmp_path / "keys.toml").write_text(ROTATED.replace("retired = [1]\n", ""), "utf-8")
    assert read_keys(tmp_path).retired == frozenset()
    for wrong, problem in (("[2]", "not the current one"), ("[3]", "under \\[signing\\]"), ("1", "is not a key file")):
        (tmp_path / "keys.toml").write_text(ROTATED.replace("[1]", wrong), "utf-8")
        with pytest.raises(SettingsError, match=problem):
            read_keys(tmp_path)


def test_a_lost_key_file_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="restore it from your backup"):
        read_keys(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_environment_overrides_the_two_passwords(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(tmp_path / "shop")
    monkeypatch.setenv("MESSAGING_API_KEY", "from-the-environment")
    monkeypatch.setenv("MESSAGING_STAFF_PASSWORD", "also-from-there")
    keys = read_keys(workspace.root)
    assert (keys.api_key, keys.staff_password) == ("from-the-environment", "also-from-there")
    assert "from-the-environment" not in repr(keys)
