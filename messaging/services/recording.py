"""Takes in what comes back: engagement told by links and by providers, and all that it moves.

A hit on a link is kept in a spool at once and recorded a moment later, in batches: the redirect never waits
for the store. Recording is idempotent by (source, id). It settles messages whose answer was lost, withdraws
consent, suppresses addresses, and tells plugins, each once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from pathlib import Path

from messaging.clock import Clock
from messaging.errors import NotFound, StoreError
from messaging.ids import random_id
from messaging.meters import note
from messaging.nouns.consent import ALL_TOPICS, BOUNCED, OPTED_OUT, Consent, Suppression
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageState
from messaging.plugins import Plugins
from messaging.rules.policy import restored, standing
from messaging.rules.retry import still_said
from messaging.services.customers import Reached
from messaging.services.hits import LINKS, Verdicts, is_hit, judge_again, judge_new, read_lines, write_line
from messaging.services.reaching import Reaching, place_of
from messaging.stores.base import Address, Store
from messaging.stores.outbox import Outcome
from messaging.stores.spool import Spool

log = logging.getLogger("messaging.recording")

#: Characters of a user agent that are kept.
MAX_AGENT = 512
#: Messages whose hits are judged again in one transaction.
PAGE = 500

_WITHDRAWN = (EngagementKind.UNSUBSCRIBED, EngagementKind.COMPLAINED)
#: What suppresses an address, and the reason it is kept under: an opt-out does if the provider enforces it.
_SUPPRESSING = {
    EngagementKind.BOUNCED: BOUNCED,
    EngagementKind.COMPLAINED: EngagementKind.COMPLAINED.value,
    EngagementKind.UNSUBSCRIBED: OPTED_OUT,
}


class Recorder:
    """Records engagement."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        plugins: Plugins,
        *,
        folder: Path,
        soft_bounces: int,
        reached: Reached = lambda customer_ids, places: None,
    ) -> None:
        """`folder` is where hits wait until the store takes them; `soft_bounces` in a row suppress an address.

        `reached` is told of who may be written to again.
        """
        self._store = store
        self._clock = clock
        self._plugins = plugins
        self._spool = Spool(folder)
        self._reaching = Reaching(store, limit=soft_bounces)
        self._reached = reached

    def close(self) -> None:
        """Let go of the spool; what waits there is recorded by whoever comes next."""
        self._spool.close()

    # What links tell

    def hit(
        self,
        kind: EngagementKind,
        message_id: str,
        *,
        slot: str | None,
        method: str,
        agent: str,
        prefetch: str,
    ) -> None:
        """Keep a click or an open until the next `drain`. Never fails: the reader must not be held up."""
        facts = {
            "method": method[:16],
            "agent": agent[:MAX_AGENT],
            "prefetch": prefetch[:64],
            "arrived": time.time(),
        }
        try:
            self._spool.append(write_line(random_id(), kind, message_id, self._clock.now(), facts, slot))
        except (OSError, TypeError) as error:
            log.error("a hit on a link was lost: %s", error)
        else:
            note("hits", kind=kind.value)

    def unsubscribe(self, message_id: str, *, proof: str) -> None:
        """Withdraw consent to a message's topic on its channel. Done twice it is done once.

        While the store cannot be written the withdrawal is kept durably, and done as soon as it can.

        Raises:
            NotFound: there is no such message.
            StoreError: it could be kept nowhere.
        """
        told = Engagement(
            id=random_id(),
            kind=EngagementKind.UNSUBSCRIBED,
            at=self._clock.now(),
            message_id=message_id,
            raw={"proof": proof},
        )
        try:
            with self._store.transaction():
                self.message(message_id)
                recorded = self._record([told])
        except StoreError as error:
            # Under the same id: should it have been written after all, it is known.
            try:
                self._spool.append(write_line(told.id, told.kind, message_id, told.at, told.raw, None), durable=True)
            except OSError as second:
                raise StoreError(f"an unsubscribe could be kept nowhere: {second}") from None
            log.warning("an unsubscribe waits for the store: %s", error)
            return
        if recorded:
            self._plugins.engagements_recorded(recorded)

    # What is recorded

    def drain(self, alive: Callable[[], object] = lambda: None) -> int:
        """Record all hits that wait; return how many. `alive` is called again and again meanwhile.

        Raises:
            StoreError: the store cannot take them; they go on waiting.
        """

        def take(lines: Sequence[bytes]) -> None:
            alive()
            self.record(read_lines(lines))

        return self._spool.drain(take)

    def record(self, engagements: Iterable[Engagement], *, moves: bool = True) -> list[Engagement]:
        """Record what is new of `engagements`; return it as it was recorded.

        It moves consent and suppression, unless who tells it has done so (`moves`).
        """
        with self._store.transaction():
            recorded = self._record(list(engagements), moves=moves)
        for one in recorded:
            note("engagements", kind=one.kind.value, by="machine" if one.machine else "person")
        if recorded:
            self._plugins.engagements_recorded(recorded)
        return recorded

    def rejudge(self, *, campaign: str | None = None, template: str | None = None) -> int:
        """Judge all recorded hits anew, from their raw facts; return how many verdicts changed."""
        changed, after = 0, None
        while page := self._store.outbox.page(campaign=campaign, template=template, after=after, limit=PAGE):
            after = page[-1].id
            with self._store.transaction():
                verdicts: Verdicts = {}
                for told in self._store.engagements.of_messages([message.id for message in page]).values():
                    verdicts |= judge_again(told)
                if verdicts:
                    self._store.engagements.judge(verdicts)
            changed += len(verdicts)
        return changed

    def _record(self, engagements: Sequence[Engagement], *, moves: bool = True) -> list[Engagement]:
        """In the caller's transaction."""
        messages = self._store.outbox.get({told.message_id for told in engagements if told.message_id})
        joined = [
            self._joined(told, messages)
            for told in engagements
            # A link to a message that is not there: a preview's, or another workspace's with the same key.
            if told.message_id in messages or told.source != LINKS
        ]
        if moves:
            joined = self._asking_anew(joined, messages)
        hits, changed = judge_new([told for told in joined if is_hit(told)], messages, self._store)
        if changed:
            self._store.engagements.judge(changed)
        recorded = self._store.engagements.add([*hits, *(told for told in joined if not is_hit(told))])
        self._settle(recorded, messages)
        if moves:
            places = {*self._move(recorded, messages), *self._reaching.look(recorded, messages)}
            if places:
                back = {told.customer_id for told in recorded if place_of(told, messages) in places}
                self._reached([customer_id for customer_id in back if customer_id], places)
        return recorded

    def _joined(self, told: Engagement, messages: Mapping[str, Message]) -> Engagement:
        """With whom it is about: the message's customer, or who alone has the address."""
        message = messages.get(told.message_id or "")
        if message is not None:
            return replace(told, customer_id=message.customer_id)
        place = place_of(told, messages)
        owners = self._store.customers.at([place]) if place is not None else []
        return replace(told, customer_id=owners[0].id) if len(owners) == 1 else told

    def _asking_anew(self, engagements: Sequence[Engagement], messages: Mapping[str, Message]) -> list[Engagement]:
        """Without our own pages' withdrawals of what is withdrawn: one that waited and was done again is done once."""
        kept: list[Engagement] = []
        asked: set[tuple[str, str, str]] = set()
        for told in engagements:
            if told.source == LINKS and told.kind is EngagementKind.UNSUBSCRIBED:
                message = messages[told.message_id or ""]
                if message.address is None:
                    continue
                place = message.channel, message.address, message.topic
                decision = self.decision(*place)
                if place in asked or (decision is not None and not decision.granted):
                    continue
                asked.add(place)
                if decision is not None and decision.at >= self._clock.now():
                    told = replace(told, at=self.now_after(decision))
            kept.append(told)
        return kept

    def _settle(self, engagements: Sequence[Engagement], messages: Mapping[str, Message]) -> None:
        """Whatever comes back with our message id proves that the message left."""
        proofs: dict[str, datetime] = {}
        for told in engagements:
            message = messages.get(told.message_id or "")
            if message is not None and message.state is MessageState.UNKNOWN:
                proofs[message.id] = min(told.at, proofs.get(message.id, told.at))
        if proofs:
            self._store.outbox.settle(
                [
                    Outcome(
                        message_id=id, state=MessageState.SENT, sent_at=at, reason=still_said(messages[id].reason, None)
                    )
                    for id, at in proofs.items()
                ]
            )

    def _move(self, engagements: Sequence[Engagement], messages: Mapping[str, Message]) -> list[Address]:
        """Move consent and suppression as the reader, or their mail system, asked; in order of time.

        Returns who asked to be written to again.
        """
        back: list[Address] = []
        for told in sorted(engagements, key=attrgetter("at")):
            message, place = messages.get(told.message_id or ""), place_of(told, messages)
            if place is None:
                continue
            channel, address = place
            complained = told.kind is EngagementKind.COMPLAINED
            topic = ALL_TOPICS if complained or message is None else message.topic
            proof = str(told.raw.get("proof") or f"{told.kind} by {told.source}")
            if told.kind in _WITHDRAWN:
                decision = Consent(
                    channel=channel,
                    address=address,
                    topic=topic,
                    granted=False,
                    at=told.at,
                    source=proof,
                    message_id=message.id if message else None,
                )
                self._store.addresses.add_consents([decision])
            if told.kind is EngagementKind.RESUBSCRIBED:
                consents = self._store.addresses.status([(channel, address)])[channel, address].consents
                again = [replace(one, source=proof) for one in restored(consents, topic, told.at)]
                self._store.addresses.add_consents(again)
                self._lift(channel, address, told.at)
                back.append(place)
            elif complained or (told.permanent and told.kind in _SUPPRESSING):
                reason = _SUPPRESSING[told.kind]
                if reason != OPTED_OUT or not self._agreed_since(channel, address, told.at):
                    suppression = Suppression(
                        channel=channel, address=address, reason=reason, at=told.at, source=told.source
                    )
                    self._store.addresses.suppress([suppression])
        return back

    def _lift(self, channel: str, address: str, at: datetime) -> None:
        """Whoever answered STOP may answer START; what bounced or complained stays suppressed."""
        suppression = self._store.addresses.status([(channel, address)])[channel, address].suppression
        if suppression is not None and suppression.reason == OPTED_OUT and suppression.at <= at:
            self._store.addresses.unsuppress((channel, address))

    def _agreed_since(self, channel: str, address: str, at: datetime) -> bool:
        """Whether a START that came after this STOP was told before it."""
        consents = self._store.addresses.status([(channel, address)])[channel, address].consents
        return any(consent.granted and consent.at > at for consent in consents)

    # Small questions

    def message(self, message_id: str) -> Message:
        """The message of that id.

        Raises:
            NotFound: there is none.
        """
        message = self._store.outbox.get([message_id]).get(message_id)
        if message is None:
            raise NotFound("this message is not known here")
        return message

    def messages(self, ids: Iterable[str]) -> dict[str, Message]:
        """Those messages that there are, by id."""
        return self._store.outbox.get(ids)

    def decision(self, channel: str, address: str | None, topic: str) -> Consent | None:
        """What counts now for an address and a topic."""
        if address is None:
            return None
        status = self._store.addresses.status([(channel, address)])[channel, address]
        return standing(status.consents, topic)

    def now_after(self, decision: Consent | None) -> datetime:
        """Now; and after the decision that stands, whatever the clock of who recorded that said."""
        now = self._clock.now()
        return now if decision is None else max(now, decision.at + timedelta(microseconds=1))
