"""Addresses that come out of values: which may be followed, and their tracked form."""

from __future__ import annotations

import html
import re
from typing import Any

from jinja2 import Undefined
from markupsafe import Markup

from messaging.rendering.run import Run

_WEB = re.compile(r"https?://[^\s/?#\\]", re.IGNORECASE)
#: Followed, but not counted: they open no page.
_DIRECT = re.compile(r"(?:mailto|tel|sms):", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")
_CANDIDATE = re.compile(r"[^\s,]\S*(?<!,)(?:\s[^,]*)?")
#: Longer ones are cut by clients and servers.
MAX_ADDRESS = 2000


def is_web(text: str) -> bool:
    """Whether it is an http(s) address."""
    return _WEB.match(text) is not None and len(text) <= MAX_ADDRESS


def is_direct(text: str) -> bool:
    """Whether it is a mail address, a telephone number or a place on the page."""
    return text.startswith("#") or _DIRECT.match(text) is not None


def tracked(run: Run, slot: int, /, *target: Any) -> str:
    """The address for link slot `slot`; with a target, one that is known only now.

    A target that is no address of the web is not followed: what a customer or a shop sent could be
    `javascript:`.
    """
    turn = run.turn(slot)
    if not target:
        return run.links.click(slot, turn, None)
    address = plain_address(target[0])
    if is_web(address):
        return run.links.click(slot, turn, address)
    return address if _DIRECT.match(address) else "#" if run.html else ""


def guarded_image(run: Run, value: Any, /) -> str:
    """The address of an image, or none."""
    address = plain_address(value)
    return address if is_web(address) or address.lower().startswith("cid:") else ""


def guarded_images(run: Run, value: Any, /) -> str:
    """The candidates of a `srcset` whose images may be loaded (HTML 4.8.4.2.1: address, descriptor, comma)."""
    text = html.unescape(str(value)) if isinstance(value, Markup) else str(value)
    candidates = [match[0].strip() for match in _CANDIDATE.finditer(text)]
    return ", ".join(candidate for candidate in candidates if guarded_image(run, candidate.split(None, 1)[0]))


def pixel(run: Run, value: Any, /) -> str:
    """The address of the open pixel."""
    return run.links.pixel()


def plain_address(value: Any) -> str:
    """A value as an address: without the escaping of captured HTML, and without what no address contains."""
    if value is None or isinstance(value, Undefined):
        return str(value) if value is not None else ""
    text = (html.unescape(str(value)) if isinstance(value, Markup) else str(value)).strip()
    if text.isprintable() and " " not in text:
        return text
    return _CONTROL.sub(lambda match: "%20" if match[0] == " " else "", text)
