"""Hits on our own links and pixels, on their way from the spool into the store: read back, timed, judged."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageState
from messaging.rules.verdict import Hit, judge
from messaging.stores.base import Store

log = logging.getLogger("messaging.hits")

#: What source hits on our own links have.
LINKS = "links"
#: Hits on one message that are kept; a flood beyond tells nothing new and must not fill the disk.
MAX_HITS = 1000

_KINDS = (EngagementKind.CLICKED, EngagementKind.OPENED)

#: Engagement id -> machine, reasons.
Verdicts = dict[str, tuple[bool, tuple[str, ...]]]


def write_line(
    id: str, kind: EngagementKind, message_id: str, at: datetime, raw: Mapping[str, Any], slot: str | None
) -> bytes:
    """An engagement as a line of the spool."""
    return orjson.dumps({"id": id, "kind": kind, "message_id": message_id, "at": at, "slot": slot, "raw": raw})


def read_lines(lines: Iterable[bytes]) -> list[Engagement]:
    """What `write_line` wrote; a line that a full disk left torn is told and left out."""
    found = []
    for line in lines:
        try:
            found.append(Engagement.from_document(orjson.loads(line)))
        except (ValueError, TypeError, KeyError, AttributeError):
            log.error("a damaged line in the spool is left out")
    return found


def is_hit(told: Engagement) -> bool:
    """Whether it is ours to judge: a provider says itself what machines did."""
    return told.source == LINKS and told.kind in _KINDS and told.message_id is not None


def judge_new(
    hits: Sequence[Engagement], messages: Mapping[str, Message], store: Store
) -> tuple[list[Engagement], Verdicts]:
    """New `hits` with their verdicts, and the verdicts that change on those recorded before.

    Of a burst, the first hits become machines' when the last comes. What comes beyond `MAX_HITS` is counted in the
    log only.
    """
    by_message: dict[str, list[Engagement]] = defaultdict(list)
    for told in hits:
        if told.message_id is not None:
            by_message[told.message_id].append(_timed(told, messages[told.message_id]))
    known = store.engagements.of_messages(list(by_message))
    judged: list[Engagement] = []
    beyond = 0
    changed: Verdicts = {}
    for message_id, news in by_message.items():
        before = [told for told in known.get(message_id, ()) if is_hit(told)]
        ids = {told.id for told in before}
        news = [told for told in news if told.id not in ids]
        room = max(0, MAX_HITS - len(before))
        beyond += len(news[room:])
        old, new = _judged(before, news[:room])
        changed |= old
        judged += new
    if beyond:
        log.warning("%d hits on messages that had %d already were not recorded", beyond, MAX_HITS)
    return judged, changed


def judge_again(engagements: Iterable[Engagement]) -> Verdicts:
    """The verdicts that change when all recorded engagement of one message is judged anew."""
    changed, _ = _judged([told for told in engagements if is_hit(told)], ())
    return changed


def _judged(before: Sequence[Engagement], news: Sequence[Engagement]) -> tuple[Verdicts, list[Engagement]]:
    """All hits on one message judged together: what changes `before`, and `news` with their verdicts."""
    # Of what an erasure took the facts away, the verdict stays.
    told = [*(told for told in before if told.raw), *news]
    verdicts = judge([_facts(hit) for hit in told])
    known = len(told) - len(news)
    changed = {
        hit.id: verdict
        for hit, verdict in zip(told[:known], verdicts[:known], strict=True)
        if verdict != (hit.machine, hit.reasons)
    }
    judged = [
        replace(hit, machine=machine, reasons=reasons)
        for hit, (machine, reasons) in zip(news, verdicts[known:], strict=True)
    ]
    return changed, judged


def _facts(told: Engagement) -> Hit:
    return Hit.from_raw(told.raw, click=told.kind is EngagementKind.CLICKED, slot=told.slot)


def _timed(told: Engagement, message: Message) -> Engagement:
    """With the seconds since the message was handed over among its facts, if it was; or that it just is."""
    if message.state is MessageState.SENDING:
        return replace(told, raw={**told.raw, "sending": True})
    if message.sent_at is None:
        return told
    return replace(told, raw={**told.raw, "seconds": (told.at - message.sent_at).total_seconds()})
