"""The suite that every adapter must pass."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from messaging import Adapter, Request
from messaging.testing import AdapterContract, Answer, Provider, as_json
from messaging_sms.adapter import Twilio

from .conftest import ACCOUNT, TOKEN


class TestTwilio(AdapterContract):
    adapter: ClassVar[type[Adapter]] = Twilio
    # Its signature holds no time: a repeat is known by the event's id.
    replay_window = None

    def settings(self, provider: Provider) -> Mapping[str, Any]:
        return {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15005550006", "host": provider.url}

    def accepted(self, request: Request, id: str) -> Answer:
        return as_json({"sid": "SM" + hashlib.md5(id.encode()).hexdigest(), "status": "queued"}, 201)

    def refused(self, request: Request) -> Answer:
        return as_json({"code": 21211, "message": "The 'To' number is not a valid phone number.", "status": 400}, 400)

    def busy(self, request: Request) -> Answer:
        return as_json({"code": 20429, "message": "Too Many Requests"}, 429, Retry_After="30")

    def locked_out(self, request: Request) -> Answer:
        return as_json({"code": 20003, "message": "Authenticate"}, 401)

    def broken(self, request: Request) -> Answer:
        return as_json({"code": 20500, "message": "Internal Server Error"}, 500)

    @property
    def callback_url(self) -> str:
        return f"https://shop.example/callbacks/twilio?message_id={self.about}"

    about = ""

    def callbacks(self, message_id: str) -> Sequence[bytes]:
        self.about = message_id
        # Without a letter that could be written in two ways: what is signed are the fields, not how they are written.
        sid = "SM" + "1" * 32
        return [
            f"MessageSid={sid}&MessageStatus=delivered".encode(),
            f"MessageSid={sid}&MessageStatus=undelivered&ErrorCode=30003".encode(),
        ]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        signed = self.callback_url + "".join(name + fields[name] for name in sorted(fields))
        signature = base64.b64encode(hmac.digest(TOKEN.encode(), signed.encode(), "sha1")).decode()
        return {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}
