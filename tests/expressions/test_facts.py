"""What is asked about a customer, by the cases that people argue about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from messaging.expressions import Schema, Subject, compile_python, parse
from messaging.expressions.interpreting import evaluate
from messaging.nouns.consent import AddressStatus, Consent, Suppression
from messaging.nouns.history import EventFact, MessageFact
from messaging.nouns.order import Refund

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
Make = Callable[..., Any]


def value(text: str, subject: Subject, schema: Schema) -> Any:
    """The value of an expression that is no condition."""
    root = parse(f"({text}) is defined", schema).root
    return evaluate(root.operand, subject)


@pytest.fixture
def ask(schema: Schema, subject: Make) -> Callable[..., Any]:
    return lambda text, **given: value(text, subject(**given), schema)


def test_orders_count_when_placed_and_not_cancelled(ask: Make, order: Make) -> None:
    orders = [order(5), order(3, cancelled_at=NOW), order(None), order(1, currency="USD")]
    assert ask("orders.count", orders=orders) == 2
    assert ask("orders.count", orders=[]) == 0


def test_windows_are_in_days_of_24_hours(ask: Make, order: Make) -> None:
    orders = [order(0.49), order(0.51), order(30), order(30.01), order(-1)]
    assert ask("orders.count(days=0.5)", orders=orders) == 1
    assert ask("orders.count(hours=12)", orders=orders) == 1
    assert ask("orders.count(days=30)", orders=orders) == 3
    assert ask("orders.count", orders=orders) == 5


def back(amount: str, days: float = 1, currency: str | None = None) -> Refund:
    """So much given back, so many days ago."""
    return Refund(Decimal(amount), NOW - timedelta(days=days), currency)


def test_refunds_reduce_totals(ask: Make, order: Make) -> None:
    orders = [
        order(5, "50.10", refunds={"a": back("10.05"), "b": back("0.05")}),
        order(4, "20", refunded_whole_at=NOW),
        order(3, "99", cancelled_at=NOW, refunds={"c": back("99")}),
    ]
    assert ask("orders.total", orders=orders) == Decimal("40.00")
    assert ask("orders.average", orders=orders) == 20


def test_a_refund_of_an_unknown_order_reduces_the_total(ask: Make, order: Make) -> None:
    stray = order(None, "0", None, refunds={"a": back("30", days=2)})
    whole = order(None, "7", refunded_whole_at=NOW - timedelta(days=20))
    orders = [order(5, "100"), stray, whole]
    assert ask("orders.total", orders=orders) == 63
    assert ask("orders.count", orders=orders) == 1
    assert ask("orders.total(days=10)", orders=orders) == 70
    assert ask("orders.total", orders=[stray]) == -30


def test_in_a_window_refunds_of_an_unknown_order_go_by_their_own_times(ask: Make, order: Make) -> None:
    stray = order(None, "0", None, refunds={"a": back("30", days=2), "b": back("5", days=20)})
    orders = [order(5, "100"), stray]
    assert ask("orders.total(days=1)", orders=orders) == 0
    assert ask("orders.total(days=10)", orders=orders) == 70
    assert ask("orders.total(days=30)", orders=orders) == 65
    assert ask("orders.total(days=10, currency='EUR')", orders=orders) == 70
    assert ask("orders.total(days=10, currency='USD')", orders=orders) == 0


def test_in_a_window_refunds_of_a_known_order_go_with_their_order(ask: Make, order: Make) -> None:
    orders = [order(40, "100", refunds={"a": back("60", days=2)}), order(5, "50", refunds={"b": back("20", days=4)})]
    assert ask("orders.total(days=30)", orders=orders) == 30
    assert ask("orders.average(days=30)", orders=orders) == 30
    assert ask("orders.total(days=3)", orders=orders) == 0
    assert ask("orders.total(days=50)", orders=orders) == 70


def test_a_refund_counts_in_its_own_currency(ask: Make, order: Make) -> None:
    euros = order(5, "100", refunds={"a": back("30", currency="USD"), "b": back("10", currency="EUR")})
    assert ask("orders.total", orders=[euros]) == 90
    assert ask("orders.total(currency='USD')", orders=[euros]) == -30
    assert ask("orders.average(currency='EUR')", orders=[euros]) == 90
    assert ask("orders.total(days=3, currency='USD')", orders=[euros]) == 0  # it goes with its order
    stray = order(None, "0", None, refunds={"a": back("7", days=2, currency="USD")})
    assert ask("orders.total", orders=[stray]) == -7
    assert ask("orders.total(days=1, currency='USD')", orders=[stray]) == 0
    assert ask("orders.total(days=3, currency='USD')", orders=[euros, stray]) == -7
    assert ask("orders.total", orders=[euros, stray]) == 90


def test_totals_are_in_the_brands_currency(ask: Make, order: Make) -> None:
    euros, dollars = order(1, "10"), order(2, "20", "USD")
    assert ask("orders.total", orders=[euros, dollars]) == 10
    assert ask("orders.total(currency='USD')", orders=[euros, dollars]) == 20
    assert ask("orders.total(currency='usd')", orders=[euros, dollars]) == 20
    assert ask("orders.total", orders=[euros, dollars], currency="USD") == 20


def test_else_in_the_only_one_there_is(ask: Make, order: Make) -> None:
    dollars, pounds = order(2, "20", "USD"), order(3, "30", "GBP")
    assert ask("orders.total", orders=[dollars]) == 20
    assert ask("orders.total", orders=[dollars, pounds]) is None
    assert ask("orders.average", orders=[dollars, pounds]) is None
    assert ask("orders.total", orders=[dollars, order(1, "30", "GBP", cancelled_at=NOW)]) == 20
    assert ask("orders.total(currency='CHF')", orders=[dollars]) == 0


def test_an_order_without_a_currency_is_in_the_customers_own(ask: Make, order: Make) -> None:
    bare = order(1, "5", None)
    assert ask("orders.total", orders=[bare]) == 5
    assert ask("orders.total", orders=[bare, order(1, "20", "USD")]) == 25
    assert ask("orders.total", orders=[bare, order(1, "20", "USD"), order(1, "1", "EUR")]) == 6


def test_nobody_without_orders_has_an_average(ask: Make) -> None:
    assert ask("orders.total", orders=[]) == 0
    assert ask("orders.average", orders=[]) is None
    assert ask("orders.first_at", orders=[]) is None
    assert ask("days_since(orders.last_at)", orders=[]) is None


def test_moments_of_orders(ask: Make, order: Make) -> None:
    orders = [
        order(9),
        order(4, delivered_at=NOW - timedelta(days=1)),
        order(1, cancelled_at=NOW, delivered_at=NOW),
        order(None),
    ]
    assert ask("days_since(orders.first_at)", orders=orders) == 9
    assert ask("days_since(orders.last_at)", orders=orders) == 4
    assert ask("days_since(orders.last_delivered_at)", orders=orders) == 1


def test_bought(holds: Make, subject: Make, order: Make) -> None:
    who = subject(orders=[order(40, skus={"MUG": 2}), order(1, skus={"CUP": 1}, cancelled_at=NOW)])
    assert holds("bought('MUG')", who)
    assert not holds("bought('CUP')", who)
    assert not holds("bought('mug')", who)
    assert not holds("bought('MUG', days=30)", who)


def test_happened(holds: Make, subject: Make) -> None:
    who = subject(happened={"cart.updated": (NOW - timedelta(hours=5),)})
    assert holds("happened('cart.updated')", who)
    assert holds("happened('cart.updated', hours=5)", who)
    assert not holds("happened('cart.updated', hours=4)", who)
    assert not holds("happened('cart.removed')", who)


def test_messages_by_template_or_campaign(holds: Make, subject: Make) -> None:
    fact = MessageFact("promo", "spring", NOW - timedelta(days=10), NOW - timedelta(days=9), None)
    who = subject(messages=(fact,))
    for message in ("promo", "spring"):
        assert holds(f"sent('{message}') and opened('{message}') and not clicked('{message}')", who)
    assert holds("sent() and opened() and not sent('other')", who)
    assert holds("not sent(days=9.5) and opened(days=9.5)", who)


def test_consent_is_what_policy_has(holds: Make, subject: Make) -> None:
    def given(granted: bool, days: int, topic: str = "*") -> Consent:
        return Consent(
            channel="email", address="a@example.com", topic=topic, granted=granted, at=NOW - timedelta(days=days)
        )

    def who(*consents: Consent, suppressed: bool = False) -> Subject:
        suppression = Suppression(channel="email", address="a@example.com", reason="bounced", at=NOW)
        status = AddressStatus(consents, suppression if suppressed else None)
        return subject(addresses={"email": status})

    assert holds("consented('email')", who(given(True, 3)))
    assert holds("consented('email', 'news')", who(given(True, 3)))
    assert not holds("consented('sms')", who(given(True, 3)))
    assert not holds("consented('email', 'news')", who(given(True, 3), given(False, 2, "news")))
    assert holds("consented('email', 'sales')", who(given(True, 3), given(False, 2, "news")))
    assert not holds("consented('email', 'news')", who(given(True, 3, "news"), given(False, 2)))
    assert holds("consented('email', 'news')", who(given(False, 2), given(True, 1, "news")))
    assert not holds("consented('email')", who(given(True, 3), suppressed=True))


def test_attributes_have_their_declared_type(ask: Make) -> None:
    assert ask("points", points=0.1) == Decimal("0.1")
    assert ask("points", points="12.50") == Decimal("12.5")
    assert ask("points", points="many") is None
    assert ask("points", points=True) is None
    assert ask("tier", tier=12) == "12"
    assert ask("tier", tier=True) is None
    assert ask("vip", vip="yes") is None
    assert ask("joined", joined="2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert ask("joined.month", joined="2026-01-31T23:30:00-05:00") == 2
    assert ask("joined", joined="soon") is None


def test_days_and_times_compare(holds: Make, subject: Make) -> None:
    who = subject(birthday=date(1990, 3, 2), created_at=NOW)
    assert holds("birthday == '1990-03-02' and birthday.month == now.month and birthday.day == now.day", who)
    assert holds("birthday < created_at and created_at >= '2026-03-02T11:00:00+01:00'", who)
    assert holds("days_since(birthday) > 365 * 35", who)


def test_event_data(holds: Make, subject: Make) -> None:
    who = subject(
        extras={
            "order": {"number": "N1", "total": "49.90", "items": [{"sku": "a"}, {"sku": "b"}]},
            "shipment": {"eta": "2026-03-05"},
            "event": {"time": "2026-03-02T09:00:00+00:00"},
        }
    )
    assert holds("order.total > 49 and order.number == 'N1' and order.items|length == 2", who)
    assert holds("shipment.eta > now and days_since(event.time) < 1", who)
    assert holds("cart.id is not defined and order.currency is none and refund.amount is not defined", who)


def test_missing_is_false_before_not(holds: Make, subject: Make) -> None:
    who = subject()
    assert not holds("country == 'DE'", who)
    assert not holds("country != 'DE'", who)
    assert not holds("country not in ['DE']", who)
    assert not holds("'a' not in email", who)
    assert holds("not country == 'DE'", who)
    assert not holds("vip", who)
    assert holds("not vip", who)
    assert not holds("points / 0 == points / 0", subject(points=1))
    assert holds("(country|default('DE')) == 'DE'", who)
    assert not holds("first_name ~ last_name == 'Ann'", subject(first_name="Ann"))


def test_a_simple_condition_is_fast(schema: Schema, subject: Make) -> None:
    import timeit

    matches = compile_python(parse("country in ['DE', 'AT'] and email is defined", schema))
    who = subject(country="AT", email="ann@example.com")
    baseline = min(timeit.repeat(lambda: who.customer.country == "AT", number=10_000, repeat=5))
    took = min(timeit.repeat(lambda: matches(who), number=10_000, repeat=5))
    assert took < 12 * baseline


class TestAboutTheSame:
    """`happened(…, about=…)`: events about what the message's own event is about."""

    EXTRAS: ClassVar = {
        "order": {"number": "7", "id": "70"},
        "event": {"id": "e", "type": "order.paid", "time": NOW.isoformat(), "source": "api", "shop": "default"},
    }

    def ask(self, ask: Make, text: str, *facts: EventFact, extras: Any = None) -> Any:
        told = {"order.placed": facts}
        return ask(text, told=told, extras=self.EXTRAS if extras is None else extras)

    @pytest.mark.parametrize(
        ("names", "shop", "yes"),
        [
            ({"order": {"number": "7"}}, "default", True),
            ({"order": {"id": "70"}}, "default", True),
            ({"order": {"number": "8", "id": "70"}}, "default", False),
            ({"order": {"number": "7"}}, "other", False),
            ({"cart": {"id": "7"}}, "default", False),
            ({}, "default", False),
        ],
    )
    def test_the_same_order(self, ask: Make, names: Any, shop: str, yes: bool) -> None:
        fact = EventFact(NOW - timedelta(days=400), "api", shop, names)
        assert self.ask(ask, "happened('order.placed', about='order')", fact) is yes
        assert self.ask(ask, "happened('order.paid', about='order')", fact) is False

    def test_the_window_is_around_the_event(self, ask: Make) -> None:
        text = "happened('order.placed', about='order', hours=1)"
        for hours, yes in ((-1, True), (-1.01, False), (0, True), (1, True), (1.01, False)):
            fact = EventFact(NOW + timedelta(hours=hours), "api", "default", {"order": {"number": "7"}})
            assert self.ask(ask, text, fact) is yes

    def test_without_an_event_nothing_is_the_same(self, ask: Make) -> None:
        fact = EventFact(NOW, "api", "default", {"order": {"number": "7"}})
        text = "happened('order.placed', about='order')"
        assert self.ask(ask, text, fact, extras={}) is False
        assert self.ask(ask, text, fact, extras={"order": {"number": "7"}}) is False
        assert self.ask(ask, text, fact, extras={"event": self.EXTRAS["event"]}) is False


def test_a_type_has_several_names(ask: Make, schema: Schema) -> None:
    assert ask("happened('order.placed')", happened={"order.created": (NOW,)}) is True
    assert ask("happened('order.created')", happened={"order.placed": (NOW,)}) is True
    assert parse("happened('order.placed')", schema).needs.happened == {"order.placed", "order.created"}
