"""A Shopify shop that posts to us, and what becomes of that."""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from messaging import (
    Request,
    SourceContext,
)
from messaging.rules.envelope import read_event
from messaging.services.plugin_settings import read_settings
from messaging_shops.shopify import Shopify, ShopifySettings
from tests.plugins.messaging_shops.payloads import bodies, body

SECRET = "shpss_5ecret0f7heshop"
DOMAIN = "tea.myshopify.com"
NOW = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)
BODIES = bodies("shopify")
ORDER = "9007199254740993"


def sign(body: bytes, secret: str = SECRET) -> str:
    return b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def request(topic: str, body: bytes, **headers: str) -> Request:
    given = {"x-shopify-topic": topic, "x-shopify-hmac-sha256": sign(body), "x-shopify-shop-domain": DOMAIN}
    return Request(url="https://shop.example/", body=body, headers={**given, **headers}, received_at=NOW)


def make(context: SourceContext | None = None, **settings: Any) -> Shopify:
    model = read_settings(ShopifySettings, {"secrets": [SECRET], **settings}, ("sources", "shopify", "main"))
    return Shopify(model, context or SourceContext(shop="main"))


def events(topic: str, **changes: Any) -> list[Mapping[str, Any]]:
    found = list(make().events(request(topic, body("shopify", topic, **changes))))
    for event in found:
        read_event({**event, "source": "shopify", "shop": "main"}, thin=True)
    return found


def told(topic: str, **changes: Any) -> list[tuple[str, str, str]]:
    """Id, type and time of what becomes of it."""
    return [(event["id"], event["type"], event["time"]) for event in events(topic, **changes)]


PLACED = (f"order:{ORDER}:placed", "order.placed", "2026-03-02T09:00:00+00:00")
FIRST = ("fulfillment:9007199254741101:shipped", "shipment.shipped", "2026-03-03T15:00:00+00:00")
SECOND = ("fulfillment:9007199254741102:shipped", "shipment.shipped", "2026-03-04T15:00:00+00:00")
NUMBERED = ("fulfillment:9007199254741102:number:3fd56ccc0440194a", "shipment.updated", "2026-03-04T15:30:00+00:00")
DELIVERED = ("fulfillment:9007199254741101:delivered", "shipment.delivered", "2026-03-04T10:20:00+00:00")
WHOLE = (f"order:{ORDER}:shipped", "order.shipped", "2026-03-04T15:00:00+00:00")
REFUNDED = ("refund:9007199254741200", "order.refunded", "2026-03-06T09:00:00+00:00")
CUSTOMER = "9007199254740995"
