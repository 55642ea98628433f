"""The fixtures that every test has where this project is installed."""

from __future__ import annotations

import subprocess
import sys

import httpx
import pytest

from messaging.testing.standins import StandIn


@pytest.mark.parametrize("name", ["sendgrid_standin", "twilio_standin", "smtp_standin", "webhook_standin"])
def test_each_provider_is_there(request: pytest.FixtureRequest, name: str) -> None:
    provider = request.getfixturevalue(name)
    assert isinstance(provider, StandIn)
    assert f"{provider.name}_standin" == name
    assert httpx.get(f"{provider.url}/messages", trust_env=False).json()["accepted"] == 0


def test_the_plugin_costs_nothing_before_it_is_asked() -> None:
    """It is loaded at each start of pytest, also by whoever never uses it."""
    code = "import messaging.testing.plugin, sys; print([n for n in sys.modules if 'standins' in n or n == 'pydantic_core'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "standins" not in done.stdout
