"""Reads the environment when it is imported.

Caught by test_importing_it_does_nothing: name the variable in the setting
"""

from __future__ import annotations

import os

from right import Pigeon as Right

DEBUG = os.environ.get("PIGEON_DEBUG")


class Pigeon(Right):
    """As the right one."""
