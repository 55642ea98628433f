"""Puts the same boundary between the parts of every form.

Caught by test_a_boundary_is_not_to_be_guessed: draw the boundary
"""

from __future__ import annotations

from right_multipart import Pigeon as Right


class Pigeon(Right):
    def boundary(self, message):
        return "pigeon-pigeon-pigeon"
