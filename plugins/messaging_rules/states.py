"""When people in the United States may be sent marketing by telephone, by the state they are in.

47 CFR 64.1200(c)(1): not before 8:00 and not after 21:00 where they are; states' own laws are narrower. This is no
legal advice; `us_states` in the settings goes before it. Of somebody whose state is not known the hours of all apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from messaging_rules.week import Week, open_only

_H = 60
#: ISO 3166-2 without `US-`.
_NAMES = {
    "AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado",
    "CT": "Connecticut", "DE": "Delaware", "DC": "District of Columbia", "FL": "Florida", "GA": "Georgia",
    "HI": "Hawaii", "ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky",
    "LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada", "NH": "New Hampshire",
    "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina", "ND": "North Dakota",
    "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania", "RI": "Rhode Island",
    "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas", "UT": "Utah", "VT": "Vermont",
    "VA": "Virginia", "WA": "Washington", "WV": "West Virginia", "WI": "Wisconsin", "WY": "Wyoming",
}  # fmt: skip
_BY_NAME = {name.casefold(): code for code, name in _NAMES.items()}

#: The hours of each state in which nothing is sent.
STATES: Mapping[str, Week] = MappingProxyType(
    {
        **dict.fromkeys(_NAMES, open_only(8 * _H, 21 * _H)),
        **dict.fromkeys(("FL", "MD", "MS", "NJ", "OK"), open_only(8 * _H, 20 * _H)),
        "CT": open_only(9 * _H, 20 * _H),
        "TX": open_only(9 * _H, 21 * _H, sunday=(12 * _H, 21 * _H)),
        # R.I. Gen. Laws 5-61-3.6: not on Sundays
        "RI": open_only(9 * _H, 18 * _H, saturday=(10 * _H, 17 * _H), sunday=(0, 0)),
    }
)


def state_of(region: str | None) -> str | None:
    """The code of a state, as shops write it: `TX`, `US-TX`, `Texas`; None if it is none."""
    text = (region or "").strip()
    code = text.upper().removeprefix("US-")
    return code if code in _NAMES else _BY_NAME.get(text.casefold())
