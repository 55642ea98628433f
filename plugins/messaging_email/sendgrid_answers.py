"""What SendGrid's answers mean for the messages they are about."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from messaging import AdapterUnusable, HttpAnswer, InputError, Receipt, Unavailable
from messaging_email.quoting import quote

#: A provider that asks for more than this asks for "never"; the core waits less anyway.
_LONGEST_WAIT = timedelta(days=365)
_PROVIDER_ID = re.compile(r"[\x21-\x7e]{1,200}")
#: "202 Accepted"; in the sandbox, where nothing is sent, "200 OK" (API reference). Any other success is not SendGrid's.
_TAKEN, _TAKEN_IN_THE_SANDBOX = 202, 200
#: Something in the body of a request is wrong, or it is too large: others in the same request may be right.
PARTLY = (400, 413, 422)
_SENDER = ("from", "reply_to")
#: `personalizations.3.to.0.email`: which recipient of a request, and what of it.
_RECIPIENT = re.compile(r"personalizations[.\[](\d{1,4})\b\]?\.?(.*)", re.DOTALL)


class Problem(NamedTuple):
    """What the API complains about, fit to be kept, and the field it names."""

    text: str
    field: str

    @property
    def recipient(self) -> int | None:
        """The place in the request of the one recipient it is about."""
        match = _RECIPIENT.fullmatch(self.field)
        return int(match[1]) if match else None

    @property
    def of_address(self) -> bool:
        """Whether it is a recipient's address that is wrong: nothing of the message, nor of its form."""
        match = _RECIPIENT.fullmatch(self.field)
        return match is not None and match[2].startswith("to")

    @property
    def of_sender(self) -> bool:
        """Whether it is the same for everybody."""
        return self.field.startswith(_SENDER)

    def refused(self, message_id: str, status: int) -> Receipt:
        """The receipt of a message that will not be taken."""
        # Checked here before it left: a recipient that SendGrid still calls invalid is one that cannot be.
        dead = self.of_address and "valid address" in self.text
        return Receipt.refused(message_id, f"sendgrid: {status} {self.text}", suppress=dead)


#: Where no reason is given.
UNSAID = Problem("(no reason given)", "")


def problems(answer: HttpAnswer, key: str) -> list[Problem]:
    """What is wrong, from a body that may be anything: nothing, if it is not SendGrid's. `key` is not to be seen."""
    try:
        told: Any = answer.json()["errors"]
        return [_problem(one, key) for one in told]
    except (InputError, LookupError, TypeError, AttributeError, RecursionError):
        return []


def _problem(told: Any, key: str) -> Problem:
    message, field = str(told["message"]), str(told.get("field") or "")
    match = _RECIPIENT.fullmatch(field)
    # Where they stood in the request says nothing later, and would make a reason of its own for each.
    shown = match[2] if match else field
    return Problem(quote(f"{message} [{shown}]" if shown else message, [key]), field)


def receipt_of(message_id: str, answer: HttpAnswer, *, key: str = "", sandbox: bool = False) -> Receipt:
    """What SendGrid's answer means for the message it was about; `key` is not to be seen in it.

    Raises:
        Unavailable: it was surely not taken, nor would others be for now.
        AdapterUnusable: it means the same for every message.
    """
    status = answer.status
    if status == _TAKEN or (sandbox and status == _TAKEN_IN_THE_SANDBOX):
        given = answer.header("X-Message-Id")
        return Receipt.accepted(message_id, given if _PROVIDER_ID.fullmatch(given) else None)
    found = problems(answer, key)
    problem = found[0] if found else UNSAID
    if answer.turned_away:
        raise Unavailable(f"sendgrid: {status} {problem.text}", wait_asked(answer, now=time.time()))
    if status in (401, 403):
        raise AdapterUnusable(
            f"sendgrid: {status} {problem.text}",
            hint="check SENDGRID_API_KEY, that it may send mail, and that the sender is verified",
        )
    if status == 400 and problem.of_sender:
        raise AdapterUnusable(f"sendgrid: 400 {problem.text}", hint="it is the same for everybody: check [brand] from")
    if status in PARTLY and (found or status == 413):  # a gateway may say that it is too much, in words of its own
        return problem.refused(message_id, status)
    if status == 408 or (status in PARTLY and answer.cut):
        # The request did not arrive whole (RFC 9110 15.5.9), or the answer: why it was refused is not known yet.
        return Receipt.try_again(message_id, f"sendgrid: {status} {problem.text}")
    if status >= 500 or status < 300:
        # 500 is said by the one that failed over the mail, 502 and 504 by a gateway that does not know what became
        # of it: it may have been taken, as behind whoever says yes in SendGrid's place. SendGrid knows no idempotency
        # key, so nobody may try again unasked.
        return Receipt.unknown(message_id, f"sendgrid: {status} {problem.text}")
    raise stranger(answer)


def stranger(answer: HttpAnswer) -> AdapterUnusable:
    """The error for an answer that is a captive portal's, a proxy's, another server's: nobody else is to go there."""
    return AdapterUnusable(
        f"sendgrid: the answer {answer.status} is not SendGrid's",
        hint="check SENDGRID_HOST, and what stands between here and there",
    )


def by_recipient(found: Sequence[Problem], recipients: int) -> dict[int, Problem]:
    """The first problem of each recipient that has one of its own, in a request to so many."""
    named: dict[int, Problem] = {}
    for problem in found:
        number = problem.recipient
        if number is not None and number < recipients:
            named.setdefault(number, problem)
    return named


def wait_asked(answer: HttpAnswer, *, now: float) -> timedelta | None:
    """How long the provider asks to wait: `Retry-After` (RFC 9110 10.2.3) or `X-RateLimit-Reset`.

    None if it says nothing that can be read. `now` is the real time in Unix seconds, as the reset is.
    """
    reset = answer.header("X-RateLimit-Reset").strip()
    wait = answer.retry_after(now=now)
    if wait is None and re.fullmatch(r"[0-9]{1,12}", reset):
        wait = min(timedelta(seconds=max(0.0, int(reset) - now)), _LONGEST_WAIT)
    return wait
