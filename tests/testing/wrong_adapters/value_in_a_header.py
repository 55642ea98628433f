"""Puts a customer's words into a header.

Caught by test_values_stay_in_their_place: refuse what cannot be written
"""

from __future__ import annotations

import http.client
import json
import socket
from urllib.parse import urlsplit

from right import Pigeon as Right

from messaging import HttpAnswer


class Pigeon(Right):
    def ask(self, method, path, body=b"", headers=None):
        place, words = urlsplit(self.settings.url), json.loads(body or b"{}").get("text", "")
        with socket.create_connection((place.hostname, place.port), self.context.timeout) as line:
            head = f"{method} {path} HTTP/1.1\r\nHost: loft\r\nX-Words: {words}\r\nContent-Length: {len(body)}\r\n\r\n"
            line.sendall(head.encode() + body)
            answer = http.client.HTTPResponse(line)
            answer.begin()
            return HttpAnswer(status=answer.status, body=answer.read())
