"""Which function of `facts` answers a node that asks about the customer, and with what arguments.

Here the back ends that run in Python meet: the interpreter calls the function, the compiler writes the call.
A back end in another language has a visitor of its own over these nodes, as over all others.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import assert_never

from messaging.expressions import facts, tree
from messaging.expressions.tree import Fact, Window
from messaging.expressions.values import Value

#: What answers, and what it gets behind the subject.
Question = tuple[Callable[..., Value], tuple[object, ...]]

_MONEY = {"total": facts.orders_total, "average": facts.orders_average}
_MOMENTS = {
    "first_at": facts.orders_first_at,
    "last_at": facts.orders_last_at,
    "last_delivered_at": facts.orders_last_delivered_at,
}
_REACHED = {"sent": facts.sent, "opened": facts.opened, "clicked": facts.clicked}


def question(node: Fact) -> Question:
    """What is to be called for `node`."""
    match node:
        case tree.Attribute(name, type):
            return facts.attribute, (name, type)
        case tree.Address(channel):
            return facts.address, (channel,)
        case tree.Extra(path, type):
            return facts.event_value, (path, type)
        case tree.OrdersCount(window):
            return facts.orders_count, (_length(window),)
        case tree.OrdersMoney(which, window, currency):
            return _MONEY[which], (_length(window), currency)
        case tree.OrdersMoment(which):
            return _MOMENTS[which], ()
        case tree.Bought(sku, window):
            return facts.bought, (sku, _length(window))
        case tree.Happened(event, window, None):
            return facts.happened, (event, _length(window))
        case tree.Happened(event, window, about):
            return facts.happened_about, (event, about, _length(window))
        case tree.Reached(how, message, window):
            return _REACHED[how], (message, _length(window))
        case tree.Consented(channel, topic):
            return facts.consented, (channel, topic)
        case tree.Grade(which):
            return facts.rfm, (which,)
        case tree.InSegment(name):
            return facts.in_segment, (name,)
        case _:
            assert_never(node)


def _length(window: Window | None) -> timedelta | None:
    return None if window is None else window.length
