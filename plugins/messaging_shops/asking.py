"""Asks a shop's own API for what its webhook left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from messaging import DeliveryError, HttpAnswer, HttpClient, InputError

#: Seconds for one answer.
_TIMEOUT = 20.0
#: Bytes of an answer that are read.
_LIMIT = 5_000_000
#: Where BigCommerce says when more may be asked.
_RESET = "X-Rate-Limit-Time-Reset-Ms"
#: Answers that another time may be better: a key that is not let in is a person's to mend.
_LATER = (401, 402, 403, 407, 408, 409, 421, 425, 429)


def ask(http: HttpClient, url: str, headers: Mapping[str, str], *, method: str = "GET", body: bytes = b"") -> Any:
    """What the shop answers; None if there is no such thing, or nothing of it. `url` begins with the operator's word.

    Raises:
        DeliveryError: it cannot answer now; `after` is the wait that it asks for.
        InputError: it answers something else than JSON, or that we ask wrongly.
    """
    sent = {"Accept": "application/json", **headers}
    answer = http.request(method, url, headers=sent, body=body, timeout=_TIMEOUT, limit=_LIMIT, trusted=True)
    if answer.status in (204, 404, 410):
        return None
    if 200 <= answer.status < 300 and not answer.cut:
        return answer.json()
    problem = f"{urlsplit(url).hostname} answered {answer.status}"
    if answer.status < 400 or answer.status >= 500 or answer.status in _LATER:
        denied = answer.status in (401, 403)
        hint = "check the shop's key, and what it may read" if denied else None
        raise DeliveryError(problem, hint=hint, after=_left_alone(answer))
    raise InputError(problem)


def _left_alone(answer: HttpAnswer) -> timedelta | None:
    """How long the shop asks to be left alone: BigCommerce has a header of its own, in milliseconds."""
    told = answer.header(_RESET).strip()
    return timedelta(milliseconds=int(told)) if re.fullmatch("[0-9]{1,9}", told) else answer.retry_after()
