"""The source `bigcommerce`: what a BigCommerce store posts. https://docs.bigcommerce.com/docs/integrations/webhooks

A hook tells what changed by its id only; the rest is asked of the store when the event is worked off. Signed is as
Standard Webhooks has it, with the text of the client secret of whoever made the hook. Hooks from before that carry the
headers they were made with: one of them may hold a word that nobody else knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator

from messaging import InputError, Request, Secrets, SourceSettings
from messaging_shops import bigcommerce_hooks
from messaging_shops import bigcommerce_words as words
from messaging_shops.asking import ask
from messaging_shops.people import consent, is_somebody
from messaging_shops.reading import body_of, name, needed, rows, table
from messaging_shops.shop import Shop, ShopSettings, Topic, in_bytes
from messaging_shops.signing import check, check_standard
from messaging_shops.telling import Told

#: The header in which a hook that is not signed carries its word.
HEADER = "X-Messaging-Secret"


class BigCommerceSettings(ShopSettings):
    """`[sources.bigcommerce.SHOP]`"""

    #: The client secrets of the API account or app that made the hooks, the newest first.
    secrets: Secrets = ()
    #: What hooks that are not signed carry as `X-Messaging-Secret`: nothing but this tells them from forged ones.
    header_secrets: Secrets = ()
    #: The store's hash: `abc123` in `api.bigcommerce.com/stores/abc123`.
    store: str = Field(pattern=r"^[a-z0-9]{3,30}$")
    #: Lets us read orders, customers and carts.
    access_token: SecretStr
    #: Where BigCommerce's API is.
    api: str = "https://api.bigcommerce.com"
    #: The store's address as its customers know it, for links to carts and orders.
    storefront: str | None = Field(None, pattern=r"^https?://.*[^/]$")

    @model_validator(mode="after")
    def _can_tell(self) -> BigCommerceSettings:
        if not self.secrets and not self.header_secrets:
            raise ValueError("set secrets, or header_secrets")
        return self


class BigCommerce(Shop):
    """What the hooks of one store tell."""

    name: ClassVar[str] = "bigcommerce"
    Settings: ClassVar[type[SourceSettings]] = BigCommerceSettings
    topics: ClassVar[Mapping[str, Topic]] = bigcommerce_hooks.TOPICS

    settings: BigCommerceSettings

    def verify(self, request: Request) -> None:
        if request.header("webhook-signature"):
            check_standard(self.settings.keyring(), request)
        else:
            check(in_bytes(self.settings.header_secrets), request.header(HEADER))

    def topic(self, request: Request) -> str:
        body = body_of(request)
        if body.get("producer") != f"stores/{self.settings.store}":
            raise InputError("producer: is another store", hint="an app signs for all stores that it is in")
        return needed(body.get("scope"), "scope")

    def complete(self, event: Told) -> Told | None:
        asked = event["incomplete"]
        if "cart" in asked:
            told = self._cart(asked["cart"])
        elif "customer" in asked:
            told = self._customer(asked["customer"])
        elif "subscriber" in asked:
            told = self._subscriber(asked["subscriber"])
        else:
            told = self._order(event["type"], **asked)
        return self.settings.prefixed(told) if told is not None and is_somebody(told["customer"]) else None

    def _order(self, type: str, order: str, shipment: str | None = None, refund: str | None = None) -> Told | None:
        path = f"v2/orders/{quote(order, safe='')}"
        found = table(self._ask(path))
        if not name(found.get("id")) or found.get("is_deleted") is True or not _is_so(type, found):
            return None
        products = rows(self._ask(f"{path}/products?limit=250"))
        data = {"order": words.order_part(found, products, self.settings.storefront)}
        if shipment is not None:
            sent = table(self._ask(f"{path}/shipments/{quote(shipment, safe='')}"))
            if not name(sent.get("id")):
                return None
            data["shipment"] = words.shipment_part(sent, products, found)
        elif type in ("order.shipped", "order.partially_shipped"):
            # The parcel that made it so: who was told of that one is not told again.
            last = words.last_of(rows(self._ask(f"{path}/shipments?limit=250")))
            data["shipment"] = words.shipment_part(last, products, found)
        if type == "order.refunded":
            refunds = rows(table(self._ask(f"v3/orders/{quote(order, safe='')}/payment_actions/refunds")).get("data"))
            # The last one made it whole: by its status, and by itself, it is one refund.
            made = [row for row in refunds if refund in (None, name(row.get("id")))][-1:]
            data["refund"] = words.refund_part(made[0], products, found) if made else {}
            if refund is not None and not data["refund"]:
                return None
        return {"customer": words.buyer(found), "data": {key: part for key, part in data.items() if part}}

    def _cart(self, cart: str) -> Told | None:
        found = table(table(self._ask(f"v3/carts/{quote(cart, safe='')}")).get("data"))
        if not name(found.get("id")):
            return None
        return {"customer": words.shopper(found), "data": {"cart": words.cart_part(found, self.settings.storefront)}}

    def _customer(self, customer: str) -> Told | None:
        found = rows(table(self._ask(f"v3/customers?id:in={quote(customer, safe='')}&include=addresses")).get("data"))
        return {"customer": words.customer_of(found[0], rows(found[0].get("addresses"))), "data": {}} if found else None

    def _subscriber(self, subscriber: str) -> Told | None:
        found = table(table(self._ask(f"v3/customers/subscribers/{quote(subscriber, safe='')}")).get("data"))
        agreed = found.get("consents")
        if not isinstance(agreed, list):
            return None
        somebody = words.customer_of({key: value for key, value in found.items() if key != "id"})
        about = consent("email", "marketing_newsletter" in agreed, address=somebody.get("email"), source="bigcommerce")
        return {"customer": somebody, "data": {"consent": about}}

    def _ask(self, path: str) -> Any:
        url = f"{self.settings.api.rstrip('/')}/stores/{self.settings.store}/{path}"
        return ask(self.context.http, url, {"X-Auth-Token": self.settings.access_token.get_secret_value()})


def _is_so(type: str, order: Told) -> bool:
    """Whether the order is what the hook made us expect: it may have been told before it was."""
    if type == "order.placed":
        return order.get("status_id") not in bigcommerce_hooks.OPEN
    if type == "order.paid":
        return order.get("status_id") not in bigcommerce_hooks.OPEN and words.is_paid(order)
    return type != "order.delivered" or order.get("order_is_digital") is not True
