"""What each recipient of a request gets: SendGrid's substitutions, as it may apply them.

The API reference promises no order, and values are scanned again. So the order is drawn anew for each recipient, and
everything is gone over until nothing changes: who relies on an order, or on a value not being read as a tag, sees it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

#: Times that a text is gone over; tags that make each other would never end.
_ROUNDS = 10
#: Characters of a text: tags that double each other grow without end.
_LONGEST = 10_000_000


def recipients(mail: Mapping[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Each recipient's own message, in the order of the request."""
    for one in mail["personalizations"]:
        tags = [*one.get("substitutions", {}).items(), *mail.get("sections", {}).items()]
        visible = [mailbox["email"] for kind in ("to", "cc") for mailbox in one.get(kind, ())]
        for kind in ("to", "cc", "bcc"):
            for mailbox in one.get(kind, ()):
                chance.shuffle(tags)
                yield {
                    "to": mailbox["email"],
                    "name": mailbox.get("name"),
                    "kind": kind,
                    "visible": visible,
                    "from": one.get("from", mail["from"]),
                    "reply_to": filled(mail.get("reply_to"), tags),
                    "subject": filled(one.get("subject", mail.get("subject")), tags),
                    "content": {part["type"]: filled(part["value"], tags) for part in mail.get("content", ())},
                    "headers": filled({**mail.get("headers", {}), **one.get("headers", {})}, tags),
                    "custom_args": {**mail.get("custom_args", {}), **one.get("custom_args", {})},
                    "categories": mail.get("categories", []),
                    "template_id": mail.get("template_id"),
                    "dynamic_template_data": one.get("dynamic_template_data"),
                    "send_at": one.get("send_at", mail.get("send_at")),
                }


def filled(value: Any, tags: list[tuple[str, str]]) -> Any:
    """A text, or the texts of an object, with the tags replaced in this order until nothing changes."""
    if isinstance(value, dict):
        return {name: filled(inner, tags) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    for _ in range(_ROUNDS):
        before = value
        for tag, text in tags:
            times = value.count(tag) if tag else 0
            if times and len(value) + times * (len(text) - len(tag)) <= _LONGEST:
                value = value.replace(tag, text)
        if value == before:
            break
    return value
