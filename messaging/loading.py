"""Finding plugins and importing them: entry points, then the modules in a workspace's `plugins/`."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from operator import is_
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

from pydantic import BaseModel

from messaging.errors import PluginError
from messaging.nouns.adapter import Adapter
from messaging.nouns.source import EventSource

GROUP = "messaging"
#: The distribution that the bundled plugins come from.
OURS = "customer-messaging"
#: What of ours no plugin replaces; values may change.
_CODE = (FunctionType, type, property, classmethod, staticmethod)


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it is gone


def _go_to(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


#: What belongs to the whole process, and how it is read and set.
_PROCESS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], object]]] = MappingProxyType(
    {
        "the current folder": (_folder, _go_to),
        "the limit of recursion": (sys.getrecursionlimit, sys.setrecursionlimit),
        "the default timeout of sockets": (socket.getdefaulttimeout, socket.setdefaulttimeout),
        "what is logged": (lambda: logging.root.manager.disable, logging.disable),
    }
)


@dataclass(slots=True, kw_only=True)
class Plugin:
    """One plugin that was found, whether or not it works."""

    name: str
    #: The distribution it came from, or the file for a drop-in.
    distribution: str
    version: str = ""
    module: ModuleType | None = None
    hooks: tuple[str, ...] = ()
    #: Why it is left out, if it is.
    fault: PluginError | None = None
    #: By name.
    adapters: dict[str, type[Adapter]] = field(default_factory=dict)
    sources: dict[str, type[EventSource]] = field(default_factory=dict)
    #: Of its `[plugins.NAME]` table, if it told.
    settings: type[BaseModel] | None = None


def found(folder: Path | None) -> Iterator[tuple[Plugin, Callable[[], Any]]]:
    """What there is, and how each is loaded. Ours first: nobody takes the place of one by a name."""
    described = [(_described(point), point) for point in entry_points(group=GROUP)]
    for plugin, point in sorted(described, key=lambda pair: (pair[0].distribution != OURS, pair[0].name)):
        yield plugin, point.load
    for path in _drop_ins(folder):
        yield Plugin(name=path.stem, distribution=str(path)), partial(_import_file, path)


def plugin_names(folder: Path | None) -> list[str]:
    """What could be loaded."""
    return sorted({plugin.name for plugin, _ in found(folder)})


def _drop_ins(folder: Path | None) -> list[Path]:
    """The modules in a workspace's `plugins/`."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def _described(point: EntryPoint) -> Plugin:
    dist = point.dist
    return Plugin(
        name=point.name,
        distribution=(dist and dist.name) or point.value,
        version=(dist and dist.version) or "",
    )


def _import_file(path: Path) -> ModuleType:
    """Import a drop-in module under a name of its own."""
    name = f"messaging_workspace_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # undone and handed on
        del sys.modules[name]
        raise
    return module


class Untouched:
    """Our functions and classes, and what belongs to the whole process, as they are; what a plugin changes while it is
    loaded is put back.
    """

    def __init__(self) -> None:
        self._known = [(owner, dict(vars(owner))) for owner in _ours()]
        self._process = {what: read() for what, (read, _) in _PROCESS.items()}

    def restore(self) -> list[str]:
        """Put back what was changed, and say what."""
        changed = []
        for owner, known in self._known:
            now = vars(owner)
            if all(map(is_, known.values(), map(now.get, known))):
                continue
            for name, value in known.items():
                if isinstance(value, _CODE) and now.get(name) is not value:
                    setattr(owner, name, value)
                    changed.append(f"{_named(owner)}.{name}")
        for what, before in self._process.items():
            read, write = _PROCESS[what]
            if read() != before:
                write(before)
                changed.append(what)
        return changed


def _ours() -> Iterator[ModuleType | type]:
    for name, module in list(sys.modules.items()):
        if name == "messaging" or name.startswith("messaging."):
            yield module
            yield from (
                each for each in list(vars(module).values()) if isinstance(each, type) and each.__module__ == name
            )


def _named(owner: ModuleType | type) -> str:
    return f"{owner.__module__}.{owner.__qualname__}" if isinstance(owner, type) else owner.__name__
