"""Which stores were made from a workspace: noted outside of them, so that one that vanished is never begun anew.

The note lies in the workspace, where git does not carry it: a fresh clone has made none yet.
"""

from __future__ import annotations

from pathlib import Path

_HEAD = "# Stores made here: should one vanish, it is not begun anew. Remove its line to do so on purpose.\n"


class Made:
    """Whether one store was made once. `file` has one line for each, from its own folder if below it."""

    def __init__(self, file: Path, store: Path | str) -> None:
        """`store` is its path, or what a database's url says that is no secret."""
        self.file = file
        if isinstance(store, Path) and store.is_relative_to(file.parent):
            store = store.relative_to(file.parent)
        self._name = str(store).encode("unicode_escape").decode()

    def known(self) -> bool:
        """Whether it was made. Raises OSError."""
        try:
            return self._name in self.file.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return False

    def note(self) -> None:
        """Note that it is there. That it fails is no failure: then less is promised, and the next start tries again."""
        try:
            if not self.known():
                with self.file.open("a", encoding="utf-8") as file:
                    file.write(f"{'' if file.tell() else _HEAD}{self._name}\n")
        except OSError:
            pass
