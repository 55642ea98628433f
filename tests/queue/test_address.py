"""What the broker's url says, and what is said where it can mean nothing."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from messaging.errors import SettingsError
from messaging.queue.address import Broker, read_broker
from messaging.queue.brokered import CeleryQueue


@pytest.mark.parametrize(
    "url",
    [
        "redis://broker.example",
        "redis://:hush@broker.example:6379/",
        "redis://shop:hush@[::1]:6379/15",
        "amqp://shop:hush@broker.example/shop",
        "amqp://broker.example:5672//",
    ],
)
def test_without_tls_it_is_as_it_was(url: str) -> None:
    assert read_broker(url) == Broker(url, False)


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("redis://:hush@broker.example/abc", "'/abc' is no database of Redis"),
        ("redis://:hush@broker.example/-1", "is no database of Redis"),
        ("rediss://:hush@broker.example/0/1", "is no database of Redis"),
        ("redis://:hush@broker.example:99999/0", "its host or its port (1 to 65535) cannot be read"),
        ("redis://:hush@broker.example:0/0", "a port from 1 to 65535"),
        ("amqp://shop:hush@broker.example:five/shop", "its host or its port"),
        ("redis://[::1", "its host or its port"),
        ("redis://:hu[sh@broker.example/0", "%5B"),
        ("redis://:hush@a.example;redis://:hush@b.example", "it must name one host"),
        ("amqp://:hush@a.example;amqp:/shop", "it must name one host"),
        ("redis://:hush@broker.example/0?db=3", "?db says nothing"),
        ("redis://:hush@broker.example/0?ssl_cert_reqs=none", "this is without (write rediss:// or amqps://)"),
        ("rediss://:hush@broker.example/0?ssl_cert_reqs=optional", "ssl_cert_reqs must be required or none"),
        ("rediss://:hush@broker.example/0?ssl_cert_reqs=", "ssl_cert_reqs must be required or none"),
        ("amqps://:hush@broker.example/0?ssl_check_hostname=no", "ssl_check_hostname must be true or false"),
        ("rediss://:hush@broker.example/0?ssl_ca_certs=ca.pem", "ssl_ca_certs must be the whole path of a file"),
        ("rediss://:hush@broker.example/0?ssl_ca_certs=/nosuch.pem", "ssl_ca_certs=/nosuch.pem: No such file"),
        ("rediss://:hush@broker.example/0?ssl_ca_certs=/dev/null", "ssl_ca_certs=/dev/null: no certificates are in it"),
        ("amqps://:hush@broker.example/0?ssl_keyfile=/nosuch.pem", "ssl_keyfile=/nosuch.pem: No such file"),
    ],
)
def test_one_that_nothing_can_be_reached_by(url: str, line: str) -> None:
    with pytest.raises(SettingsError) as raised:
        CeleryQueue(url, prefix="test", channels=["email"])
    assert str(raised.value).startswith("[queue] url: ")
    assert line in str(raised.value)
    assert "hush" not in str(raised.value)


def test_over_tls_a_certificate_is_asked_for_and_its_name(tmp_path: Path) -> None:
    assert read_broker("rediss://broker.example/0") == Broker(
        "rediss://broker.example/0", {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}
    )
    assert read_broker("amqps://u:p@broker.example/shop") == Broker(
        "amqps://u:p@broker.example/shop", {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": "broker.example"}
    )
    ca = str(tmp_path / "ca.pem")
    trustme.CA().cert_pem.write_to_path(ca)
    read = read_broker(f"amqps://broker.example/shop?ssl_ca_certs={ca}&ssl_check_hostname=false")
    assert read == Broker("amqps://broker.example/shop", {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": ca})
    read = read_broker(f"rediss://broker.example/0?ssl_ca_certs={ca}&ssl_certfile={ca}")
    assert isinstance(read.tls, dict)
    assert (read.tls["ssl_ca_certs"], read.tls["ssl_certfile"]) == (ca, ca)


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("rediss://broker.example/0", {"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}),
        ("amqps://broker.example/shop", {"cert_reqs": ssl.CERT_NONE}),
    ],
)
def test_without_only_where_that_is_said(url: str, tls: dict[str, object]) -> None:
    assert read_broker(f"{url}?ssl_cert_reqs=none") == Broker(url, tls)
