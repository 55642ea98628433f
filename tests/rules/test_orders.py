"""Orders are the same, whatever order their events come in and however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.nouns.event import Event
from messaging.nouns.order import Order, Refund
from messaging.rules.envelope import read_event
from messaging.rules.orders import MOMENTS, fold, order_of

START = datetime(2026, 3, 1, tzinfo=UTC)


def event(type, hours=0, *, id=None, **data):
    told = {"order": {"number": "1001"}} | data
    return read_event(
        {
            "id": id or f"{type}-{hours}",
            "type": type,
            "time": (START + timedelta(hours=hours)).isoformat(),
            "customer": {"id": "17"},
            "data": told,
        }
    )


def folded(*events):
    order = None
    for one in events:
        order = fold(order, one)
    return order


items = st.lists(st.fixed_dictionaries({"sku": st.sampled_from("abc"), "quantity": st.integers(0, 3)}), max_size=3)
orders = st.fixed_dictionaries(
    {"number": st.just("1001")},
    optional={
        "id": st.sampled_from(["5001", "5002"]),
        "total": st.sampled_from(["10", "10.00", "12.50", "99"]),
        "currency": st.sampled_from(["EUR", "USD"]),
        "items": items,
    },
)
events = st.builds(
    lambda type, hours, order, refund, eta: event(
        type, hours, id=f"{type}-{hours}-{refund}-{eta}", order=order, **refund, **eta
    ),
    st.sampled_from(
        [*MOMENTS, "order.refunded", "order.updated", "order.partially_cancelled", "order.partially_refunded"]
    ),
    st.integers(0, 5),
    orders,
    st.sampled_from(
        [
            {},
            {"refund": {"id": "r1", "amount": "1"}},
            {"refund": {"id": "r1", "amount": "2"}},
            {"refund": {"amount": "3"}},
            {"refund": {"id": "r1", "amount": "2", "currency": "USD"}},
            {"refund": {"id": "r2", "amount": "2", "currency": "EUR"}},
        ]
    ),
    st.sampled_from([{}, {"shipment": {"eta": "2026-03-05"}}, {"shipment": {"eta": "2026-03-06T10:00:00Z"}}]),
)


@given(st.lists(events, min_size=1, max_size=7), st.data())
def test_any_permutation_with_any_repeats_gives_the_same_order(told, data):
    order = folded(*told)
    again = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=4))))
    assert folded(*again) == order
    assert Order.from_document(order.to_document()) == order


def test_a_moment_is_the_earliest_time_it_was_told():
    order = folded(
        event("order.shipped", 5),
        event("shipment.shipped", 3),
        event("order.placed", 1),
        event("order.placed", 2),
    )
    assert (order.placed_at, order.shipped_at) == (START + timedelta(hours=1), START + timedelta(hours=3))


def test_paid_after_cancelled_stays_cancelled():
    order = folded(event("order.cancelled", 2), event("order.placed", 0), event("order.paid", 3))
    assert not order.counts
    assert order.paid_at


def test_partial_cancellations_and_shipments_are_not_of_the_whole():
    order = folded(event("order.placed"), event("order.partially_cancelled", 1), event("order.partially_shipped", 1))
    assert order.counts
    assert order.shipped_at is None


def test_the_latest_data_counts():
    new = {"number": "1001", "total": "80", "currency": "EUR", "items": [{"sku": "b"}]}
    old = {
        "number": "1001",
        "total": "50",
        "currency": "EUR",
        "items": [{"sku": "a", "quantity": 2}, {"sku": "a"}],
    }
    order = folded(event("order.updated", 2, order=new), event("order.placed", 0, order=old), event("order.paid", 3))
    assert (order.total, order.skus) == (Decimal(80), {"b": 1})
    assert folded(event("order.placed", 0, order=old)).skus == {"a": 3}


def test_a_total_without_currency_is_in_the_shops():
    assert fold(None, event("order.placed", order={"number": "1", "total": "5"}), currency="SEK").currency == "SEK"


def test_refunds():
    placed = event("order.placed", order={"number": "1001", "total": "100", "currency": "EUR"})
    part = event("order.refunded", 1, id="x", refund={"id": "r1", "amount": "10"})
    again = event("order.refunded", 2, id="y", refund={"id": "r1", "amount": "10"})
    nameless = event("order.refunded", 2, id="z", refund={"amount": "5"})
    assert folded(placed, part, again, nameless, nameless).refunded == Decimal(15)
    another = event("order.refunded", 2, id="z2", refund={"amount": "2"})
    assert folded(placed, nameless, another).refunded == Decimal(7)
    whole = event("order.refunded", 3, id="w")
    assert folded(whole, placed, part, whole).refunded == Decimal(100)
    unknown = event("order.refunded", order={"number": "C1", "total": "7.50", "currency": "EUR"})
    order = fold(None, unknown)
    assert (order.refunded, order.counts) == (Decimal("7.50"), False)
    assert folded(placed, event("order.partially_refunded", 1)).refunded == 0


def test_one_order_by_its_number_with_or_without_its_id():
    with_id = event("order.placed", order={"number": "1001", "id": "5001"})
    assert order_of(with_id) == order_of(event("order.paid"))
    assert folded(event("order.paid", 1), with_id).id == "5001"


def test_an_event_about_no_order():
    about_a_cart = event("cart.updated", order=None, cart={"id": "c"})
    assert order_of(about_a_cart) is None
    with pytest.raises(ValueError, match="about no order"):
        fold(None, about_a_cart)


def test_a_refund_that_names_no_order_counts_all_the_same() -> None:
    refund = Event(
        id="e1",
        type="refund.created",
        time=datetime(2026, 3, 1, tzinfo=UTC),
        customer={"id": "c1"},
        data={"refund": {"amount": "3.00"}},
        customer_id="c1",
    )
    assert order_of(refund) is not None
    order = fold(fold(None, refund), refund)
    assert order.refunded == Decimal("3.00")
    assert not order.counts


def test_a_refund_that_names_no_order_is_known_by_its_own_id_where_it_has_one() -> None:
    def told(event_id, **refund):
        document = {"id": event_id, "type": "refund.created", "time": START.isoformat(), "customer": {"id": "17"}}
        return read_event({**document, "data": {"refund": {"amount": "3.00", **refund}}})

    assert order_of(told("a", id="r")) == order_of(told("b", id="r"))
    assert order_of(told("a", id="r")) != order_of(told("b", id="s"))
    assert order_of(told("a")) != order_of(told("b"))


def test_a_refund_keeps_the_time_it_was_told_first() -> None:
    def told(hours, amount="3.00"):
        return event(
            "refund.created", hours, order={"number": "1001", "currency": "USD"}, refund={"id": "r", "amount": amount}
        )

    order = folded(told(5), told(2, "4.00"), told(3))
    assert order.refunds == {"r": Refund(Decimal("4.00"), START + timedelta(hours=2))}
    assert order.currency == "USD"
    whole = folded(event("order.refunded", 6), event("order.refunded", 4))
    assert whole.refunded_whole_at == START + timedelta(hours=4)


def test_a_refund_in_another_currency_takes_nothing_off_in_the_orders():
    placed = event("order.placed", order={"number": "1001", "total": "100", "currency": "EUR"})
    dollars = event("order.refunded", 1, id="x", refund={"id": "r1", "amount": "10", "currency": "usd"})
    euros = event("order.refunded", 1, id="y", refund={"id": "r2", "amount": "5", "currency": "EUR"})
    for told in ([placed, dollars, euros], [dollars, euros, placed]):
        order = folded(*told)
        assert (order.refunded, order.currency) == (Decimal(5), "EUR")
        assert order.refunded_in("USD", None) == Decimal(10)
        assert order.refunded_in("GBP", None) == 0
