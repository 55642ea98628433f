"""Declare attributes in messaging.toml: lines are added under `[attributes]`, all else stays as written."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
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
        text = file.read_text("utf-8-sig")
        changed = _added(text, lines)
        declared = tomllib.loads(changed).get("attributes", {})
        if not all(declared.get(name) == type for name, type in types.items()):
            raise by_hand
        temporary = file.with_name(f".{file.name}.new")
        temporary.write_text(changed, "utf-8")
        os.replace(temporary, file)
    except (OSError, tomllib.TOMLDecodeError):
        raise by_hand from None


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
