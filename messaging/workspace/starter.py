"""Where the starter segments and templates lie: in the wheel, or beside the package in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parents[1]


def starter(kind: Literal["segments", "templates"]) -> Path:
    """The folder of starter content.

    Raises:
        FileNotFoundError: the installation is not complete.
    """
    packaged = _PACKAGE / "starter" / kind
    if packaged.is_dir():
        return packaged
    beside = _PACKAGE.parent / kind
    if (_PACKAGE.parent / "pyproject.toml").is_file() and beside.is_dir():
        return beside
    raise FileNotFoundError(f"the starter {kind} are not where they should be: {packaged}")
