"""Makes the pictures of README by running the real program: `python docs/pictures/capture.py` in the project's venv.

`demo.svg` is what `messaging demo` prints on a terminal. The order confirmation is taken from the demo's mailbox and
photographed by a headless Chromium, on a phone's screen, light and dark.
"""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from email import policy
from email.parser import BytesParser
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.console import Console

HERE = Path(__file__).resolve().parent


def run_on_a_terminal(command: list[str], folder: Path) -> str:
    """What `command` prints on a terminal of 110 columns."""
    printed = bytearray()

    def read(descriptor: int) -> bytes:
        data = os.read(descriptor, 65536)
        printed.extend(data)
        return b"."

    here = Path.cwd()
    os.chdir(folder)
    os.environ.update(COLUMNS="110", TERM="xterm-256color")
    try:
        status = pty.spawn(command, read)
    finally:
        os.chdir(here)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return printed.decode("utf-8", "replace")


def without_progress(text: str) -> str:
    """What is left on the screen: bars erase themselves, and so do their lines here."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        last = re.split(r"\x1b\[2K|\r", line)[-1]
        last = re.sub(r"\x1b\[\?25[lh]|\x1b\[\d*A|\x1b\[1G", "", last)
        if "━" not in last:
            lines.append(last)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def draw(text: str, file: Path) -> None:
    """Write a terminal's text as a picture."""
    console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True)
    for line in AnsiDecoder().decode(text):
        console.print(line, soft_wrap=True)
    console.save_svg(str(file), title="make demo")


def photograph(mailbox: Path, file: Path) -> None:
    """Put the order confirmation beside itself in the dark."""
    from playwright.sync_api import sync_playwright

    for path in sorted(mailbox.glob("*.eml")):
        mail = BytesParser(policy=policy.default).parsebytes(path.read_bytes())
        if "order" in str(mail["subject"]).lower():
            html = mail.get_body(("html",)).get_content()
            break
    else:
        raise SystemExit("no order confirmation in the mailbox")
    options = {
        "executable_path": shutil.which("chromium"),
        "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
    }
    with sync_playwright() as play, tempfile.TemporaryDirectory() as scratch:
        browser = play.chromium.launch(**options)
        shots = []
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 400, "height": 860}, color_scheme=scheme)
            page.set_content(html)
            shot = Path(scratch) / f"{scheme}.png"
            page.screenshot(path=str(shot))
            shots.append(shot)
        page = browser.new_page(viewport={"width": 840, "height": 880})
        images = "".join(f'<img src="{shot.as_uri()}" width="400" style="border-radius:12px">' for shot in shots)
        both = Path(scratch) / "both.html"
        both.write_text(f'<body style="margin:10px;display:flex;gap:20px;background:#888">{images}', "utf-8")
        page.goto(both.as_uri())
        page.screenshot(path=str(file))
        browser.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        text = run_on_a_terminal([sys.executable, "-m", "messaging", "demo"], Path(scratch))
        draw(without_progress(text), HERE / "demo.svg")
        photograph(Path(scratch) / "demo" / "mailbox", HERE / "order-confirmation.png")
    subprocess.run(["git", "status", "--short", str(HERE)], check=False)


if __name__ == "__main__":
    main()
