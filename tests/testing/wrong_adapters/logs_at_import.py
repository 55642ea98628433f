"""Logs when it is imported.

Caught by test_importing_it_does_nothing: also imported to be listed
"""

from __future__ import annotations

import logging

from right import Pigeon as Right

logging.getLogger("pigeon").warning("ready to fly")


class Pigeon(Right):
    """As the right one."""
