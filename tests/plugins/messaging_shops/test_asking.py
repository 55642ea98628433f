"""What is made of a shop's answers."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer

from messaging import DeliveryError, InputError, NotSent
from messaging.outgoing import Outgoing
from messaging_shops.asking import ask


@pytest.mark.parametrize("status", [204, 404, 410])
def test_there_is_no_such_thing(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/orders/1").respond_with_data("", status=status)
    assert ask(Outgoing(), httpserver.url_for("/orders/1"), {}) is None


@pytest.mark.parametrize("status", [301, 401, 403, 408, 429, 500, 503])
def test_another_time_may_be_better(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/orders/1").respond_with_data("", status=status)
    with pytest.raises(DeliveryError, match=f"^localhost answered {status}") as caught:
        ask(Outgoing(), httpserver.url_for("/orders/1"), {"X-Auth-Token": "s3cret"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-Rate-Limit-Time-Reset-Ms": "15000"}, 15),
        ({"X-Rate-Limit-Time-Reset-Ms": "1500", "Retry-After": "60"}, 1.5),
        ({"Retry-After": "2.0"}, 2),
        ({"X-Rate-Limit-Time-Reset-Ms": "soon", "Retry-After": "4"}, 4),
        ({"X-Rate-Limit-Time-Reset-Ms": "-1"}, None),
        ({"X-Rate-Limit-Time-Reset-Ms": "9" * 40}, None),
        ({"X-Rate-Limit-Time-Reset-Ms": "²"}, None),
        ({}, None),
    ],
)
def test_how_long_a_shop_asks_to_be_left_alone(
    httpserver: HTTPServer, headers: dict[str, str], seconds: float | None
) -> None:
    httpserver.expect_request("/orders/1").respond_with_data("", status=429, headers=headers)
    with pytest.raises(DeliveryError) as caught:
        ask(Outgoing(), httpserver.url_for("/orders/1"), {})
    assert caught.value.after == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(("status", "body"), [(400, "{}"), (422, "{}"), (200, "<html>"), (200, "[" * 100_000)])
def test_it_will_be_no_better(httpserver: HTTPServer, status: int, body: str) -> None:
    httpserver.expect_request("/orders/1").respond_with_data(body, status=status)
    with pytest.raises(InputError):
        ask(Outgoing(), httpserver.url_for("/orders/1"), {})


def test_nobody_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/orders/1"
    with pytest.raises(NotSent):
        ask(Outgoing(), url, {})


def test_more_than_anything_of_a_shop_is_long(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/orders/1").respond_with_data(b'"' + b"x" * 6_000_000 + b'"')
    with pytest.raises(DeliveryError):
        ask(Outgoing(), httpserver.url_for("/orders/1"), {})
