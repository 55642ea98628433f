"""Whatever a shop posts under its signature, a source raises nothing but `InputError`, and its events are some.

An event that the core refused would have it refuse the whole delivery: the shop would post it again and again, and at
last switch its webhook off.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging import DeliveryError, EventSource, InputError, Request, SourceContext
from messaging.rules.envelope import read_event
from messaging.testing import Answer, SourceContract
from messaging.testing.contract.completing import ShopApi
from messaging_shops.shop import Shop
from tests.plugins.messaging_shops import (
    shopify_shop,
    test_bigcommerce,
    test_magento,
    test_shopify,
    test_standard,
    test_stripe,
    test_woocommerce,
)
from tests.plugins.messaging_shops.garbling import garbled
from tests.plugins.messaging_shops.payloads import bodies

ODD = ["", " ", "\x00", "\ud800", "é" * 300, "0", "-1", "1e9999", "NaN", "2026-03-02", "0001-01-01T00:00:00+14:00"]
ODD += ["javascript:alert(1)", "https://[", "http://x\ny/", "\u202e", "9" * 5000, "{{ 7 * 7 }}"]

SHOPS: Mapping[str, tuple[Callable[[], Shop], Callable[[str, bytes], Request]]] = {
    "bigcommerce": (test_bigcommerce.make, test_bigcommerce.request),
    "magento": (test_magento.make, test_magento.request),
    "shopify": (shopify_shop.make, shopify_shop.request),
    "stripe": (test_stripe.make, test_stripe.request),
    "woocommerce": (test_woocommerce.make, test_woocommerce.request),
}
TOPICS = [(shop, topic) for shop in SHOPS for topic in bodies(shop)]


def paths(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of everything in it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, part in inner for each in paths(part, (*path, key)))]


def put(document: Any, path: tuple[Any, ...], value: object) -> Any:
    """The document with another value there."""
    if not path:
        return value
    try:
        document[path[0]] = put(document[path[0]], path[1:], value)
    except (KeyError, IndexError, TypeError):
        pass  # what was there is gone already
    return document


def check(shop: str, topic: str, document: object) -> None:
    """The source takes it, or says that it is none."""
    make, request = SHOPS[shop]
    source = make()
    posted = request(topic, json.dumps(document).encode())
    source.verify(posted)
    try:
        events = list(source.events(posted))
    except InputError:
        return
    assert len({event["id"] for event in events}) == len(events)
    for event in events:
        assert event["type"] in source.topics[topic].types
        told = read_event({**event, "source": shop, "shop": "main"}, thin=True)
        if told.incomplete is not None:
            completed(source, event)


#: The topics that tell most.
WHOLE = [
    ("shopify", topic) for topic in ("orders/updated", "checkouts/update", "refunds/create", "fulfillments/update")
]
WHOLE += [("woocommerce", "order.updated"), ("bigcommerce", "store/order/statusUpdated")]
WHOLE += [("stripe", topic) for topic in ("checkout.session.completed", "charge.refunded", "invoice.paid")]
WHOLE += [("magento", f"sales_order_{thing}save_after") for thing in ("", "shipment_", "creditmemo_")]
VALUES = [
    *ODD,
    None,
    True,
    -1,
    0,
    10**15,
    10**400,
    1.5,
    1e300,
    float("inf"),
    float("nan"),
    [],
    [1],
    [{}],
    {},
    {"a": []},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize(("shop", "topic"), WHOLE)
def test_each_field_garbled(shop: str, topic: str, value: object) -> None:
    whole = json.loads(bodies(shop)[topic])
    by_name: dict[object, list[tuple[Any, ...]]] = {}
    for path in paths(whole)[1:]:
        by_name.setdefault(path[-1], []).append(path)
    for each in by_name.values():
        document = json.loads(bodies(shop)[topic])
        for path in each:
            put(document, path, value)
        check(shop, topic, document)


@pytest.mark.parametrize(("shop", "topic"), TOPICS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_garbled(shop: str, topic: str, data: st.DataObject) -> None:
    check(shop, topic, data.draw(garbled(json.loads(bodies(shop)[topic]))))


def completed(source: EventSource, event: Mapping[str, Any]) -> None:
    try:
        whole = source.complete(event)
    except (DeliveryError, InputError):
        return
    if whole is not None:
        read_event({**event, **whole, "incomplete": None, "source": source.name, "shop": "main"})


ASKING = [
    test_bigcommerce.TestContract,
    test_magento.TestModule,
    test_shopify.TestContract,
    test_stripe.TestAsked,
]


@pytest.mark.parametrize("suite", ASKING, ids=lambda suite: suite.source.name)
@settings(deadline=None)
@given(data=st.data())
def test_whatever_the_shop_answers(suite: type[SourceContract], data: st.DataObject) -> None:
    contract = suite()

    def answer(method: str, request: Request) -> Answer:
        good = contract.shop_api(method, request)
        if good.status != 200:
            return good
        return Answer(body=json.dumps(data.draw(garbled(json.loads(good.body)))).encode())

    model = suite.source.Settings(**contract.settings())
    source = suite.source(model, SourceContext(shop="main", http=ShopApi(answer)))
    for event in source.events(contract.genuine(data.draw(st.sampled_from(contract.bodies())))):
        if "incomplete" in event:
            completed(source, event)


@pytest.mark.parametrize(("shop", "topic"), TOPICS)
@pytest.mark.parametrize("field", ["id", "order_id", "fulfillment_id", "token", "customer_id"])
def test_what_has_no_name_is_refused_or_nothing(shop: str, topic: str, field: str) -> None:
    make, request = SHOPS[shop]
    document = json.loads(bodies(shop)[topic])
    for odd in (None, "", 0, False, [], {}, 1.5, "x" * 500, "\x07"):
        posted = request(topic, json.dumps({**document, field: odd}).encode())
        try:
            events = list(make().events(posted))
        except InputError as error:
            assert field in str(error)
            continue
        for event in events:
            read_event({**event, "source": shop, "shop": "main"}, thin=True)


@given(garbled(test_standard.ENVELOPE) | garbled(test_standard.WRAPPED) | st.just([]))
def test_any_body_of_ones_own_shop(document: object) -> None:
    body = json.dumps(document).encode()
    posted = Request(url="https://shop.example/", body=body, received_at=test_standard.NOW)
    try:
        list(test_standard.make().events(posted))
    except InputError:
        pass


def test_the_context_of_a_source_that_nobody_wired() -> None:
    assert SourceContext(shop="main").told("order:1:placed") is None
