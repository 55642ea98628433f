"""The mailbox in a real browser: what a message brings along does not run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.chromium,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]

LETTER = """\
From: shop@example.com
To: ann@example.com
Subject: Hello
MIME-Version: 1.0
Content-Type: text/html; charset="utf-8"

<html><head><script>fetch("{call}/script")</script></head>
<body onload="fetch('{call}/onload')">
<p id="words">Hello Ann</p>
<img src="data:," onerror="fetch('{call}/onerror')">
<a id="link" href="{call}/link">Look</a>
<form action="{call}/form"><button id="send">Send</button></form>
<iframe src="{call}/iframe"></iframe><object data="{call}/object"></object>
<meta http-equiv="refresh" content="0;url={call}/refresh">
<link rel="stylesheet" href="{call}/style">
<svg onload="fetch('{call}/svg')"></svg>
<a id="js" href="javascript:fetch('{call}/js')">Script</a>
</body></html>
"""


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server that notes who is called home to: its address and the paths asked for."""
    called: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            called.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", called
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_hostile_message(site, staff, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with listening() as (call, called), sync_playwright() as playwright:
        site.mail("x", LETTER.format(call=call))
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            page = browser.new_page()
            page.goto(f"{staff.base_url}/mailbox/x")
            frame = page.frame_locator("iframe")
            assert frame.locator("#words").inner_text() == "Hello Ann"
            frame.locator("#js").click()
            frame.locator("#send").click()
            page.wait_for_timeout(300)
            assert called == []
            assert page.url.endswith("/mailbox/x")
            # A link is for people to try: it opens beside.
            with page.expect_popup() as popup:
                frame.locator("#link").click()
            popup.value.wait_for_load_state()
            assert "/link" in called
            # The frame's address by itself is a sandbox too.
            called.clear()
            page.goto(f"{staff.base_url}/mailbox/x/frame")
            page.wait_for_timeout(300)
            assert [path for path in called if path not in ("/refresh", "/favicon.ico")] == []
        finally:
            browser.close()
