"""Adapters are made when they are needed; one that cannot be made is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from messaging import AdapterContext, PluginError
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
        base_url="https://shop.example",
        allow_insecure_links=False,
    )
    with pytest.raises(PluginError, match=r"plugin birds \(from .*birds.py\): adapter broken: could not be made: \w+"):
        adapters.get("broken")
