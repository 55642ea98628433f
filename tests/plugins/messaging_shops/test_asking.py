"""What is made of a shop's answers."""

from __future__ import annotations

import socket

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
