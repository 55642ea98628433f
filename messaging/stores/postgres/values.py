"""Between our nouns and rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from messaging.ids import digest
from messaging.nouns.documents import is_storable

#: Names by which things are looked up are kept whole up to here; of longer ones their hash, as an index takes no more.
LONGEST = 200


def to_json(value: Any) -> str | None:
    """JSON text; None stays None. What cannot be said in JSON was refused before (`stores.values`)."""
    return None if value is None else orjson.dumps(value).decode()


def short(name: str | None) -> str | None:
    """What a name is looked up by."""
    return name if name is None or len(name) <= LONGEST else digest(name)


def askable(texts: Iterable[str]) -> list[str]:
    """Those of the texts that can be in a database at all, each once: it would refuse to look for the others."""
    return [text for text in dict.fromkeys(texts) if is_storable(text)]
