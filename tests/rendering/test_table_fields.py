"""Fields that are named like methods of tables: shops call the lines of an order `items`."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import nodes

from messaging.rendering.environment import Sandbox
from messaging.rendering.guard import guard


@pytest.mark.parametrize("field", ["items", "keys", "values"])
def test_no_method_stands_in_for_a_missing_field(field: str) -> None:
    sandbox = Sandbox(html=False)
    assert not sandbox.getattr({"number": "7"}, field)
    assert sandbox.getattr({field: [1]}, field) == [1]


@pytest.mark.parametrize(("source", "name"), [("{{ a.items() }}", "items"), ("{{ a.keys() }}", "list")])
def test_called_they_are_filters(source: str, name: str) -> None:
    tree: Any = guard(Sandbox(html=False).parse(source))
    assert name in {node.name for node in tree.find_all(nodes.Filter)}
    assert tree.find(nodes.Call) is None
