"""Who may be written to: consent, suppression, and what plugins' checks add. Core rules that no plugin can remove."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from messaging.nouns.consent import ALL_TOPICS, AddressStatus, Consent
from messaging.nouns.decision import Decision, Deny
from messaging.nouns.message import MessageClass

#: Reasons the core skips a message for, as they stand in plans and reports.
NO_ADDRESS = "no address"
SUPPRESSED = "suppressed"
NO_CONSENT = "no consent"
UNSUBSCRIBED = "unsubscribed"


def standing(consents: Iterable[Consent], topic: str) -> Consent | None:
    """The decision that counts for `topic`: the latest about it or about everything on the channel.

    A person's withdrawal is only undone by a later decision whose time is the person's own: an import that merely says
    "these people agreed" does not know when, and never beats a withdrawal.
    """
    decision: Consent | None = None
    for consent in sorted(consents, key=lambda consent: (consent.at, not consent.granted)):
        if consent.topic not in (topic, ALL_TOPICS):
            continue
        if decision is not None and not decision.granted and consent.granted and not consent.dated:
            continue
        decision = consent
    return decision


def restored(consents: Iterable[Consent], topic: str, at: datetime) -> list[Consent]:
    """What holds again when somebody takes back, at `at`, their withdrawal from `topic`.

    That is what held before they withdrew, for each topic; an answer like START never agrees to what was not agreed to.
    """
    known = [consent for consent in consents if consent.at <= at]
    agreed = max((consent.at for consent in known if consent.granted), default=None)
    if agreed is None:
        return []
    withdrawn = [one.at for one in known if not one.granted and one.topic == topic and one.at >= agreed]
    if not withdrawn:
        return []
    first = min(withdrawn)  # who answers STOP twice withdraws once
    before = [one for one in known if one.at < first or (one.granted and one.at == first)]
    topics = sorted({consent.topic for consent in before}) if topic == ALL_TOPICS else [topic]
    held = ((each, standing(before, each)) for each in topics)
    return [replace(decision, topic=each, at=at, dated=True) for each, decision in held if decision is not None]


def has_consent(statuses: Mapping[str, AddressStatus], channel: str, topic: str) -> bool:
    """Whether the owner of the address on `channel` agreed to `topic` and did not take it back."""
    status = statuses.get(channel)
    if status is None or status.suppression is not None:
        return False
    decision = standing(status.consents, topic)
    return decision is not None and decision.granted


def refusal(status: AddressStatus, message_class: MessageClass, topic: str) -> str | None:
    """Why the owner of an address must not get a message of this class on this topic; None if they may.

    A suppressed address gets nothing. Marketing asks for consent (ePrivacy art. 13, GDPR art. 21(3)); an order
    message does not, also not after an unsubscribe.
    """
    if status.suppression is not None:
        return f"{SUPPRESSED} ({status.suppression.reason})"
    if message_class is MessageClass.TRANSACTIONAL:
        return None
    decision = standing(status.consents, topic)
    if decision is None:
        return NO_CONSENT
    return None if decision.granted else UNSUBSCRIBED


def agreed_to(consents: Iterable[Consent]) -> set[tuple[str, str]]:
    """The places (channel, address) that somebody agrees to be written to at."""
    return {(consent.channel, consent.address) for consent in consents if consent.granted}


def is_refusal(reason: str | None) -> bool:
    """Whether a message was skipped for its address or consent: that may change."""
    return (reason or "").startswith((NO_ADDRESS, SUPPRESSED, NO_CONSENT, UNSUBSCRIBED))


def combine(decisions: Iterable[Decision]) -> tuple[dict[str, str], dict[str, tuple[datetime, str]]]:
    """Put plugins' answers together by message: denials with all their reasons, and the latest not-before."""
    denied: dict[str, str] = {}
    delayed: dict[str, tuple[datetime, str]] = {}
    for decision in decisions:
        if isinstance(decision, Deny):
            before = denied.get(decision.message_id)
            denied[decision.message_id] = f"{before}; {decision.reason}" if before else decision.reason
        else:
            standing_time = delayed.get(decision.message_id)
            if standing_time is None or decision.time > standing_time[0]:
                delayed[decision.message_id] = (decision.time, decision.reason)
    return denied, delayed
