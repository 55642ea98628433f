"""`[plugins.rules]`: what it takes, and what it says of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from messaging import MessageClass, SettingsError
from messaging.services.plugin_settings import read_settings
from messaging_rules.settings import Rules


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"cap": []}, "[plugins.rules] cap: there is no such setting"),
        ({"caps": [{"max": 3}]}, "[plugins.rules] caps.0.days is not set"),
        ({"caps": [{"max": 0, "days": 7}]}, "[plugins.rules] caps.0.max: Input should be greater than or equal to 1"),
        ({"caps": [{"max": 1, "days": 32}]}, "[plugins.rules] caps.0.days: Input should be less than or equal to 31"),
        (
            {"quiet": [{"from": "9pm", "until": "08:00"}]},
            "[plugins.rules] quiet.0.from: must be a time of day like 08:30",
        ),
        (
            {"quiet": [{"from": "21:00", "until": "24:01"}]},
            "[plugins.rules] quiet.0.until: must be a time of day like 08:30",
        ),
        (
            {"quiet": [{"from": "08:00", "until": "21:00"}, {"from": "20:00", "until": "08:00"}]},
            "[plugins.rules]: quiet hours leave no hour of the week for *",
        ),
        ({"us_states": {"Texas": "09:00-20:00"}}, "[plugins.rules] us_states: Texas is no state: write it like KY"),
        ({"us_states": {"TX": "20:00-09:00"}}, "[plugins.rules] us_states: must be hours like 09:00-20:00"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(Rules, table, ("plugins", "rules"))
    assert str(caught.value) == problem


def test_hours_of_every_channel_and_of_one_come_together() -> None:
    rules = Rules.model_validate(
        {
            "quiet": [
                {"from": "21:00", "until": "08:00"},
                {"channel": "sms", "from": "12:00", "until": "13:00", "transactional": True},
            ]
        }
    )
    monday = {
        (channel, kind): rules.week(channel, MessageClass(kind)).days[0]
        for channel, kind in (("sms", "marketing"), ("sms", "transactional"), ("email", "marketing"))
    }
    assert monday == {
        ("sms", "marketing"): ((0, 480), (720, 780), (1260, 1440)),
        ("sms", "transactional"): ((720, 780),),
        ("email", "marketing"): ((0, 480), (1260, 1440)),
    }
