"""Puts an address into the path as it is.

Caught by test_addresses_stay_in_their_place: quote(value, safe='')
"""

from __future__ import annotations

import json

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return json.dumps({"text": message.parts["body"], "ref": message.id, "to": message.to}).encode()

    def ask(self, method, path, body=b"", headers=None):
        to = json.loads(body or b"{}").get("to", "")
        return super().ask(method, f"{path}/{to}", body, headers)
