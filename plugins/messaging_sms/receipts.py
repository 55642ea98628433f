"""What Twilio's answers mean for the messages they are about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from messaging import AdapterUnusable, HttpAnswer, InputError, Receipt
from messaging_sms.codes import BUSY, DEAD, OF_MESSAGES, OPTED_OUT, OURS

#: "201 Created": any other success is not Twilio's.
_TAKEN = 201
_SID = re.compile(r"\b[A-Z]{2}[0-9a-fA-F]{32}\b")
#: A number, however somebody writes it: it is the customer's, and no part of a reason.
_NUMBER = re.compile(r"\+?[0-9](?:[ ()./-]*[0-9]){6,}")


class NotTwilio(AdapterUnusable):
    """Somebody else answers in Twilio's place: a captive portal, a proxy. Nobody else's message is to go there.

    `receipt` is that of the one it was given, if it said yes: it may have been passed on.
    """

    def __init__(self, message_id: str, status: int) -> None:
        super().__init__(
            f"twilio: the answer {status} is not Twilio's",
            hint="check [adapters.twilio] host, and what stands between here and there",
        )
        self.receipt = Receipt.unknown(message_id, self.message) if status < 300 else None


def receipt_of(message_id: str, answer: HttpAnswer, *, secrets: Sequence[str] = ()) -> Receipt:
    """What Twilio's answer means for the message it was about; no secret nor number is seen in it.

    Raises:
        AdapterUnusable: it means the same for every message.
    """
    status = answer.status
    if status == _TAKEN:
        return Receipt.accepted(message_id, _sid(answer))
    code, said = _error(answer)
    problem = " ".join(f"twilio: {code or status} {_quoted(said, secrets)}".split())
    wait = answer.retry_after()
    if answer.turned_away or code in BUSY:
        return Receipt.try_again(message_id, problem, wait)
    if status >= 500:
        # It may have been taken by who failed over it, or behind a gateway that lost the answer.
        return Receipt.unknown(message_id, problem)
    if code in OURS:
        raise AdapterUnusable(problem, hint=OURS[code])
    if code in OPTED_OUT:
        return Receipt.refused(message_id, problem, suppress="opted out")
    if code in DEAD:
        return Receipt.refused(message_id, problem, suppress="bounced")
    if status == 401 or (status in (403, 404) and (code is None or code < OF_MESSAGES)):
        raise AdapterUnusable(problem, hint=OURS[20003])
    if 400 <= status < 500 and code is not None:
        return Receipt.refused(message_id, problem)
    if status == 408:  # the request did not arrive whole (RFC 9110 15.5.9)
        return Receipt.try_again(message_id, problem)
    raise NotTwilio(message_id, status)


def _error(answer: HttpAnswer) -> tuple[int | None, str]:
    """Twilio's code and its words, from a body that may be anything."""
    try:
        body: Any = answer.json()
        code = body.get("code")
        # The newer errors are problem details (RFC 9457).
        said = body.get("message") or body.get("detail") or body.get("title")
    except (InputError, AttributeError):
        return None, ""
    return code if isinstance(code, int) else None, said if isinstance(said, str) else ""


def _sid(answer: HttpAnswer) -> str | None:
    """Twilio's name of a message; without one it was taken all the same."""
    try:
        sid = answer.json()["sid"]
    except (InputError, LookupError, TypeError):
        return None
    return sid if isinstance(sid, str) and _SID.fullmatch(sid) else None


def _quoted(text: str, secrets: Sequence[str]) -> str:
    """What Twilio said, as it may be kept: one line of at most 300 characters."""
    for secret in secrets:
        text = text.replace(secret, "(hidden)")
    text = _NUMBER.sub("(number)", _SID.sub("(sid)", text[:2_000]))
    return "".join(character if character.isprintable() else " " for character in text)[:300]
