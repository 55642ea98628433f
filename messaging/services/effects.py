"""What events do: to their customers, orders, consents and messages. All that one does is one transaction, or nothing.

An event whose effects cannot happen is failed, says why, and blocks nothing. A shop's request to erase somebody is done
by itself, as it reaches further than the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from messaging.clock import Clock
from messaging.errors import InputError, MessagingError, StoreError, Uncompacted
from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.nouns.event import Event, EventState
from messaging.nouns.message import Lane
from messaging.nouns.order import Order
from messaging.rules.event_types import is_type
from messaging.rules.orders import fold, order_of
from messaging.rules.policy import agreed_to
from messaging.rules.profile import Profile, ProfileReader
from messaging.rules.subjects import lasting
from messaging.services.customers import CustomerBatch, find_customer
from messaging.services.erasing import ErasureReceipt
from messaging.services.event_consent import CONSENT_CHANGED, EventConsents
from messaging.services.forgotten import Forgotten
from messaging.services.live_triggers import Matching
from messaging.services.triggering import Planned, Triggering
from messaging.stores.base import Address, Store

log = logging.getLogger("messaging.intake")

#: How far ahead of ours a shop's clock, or its idea of zones, may be. What is no further ahead counts as now.
AHEAD = timedelta(days=1)


#: A shop asks to erase a customer.
REDACTED = "customer.redacted"


@dataclass(slots=True)
class Work:
    """An event on its way through."""

    event: Event
    profile: Profile = field(default_factory=Profile)
    #: What of it could not be used.
    problems: list[str] = field(default_factory=list)
    customer: Customer | None = None
    error: str | None = None
    planned: Planned = field(default_factory=Planned)
    #: Who has an address by it and had none, and where somebody agreed to be written to.
    reached: set[str] = field(default_factory=set)
    agreed: set[Address] = field(default_factory=set)


class Effects:
    """Works them out."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        triggering: Triggering,
        profiles: ProfileReader,
        forgotten: Forgotten,
        erase: Callable[[str, datetime], ErasureReceipt],
        address: Callable[[Customer, str], str | None] = Customer.address,
        currency: str | None = None,
        wake: Callable[[Collection[tuple[Lane, str]]], object] = lambda places: None,
    ) -> None:
        """`erase` erases a customer who asked for it at a time; `address` says where one is reached on a channel.

        `currency` is that of totals which name none; `wake` is told on which lanes and channels messages are due
        now that were planned.
        """
        self._store = store
        self._clock = clock
        self._triggering = triggering
        self._profiles = profiles
        self._forgotten = forgotten
        self._erase = erase
        self._consents = EventConsents(store, profiles, address)
        self._currency = currency
        self._wake = wake

    def read(self, event: Event) -> Work:
        """Whom the event is about. What cannot be used of it is a problem, unless nobody is left.

        Raises:
            InputError: it is about somebody, and does not say who.
        """
        profile, problems = self._profiles.read(event.customer)
        if event.customer and not profile.identifies and not event.data.get("product"):
            raise InputError(f"customer.{problems[0]}" if problems else "customer: has no id, email or phone")
        return Work(event, profile, [f"customer.{problem}" for problem in problems])

    def check_time(self, event: Event) -> None:
        """See that a live event is not from a time to come.

        Raises:
            InputError: it is.
        """
        now = self._clock.now()
        if event.time > now + AHEAD:
            raise InputError(
                f"time: is {(event.time - now) / AHEAD:,.1f} days ahead of our clock, {now:%Y-%m-%dT%H:%MZ}",
                hint="an event is told when it has happened",
            )

    def work_off(self, events: Sequence[Event]) -> list[Work]:
        """All effects of each of `events`, kept already; settled, done or failed, when this returns.

        Raises:
            StoreError: the store cannot be used; what is not settled stays as it was.
        """
        done = [*self._page([event for event in events if event.type != REDACTED])]
        done += [self._redact(event) for event in events if event.type == REDACTED]
        for work in done:
            if work.error is not None:
                log.warning("event %s failed: %s", work.event.key, work.error)
        if places := {place for work in done for place in work.planned.due}:
            self._wake(places)
        return done

    def _page(self, events: Sequence[Event]) -> Iterator[Work]:
        """Together, in one commit; if one of them is at fault, each by itself, which shows the one."""
        if len(events) > 1:
            try:
                yield from self._together(events)
                return
            except StoreError:
                raise
            except Exception as error:  # told again by the one whose fault it is
                log.info("%d events did not go together: %s", len(events), error)
        for event in events:
            yield self._alone(event)

    def _alone(self, event: Event) -> Work:
        try:
            (work,) = self._together([event])
        except StoreError:
            raise  # not the event's fault: it stays as it is and is taken up again
        except MessagingError as error:
            work = Work(event, error=str(error))
        except Exception as error:
            # A poison event must not come back for ever, whatever it did: it is failed and says so.
            log.exception("event %s", event.key)
            work = Work(event, error=f"{type(error).__name__} while its effects were worked out")
        if work.error is not None:
            self._store.events.settle(event.key, EventState.FAILED, error=work.error)
        return work

    def _redact(self, event: Event) -> Work:
        """Erase whom the shop asks to erase; what of them is told later, and happened before, is not taken in."""
        try:
            work = self._checked(event)
            if work.error is not None:
                raise InputError(work.error)
            batch = CustomerBatch(self._store, self._forgotten, [work.profile], now=self._clock.now())
            found = {customer.id for customer in batch.named(work.profile)}
            self._forgotten.remember(_names(self._without_others(work.profile, found)), at=event.time)
            receipts = [self._erase(customer_id, event.time) for customer_id in sorted(found)]
        except Uncompacted as error:
            log.error("event %s: %s", event.key, error)
        except StoreError:
            raise
        except MessagingError as error:
            self._store.events.settle(event.key, EventState.FAILED, error=str(error))
            return Work(event, error=str(error))
        else:
            said = "; ".join(map(_told, receipts)) or "nobody known was to be erased"
            log.info("event %s: %s", event.key, said)
        with suppress(Uncompacted):  # it is forgotten; `compact` takes it out of the files, and erasing said so
            self._store.events.forget([event.key])
        return Work(event)

    def _together(self, events: Sequence[Event]) -> list[Work]:
        now = self._clock.now()
        works = [self._checked(event) for event in events]
        matching = [self._triggering.matching(work.event) for work in works]
        with self._store.transaction():
            known = self._store.events.get([work.event.key for work in works])
            # Told before their customer was erased, or completed after.
            erased = [work.event.key for work in works if work.error is None and self.is_erased(work)]
            self.ignore(erased)
            todo: list[tuple[Work, Matching]] = []
            for work, live in zip(works, matching, strict=True):
                before = known.get(work.event.key)
                if before is None or before.state is EventState.DONE or work.event.key in erased:
                    # Two tried it at once, and the other was first; or its customer was erased meanwhile.
                    work.event, work.error = before or work.event, None  # or erased by now
                    continue
                if before.incomplete is not None and work.event.incomplete is None:
                    self._store.events.fill(work.event)
                todo.append((work, live))
            self.happen([work for work, _ in todo if work.error is None], now)
            for work, live in todo:
                if work.error is None:
                    work.planned = self._triggering.plan(work.event, work.customer, live, now=now)
                    if not live.audiences:
                        self._done(work)
                else:
                    self._store.events.settle(work.event.key, EventState.FAILED, error=work.error)
            for work, _ in todo:
                if work.event.live and work.error is None and (work.reached or work.agreed):
                    work.planned += self._triggering.plan_again(work.reached, work.agreed, now=now)
        for work, live in todo:
            if live.audiences and work.error is None:
                # Many rows, page by page: they have ids of their own, so a second try makes none twice.
                work.planned += self._triggering.plan_audiences(work.event, live, now=now)
                self._done(work)
        return works

    def is_erased(self, work: Work) -> bool:
        """Whether it happened to somebody who was erased since, or to an order or parcel of theirs.

        An order that is placed after that is not: who orders again is a new customer. Nor is what names somebody who is
        known, or places an order under a number that was used before.
        """
        since, of_theirs = self._forgotten.recall(_names(work.profile), lasting(work.event))
        if since is not None and work.event.time < since:
            return True
        if not of_theirs:
            return False
        return since is not None or not (is_type(work.event.type, "order.placed") or self._is_known(work.profile))

    def ignore(self, keys: Sequence[str]) -> None:
        """Keep nothing of events whose customer was erased but that they are known, and without effect."""
        self._store.events.forget(keys)
        for key in keys:
            log.info("event %s ignored: its customer was erased", key)

    def _is_known(self, profile: Profile) -> bool:
        return any(find_customer(self._store, name) for name in (profile.id, profile.email) if name)

    def _without_others(self, profile: Profile, theirs: Collection[str]) -> Profile:
        """`profile` without an address, if it has an id and the address is somebody's else than `theirs`, too."""
        if profile.id and profile.email:
            others = {one.id for one in self._store.customers.find(email=profile.email, limit=len(theirs) + 1)}
            if not others <= set(theirs):
                return replace(profile, fields={})
        return profile

    def _checked(self, event: Event) -> Work:
        try:
            if event.live:
                self.check_time(event)
            return self.read(event)
        except InputError as error:
            return Work(event, error=str(error))

    def _done(self, work: Work) -> None:
        customer = work.customer.id if work.customer else None
        self._store.events.settle(work.event.key, EventState.DONE, customer_id=customer)

    def happen(self, works: Sequence[Work], now: datetime) -> None:
        """Customers, orders and consents, in the caller's transaction; what contradicts is an error of its work."""
        batch = CustomerBatch(self._store, self._forgotten, [work.profile for work in works], now=now)
        keys = {key for work in works if (key := order_of(work.event)) is not None}
        orders = self._store.events.orders(keys)
        folded: dict[str, Order] = {}
        for work in works:
            try:
                key = order_of(work.event)
                order = folded.get(key) or orders.get(key) if key is not None else None
                if work.profile.identifies:
                    rather = order.customer_id if order is not None else None
                    work.customer, before = batch.tell(work.profile, work.event.time, rather=rather)
                    work.event = replace(work.event, customer_id=work.customer.id)
                    if (before is None or before.email != work.customer.email) and batch.shares(work.customer):
                        work.problems.append("customer.email: another customer has this address, too")
                if key is not None:
                    folded[key] = fold(order, work.event, currency=self._currency)
            except (MessagingError, ValueError) as error:
                work.error = str(error)
        for work in works:
            if work.customer is not None:
                work.customer = batch.current(work.customer.id)  # as all of these events leave them
        batch.save()
        self._store.events.put_orders(order for key, order in folded.items() if order != orders.get(key))
        self._decide(works, batch, now)
        reached = {customer_id for customer_id, _ in batch.reached}
        for work in works:
            if work.customer is not None and (work.customer.id in reached or work.agreed):
                work.reached.add(work.customer.id)

    def _decide(self, works: Sequence[Work], batch: CustomerBatch, now: datetime) -> None:
        """What customers decided about being written to, and what waited for their address."""
        decisions: list[Consent] = []
        for work in works:
            if work.event.type != CONSENT_CHANGED or work.customer is None or work.error is not None:
                continue
            try:
                decision = self._consents.of(work.event, work.customer, now)
            except ValueError as error:
                work.error = str(error)
                continue
            if decision is None:
                work.problems.append(
                    f"data.consent: the customer has no address for {work.event.data['consent']['channel']} yet"
                )
            else:
                decisions.append(decision)
                work.agreed |= agreed_to([decision])
        for customer_id, channel in batch.reached:
            customer = batch.current(customer_id)
            if customer is not None:
                decisions += self._consents.waiting(customer, channel, now)
        if decisions:
            self._store.addresses.add_consents(decisions)


def _names(profile: Profile) -> list[str]:
    """What somebody who was erased is known by; a telephone, which may be a family's, if nothing else names them."""
    names = [name for name in (profile.id, profile.email) if name]
    return names or [profile.phone] if profile.phone else names


def _told(receipt: ErasureReceipt) -> str:
    """An erasure, without a word of whom."""
    counts = {name: number for name, number in asdict(receipt).items() if isinstance(number, int)}
    look = f"; look in {', '.join(receipt.to_look_at)}" if receipt.to_look_at else ""
    return f"erased at the shop's request: {', '.join(f'{name} {n}' for name, n in counts.items())}{look}"
