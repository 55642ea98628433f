"""Says why in a text, where a list of reasons is asked for.

Caught by test_a_genuine_callback: whose reasons is 'tea'
"""

from __future__ import annotations

from dataclasses import replace

from right_news import Pigeon as Right


class Pigeon(Right):
    def read(self, told, request):
        for each in super().read(told, request):
            yield replace(each, reasons="tea")
