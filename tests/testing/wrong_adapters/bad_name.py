"""Has a name that is no word.

Caught by test_name_and_channel: make it a word
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    name = "Carrier Pigeon"
