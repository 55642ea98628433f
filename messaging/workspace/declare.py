"""Declare attributes in messaging.toml: lines are added under `[attributes]`, all else stays as written."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from messaging.errors import SettingsError

_HEADER = re.compile(r"[ \t]*\[[ \t]*attributes[ \t]*\][ \t]*(#.*)?")


def declare_attributes(file: Path, types: Mapping[str, str]) -> None:
    """Add `types` (name -> type) to the settings in `file`, in one step.

    Raises:
        SettingsError: the file cannot be written, or its attributes are written in a way that cannot be
        added to.
    """
    if not types:
        return
    lines = [f'{name} = "{type}"' for name, type in types.items()]
    by_hand = SettingsError(
        f"{file}: attributes could not be declared", hint=f"add under [attributes]: {', '.join(lines)}"
    )
    try:
        file = file.resolve()  # what a link leads to is changed, the link stays
        with _alone(file.parent):
            changed = _added(file.read_text("utf-8-sig"), lines)
            declared = tomllib.loads(changed).get("attributes", {})
            if not all(declared.get(name) == type for name, type in types.items()):
                raise by_hand
            _replace(file, changed)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise by_hand from None


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time: another import may be declaring what it found."""
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _replace(file: Path, text: str) -> None:
    """In one step, with the permissions it has."""
    handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            new.write(text)
        shutil.copymode(file, temporary)
        os.replace(temporary, file)
    except BaseException:  # undone and handed on
        os.unlink(temporary)
        raise


def _added(text: str, lines: list[str]) -> str:
    """`text` with `lines` at the end of its `[attributes]` table, or with such a table."""
    written = text.splitlines()
    header = next((i for i, line in enumerate(written) if _HEADER.fullmatch(line)), None)
    if header is None:
        return "\n".join([*written, "", "[attributes]", *lines, ""])
    end = next((i for i in range(header + 1, len(written)) if written[i].lstrip().startswith("[")), len(written))
    while not written[end - 1].strip():
        end -= 1
    return "\n".join([*written[:end], *lines, *written[end:], ""])
