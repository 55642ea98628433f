"""Mails in files: a maildir, an mbox, a folder of .eml files, or one file. They are read one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from messaging.errors import InputError

#: Octets of one mail that are kept in memory; what comes after them is passed over.
LONGEST_MAIL = 1024 * 1024
_LONGEST_LINE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMail:
    """A mail, or the file that should have been one."""

    #: To be told to a person: the file, with the number of the mail in an mbox.
    name: str
    #: At most `LONGEST_MAIL` octets of it.
    data: bytes = b""
    #: Why it could not be read, if it could not.
    fault: str | None = None
    #: The file that holds this mail and no other.
    file: Path | None = None


def is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


def count_mails(path: Path) -> int | None:
    """How many there are, where it can be told without reading them."""
    return len(_files(path)) if path.is_dir() else None


def find_mails(path: Path) -> Iterator[FoundMail]:
    """The mails at `path`, one after the other.

    Raises:
        InputError: there is nothing to read.
    """
    if path.is_dir():
        for file in _files(path):
            yield _one(file)
        return
    try:
        with path.open("rb") as mails:
            if mails.read(5) != b"From ":
                yield _one(path)
                return
            mails.seek(0)
            yield from _mbox(mails, path.name)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", hint="name a maildir, an mbox, or .eml files") from None


def _files(path: Path) -> list[Path]:
    try:
        if is_maildir(path):  # `tmp` has what is not delivered yet
            return sorted(file for part in ("cur", "new") for file in (path / part).iterdir() if _is_mail(file))
        return sorted(file for file in path.iterdir() if file.suffix.lower() == ".eml" and _is_mail(file))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", hint="its folders must be readable") from None


def _is_mail(file: Path) -> bool:
    """A plain file: what is opened must end, and be nobody else's."""
    return file.is_file() and not file.is_symlink() and not file.name.startswith(".")


def _one(file: Path) -> FoundMail:
    try:
        with file.open("rb") as mail:
            return FoundMail(name=file.name, data=mail.read(LONGEST_MAIL), file=file)
    except OSError as error:
        return FoundMail(name=file.name, fault=error.strerror or str(error), file=file)


def _mbox(mails: IO[bytes], name: str) -> Iterator[FoundMail]:
    """Each begins after an empty line with a line `From …` (RFC 4155); such lines inside of it are quoted by `>`."""
    number, size = 0, 0
    lines: list[bytes] = []
    after_empty, line_begins = True, True
    while line := mails.readline(_LONGEST_LINE):
        if line_begins and after_empty and line.startswith(b"From "):
            if number:
                yield FoundMail(name=f"{name} ({number})", data=b"".join(lines))
            number, size, lines = number + 1, 0, []
        elif size < LONGEST_MAIL:
            lines.append(line[1:] if line_begins and line.lstrip(b">").startswith(b"From ") else line)
            size += len(line)
        after_empty = line_begins and not line.strip()
        line_begins = line.endswith(b"\n")
    if number:
        yield FoundMail(name=f"{name} ({number})", data=b"".join(lines))
