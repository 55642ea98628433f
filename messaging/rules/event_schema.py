"""The contract of events as JSON Schema (draft 2020-12), made from the code that reads them.

It says what to send. What is read is a little more: an id may be a whole number, an amount a number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from messaging.rules.envelope import Envelope
from messaging.rules.event_types import CONTRACT, TYPES, brings, names

_SOMEBODY = {
    "description": "It says whom it is about.",
    "required": ["customer"],
    "properties": {
        "customer": {
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}
                for name in ("id", "email", "phone")
            ]
        }
    },
}
_HAS_PRODUCT = {
    "required": ["data"],
    "properties": {"data": {"required": ["product"], "properties": {"product": {"type": "object"}}}},
}


def schema(ref: str = "#/$defs/{model}") -> dict[str, Any]:
    """The schema; `ref` says where it refers to its parts."""
    made = Envelope.model_json_schema(ref_template=ref)
    parts = made.pop("$defs", {})
    # What only a source may leave out, and what it needs to ask for it.
    del made["properties"]["incomplete"]
    made["properties"]["type"]["examples"] = list(TYPES)
    somebody = {"$ref": ref.format(model="Somebody")}
    known = {"properties": {"type": {"enum": sorted(name for name, _ in names())}}}
    others = {"allOf": [*_other_types(), {"if": _HAS_PRODUCT, "else": somebody}]}
    whole: dict[str, Any] = _plain(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": f"urn:customer-messaging:event:{CONTRACT}",
            **made,
            "title": "Event",
            "description": f"Something that happened in a shop. Version {CONTRACT} of the contract.",
            "allOf": [*_types(somebody), {"if": known, "else": others}],
            "$defs": {**parts, "Somebody": _SOMEBODY},
        }
    )
    return whole


def _types(somebody: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What each of our types means and brings."""
    for kind in TYPES.values():
        needs = [*([_part_of(kind.brings)] if kind.brings else []), *([somebody] if kind.customer else [])]
        yield {
            "if": {"properties": {"type": {"enum": [kind.name, *kind.aliases]}}},
            "then": {"description": kind.means, "allOf": needs},
        }


def _other_types() -> Iterator[dict[str, Any]]:
    """What types bring that are none of ours, but begin with a word of the shop's."""
    yield _other(r"^order\..*refund", brings("order.some_refund"))
    yield _other(r"^order\.(?!.*refund)", brings("order.something"))
    for word in ("shipment", "refund", "cart", "product"):
        yield _other(rf"^{word}\.", brings(f"{word}.something"))


def _other(pattern: str, parts: Sequence[str]) -> dict[str, Any]:
    return {"if": {"properties": {"type": {"pattern": pattern}}}, "then": _part_of(parts)}


def _part_of(parts: Sequence[str]) -> dict[str, Any]:
    there = [{"required": [part], "properties": {part: {"type": "object"}}} for part in parts]
    return {"required": ["data"], "properties": {"data": there[0] if len(there) == 1 else {"anyOf": there}}}


def _plain(value: Any, *, names_fields: bool = False) -> Any:
    """Without the titles that repeat each field's name."""
    if isinstance(value, dict):
        return {
            key: _plain(inner, names_fields=key in ("properties", "$defs"))
            for key, inner in value.items()
            if names_fields or key != "title" or inner == "Event"
        }
    return [_plain(inner) for inner in value] if isinstance(value, list) else value
