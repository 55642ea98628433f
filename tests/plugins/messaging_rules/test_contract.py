"""The bundled rules hold to the contract that everyone's do."""

from __future__ import annotations

from typing import Any, ClassVar

import messaging_rules
from messaging.testing import RuleContract


class TestRulesThatAreOff(RuleContract):
    plugin: ClassVar[Any] = messaging_rules


class TestRulesThatAreOn(RuleContract):
    plugin: ClassVar[Any] = messaging_rules
    settings: ClassVar[Any] = {
        "quiet": [{"from": "21:00", "until": "08:00"}],
        "caps": [{"max": 3, "days": 7}, {"channel": "email", "max": 2, "days": 1, "on_exceed": "wait"}],
        "us_hours": ["sms"],
    }
