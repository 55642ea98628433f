"""Identities. A message's id *is* its uniqueness: the hash of (origin, customer, channel).

So the same plan made twice names the same rows, on every store, and a run with the same inputs repeats exactly.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b

#: Names that people give (templates, segments, campaigns, plugins) and that become file names.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


def digest(*parts: str, size: int = 16) -> str:
    """The hex hash of `parts`, `size` bytes long; no two different tuples share an encoding."""
    told = [part.encode("utf-8", "surrogatepass") for part in parts]
    return blake2b(b"".join([len(data).to_bytes(8, "big") + data for data in told]), digest_size=size).hexdigest()


def message_id(origin: str, customer: str, channel: str) -> str:
    """32 hex digits: one message for one customer on one channel from one origin."""
    return digest("message", origin, customer, channel)


def random_id() -> str:
    """32 random hex digits, for what has no identity of its own (a hit on a link, a worker)."""
    return secrets.token_hex(16)


def is_name(text: str) -> bool:
    """Whether `text` may name a template, segment, campaign or plugin."""
    return NAME.fullmatch(text) is not None
