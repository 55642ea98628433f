"""What is asked about a customer: one function for each fact the language knows, over a `Subject`.

The meanings that users ask about stand here: which orders count, whose currency, how long a day is. The
compiled function and the interpreter both call these; a SQL back end says the same in its own words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from messaging.expressions import values
from messaging.expressions.values import Type, Value
from messaging.nouns.customer import Customer
from messaging.nouns.history import History, MessageFact
from messaging.nouns.order import Order
from messaging.rules.event_types import names_of
from messaging.rules.policy import has_consent
from messaging.rules.rfm import CutPoints, grade
from messaging.rules.subjects import names_in, same

_NOTHING = History()
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Subject:
    """One customer as an expression sees them, at one moment."""

    customer: Customer
    #: What is loaded of it: at least what the expression `needs`.
    history: History = _NOTHING
    now: datetime
    #: The brand's, ISO 4217.
    currency: str = "EUR"
    #: None before the first grading.
    cuts: CutPoints | None = None
    #: Other segments by name, as functions.
    segments: Mapping[str, Callable[[Subject], bool]] = field(default_factory=dict)
    #: The data of the event that a condition is about: `{"order": {…}, "cart": {…}}`.
    extras: Mapping[str, object] = field(default_factory=dict)
    #: Which segments the customer is known to be in or not: each is asked once.
    memo: dict[str, bool] = field(default_factory=dict)


def attribute(s: Subject, name: str, type: Type) -> Value:
    """A declared attribute; missing if its value is not of the type."""
    value = s.customer.attributes.get(name)
    return None if value is None else values.READERS[type](value)


def address(s: Subject, channel: str) -> str | None:
    """The customer's address on a channel."""
    return s.customer.address(channel)


def event_value(s: Subject, path: tuple[str, ...], type: Type) -> Value:
    """A value of the event's data; missing if it is not there or not of the type."""
    value: object = s.extras
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return None if value is None else values.READERS[type](value)


# Windows


def _since(s: Subject, window: timedelta) -> datetime:
    try:
        return s.now - window
    except OverflowError:
        return _BEGINNING


def _in(s: Subject, moment: datetime | None, window: timedelta | None) -> bool:
    """Whether the moment lies in the window that ends now; without a window every known moment does."""
    return moment is not None and (window is None or _since(s, window) <= moment <= s.now)


# Orders


def orders_count(s: Subject, window: timedelta | None = None) -> int:
    """Orders placed (in the window) and not cancelled as a whole, in any currency."""
    return sum(order.counts and _in(s, order.placed_at, window) for order in s.history.orders)


def orders_currency(s: Subject) -> str | None:
    """The currency of totals that name none: the brand's, else the only one the customer paid in.

    None if there are several and none is the brand's.
    """
    paid = {order.currency for order in s.history.orders if order.currency and (order.counts or _is_stray(order))}
    paid |= {
        refund.currency
        for order in s.history.orders
        if not order.currency and _is_stray(order)
        for refund in order.refunds.values()
        if refund.currency
    }
    if not paid or s.currency in paid:
        return s.currency
    return paid.pop() if len(paid) == 1 else None


def orders_total(s: Subject, window: timedelta | None = None, currency: str | None = None) -> Decimal | None:
    """What counted orders (placed in the window) came to in one currency, less what was refunded of them.

    A refund belongs to its order, whenever it came: so a total, a count and an average in one window are of the
    same orders. One of an order that we know nothing else of belongs to its own time. An order that names no
    currency is in the customer's own; a refund that names another than its order's counts in that. 0 without orders;
    missing if there is no one currency.
    """
    return _money(s, window, currency)[0]


def orders_average(s: Subject, window: timedelta | None = None, currency: str | None = None) -> Decimal | None:
    """That total by the number of these orders; missing without orders."""
    total, count = _money(s, window, currency)
    return values.calculate("/", total, count)


def _money(s: Subject, window: timedelta | None, currency: str | None) -> tuple[Decimal | None, int]:
    own = orders_currency(s)
    wanted = currency or own
    if wanted is None:
        return None, 0
    total, count = Decimal(0), 0
    for order in s.history.orders:
        if order.counts and _in(s, order.placed_at, window):
            if (order.currency or own) == wanted:
                total += order.total
                count += 1
            total -= order.refunded_in(wanted, own)
        elif _is_stray(order):
            total -= _strayed(s, order, window, wanted, own)
    return total, count


def _is_stray(order: Order) -> bool:
    """Whether all we know of the order is what was given back."""
    returned = order.refunded or any(refund.amount for refund in order.refunds.values())
    return order.placed_at is None and order.cancelled_at is None and bool(returned)


def _strayed(s: Subject, order: Order, window: timedelta | None, currency: str, own: str | None) -> Decimal:
    """What was given back (in the window) in a currency of an order that we know nothing else of."""
    if window is None or _in(s, order.refunded_whole_at, window):
        return order.refunded_in(currency, own)
    told = {key: refund for key, refund in order.refunds.items() if _in(s, refund.at, window)}
    return replace(order, refunds=told, refunded_whole_at=None).refunded_in(currency, own)


def orders_first_at(s: Subject) -> datetime | None:
    """When the first order that counts was placed."""
    return min((order.placed_at for order in s.history.orders if order.counts and order.placed_at), default=None)


def orders_last_at(s: Subject) -> datetime | None:
    """When the last order that counts was placed."""
    return max((order.placed_at for order in s.history.orders if order.counts and order.placed_at), default=None)


def orders_last_delivered_at(s: Subject) -> datetime | None:
    """When the latest delivery of an order that counts was."""
    return max(
        (order.delivered_at for order in s.history.orders if order.counts and order.delivered_at),
        default=None,
    )


def bought(s: Subject, sku: str, window: timedelta | None = None) -> bool:
    """Whether an order that counts (placed in the window) has the article."""
    return any(
        order.skus.get(sku, 0) > 0 and order.counts and _in(s, order.placed_at, window) for order in s.history.orders
    )


# Events, messages, consent, grades, segments


def happened(s: Subject, event: str, window: timedelta | None = None) -> bool:
    """Whether an event of this type happened (in the window)."""
    return any(_in(s, moment, window) for name in names_of(event) for moment in s.history.happened.get(name, ()))


def happened_about(s: Subject, event: str, about: str, window: timedelta | None = None) -> bool:
    """Whether an event of this type happened to the same order, product …; so near to the event of the message."""
    mine = names_in(s.extras).get(about)
    here = s.extras.get("event")
    if mine is None or not isinstance(here, Mapping):
        return False
    shop, time = (here.get("source"), here.get("shop")), values.moment(here.get("time"))
    return any(
        (told.source, told.shop) == shop
        and same(mine, told.names.get(about, {})) is True
        and (window is None or (isinstance(time, datetime) and abs(told.time - time) <= window))
        for name in names_of(event)
        for told in s.history.told.get(name, ())
    )


def _reached(
    s: Subject, when: Callable[[MessageFact], datetime | None], message: str | None, window: timedelta | None
) -> bool:
    return any(
        (message is None or message in (fact.template, fact.campaign)) and _in(s, when(fact), window)
        for fact in s.history.messages
    )


def sent(s: Subject, message: str | None = None, window: timedelta | None = None) -> bool:
    """Whether a message (of this template or campaign) was sent (in the window)."""
    return _reached(s, lambda fact: fact.sent_at, message, window)


def opened(s: Subject, message: str | None = None, window: timedelta | None = None) -> bool:
    """Whether the customer, no machine, opened such a message (in the window)."""
    return _reached(s, lambda fact: fact.opened_at, message, window)


def clicked(s: Subject, message: str | None = None, window: timedelta | None = None) -> bool:
    """Whether the customer, no machine, clicked in such a message (in the window)."""
    return _reached(s, lambda fact: fact.clicked_at, message, window)


def consented(s: Subject, channel: str, topic: str) -> bool:
    """Whether the owner of the customer's address on the channel agrees to the topic, as policy has it."""
    return has_consent(s.history.addresses, channel, topic)


def rfm(s: Subject, which: str) -> int | None:
    """The customer's grade for `r`, `f` or `m`; missing before the first grading and without an order."""
    last = orders_last_at(s)
    if s.cuts is None or last is None:
        return None
    if which == "r":
        return grade(freshness(last, s.now), s.cuts.r)
    if which == "f":
        return grade(Decimal(orders_count(s)), s.cuts.f)
    total = orders_total(s)
    return None if total is None else grade(total, s.cuts.m)


def freshness(last: datetime, now: datetime) -> Decimal:
    """Recency as a number that is greater the more recent: minus the days since the last order."""
    return -(values.days_between(last, now) or Decimal(0))


def in_segment(s: Subject, name: str) -> bool:
    """Whether the customer is in another segment."""
    known = s.memo.get(name)
    if known is None:
        known = s.memo[name] = s.segments[name](s)
    return known
