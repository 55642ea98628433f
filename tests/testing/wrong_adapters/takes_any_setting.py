"""Takes settings that there are not.

Caught by test_a_setting_that_there_is_not_is_refused: extra="forbid"
"""

from __future__ import annotations

from pydantic import ConfigDict
from right import Pigeon as Right
from right import PigeonSettings


class Pigeon(Right):
    class Settings(PigeonSettings):
        model_config = ConfigDict(extra="ignore")
