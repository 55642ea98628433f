"""Urls that somebody wrote, with a password in them perhaps: what of one may be shown.

They need not be right: a password with a sign in it that should have been escaped is a password all the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

#: What stands after the ? and is no secret, whoever's url it is.
_OPEN = frozenset(
    [
        "schema",
        "pool",
        "timeout",
        "host",
        "port",
        "user",
        "dbname",
        "sslmode",
        "sslrootcert",
        "connect_timeout",
        "application_name",
        "target_session_attrs",
    ]
)
_SECRET = re.compile(r"secret|passw|token|key", re.IGNORECASE)
#: The user's name, what stands between it and the last @, and the query.
_LOGIN = re.compile(r"(?<=//)(?P<user>[^:/?#@]*)(?P<password>.*)(?=@)", re.DOTALL)


def without_secret(url: str) -> str:
    """`url` without its password, and with `******` for what stands after the ? and may be another."""
    place, mark, query = _LOGIN.sub(r"\g<user>", url).partition("?")
    return place + mark + "&".join(map(_shown, query.split("&")) if query else ())


def _shown(part: str) -> str:
    name, _, _ = part.partition("=")
    return part if name in _OPEN else f"{name}=******"


def secrets_in(url: str) -> set[str]:
    """The passwords in it as they are written and as they are meant, and each part of one that has an @ in it."""
    return {form for secret in _secrets(url) for form in (secret, unquote(secret)) if form}


def _secrets(url: str) -> Iterator[str]:
    login = _LOGIN.search(url)
    if login is not None and login["password"]:
        password = login["password"].removeprefix(":")
        yield password
        yield from password.split("@")
    for each in url.partition("?")[2].split("&"):
        name, _, value = each.partition("=")
        if _SECRET.search(name):
            yield value
            yield value.replace("+", " ")
