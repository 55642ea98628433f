"""A template: the parts of one message per channel and locale, and what makes it be sent.

`Template` is what a person wrote, read from its folder. `TemplateVersion` is that, prepared for rendering and frozen:
content-addressed, kept for ever by the store, and all that a renderer needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from messaging.nouns.documents import Document, without_empty
from messaging.nouns.message import MessageClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """In a template's file: the event that sends it, the key that makes it once, when, unless what."""

    #: The event type: `order.placed`.
    event: str
    #: Dotted path into the event's data (`cart.id`), or several with `+`; None: what the event is about.
    key: str | None = None
    #: How long after the event; a later event with the same key moves it.
    after: timedelta | None = None
    #: Dotted paths of what it waits for with `after`: as soon as one of them is told, it goes.
    waits_for: tuple[str, ...] = ()
    #: Or when, as an expression with `+`: `shipment.eta + 1 day`. With both, at the later time.
    at: str | None = None
    #: Expression over customer and history, evaluated when due: true means skip.
    unless: str | None = None
    #: Event types that cancel it while it waits, matched on the key where they have one.
    cancel_on: tuple[str, ...] = ()
    #: An event older than this when it arrives plans nothing.
    max_age: timedelta | None = None
    #: For an event about a product: the segment it goes to.
    audience: str | None = None
    #: Or the event type by which customers asked for that product: each request is answered once.
    answers: str | None = None

    @property
    def to_many(self) -> bool:
        """Whether it goes to others than whom the event is about."""
        return self.audience is not None or self.answers is not None

    def to_document(self) -> Document:
        return without_empty(
            {
                "event": self.event,
                "key": self.key,
                "after": self.after.total_seconds() if self.after is not None else None,
                "waits_for": list(self.waits_for),
                "at": self.at,
                "unless": self.unless,
                "cancel_on": list(self.cancel_on),
                "max_age": self.max_age.total_seconds() if self.max_age is not None else None,
                "audience": self.audience,
                "answers": self.answers,
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Trigger:
        values = dict(document)
        for name in ("after", "max_age"):
            if values.get(name) is not None:
                values[name] = timedelta(seconds=values[name])
        for name in ("cancel_on", "waits_for"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template as written: `template.toml` and the part files beside it."""

    name: str
    message_class: MessageClass
    topic: str
    description: str = ""
    #: In order of preference: the first that can reach the customer.
    channels: tuple[str, ...]
    #: Dotted path in the context -> what stands in when it is missing, null or empty.
    fallbacks: Mapping[str, Any] = field(default_factory=dict)
    #: (channel, locale or "", part) -> source. Parts: `subject`, `preheader`, `html`, `text`, `mjml`; sms: `text`;
    #: others: `body`.
    sources: Mapping[tuple[str, str, str], str]
    #: (channel, locale or "", part) -> the file it came from, for messages about it.
    files: Mapping[tuple[str, str, str], str]
    #: (channel, locale or "", part) -> the line of its file where it begins, if not the first.
    lines: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    #: Layouts and includes by the name templates call them by -> source.
    shared: Mapping[str, str] = field(default_factory=dict)
    from_: str | None = None
    reply_to: str | None = None
    #: Values it cannot do without, beyond what `check` works out: dotted paths.
    requires: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    #: Example data for previews: as an event's `data`.
    sample: Mapping[str, Any] = field(default_factory=dict)


#: What the variant is called that stands outside of the locale folders: it is for everybody else.
DEFAULT_VARIANT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSlot:
    """One place in one part where a link stands."""

    #: Counts from 1 over all parts of the version.
    slot: int
    channel: str
    locale: str
    part: str
    #: What a person calls it: the link's text, else its address as written.
    label: str
    #: The address, if it has no variable in it; else None and the address travels in the token.
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVersion:
    """Everything that rendering needs, prepared once and frozen."""

    #: Hash of all that follows, 32 hex digits.
    version: str
    template: str
    message_class: MessageClass
    topic: str
    channels: tuple[str, ...]
    fallbacks: Mapping[str, Any]
    #: channel -> locale or "" -> part -> prepared source (layouts flattened, styles inlined, links numbered).
    parts: Mapping[str, Mapping[str, Mapping[str, str]]]
    links: tuple[LinkSlot, ...]
    brand: Mapping[str, Any]
    from_: str
    reply_to: str | None = None

    def to_document(self) -> Document:
        return {
            "version": self.version,
            "template": self.template,
            "message_class": self.message_class.value,
            "topic": self.topic,
            "channels": list(self.channels),
            "fallbacks": dict(self.fallbacks),
            "parts": {c: {loc: dict(parts) for loc, parts in by.items()} for c, by in self.parts.items()},
            "links": [
                [link.slot, link.channel, link.locale, link.part, link.label, link.target] for link in self.links
            ],
            "brand": dict(self.brand),
            "from": self.from_,
            "reply_to": self.reply_to,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> TemplateVersion:
        return cls(
            version=document["version"],
            template=document["template"],
            message_class=MessageClass(document["message_class"]),
            topic=document["topic"],
            channels=tuple(document["channels"]),
            fallbacks=document["fallbacks"],
            parts=document["parts"],
            links=tuple(
                LinkSlot(slot=slot, channel=channel, locale=locale, part=part, label=label, target=target)
                for slot, channel, locale, part, label, target in document["links"]
            ),
            brand=document["brand"],
            from_=document["from"],
            reply_to=document["reply_to"],
        )
