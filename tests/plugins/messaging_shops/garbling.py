"""Bodies that are wrong in a few places: what a shop posts after an update, or a plugin of its own made of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def garbled(draw: st.DrawFn, whole: Any) -> Any:
    """A JSON value in which one to three of the values inside are something else."""
    body = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        place = body
        while True:
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            key = draw(st.sampled_from(list(keys)))
            if isinstance(place[key], dict | list) and place[key] and draw(st.booleans()):
                place = place[key]
                continue
            place[key] = draw(_values)
            break
    return body
