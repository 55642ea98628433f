"""Lets a value begin a line of its own.

Caught by test_values_stay_in_their_place: refuse what cannot be written
"""

from __future__ import annotations

from right_lines import Pigeon as Right


class Pigeon(Right):
    def fits(self, text):
        return True
