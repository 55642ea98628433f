"""Types and names: what makes no sense is an error before any customer is looked at."""

from __future__ import annotations

from decimal import Decimal

import pytest

from messaging.errors import ExpressionError
from messaging.expressions import EVENT_NAMES, Schema, parse, to_text, tree
from messaging.expressions.values import Type
from messaging.nouns.history import HistoryNeeds


@pytest.mark.parametrize(
    "text",
    [
        "country == 3",
        "orders.count == 'a'",
        "vip == 'true'",
        "points < tier",
        "points in ['a']",
        "tier in [1, 2]",
        "tier in points",
        "'a' in points",
        "vip < true",
        "vip > vip",
        "orders.first_at == orders.last_at",
        "orders.last_at in ['2026-01-01']",
        "joined == 3",
        "now == '2026-01-01'",
        "['a'] == ['a']",
        "['a']",
        "country in []",
        "order.items == order.items",
        "order.items",
        "not country",
        "vip and country",
        "points",
        "'text'",
        "3",
        "now",
        "'a' if vip else 3",
        "(points|default('a')) == 'a'",
        "points|lower == 'a'",
        "tier|length('x') == 1",
        "points|length == 1",
        "tier ~ points == 'a'",
        "tier + 'a' == 'b'",
        "-tier == 'a'",
        "tier.year == 2026",
        "joined.hour == 3",
        "days_since(points) > 3",
        "days_since('2026-01-01', 3) > 3",
        "bought()",
        "bought(tier)",
        "bought('')",
        "bought('a', sku='b')",
        "bought('a', days=points)",
        "bought('a', days=0)",
        "bought('a', about='order')",
        "happened('a', about='oder')",
        "happened('a', about=tier)",
        "bought('a', days=-1)",
        "bought('a', days=1, hours=1)",
        "orders.count(currency='EUR') > 1",
        "orders.total(currency='EURO') > 1",
        "orders.total(30) > 1",
        "orders.first_at(days=3) < now",
        "vip is odd",
        "vip is defined(3)",
        "vip.startswith('a')",
        "unknown('x')",
        "rfm > 3",
        "rfm.x > 3",
        "shipment.color == 'red'",
        "1 < tier < 3",
        "tier in ['a'] in ['b']",
    ],
)
def test_nonsense_is_refused(schema: Schema, text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text, schema)


@pytest.mark.parametrize(
    "text",
    [
        "orders.count >= 3 and days_since(orders.last_at) > 90 and not clicked('sale') and country in ['DE', 'AT']",
        "orders.count(days=30) > 1 or orders.count(hours=4) > 0 or orders.count() > 3",
        "orders.total(days=0.5, currency='EUR') > 1.5 and orders.average > 3 and orders.first_at < now",
        "happened('order.placed', days=7) and sent() and opened(days=90) and clicked(message='x', hours=1)",
        "in_segment('vips') and consented('email') and consented('email', 'news') and consented('sms', topic='a')",
        "rfm.r > 3 and rfm.f > 3 and rfm.m > 3",
        "customer.country == 'DE' and customer.points > 3 and customer['Lead Source'] == 'x'",
        "addresses.push is defined and addresses['web-hook'] is not defined",
        "birthday.month == now.month and birthday < '2000-01-01' and joined == '2020-01-31'",
        "email.endswith('@example.com') and 'a' in email and email|lower|trim|length > 3",
        "first_name ~ ' ' ~ last_name == 'Ann Example'",
        "(tier|default('none')) in ['gold', 'none'] and (points|d(0)) >= 0",
        "1 < points <= 5 and points + 2 * 3 - 1 / 4 // 5 % 6 > -points",
        "('a' if vip else 'b') == 'a' and (vip if points > 3)",
        "orders.last_at >= '2026-01-01' and orders.last_at < '2026-01-01T10:00:00+01:00'",
        "order.total > 3 and shipment.eta < now and order.items|length > 1 and event.type == 'x'",
        "vip == true and vip != false and vip is none or vip is undefined",
        "country == region",
        "true",
    ],
)
def test_what_the_language_has(schema: Schema, text: str) -> None:
    root = parse(text, schema).root
    assert root.type is Type.BOOLEAN
    assert parse(to_text(root), schema).root == root


def test_what_it_says_of_itself(schema: Schema) -> None:
    expression = parse("opened('a') and clicked('b') and happened('x.y') and not in_segment('s')", schema)
    assert expression.mentions == {"a", "b"}
    assert expression.segments == {"s"}
    assert expression.needs == HistoryNeeds(messages=True, happened=frozenset({"x.y"}))
    assert parse("consented('email')", schema).needs == HistoryNeeds(addresses=True)
    assert parse("country == 'DE'", schema).needs == HistoryNeeds()
    for text in ("orders.count > 1", "bought('a')", "rfm.r > 1", "orders.total > 1", "days_since(orders.last_at) > 1"):
        assert parse(text, schema).needs == HistoryNeeds(orders=True)
    assert parse("rfm.r > 1", schema).graded
    assert not parse("orders.count > 1", schema).graded


def test_every_customer_field_has_its_name(schema: Schema) -> None:
    from dataclasses import fields

    from messaging.expressions.schema import FIELDS
    from messaging.nouns.customer import Customer

    assert set(FIELDS) == {field.name for field in fields(Customer)} - {"addresses", "attributes", "told_at"}


def test_event_data_is_only_there_for_conditions() -> None:
    with pytest.raises(ExpressionError, match="unknown name order"):
        parse("order.total > 3", Schema())
    assert parse("order.total > 3", Schema(extras=EVENT_NAMES)).root == tree.Compare(
        tree.Extra(("order", "total"), Type.NUMBER), ((">", tree.Constant(Decimal(3), Type.NUMBER)),)
    )


def test_a_hidden_attribute_is_reached_through_customer() -> None:
    schema = Schema(attributes={"orders": "number", "email": "number"})
    assert parse("customer.orders > 3", schema).root == tree.Compare(
        tree.Attribute("orders", Type.NUMBER), ((">", tree.Constant(Decimal(3), Type.NUMBER)),)
    )
    with pytest.raises(ExpressionError):
        parse("email > 3", schema)


def test_a_segment_is_about_no_event() -> None:
    with pytest.raises(ExpressionError, match="about= is for triggers"):
        parse("happened('order.placed', about='order')", Schema())


def test_what_is_asked_about_the_same_is_loaded_with_what_it_was_about(schema: Schema) -> None:
    text = "happened('a') or happened('b', about='order', hours=1)"
    expression = parse(text, schema)
    assert expression.needs == HistoryNeeds(happened=frozenset({"a"}), told=frozenset({"b"}))
    assert to_text(expression.root) == text
