"""Settings that plugins bring: from their table, told by place where they are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from messaging import SourceSettings
from messaging.app import Messaging
from messaging.errors import SettingsError
from messaging.plugins import Plugins
from messaging.services.plugin_settings import read_all, read_settings
from messaging.workspace.folder import make_workspace


class Row(BaseModel):
    most: int


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rows: tuple[Row, ...] = ()


LIMITS = """
from messaging import hookimpl
from tests.services.test_plugin_settings import Table

@hookimpl
def register_settings():
    return Table
"""


def test_what_is_missing_inside_a_table_is_told_by_its_place() -> None:
    with pytest.raises(SettingsError, match=r"^\[plugins.rules\] rows.0.most is not set$"):
        read_settings(Table, {"rows": [{}]}, ("plugins", "rules"))


class Shop(SourceSettings):
    secret: SecretStr
    older: tuple[SecretStr, ...] = ()


@pytest.mark.parametrize(
    ("table", "name"),
    [({"secret": ""}, "secret"), ({"secret": " \t"}, "secret"), ({"secret": "s", "older": ["x", ""]}, "older")],
)
def test_an_empty_secret_of_a_shop_is_refused(table: dict[str, Any], name: str) -> None:
    with pytest.raises(
        SettingsError, match=rf"^\[sources\.tea\.main\]: {name} is empty, and anybody could sign with that$"
    ):
        read_settings(Shop, table, ("sources", "tea", "main"))


def test_a_plugin_without_a_model_gets_its_table(tmp_path: Path) -> None:
    (tmp_path / "limits.py").write_text(LIMITS, "utf-8")
    plugins = Plugins(folder=tmp_path, only="limits")
    of = read_all(plugins, {"limits": {"rows": [{"most": 3}]}, "other": {"a": 1}}.__getitem__)
    assert of("limits") == Table(rows=(Row(most=3),))
    assert of("other") == {"a": 1}


def test_a_mistake_is_told_before_anything_is_to_be_sent(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "shop")
    with workspace.settings.open("a", encoding="utf-8") as file:
        file.write("\n[plugins.rules]\ncap = 3\n")
    with (
        Messaging.open(str(workspace.root)) as app,
        pytest.raises(SettingsError, match=r"\[plugins.rules\] cap: there is no such setting"),
    ):
        _ = app.plugins


def test_our_own_variable_goes_before_the_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Table(BaseModel):
        token: str = Field(json_schema_extra={"env": "TEA_TOKEN"})

    monkeypatch.setenv("TEA_TOKEN", "theirs")
    monkeypatch.setenv("MESSAGING__ADAPTERS__TEA_SHOP__TOKEN", "ours")
    assert read_settings(Table, {"token": "ours"}, ("adapters", "tea-shop")).token == "ours"
