"""The broker's url: what it says, what it says of TLS, and what no waiting could make right.

Kombu would take a `rediss://` without a look at the certificate, and an `amqps://` without a look at whose it is. So
what is asked of whoever answers is written out here, and both are asked the same.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from messaging.errors import SettingsError

#: What a url may say behind `?`, and only one over TLS.
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_CHOICES = {"ssl_cert_reqs": ("required", "none"), "ssl_check_hostname": ("true", "false")}
_EXAMPLE = "it must be like redis://broker.example:6379/0 or amqp://user:password@broker.example/shop"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is, and how it is known."""

    #: Without what it said of TLS.
    url: str
    #: For kombu: what is asked of whoever answers; false without TLS.
    tls: dict[str, Any] | bool

    @property
    def is_amqp(self) -> bool:
        return self.url.startswith("amqp")


def read_broker(url: str) -> Broker:
    """What `[queue] url` says.

    Over TLS whoever answers must have a certificate for the host, of an authority that the system knows or that
    `?ssl_ca_certs=/path/ca.pem` names. `ssl_cert_reqs=none` asks for none, `ssl_check_hostname=false` for anybody's;
    `ssl_certfile` and `ssl_keyfile` are ours.

    Raises:
        SettingsError: nothing can be reached by it. Says nothing of its password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        problem = "its host or its port (1 to 65535) cannot be read"
        raise _wrong(problem, f"{_EXAMPLE}; in a name or password write [ and ] as %5B and %5D") from None
    if port == 0 or ";" in parts.netloc:
        raise _wrong("it must name one host, and a port from 1 to 65535", _EXAMPLE)
    if parts.scheme.startswith("redis") and re.fullmatch(r"/?[0-9]*", parts.path, re.ASCII) is None:
        raise _wrong(
            f"{parts.path[:60]!r} is no database of Redis", "those have numbers: redis://broker.example:6379/0"
        )
    said = _read_options(parts.query, tls=parts.scheme in ("rediss", "amqps"))
    bare = parts._replace(query="").geturl()
    if said is None:
        return Broker(bare, False)
    asked = said.get("ssl_cert_reqs") != "none"
    named = asked and said.get("ssl_check_hostname") != "false"
    files = {name: said[name] for name in _FILES if name in said}
    required = ssl.CERT_REQUIRED if asked else ssl.CERT_NONE
    if parts.scheme == "rediss":
        return Broker(bare, {"ssl_cert_reqs": required, "ssl_check_hostname": named, **files})
    own = {name.removeprefix("ssl_"): path for name, path in files.items()}
    return Broker(bare, {"cert_reqs": required, **({"server_hostname": host} if named else {}), **own})


def _read_options(query: str, *, tls: bool) -> Mapping[str, str] | None:
    said = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in said.items():
        if name not in (*_FILES, *_CHOICES):
            known = ", ".join((*_FILES, *_CHOICES))
            raise _wrong(f"?{name[:60]} says nothing", f"what it may say, over TLS, is {known}")
        if not tls:
            raise _wrong(f"?{name} is about TLS, and this is without", "write rediss:// or amqps://")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise _wrong(f"{name} must be {' or '.join(_CHOICES[name])}")
        if name in _FILES:
            _look_at(name, value)
    return said if tls else None


def _look_at(name: str, path: str) -> None:
    """A file that cannot be read would be told at each connection, as if the broker were away."""
    if not os.path.isabs(path):
        raise _wrong(f"{name} must be the whole path of a file, from / on")
    try:
        if name == "ssl_ca_certs":
            ssl.create_default_context(cafile=path)
        else:
            with open(path, "rb"):
                pass
    except (OSError, ValueError) as error:  # what is no certificate is an OSError, too
        reason = "no certificates are in it" if isinstance(error, ssl.SSLError) else getattr(error, "strerror", error)
        raise _wrong(f"{name}={path}: {reason}") from None


def _wrong(problem: str, hint: str | None = None) -> SettingsError:
    return SettingsError(f"[queue] url: {problem}", hint=hint)
