"""Attributes are added to messaging.toml and nothing else in it changes."""

from __future__ import annotations

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
