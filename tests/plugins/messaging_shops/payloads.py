"""What shops post: bodies of our own in `payloads/`, each named like its topic, in the shape of the real ones."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "payloads"


@cache
def bodies(shop: str) -> dict[str, bytes]:
    """Topic -> body, as `/` is no letter of a file's name."""
    files = sorted((FOLDER / shop).glob("*.json"))
    slashed = shop in ("shopify", "bigcommerce")
    return {path.stem.replace(".", "/") if slashed else path.stem: path.read_bytes() for path in files}


def read(name: str) -> Any:
    """What is in `payloads/`, read: `stripe/invoice.paid`."""
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def body(shop: str, topic: str, **changes: Any) -> bytes:
    """One body, with other values in it."""
    return json.dumps({**json.loads(bodies(shop)[topic]), **changes}).encode()
