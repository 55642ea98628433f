"""Settings: what there is to set, section by section, and what it must be.

Adapters and plugins bring settings of their own (`[adapters.NAME]`, `[plugins.NAME]`); those are kept as they are and
checked by whom they belong to.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import ip_network
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    computed_field,
    field_validator,
    model_validator,
)

from messaging.nouns.customer import Customer
from messaging.rules.addresses import normalise_locale, normalise_zone
from messaging.rules.brand import (
    read_base_url,
    read_currency,
    read_line,
    read_link,
    read_mailbox,
    read_region,
    read_url,
)
from messaging.rules.colors import text_on
from messaging.rules.timing import parse_duration

#: Longer than any wait that is meant; a time so far from now can still be told.
_LONGEST = timedelta(days=3650)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _not_negative(value: timedelta) -> timedelta:
    if not timedelta() <= value <= _LONGEST:
        raise ValueError("must be from 0 to 10 years")
    return value


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be more than 0")
    return value


def _if_set(read: Callable[[str], str]) -> Callable[[str | None], str | None]:
    """`read`, for a setting that need not be there; an empty text is none."""
    return lambda text: read(text) if text else None


class Brand(_Section):
    """Who writes: shown in every message."""

    #: As readers know the shop.
    name: str = "Our shop"
    #: `Name <address>` or an address.
    from_: str = Field(default="Our shop <shop@example.com>", alias="from")
    #: Where answers go, if not to the sender.
    reply_to: str | None = None
    #: Postal address: law asks for it in marketing mail (CAN-SPAM).
    address: str | None = None
    #: Where a person answers.
    phone: str | None = None
    #: When a person answers.
    hours: str | None = None
    #: The shop itself.
    url: str | None = None
    #: The page to write to a person. Every message must show one way to reach one.
    contact_url: str | None = None
    #: Answers to usual questions.
    faq_url: str | None = None
    #: Shown at the top instead of the name.
    logo_url: str | None = None
    #: Accent of the starter templates, as `#rrggbb`.
    color: str = Field(default="#1f5eff", pattern="^#[0-9a-fA-F]{6}$")
    #: Of amounts that name none, and of totals in segments. ISO 4217.
    currency: str = "EUR"
    #: Language of customers who have none: `en`, `de-AT`.
    locale: str = "en"
    #: Of customers who have none; IANA name, like `Europe/Vienna`.
    timezone: str = "UTC"
    #: ISO 3166 region that phone numbers without a country code belong to.
    country: str | None = None

    _name = field_validator("name")(read_line)
    _from = field_validator("from_")(read_mailbox)
    _reply_to = field_validator("reply_to")(_if_set(read_mailbox))
    _lines = field_validator("phone", "hours")(_if_set(read_line))
    _pages = field_validator("url", "logo_url")(_if_set(read_url))
    _links = field_validator("contact_url", "faq_url")(_if_set(read_link))
    _currency = field_validator("currency")(read_currency)
    _locale = field_validator("locale")(normalise_locale)
    _timezone = field_validator("timezone")(normalise_zone)
    _country = field_validator("country")(_if_set(read_region))

    @computed_field  # type: ignore[prop-decorator] # pydantic has it so
    @property
    def color_text(self) -> str:
        """The colour of text on `color`: templates have it beside the others."""
        return text_on(self.color)


class Server(_Section):
    """The web server."""

    #: What links in messages begin with, as the world reaches the public app.
    base_url: str = "http://127.0.0.1:8400"
    #: Where to listen; elsewhere than on this machine the staff app asks for its password.
    host: str = "127.0.0.1"
    #: Of the public app; 0 takes any that is free.
    port: int = Field(default=8400, ge=0, le=65535)
    #: Of the staff app.
    staff_port: int = Field(default=8401, ge=0, le=65535)
    #: Let messages that leave the machine carry links the world cannot open, or can read on the way.
    allow_insecure_links: bool = False
    #: Largest request body, in bytes.
    max_body: int = Field(default=1_000_000, ge=1)
    #: How late order messages, and the effects of accepted events, may be before `/readyz` says so.
    overdue: timedelta = timedelta(minutes=2)

    _base_url = field_validator("base_url")(read_base_url)
    _durations = field_validator("overdue", mode="before")(_duration)
    _bounds = field_validator("overdue")(_not_negative)


class StoreSettings(_Section):
    """Where everything is kept."""

    #: `tinydb:` and a path relative to the workspace; or `postgresql://user:password@host/database`, see
    #: [PostgreSQL](postgresql.md).
    url: str = "tinydb:data/store.jsonl"


class Queue(_Section):
    """Who sends what is due."""

    #: `inline`: the command or server that is running; `celery`: [workers](workers.md).
    use: Literal["inline", "celery"] = "inline"
    #: The broker that workers are woken by: `redis://[user:password@]host:port/number` or
    #: `amqp://user:password@host:port/vhost` (`rediss`, `amqps`: [over TLS](workers.md#security)).
    url: SecretStr | None = None
    #: What the names of its queues begin with; of the database and its schema unless you say. Workspaces that share a
    #: broker have one each.
    prefix: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,60}$")

    @field_validator("url")
    @classmethod
    def _is_a_broker(cls, value: SecretStr | None) -> SecretStr | None:
        broker = r"(redis|amqp)s?://[^/?#\s]+([/?]\S*)?"
        if value is not None and re.fullmatch(broker, value.get_secret_value()) is None:
            raise ValueError("must be like redis://broker.example:6379/0 or amqp://user:password@broker.example/shop")
        return value


class ChannelSettings(_Section):
    """One channel."""

    #: The adapter that delivers on it; email has `mailbox` without being told.
    adapter: str | None = None
    #: Customers without an address on it go by their id there: for an adapter that posts everybody's to one place.
    by_id: bool = False


#: Messages a second: one in three hours, and more than any provider takes.
_SLOWEST, _FASTEST = 0.0001, 1_000_000
_RATE = f"{{}} must have a number from {_SLOWEST} to {_FASTEST:,}, or 0 for no limit"
_TIMES = ("backoff", "backoff_max", "rest", "rest_max", "timeout", "campaign_late", "message_late")


class Sending(_Section):
    """How messages are handed over."""

    #: Hand-overs before a message counts as refused (gave up).
    attempts: int = Field(default=12, ge=1, le=10_000)
    #: First wait before another attempt; it doubles, with jitter.
    backoff: timedelta = timedelta(seconds=30)
    #: Longest wait before another attempt, also when a provider asks for more.
    backoff_max: timedelta = timedelta(hours=6)
    #: Messages a second, by adapter, from 0.0001 to 1,000,000; 0 is no limit.
    rate: dict[str, float] = Field(default_factory=dict)
    #: Whole hand-overs in a row that a provider turns away, or leaves without an answer, before its adapter rests.
    failures: int = Field(default=3, ge=1)
    #: The first rest of an adapter; each further one is twice as long, with jitter.
    rest: timedelta = timedelta(seconds=30)
    #: Longest rest of an adapter, also when a provider asks for more.
    rest_max: timedelta = timedelta(minutes=15)
    #: How long one hand-over may take before the adapter is given up on.
    timeout: timedelta = timedelta(seconds=60)
    #: What happens to a transactional message whose answer was lost.
    unknown: Literal["at_most_once", "at_least_once"] = "at_most_once"
    #: So many messages in a row that bounced for the address itself (a phone that is off, a full mailbox), with nothing
    #: delivered between them, suppress it; 0 is never.
    soft_bounces: int = Field(default=5, ge=0)
    #: A campaign that is later than this is held, not sent.
    campaign_late: timedelta = timedelta(hours=2)
    #: A triggered message that is later than this is skipped.
    message_late: timedelta = timedelta(days=2)

    _durations = field_validator(*_TIMES, mode="before")(_duration)
    _bounds = field_validator(*_TIMES)(_not_negative)
    _some = field_validator("rest", "rest_max", "timeout", "campaign_late", "message_late")(_positive)

    @field_validator("rate", mode="before")
    @classmethod
    def _numbers(cls, rates: object) -> object:
        for adapter, rate in rates.items() if isinstance(rates, Mapping) else ():
            if isinstance(rate, bool):
                raise ValueError(_RATE.format(adapter))  # it would be read as 1 or 0
        return rates

    @field_validator("rate")
    @classmethod
    def _rates(cls, rates: dict[str, float]) -> dict[str, float]:
        for adapter, rate in rates.items():
            if rate and not _SLOWEST <= rate <= _FASTEST:
                raise ValueError(_RATE.format(adapter))
        return rates


class OutgoingSettings(_Section):
    """Requests to others: receivers of webhooks, providers, shops. `HTTPS_PROXY` and its like are not read."""

    #: Networks that may be reached although they are not public: `["10.1.0.0/16"]`.
    allow_private: tuple[str, ...] = ()
    #: Let requests travel in the clear.
    allow_http: bool = False
    #: How long finding, connecting to and greeting a host may take.
    connect_timeout: timedelta = timedelta(seconds=10)
    #: How long a whole request may take, answer included, where whoever asks does not say it.
    timeout: timedelta = timedelta(seconds=30)
    #: Further certificate authorities to trust: a PEM file, relative to the workspace.
    ca_file: str | None = None
    #: `http://[user:password@]host:port`: all requests go through it. It finds the hosts itself, so it must keep
    #: private addresses shut.
    proxy: SecretStr | None = None

    _durations = field_validator("connect_timeout", "timeout", mode="before")(_duration)

    @field_validator("allow_private")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ip_network(text)) for text in value)
        except ValueError:
            raise ValueError('must be networks, like ["10.1.0.0/16"]') from None

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and re.fullmatch(r"http://[^/?#\s]+/?", value.get_secret_value()) is None:
            raise ValueError("must be like http://proxy.example:3128")
        return value


class LoggingSettings(_Section):
    """What is logged, on standard error. No address, token or secret is."""

    #: `text`, or `json`: an object a line.
    format: Literal["text", "json"] = "text"
    #: From how much weight on.
    level: Literal["debug", "info", "warning", "error"] = "warning"


class Retention(_Section):
    """How long what is kept."""

    #: The rendering context of triggered messages, so that they can be shown as they went out.
    content: timedelta = timedelta(days=90)
    #: Keep it for campaigns too; else those are shown with the customer's data of today.
    campaigns: bool = False

    _durations = field_validator("content", mode="before")(_duration)
    _bounds = field_validator("content")(_not_negative)


class PluginSettings(_Section):
    """Plugins: which are off; a table per plugin for its own settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    #: Names of plugins that are not loaded.
    off: tuple[str, ...] = ()
    #: How long one may take to be loaded, and to answer a hook, before it is given up on.
    timeout: timedelta = timedelta(seconds=10)

    _durations = field_validator("timeout", mode="before")(_duration)
    _some = field_validator("timeout")(_positive)

    @model_validator(mode="after")
    def _tables(self) -> Self:
        for name, table in (self.model_extra or {}).items():
            if not isinstance(table, Mapping):
                raise ValueError(f"{name} is no setting: a plugin's own are a table, [plugins.{name}]")
        return self

    @property
    def tables(self) -> tuple[str, ...]:
        """The plugins that have one."""
        return tuple(self.model_extra or ())

    def of(self, name: str) -> Mapping[str, Any]:
        """The plugin's own table."""
        table: Mapping[str, Any] = (self.model_extra or {}).get(name, {})
        return table


AttributeType = Literal["text", "number", "boolean", "date"]


class Settings(_Section):
    """All of messaging.toml."""

    brand: Brand = Brand()
    server: Server = Server()
    store: StoreSettings = StoreSettings()
    queue: Queue = Queue()
    channels: dict[str, ChannelSettings] = Field(default_factory=dict)
    #: Settings of adapters, each in a table of its name.
    adapters: dict[str, dict[str, Any]] = Field(default_factory=dict)
    #: Shops whose own webhooks are taken in: kind of shop, then shop, then its settings.
    sources: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)
    sending: Sending = Sending()
    outgoing: OutgoingSettings = OutgoingSettings()
    logging: LoggingSettings = LoggingSettings()
    retention: Retention = Retention()
    plugins: PluginSettings = PluginSettings()
    #: What readers see topics called: a text, or one for each language, `offers = {en = "Offers", de = "Angebote"}`.
    topics: dict[str, dict[str, str]] = Field(default_factory=dict)
    #: What is known about customers beyond the usual fields: name and type. An import adds what it finds.
    attributes: dict[str, AttributeType] = Field(default_factory=dict)

    @field_validator("topics", mode="before")
    @classmethod
    def _labels(cls, value: Any) -> Any:
        """One text is that of every language; `pt-BR` names the language `pt`."""
        if not isinstance(value, Mapping):
            return value
        return {
            topic: {"": labels}
            if isinstance(labels, str)
            else {str(locale).partition("-")[0].lower(): label for locale, label in labels.items()}
            if isinstance(labels, Mapping)
            else labels
            for topic, labels in value.items()
        }

    def adapter_for(self, channel: str) -> str | None:
        """The name of the adapter that delivers on `channel`; email has one without being told."""
        chosen = self.channels.get(channel)
        if chosen is not None and chosen.adapter:
            return chosen.adapter
        return "mailbox" if channel == "email" else None

    def address_of(self, customer: Customer, channel: str) -> str | None:
        """Where a customer is reached on `channel`."""
        chosen = self.channels.get(channel)
        return customer.address(channel) or (customer.id if chosen is not None and chosen.by_id else None)


def brand_values(settings: Settings) -> dict[str, Any]:
    """The brand as templates see it: what is not set is an empty text, so that a layout can ask for it."""
    values = settings.brand.model_dump(by_alias=True)
    return {key: value if value is not None else "" for key, value in values.items()}
