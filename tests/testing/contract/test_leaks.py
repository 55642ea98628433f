"""Secrets and addresses are found, however they are written."""

from __future__ import annotations

import base64

import pytest

from messaging.testing.contract.leaks import addresses_in, stands_in


@pytest.mark.parametrize("way", ["{}", "key={}", "({!r})"])
def test_a_secret_is_found(way: str) -> None:
    secret = "s3cret/töken+7"
    assert stands_in(secret, way.format(secret))
    assert stands_in(secret, way.format(base64.b64encode(f"user:{secret}".encode()).decode()))
    assert not stands_in(secret, way.format("s3cret"))


def test_addresses_are_found_in_json_and_forms() -> None:
    assert addresses_in(b'{"to": "ann@example.com", "phone": "+12025550142"}') == ["ann@example.com", "+12025550142"]
    assert "+12025550142" in addresses_in(b"To=%2B12025550142&Body=Hello")
    assert "ann@example.com" in addresses_in(b"to=ann%40example.com")
