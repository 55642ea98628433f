"""What a message must show its reader: how to reach a person; in promotions also a way out and who sends them.

One rule for both who ask: `check` tells everything, and sending refuses a promotion that lacks something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template
from messaging.rendering.survey import Shown, Survey

_CONTACT = ("brand.contact_url", "brand.phone", "brand.reply_to", "brand.faq_url", "brand.hours")
#: Written by the machine, for a machine.
_MACHINES = ("webhook",)
#: Parts that are no body.
_LINES = ("subject", "preheader")


class Lack(NamedTuple):
    """Something that a channel and locale of a template does not show."""

    file: str
    #: `error`: it is not there; `warning`: it is, but the shop's settings leave it empty.
    severity: str
    message: str
    hint: str


def lacks(template: Template, survey: Survey, brand: Mapping[str, Any]) -> Iterator[Lack]:
    """What `template` does not show, in each channel and locale that people read. `brand`: as templates see it."""
    for shown in survey.shown:
        if shown.channel in _MACHINES:
            continue
        file = body_file(template, shown.channel, shown.locale)
        yield from _contact(shown, file, brand)
        if template.message_class is MessageClass.MARKETING:
            yield from _marketing(shown, file, brand)


def body_file(template: Template, channel: str, locale: str) -> str:
    """Where the body of one channel and locale is written."""
    bodies = (file for key, file in template.files.items() if key[:2] == (channel, locale) and key[2] not in _LINES)
    return next(bodies, f"templates/{template.name}/template.toml")


def _contact(shown: Shown, file: str, brand: Mapping[str, Any]) -> Iterator[Lack]:
    contacts = [path for path in _CONTACT if path in shown.used]
    if shown.direct:
        return
    if not contacts:
        yield Lack(
            file,
            "error",
            "it does not say how to reach a person",
            "show brand.contact_url, brand.phone, brand.hours or brand.faq_url",
        )
    elif not any(brand.get(path.partition(".")[2]) for path in contacts):
        yield Lack(
            "messaging.toml",
            "warning",
            f"{shown.channel} messages do not say how to reach a person: {' and '.join(contacts)} not set",
            "set it in [brand]",
        )


def _marketing(shown: Shown, file: str, brand: Mapping[str, Any]) -> Iterator[Lack]:
    """CAN-SPAM 15 U.S.C. 7704(a)(5), GDPR art. 21(4): a way out, and a postal address."""
    email = shown.channel == "email"
    if "unsubscribe_url" not in shown.used and not (shown.stop and not email):
        link = 'write <a href="{{ unsubscribe_url }}">Unsubscribe</a>'
        yield Lack(
            file,
            "error",
            "a marketing message must carry a way to unsubscribe",
            link if email else "write STOP, or {{ unsubscribe_url }}",
        )
    if email and "brand.address" not in shown.used:
        yield Lack(file, "error", "a marketing message must carry the postal address", "show {{ brand.address }}")
    elif email and not brand.get("address"):
        yield Lack(
            "messaging.toml",
            "warning",
            "marketing messages carry no postal address: brand.address is not set",
            "set it in [brand]",
        )
