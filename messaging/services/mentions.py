"""Files of a person's own that name somebody: lists to import, exports, notes. They are found, never changed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from messaging.errors import InputError
from messaging.rules.identity import Identity
from messaging.services.csv_file import CsvFile
from messaging.services.rejected import columns_that_identify, row_names

#: Octets of a line that are looked at together.
_LONGEST = 1_000_000
_TABLES = frozenset({".csv", ".tsv"})


def files_that_name(identity: Identity, folder: Path, *, apart: Collection[Path]) -> list[Path]:
    """The files in `folder` that have an address of theirs in them, or a row or an event of theirs, in path order.

    Hidden folders are passed over, and so is what is `apart`. A file that cannot be read may name anybody.
    """
    return [path for path in _files(folder, apart) if _names(path, identity)]


def _files(folder: Path, apart: Collection[Path]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        at = Path(place)
        folders[:] = sorted(name for name in folders if name[0] != "." and at / name not in apart)
        yield from (path for name in sorted(names) if (path := at / name) not in apart and path.is_file())


def _names(path: Path, identity: Identity) -> bool:
    try:
        if path.suffix.lower() in _TABLES:
            try:
                return _in_table(path, identity)
            except InputError:
                pass  # no table, or not all of one: its text may still have them
        return _in_text(path, identity)
    except OSError:
        return True


def _in_table(path: Path, identity: Identity) -> bool:
    table = CsvFile(path)
    columns = columns_that_identify(table.headers)
    return row_names({}, table.headers, identity) or any(
        row_names(columns, row.cells, identity) for row in table.rows()
    )


def _in_text(path: Path, identity: Identity) -> bool:
    with path.open("rb") as file:
        while line := file.readline(_LONGEST):
            text = line.decode("utf-8", "replace")
            if identity.in_text(text) or identity.has_name_in(text) or identity.named_by(_customer_of(line)):
                return True
    return False


def _customer_of(line: bytes) -> Mapping[str, Any]:
    """The customer of an event, if the line is one."""
    if not line.lstrip().startswith(b"{"):
        return {}
    try:
        customer = orjson.loads(line).get("customer")
    except orjson.JSONDecodeError:
        return {}
    return customer if isinstance(customer, dict) else {}
