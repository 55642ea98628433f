"""What each recipient of a request gets: SendGrid's substitutions, as it may apply them.

The API reference promises no order, and values are scanned again. So the order is drawn for each recipient, and
everything is gone over until nothing changes: who relies on an order, or on a value not being read as a tag, sees it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: Times that a text is gone over; tags that make each other would never end.
_ROUNDS = 10
#: Characters of a text: tags that double each other grow without end.
_LONGEST = 10_000_000
#: Orders that are drawn for recipients who have the same tags: each must be compiled.
_ORDERS = 8


def recipients(mail: Mapping[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Each recipient's own message, in the order of the request."""
    drawn: dict[frozenset[str], list[re.Pattern[str]]] = {}
    for one in mail["personalizations"]:
        tags = {**mail.get("sections", {}), **one.get("substitutions", {})}
        tags.pop("", None)
        orders = drawn.setdefault(frozenset(tags), [])
        visible = [mailbox["email"] for kind in ("to", "cc") for mailbox in one.get(kind, ())]
        for kind in ("to", "cc", "bcc"):
            for mailbox in one.get(kind, ()):
                if len(orders) < _ORDERS:
                    orders.append(in_order(chance.sample(sorted(tags), len(tags))))
                order = chance.choice(orders)
                yield {
                    "to": mailbox["email"],
                    "name": mailbox.get("name"),
                    "kind": kind,
                    "visible": visible,
                    "from": one.get("from", mail["from"]),
                    "reply_to": filled(mail.get("reply_to"), tags, order),
                    "subject": filled(one.get("subject", mail.get("subject")), tags, order),
                    "content": {part["type"]: filled(part["value"], tags, order) for part in mail.get("content", ())},
                    "headers": filled({**mail.get("headers", {}), **one.get("headers", {})}, tags, order),
                    "custom_args": {**mail.get("custom_args", {}), **one.get("custom_args", {})},
                    "categories": mail.get("categories", []),
                    "template_id": mail.get("template_id"),
                    "dynamic_template_data": one.get("dynamic_template_data"),
                    "send_at": one.get("send_at", mail.get("send_at")),
                }


def in_order(tags: list[str]) -> re.Pattern[str]:
    """Finds tags; of two that begin at the same place, the one that comes first here."""
    return re.compile("|".join(map(re.escape, tags)) or r"(?!)")


def filled(value: Any, tags: Mapping[str, str], order: re.Pattern[str]) -> Any:
    """A text, or the texts of an object, with its tags replaced until nothing changes."""
    if isinstance(value, dict):
        return {name: filled(inner, tags, order) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    for _ in range(_ROUNDS):
        grown = sum(len(tags[match[0]]) - len(match[0]) for match in order.finditer(value))
        after = value if len(value) + grown > _LONGEST else order.sub(lambda match: tags[match[0]], value)
        if after == value:
            break
        value = after
    return value
