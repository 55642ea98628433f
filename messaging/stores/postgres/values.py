"""Between our nouns and rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeVar

import orjson
from psycopg.adapt import Buffer, Dumper, Loader

from messaging.ids import digest
from messaging.nouns.documents import is_storable

T = TypeVar("T")
#: Names by which things are looked up are kept whole up to here; of longer ones their hash, as an index takes no more.
LONGEST = 200


class Texts(list[str]):
    """An array of texts, as a statement is given it: all of them can be in a database."""


class TextsDumper(Dumper):
    """Writes `Texts` as PostgreSQL reads arrays, in a tenth of the time that lists of anything take."""

    def dump(self, obj: Texts) -> bytes:
        # None of them has U+0000 in it: so all are quoted at once, and taken apart by that.
        quoted = "\0".join(obj).replace("\\", "\\\\").replace('"', '\\"').replace("\0", '","')
        return f'{{"{quoted}"}}'.encode() if obj else b"{}"


class JsonLoader(Loader):
    """Reads JSON by orjson."""

    def load(self, data: Buffer) -> Any:
        return orjson.loads(data)


def maker(noun: type[T]) -> Callable[[Iterable[Any]], T]:
    """What makes a frozen noun of all its values, in order of its fields: its `__init__` takes twice as long, since it
    has to go round what keeps everybody from changing it. A slot's own descriptor sets it, too."""
    slots = [getattr(noun, field.name).__set__ for field in fields(noun)]  # type: ignore[arg-type]  # a dataclass

    def make(values: Iterable[Any]) -> T:
        made = object.__new__(noun)
        for put, value in zip(slots, values, strict=True):
            put(made, value)
        return made

    return make


def to_json(value: Any) -> str | None:
    """JSON text; None stays None. What cannot be said in JSON was refused before (`stores.values`)."""
    return None if value is None else orjson.dumps(value).decode()


def short(name: str | None) -> str | None:
    """What a name is looked up by."""
    return name if name is None or len(name) <= LONGEST else digest(name)


def askable(texts: Iterable[str]) -> Texts:
    """Those of the texts that can be in a database at all, each once: it would refuse to look for the others."""
    each = dict.fromkeys(texts)
    return Texts(each if is_storable("".join(each)) else filter(is_storable, each))
