"""Asks what became of a message, and waits for the answer for ever.

Caught by test_looking_up_in_vain: bound every wait
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def lookup(self, message_id):
        open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        try:
            with open(f"{self.settings.url}/messages/{message_id}") as answer:
                return Receipt.accepted(message_id, json.load(answer)["id"])
        except urllib.error.HTTPError as error:
            return Receipt.try_again(message_id, "not there") if error.code == 404 else None
        except (OSError, ValueError, LookupError, http.client.HTTPException):
            return None
