"""What the rules say of a batch: first when the recipient's hours allow it, then whether a cap has room then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from messaging import Decision, Deny, Lane, Message, MessageClass, MessageFacts, NotBefore
from messaging_rules.caps import Ledger, rank
from messaging_rules.settings import Rules
from messaging_rules.week import next_open
from messaging_rules.zones import is_in_us, state_of, zones_of


def check(messages: Sequence[Message], facts: MessageFacts, rules: Rules) -> list[Decision]:
    """`Deny` or `NotBefore` for those that must not go, or not now."""
    if not (rules.quiet or rules.caps or rules.us_hours):
        return []
    (zone,) = zones_of(None, facts.timezone)
    ledger = Ledger(rules, facts, {message.id: message for message in messages}, zone)
    decisions: list[Decision] = []
    # A test goes out when it is asked for.
    asked = [_Asked(message, facts, rules) for message in messages if message.lane is not Lane.TEST]
    for each in sorted(asked, key=lambda each: rank(each.message, each.time or each.start)):
        decision, time = _decide(each, facts, rules, ledger)
        if decision is not None:
            decisions.append(decision)
        if time is not None and rules.caps:
            ledger.take(each.message, time)
    return decisions


class _Asked:
    """A message, and when its recipient's hours allow it."""

    def __init__(self, message: Message, facts: MessageFacts, rules: Rules) -> None:
        self.message = message
        self.start = max(message.due_at, facts.now)
        self.time, self.reasons = _open(message, self.start, facts, rules)


def _decide(
    asked: _Asked, facts: MessageFacts, rules: Rules, ledger: Ledger
) -> tuple[Decision | None, datetime | None]:
    """What is said of one, and when it goes; no time: never."""
    message, time, reasons = asked.message, asked.time, asked.reasons
    if time is None:
        return Deny(message_id=message.id, reason=reasons[0]), None
    if message.message_class is MessageClass.MARKETING:
        excesses = ledger.excesses(message, time)
        reasons += [excess.reason for excess in excesses]
        if any(excess.cap.on_exceed == "skip" for excess in excesses):
            said = [excess.reason for excess in excesses if excess.cap.on_exceed == "skip"]
            return Deny(message_id=message.id, reason="; ".join(said)), None
        if excesses:
            time, never = _open(message, max(time, *(excess.free for excess in excesses)), facts, rules)
            if time is None:
                return Deny(message_id=message.id, reason=never[0]), None
    if time == asked.start:
        return None, time
    reason = "; ".join(reasons)
    if message.expires_at is not None and time >= message.expires_at:
        return Deny(message_id=message.id, reason=f"{reason}; by then it is too late"), None
    return NotBefore(message_id=message.id, time=time, reason=reason), time


def _open(message: Message, start: datetime, facts: MessageFacts, rules: Rules) -> tuple[datetime | None, list[str]]:
    """When the recipient's hours allow it, from `start` on, and why not before."""
    customer = facts.customers.get(message.customer_id)
    in_us = bool(rules.us_hours) and is_in_us(customer)
    weeks = rules.hours(message, in_us=in_us, state=state_of(customer) if customer else None)
    if not weeks:
        return start, []
    zones = zones_of(customer, facts.timezone, area_codes=rules.area_codes)
    time = next_open(start, weeks, zones)
    if time is None:
        return None, [f"quiet hours leave no time that suits {_named(zones)}: tell the customer's time zone"]
    return time, [] if time == start else [f"quiet hours in {_named(zones)}"]


def _named(zones: Sequence[ZoneInfo]) -> str:
    return zones[0].key if len(zones) == 1 else f"{len(zones)} time zones"
