"""The workspace's secrets: keys that sign links, the key of `POST /events`, the staff password.

They live in `keys.toml`, which git ignores and only its owner may read. Losing it breaks every link that was sent.
"""

from __future__ import annotations

import os
import secrets
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from messaging.errors import SettingsError

FILE = "keys.toml"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Keys:
    """What `keys.toml` holds."""

    #: Key id (0 to 255) -> 32 bytes. Old ones stay, so that old links keep working.
    signing: Mapping[int, bytes]
    #: The key id that new links are signed with.
    current: int
    #: Key ids that somebody else may know: `rules.tokens.SigningKeys.retired`.
    retired: frozenset[int]
    #: What `POST /events` asks for; `MESSAGING_API_KEY` overrides it.
    api_key: str
    #: What the staff app asks for when it is not on loopback; `MESSAGING_STAFF_PASSWORD` overrides it.
    staff_password: str


def make_keys(folder: Path) -> None:
    """Write a new `keys.toml`, readable by its owner only."""
    text = (
        "# Signs the links in messages. Keep it secret, back it up: without it, links already sent stop working.\n"
        "# To rotate: add a key under a new number, make it current, keep the old ones, restart the server.\n"
        "# retired = [1]: a key that leaked; of its links only unsubscribe and preferences go on working.\n"
        "current = 1\n"
        f'api_key = "{secrets.token_urlsafe(32)}"\n'
        f'staff_password = "{secrets.token_urlsafe(12)}"\n\n'
        "[signing]\n"
        f'1 = "{secrets.token_hex(32)}"\n'
    )
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def read_keys(folder: Path) -> Keys:
    """Read `keys.toml`.

    Raises:
        SettingsError: it is missing or not as `make_keys` writes it. Its content is not shown.
    """
    path = folder / FILE
    try:
        values = tomllib.loads(path.read_text("utf-8"))
        signing = {int(number): bytes.fromhex(key) for number, key in values["signing"].items()}
        keys = Keys(
            signing=signing,
            current=int(values["current"]),
            retired=frozenset(int(number) for number in values.get("retired", ())),
            api_key=os.environ.get("MESSAGING_API_KEY") or str(values["api_key"]),
            staff_password=os.environ.get("MESSAGING_STAFF_PASSWORD") or str(values["staff_password"]),
        )
    except FileNotFoundError:
        raise SettingsError(
            f"no key file at {path}",
            hint="restore it from your backup, since a new one breaks the links already sent; "
            f"in a fresh clone make one: messaging init {shlex.quote(str(folder))}",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"{path} is not a key file ({type(error).__name__})", hint="restore it from your backup"
        ) from None
    if keys.current not in signing:
        raise SettingsError(f"{path}: current = {keys.current}, but there is no such key under [signing]")
    if keys.current in keys.retired or not keys.retired <= signing.keys():
        raise SettingsError(f"{path}: retired names keys under [signing], and not the current one")
    for number, key in signing.items():
        if not 0 <= number <= 255 or len(key) < 32:
            raise SettingsError(
                f"{path}: key {number} must have a number from 0 to 255 and at least 32 bytes (64 hex digits)"
            )
    if len(keys.api_key) < 16 or len(keys.staff_password) < 8:
        raise SettingsError(f"{path}: api_key needs 16 characters, staff_password 8, at least")
    return keys
