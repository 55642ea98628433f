"""The one message all measurements use: html of more than 10 kB, a text part, ten tracked links."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2
from babel.numbers import format_currency

_PARAGRAPH = (
    "Fresh from the spring harvest, picked by hand on the upper slopes and dried slowly, it brews to a clear "
    "amber cup with a note of muscat. We tasted eleven lots this year and kept two of them. "
)

HTML = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ brand.name }}</title></head>'
    '<body style="margin:0;background:#f4f4f2"><table role="presentation" width="600"><tr><td>'
    "<h1>Hello {{ customer.first_name }}</h1>\n"
    "{% if customer.city %}<p>Greetings to {{ customer.city }}, {{ customer.country }}.</p>{% endif %}"
    + "".join(f"<p>{_PARAGRAPH * 3}</p>\n" for _ in range(16))
    + '{% for tea, price in [("Darjeeling", "18.90"), ("Assam", "9.50"), ("Ceylon", "11.20"), ("Keemun", "24.00")] %}'
    "<p><b>{{ tea }}</b> for {{ customer.first_name|upper }}, {{ price|money('EUR') }}: "
    '<a href="https://shop.example/tea/{{ loop.index }}?from={{ customer.id|urlencode }}">see it</a></p>\n{% endfor %}'
    + "".join(f'<p><a href="https://shop.example/page/{n}">Page {n}</a></p>\n' for n in range(6))
    + '<p>{{ brand.address }}</p><p><a href="{{ brand.contact_url }}">Write to us</a> '
    '<a href="{{ unsubscribe_url }}">Unsubscribe</a></p></td></tr></table></body></html>'
)
TEXT = (
    "Hello {{ customer.first_name }}\n\n"
    + _PARAGRAPH * 4
    + "\n\n{% for tea, price in [('Darjeeling', '18.90'), ('Assam', '9.50'), ('Ceylon', '11.20'), ('Keemun', '24.00')] %}"
    "* {{ tea }}, {{ price|money('EUR') }}\n{% endfor %}\n"
    "{{ brand.address }}\n{{ brand.contact_url }}\n{{ unsubscribe_url }}\n"
)
SUBJECT = "Spring teas for {{ customer.first_name }}"

TOML = f"""\
class = "marketing"
topic = "news"
subject = "{SUBJECT}"
channels = ["email"]
[fallbacks]
"customer.first_name" = "there"
"customer.city" = ""
"customer.country" = ""
"""


def write_template(templates: Path, name: str = "bench") -> None:
    """Put the message into a workspace's templates."""
    folder = templates / name
    folder.mkdir()
    (folder / "template.toml").write_text(TOML, "utf-8")
    (folder / "email.html").write_text(HTML, "utf-8")
    (folder / "email.txt").write_text(TEXT, "utf-8")


def stock() -> tuple[jinja2.Template, jinja2.Template]:
    """Its html and text parts as stock Jinja2 has them, with the same Babel filter."""
    found = []
    for source, escaped in ((HTML, True), (TEXT, False)):
        environment = jinja2.Environment(autoescape=escaped)
        environment.filters["money"] = lambda amount, currency: format_currency(Decimal(amount), currency, locale="en")
        found.append(environment.from_string(source))
    return found[0], found[1]


def context(customer: int) -> dict[str, Any]:
    """What stock Jinja2 is given for the same message."""
    return {
        "customer": {
            "id": f"C{customer:06d}",
            "first_name": f"Name{customer}",
            "city": "Sampletown",
            "country": "DE",
        },
        "brand": {
            "name": "Our shop",
            "address": "1 Market Street",
            "contact_url": "https://shop.example/contact",
        },
        "unsubscribe_url": "https://shop.example/u/token",
    }
