"""Stripe's events in our words. Amounts are whole smallest units; a thing has the shape of its endpoint's API version.

An order goes by its payment intent, a subscription's by its invoice: its later events name that, too. People are known
by their addresses: Stripe makes a new customer for many a checkout, so that its ids tell one person as several.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from messaging import InputError, Request
from messaging_shops.items import item
from messaging_shops.money import currency, from_minor
from messaging_shops.people import consent, first, is_somebody, names, person
from messaging_shops.reading import filled, name, needed, rows, table, unix, web_address
from messaging_shops.shop import Topic
from messaging_shops.telling import Told, happening, of_order


def bought(body: Told, request: Request) -> Iterator[Told]:
    """A checkout that is through; with a way to pay that takes days, the money comes later."""
    session = _thing(body)
    if session.get("mode") == "setup":
        return  # a card was left for later: nothing was bought
    yield _ordered(body, "order.placed", _buyer(session), _order(session, session.get("amount_total")))
    if session.get("payment_status") == "paid":
        yield from paid_later(body, request)
    yield from _agreed(body)


def paid_later(body: Told, request: Request) -> Iterator[Told]:
    """The money for a checkout is there."""
    session = _thing(body)
    if _whole(session.get("amount_total")):
        yield _ordered(body, "order.paid", _buyer(session), _order(session, session.get("amount_total")))


def expired(body: Told, request: Request) -> Iterator[Told]:
    """A checkout that was left; where the shop lets Stripe keep it, there is a way back."""
    session = _thing(body)
    id = needed(session.get("id"), "data.object.id")
    recovery = table(table(session.get("after_expiration")).get("recovery"))
    cart = filled(id=id, **_priced(session, session.get("amount_total")), url=web_address(recovery.get("url")))
    yield from _agreed(body)
    somebody = _buyer(session)
    if is_somebody(somebody):
        yield happening(f"cart:{id}:expired", "cart.updated", _at(body), somebody, incomplete={"items": id}, cart=cart)


def _agreed(body: Told) -> Iterator[Told]:
    """What the customer chose at the checkout about promotional mail, where the shop had Stripe ask."""
    session = _thing(body)
    granted = {"opt_in": True, "opt_out": False}.get(str(table(session.get("consent")).get("promotions")))
    somebody = _buyer(session)
    if granted is not None and "email" in somebody:
        told = consent("email", granted, address=somebody["email"], source="stripe")
        id = f"consent:{needed(session.get('id'), 'data.object.id')}"
        yield happening(id, "consent.changed", _at(body), somebody, consent=told)


def paid(body: Told, request: Request) -> Iterator[Told]:
    """A payment; what was bought with it, it does not say."""
    payment = _thing(body)
    yield _ordered(body, "order.paid", payer(payment), _order(payment, payment.get("amount_received")))


def invoiced(body: Told, request: Request) -> Iterator[Told]:
    """An invoice that is paid: a subscription's next delivery is an order."""
    invoice = _thing(body)
    order = {**_order(invoice, invoice.get("amount_paid")), **items_of(table(invoice.get("lines")))}
    yield _ordered(body, "order.placed", _billed(invoice), order)
    if _whole(invoice.get("amount_paid")):
        yield _ordered(body, "order.paid", _billed(invoice), order)


def refunded(body: Told, request: Request) -> Iterator[Told]:
    """A charge tells what was given back of it so far, and `previous_attributes` what it told until now."""
    charge, before = _thing(body), table(table(body.get("data")).get("previous_attributes"))
    so_far, earlier = _whole(charge.get("amount_refunded")), _whole(before.get("amount_refunded"))
    if so_far <= earlier:
        return
    id, refund = f"{_id(charge)}:{so_far}", {}
    if earlier or charge.get("refunded") is not True:
        refund = filled(id=id, amount=from_minor(so_far - earlier, currency(charge.get("currency"))))
    order = _order(charge, charge.get("amount_captured", charge.get("amount")))
    yield {**_ordered(body, "order.refunded", payer(charge), order, refund=refund), "id": f"refund:{id}"}


def customer(body: Told, request: Request) -> Iterator[Told]:
    """What is known of somebody."""
    type = needed(body.get("type"), "type")
    yield happening(f"{needed(body.get('id'), 'id')}:{type}", type, _at(body), customer_of(_thing(body)))


def _ordered(body: Told, type: str, somebody: Told, order: Told, **data: Any) -> Told:
    """Something that happened to an order, and what would have to be asked for: of what, by its id."""
    thing = _thing(body)
    missing = {"items": _id(thing)} if thing.get("object") == "checkout.session" else {}
    if not is_somebody(somebody):
        payer, charge = _id(thing.get("customer")), _id(thing.get("latest_charge"))
        missing |= {"order": order["id"], "customer": payer, "charge": None if payer else charge}
    return of_order(type, _at(body), somebody, order, incomplete=filled(**missing), **data)


def _at(body: Told) -> str:
    time = unix(body.get("created"))
    if time is None:
        raise InputError("created: is missing")
    return time


def _thing(body: Told) -> Told:
    """What the event is about, as it was then."""
    return table(table(body.get("data")).get("object"))


def _id(value: object) -> str | None:
    """The id of a thing; where another names it, that may be all of it."""
    return name(value.get("id") if isinstance(value, dict) else value)


def _order(thing: Told, total: object) -> dict[str, Any]:
    if thing.get("mode") == "payment":
        named = _id(thing.get("payment_intent"))  # its invoice, if any, is a receipt that was made later
    elif thing.get("object") == "invoice":
        named = None
    else:
        named = _id(thing.get("invoice")) or _id(thing.get("payment_intent"))
    id = named or needed(thing.get("id"), "data.object.id")
    number = name(table(thing.get("metadata")).get("order_number"), id)
    url = web_address(thing.get("hosted_invoice_url"), thing.get("receipt_url"))
    return filled(id=id, number=number, **_priced(thing, total), url=url)


def _priced(thing: Told, total: object) -> dict[str, Any]:
    code = currency(thing.get("currency"))
    return filled(total=from_minor(total, code), currency=code)


def items_of(lines: Told) -> dict[str, Any]:
    return filled(items=[_item(line) for line in rows(lines.get("data"))])


def _item(line: Told) -> dict[str, Any]:
    """A line of a checkout or an invoice: what is told is its amount, before discounts and taxes."""
    quantity, amount = line.get("quantity"), _whole(line.get("amount_subtotal", line.get("amount")))
    each, rest = divmod(amount, quantity) if isinstance(quantity, int) and quantity > 0 else (amount, 0)
    price = table(line.get("price"))
    return item(
        price.get("lookup_key"),
        name=line.get("description"),
        quantity=quantity,
        price=from_minor(price.get("unit_amount") if rest else each, currency(line.get("currency"))),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _buyer(session: Told) -> dict[str, Any]:
    locale = session.get("locale")
    return _person(
        table(session.get("customer_details")),
        emails=[session.get("customer_email")],
        locale=None if locale == "auto" else locale,
    )


def payer(thing: Told) -> dict[str, Any]:
    """Of a charge; of a payment, whose charges stand in it in older versions."""
    charges = rows(table(thing.get("charges")).get("data"))
    charge = charges[0] if charges else table(thing.get("latest_charge")) or thing
    details = table(charge.get("billing_details")) or table(thing.get("shipping"))
    return _person(details, emails=[thing.get("receipt_email"), charge.get("receipt_email")])


def _billed(invoice: Told) -> dict[str, Any]:
    return _person({key: invoice.get(f"customer_{key}") for key in ("email", "name", "phone", "address")})


def customer_of(told: Told) -> dict[str, Any]:
    locales = told.get("preferred_locales")
    return _person(told, locale=locales[0] if isinstance(locales, list) and locales else None)


def _person(told: Told, *, emails: Iterable[object] = (), locale: object = None) -> dict[str, Any]:
    address = table(told.get("address"))
    return person(
        email=first(told.get("email"), *emails),
        phone=told.get("phone"),
        **names(told.get("name")),
        locale=locale,
        country=address.get("country"),
        region=address.get("state"),
        city=address.get("city"),
        postal_code=address.get("postal_code"),
    )


TOPICS = {
    "checkout.session.completed": Topic(("order.placed", "order.paid", "consent.changed"), bought),
    "checkout.session.async_payment_succeeded": Topic(("order.paid",), paid_later),
    "checkout.session.expired": Topic(
        ("consent.changed", "cart.updated"), expired, "with the link that brings the cart back, if there is one"
    ),
    "payment_intent.succeeded": Topic(("order.paid",), paid),
    "invoice.paid": Topic(("order.placed", "order.paid"), invoiced),
    "charge.refunded": Topic(("order.refunded",), refunded, "what was given back this time"),
    "customer.created": Topic(("customer.created",), customer),
    "customer.updated": Topic(("customer.updated",), customer),
}
