"""Whose a parcel or refund of Shopify's is: what it names, what was told before, and what the shop answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from messaging import (
    DeliveryError,
    Event,
    NotYet,
    SourceContext,
)
from messaging.rules.envelope import read_event
from messaging.testing import Answer, as_json
from messaging.testing.contract.completing import ShopApi
from messaging_shops.shopify import Shopify
from tests.plugins.messaging_shops.shopify_shop import (
    BODIES,
    CUSTOMER,
    DOMAIN,
    ORDER,
    events,
    make,
)

_FIELDS = ("id", "type", "time", "customer", "data")


def known(**fields: Any) -> SourceContext:
    """A shop that told when the order was placed."""
    placed = events("orders/create")[0]
    event = read_event({**placed, "source": "shopify", "shop": "main"})
    events_told = {placed["id"]: Event(**{**{name: getattr(event, name) for name in _FIELDS}, **fields})}
    return SourceContext(shop="main", told=events_told.get)


@pytest.mark.parametrize("topic", ["refunds/create", "fulfillment_events/create", "fulfillments/update"])
def test_a_parcel_and_a_refund_belong_to_whose_the_order_is(topic: str) -> None:
    for event in events(topic):
        whole = make(known(customer_id="ann")).complete(event)
        assert whole is not None
        assert whole["customer"] == {"id": "ann"}
        assert whole["data"]["order"]["number"] == "#1001"
        assert whole["data"]["order"]["items"]
        assert whole["data"].keys() > event.get("data", {}).keys() - {"order"}
        assert "incomplete" not in whole
    # Before its effects were worked out, it says who it was.
    whole = make(known()).complete(events(topic)[0])
    assert whole is not None
    assert whole["customer"]["email"] == "ann@example.com"


@pytest.mark.parametrize("topic", ["refunds/create", "fulfillment_events/create"])
def test_an_order_that_nobody_told_of_is_waited_for(topic: str) -> None:
    with pytest.raises(NotYet, match=f"order {ORDER} is not known yet"):
        make().complete(events(topic)[0])


def test_a_parcel_that_names_its_owner_waits_for_nobody() -> None:
    (event,) = events("fulfillments/create")
    whole = make().complete(event)
    assert whole is not None
    assert whole["customer"] == {"email": "ann@example.com"}
    assert whole["data"]["order"] == {"id": ORDER, "number": "#1001"}
    (event,) = events("fulfillments/create", name=None)
    with pytest.raises(NotYet):
        make().complete(event)


def asking(answer: Answer) -> Shopify:
    context = SourceContext(shop="main", http=ShopApi(lambda method, request: answer))
    return make(context, access_token="shpat_x", domain=DOMAIN, customer_prefix="tea-")


def test_the_shop_is_asked_for_an_order_it_never_told_of() -> None:
    whole = asking(as_json({"order": json.loads(BODIES["orders/create"])})).complete(events("refunds/create")[0])
    assert whole is not None
    assert whole["customer"]["id"] == f"tea-{CUSTOMER}"
    assert whole["data"]["order"]["total"] == "84.70"
    assert asking(Answer(status=404)).complete(events("refunds/create")[0]) is None
    with pytest.raises(DeliveryError, match="answered 401"):
        asking(Answer(status=401)).complete(events("refunds/create")[0])
