"""Checks the signature over JSON that was written anew.

Caught by test_genuine_ones_written_otherwise: never over what was parsed and written anew
"""

from __future__ import annotations

import json
from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def verify(self, request, signed_at):
        super().verify(replace(request, body=json.dumps(request.json()).encode()), signed_at)
