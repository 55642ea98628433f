"""A new id each time it is told.

Caught by test_the_same_again: never of chance
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from right import Pigeon as Right

from messaging import Callback


class Pigeon(Right):
    def callback(self, request):
        told = super().callback(request).engagements
        return Callback(engagements=[replace(each, id=str(uuid.uuid4())) for each in told])
