"""Writes all addresses in small letters.

Caught by test_odd_addresses_stay_whole: send it as it is
"""

from __future__ import annotations

from dataclasses import replace

from right import Pigeon as Right


class Pigeon(Right):
    def body(self, message):
        return super().body(replace(message, to=message.to.lower()))
