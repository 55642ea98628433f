"""What the author of the pigeons tells the suites about them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from right import signature

from messaging import Request
from messaging.testing import AdapterContract, Answer, Provider, as_json

TOKEN = "s3cret-token"


class PlainContract(AdapterContract):
    """For pigeons that nobody sees fly."""

    hurry = 0.3


class PigeonContract(AdapterContract):
    """For pigeons with a loft."""

    hurry = 0.3

    def settings(self, provider: Provider) -> Mapping[str, Any]:
        return {"url": provider.url, "token": TOKEN}

    def looked_up(self, request: Request, id: str | None) -> Answer:
        return as_json({"id": id}) if id else as_json({"error": "not found"}, 404)

    def callbacks(self, message_id: str) -> Sequence[bytes]:
        return [json.dumps({"event": "e-1", "ref": message_id, "roof": "ann@example.com"}).encode()]

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        seconds = str(int(at.timestamp()))
        return {
            "Content-Type": "application/json",
            "Pigeon-Time": seconds,
            "Pigeon-Signature": signature(TOKEN, seconds, body),
        }


class NewsContract(PigeonContract):
    """For those whose loft tells several things at once."""

    def callbacks(self, message_id: str) -> Sequence[bytes]:
        told = [{"event": event, "id": f"{event}-1", "ref": message_id} for event in ("home", "read")]
        return [json.dumps(told).encode(), json.dumps(told[1:]).encode()]


class FlockContract(PigeonContract):
    """For those that fly together."""

    def accepted(self, request: Request, id: str) -> Answer:
        return as_json([{"ref": each["ref"], "id": id} for each in request.json()])

    def partly(self, request: Request, bad: Collection[str], id: str) -> Answer:
        return as_json(
            [
                {"ref": each["ref"], **({"error": "no such roof"} if each["to"] in bad else {"id": id})}
                for each in request.json()
            ]
        )


class MailContract(AdapterContract):
    """For those that write letters."""

    hurry = 0.3


class GraphContract(PigeonContract):
    """For those whose loft always says yes."""

    def accepted(self, request: Request, id: str) -> Answer:
        return as_json({"data": {"id": id}})

    def refused(self, request: Request) -> Answer:
        return as_json({"errors": ["no such roof"]})

    def busy(self, request: Request) -> Answer:
        return as_json({"errors": ["busy"]})

    def locked_out(self, request: Request) -> Answer:
        return as_json({"errors": ["locked out"]})

    def broken(self, request: Request) -> Answer:
        return as_json({"errors": ["the loft burns"]})


class OauthContract(PigeonContract):
    """For those that show a pass."""

    def aside(self, request: Request) -> Answer | None:
        return as_json({"access_token": "acc3ss-token-of-an-hour"}) if request.url.endswith("/oauth/token") else None
