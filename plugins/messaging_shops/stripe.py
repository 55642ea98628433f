"""The source `stripe`: checkouts, payments, invoices and refunds. https://docs.stripe.com/webhooks

Signed is `t.body`, with the endpoint's `whsec_…` as it is written. Events come in any order and more than once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from messaging import Request, SourceSettings
from messaging_shops import stripe_events
from messaging_shops.asking import ask
from messaging_shops.people import is_somebody
from messaging_shops.reading import body_of, needed, table
from messaging_shops.shop import Shop, ShopSettings, Topic, not_known
from messaging_shops.signing import check, check_age, in_hex
from messaging_shops.telling import Told


class StripeSettings(ShopSettings):
    """`[sources.stripe.SHOP]`"""

    #: A restricted key that may read Checkout Sessions, Customers and Charges. With it, what Stripe's events leave out
    #: is asked for: the items of a checkout, the address of who paid.
    api_key: SecretStr | None = None
    #: Where Stripe's API is.
    api: str = "https://api.stripe.com"


class Stripe(Shop):
    """What an endpoint of Stripe's is told."""

    name: ClassVar[str] = "stripe"
    Settings: ClassVar[type[SourceSettings]] = StripeSettings
    topics: ClassVar[Mapping[str, Topic]] = stripe_events.TOPICS

    settings: StripeSettings

    def verify(self, request: Request) -> None:
        told = [part.strip().partition("=") for part in request.header("Stripe-Signature").split(",")]
        timestamp = next((value for key, _, value in told if key == "t"), "")
        check_age(timestamp, request)
        signed = b".".join((timestamp.encode(), request.body))
        expected = (in_hex(key, signed) for key in self.settings.keyring())
        check(expected, [value for key, _, value in told if key == "v1"])

    def topic(self, request: Request) -> str:
        return needed(body_of(request).get("type"), "type")

    def events(self, request: Request) -> Iterator[Told]:
        for event in super().events(request):
            missing = event.get("incomplete", {})
            if self.settings.api_key is None:
                # What was told of an order before may still say whose it is.
                missing = {key: value for key, value in missing.items() if key == "order"}
            if missing or is_somebody(event.get("customer", {})):
                whole = {key: value for key, value in event.items() if key != "incomplete"}
                yield {**whole, "incomplete": missing} if missing else whole

    def complete(self, event: Told) -> Told | None:
        missing, somebody, data = event["incomplete"], event.get("customer", {}), event.get("data", {})
        if not is_somebody(somebody):
            somebody = self._somebody(missing)
        if not is_somebody(somebody):
            return None
        if "items" in missing:
            answer = self._ask("checkout/sessions", missing["items"], "/line_items?limit=100")
            items = stripe_events.items_of(table(answer))
            data = {part: {**told, **items} for part, told in data.items()}
        return {"customer": somebody, "data": data}

    def _somebody(self, missing: Told) -> Told:
        """Whose order it is, or who paid."""
        known = self.known(missing["order"]) if "order" in missing else None
        if known is not None:
            return known[0]
        if self.settings.api_key is not None and "customer" in missing:
            return stripe_events.customer_of(table(self._ask("customers", missing["customer"])))
        if self.settings.api_key is not None and "charge" in missing:
            return stripe_events.payer(table(self._ask("charges", missing["charge"])))
        raise not_known(missing.get("order"), "checkout.session.completed", "api_key")

    def _ask(self, kind: str, id: str, more: str = "") -> Any:
        key = self.settings.api_key.get_secret_value() if self.settings.api_key else ""
        url = f"{self.settings.api.rstrip('/')}/v1/{kind}/{quote(id, safe='')}{more}"
        return ask(self.context.http, url, {"Authorization": f"Bearer {key}"})
