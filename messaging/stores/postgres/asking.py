"""What segments ask about a customer, in SQL over our tables: `c` is the customer's row, `s` the sums of their orders.

Each says what the function of its name in `expressions.facts` says.
"""

from __future__ import annotations

from decimal import Decimal

import orjson

from messaging.expressions import tree
from messaging.expressions.inquiry import Inquiry
from messaging.expressions.sql import RELATIONS, Condition, NotSaid, Said, Writer, quotient, since, trusted, untrue
from messaging.expressions.tree import Fact, Window
from messaging.expressions.values import DIGITS, Type
from messaging.nouns.consent import ALL_TOPICS
from messaging.rules.event_types import names_of

#: Of a number in an attribute: digits that are taken as they stand, before and behind the point.
_SIZE = 15
_NUMBER = f"'^[+-]?[0-9]{{1,{_SIZE}}}([.][0-9]{{1,{_SIZE}}})?$'"
_DATE = "'^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'"
_COUNTS = "o.cancelled_at IS NULL AND o.placed_at IS NOT NULL"
#: Digits of sums of money, before and behind the point: see the step that adds `order_sums`.
_MONEY = (20, 8)
#: Whose money is for Python to add up, when all are asked. Said so that the planner takes some of them for granted:
#: should it believe that there are none, it compares each of those that there are with everybody.
_ODD = " AND (odd.total IS NULL)::integer = 1"
#: A limit that is none, but keeps each parallel worker from adding up the orders of all for its own share of customers.
_ONCE = f"LIMIT {2**63 - 1}"
#: What orders add up to where there are none.
_NO_ROW = "SELECT NULL::bigint AS orders, NULL::numeric AS total"


class Asking(Writer):
    """A condition over the rows of `source`."""

    def __init__(self, inquiry: Inquiry, *, has_sums: bool) -> None:
        """`has_sums`: the schema has `order_sums`."""
        super().__init__(inquiry)
        self._has_sums = has_sums
        self._uses_sums = False
        self._uses_odd = False
        #: Windows over orders -> the condition that they make.
        self._windows: dict[Window, str] = {}
        self._needed: frozenset[str] = frozenset()

    def write(self) -> Condition:
        condition = super().write()
        self._needed = condition.rows
        return condition

    def source(self, *, whole: bool) -> tuple[str, str]:
        """What stands before SELECT and what follows FROM, once the condition is written: a row for each customer.

        `whole`: all of them are asked, so what their orders add up to in each window is added up once for all; else
        their orders are looked at one by one, by the index.
        """
        text, before, without = "", [], []
        if self._uses_sums:
            text += " LEFT JOIN order_sums AS s ON s.customer_id = c.id"
        if self._uses_odd:
            text += f" LEFT JOIN order_sums AS odd ON odd.customer_id = c.id{_ODD if whole else ''}"
        for number, when in enumerate(self._windows.values()):
            name, added_up = f"w{number}", f"{self._added_up} FROM orders AS o WHERE {_COUNTS}{when}"
            of_all = f"SELECT o.customer_id, {added_up} GROUP BY o.customer_id"
            if not whole:
                text += f" LEFT JOIN LATERAL (SELECT {added_up} AND o.customer_id = c.id) AS {name} ON true"
            elif _there(name) in self._needed:
                text += f" JOIN ({of_all} {_ONCE}) AS {name} ON {name}.customer_id = c.id"
            elif untrue(_there(name)) in self._needed:
                without.append(f"NOT EXISTS {self._orders('', when)}")
                text += f" CROSS JOIN ({_NO_ROW}) AS {name}"
            else:
                before.append(f"{name} AS MATERIALIZED ({of_all})")
                text += f" LEFT JOIN {name} ON {name}.customer_id = c.id"
        people = f"(SELECT * FROM customers AS c WHERE {' AND '.join(without)})" if without else "customers"
        return f"WITH {', '.join(before)}" if before else "", f"{people} AS c{text}"

    def fact(self, node: Fact | tree.Field) -> Said:
        match node:
            case tree.Field(name, Type.DAY):
                return Said(f"(c.{name}::timestamp AT TIME ZONE 'UTC')")
            case tree.Field(name, _):
                return Said(f"c.{name}")
            case tree.Attribute(name, type):
                return _attribute(self._json(name), type)
            case tree.Address(channel):
                return Said(self._address(channel))
            case tree.OrdersCount(window):
                column = (self._column("orders", window), "bigint") if window or self._sums() else None
                return Said(f"{self._count(window)}::numeric", (), 12, column=column, row=self._row(window))
            case tree.OrdersMoney(which, window, currency):
                return self._money(which, window, currency)
            case tree.OrdersMoment(which):
                return Said(self._moment(which))
            case tree.Bought(sku, window):
                return self._bought(sku, window)
            case tree.Happened(event, window, None):
                return self._happened(event, window)
            case tree.Reached(how, message, window):
                return self._reached(how, message, window)
            case tree.Consented(channel, topic):
                return self._consented(channel, topic)
            case tree.Grade(which):
                return self._grade(which)
            case _:
                raise NotSaid  # it is about an event

    def _json(self, name: str) -> str:
        return f"(c.attributes -> {self.parameter(name, 'text')})"

    def attribute(self, node: tree.Attribute, relation: str, constant: object) -> Condition | None:
        """Taken out of the document once or twice, where its value as such would take it out ten times."""
        value = self._json(node.name)
        if isinstance(constant, str) and node.type is Type.TEXT and relation == "==" and not _is_json(constant):
            key = self.parameter(node.name, "text")
            same = f"((c.attributes ->> {key}) = {self.parameter(constant, 'text')})"  # nothing else is written like it
            return Condition(same, same)
        if not (isinstance(constant, Decimal) and node.type is Type.NUMBER and relation in RELATIONS):
            return None
        read = _read_number(f"({value} #>> '{{}}')")
        compared = f"{read.text} {RELATIONS[relation]} {self.parameter(constant, 'numeric')}"
        spelled = trusted(Said(f"({compared})", read.doubts))
        number = f"c.attributes @@ {self.parameter(_path(node.name, relation, constant), 'jsonpath')}"
        text = f"coalesce({number}, CASE jsonb_typeof({value}) WHEN 'string' THEN"  # the first is NULL of what is none
        return Condition(f"{text} {spelled.possible} END)", f"{text} {spelled.certain} END)")

    def _address(self, channel: str) -> str:
        columns = {"email": "c.email", "sms": "c.phone"}
        return columns.get(channel) or f"(c.addresses ->> {self.parameter(channel, 'text')})"

    # Orders

    @property
    def _added_up(self) -> str:
        return "count(*) AS orders" + (", sum(o.total - o.refunded) AS total" if self._has_sums else "")

    def _sums(self) -> bool:
        self._uses_sums = self._uses_sums or self._has_sums
        return self._has_sums

    def _orders(self, what: str, when: str = "") -> str:
        """Something of the customer's orders that count."""
        return f"(SELECT {what} FROM orders AS o WHERE o.customer_id = c.id AND {_COUNTS}{when})"

    def _within(self, window: Window) -> str:
        """The row that has the sums of a window."""
        if window not in self._windows:
            self._windows[window] = self._in("o.placed_at", window)
        return f"w{list(self._windows).index(window)}"

    def _in(self, column: str, window: Window | None) -> str:
        if window is None:
            return ""
        now = self.inquiry.now
        begin, end = (self.parameter(each, "timestamptz") for each in (since(now, window.length), now))
        return f" AND {column} BETWEEN {begin} AND {end}"

    def _column(self, name: str, window: Window | None) -> str:
        return f"{'s' if window is None else self._within(window)}.{name}"

    def _row(self, window: Window | None) -> str | None:
        return None if window is None else _there(self._within(window))

    def _count(self, window: Window | None = None) -> str:
        if window is None and not self._sums():
            return self._orders("count(*)")
        return f"coalesce({self._column('orders', window)}, 0)"

    def _moment(self, which: str) -> str:
        if self._sums():
            return f"s.{which}"
        if which == "last_delivered_at":
            raise NotSaid
        return self._orders("min(o.placed_at)" if which == "first_at" else "max(o.placed_at)")

    def _money(self, which: str, window: Window | None, currency: str | None) -> Said:
        """Of a customer whose orders are all in one currency; of anybody else the total of their sums is NULL."""
        if not self._has_sums:
            raise NotSaid
        column = self._column("total", window)
        total, count = f"coalesce({column}, 0)", self._count(window)
        self._uses_sums, self._uses_odd = self._uses_sums or window is None, self._uses_odd or window is not None
        sums = "s" if window is None else "odd"
        doubts = (f"({sums}.customer_id IS NOT NULL AND {sums}.total IS NULL)",)
        if which == "total" and currency is None:
            return Said(total, doubts, *_MONEY, column=(column, "numeric"), row=self._row(window))
        if currency is not None:
            self._uses_sums = True
            brand, wanted = self.parameter(self.inquiry.currency, "text"), self.parameter(currency, "text")
            same = f"CASE WHEN coalesce(s.currency, {brand}) = {wanted} THEN"
            total, count = f"({same} {total} ELSE 0 END)", f"({same} {count} ELSE 0 END)"
        if which == "total":
            return Said(total, doubts, *_MONEY)
        return Said(quotient(total, count), doubts, _MONEY[0], 12)

    def _bought(self, sku: str, window: Window | None) -> Said:
        """Articles of very long orders are not in `order_skus`."""
        article, when = self.parameter(sku, "text"), self._in("o.placed_at", window)
        has_it = f"{_COUNTS}{when} AND (o.document -> 'skus' ->> {article})::numeric > 0"
        orders = (
            "SELECT o.customer_id FROM order_skus AS k JOIN orders AS o ON o.key = k.order_key "
            f"WHERE k.sku = {article} AND {has_it}"
        )
        if self._has_sums:
            orders += f" UNION ALL SELECT o.customer_id FROM orders AS o WHERE o.long AND {has_it}"
        text = f"EXISTS (SELECT FROM ({orders}) AS bought WHERE bought.customer_id = c.id)"
        return Said(text, () if self._has_sums else ("true",))

    def _grade(self, which: str) -> Said:
        cuts = getattr(self.inquiry.cuts, which, ())
        if not cuts:
            return Said("NULL::numeric")
        last = self._moment("last_at")
        if which == "m":
            said = self._money("total", None, None)
        elif which == "f":
            said = Said(self._count())
        else:
            said = Said(f"(- {self.days_since(last)})")
        points = self.parameter(list(cuts), "numeric[]")
        number = f"(SELECT 1 + count(*) FROM unnest({points}) AS cut WHERE cut < {said.text})"
        return Said(f"(CASE WHEN {last} IS NOT NULL THEN {number}::numeric END)", said.doubts, 1)

    # Events, messages, consent

    def _happened(self, event: str, window: Window | None) -> Said:
        types = self.parameter(list(names_of(event)), "text[]")
        return Said(
            f"EXISTS (SELECT FROM events AS e WHERE e.customer_id = c.id AND e.type = ANY({types})"
            f"{self._in('e.time', window)})"
        )

    def _reached(self, how: str, message: str | None, window: Window | None) -> Said:
        which = ""
        if message is not None:
            name = self.parameter(message, "text")
            which = f" AND (m.template = {name} OR m.campaign = {name})"
        of = f"m.customer_id = c.id AND m.state = 'sent'{which}"
        if how == "sent":
            known = " AND m.sent_at IS NOT NULL" if window is None else self._in("m.sent_at", window)
            return Said(f"EXISTS (SELECT FROM messages AS m WHERE {of}{known})")
        by_people = f"message_id = m.id AND kind = '{how}' AND NOT machine"
        if window is None:
            return Said(f"EXISTS (SELECT FROM messages AS m JOIN engagements ON {by_people} WHERE {of})")
        last = f"(SELECT max(at) FROM engagements WHERE {by_people})"
        return Said(f"EXISTS (SELECT FROM messages AS m WHERE {of}{self._in(last, window)})")

    def _consented(self, channel: str, topic: str) -> Said:
        """See `rules.policy`: a withdrawal is undone by a later decision alone, and by no undated one."""
        place, about = self.parameter(channel, "text"), self.parameter([topic, ALL_TOPICS], "text[]")
        address = f"(c.addresses ->> {place})"
        if channel in ("email", "sms"):
            address = f"(CASE WHEN c.addresses ? {place} THEN {address} ELSE {self._address(channel)} END)"
        same = f"channel = {place} AND address = {address}"
        return Said(
            f"({address} <> '' AND NOT EXISTS (SELECT FROM suppressions WHERE {same}) "
            f"AND EXISTS (SELECT FROM consents AS given WHERE {same} AND topic = ANY({about}) AND granted "
            f"AND NOT EXISTS (SELECT FROM consents AS taken WHERE {same} AND taken.topic = ANY({about}) "
            "AND NOT taken.granted AND (NOT given.dated OR taken.at >= given.at)))) IS TRUE"
        )


def _there(window: str) -> str:
    """That a customer has orders in it."""
    return f"{window}.orders > 0"


def _path(name: str, relation: str, constant: Decimal) -> str:
    """The condition that an attribute is a number that is so, and none that Python would not read: see `values`."""
    it, edges = f"$.{orjson.dumps(name).decode()}", (f"1e-{DIGITS}", f"1e{DIGITS + 1}")
    fits = f"{it} == 0 || {it} >= {edges[0]} && {it} < {edges[1]} || {it} <= -{edges[0]} && {it} > -{edges[1]}"
    return f"strict {it} {relation} {constant:f} && ({fits})"


def _is_json(text: str) -> bool:
    """Whether a number, a truth value, a list or a table may be written so."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _attribute(value: str, type: Type) -> Said:
    """A JSON value as one of the declared type, as `values.READERS` have it."""
    kind, text = f"jsonb_typeof({value})", f"({value} #>> '{{}}')"
    if type is Type.BOOLEAN:
        return Said(f"(CASE WHEN {kind} = 'boolean' THEN {value}::boolean END)")
    number = f"{value}::numeric"
    if type is Type.TEXT:
        # A whole number of 64 bits: what is longer is read as one with a fraction.
        whole = f"scale({number}) = 0 AND {number} BETWEEN {-(2**63)} AND {2**64 - 1}"
        return Said(f"(CASE {kind} WHEN 'string' THEN {text} WHEN 'number' THEN CASE WHEN {whole} THEN {text} END END)")
    if type is Type.NUMBER:
        read = _read_number(text)
        too_long = f"abs({number}) >= 1e{_SIZE} OR scale({number}) > {_SIZE}"
        return Said(
            f"(CASE {kind} WHEN 'number' THEN {number} WHEN 'string' THEN {read.text} END)",
            tuple(
                f"(CASE {kind} WHEN 'number' THEN {too_long} WHEN 'string' THEN {doubt} ELSE false END)"
                for doubt in read.doubts
            ),
            _SIZE,
            _SIZE,
        )
    month = f"make_date(left({text}, 4)::integer, substr({text}, 6, 2)::integer, 1)"
    last = f"extract(day FROM {month} + interval '1 month' - interval '1 day')"
    day = f"substr({text}, 9, 2)::integer"
    return Said(
        f"(CASE WHEN {kind} = 'string' AND {text} ~ {_DATE} THEN "
        f"CASE WHEN {day} <= {last} THEN ({month} + ({day} - 1))::timestamp AT TIME ZONE 'UTC' END END)",
        (f"(CASE WHEN {kind} = 'string' THEN char_length({text}) > 10 ELSE false END)",),
    )


def _read_number(text: str) -> Said:
    """Text as the number that it spells."""
    plain = f"{text} ~ {_NUMBER}"
    return Said(f"CASE WHEN {plain} THEN {text}::numeric END", (f"(NOT {plain} AND {text} ~ '[0-9]|[^\\x01-\\x7f]')",))
