"""Attributes are added to messaging.toml and nothing else in it changes."""

from __future__ import annotations

import multiprocessing
import tomllib

import pytest

from messaging.errors import SettingsError
from messaging.workspace.declare import declare_attributes

TYPES = {"points": "number", "note": "text"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[brand]\nname = 'x'\n",
        "[attributes]\n",
        "# mine\n[attributes]   # ours\nvip = \"boolean\"\n\n\n[brand]\nname = 'x'\n",
        '[attributes]\nvip = "boolean"',
        "[ attributes ]\n[brand]\n",
        "﻿[brand]\nname = 'ü'\r\n",
    ],
)
def test_it_is_added(tmp_path, text):
    file = tmp_path / "messaging.toml"
    file.write_text(text, "utf-8")
    before = tomllib.loads(text.removeprefix("﻿"))
    declare_attributes(file, TYPES)
    after = tomllib.loads(file.read_text("utf-8"))
    assert after.pop("attributes") == {**before.pop("attributes", {}), **TYPES}
    assert after == before
    for line in text.removeprefix("﻿").splitlines():
        assert line in file.read_text("utf-8")


def test_nothing_to_add_touches_nothing(tmp_path):
    declare_attributes(tmp_path / "messaging.toml", {})


@pytest.mark.parametrize(
    "text",
    [
        "attributes = { vip = 'boolean' }\n",
        "attributes.vip = 'boolean'\n",
        "[attributes]\npoints = 'text'\n",
        "nonsense [",
    ],
)
def test_what_cannot_be_added_to_is_left_as_it_is(tmp_path, text):
    file = tmp_path / "messaging.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match="could not be declared"):
        declare_attributes(file, TYPES)
    assert file.read_text("utf-8") == text


def declare_some(file, worker):
    for number in range(10):
        declare_attributes(file, {f"a{worker}_{number}": "text"})


def test_several_processes_lose_nothing(tmp_path):
    file = tmp_path / "messaging.toml"
    file.write_text("[brand]\nname = 'x'\n", "utf-8")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=declare_some, args=(file, worker)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(tomllib.loads(file.read_text("utf-8"))["attributes"]) == 40
    assert [path.name for path in tmp_path.iterdir()] == ["messaging.toml"]


def test_permissions_and_links_stay(tmp_path):
    real = tmp_path / "real.toml"
    real.write_text("", "utf-8")
    real.chmod(0o640)
    link = tmp_path / "messaging.toml"
    link.symlink_to(real)
    declare_attributes(link, TYPES)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert tomllib.loads(real.read_text("utf-8"))["attributes"] == TYPES
