"""Colours: which text can be read on which ground (WCAG 2.2)."""

from __future__ import annotations

BLACK, WHITE = "#000000", "#ffffff"


def luminance(color: str) -> float:
    """Relative luminance of `#rrggbb`, from 0 (black) to 1 (white): WCAG 2.2, "relative luminance"."""
    channels = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, from 1 to 21; text of normal size wants 4.5 (WCAG 2.2, 1.4.3)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(color: str) -> str:
    """White or black, whichever reads better on `color`; the better of the two always reaches 4.5."""
    return max((WHITE, BLACK), key=lambda text: contrast(text, color))
