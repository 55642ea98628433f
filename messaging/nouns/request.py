"""A request that came in from a provider or a shop, before anything of it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from messaging.errors import InputError
from messaging.nouns.documents import storable

#: Fields of a form that are read.
_MAX_FIELDS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request: what signatures are over, as it came."""

    #: As the world knows the address, whatever a proxy did on the way: `[server] base_url`, path and query.
    url: str
    #: The raw body: signatures are over these bytes, so nothing is parsed before they were checked.
    body: bytes = b""
    #: Names in lower case; the values of a repeated one are joined by `, `.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: When it came, by the real clock: how old a signature is, business time cannot tell.
    received_at: datetime

    def header(self, name: str) -> str:
        """A header's value, in whichever case its name is written; empty if it is not there."""
        return self.headers.get(name.lower(), "")

    def query(self) -> dict[str, str]:
        """The values of the address's query; of a repeated name, the last."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True, max_num_fields=_MAX_FIELDS))

    def form(self) -> list[tuple[str, str]]:
        """The fields of an urlencoded body, in order, also repeated and empty ones.

        Raises:
            InputError: it is no such body.
        """
        try:
            return parse_qsl(
                self.body.decode("utf-8"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS
            )
        except ValueError:
            raise InputError("the body is not an urlencoded form") from None

    def json(self) -> Any:
        """The body, read as JSON. What in it cannot be kept (a stray byte, half of a surrogate pair) is replaced: parts
        of it may be others' words. See `storable`.

        Raises:
            InputError: it is not JSON, or nested too deeply.
        """
        try:
            return storable(json.loads(self.body.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            raise InputError("the body is not JSON") from None
