"""Writes docs/hooks.md from the contract itself: `python docs/make_hooks.py`.

What a hook means is told once, in `messaging/hookspecs.py`; a test sees that the page is current.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from messaging import hookspecs
from messaging.nouns.decision import MessageFacts

PAGE = Path(__file__).parent / "hooks.md"

_FIELD = re.compile(r"((?:^    #: ?.*\n)+)    (\w+): ", re.MULTILINE)


def page() -> str:
    """The whole page."""
    module = ast.parse(inspect.getsource(hookspecs))
    head = ast.get_docstring(module) or ""
    title, _, words = head.partition("\n\n")
    hooks = [node for node in module.body if isinstance(node, ast.FunctionDef)]
    parts = [f"# Hooks\n{title}", words, _example(), *map(_hook, hooks), "\n".join(_facts())]
    return "\n\n".join(parts) + "\n"


def _hook(node: ast.FunctionDef) -> str:
    return f"## `{node.name}`\n```python\n{signature(node)}\n```\n{ast.get_docstring(node)}"


def signature(node: ast.FunctionDef) -> str:
    """As it stands in the contract."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}"


def _example() -> str:
    return """\
```python
from messaging import hookimpl


@hookimpl
def messages_sent(messages):
    print(len(messages), "sent")
```
A module with such functions is a plugin: installed, by an entry point in the group `messaging`; or put into a
workspace's `plugins/`. A plugin that fails is named with its hook, and takes no other with it."""


def _facts() -> Iterator[str]:
    """What `check_messages` is told."""
    yield "## What `facts` holds"
    for comment, name in _FIELD.findall(inspect.getsource(MessageFacts)):
        yield f"- `{name}`: {' '.join(re.sub(r'^ *#: ?', '', comment, flags=re.M).split())}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
