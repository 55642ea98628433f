"""Builders: a person, a message to them, what is known, and what the rules say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from messaging import Customer, Lane, Message, MessageClass, MessageFacts
from messaging_rules import check_messages
from messaging_rules.settings import Rules

#: A Sunday.
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def message() -> Callable[..., Message]:
    def make(id: str = "m1", **fields: Any) -> Message:
        values: dict[str, Any] = {
            "origin": f"campaign:{id}",
            "customer_id": "ann",
            "channel": "sms",
            "address": "+12025550101",
            "template": "promotion",
            "version": "v",
            "message_class": MessageClass.MARKETING,
            "topic": "news",
            "lane": Lane.CAMPAIGN,
            "due_at": NOW,
            "created_at": NOW,
        }
        return Message(id=id, **{**values, **fields})

    return make


@pytest.fixture
def say() -> Callable[..., list[tuple[str, Any]]]:
    """What the rules say of messages: (id, time or None for never, reason)."""

    def ask(
        rules: dict[str, Any], *messages: Message, customer: Customer | None = None, now: datetime = NOW, **facts: Any
    ) -> list[Any]:
        customer = customer or Customer(id="ann", timezone="UTC")
        known = MessageFacts(now=now, customers={customer.id: customer}, settings=Rules.model_validate(rules), **facts)
        return [
            (answer.message_id, getattr(answer, "time", None), answer.reason)
            for answer in check_messages(messages=messages, facts=known)
        ]

    return ask
