"""Segment files: read strictly, one at a time, with the place of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from messaging.errors import ExpressionError
from messaging.expressions import Schema, SegmentLibrary
from messaging.workspace.segment_files import read_segment, read_segments, stamp
from messaging.workspace.starter import starter


def write(folder: Path, name: str, content: str | bytes) -> Path:
    home = folder / "segments"
    home.mkdir(exist_ok=True)
    path = home / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_reads_a_segment(tmp_path: Path) -> None:
    path = write(tmp_path, "fans.toml", 'description = """\nTwo\nlines"""\nwhere = "orders.count > 1"\n')
    segment = read_segment(path)
    assert (segment.name, segment.description, segment.where) == ("fans", "Two lines", "orders.count > 1")
    assert (segment.file, segment.line, segment.column) == ("segments/fans.toml", 4, 10)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('where = "contry"', (1, 10)),
        ("where='contry'", (1, 8)),
        ('description = "x"\n\n  where   =   "contry"\n', (3, 16)),
        ('where = """contry"""', (1, 12)),
        ('where = """\ncontry"""', (2, 1)),
        ('where = """\n  vip or\n  contry"""', (3, 3)),
        ("where = '''\n\n  contry'''", (3, 3)),
        ('description = """\nwhere = "x"\n"""\nwhere = "contry"', (4, 10)),
        ('"where" = "contry"', (1, 12)),
        ('\ufeffwhere = "contry"', (1, 10)),
        ('where = """\r\n  vip or\r\n  contry"""\r\n', (3, 3)),
    ],
)
def test_errors_in_the_condition_have_the_files_lines(tmp_path: Path, content: str, place: tuple[int, int]) -> None:
    segment = read_segment(write(tmp_path, "x.toml", content))
    library = SegmentLibrary({"x": segment}, Schema(attributes={"vip": "boolean"}))
    with pytest.raises(ExpressionError, match="unknown name contry") as caught:
        library.expression("x")
    assert (caught.value.file, caught.value.line, caught.value.column) == ("segments/x.toml", *place)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.toml", '# two\nwhere = "vip', "segments/x.toml:2: not TOML"),
        ("x.toml", 'where = "a == "b""', r"segments/x.toml:1:\d+: not TOML"),
        ("x.toml", 'description = "x"', "segments/x.toml: it has no condition"),
        ("x.toml", "where = 3", "segments/x.toml:1: where must be text"),
        ("x.toml", 'where = "vip"\nwehre = "vip"', "segments/x.toml:2: there is no setting wehre"),
        ("x.toml", 'where = "vip"\n[more]\na = 1', "segments/x.toml:2: there is no setting more"),
        ("x.toml", b'# one\nwhere = "\xff"', "segments/x.toml:2: it is not UTF-8"),
        ("x.toml", 'where = "' + "x" * 300_000 + '"', "bytes"),
        ("Big Fans.toml", 'where = "vip"', "cannot be a segment's name"),
    ],
)
def test_a_broken_file_says_what_and_where(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    write(tmp_path, name, content)
    write(tmp_path, "good.toml", 'where = "vip"')
    found = read_segments(tmp_path / "segments")
    assert list(found.segments) == ["good"]
    (error,) = found.broken.values()
    with pytest.raises(ExpressionError, match=message):
        raise error


def test_no_folder_has_no_segments(tmp_path: Path) -> None:
    assert read_segments(tmp_path / "nowhere").segments == {}


def test_the_stamp_changes_with_a_file(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", 'where = "vip"')
    before = stamp(tmp_path / "segments")
    assert stamp(tmp_path / "segments") == before
    write(tmp_path, "a.toml", 'where = "not vip"')
    assert stamp(tmp_path / "segments") != before


def test_starter_segments_are_right_and_described() -> None:
    found = read_segments(starter("segments"))
    assert not found.broken
    library = SegmentLibrary(found.segments, Schema())
    for name in library.names():
        assert library.expression(name)
        assert 10 < len(found.segments[name].description) < 120
    assert set(library.names()) >= {
        "new-customers",
        "repeat-buyers",
        "big-spenders",
        "lapsed",
        "about-to-lapse",
        "one-time-buyers",
        "recently-delivered",
        "engaged-readers",
        "unengaged-readers",
        "champions",
    }
