"""What a process logs, and how: a line of text or of JSON for each event, without what must be in no log.

Whoever logs leaves addresses and secrets out; what comes here all the same (a library's words, a plugin's) is taken out
of the finished line.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from typing import IO, Any

from pydantic import BaseModel, SecretStr

from messaging.errors import MessagingError
from messaging.opened import Opened
from messaging.rules.redacting import redacted
from messaging.rules.urls import secrets_in
from messaging.workspace.keys import read_keys

log = logging.getLogger("messaging")

#: What a command's errors begin with.
_ERROR = "messaging: "
#: Names of settings and variables whose values are secrets, whoever declared them.
_SECRET = re.compile(r"secret|passw|token|(?:^|_)keys?$|api_?key|proxy", re.IGNORECASE)
#: A shorter one would be found in every other word.
_SHORT = 6
_ID = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])")
#: What a record has by itself; all else was given as `extra`.
_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class Text(logging.Formatter):
    """`messaging: what happened`, each on a line of its own, a traceback below, set in."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = sorted(secrets, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        lines = [f"messaging: {self._event(record)}"]
        if (trace := self._trace(record)) is not None:
            lines += [f"  {_visible(line)}" for line in trace.split("\n")]
        return "\n".join(lines)

    def _event(self, record: logging.LogRecord) -> str:
        return _visible(self._clean(record.getMessage()))

    def _trace(self, record: logging.LogRecord) -> str | None:
        return self._clean(self.formatException(record.exc_info)) if record.exc_info else None

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "(secret)")
        return redacted(text)


def _visible(text: str) -> str:
    """No value writes a line of its own."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class Json(Text):
    """An object a line: `time`, `level`, `logger`, `event`, `ids` that are in it, `exception`, what else was given."""

    def format(self, record: logging.LogRecord) -> str:
        event = self._clean(record.getMessage())
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": event,
            "process": record.process,
        }
        if ids := list(dict.fromkeys(_ID.findall(event))):
            fields["ids"] = ids
        if (trace := self._trace(record)) is not None:
            fields["exception"] = trace
        more = {name: value for name, value in vars(record).items() if name not in _OWN}
        fields |= {name: self._clean(str(value)) for name, value in more.items() if name not in fields}
        return json.dumps(fields, ensure_ascii=True)


def log_to(stream: IO[str], *, format: str, level: str, secrets: Collection[str] = ()) -> None:
    """Let all that is logged in this process from now on go to `stream`, and to no other stream."""
    handler, root = logging.StreamHandler(stream), logging.getLogger()
    handler.setFormatter((Json if format == "json" else Text)(secrets))
    handler.setLevel(level.upper())
    for other in [other for other in root.handlers if type(other) is logging.StreamHandler]:
        root.removeHandler(other)  # not those of who looks on by a handler of their own
    root.addHandler(handler)
    root.setLevel(min(root.level, handler.level))


class Spoken(io.TextIOBase):
    """Standard error of who logs in JSON: whatever else is written there, line by line, is an object as well."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, stream: IO[str], formatter: Json) -> None:
        self.stream = stream
        self._formatter = formatter
        self._lock = threading.RLock()
        self._begun = ""

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            self.stream.write("".join(f"{self.line(line)}\n" for line in lines if line.strip()))
            self.stream.flush()
        return len(text)

    def line(self, text: str) -> str:
        """What is said instead of `text`: an error, if it begins as a command's errors do."""
        level = logging.ERROR if text.startswith(_ERROR) else logging.INFO
        return self._formatter.format(logging.LogRecord(log.name, level, "", 0, text.removeprefix(_ERROR), None, None))

    def flush(self) -> None:
        """What has begun is a line, too: Python asks for this at the end, when nothing more comes."""
        with self._lock:
            begun, self._begun = self._begun, ""
            if begun.strip():
                self.stream.write(f"{self.line(begun)}\n")
            self.stream.flush()

    def fileno(self) -> int:
        return self.stream.fileno()

    def writable(self) -> bool:
        return True


def set_up(app: Opened, *, verbose: bool = False) -> None:
    """Log as the workspace says; `verbose`: at least what goes on, too."""
    wanted = app.settings.logging
    level = "info" if verbose and wanted.level in ("warning", "error") else wanted.level
    stream = sys.stderr.stream if isinstance(sys.stderr, Spoken) else sys.stderr
    log_to(stream, format=wanted.format, level=level, secrets=secrets_of(app))


def speak_alike(app: Opened) -> None:
    """Where the workspace logs in JSON, let all that this process says on standard error be JSON from now on.

    That is what it says otherwise, and what Python and libraries do: tracebacks, warnings.
    """
    if app.settings.logging.format != "json" or isinstance(sys.stderr, Spoken):
        return
    sys.stderr = Spoken(sys.stderr, Json(secrets_of(app)))
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: log.critical("it ends", exc_info=(kind, error, trace))
    threading.excepthook = lambda told: log.critical(
        "a thread ended", exc_info=(told.exc_type, told.exc_value or told.exc_type(), told.exc_traceback)
    )


def spoken(text: str) -> bytes:
    """The line that says `text` on standard error, for who must write it there without printing."""
    return f"{sys.stderr.line(text) if isinstance(sys.stderr, Spoken) else text}\n".encode()


def secrets_of(app: Opened) -> set[str]:
    """All that a workspace and its environment keep secret, as far as it is told by its name or type."""
    settings = app.settings
    found = set(_secrets("", settings.model_dump()))
    found |= {secret for name, value in os.environ.items() for secret in _secrets(name, value)}
    urls = [settings.store.url, settings.queue.url.get_secret_value() if settings.queue.url else ""]
    found |= {secret for url in urls for secret in secrets_in(url)}
    try:
        keys = read_keys(app.workspace.root)
    except MessagingError:
        pass  # told by whoever needs them
    else:
        found |= {keys.api_key, keys.staff_password, *(key.hex() for key in keys.signing.values())}
    return {secret for secret in found if len(secret) >= _SHORT}


def _secrets(name: str, value: Any) -> Iterator[str]:
    """The secrets in the value of a setting of that name."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from _secrets(name, value.model_dump())
    elif isinstance(value, Mapping):
        for key, one in value.items():
            # `receivers = {URL = [secret]}`: what stands in a table of secrets is one.
            yield from _secrets(str(key) if not _SECRET.search(name) else name, one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _secrets(name, one)
    elif isinstance(value, str) and _SECRET.search(name):
        yield value
