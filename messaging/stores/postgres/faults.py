"""What PostgreSQL answers, in our words, and what is worth another try."""

from __future__ import annotations

import random
from collections.abc import Iterator

import psycopg

from messaging.errors import InputError, StoreError

#: Tries of what a lost connection or a deadlock undid, and seconds that the pauses between them begin with.
TRIES = 6
FIRST_PAUSE = 0.05

#: A deadlock, a serialization failure: nothing of it was done, and it may go well next time.
_UNDONE = ("40001", "40P01")
#: The server goes, or is not there yet.
_GONE = ("57P01", "57P02", "57P03", "57P05", "25P03")
_HINTS = {
    "57014": "it took too long: look at what else the database does",
    "55P03": "somebody holds a lock for long: look at pg_stat_activity",
    "53100": "the database's disk is full",
    "53300": "the database takes no more connections",
    "42501": "the database's owner must grant it",
    "25006": "the database is read-only: is it a standby?",
    "42P01": "was the schema made by another release? messaging store upgrade",
}


def pauses() -> Iterator[float]:
    """Seconds to wait before each further try: twice as long each time, and never the same for two who collide."""
    for attempt in range(TRIES - 1):
        yield random.uniform(0.5, 1) * FIRST_PAUSE * 2**attempt


def is_lost(error: psycopg.Error) -> bool:
    """Whether the connection broke, or could not be made."""
    code = error.sqlstate or ""
    return code in _GONE or code.startswith("08") or (isinstance(error, psycopg.OperationalError) and not code)


def is_undone(error: psycopg.Error) -> bool:
    """Whether the server undid it for another's sake."""
    return error.sqlstate in _UNDONE


def told(error: psycopg.Error, place: str) -> InputError | StoreError:
    """The error in one line, for a person."""
    code = error.sqlstate or ""
    text = " ".join(str(error.diag.message_primary or error).split()) or type(error).__name__
    if code == "54000":
        return InputError(f"a value is too long to be found again: {text}", hint="shorten it")
    if isinstance(error, psycopg.DataError):
        # Without a code it is psycopg, which also says so of a row that holds what Python has no value for.
        return InputError(f"a value cannot be {'kept' if code else 'kept, or read'}: {text}")
    return StoreError(f"{place}: {text}", hint=_HINTS.get(code))
