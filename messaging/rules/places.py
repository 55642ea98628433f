"""Where a request of ours may go: what a URL names, and which network addresses are the world's.

The name in a URL says nothing about where it leads (`127.1`, `0x7f000001`, a name of somebody else's that resolves to
this machine): it is the resolved address that is judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Annotated
from urllib.parse import quote, urlsplit

import idna
from pydantic import AfterValidator

from messaging.errors import AddressRefused

#: Longest URL: what any server still reads.
_LONGEST = 8_000
#: Labels have at most 63 characters (RFC 1035 2.3.4).
_HOST = re.compile(r"(?!.*[^.]{64})[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")
_PORTS = {"https": 443, "http": 80}

#: IANA's IPv4 special-purpose registry, multicast, and what is reserved; the last is where Azure's hosts answer their
#: guests. Written out: what the standard library calls private differs between Python's releases.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
)
#: Of IPv6 only what is given out for global unicast is public (RFC 4291 2.4), without its special parts: Teredo and
#: others, documentation, 6to4.
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
#: Where a network without IPv4 finds IPv4 hosts (NAT64, RFC 6052): they are judged by the IPv4 address inside.
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Place:
    """Whom a request goes to, and what it asks for there."""

    scheme: str
    #: In ASCII and lower case, without a dot at its end; an IPv6 address without brackets.
    host: str
    port: int
    #: Path and query, as they stand in the request.
    target: str


def place_of(url: str, *, allow_http: bool) -> Place:
    """The place that `url` names.

    Raises:
        AddressRefused: it names none we go to. The text does not repeat it: its path may be a secret.
    """
    if len(url) > _LONGEST or not url.isprintable() or re.search(r"[\s\\]", url):
        raise AddressRefused("not a URL: it is too long, or has spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("not a URL: its host or port cannot be read") from None
    if parts.scheme not in _PORTS:
        raise AddressRefused("not an https address", hint="write it like https://example.com/hook")
    if parts.scheme == "http" and not allow_http:
        raise AddressRefused(
            "an http address, which everybody on the way can read", hint="use https, or set [outgoing] allow_http"
        )
    if "@" in parts.netloc:
        raise AddressRefused("a URL with a user name in it", hint="leave out what stands before the @")
    if port == 0:
        raise AddressRefused("not a URL: there is no port 0")
    target = quote(f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", safe="%/:=&?~+!$,;'@()*[]")
    return Place(parts.scheme, _ascii(host, "[" in parts.netloc), port or _PORTS[parts.scheme], target)


def _ascii(host: str, in_brackets: bool) -> str:
    host = host.removesuffix(".")
    try:
        if in_brackets and "%" not in host:
            return str(IPv6Address(host))
        if not host.isascii():
            host = idna.encode(host, uts46=True).decode("ascii")
    except ValueError:
        host = ""
    if len(host) > 253 or _HOST.fullmatch(host) is None or ".." in host:
        raise AddressRefused("not a URL: there is no such host name")
    return host


def is_public(text: str) -> bool:
    """Whether a network address belongs to the world: not to this machine, a private network, or nobody."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inside = address.ipv4_mapped
        if inside is None and address in _NAT64:
            inside = IPv4Address(int(address) & 0xFFFFFFFF)
        if inside is None:
            return address in _GLOBAL_6 and not any(address in network for network in _NOT_PUBLIC_6)
        address = inside
    return not any(address in network for network in _NOT_PUBLIC_4)


def is_near(host: str) -> bool:
    """Whether a host, as a URL names it, is this machine or on a private network; of names those without a dot, and
    those under `.localhost`.
    """
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(".localhost")


def read_api_host(text: str) -> str:
    """Where a provider's API is, as a setting says it: `https://host` or `https://host:port`; `host` alone is https.

    Raises:
        ValueError: it has a path, a login or no host; or it is http and not near (a stand-in may be without https).
    """
    url = text.strip().rstrip("/")
    url = url if "://" in url else f"https://{url}"
    try:
        place = place_of(url, allow_http=True)
    except AddressRefused:
        place = None
    parts = urlsplit(url) if place else None
    if place is None or parts is None or place.target != "/" or parts.fragment or parts.netloc[-1] == ":":
        raise ValueError("must be like https://api.example.com")
    if place.scheme == "http" and not is_near(place.host):
        raise ValueError("must be https: the key would travel in the clear")
    return f"{place.scheme}://{parts.netloc}"


#: The type of a setting that says where a provider's API is: see `read_api_host`.
ApiHost = Annotated[str, AfterValidator(read_api_host)]
