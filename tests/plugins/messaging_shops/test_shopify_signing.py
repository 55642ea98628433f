"""Whose word Shopify's is: signatures, secrets, other shops, settings."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from messaging import (
    RequestRejected,
    SettingsError,
)
from messaging.services.plugin_settings import read_settings
from messaging_shops.shopify import Shopify, ShopifySettings
from tests.plugins.messaging_shops.shopify_shop import (
    BODIES,
    DOMAIN,
    SECRET,
    make,
    request,
    sign,
)


def verify(source: Shopify, body: bytes, signature: str | None = None, **headers: str) -> bool:
    given = headers if signature is None else {"x-shopify-hmac-sha256": signature, **headers}
    try:
        source.verify(request("orders/create", body, **given))
    except RequestRejected:
        return False
    return True


def test_forged_signatures() -> None:
    source, body = make(), BODIES["orders/create"]
    good = sign(body)
    assert verify(source, body)
    wrong = [
        "",
        good[:1],
        good[:-1],
        good[:-4],
        f"{good}=",
        f"{good}A",
        good.swapcase(),
        f" {good}",
        "é",
        "\x00",
        "=" * 99,
    ]
    assert not any(verify(source, body, signature) for signature in wrong)
    assert not verify(source, body, hmac.digest(SECRET.encode(), body, "sha256").hex())
    assert not verify(source, body, sign(body, "another secret"))
    assert not verify(source, json.dumps(json.loads(body)).encode(), good)


def test_a_secret_is_changed_without_a_gap() -> None:
    body = BODIES["orders/create"]
    both = make(secrets=" shpss_new_0001  shpss_old_0001\n")  # as a variable holds them
    assert verify(both, body, sign(body, "shpss_new_0001"))
    assert verify(both, body, sign(body, "shpss_old_0001"))
    assert not verify(both, body, sign(body, "shpss_new_0001 shpss_old_0001"))
    assert not verify(make(secrets=["shpss_new_0001"]), body, sign(body, "shpss_old_0001"))


def test_what_another_shop_of_the_same_app_posts() -> None:
    source, body = make(domain=DOMAIN), BODIES["orders/create"]
    assert verify(source, body, **{"x-shopify-shop-domain": "TEA.myshopify.com"})
    for other in ("", "coffee.myshopify.com", "tea.myshopify.com.evil.example"):
        assert not verify(source, body, **{"x-shopify-shop-domain": other})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"secrets": []}, "secrets"),
        ({"secrets": ["  "]}, "secrets is empty"),
        ({"secrets": "correct horse battery staple"}, "secrets: words too short to be secrets"),
        ({"secrets": [SECRET], "access_token": "shpat_x"}, "access_token needs domain"),
        ({"secrets": [SECRET], "domain": "tea.example"}, "domain"),
    ],
)
def test_settings_that_are_wrong(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as caught:
        read_settings(ShopifySettings, settings, ("sources", "shopify", "main"))
    assert SECRET not in str(caught.value)
