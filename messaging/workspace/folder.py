"""The workspace: a folder with `messaging.toml`, `segments/`, `templates/`, `plugins/`, keys and data."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from messaging.errors import InputError, SettingsError
from messaging.workspace.keys import FILE, make_keys
from messaging.workspace.starter import starter

SETTINGS = "messaging.toml"

_GITIGNORE = """\
# Secrets and people's data stay out of git.
/keys.toml
/data/
/mailbox/
/.stores
*.rejected.csv
*.rejected.jsonl
*.incomplete.csv
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where its parts are."""

    root: Path
    #: Where what is kept about people is, if not in the workspace: a rehearsal's.
    apart: Path | None = None

    @property
    def settings(self) -> Path:
        return self.root / SETTINGS

    @property
    def segments(self) -> Path:
        return self.root / "segments"

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def plugins(self) -> Path:
        """Drop-in plugin modules."""
        return self.root / "plugins"

    @property
    def data(self) -> Path:
        """The embedded store and what else is kept about people; not for git."""
        return (self.apart or self.root) / "data"

    @property
    def stores(self) -> Path:
        """Notes which stores were made from here; not for git."""
        return self.root / ".stores"

    @property
    def mailbox(self) -> Path:
        """What the `mailbox` adapter keeps."""
        return (self.apart or self.root) / "mailbox"


def find_workspace(given: str | None = None) -> Workspace:
    """The workspace at `given`, at `MESSAGING_WORKSPACE`, or the nearest upward from the current folder.

    Raises:
        SettingsError: there is none.
    """
    named = given or os.environ.get("MESSAGING_WORKSPACE")
    if named:
        root = Path(named).expanduser().resolve()
        if not (root / SETTINGS).is_file():
            raise SettingsError(f"no {SETTINGS} in {root}", hint="make a workspace with: messaging init DIR")
        return Workspace(root)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / SETTINGS).is_file():
            return Workspace(folder)
    raise SettingsError(
        f"no {SETTINGS} in {here} or above it",
        hint="make a workspace with: messaging init DIR, or name one with --workspace DIR",
    )


def make_workspace(root: Path) -> Workspace:
    """Make a workspace with starter segments and templates; a folder that already has things in it is refused.

    A workspace fresh out of git gets what git does not carry: keys of its own and a place for data.

    Raises:
        InputError: it is a workspace already, or not empty.
    """
    root = root.expanduser().resolve()
    if (root / SETTINGS).exists():
        return _complete(Workspace(root))
    if root.exists() and (not root.is_dir() or any(entry.name != ".git" for entry in root.iterdir())):
        raise InputError(f"{root} is not an empty folder", hint="name a new one")
    workspace = Workspace(root)
    root.mkdir(parents=True, exist_ok=True)
    shutil.copytree(starter("segments"), workspace.segments, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(starter("templates"), workspace.templates, ignore=shutil.ignore_patterns("__pycache__"))
    workspace.plugins.mkdir()
    workspace.data.mkdir(mode=0o700)
    (root / ".gitignore").write_text(_GITIGNORE, "utf-8")
    make_keys(root)
    # Last: from here on it is a workspace.
    text = (Path(__file__).parent / "scaffold" / SETTINGS).read_text("utf-8")
    workspace.settings.write_text(text, "utf-8")
    return workspace


def _complete(workspace: Workspace) -> Workspace:
    if (workspace.root / FILE).exists():
        raise InputError(f"{workspace.root} is a workspace already")
    if workspace.stores.exists() or any(workspace.data.glob("*.jsonl")):
        raise InputError(
            f"{workspace.root} has a store, and lost {FILE}",
            hint="restore it from your backup; a new one breaks the links already sent",
        )
    for folder, mode in ((workspace.plugins, 0o777), (workspace.data, 0o700)):
        folder.mkdir(mode=mode, exist_ok=True)
    make_keys(workspace.root)
    return workspace
