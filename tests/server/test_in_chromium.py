"""The mailbox in a real browser: what a message brings along does not run."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from messaging.ids import message_id
from messaging.nouns.engagement import EngagementKind

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


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            yield browser
        finally:
            browser.close()


def test_a_hostile_message(site, staff) -> None:
    with listening() as (call, called), chromium() as browser:
        site.mail("x", LETTER.format(call=call))
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


@pytest.mark.parametrize("width", [375, 768, 1100, 1440])
def test_nothing_of_a_page_is_cut(site, staff, width: int) -> None:
    """No page is wider than its window, no table than its frame; letters in plots are as large on a phone."""
    for number in range(30):
        site.mail(f"m{number}", LETTER.format(call="https://shop.example"))
        site.message(f"a-customer-{number}")
        click(site, f"a-customer-{number}")
    with chromium() as browser:
        page = browser.new_page(viewport={"width": width, "height": 800})
        for path in ("/mailbox", "/mailbox/m1", "/mailbox/nothing", "/report", "/docs"):
            page.goto(f"{staff.base_url}{path}")
            wide = "e => e.scrollWidth > e.clientWidth"
            assert not page.evaluate(f"({wide})(document.documentElement)"), path
            assert not page.evaluate(f"[...document.querySelectorAll('.scroll')].some({wide})"), path
            letters = "[...document.querySelectorAll('svg text')].filter(e => e.checkVisibility())"
            assert page.evaluate(f"{letters}.every(e => e.getBoundingClientRect().height >= 12)"), path


def click(site: Any, name: str) -> None:
    """A click by a person."""
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
    id = message_id("campaign:spring", name, "email")
    site.recorder.hit(EngagementKind.CLICKED, id, slot="1", method="GET", agent=agent, prefetch="")


@pytest.mark.parametrize(("scheme", "shown"), [("dark", "rgb(1, 2, 3)"), ("light", "rgb(250, 251, 252)")])
def test_a_message_is_dark_where_the_reader_is(site, staff, scheme: str, shown: str) -> None:
    style = "body{background:#fafbfc}@media (prefers-color-scheme: dark){body{background:#010203}}"
    site.mail("x", f"Content-Type: text/html\n\n<html><head><style>{style}</style></head><body>Hello</body></html>")
    with chromium() as browser:
        page = browser.new_page(color_scheme=scheme)
        page.goto(f"{staff.base_url}/mailbox/x")
        body = page.frame_locator("iframe").locator("body")
        assert body.evaluate("e => getComputedStyle(e).backgroundColor") == shown
