"""An order: what its events add up to. Known by (source, shop, order id)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from messaging.ids import digest
from messaging.nouns.documents import (
    Document,
    money_from_text,
    money_to_text,
    time_from_text,
    time_to_text,
    without_empty,
)


def order_key(source: str, shop: str, order_id: str) -> str:
    """An order's identity in the store."""
    return digest("order", source, shop, order_id)


_TIMES = (
    "placed_at",
    "paid_at",
    "shipped_at",
    "delivered_at",
    "cancelled_at",
    "partly_shipped_at",
    "backordered_at",
    "backordered_until",
    "until_at",
    "returned_at",
    "customer_at",
    "eta",
    "eta_at",
    "refunded_whole_at",
    "data_at",
    "items_at",
)


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back of an order."""

    amount: Decimal
    #: When, as it was told first.
    at: datetime
    #: Should it be another than the order's.
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The state of one order, folded from what happened, whatever arrived first.

    It is known from any event that names it, but it counts as an order only once it was placed.
    """

    key: str
    #: The shop's id, or its number where it has no id.
    id: str
    number: str
    #: Who told of it first, and of which shop it is: its id, number and article numbers mean something only there.
    source: str = ""
    shop: str = ""
    customer_id: str | None = None
    #: When the event happened that says whose it is: the first one does.
    customer_at: datetime | None = None
    placed_at: datetime | None = None
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    #: Cancelled as a whole.
    cancelled_at: datetime | None = None
    #: When the first of several parts left.
    partly_shipped_at: datetime | None = None
    #: When it was told that it has to wait, and till when, as it was told last (by the event at `until_at`).
    backordered_at: datetime | None = None
    backordered_until: datetime | None = None
    until_at: datetime | None = None
    #: When it, or some of it, was sent back.
    returned_at: datetime | None = None
    #: By which day the parcel was promised, as it was told last (by the event at `eta_at`).
    eta: datetime | None = None
    eta_at: datetime | None = None
    total: Decimal = Decimal(0)
    currency: str | None = None
    #: What was given back, by refund id, so that a refund told twice counts once.
    refunds: Mapping[str, Refund]
    #: When a refund was told first that named no amount: all of `total`, whatever was refunded in part.
    refunded_whole_at: datetime | None = None
    #: sku -> quantity.
    skus: Mapping[str, int]
    #: Time of the event that set `total` and `currency`: an older one does not overwrite them.
    data_at: datetime | None = None
    #: Time of the event that set `skus`.
    items_at: datetime | None = None

    @property
    def refunded(self) -> Decimal:
        """What was given back, in the order's currency."""
        return self.refunded_in(self.currency, self.currency)

    def refunded_in(self, currency: str | None, own: str | None) -> Decimal:
        """What was given back in one currency; `own` is that of the order, should it name none."""
        own = self.currency or own
        parts = sum(
            (refund.amount for refund in self.refunds.values() if (refund.currency or own) == currency), Decimal(0)
        )
        return max(parts, self.total) if self.refunded_whole_at and own == currency else parts

    @property
    def counts(self) -> bool:
        """Whether it is an order for segments and reports: placed, and not cancelled as a whole."""
        return self.placed_at is not None and self.cancelled_at is None

    def to_document(self) -> Document:
        return without_empty(
            {
                "key": self.key,
                "id": self.id,
                "number": self.number,
                "source": self.source or None,
                "shop": self.shop or None,
                "customer_id": self.customer_id,
                **{name: time_to_text(getattr(self, name)) for name in _TIMES},
                "total": money_to_text(self.total),
                "currency": self.currency,
                "refunds": {
                    key: without_empty(
                        {
                            "amount": money_to_text(refund.amount),
                            "at": time_to_text(refund.at),
                            "currency": refund.currency,
                        }
                    )
                    for key, refund in self.refunds.items()
                },
                "skus": dict(self.skus),
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Order:
        values = {"id": "", "number": "", "refunds": {}, "skus": {}, **document}
        for name in _TIMES:
            values[name] = time_from_text(values.get(name))
        values["total"] = money_from_text(values.get("total")) or Decimal(0)
        values["refunds"] = {
            key: Refund(Decimal(refund["amount"]), datetime.fromisoformat(refund["at"]), refund.get("currency"))
            for key, refund in values["refunds"].items()
        }
        return cls(**values)
