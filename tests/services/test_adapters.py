"""Adapters are made when they are needed; one that cannot be made is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from messaging import AdapterContext, PluginError, SettingsError
from messaging.plugins import Plugins
from messaging.services.adapters import Adapters

BROKEN = """
from messaging import Adapter, hookimpl

class Broken(Adapter):
    name = "broken"
    channel = "roof"
    leaves_the_machine = False
    def __init__(self, settings, context):
        raise {error}
    def deliver(self, messages):
        yield from ()

@hookimpl
def register_adapters():
    return [Broken]
"""


@pytest.mark.parametrize("error", ["RuntimeError('no pigeons')", "SystemExit(3)"])
def test_an_adapter_that_cannot_be_made_is_named(tmp_path: Path, error: str) -> None:
    (tmp_path / "birds.py").write_text(BROKEN.format(error=error), "utf-8")
    adapters = Adapters(
        Plugins(folder=tmp_path),
        AdapterContext(workspace=str(tmp_path)),
        settings={},
        adapter_for=lambda channel: "good" if channel == "roof" else None,
        base_url="https://shop.example",
        allow_insecure_links=False,
    )
    with pytest.raises(PluginError, match=r"plugin birds \(from .*birds.py\): adapter broken: __init__ raised \w+"):
        adapters.get("broken")


CLOSING = """
from messaging import Adapter, hookimpl

closed = []

class Stuck(Adapter):
    name = "a-stuck"
    channel = "roof"
    leaves_the_machine = False
    def deliver(self, messages):
        yield from ()
    def close(self):
        raise {error}

class Good(Stuck):
    name = "good"
    def close(self):
        closed.append(self.name)

@hookimpl
def register_adapters():
    return [Stuck, Good]
"""


@pytest.mark.parametrize("error", ["RuntimeError('no')", "SystemExit(3)"])
def test_one_that_cannot_be_closed_is_named_and_the_others_are_closed(
    tmp_path: Path, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "birds.py").write_text(CLOSING.format(error=error), "utf-8")
    plugins = Plugins(folder=tmp_path)
    adapters = Adapters(
        plugins,
        AdapterContext(workspace=str(tmp_path)),
        settings={},
        adapter_for=lambda channel: "good" if channel == "roof" else None,
        base_url="https://shop.example",
        allow_insecure_links=False,
    )
    adapters.get("a-stuck")
    adapters.get(adapters.name_for("roof"))
    adapters.close()
    module = next(plugin.module for plugin in plugins.found if plugin.name == "birds")
    assert module is not None
    assert module.closed == ["good"]
    assert "plugin birds" in caplog.text
    assert "adapter a-stuck: close raised" in caplog.text


def test_the_adapter_of_a_channel_or_a_wanted_one(tmp_path: Path) -> None:
    (tmp_path / "birds.py").write_text(CLOSING.format(error="RuntimeError"), "utf-8")
    adapters = Adapters(
        Plugins(folder=tmp_path),
        AdapterContext(workspace=str(tmp_path)),
        settings={},
        adapter_for=lambda channel: "good" if channel in ("roof", "cellar") else None,
        base_url="https://shop.example",
        allow_insecure_links=False,
    )
    assert adapters.name_for("roof") == "good"
    assert adapters.name_for("roof", "a-stuck") == "a-stuck"
    with pytest.raises(SettingsError, match="adapter good delivers roof, not cellar"):
        adapters.name_for("cellar")
    with pytest.raises(SettingsError, match="no adapter for attic"):
        adapters.name_for("attic")
