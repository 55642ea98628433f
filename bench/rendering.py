"""What rendering one message costs, beside stock Jinja2 rendering the same parts from the same sources.

    python bench/rendering.py

The message: an order confirmation of more than 10 kB of HTML (a layout, four items in a loop, filters for money and
dates), a text part, ten links. Ours tracks the links, counts what it costs and guards every value; stock Jinja2 does
none of it. Both run in this process, in turns; the ratio is what to trust.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import DictLoader, Environment

from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template
from messaging.rendering.prepare import prepare
from messaging.rendering.render import Renderer

LAYOUT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ brand.name }}</title></head>
<body style="margin:0;background-color:#f5f5f4;font-family:Helvetica,Arial,sans-serif;font-size:16px;color:#1c1917">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="background-color:#ffffff">
<tr><td style="padding:24px;font-size:20px"><a href="https://shop.example/">{{ brand.name }}</a></td></tr>
<tr><td style="padding:24px">{% block content %}{% endblock %}</td></tr>
<tr><td style="padding:24px;color:#57534e;font-size:13px">FILLER
<a href="https://shop.example/help">Help</a> <a href="https://shop.example/contact">Contact</a>
<a href="https://shop.example/returns">Returns</a><br>{{ brand.name }}, {{ brand.address }}</td></tr>
</table></td></tr></table></body></html>
""".replace("FILLER", '<p style="margin:0 0 8px">We pack by hand and ship within a day.</p>\n' * 160)

HTML = """{% extends "_layouts/base.html" %}{% block content %}
<h1 style="font-size:26px">Thank you, {{ customer.first_name }}</h1>
<p>Your order <b>{{ order.number }}</b> of {{ order.placed_at | date }} comes to {{ order.total | money(order.currency) }}.</p>
<p><a href="{{ order.url }}">View your order</a></p>
<table role="presentation" width="100%">
{% for item in order['items'] %}<tr>
<td style="padding:12px 0"><a href="{{ item.url }}">{{ item.name }}</a><br>Quantity {{ item.quantity }}
{% if item.note %}<br><i>{{ item.note }}</i>{% endif %}</td>
<td align="right" style="padding:12px 0">{{ item.price | money(order.currency) }}</td></tr>
{% endfor %}
</table>
<p>Shipping to {{ customer.city | upper }}, {{ customer.country }}. <a href="{{ order.invoice_url }}">Invoice</a></p>
{% endblock %}"""

TEXT = """Thank you, {{ customer.first_name }}

Your order {{ order.number }} of {{ order.placed_at | date }} comes to {{ order.total | money(order.currency) }}.
{% for item in order['items'] %}
{{ item.quantity }} x {{ item.name }}  {{ item.price | money(order.currency) }}
{{ item.url }}
{% endfor %}
View your order: {{ order.url }}
{{ brand.name }}, {{ brand.address }}
"""

BRAND = {
    "name": "Tea & Co",
    "address": "1 High Street, Sampletown",
    "currency": "EUR",
    "locale": "en",
    "timezone": "UTC",
}


def context(number: int) -> dict[str, object]:
    """The values of one message."""
    items = [
        {
            "name": f"Darjeeling <First> Flush no. {index}",
            "quantity": index,
            "price": str(Decimal(1890 + 100 * index) / 100),
            "url": f"https://shop.example/products/{index}",
            "note": "",
        }
        for index in range(1, 5)
    ]
    return {
        "customer": {"first_name": f"Ann {number}", "city": "Vienna", "country": "AT", "locale": "en"},
        "order": {
            "number": str(10_000 + number),
            "placed_at": datetime(2026, 3, 1 + number % 28, 10, tzinfo=UTC),
            "total": str(Decimal(8470 + number) / 100),
            "currency": "EUR",
            "items": items,
            "url": f"https://shop.example/orders/{number}",
            "invoice_url": f"https://shop.example/orders/{number}/invoice",
        },
        "brand": BRAND,
        "locale": "en",
        "unsubscribe_url": "",
        "preferences_url": "",
    }


class Links:
    """Addresses that cost nothing to make: what signing costs is not rendering's."""

    def click(self, slot: int, turn: int, target: str | None) -> str:
        return "https://links.example/c/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"

    def pixel(self) -> str:
        return "https://links.example/o/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"

    def unsubscribe(self) -> str:
        return "https://links.example/u/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"

    def preferences(self) -> str:
        return "https://links.example/p/AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"


def stock() -> Callable[[dict[str, object]], int]:
    """Stock Jinja2: autoescape, the same sources, the same Babel filters."""
    sources = {"_layouts/base.html": LAYOUT, "html": HTML, "text": TEXT}
    environments = [Environment(loader=DictLoader(sources), autoescape=html) for html in (True, False)]
    for environment in environments:
        environment.filters["money"] = lambda amount, currency: format_currency(Decimal(amount), currency, locale="en")
        environment.filters["date"] = lambda value: format_date(value, "long", locale="en")
    html, text = environments[0].get_template("html"), environments[1].get_template("text")
    return lambda values: len(html.render(values)) + len(text.render(values))


def ours() -> Callable[[dict[str, object]], int]:
    """This project's renderer."""
    key = ("email", "", "html")
    template = Template(
        name="bench",
        message_class=MessageClass.TRANSACTIONAL,
        topic="orders",
        channels=("email",),
        sources={key: HTML, ("email", "", "text"): TEXT, ("email", "", "subject"): "Your order {{ order.number }}"},
        files={key: "email.html", ("email", "", "text"): "email.txt", ("email", "", "subject"): "template.toml"},
        shared={"_layouts/base.html": LAYOUT},
    )
    version = prepare(template, BRAND, from_="shop@example.com")
    renderer, links = Renderer(), Links()

    def render(values: dict[str, object]) -> int:
        parts = renderer.render(version, channel="email", locale="en", context=values, links=links)
        return sum(map(len, parts.values()))

    return render


def main() -> None:
    """Measure in turns and print."""
    contexts = [context(number) for number in range(200)]
    ways = {"stock Jinja2": stock(), "ours": ours()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(7):
        for name, render in ways.items():
            began = time.perf_counter()
            for values in contexts:
                render(values)
            times[name].append((time.perf_counter() - began) / len(contexts) * 1e6)
    print(f"Python {sys.version.split()[0]}, html and text {ways['ours'](contexts[0]):,} characters, 10 links")
    for name, took in times.items():
        print(f"{name:14} {statistics.median(took):7.1f} us a message")
    ratio = statistics.median(times["ours"]) / statistics.median(times["stock Jinja2"])
    print(f"ours / stock   {ratio:7.2f}")


if __name__ == "__main__":
    main()
