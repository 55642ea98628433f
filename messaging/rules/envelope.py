"""The envelope: how a shop tells an event, as JSON.

    {"id": "5001-placed", "type": "order.placed", "time": "2026-03-02T10:00:00+01:00", "source"?, "shop"?,
     "customer": {"id" and/or "email"/"phone", profile fields}, "data": {"order": {...}, "shipment": {...},
     ...}}

The models say what is understood; what they do not name is kept in `customer` and `data` as it came, for
templates and plugins. Customers' values (an address typed wrong at the till) are not judged here: an order
must not be lost over them. What identifies, counts or dates something is strict, and every error names the
field by its path.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from messaging.errors import InputError
from messaging.ids import NAME, digest, is_name
from messaging.nouns.consent import ALL_TOPICS
from messaging.nouns.event import Event
from messaging.rules.event_types import brings, needs_customer

#: Largest event, in bytes of JSON.
MAX_BYTES = 1_000_000
#: Longest text in an event, in characters.
MAX_TEXT = 100_000
#: Deepest nesting.
MAX_DEPTH = 24

_MONEY = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
#: A time with its zone: there are many ways to write an instant.
_INSTANT = re.compile(r"\s*\d{4}-\d{2}-\d{2}[T ]\d{2}:?\d{2}\S*(?:Z|[+-]\d{2}(?::?\d{2})?)\s*")
_TYPE = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$"


def _identifier(value: object) -> object:
    if isinstance(value, bool | float):
        raise ValueError('must be text, like "5001": as a JSON number an id can lose digits')
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str):
        raise ValueError("must be text")
    text = text.strip()
    if not 1 <= len(text) <= 200:
        raise ValueError("must have 1 to 200 characters")
    if not text.isprintable():
        raise ValueError("must not have control characters")
    return text


def _money(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = format(Decimal(repr(value)), "f")
    if not isinstance(value, str) or _MONEY.fullmatch(value.strip()) is None:
        raise ValueError('must be an amount as decimal text, like "49.90"')
    return value.strip()


def _amount(value: object) -> object:
    text = _money(value)
    if isinstance(text, str) and text.startswith("-"):
        raise ValueError("must not be negative")
    return text


def _currency(value: object) -> object:
    if not isinstance(value, str) or re.fullmatch("[A-Za-z]{3}", value.strip()) is None:
        raise ValueError('must be an ISO 4217 code, like "EUR"')
    return value.strip().upper()


def _quantity(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1_000_000_000:
        raise ValueError("must be a number from 0 on")
    return int(value) if value == int(value) else value


def _time(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError('must be ISO 8601 text with a zone, like "2026-03-02T10:00:00+01:00"')
    try:
        time = datetime.fromisoformat(value.strip())
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError('must be ISO 8601 with a zone, like "2026-03-02T10:00:00+01:00"') from None
    raise ValueError('has no zone: write it like "2026-03-02T10:00:00+01:00", or with Z for UTC')


def _instant(value: object) -> object:
    return _time(value).isoformat()


def _day_or_time(value: object) -> object:
    if isinstance(value, str):
        try:
            date.fromisoformat(value.strip())
        except ValueError:
            _time(value)
        return value.strip()
    raise ValueError('must be a day like "2026-03-05" or a time with a zone')


def _channel(value: object) -> object:
    if not isinstance(value, str) or not is_name(value):
        raise ValueError('must be a word like "email" or "sms"')
    return value


def _topic(value: object) -> object:
    if not isinstance(value, str) or not (value == ALL_TOPICS or is_name(value)):
        raise ValueError('must be a word like "news", or "*" for everything on the channel')
    return value


def _as(read: Callable[[object], object], **schema: Any) -> tuple[BeforeValidator, WithJsonSchema]:
    """How a value is read, and what is said of it to who sends it."""
    return BeforeValidator(read), WithJsonSchema({"type": "string", **schema})


_ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})$"
_A_TIME = {"format": "date-time", "pattern": _ZONED}
_A_DAY = {"format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}

#: Something that is seen, and no control characters: what else is not printable the code alone refuses.
_AN_ID = r"^[^\u0000-\u001f\u007f]*[^\s\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$"

Identifier = Annotated[str, *_as(_identifier, minLength=1, maxLength=200, pattern=_AN_ID)]
Money = Annotated[str, *_as(_money, pattern=f"^{_MONEY.pattern}$")]
Amount = Annotated[str, *_as(_amount, pattern=f"^{_MONEY.pattern.removeprefix('-?')}$")]
Currency = Annotated[str, *_as(_currency, pattern="^[A-Za-z]{3}$")]
Quantity = Annotated[int | float, *_as(_quantity, type="number", minimum=0, maximum=1_000_000_000)]
Time = Annotated[datetime, *_as(_time, **_A_TIME)]
#: A time as text, in UTC.
Instant = Annotated[str, *_as(_instant, **_A_TIME)]
DayOrTime = Annotated[str, *_as(_day_or_time, anyOf=[_A_DAY, _A_TIME])]
Channel = Annotated[str, *_as(_channel, pattern=f"^{NAME.pattern}$")]
Topic = Annotated[str, *_as(_topic, pattern=rf"^(\*|{NAME.pattern})$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class ItemPart(_Part):
    """One line of an order or cart."""

    sku: Identifier | None = None
    name: str | None = None
    quantity: Quantity = 1
    price: Money | None = None
    url: str | None = None
    image: str | None = None
    #: Where it has to wait: till which day.
    backordered_until: DayOrTime | None = None


class OrderPart(_Part):
    """An order. Known by its number within a shop; a source without numbers uses its ids as numbers."""

    id: Identifier | None = None
    number: Identifier
    total: Money | None = None
    currency: Currency | None = None
    items: list[ItemPart] = Field(default_factory=list)
    url: str | None = None
    #: The day by which what has to wait is there again.
    backordered_until: DayOrTime | None = None


class ShipmentPart(_Part):
    """A parcel."""

    id: Identifier | None = None
    carrier: str | None = None
    tracking_number: Identifier | None = None
    tracking_url: str | None = None
    #: The day, or the time with a zone, by which it is promised.
    eta: DayOrTime | None = None
    #: Where it waits to be picked up, and what opens it there.
    location: str | None = None
    pickup_code: str | None = None
    #: What is in it.
    items: list[ItemPart] = Field(default_factory=list)


class RefundPart(_Part):
    """Money given back. An event of a refund without this part means the order's total."""

    id: Identifier | None = None
    amount: Amount
    #: The order's, if not said.
    currency: Currency | None = None
    items: list[ItemPart] = Field(default_factory=list)


class CartPart(_Part):
    """A cart that is not an order yet."""

    id: Identifier
    total: Money | None = None
    currency: Currency | None = None
    items: list[ItemPart] = Field(default_factory=list)
    url: str | None = None


class ProductPart(_Part):
    """A product, for events that are about no one customer."""

    id: Identifier | None = None
    sku: Identifier | None = None
    name: str | None = None
    price: Money | None = None
    currency: Currency | None = None
    url: str | None = None
    image: str | None = None


class ConsentPart(_Part):
    """One decision of a customer about being written to."""

    #: `email`, `sms`, or any other.
    channel: Channel
    #: What it is about; everything on the channel if not said.
    topic: Topic | None = None
    #: `true`: they agreed; `false`: they took it back.
    granted: bool
    #: When they decided; when the event happened, if not said.
    at: Instant | None = None
    #: Whose it is; the customer's address on the channel, if not said.
    address: str | None = None
    #: Where they said so: "checkout", "preference centre".
    source: str | None = None
    #: What shows it: the wording, a document's name.
    proof: str | None = None


class DataPart(_Part):
    """What it is about."""

    order: OrderPart | None = None
    shipment: ShipmentPart | None = None
    refund: RefundPart | None = None
    cart: CartPart | None = None
    product: ProductPart | None = None
    consent: ConsentPart | None = None


class CustomerPart(_Part):
    """Whom it is about: one of `id`, `email`, `phone` at least, and what the shop knows of them."""

    id: Identifier | None = None
    email: str | None = None
    phone: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    timezone: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    postal_code: str | None = None
    birthday: str | None = None
    #: On other channels, by channel.
    addresses: dict[str, str | None] | None = None
    attributes: dict[str, str | int | float | bool | None] | None = None


class Envelope(BaseModel):
    """One event."""

    model_config = ConfigDict(extra="ignore", strict=True)

    id: Identifier
    type: Annotated[str, Field(pattern=_TYPE, max_length=100)]
    time: Time
    source: Identifier | None = None
    shop: Identifier | None = None
    customer: CustomerPart = Field(default_factory=CustomerPart)
    data: DataPart = Field(default_factory=DataPart)
    #: Of an event that its source has yet to ask the shop about: what it needs for that.
    incomplete: dict[str, Any] | None = None


def parse_json(data: bytes | str) -> object:
    """The value of a JSON text.

    Raises:
        InputError: it is no JSON (RFC 8259: no NaN, no lone surrogates), or larger than `MAX_BYTES`.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"an event of more than {MAX_BYTES:,} bytes")
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {error}") from None
    return value


def read_event(document: object, *, default_source: str = "api", thin: bool = False) -> Event:
    """The event that `document` (a parsed JSON object) tells.

    `thin`: it may be incomplete, as the source that made it can complete it.

    Raises:
        InputError: names the field by its path (`data.order.items.0.price`) and says what it must be.
    """
    if not isinstance(document, Mapping):
        raise InputError("an event must be a JSON object")
    _check_values(document, "event", 0)
    try:
        envelope = Envelope.model_validate(document)
    except ValidationError as error:
        raise InputError(_problem(error)) from None
    customer = envelope.customer.model_dump(exclude_unset=True, exclude_none=True)
    data = envelope.data.model_dump(exclude_unset=True, exclude_none=True)
    if envelope.incomplete is None:
        nobody = not any(customer.get(name) for name in ("id", "email", "phone"))
        if nobody and needs_customer(envelope.type, data):
            raise InputError("customer: must have an id, an email or a phone")
        _check_subject(envelope.type, data)
    elif not thin:
        raise InputError("incomplete: only what a source made may be", hint="send the whole event")
    return Event(
        id=envelope.id,
        type=envelope.type,
        time=envelope.time,
        source=envelope.source or default_source,
        shop=envelope.shop or "default",
        customer=customer,
        data=data,
        incomplete=envelope.incomplete,
        fingerprint=fingerprint(document),
    )


def _check_subject(type: str, data: Mapping[str, Any]) -> None:
    """An event brings what its type speaks of: without it there would be nothing to write about."""
    parts = brings(type)
    if parts and not any(part in data for part in parts):
        instead = "".join(f", or data.{part}" for part in parts[1:])
        raise InputError(f"data.{parts[0]}: is missing: {type} must bring it{instead}")


def fingerprint(document: Mapping[str, Any]) -> str:
    """The hash of what a document says, whatever the order of its keys and the spelling of its numbers and times.

    Its id, source and shop are not in it: they are the event's name, not its content.
    """
    content = {key: document.get(key) for key in ("type", "time", "customer", "data")}
    if document.get("incomplete") is not None:
        content["incomplete"] = document["incomplete"]
    return digest("body", orjson.dumps(_canonical(content), option=orjson.OPT_SORT_KEYS).decode())


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value.strip()).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            return value
    return value


def _check_values(value: object, path: str, depth: int) -> None:
    """Refuse what no store and no template can carry: NUL, lone surrogates, NaN, endless nesting."""
    if depth > MAX_DEPTH:
        raise InputError(f"{path}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        if "\x00" in value:
            raise InputError(f"{path}: has a NUL character")
        if len(value) > MAX_TEXT:
            raise InputError(f"{path}: longer than {MAX_TEXT:,} characters")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise InputError(f"{path}: has half of a surrogate pair")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise InputError(f"{path}: has a key that is not text")
            _check_values(key, f"{path}: a key", depth)
            _check_values(inner, f"{path}.{key}" if depth else key, depth + 1)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            _check_values(inner, f"{path}.{position}", depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{path}: must be a finite number")
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**64:
            raise InputError(f"{path}: a whole number of more than 64 bits", hint="send it as text")
    elif value is not None:
        raise InputError(f"{path}: a {type(value).__name__} is not JSON")


_PLAIN = {
    "missing": "is missing",
    "string_type": "must be text",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_pattern_mismatch": 'must be lower-case words with dots, like "order.placed"',
    "string_too_long": "is too long",
}


def _problem(error: ValidationError) -> str:
    """The first thing that is wrong, by its path."""
    problem = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in problem["loc"] if part not in ("str", "int", "float", "bool"))
    text = _PLAIN.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    return f"{path}: {text}"
