"""SendGrid on this machine: `POST /v3/mail/send` and what comes back of it."""

from __future__ import annotations

import hashlib
import random
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Unpack
from urllib.parse import unquote

import orjson

from messaging.errors import InputError
from messaging.nouns.request import Request
from messaging.testing.standins.base import StandIn, Where
from messaging.testing.standins.http import Answer, as_json
from messaging.testing.standins.posting import Poster, checked_url
from messaging.testing.standins.sendgrid_events import SUPPRESSING, Signer, bodies, event, fate
from messaging.testing.standins.sendgrid_filling import recipients
from messaging.testing.standins.sendgrid_rules import MAX_BYTES, Problem, problems

#: Times that events are posted until they are taken; the real one tries for 24 hours.
_TRIES = 5
_LIMIT = 600


class SendGridStandIn(StandIn):
    """Takes what SendGrid takes, refuses what it refuses, keeps what each recipient would get, and tells events.

    Beside the failures of all: `refuse` (a `share` of the addresses, always the same by `seed`, is invalid: the whole
    request is answered 400 with a field for each) and `duplicate` (the next posts of events come twice).
    """

    name: ClassVar[str] = "sendgrid"
    kinds: ClassVar[frozenset[str]] = StandIn.kinds | {"refuse", "duplicate"}

    def __init__(
        self,
        *,
        api_key: str = "SG.standin",
        scopes: Iterable[str] = ("mail.send",),
        events_to: str | None = None,
        seed: int = 0,
        **where: Unpack[Where],
    ) -> None:
        """`scopes`: what the key may do. `events_to`: where events are posted. `seed`: of the order of substitutions.

        Raises:
            InputError: `events_to` is no address.
        """
        super().__init__(**where)
        self.api_key = api_key
        self.events_to = events_to and checked_url(events_to, "events")
        self._scopes = frozenset(scopes)
        self._chance = random.Random(seed)
        self._signer = Signer()
        self._poster = Poster()
        self._suppressed: dict[str, dict[str, int]] = {name: {} for name, _ in SUPPRESSING.values()}

    @property
    def public_key(self) -> str:
        """What the signatures of events are checked with."""
        return self._signer.public_key

    def environment(self) -> dict[str, str]:
        return {
            "SENDGRID_HOST": self.url,
            "SENDGRID_API_KEY": self.api_key,
            "SENDGRID_WEBHOOK_VERIFICATION_KEY": self.public_key,
        }

    def stop(self) -> None:
        super().stop()
        self._poster.close()

    def wait(self, timeout: float = 10.0) -> bool:
        """Until all events are posted, or given up; False if that takes longer."""
        return self._poster.wait(timeout)

    def tell(self, word: str, to: str, /, **more: Any) -> None:
        """Have something happen to the last message to that address: `tell("click", "ann@example.com", url=…)`.

        Raises:
            NotFound: nothing was sent to it.
            InputError: SendGrid has no such event.
        """
        message = self.last(to)
        told = event(word, message, **more)
        self._happened(word, message)
        self._post([told])

    def control(self, what: str, told: Mapping[str, Any]) -> Answer:
        if what != "events":
            return super().control(what, told)
        more = dict(told)
        word, to = more.pop("event", None), more.pop("to", None)
        if not isinstance(word, str) or not isinstance(to, str):
            raise InputError('an event is told as {"event": "bounce", "to": "ann@example.com"}')
        if self.events_to is None:
            raise InputError("events are posted nowhere", hint="start with --events-to URL")
        self.tell(word, to, **more)
        return Answer(status=204)

    def failing(self, status: int) -> Answer:
        return _errors(status, Problem(_SAID.get(status, "internal server error"), None))

    def provide(self, method: str, path: str, request: Request) -> Answer:
        if request.header("Authorization") != f"Bearer {self.api_key}":
            said = "The provided authorization grant is invalid, expired, or revoked"
            return _errors(401, Problem(said, None))
        if path == "/v3/mail/send":
            return self._mail(request) if method == "POST" else self.failing(405)
        if path.startswith("/v3/user/webhooks/event/settings/signed") and method == "GET":
            return as_json({"id": path.partition("signed")[2].strip("/"), "public_key": self.public_key})
        if path.startswith("/v3/suppression/"):
            return self._suppressions(method, path.split("/")[3:])
        return self.failing(404)

    def _mail(self, request: Request) -> Answer:
        if "mail.send" not in self._scopes:
            return self.failing(403)
        if request.header("Content-Type").partition(";")[0].strip() != "application/json":
            return self.failing(415)
        if len(request.body) > MAX_BYTES:
            return self.failing(413)
        try:
            mail = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return _errors(400, Problem("Bad Request", None))
        found = problems(mail, now=time.time()) or self._refused(mail)
        if found:
            return _errors(400, *found)
        if mail.get("mail_settings", {}).get("sandbox_mode", {}).get("enable"):
            return Answer(status=200, headers=_rate())
        id = uuid.uuid4().hex[:22]
        self._accept(mail, id)
        return Answer(status=202, headers={"X-Message-Id": id, **_rate()})

    def _refused(self, mail: Mapping[str, Any]) -> list[Problem]:
        """The addresses that are invalid because `refuse` says so; for each the same whenever it is sent."""
        failure = self._failures.standing("refuse")
        if failure is None:
            return []
        bound = (failure.share or 0.5) * 2**32
        return [
            Problem("Does not contain a valid address.", f"personalizations.{number}.to.{index}.email")
            for number, one in enumerate(mail["personalizations"])
            for index, mailbox in enumerate(one["to"])
            if _draw(mailbox["email"], failure.seed) < bound
        ]

    def _accept(self, mail: Mapping[str, Any], id: str) -> None:
        with self._lock:
            chance = random.Random(self._chance.getrandbits(64))
        bypass = mail.get("mail_settings", {}).get("bypass_list_management", {}).get("enable")
        events = []
        for number, message in enumerate(recipients(mail, chance)):
            message = {"id": f"{id}.standin-{number}.0", **message}
            reason = None if bypass else self._why_dropped(message["to"])
            if reason is not None:
                events.append(event("dropped", message, reason=reason))
                continue
            self.keep(message)
            for word in fate(message["to"]):
                events.append(event(word, message))
                self._happened(word, message)
        self._post(events)

    def _why_dropped(self, address: str) -> str | None:
        for name, reason in SUPPRESSING.values():
            if address.lower() in self._suppressed[name]:
                return reason
        return None

    def _happened(self, word: str, message: Mapping[str, Any]) -> None:
        if word in SUPPRESSING:
            self._suppressed[SUPPRESSING[word][0]][message["to"].lower()] = int(time.time())

    def _suppressions(self, method: str, path: Sequence[str]) -> Answer:
        """`GET /v3/suppression/bounces`, and DELETE for the list or one address of it."""
        found = self._suppressed.get(path[0])
        if found is None or method not in ("GET", "DELETE") or len(path) > 2:
            return self.failing(404)
        if method == "GET":
            return as_json([{"email": email, "created": at} for email, at in list(found.items())])
        if len(path) == 1:
            found.clear()
        elif found.pop(unquote(path[1]).lower(), None) is None:
            return self.failing(404)
        return Answer(status=204)

    def _post(self, events: list[dict[str, Any]]) -> None:
        if self.events_to is None:
            return
        for body in bodies(events):
            for _ in range(1 if self._failures.take("duplicate") is None else 2):
                self._poster.post(self.events_to, body, self._signer.headers(body), tries=_TRIES)


def _errors(status: int, *found: Problem) -> Answer:
    answer = as_json({"errors": [problem.to_document() for problem in found]}, status)
    return Answer(status=status, body=answer.body, headers=_rate())


def _rate() -> dict[str, str]:
    return {
        "X-RateLimit-Limit": str(_LIMIT),
        "X-RateLimit-Remaining": str(_LIMIT - 1),
        "X-RateLimit-Reset": str(int(time.time()) + 60),
    }


def _draw(address: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{address.lower()}".encode()).digest()[:4], "big")


_SAID = {
    400: "Bad Request",
    403: "access forbidden",
    404: "not found",
    405: "method not allowed",
    411: "length required",
    413: "content too large",
    415: "Content-Type should be application/json.",
    429: "too many requests",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway timeout",
}
