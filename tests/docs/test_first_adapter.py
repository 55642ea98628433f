"""docs/first-adapter.md is followed to the letter, in an environment of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "first-adapter.md"


@pytest.mark.slow
def test_the_page_leads_to_a_plugin_that_passes(
    tmp_path: Path,
    fresh_environment: Callable[..., subprocess.CompletedProcess[str]],
    fences: Callable[[Path], list[Any]],
    turns: Callable[[str], Any],
    matches: Callable[[str, str], bool],
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    for fence in fences(PAGE):
        if fence.language != "console":
            continue
        for command, shown in turns(fence.text):
            if command.startswith("cd "):
                folder = folder / command.removeprefix("cd ")
                continue
            # Two runs within a second must not share compiled files.
            done = fresh_environment(command, folder=folder, COLUMNS="200")
            assert done.returncode == 0, f"{fence.place}: {command}\n{done.stdout}"
            assert matches(shown, done.stdout), f"{fence.place}: {command}\n--- shown\n{shown}\n---\n{done.stdout}"
