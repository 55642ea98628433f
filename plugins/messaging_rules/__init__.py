"""Rules of the shop's own: quiet hours and frequency caps. Off until `[plugins.rules]` says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from messaging import Decision, Message, MessageFacts, hookimpl
from messaging_rules.checking import check
from messaging_rules.settings import Rules


@hookimpl
def register_settings() -> type[Rules]:
    return Rules


@hookimpl
def check_messages(messages: Sequence[Message], facts: MessageFacts) -> Sequence[Decision]:
    rules = facts.settings
    return check(messages, facts, rules if isinstance(rules, Rules) else Rules.model_validate(rules))
