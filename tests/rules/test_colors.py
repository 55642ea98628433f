"""Text on a coloured ground."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.colors import contrast, luminance, text_on

colors = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


def test_luminance_of_the_ends() -> None:
    assert luminance("#000000") == 0
    assert abs(luminance("#ffffff") - 1) < 1e-9
    assert abs(contrast("#000000", "#ffffff") - 21) < 1e-9


def test_known_contrasts() -> None:
    # The greys that everybody knows: #767676 is the lightest that passes on white.
    assert contrast("#767676", "#ffffff") >= 4.5 > contrast("#777777", "#ffffff")


def test_white_on_dark_and_black_on_light() -> None:
    assert text_on("#1f5eff") == "#ffffff"
    assert text_on("#ffcc00") == "#000000"


@given(colors)
def test_text_can_always_be_read(color: str) -> None:
    assert contrast(text_on(color), color) >= 4.5


@given(colors, colors)
def test_contrast_has_no_direction(one: str, other: str) -> None:
    assert contrast(one, other) == contrast(other, one)
