"""The starter templates as a browser lays them out: nothing sticks out on a phone, everything can be read.

One page holds every message in a frame of a phone's width; its own script measures and writes what it found.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.chromium,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen"
MEASURE = """
const rgb = text => {
  const n = text.match(/[\\d.]+/g).map(Number);
  return n.length > 3 && n[3] === 0 ? null : n.slice(0, 3);
};
const linear = v => v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
const contrast = (a, b) => {
  const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
  return (x + .05) / (y + .05);
};
addEventListener("load", () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const inside = frame.contentDocument, style = element => frame.contentWindow.getComputedStyle(element);
    let worst = [99, ""];
    const walk = inside.createTreeWalker(inside.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const text = walk.currentNode.data.trim(), element = walk.currentNode.parentElement;
      if (text.length < 2 || element.getBoundingClientRect().height < 4) continue;
      let ground = element;
      while (ground && !rgb(style(ground).backgroundColor)) ground = ground.parentElement;
      const ratio = contrast(rgb(style(element).color), rgb(style(ground).backgroundColor));
      if (ratio < worst[0]) worst = [ratio, text.slice(0, 40)];
    }
    found[frame.title] = { width: inside.documentElement.scrollWidth, contrast: worst[0], text: worst[1] };
  }
  const result = document.createElement("pre");
  result.textContent = JSON.stringify(found);
  document.body.replaceChildren(result);
});
"""


def measure(messages: dict[str, str], folder: Path, *, dark: bool = False, width: int = 375) -> dict[str, Any]:
    """Lay out `messages` and say, for each, how wide it got and its weakest contrast."""
    frames = "".join(
        f'<iframe title="{name}" width="{width}" height="800" srcdoc="{html.escape(text)}"></iframe>'
        for name, text in messages.items()
    )
    page = folder / "page.html"
    style = "<style>iframe { border: 0 }</style>"
    page.write_text(f"<!doctype html><meta charset=utf-8>{style}<body>{frames}<script>{MEASURE}</script>", "utf-8")
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            *(
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
            ),
            *("--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND"),
            f"--user-data-dir={folder / 'profile'}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        check=True,
        timeout=60,
        text=True,
    )
    found = re.search(r"<pre>(.*?)</pre>", done.stdout, re.DOTALL)
    assert found, done.stdout[:500]
    result: dict[str, Any] = json.loads(html.unescape(found[1]))
    assert set(result) == set(messages)
    return result


def long_words(value: Any) -> Any:
    """`value` with long words where a shop has texts."""
    if isinstance(value, dict):
        texts = {"name", "carrier", "location", "tracking_number"}
        return {key: LONG if key in texts else long_words(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [long_words(inner) for inner in value]
    return value


@pytest.fixture(scope="module")
def messages(templates: Any) -> dict[str, str]:
    """Every template in every language, as it should be, with nothing but the least, and with long words."""
    pages: dict[str, str] = {}
    for name in templates.names:
        for locale in templates.locales:
            sample = templates.sample(name)
            for kind, data, who in (
                ("sample", sample, "Ann"),
                ("least", templates.minimal(name), ""),
                ("long", long_words(sample), LONG),
            ):
                message = templates.render(name, data, locale=locale, customer={"first_name": who})
                pages[f"{name} {locale} {kind}"] = message.parts["html"]
    return pages


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_fits_a_phone_and_can_be_read(messages: dict[str, str], dark: bool, tmp_path: Path) -> None:
    for name, found in measure(messages, tmp_path, dark=dark).items():
        assert found["width"] <= 375, f"{name} is {found['width']} px wide"
        # WCAG 2.2, 1.4.3 (AA)
        assert found["contrast"] >= 4.5, f"{name}: {found['text']!r} has a contrast of {found['contrast']:.2f}"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_measure_sees_what_is_wrong(dark: bool, tmp_path: Path) -> None:
    page = (
        "<style>p { color: #000; background: #fff } @media (prefers-color-scheme: dark) { p { color: #333 } }"
        "@media (max-width: 480px) { p { width: 500px } }</style><p>words"
    )
    found = measure({"page": page}, tmp_path, dark=dark)["page"]
    assert found["width"] > 375
    assert found["contrast"] == pytest.approx(12.63 if dark else 21, abs=0.01)
