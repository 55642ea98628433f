"""The contract of events: which types there are, what each means, and what one must bring.

Other types are taken, too, and may set off messages; these are the ones that the core itself understands. The contract
grows: types, parts and fields are added. What would change the meaning of one raises `CONTRACT`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

#: The version of the contract.
CONTRACT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One type."""

    name: str
    #: What it tells, in a few words.
    means: str
    #: The parts of `data` that tell what it is about: it brings one of them at least.
    brings: tuple[str, ...] = ()
    #: It is about somebody, who is named by an id, an email address or a phone number.
    customer: bool = True
    #: The moment of an order that it tells.
    moment: str | None = None
    #: What is over with it, whenever it was told: what waits about that very thing is cancelled (`cancel_on`).
    ends: str | None = None
    #: What is no news any more once this has happened to the same order, parcel or cart.
    overtakes: tuple[str, ...] = ()
    #: Other names of it.
    aliases: tuple[str, ...] = ()


#: On its way: news until it is there, or does not come.
_OF_A_PARCEL = ("shipment.shipped", "shipment.out_for_delivery", "shipment.ready_for_pickup", "shipment.delayed")
_OF_AN_ORDER = ("order.backordered", "order.partially_shipped", "order.shipped", "order.ready_for_pickup")

_ALL = (
    EventType(name="customer.created", means="the shop has a new customer: their profile"),
    EventType(name="customer.updated", means="the profile of a customer as it is now"),
    EventType(
        name="customer.redacted", means="the shop asks to erase a customer: done as by `messaging customers erase`"
    ),
    EventType(
        name="consent.changed",
        brings=("consent",),
        means="a customer agreed to be written to on a channel, or took it back",
    ),
    EventType(name="cart.updated", brings=("cart",), means="a cart that is not bought yet, as it is now"),
    EventType(name="checkout.started", brings=("cart",), means="a customer went to the till with a cart"),
    EventType(
        name="order.placed",
        brings=("order",),
        moment="placed_at",
        ends="cart",
        overtakes=("cart.updated", "checkout.started"),
        aliases=("order.created",),
        means="an order was placed: from now on it counts",
    ),
    EventType(name="order.paid", brings=("order",), moment="paid_at", means="an order was paid"),
    EventType(
        name="order.backordered",
        brings=("order",),
        moment="backordered_at",
        means="an order, or some of it, has to wait: `backordered_until` says till which day",
    ),
    EventType(
        name="order.partially_shipped",
        brings=("order",),
        moment="partly_shipped_at",
        means="some of an order left, not all of it",
    ),
    EventType(
        name="order.shipped",
        brings=("order",),
        moment="shipped_at",
        overtakes=("order.backordered", "order.partially_shipped"),
        aliases=("order.fulfilled",),
        means="all of an order left",
    ),
    EventType(
        name="shipment.shipped", brings=("shipment", "order"), moment="shipped_at", means="one parcel of an order left"
    ),
    EventType(
        name="shipment.out_for_delivery",
        brings=("shipment", "order"),
        overtakes=("shipment.delayed",),
        means="a parcel is on its last way, today",
    ),
    EventType(
        name="order.ready_for_pickup",
        brings=("order",),
        overtakes=("order.backordered", "shipment.delayed"),
        means="an order waits to be picked up",
    ),
    EventType(
        name="shipment.ready_for_pickup",
        brings=("shipment", "order"),
        overtakes=("shipment.delayed",),
        means="a parcel waits to be picked up",
    ),
    EventType(
        name="shipment.delivered",
        brings=("shipment", "order"),
        moment="delivered_at",
        ends="shipment",
        overtakes=_OF_A_PARCEL,
        means="one parcel of an order arrived",
    ),
    EventType(
        name="order.delivered",
        brings=("order",),
        moment="delivered_at",
        ends="order",
        overtakes=(*_OF_A_PARCEL, *_OF_AN_ORDER),
        means="all of an order arrived",
    ),
    EventType(
        name="shipment.delayed",
        brings=("shipment", "order"),
        means="a parcel will be late: `shipment.eta` says what is promised now",
    ),
    EventType(
        name="order.cancelled",
        brings=("order",),
        moment="cancelled_at",
        ends="order",
        overtakes=("order.placed", "order.paid", *_OF_A_PARCEL, *_OF_AN_ORDER),
        aliases=("order.canceled",),
        means="an order was cancelled as a whole: it counts no more",
    ),
    EventType(
        name="order.refunded",
        brings=("order", "refund"),
        means="money of an order was given back: `data.refund`, or all of it if that is not there",
    ),
    EventType(name="refund.created", brings=("refund", "order"), means="the same"),
    EventType(
        name="order.returned", brings=("order",), moment="returned_at", means="an order, or some of it, was sent back"
    ),
    EventType(
        name="product.restocked", brings=("product",), customer=False, means="a product that was sold out is there"
    ),
    EventType(name="product.requested", brings=("product",), means="a customer asks to be told when a product is back"),
)

#: The types by name, in the order in which things happen.
TYPES: Mapping[str, EventType] = {each.name: each for each in _ALL}
_NAMED: Mapping[str, EventType] = {name: each for each in _ALL for name in (each.name, *each.aliases)}

#: The first word of any type -> the parts of `data` of which it brings one, where the type is none of ours.
_SUBJECTS: Mapping[str, tuple[str, ...]] = {
    "order": ("order",),
    "shipment": ("shipment", "order"),
    "refund": ("refund", "order"),
    "cart": ("cart",),
    "product": ("product",),
}


def type_of(name: str) -> EventType | None:
    """The type of that name or other name; None if it is none of ours."""
    return _NAMED.get(name)


def names_of(name: str) -> tuple[str, ...]:
    """All names of the type that is called so, its own first."""
    known = _NAMED.get(name)
    return (name,) if known is None else (known.name, *known.aliases)


@lru_cache(4096)
def is_type(name: str, *types: str) -> bool:
    """Whether a type is one of `types`, by whichever of their names."""
    return names_of(name)[0] in {names_of(type)[0] for type in types}


@lru_cache(4096)
def overtakers(name: str) -> tuple[str, ...]:
    """The types that make news of that type none any more."""
    return tuple(each.name for each in _ALL if each.overtakes and is_type(name, *each.overtakes))


def names() -> Iterator[tuple[str, EventType]]:
    """All names, other ones too, with their types."""
    yield from _NAMED.items()


def brings(name: str) -> tuple[str, ...]:
    """The parts of `data` of which an event of that type brings one at least; none: it need not."""
    known = _NAMED.get(name)
    if known is not None:
        return known.brings
    kind, _, rest = name.partition(".")
    parts = _SUBJECTS.get(kind, ()) if rest else ()
    return (*parts, "refund") if kind == "order" and "refund" in rest else parts


def needs_customer(name: str, data: Mapping[str, object]) -> bool:
    """Whether an event of that type with that data has to say whom it is about."""
    known = _NAMED.get(name)
    return known.customer if known is not None else data.get("product") is None
