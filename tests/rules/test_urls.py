"""What of an url may be shown, and what in it is a secret."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.urls import secrets_in, without_secret


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://shop:geheim@db.example/shop", "postgresql://shop@db.example/shop"),
        (
            "postgresql://shop@db.example:5432/shop?schema=a&pool=3",
            "postgresql://shop@db.example:5432/shop?schema=a&pool=3",
        ),
        ("postgresql://db.example/shop", "postgresql://db.example/shop"),
        ("postgresql:///shop?host=/run/postgresql", "postgresql:///shop?host=/run/postgresql"),
        ("postgresql://shop:ge@heim@db.example/shop", "postgresql://shop@db.example/shop"),
        ("postgresql://sh@op:geheim@db.example/shop", "postgresql://sh@db.example/shop"),
        ("postgresql://shop:ge/he?im#@db.example/shop", "postgresql://shop@db.example/shop"),
        ("postgresql://h/d?password=geheim&sslmode=require", "postgresql://h/d?password=******&sslmode=require"),
        ("postgresql://h/d?geheim", "postgresql://h/d?geheim=******"),
        ("tinydb:data/store.jsonl", "tinydb:data/store.jsonl"),
    ],
)
def test_what_is_shown(url, shown):
    assert without_secret(url) == shown


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("postgresql://shop:ge%40heim@db.example/shop", {"ge%40heim", "ge@heim"}),
        ("postgresql://shop:geheim@sehr@db.example/shop", {"geheim@sehr", "geheim", "sehr"}),
        ("postgresql://h/d?password=ge%2Bheim&sslpassword=x+y&schema=a", {"ge%2Bheim", "ge+heim", "x+y", "x y"}),
        ("postgresql://postgres@[::1/x", set()),
        ("redis://:geheim@127.0.0.1/0", {"geheim"}),
        ("", set()),
    ],
)
def test_what_is_secret(url, secrets):
    assert secrets_in(url) == secrets


@given(password=st.text(min_size=6).map(lambda text: f"~{text}~"), escaped=st.booleans())
def test_no_password_is_shown_and_each_is_known(password, escaped):
    written = quote(password, safe="") if escaped else password
    url = f"postgresql://shop:{written}@db.example/shop"
    assert without_secret(url) == "postgresql://shop@db.example/shop"
    assert {written, *([password] if escaped else [])} <= secrets_in(url)
