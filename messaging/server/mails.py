"""The messages that the `mailbox` adapter keeps, read for the staff pages."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import Path

from messaging.errors import NotFound
from messaging.recent import Recent

#: As much of a file as has its headers.
_HEAD = 16_384
#: Messages whose summaries are kept in memory, some 700 bytes each.
SUMMARIES = 50_000
#: Largest message that is shown.
_MAX = 5_000_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_HEADER = re.compile(r"^(To|Subject|Date):[ \t]*((?:.*\n(?=[ \t]))*.*)$", re.IGNORECASE | re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A message as the list shows it."""

    id: str
    to: str
    subject: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message as its page shows it."""

    id: str
    headers: tuple[tuple[str, str], ...]
    time: datetime
    html: str | None
    text: str | None
    source: str

    def header(self, name: str) -> str:
        """The first header of that name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Mailbox:
    """A folder of `.eml` files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._summaries: Recent[tuple[str, int], Summary] = Recent(SUMMARIES)

    def find(self, query: str, *, start: int, count: int) -> tuple[list[Summary], int]:
        """`count` messages with `query` in address or subject, from `start` on, newest first; and how many."""
        files = self._files()
        if not query:
            return [self._summary(*file) for file in files[start : start + count]], len(files)
        wanted = query.casefold()
        found = [
            summary
            for file in files
            if wanted in (summary := self._summary(*file)).to.casefold() or wanted in summary.subject.casefold()
        ]
        return found[start : start + count], len(found)

    def read(self, id: str) -> Mail:
        """One message.

        Raises:
            NotFound: there is none of that id.
        """
        path = self._folder / f"{id}.eml"
        if _ID.fullmatch(id) is None or not path.is_file() or path.is_symlink():
            raise NotFound("there is no such message in the mailbox")
        with path.open("rb") as file:
            data = file.read(_MAX)
        mail = BytesParser(EmailMessage, policy=policy.default).parsebytes(data)
        return Mail(
            id=id,
            headers=tuple((name, str(value)) for name, value in _headers(mail)),
            time=_date(str(mail["date"])) or _time(path.stat().st_mtime_ns),
            html=_part(mail, "html"),
            text=_part(mail, "plain"),
            source=data.decode("utf-8", "replace"),
        )

    def _files(self) -> list[tuple[str, int]]:
        """Names and times of writing, newest first."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    if entry.name.endswith(".eml") and _ID.fullmatch(entry.name[:-4]) is not None:
                        found.append((entry.name, entry.stat(follow_symlinks=False).st_mtime_ns))
        except FileNotFoundError:
            # No mailbox yet, or a message is being erased: those that are left come with the next look.
            pass
        return sorted(found, key=lambda file: (-file[1], file[0]))

    def _summary(self, name: str, time: int) -> Summary:
        summary = self._summaries.get((name, time))
        if summary is None:
            try:
                with (self._folder / name).open("rb") as file:
                    head = file.read(_HEAD)
            except FileNotFoundError:
                head = b"Subject: (erased)\n\n"
            head = head.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
            values = {match[1].lower(): match[2] for match in _HEADER.finditer(head.decode("utf-8", "replace"))}
            summary = Summary(
                id=name.removesuffix(".eml"),
                to=_decoded(values.get("to", "")),
                subject=_decoded(values.get("subject", "")) or "(no subject)",
                time=_date(values.get("date", "")) or _time(time),
            )
            self._summaries.put((name, time), summary)
        return summary


def _decoded(value: str) -> str:
    value = _FOLD.sub(" ", value)
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        return value


def _date(value: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _headers(mail: EmailMessage) -> Iterator[tuple[str, str]]:
    for name in mail.keys():  # noqa: SIM118 - a message is no mapping: names may repeat
        try:
            yield name, str(mail[name])
        except (ValueError, IndexError, AttributeError):
            yield name, "(cannot be read)"


def _part(mail: EmailMessage, kind: str) -> str | None:
    try:
        body = mail.get_body((kind,))
        return None if body is None else str(body.get_content())
    except (LookupError, ValueError, AttributeError):
        return None
