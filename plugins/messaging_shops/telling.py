"""What a shop tells, as envelopes. A happening is one event, by its id, whatever tells of it and however often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging import Request
from messaging_shops.reading import filled, instant

Told = Mapping[str, Any]


def happening(
    id: str, type: str, time: str, customer: Told | None = None, *, incomplete: Told | None = None, **data: Any
) -> dict[str, Any]:
    """An event; of what it holds, that which says something."""
    return filled(id=id, type=type, time=time, customer=customer, data=filled(**data), incomplete=incomplete)


def of_order(
    type: str, time: str, customer: Told, order: Told, *, which: str | None = None, **more: Any
) -> dict[str, Any]:
    """What happens to an order once; `which` tells apart what may happen to it several times."""
    id = order_event(order["id"], type.partition(".")[2])
    return happening(f"{id}:{which}" if which else id, type, time, customer, order=order, **more)


def order_event(order: str, word: str) -> str:
    """The id of what happened to an order: `order:1001:placed`."""
    return f"order:{order}:{word}"


def happened_at(request: Request, *times: object, utc: bool = False) -> str:
    """When it happened: the first of `times` that is one; else when it was posted. `utc`: see `instant`."""
    told = (instant(time, utc=utc) for time in times)
    return next((time for time in told if time is not None), request.received_at.isoformat())
