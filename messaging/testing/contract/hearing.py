"""What an adapter lets others hear: what it logs, warns of and prints."""

from __future__ import annotations

import io
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: What every log record has; the rest was put beside it.
_USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Listener:
    """Hears every log record of the process, DEBUG too and wherever its logger sends it, and every warning."""

    def __init__(self) -> None:
        self._heard: list[tuple[str, logging.LogRecord | None]] = []

    def hear(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = f"{record.msg} {record.args}"
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        self._heard.append((f"{record.name}: {text}", record))

    def warn(self, message: Warning | str, *_: Any, **__: Any) -> None:
        self._heard.append((f"warnings: {message}", None))

    @property
    def lines(self) -> list[str]:
        """What was logged, each with what was put beside it."""
        return [" ".join([text, *_beside(record)]) for text, record in self._heard]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def _beside(record: logging.LogRecord | None) -> list[str]:
    return [] if record is None else [f"{name}={value}" for name, value in vars(record).items() if name not in _USUAL]


@contextmanager
def listening() -> Iterator[Listener]:
    """Hear what is logged and warned of meanwhile."""
    listener, root = Listener(), logging.getLogger()
    level, make = root.level, logging.getLogRecordFactory()

    def heard(*args: Any, **named: Any) -> logging.LogRecord:
        record = make(*args, **named)
        listener.hear(record)
        return record

    logging.setLogRecordFactory(heard)
    root.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = listener.warn
            yield listener
    finally:
        root.setLevel(level)
        logging.setLogRecordFactory(make)


class Printed:
    """What was printed, once it is over."""

    text = ""


@contextmanager
def printing() -> Iterator[Printed]:
    """Catch what is printed meanwhile, by child processes too."""
    printed = Printed()
    with tempfile.TemporaryFile() as file:
        kept, streams = [os.dup(1), os.dup(2)], (sys.stdout, sys.stderr)
        for stream in streams:
            stream.flush()
        own = io.TextIOWrapper(
            os.fdopen(os.dup(file.fileno()), "wb", 0), "utf-8", "backslashreplace", write_through=True
        )
        try:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            sys.stdout = sys.stderr = own
            yield printed
        finally:
            sys.stdout, sys.stderr = streams
            for number, former in enumerate(kept, 1):
                os.dup2(former, number)
                os.close(former)
            own.close()
            file.seek(0)
            printed.text = file.read().decode("utf-8", "replace")
