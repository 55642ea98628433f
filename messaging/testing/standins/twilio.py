"""Twilio's Messages API on this machine, and what it posts back: statuses, and messages from phones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar, Literal, Unpack
from urllib.parse import urlencode

from messaging.errors import InputError, NotFound
from messaging.nouns.request import Request
from messaging.testing.standins.base import StandIn, Where
from messaging.testing.standins.http import Answer, as_json
from messaging.testing.standins.posting import Poster, checked_url
from messaging.testing.standins.twilio_rules import ERRORS, LATER, Refused, check, later_code, segments

_VERSION = "2010-04-01"
#: The words that everybody's phone may answer with, and what they do (Twilio's defaults, English).
_KEYWORDS = {
    **dict.fromkeys(("STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"), "STOP"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
_STATUSES = ("queued", "sending", "sent", "delivered", "undelivered", "failed", "read", "canceled")

Signature = Literal["sha1", "sha256"]


class TwilioStandIn(StandIn):
    """Takes what Twilio takes, keeps it, posts statuses to each message's StatusCallback, and what phones answer.

    Beside the failures of all: `duplicate` (a message's callbacks come twice) and `disorder` (the last comes first).
    """

    name: ClassVar[str] = "twilio"
    kinds: ClassVar[frozenset[str]] = StandIn.kinds | {"duplicate", "disorder"}

    def __init__(
        self,
        *,
        account_sid: str = "AC" + "0" * 32,
        auth_token: str = "standin-auth-token",  # noqa: S107 - it opens nothing but this
        api_key: str | None = None,
        api_secret: str = "standin-api-secret",  # noqa: S107 - as above
        inbound_to: str | None = None,
        signature: Signature = "sha1",
        **where: Unpack[Where],
    ) -> None:
        """`api_key` and `api_secret`: a key (`SK…`) that opens it beside the auth token. `inbound_to`: where messages
        from phones are posted. `signature`: `sha256` is the SharedKey scheme, the auth token the shared key's secret.

        Raises:
            InputError: `inbound_to` is no address, or the account's name none.
        """
        super().__init__(**where)
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", account_sid):
            raise InputError(f"{account_sid!r} is no account", hint="write AC and 32 hexadecimal digits")
        self.account_sid = account_sid
        self.auth_token = auth_token
        self._logins = {f"{account_sid}:{auth_token}"} | ({f"{api_key}:{api_secret}"} if api_key else set())
        self.inbound_to = inbound_to and checked_url(inbound_to, "inbound")
        self.signature: Signature = signature
        self._poster = Poster()
        self._stopped: set[str] = set()

    def environment(self) -> dict[str, str]:
        return {
            "TWILIO_BASE_URL": self.url,
            "TWILIO_ACCOUNT_SID": self.account_sid,
            "TWILIO_AUTH_TOKEN": self.auth_token,
        }

    def stop(self) -> None:
        super().stop()
        self._poster.close()

    def wait(self, timeout: float = 10.0) -> bool:
        """Until all callbacks are posted; False if that takes longer."""
        return self._poster.wait(timeout)

    def tell(self, sid: str, status: str, error_code: int | None = None) -> None:
        """Move a message to a status, and post it.

        Raises:
            NotFound: there is no such message.
            InputError: Twilio has no such status.
        """
        if status not in _STATUSES:
            raise InputError(f"Twilio has no status {status!r}", hint=f"there are {', '.join(_STATUSES)}")
        message = self._find(sid)
        if message is None:
            raise NotFound(f"no message {sid!r}")
        message |= {"status": status, "error_code": error_code, "date_updated": _now()}
        message["error_message"] = LATER.get(error_code) if error_code is not None else None
        if message["status_callback"]:
            self._post(message["status_callback"], _status_fields(message, status))

    def receive(self, from_: str, body: str, to: str = "+15005550006", **more: str) -> None:
        """A phone writes to us: posted to `inbound_to`. STOP and START do what they do at Twilio.

        Raises:
            InputError: it is posted nowhere.
        """
        if self.inbound_to is None:
            raise InputError("messages from phones are posted nowhere", hint="start with --inbound-to URL")
        sid = "SM" + uuid.uuid4().hex
        word = _KEYWORDS.get(body.strip().upper())
        if word == "STOP":
            self._stopped.add(from_)
        elif word == "START":
            self._stopped.discard(from_)
        fields = {
            **{"MessageSid": sid, "SmsSid": sid, "SmsMessageSid": sid, "SmsStatus": "received"},
            **{"AccountSid": self.account_sid, "ApiVersion": _VERSION, "From": from_, "To": to, "Body": body},
            **{"NumMedia": "0", "NumSegments": str(segments(body).parts)},
            **({"OptOutType": word} if word else {}),
            **more,
        }
        self._post(self.inbound_to, fields)

    def control(self, what: str, told: Mapping[str, Any]) -> Answer:
        if what == "callbacks":
            self.tell(**told)
        elif what == "inbound":
            fields = dict(told)
            self.receive(fields.pop("from"), fields.pop("body"), **fields)
        else:
            return super().control(what, told)
        return Answer(status=204)

    def failing(self, status: int) -> Answer:
        code = {401: 20003, 404: 20404, 429: 20429, 503: 20503}.get(status, 20500 if status >= 500 else 20001)
        return _error(code, status=status)

    def provide(self, method: str, path: str, request: Request) -> Answer:
        kind, _, credentials = request.header("Authorization").partition(" ")
        if kind != "Basic" or credentials not in {base64.b64encode(one.encode()).decode() for one in self._logins}:
            return _error(20003)
        account = f"/{_VERSION}/Accounts/{self.account_sid}/Messages"
        if path == f"{account}.json" and method == "POST":
            try:
                return as_json(self._create(request), 201)
            except Refused as refused:
                return _error(refused.code, refused.message)
        if path == f"{account}.json" and method == "GET":
            return as_json({"messages": [_shown(message) for message in self.messages[::-1]], "next_page_uri": None})
        found = self._find(path.removeprefix(f"{account}/").removesuffix(".json"))
        if found is None or method != "GET":
            return _error(20404)
        return as_json(_shown(found))

    def _create(self, request: Request) -> dict[str, Any]:
        """Make a message of a form.

        Raises:
            Refused: it is not taken.
        """
        if request.header("Content-Type").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            raise Refused(21604)
        try:
            fields = dict(request.form())
        except InputError:
            raise Refused(21604) from None
        check(fields)
        if fields["To"] in self._stopped:
            raise Refused(21610)
        message = self._message(fields)
        self.keep(message)
        answer = _shown(message)
        if message["status_callback"]:
            self._callbacks(message)
        else:
            _arrive(message)
        return answer

    def _message(self, fields: Mapping[str, str]) -> dict[str, Any]:
        sid, now, body = "SM" + uuid.uuid4().hex, _now(), fields.get("Body", "")
        service = fields.get("MessagingServiceSid")
        uri = f"/{_VERSION}/Accounts/{self.account_sid}/Messages/{sid}"
        return {
            **{"account_sid": self.account_sid, "api_version": _VERSION, "body": body, "direction": "outbound-api"},
            **{"date_created": now, "date_sent": None, "date_updated": now, "error_code": None, "error_message": None},
            # A messaging service has not chosen a sender yet, so the parts are not counted yet either.
            **{"from": fields.get("From"), "num_media": "0", "num_segments": str(_counted(body, fields))},
            **{"price": None, "price_unit": None, "messaging_service_sid": service, "sid": sid},
            **{"status": "accepted" if service else "queued", "to": fields["To"], "uri": f"{uri}.json"},
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "status_callback": fields.get("StatusCallback"),
            "segments": segments(body).parts,
            "fields": dict(fields),
        }

    def _callbacks(self, message: dict[str, Any]) -> None:
        """Tell what becomes of a message: never its first status."""
        told = [_status_fields(message, "sent")]
        _arrive(message)
        told.append(_status_fields(message, message["status"]))
        if self._failures.take("disorder") is not None:
            told.reverse()
        for fields in told * (1 if self._failures.take("duplicate") is None else 2):
            self._post(message["status_callback"], fields)

    def _find(self, sid: str) -> dict[str, Any] | None:
        return next((message for message in self.messages if message["sid"] == sid), None)

    def _post(self, url: str, fields: Mapping[str, str]) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "TwilioProxy/1.1"}
        if self.signature == "sha256":
            headers["X-Twilio-Webhooks-Signature-Settings"] = "key=webhooks_sharedkey_standin,algorithm=HMAC_SHA256"
        headers["X-Twilio-Signature"] = sign(self.auth_token, url, fields, self.signature)
        self._poster.post(url, urlencode(fields).encode(), headers)


def sign(secret: str, url: str, fields: Mapping[str, str], scheme: Signature = "sha1") -> str:
    """X-Twilio-Signature: an HMAC over the address as it was given and the fields, sorted by name."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(secret.encode(), signed.encode(), getattr(hashlib, scheme)).digest()).decode()


def _arrive(message: dict[str, Any]) -> None:
    code = later_code(message["to"])
    message["status"] = "delivered" if code is None else "undelivered"
    message["date_sent"] = message["date_updated"] = _now()
    if code is not None:
        message |= {"error_code": code, "error_message": LATER[code]}


def _counted(body: str, fields: Mapping[str, str]) -> int:
    return segments(body).parts if fields.get("From") else 0


def _shown(message: Mapping[str, Any]) -> dict[str, Any]:
    """What Twilio's own answer holds of a message."""
    return {name: value for name, value in message.items() if name not in ("status_callback", "segments", "fields")}


def _status_fields(message: Mapping[str, Any], status: str) -> dict[str, str]:
    fields = {
        **{"MessageSid": message["sid"], "SmsSid": message["sid"], "MessageStatus": status, "SmsStatus": status},
        **{"To": message["to"], "From": message["from"] or "+15005550006"},
        **{"AccountSid": message["account_sid"], "ApiVersion": _VERSION},
    }
    if message["messaging_service_sid"]:
        fields["MessagingServiceSid"] = message["messaging_service_sid"]
    if status in ("failed", "undelivered") and message["error_code"] is not None:
        fields["ErrorCode"] = str(message["error_code"])
    if status == "delivered":
        fields["RawDlrDoneDate"] = datetime.now(UTC).strftime("%y%m%d%H%M")
    return fields


def _error(code: int, message: str | None = None, status: int | None = None) -> Answer:
    known, said = ERRORS[code]
    status = status or known
    more = f"https://www.twilio.com/docs/errors/{code}"
    return as_json({"code": code, "message": message or said, "more_info": more, "status": status}, status)


def _now() -> str:
    return format_datetime(datetime.now(UTC))
