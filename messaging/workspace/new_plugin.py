"""A new plugin: a package that installs and passes its tests as it is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Literal, get_args

from messaging.errors import InputError

Kind = Literal["adapter", "source", "rule"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_SCAFFOLD = Path(__file__).parent / "scaffold" / "plugin"
#: A word that names a plugin, a part of a module and of a class.
_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_ABOUT: dict[Kind, str] = {"adapter": "An adapter", "source": "An event source", "rule": "A rule"}


def module_of(name: str) -> str:
    """The module of a plugin of that name."""
    return f"messaging_{name.replace('-', '_')}"


def module_is_there(name: str) -> bool:
    """Whether something else would go by that module, or it by something else."""
    return _NAME.fullmatch(name) is not None and importlib.util.find_spec(module_of(name)) is not None


def make_plugin(name: str, kind: Kind, parent: Path) -> Path:
    """Make the package of the plugin `name` in a new folder in `parent`; return that folder.

    Raises:
        InputError: the name is none, or the folder is there.
    """
    if name.startswith(("messaging-", "messaging_")):
        raise InputError(f"{name!r} says messaging twice", hint=f"say {name[10:]}: the package gets the rest")
    if _NAME.fullmatch(name) is None or len(name) > 40:
        raise InputError(
            f"{name!r} is no name for a plugin",
            hint="lower-case letters and digits, words joined by - or _, at most 40 characters: tea-shop",
        )
    words = re.split("[-_]", name)
    distribution, module = f"messaging-{'-'.join(words)}", module_of(name)
    folder = parent / distribution
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} is already there", hint="remove it, or take another name or --dir")
    values = {
        "about": _ABOUT[kind],
        "distribution": distribution,
        "module": module,
        "name": name,
        "NAME": "_".join(words).upper(),
        "Class": "".join(word.capitalize() for word in words),
    }
    values["use"] = _filled(f"{kind}.use.txt", values).rstrip()
    files = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        f"{module}.py": f"{kind}.py.txt",
        f"tests/test_{module.removeprefix('messaging_')}.py": f"{kind}.test.txt",
    }
    (folder / "tests").mkdir(parents=True)
    for path, source in files.items():
        (folder / path).write_text(_filled(source, values), "utf-8")
    return folder


def _filled(source: str, values: dict[str, str]) -> str:
    text = (_SCAFFOLD / source).read_text("utf-8")
    return re.sub(r"<<(\w+)>>", lambda match: values[match[1]], text)
