"""What a template may find in its context, as data: the customer, the event that sends it, the shop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from messaging.nouns.customer import PROFILE_FIELDS
from messaging.nouns.template import Template
from messaging.rendering.fields import FUNCTIONS, Field
from messaging.rules.envelope import DataPart, ItemPart, ProductPart

#: What a shop's settings say of itself; always there, empty where it is not set.
BRAND_FIELDS = [
    "name",
    "from",
    "reply_to",
    "address",
    "phone",
    "hours",
    "url",
    "contact_url",
    "faq_url",
    "logo_url",
    "color",
    "color_text",
    "currency",
    "locale",
    "timezone",
    "country",
]


#: What is worked out of all that was told of an order (`rules.telling`).
_WORKED_OUT: Mapping[str, Callable[[], Field]] = {
    "order.unshipped": lambda: Field(optional=True, items=_model(ItemPart)),
    "order.undelivered": lambda: Field(optional=True, items=_model(ItemPart)),
    "refund.whole": lambda: Field(optional=True),
}


def schema_for(
    template: Template,
    *,
    brand: Iterable[str] = (),
    attributes: Collection[str] = (),
    known: Collection[str] = (),
) -> Field:
    """What `template` may find: by the events that trigger it, and what its own settings speak of.

    Args:
        brand: names of the brand's values, beyond the usual ones.
        attributes: names of the customers' attributes.
        known: further names and paths, that plugins add to the context or the environment: nothing is said of
            what is inside them.
    """
    context = Field()
    context.fields["customer"] = Field(
        fields={"id": Field(), **{name: Field(optional=True) for name in (*PROFILE_FIELDS, *attributes)}}
    )
    context.fields["brand"] = Field(fields={name: Field() for name in (*BRAND_FIELDS, *brand)})
    context.fields["message"] = Field(
        fields={"id": Field(), "template": Field(), "preheader": Field(), "campaign": Field(optional=True)}
    )
    for name in ("unsubscribe_url", "preferences_url", "locale", "timezone", "now", "preheader"):
        context.fields[name] = Field()
    for name in FUNCTIONS:
        context.fields[name] = Field(open=True)
    context.fields["recommended"] = Field(items=_product())
    if template.triggers:
        context.fields["event"] = Field(fields={name: Field() for name in ("id", "type", "time", "source", "shop")})
        events = dict.fromkeys(trigger.event for trigger in template.triggers)
        for name, part in _model(DataPart).fields.items():
            # There in every case only if every event that sends the template is about it.
            others = [event for event in events if event.partition(".")[0] != name]
            part.optional = bool(others)
            part.reason = f"{' and '.join(others)} need not bring it" if others else ""
            context.fields[name] = part
        for path, table in _WORKED_OUT.items():
            name, _, inner = path.partition(".")
            context.fields[name].fields[inner] = table()
    for name, value in template.sample.items():
        _learn(context, name, value)
    for path in (*template.requires, *template.fallbacks):
        _learn_path(context, path.split("."), required=path in template.requires)
    for path in known:
        _learn_path(context, path.split("."), required=True).open = True
    return context


def _product() -> Field:
    """A product that is recommended: an article number and a name, and what else was told of it."""
    product = _model(ProductPart)
    del product.fields["id"]
    product.fields["sku"].optional = product.fields["name"].optional = False
    return product


def _model(model: type[BaseModel]) -> Field:
    found = Field()
    for name, info in model.model_fields.items():
        found.fields[name] = _annotation(info.annotation)
        found.fields[name].optional = not info.is_required()
    return found


def _annotation(annotation: Any) -> Field:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _model(annotation)
    inner = [found for found in map(_annotation, get_args(annotation)) if found.fields or found.items]
    if not inner:
        return Field()
    return Field(items=inner[0]) if getattr(annotation, "__origin__", None) is list else inner[0]


def _learn(table: Field, name: str, value: Any) -> None:
    """Take a sample's shape as known: what the shop sends beyond the envelope's own fields."""
    here = table.fields.setdefault(name, Field(optional=True))
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _learn(here, str(key), inner)
    elif isinstance(value, list):
        here.items = here.items or Field()
        for item in value:
            if isinstance(item, Mapping):
                for key, inner in item.items():
                    _learn(here.items, str(key), inner)


def _learn_path(table: Field, path: list[str], *, required: bool) -> Field:
    for name in path:
        table = table.fields.setdefault(name, Field(optional=True))
        if required:
            table.optional = False
    return table
