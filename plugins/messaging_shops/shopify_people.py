"""Shopify's customers, what they agreed to, and what the law has Shopify ask of whoever keeps their data."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from messaging import Request
from messaging_shops.people import consent, first, person
from messaging_shops.reading import mark, name, needed, table
from messaging_shops.shop import Topic
from messaging_shops.shopify_words import place
from messaging_shops.telling import Told, happened_at, happening

log = logging.getLogger("messaging.shops")

#: What people have decided, by Shopify's word; the others (`pending`, `not_subscribed` …) decide nothing.
_STATES: Mapping[str, bool] = {"subscribed": True, "unsubscribed": False, "redacted": False}


def consents(told: Told, request: Request) -> Iterator[Told]:
    """What a customer, or a change of their consent, says of writing to them."""
    id = name(told.get("customer_id"), told.get("id"))
    email, phone = first(told.get("email"), told.get("email_address")), first(told.get("phone"))
    for channel, field, address in (("email", "email", email), ("sms", "phone", phone)):
        decided = table(told.get(f"{channel}_marketing_consent"))
        granted = _STATES.get(str(decided.get("state")))
        customer = person(id=id, **{field: address})
        if granted is None or not customer:
            continue
        time = happened_at(request, decided.get("consent_updated_at"))
        # Neither an address nor a number stands in an id.
        event = f"consent:{channel}:{id or mark(address)}:{time}:{granted}"
        agreed = consent(channel, granted, address=address, source="shopify")
        yield happening(event, "consent.changed", time, customer, consent=agreed)


def _customer(told: Told) -> dict[str, Any]:
    home = table(told.get("default_address"))
    return person(
        id=needed(told.get("id"), "id"),
        email=told.get("email"),
        phone=first(told.get("phone"), home.get("phone")),
        first_name=first(told.get("first_name"), home.get("first_name")),
        last_name=first(told.get("last_name"), home.get("last_name")),
        locale=told.get("locale"),
        **place(home),
    )


def created(told: Told, request: Request) -> Iterator[Told]:
    customer, time = _customer(told), happened_at(request, told.get("created_at"))
    yield happening(f"customer:{customer['id']}:created", "customer.created", time, customer)
    yield from consents(told, request)


def updated(told: Told, request: Request) -> Iterator[Told]:
    customer, time = _customer(told), happened_at(request, told.get("updated_at"))
    yield happening(f"customer:{customer['id']}:{mark(time, customer)}", "customer.updated", time, customer)
    yield from consents(told, request)


def redacted(told: Told, request: Request) -> Iterator[Told]:
    """Who comes back may ask again: so each time they do is an event of its own, however often it is posted."""
    if not told.get("shop_domain") or told.get("data_request"):
        return  # The topic is not signed: what else names a customer, an order too, must not erase them under this one.
    about = table(told.get("customer"))
    customer = person(id=about.get("id"), email=about.get("email"), phone=about.get("phone"))
    asked = happened_at(request, request.header("X-Shopify-Triggered-At"))
    posted = first(request.header("X-Shopify-Event-Id"), request.header("X-Shopify-Webhook-Id"))
    id = f"customer:{customer.get('id') or mark(customer)}:redacted:{mark(posted or asked[:10])}"
    yield happening(id, "customer.redacted", asked, customer)


def asked_for(told: Told, request: Request) -> Iterator[Told]:
    """`customers/data_request`: the shop owes its customer a copy of what is known; a person has to send it."""
    log.warning("shopify: customer %s asks what is stored about them", name(table(told.get("customer")).get("id")))
    return iter(())


def gone(told: Told, request: Request) -> Iterator[Told]:
    """`shop/redact`: 48 hours after an app was taken out of a shop, its data are to be erased there."""
    log.warning("shopify: shop %s wants its data erased", name(told.get("shop_domain")))
    return iter(())


TOPICS: Mapping[str, Topic] = {
    "customers/create": Topic(("customer.created", "consent.changed"), created),
    "customers/update": Topic(("customer.updated", "consent.changed"), updated),
    "customers_email_marketing_consent/update": Topic(("consent.changed",), consents),
    "customers_marketing_consent/update": Topic(("consent.changed",), consents),
    "customers/redact": Topic(("customer.redacted",), redacted),
    "customers/data_request": Topic((), asked_for, "a line in the log: a person has to answer the customer"),
    "shop/redact": Topic((), gone, "a line in the log: nothing is erased by itself"),
}
