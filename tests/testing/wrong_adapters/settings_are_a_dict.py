"""Has settings that are no model.

Caught by test_settings_are_a_model: make it one
"""

from __future__ import annotations

from right import Pigeon as Right


class Pigeon(Right):
    Settings = dict
