"""Segments as files, `segments/<name>.toml`: a description and a condition. Only reads them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from messaging.errors import ExpressionError
from messaging.ids import is_name
from messaging.nouns.segment import Segment

#: Largest file. Bytes.
MAX_SIZE = 200_000

_KEYS = {"description": "description", "where": "where"}
_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_WHERE = re.compile(r"""^[ \t]*["']?where["']?[ \t]*=[ \t]*(\"{3}\n?|'{3}\n?|"|')""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SegmentFiles:
    """What a folder holds."""

    segments: dict[str, Segment]
    #: By name, what is wrong with a file that cannot be read.
    broken: dict[str, ExpressionError]


#: Name, time and size of each file: enough to know that one changed.
Stamp = tuple[tuple[str, int, int], ...]


def stamp(folder: Path) -> Stamp:
    """Changes when a segment file does."""
    facts = ((path.name, path.stat()) for path in _files(folder))
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in facts)


def read_segments(folder: Path) -> SegmentFiles:
    """All segments of a folder. One that cannot be read keeps no other from being read."""
    found = SegmentFiles({}, {})
    for path in _files(folder):
        try:
            found.segments[path.stem] = read_segment(path)
        except ExpressionError as error:
            found.broken[path.stem] = error
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.toml") if path.is_file()) if folder.is_dir() else []


def read_segment(path: Path) -> Segment:
    """One segment's file.

    Raises:
        ExpressionError: it is no segment; says the line.
    """
    file = f"{path.parent.name}/{path.name}"
    if not is_name(path.stem):
        hint = "name it with small letters, digits and -, like repeat-buyers.toml"
        raise ExpressionError(f"{path.stem!r} cannot be a segment's name", file=file, hint=hint)
    text = _text(path, file)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _TOML_PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (text.rstrip().count("\n") + 1, None)
        problem = str(error).split(" (at ")[0]
        hint = "a condition with quotes in it goes in double quotes, or in three of them over several lines"
        raise ExpressionError(f"not TOML: {problem}", file=file, line=line, column=column, hint=hint) from None
    for key, value in values.items():
        if key not in _KEYS:
            hint = "a segment has a description and a condition: where"
            raise ExpressionError(f"there is no setting {key}", file=file, line=_line_of(text, key), hint=hint)
        if not isinstance(value, str):
            raise ExpressionError(f"{key} must be text in quotes", file=file, line=_line_of(text, key))
    if "where" not in values:
        raise ExpressionError("it has no condition", file=file, hint='write: where = "orders.count >= 2"')
    line, column = _place_of_where(text, values["where"])
    return Segment(
        name=path.stem,
        where=values["where"],
        description=" ".join(values.get("description", "").split()),
        file=file,
        line=line,
        column=column,
    )


def _text(path: Path, file: str) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ExpressionError(f"it cannot be read: {error.strerror}", file=file) from None
    if len(data) > MAX_SIZE:
        raise ExpressionError(f"it has {len(data):,} bytes; {MAX_SIZE:,} are the most", file=file)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ExpressionError("it is not UTF-8", file=file, line=line, hint="save it as UTF-8") from None


def _place_of_where(text: str, where: str) -> tuple[int, int]:
    """Line and column where the condition's own text begins: behind the quotes."""
    start = where.split("\n", 1)[0][:20]
    for match in _WHERE.finditer(text):
        # A `where =` may stand inside a description; where escapes hide the text, the last one is it.
        place = match.end()
        if text.startswith(start, place):
            break
    else:
        matches = list(_WHERE.finditer(text))
        if not matches:
            return 1, 1
        place = matches[-1].end()
    return text.count("\n", 0, place) + 1, place - text.rfind("\n", 0, place)


def _line_of(text: str, key: str) -> int | None:
    match = re.search(rf"^[ \t]*(?:\[+[ \t]*)?[\"']?{re.escape(key)}\b", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else None
