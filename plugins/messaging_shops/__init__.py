"""Shops' own webhooks as events: BigCommerce, Magento and Adobe Commerce, Shopify, Stripe, WooCommerce, and one's own
shop by Standard Webhooks.

What all have in common is in `shop` (secrets, topics), `signing`, `asking` (their APIs), and what makes our words of
theirs: `telling`, `reading`, `money`, `people`, `items`. One module a shop; where events are many, they are in others
beside it.
"""

from __future__ import annotations

from messaging import EventSource, hookimpl
from messaging_shops.bigcommerce import BigCommerce
from messaging_shops.magento import Magento
from messaging_shops.shopify import Shopify
from messaging_shops.standard import Standard
from messaging_shops.stripe import Stripe
from messaging_shops.woocommerce import WooCommerce


@hookimpl
def register_event_sources() -> list[type[EventSource]]:
    return [BigCommerce, Magento, Shopify, Standard, Stripe, WooCommerce]
