"""Addresses as mail carries them: one mailbox each, checked again here, whoever handed them to us.

Nothing is looked up, and nothing is repaired: what is not exactly one plain address is refused. Quoted local
parts, comments, routes, groups and domain literals are legal in RFC 5322 and read differently by every
parser, so they are not accepted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from messaging_email.headers import Unmailable, guard

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_PLAIN = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})+)")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>", re.DOTALL)
#: RFC 5321 4.5.3.1: of the local part, and of the whole (a path of 256 with its brackets).
_LONGEST_LOCAL = 64
_LONGEST = 254


class Address(NamedTuple):
    """One mailbox: its name for people (may be empty) and its address with the domain in ASCII."""

    local: str
    domain: str
    name: str = ""

    @property
    def spec(self) -> str:
        """`local@domain`."""
        return f"{self.local}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        """Whether it goes without SMTPUTF8 (RFC 6531)."""
        return self.local.isascii()


def read_address(text: str, what: str = "address") -> Address:
    """The one bare address that `text` is; `what` names it in the error.

    Raises:
        Unmailable: it is none, or more than one.
    """
    match = _PLAIN.fullmatch(text)
    if match is not None:
        local, domain = match["local"], match["domain"]
    elif text.isascii():
        raise Unmailable(f"{what} is not one plain address")
    else:
        local, domain = _international(text, what)
    # `=?` in an address would be read as an encoded word by some, and it is no one's real address.
    if len(local.encode()) > _LONGEST_LOCAL or len(local) + len(domain) + 1 > _LONGEST or "=?" in local:
        raise Unmailable(f"{what} is not one plain address")
    return Address(local=local, domain=domain)


@lru_cache(maxsize=256)
def read_named(text: str, what: str = "sender") -> Address:
    """The one mailbox that `Name <address>` or a bare address names.

    Raises:
        Unmailable: it is none, or more than one.
    """
    match = _NAMED.fullmatch(text.strip())
    if match is None:
        return read_address(text.strip(), what)
    bare = read_address(match["address"].strip(), what)
    name = guard(match["name"])
    if len(name) >= 2 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Address(name=name, local=bare.local, domain=bare.domain)


def _international(text: str, what: str) -> tuple[str, str]:
    """Local part and domain of an address with letters beyond ASCII; the domain becomes IDNA (RFC 5891)."""
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise Unmailable(f"{what} is not one plain address") from None
    return found.local_part, found.ascii_domain or ""
