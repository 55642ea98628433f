"""Which database, and which schema in it: what a `postgresql://` url says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote

from psycopg.pq import Conninfo
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from messaging.errors import SettingsError

#: Where our tables are unless `?schema=` says otherwise: a shop's own may be called `orders` too.
SCHEMA = "messaging"
#: Connections of one process; `?pool=` says otherwise.
POOL = 10
#: Seconds a statement may take, and one may wait for a lock or a free connection; `?timeout=` says otherwise.
TIMEOUT = 60
#: Seconds after which the server ends a transaction in which nothing happens: its process hangs, and others wait.
_IDLE = 300
#: Seconds after which the death of a machine is noticed, about: 30 + 3 x 10.
_KEEPALIVES = {"keepalives": 1, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
#: What each connection is set to, beside what depends on the url.
_SETTINGS = {
    # Each statement sees what was committed before it: one that waited for a lock must not see less.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    # How values are written and read, in statements and in answers.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # Who hangs in the middle of something is cut off; who has a lock that says it lives, and waits, never is.
    "idle_in_transaction_session_timeout": f"{_IDLE}s",
    "idle_session_timeout": "0",
    "transaction_timeout": "0",
    # Speed.
    "jit": "off",  # compiling takes longer than any of our statements, and a cost that is made up starts it
    "random_page_cost": "1.1",  # no spinning disk: a thousand looks into an index cost less than the whole table
    "plan_cache_mode": "force_custom_plan",  # one made while a table was small would read all of it ever after
}
_HINT = 'it looks like "postgresql://user:password@host:5432/database?schema=messaging"'


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is."""

    url: URL
    schema: str
    #: The url without what is secret, for people.
    shown: str
    connect_args: Mapping[str, Any]
    #: What each connection is set to, whatever its database, role, machine or url says.
    settings: Mapping[str, str]
    pool: int
    #: Seconds to wait for a free connection.
    timeout: int

    @property
    def lock(self) -> int:
        """The key of the advisory lock that stands for the whole store."""
        return lock_key("store", self.schema)

    @property
    def presence(self) -> int:
        """The key of the advisory lock that everybody shares who has the store open."""
        return lock_key("open", self.schema)

    @property
    def solitude(self) -> int:
        """The key of the advisory lock of who is alone with the store."""
        return lock_key("alone", self.schema)


def lock_key(kind: str, name: str) -> int:
    """The key of an advisory lock, which is a number of 64 bits."""
    return int.from_bytes(blake2b(f"messaging {kind} {name}".encode(), digest_size=8).digest(), "big", signed=True)


def read_address(text: str) -> Place:
    """What the url says.

    Raises:
        SettingsError: it cannot be read.
    """
    if text.count("@") > 1:
        # One of them is in a password. Nothing is shown: what stands before the first may be half of it.
        raise SettingsError("[store] url: there is more than one @", hint="write one in a password or name as %40")
    try:
        url = make_url(text)
        _check_sayable(unquote(text), url.host or "")
    except (ArgumentError, ValueError):
        raise SettingsError("[store] url: it cannot be read", hint=_HINT) from None
    if not url.database:
        raise SettingsError("[store] url: it names no database", hint=_HINT)
    query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    schema = query.pop("schema", SCHEMA)
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise SettingsError(
            f"[store] url: the schema {schema!r} is no name", hint="small letters, digits and _, like messaging_2"
        )
    libpq = {option.keyword.decode() for option in Conninfo.get_defaults()}
    for name in query.keys() - libpq - {"pool", "timeout"}:
        raise SettingsError(
            f"[store] url: ?{name}= is nothing that a connection has",
            hint="schema, pool, timeout, or what libpq knows: sslmode, target_session_attrs …",
        )
    pool, timeout = (_number(query, name, usual) for name, usual in (("pool", POOL), ("timeout", TIMEOUT)))
    settings = {
        **_SETTINGS,
        "search_path": schema,
        "statement_timeout": f"{timeout}s",
        "lock_timeout": f"{timeout}s",
    }
    usual = {"connect_timeout": 10, "application_name": "messaging", **_KEEPALIVES}
    connect_args = {**usual, **query, "client_encoding": "UTF8"}
    shown = url._replace(drivername="postgresql", password=None).set(query={"schema": schema})
    return Place(
        url=url.set(drivername="postgresql+psycopg", query={}),
        schema=schema,
        shown=shown.render_as_string(),
        connect_args=connect_args,
        settings=settings,
        pool=pool,
        timeout=timeout,
    )


def _check_sayable(text: str, host: str) -> None:
    """Raises ValueError: it cannot be said to libpq, or no host can be called that."""
    if b"\0" in text.encode():
        raise ValueError
    if not host.startswith("/"):
        for each in host.split(","):
            each.encode("idna")


def _number(query: dict[str, str], name: str, usual: int) -> int:
    text = query.pop(name, str(usual))
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 100_000:
        raise SettingsError(f"[store] url: {name}={text} is no number from 1 on", hint=f"leave it away for {usual}")
    return int(text)
