"""When people in the United States may be sent marketing by telephone, by the state they are in.

47 CFR 64.1200(c)(1): not before 8:00 and not after 21:00 where they are; states' own laws are narrower. This is no
legal advice; `us_states` in the settings goes before it. Of somebody whose state is not known the hours of all apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from messaging_rules.regions import REGIONS
from messaging_rules.week import Week, open_only

_H = 60
#: The hours of each state in which nothing is sent.
STATES: Mapping[str, Week] = MappingProxyType(
    {
        **dict.fromkeys(REGIONS["US"], open_only(8 * _H, 21 * _H)),
        **dict.fromkeys(("FL", "MD", "MS", "NJ", "OK"), open_only(8 * _H, 20 * _H)),
        "CT": open_only(9 * _H, 20 * _H),
        "TX": open_only(9 * _H, 21 * _H, sunday=(12 * _H, 21 * _H)),
        # R.I. Gen. Laws 5-61-3.6: not on Sundays
        "RI": open_only(9 * _H, 18 * _H, saturday=(10 * _H, 17 * _H), sunday=(0, 0)),
    }
)
