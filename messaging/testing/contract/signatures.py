"""Signed requests, and everything a forger would try with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import orjson

from messaging.errors import InputError, MessagingError, RequestRejected
from messaging.nouns.request import Request
from messaging.testing.contract.bench import fault
from messaging.testing.contract.constant_time import Watched

_NO_KEY = "where no key is set, raise RequestRejected, and say in its hint how to set a key"

Sign = Callable[[bytes, datetime], Mapping[str, str]]

_VERIFY_FIRST = (
    "check the signature over request.body, as it came, before anything is parsed, in constant time "
    "(hmac.compare_digest), and raise RequestRejected"
)


def request_of(url: str, body: bytes, headers: Mapping[str, str], at: datetime) -> Request:
    """A request as the server would have read it."""
    return Request(url=url, body=body, headers={name.lower(): value for name, value in headers.items()}, received_at=at)


def now() -> datetime:
    return datetime.now(UTC)


def check_forged(take: Callable[[Request], object], url: str, body: bytes, sign: Sign) -> None:
    """No request but the genuine one is taken."""
    at = now()
    headers = {name.lower(): value for name, value in sign(body, at).items()}
    for how, forged_body, forged in _forged(body, headers, {k.lower(): v for k, v in sign(body + b" ", at).items()}):
        rejected(take, request_of(url, forged_body, forged, at), how)


def _forged(
    body: bytes, headers: Mapping[str, str], others: Mapping[str, str]
) -> Iterator[tuple[str, bytes, Mapping[str, str]]]:
    yield "without a signature", body, {}
    yield "with the signature of another body", body, others
    yield "cut short", body[: len(body) // 2], headers
    yield "with an empty body", b"", headers
    yield "with more behind its end", body + b"\n", headers
    yield "with empty headers", body, dict.fromkeys(headers, "")
    yield "with headers of another alphabet", body, dict.fromkeys(headers, "é\u2028\U0001f512")
    yield "with very long headers", body, dict.fromkeys(headers, "9" * 100_000)
    # Each byte of the body, or so many of them that none of a field's is left out, each in another bit.
    for count, place in enumerate(range(0, len(body), max(1, len(body) // 4096))):
        changed = bytearray(body)
        changed[place] ^= 1 << count % 8
        yield f"with bit {place * 8 + count % 8} of the body flipped", bytes(changed), headers


def check_locked(take: Callable[[Request], object], url: str, body: bytes, sign: Sign, what: str) -> None:
    """Nobody is let in who has no key of ours."""
    at = now()
    right, wrong = sign(body, at), sign(body + b" ", at)
    for headers in ({}, dict.fromkeys(right, ""), wrong):
        try:
            take(request_of(url, body, headers, at))
        except MessagingError:
            continue
        except Exception as error:  # what its author wrote may raise anything
            fault(f"{what}, a callback made it raise {type(error).__name__}: {error}", _NO_KEY)
        fault(f"{what}, a callback is taken that is not signed: anybody can post there", _NO_KEY)


def check_headers(take: Callable[[Request], object], url: str, body: bytes, sign: Sign) -> None:
    """Each header that the signature needs is needed whole. A header is one if a request without it is rejected."""
    at = now()
    headers = {name.lower(): value for name, value in sign(body, at).items()}
    needed = 0
    for name, value in headers.items():
        without = {other: text for other, text in headers.items() if other != name}
        if accepted(take, request_of(url, body, without, at)):
            continue
        needed += 1
        # The last letters of base64 have bits that mean nothing.
        for place in range(len(value.rstrip("=")) - 2):
            if value[place].isalnum():
                changed = f"{value[:place]}{_next(value[place])}{value[place + 1 :]}"
                forged = {**headers, name: changed}
                rejected(take, request_of(url, body, forged, at), f"with letter {place + 1} of {name} changed")
        for time in (int(value) + 1, int(value) - 1) if value.isdecimal() and len(value) < 20 else ():
            forged = {**headers, name: f"{time}"}
            rejected(take, request_of(url, body, forged, at), f"with {name} changed by one")
        for kept in (1, len(value) // 2) if " " not in value else ():  # one of several may be whole
            forged = {**headers, name: value[:kept]}
            rejected(take, request_of(url, body, forged, at), f"with {name} cut after {kept} letters")
    if not needed:
        fault("a request is taken whichever of its headers is missing", _VERIFY_FIRST)


def check_constant_time(take: Callable[[Request], object], url: str, body: bytes, sign: Sign) -> None:
    """What the body is signed with is compared by `hmac.compare_digest`: `==` tells by its time how much of it fits."""
    at, noticed = now(), []
    headers, others = ({name.lower(): value for name, value in sign(each, at).items()} for each in (body, body + b" "))
    watched = {
        name: Watched(value, lambda: noticed.append(1)) if value != others.get(name) else value
        for name, value in headers.items()
    }
    take(request_of(url, body, watched, at))
    if noticed:
        fault(
            "a signature is compared by == or in: how long that takes tells how much of it fits",
            "compare with hmac.compare_digest",
        )


def check_written_otherwise(take: Callable[[Request], object], url: str, body: bytes, sign: Sign) -> None:
    """A genuine body is genuine however its JSON is written."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return
    at = now()
    for other in (orjson.dumps(document, option=orjson.OPT_INDENT_2), b" " + orjson.dumps(document) + b"\r\n\r\n"):
        try:
            take(request_of(url, other, sign(other, at), at))
        except RequestRejected as error:
            fault(
                f"a genuine request is rejected when its JSON is written with other spaces ({error})",
                "check the signature over request.body itself, never over what was parsed and written anew",
            )


def check_old(take: Callable[[Request], object], url: str, body: bytes, sign: Sign, seconds: float) -> None:
    """A request that was signed long ago, or is to be some day, is rejected."""
    at = now()
    for how, signed in (("old", at.timestamp() - seconds), ("from the future", at.timestamp() + seconds)):
        headers = sign(body, datetime.fromtimestamp(signed, UTC))
        request = request_of(url, body, headers, at)
        if accepted(take, request):
            fault(
                f"a request whose signature is {how} is taken: whoever has seen it once can post it again",
                "compare the signed time with request.received_at; if the provider signs no time, set "
                "replay_window = None",
            )


def accepted(take: Callable[[Request], object], request: Request) -> bool:
    try:
        take(request)
    except (RequestRejected, InputError):
        return False
    return True


def rejected(take: Callable[[Request], object], request: Request, how: str) -> None:
    """It is rejected, in the right way."""
    try:
        take(request)
    except RequestRejected:
        return
    except InputError as error:
        fault(f"a request {how} was read before its signature was checked ({error})", _VERIFY_FIRST)
    except Exception as error:  # what its author wrote may raise anything
        fault(
            f"a request {how} made it raise {type(error).__name__}: {error}",
            "whatever the headers hold, raise RequestRejected: anybody can post there",
        )
    fault(f"a request {how} was taken", _VERIFY_FIRST)


def _next(letter: str) -> str:
    """Another of its kind."""
    if letter.isdigit():
        return str((int(letter) + 1) % 10)
    first = ord("a") if letter.islower() else ord("A")
    return chr(first + (ord(letter) - first + 1) % 26)
