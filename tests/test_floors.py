"""The floors of docs/architecture.md hold: a module imports from floors below, its own without a ring, never above."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "messaging"

#: First part of a module's path below `messaging` -> its floor.
FLOORS = {
    "errors": 0,
    "clock": 0,
    "ids": 0,
    "recent": 0,
    "garbage": 0,
    "patience": 0,
    "meters": 0,
    "nouns": 1,
    "hookspecs": 1,
    "rules": 2,
    "expressions": 2,
    "rendering": 2,
    "queue": 3,
    "stores": 3,
    "workspace": 3,
    "answers": 3,
    "loading": 3,
    "plugins": 3,
    "outgoing": 3,
    "parallel": 3,
    "services": 4,
    "settings": 5,
    "settings_file": 5,
    "opened": 5,
    "logs": 5,
    "metrics": 5,
    "app": 5,
    "rehearsing": 5,
    "cli": 6,
    "server": 6,
    "worker": 6,
    "testing": 6,
    "__main__": 7,
}

pytestmark = pytest.mark.skipif(not PACKAGE.is_dir(), reason="runs on a checkout, not on an installed wheel")


def modules() -> dict[str, Path]:
    """Module name -> file."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of ours that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in known else node.module or "")
    return {name for name in found if name in known}


def floor(module: str) -> int:
    parts = module.split(".")
    return -1 if len(parts) == 1 else FLOORS[parts[1]]


def graph() -> dict[str, set[str]]:
    known = modules()
    # The package itself is the public door: it belongs to whoever comes in, not to those inside.
    return {name: imports(path, known) for name, path in known.items() if name != "messaging"}


def test_every_module_has_a_floor() -> None:
    assert {name for name in graph() if name.split(".")[1] not in FLOORS} == set()


def test_nobody_imports_from_above() -> None:
    upward = [
        f"{name} (floor {floor(name)}) imports {other} (floor {floor(other)})"
        for name, others in graph().items()
        for other in others
        if floor(other) > floor(name)
    ]
    assert upward == []


def test_no_ring() -> None:
    try:
        TopologicalSorter(graph()).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other: {' -> '.join(error.args[1])}")


def test_services_do_not_know_the_settings() -> None:
    knowing = [name for name, others in graph().items() if floor(name) < 5 and "messaging.settings" in others]
    assert knowing == []


def test_bundled_plugins_use_the_public_door_only() -> None:
    wrong = []
    for path in sorted((ROOT / "plugins").rglob("*.py")):
        for match in re.finditer(r"^\s*(?:from|import) (messaging\.[\w.]+)", path.read_text("utf-8"), re.MULTILINE):
            wrong.append(f"{path.relative_to(ROOT)}: {match[1]}")
    assert wrong == []


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("messaging", "plugins")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := len(path.read_text("utf-8").splitlines())) > 450
    }
    assert long == {}


def test_services_wait_in_no_lock_that_all_share() -> None:
    """`functools.cached_property` has, before Python 3.12, one lock for all instances: who asks the store while they
    have it, and who has the store and asks for it, wait for each other for ever."""
    using = [
        str(path.relative_to(PACKAGE))
        for path in sorted((PACKAGE / "services").rglob("*.py"))
        if re.search(r"^\s*@cached_property", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert using == []
