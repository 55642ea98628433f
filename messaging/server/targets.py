"""Where links lead: from the token itself, or from the template version it names.

The latest that were looked up are kept in this process, so that redirects work while the store does not.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from urllib.parse import quote

from messaging.errors import NotFound
from messaging.nouns.template import LinkSlot, TemplateVersion
from messaging.recent import Recent
from messaging.rules.tokens import VERSION_BYTES, Token
from messaging.stores.base import Store

#: Versions whose links are kept, some 1.5 kB each with ten links.
VERSIONS = 10_000
#: Scheme and authority of an address a redirect may go to: no user, no backslash, no escape.
_ADDRESS = re.compile(r"https?://[^\s/?#@\\%\x00-\x20\x7f]+(?=[/?#]|$)", re.IGNORECASE)
#: What an address may hold as it is (RFC 3986); the rest is percent-encoded.
_AS_IT_IS = "%/:?#[]@!$&'()*+,;=-._~"


class Targets:
    """Knows where links lead."""

    def __init__(self, store: Store) -> None:
        self._store = store
        #: Version reference -> slot -> header value.
        self._known: Recent[str, dict[int, str]] = Recent(VERSIONS)

    def known(self, token: Token) -> str | None:
        """The address a click leads to, ready for a Location header, if it is known here.

        Raises:
            NotFound: there is no such link in that version.
        """
        if token.target is not None:
            return _required(location(token.target))
        links = self._known.get(token.version)
        return None if links is None else _required(links.get(token.slot))

    def find(self, token: Token) -> str:
        """Like `known`, asking the store.

        Raises:
            NotFound: there is no such link.
            StoreError: the store cannot be asked.
        """
        message = self._store.outbox.get([token.message_id]).get(token.message_id)
        version = self._store.version(message.version) if message is not None else None
        if version is None or _reference(version) != token.version:
            # Not under this message any more: perhaps under no message at all.
            version = next((other for other in self._store.versions() if _reference(other) == token.version), None)
        links = {} if version is None else self._keep(version)
        return _required(links.get(token.slot) if token.target is None else location(token.target))

    def load(self) -> None:
        """Look up the latest versions there are."""
        for version in deque(self._store.versions(), maxlen=VERSIONS):
            if self._known.get(_reference(version)) is None:
                self._keep(version)

    def _keep(self, version: TemplateVersion) -> dict[int, str]:
        links = _links(version.links)
        self._known.put(_reference(version), links)
        return links


def location(address: str) -> str | None:
    """`address` as a Location header can carry it (ASCII, RFC 3986); None if it is not plain http(s)."""
    match = _ADDRESS.match(address)
    if match is None:
        return None
    origin, rest = match[0], address[match.end() :]
    try:
        scheme, _, authority = origin.partition("://")
        host, colon, port = authority.partition(":") if not authority.startswith("[") else (authority, "", "")
        origin = f"{scheme}://{host.encode('idna').decode('ascii')}{colon}{port}"
        return origin + quote(rest, safe=_AS_IT_IS)
    except UnicodeError:
        return None


def _reference(version: TemplateVersion) -> str:
    """What tokens call a version."""
    return version.version[: 2 * VERSION_BYTES]


def _links(links: Iterable[LinkSlot]) -> dict[int, str]:
    return {
        link.slot: address
        for link in links
        if link.target is not None and (address := location(link.target)) is not None
    }


def _required(address: str | None) -> str:
    if address is None:
        raise NotFound("this link leads nowhere")
    return address
