"""The source `woocommerce`: what WooCommerce posts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from messaging import EventSource, Request, SourceSettings
from messaging_shops.shop import ShopSettings
from messaging_shops.signing import check, in_base64


class WooCommerce(EventSource):
    """Signed by HMAC-SHA256."""

    name: ClassVar[str] = "woocommerce"
    Settings: ClassVar[type[SourceSettings]] = ShopSettings

    settings: ShopSettings

    def verify(self, request: Request) -> None:
        check((in_base64(key, request.body) for key in self.settings.keyring()), request.header("x-signature"))

    def events(self, request: Request) -> Iterator[Mapping[str, Any]]:
        return iter(())
