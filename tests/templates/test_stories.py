"""The starter templates' own tests: what happens in a shop, and who is then written to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging.app import Messaging
from messaging.rehearsing.template_tests import run_template_tests
from messaging.workspace.folder import make_workspace


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Messaging]:
    """A new workspace."""
    folder = tmp_path_factory.mktemp("stories") / "shop"
    make_workspace(folder)
    with Messaging.open(str(folder)) as app:
        yield app


def test_they_tell_what_is_sent(app: Messaging, name: str) -> None:
    results = run_template_tests(app, name) if app.library.get(name).triggers else []
    assert [result for result in results if result.problem] == []


def test_every_template_that_is_sent_by_an_event_has_some(templates: Any, name: str, app: Messaging) -> None:
    has_tests = (Path(app.workspace.templates) / name / "tests.toml").is_file()
    assert has_tests == bool(templates.template(name).triggers)
