"""The source `woocommerce`: what WooCommerce's webhooks post (Settings, Advanced, Webhooks), as REST API v3 has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import ClassVar

from pydantic import Field, field_validator

from messaging import Request, SourceSettings
from messaging_shops import woocommerce_orders
from messaging_shops.people import first, person
from messaging_shops.reading import body_of, mark, needed, table
from messaging_shops.shop import Shop, ShopSettings, Topic
from messaging_shops.signing import check, in_base64
from messaging_shops.telling import Told, happened_at, happening

#: What is posted, unsigned, when a webhook is switched on: `webhook_id=4`. Only a 200 lets it be.
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")
#: Users that are no customers.
_STAFF = ("administrator", "shop_manager", "editor", "author", "contributor")


class WooCommerceSettings(ShopSettings):
    """`[sources.woocommerce.SHOP]`"""

    #: What an order's status tells, for those that plugins add, or otherwise than it usually does:
    #: `{ packed = "order.packed", pending = "order.placed" }`.
    statuses: dict[str, str] = Field(default_factory=dict)

    @field_validator("statuses")
    @classmethod
    def _are_about_orders(cls, value: dict[str, str]) -> dict[str, str]:
        for status, type in value.items():
            if re.fullmatch(r"order\.[a-z0-9_]{1,90}", type) is None:
                raise ValueError(f"{status}: must be a type of event about an order, like order.shipped")
        return {status.removeprefix("wc-"): type for status, type in value.items()}


def customer(told: Told, request: Request, *, created: bool) -> Iterator[Told]:
    """A customer as they are now."""
    if told.get("role") in _STAFF:
        return
    billing = table(told.get("billing"))
    somebody = person(
        id=needed(told.get("id"), "id"),
        email=first(told.get("email"), billing.get("email")),
        phone=billing.get("phone"),
        first_name=first(told.get("first_name"), billing.get("first_name")),
        last_name=first(told.get("last_name"), billing.get("last_name")),
        country=billing.get("country"),
        region=billing.get("state"),
        city=billing.get("city"),
        postal_code=billing.get("postcode"),
    )
    type = "customer.created" if created else "customer.updated"
    changed = None if created else told.get("date_modified_gmt")
    time = happened_at(request, changed, told.get("date_created_gmt"), utc=True)
    word = "created" if created else mark(time, somebody)
    yield happening(f"customer:{somebody['id']}:{word}", type, time, somebody)


class WooCommerce(Shop):
    """Signed by HMAC-SHA256 over the raw body, in base64. Topic and time are not signed."""

    name: ClassVar[str] = "woocommerce"
    Settings: ClassVar[type[SourceSettings]] = WooCommerceSettings
    topics: ClassVar[Mapping[str, Topic]] = {
        **woocommerce_orders.TOPICS,
        "customer.created": Topic(("customer.created",), partial(customer, created=True)),
        "customer.updated": Topic(("customer.updated",), partial(customer, created=False)),
    }

    settings: WooCommerceSettings

    def verify(self, request: Request) -> None:
        if _is_ping(request):
            return  # nothing comes of it
        expected = (in_base64(key, request.body) for key in self.settings.keyring())
        check(expected, request.header("X-WC-Webhook-Signature"))

    def topic(self, request: Request) -> str:
        return "" if _is_ping(request) else request.header("X-WC-Webhook-Topic")

    def tell(self, topic: Topic, request: Request) -> Iterator[Told]:
        if topic is woocommerce_orders.ORDER:
            return woocommerce_orders.order(body_of(request), request, self.settings.statuses)
        return super().tell(topic, request)

    def answer(self, request: Request) -> bytes | None:
        return b"ok" if _is_ping(request) else None


def _is_ping(request: Request) -> bool:
    return not request.header("X-WC-Webhook-Signature") and _PING.fullmatch(request.body) is not None
