"""The source `shopify`: what a Shopify shop posts, from its admin (Settings, Notifications, Webhooks) or an app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from messaging import Request, RequestRejected, SourceSettings
from messaging_shops import shopify_carts, shopify_orders, shopify_parcels, shopify_people, shopify_refunds
from messaging_shops.asking import ask
from messaging_shops.people import is_somebody
from messaging_shops.reading import table
from messaging_shops.shop import Shop, ShopSettings, Topic, not_known
from messaging_shops.shopify_words import buyer, order_part
from messaging_shops.signing import check, in_base64
from messaging_shops.telling import Told

#: Where an order is asked for. Shopify answers with its oldest version when this one is no more.
_API = "https://{domain}/admin/api/2026-04/orders/{order}.json"


class ShopifySettings(ShopSettings):
    """`[sources.shopify.SHOP]`"""

    #: Take in only what this shop posts (`tea.myshopify.com`): an app that several shops have signs for all of them.
    domain: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9-]*\.myshopify\.com$")
    #: To ask the shop for the order of a refund or parcel whose order it never told of, from before it posted here: an
    #: app's Admin API access token, with `read_orders`. Needs `domain`.
    access_token: SecretStr | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> ShopifySettings:
        if self.access_token is not None and self.domain is None:
            raise ValueError("access_token needs domain: which shop to ask")
        return self


class Shopify(Shop):
    """Signed by HMAC-SHA256 over the raw body, in base64. Neither topic nor time are signed."""

    name: ClassVar[str] = "shopify"
    Settings: ClassVar[type[SourceSettings]] = ShopifySettings
    topics: ClassVar[Mapping[str, Topic]] = {
        **shopify_orders.TOPICS,
        **shopify_parcels.TOPICS,
        **shopify_refunds.TOPICS,
        **shopify_carts.TOPICS,
        **shopify_people.TOPICS,
    }

    settings: ShopifySettings

    def verify(self, request: Request) -> None:
        expected = (in_base64(key, request.body) for key in self.settings.keyring())
        check(expected, request.header("X-Shopify-Hmac-Sha256"))
        domain = self.settings.domain
        if domain is not None and request.header("X-Shopify-Shop-Domain").lower() != domain:
            raise RequestRejected(f"the request is not from {domain}")

    def topic(self, request: Request) -> str:
        return request.header("X-Shopify-Topic")

    def complete(self, event: Told) -> Told | None:
        """Refunds and parcels name an order: what is known of it, and whose it is."""
        order, data = event["incomplete"]["order"], event.get("data", {})
        known = self.known(order)
        if known is not None:
            return {"customer": known[0], "data": {**data, "order": known[1]}}
        if self.settings.access_token is not None:
            url = _API.format(domain=self.settings.domain, order=quote(order, safe=""))
            token = self.settings.access_token.get_secret_value()
            answer = ask(self.context.http, url, {"X-Shopify-Access-Token": token})
            if answer is None:
                return None
            told = table(table(answer).get("order"))
            return self.settings.prefixed({"customer": buyer(told), "data": {**data, "order": order_part(told)}})
        if is_somebody(event.get("customer", {})):
            return {"customer": event["customer"], "data": data}
        raise not_known(order, "orders/create", "access_token")
