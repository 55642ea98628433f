"""What staff see, who may see it, and that nothing in it runs."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable

import httpx
import pytest

from messaging.ids import message_id
from messaging.nouns.engagement import EngagementKind
from messaging.server import staff as module
from messaging.server.limits import Attempts

LETTER = """\
From: The Shop <shop@example.com>
To: {to}
Subject: {subject}
Date: Mon, 02 Mar 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="b"

--b
Content-Type: text/plain; charset="utf-8"

Hello {to}
--b
Content-Type: text/html; charset="utf-8"

<html><head><title>x</title></head><body>Hello <script>alert(1)</script>
<img src="https://m.example/o/{pixel}.gif" width="1"></body></html>
--b--
"""
PIXEL = "A" * 60


def letter(to: str = "ann@example.com", subject: str = "Hello") -> str:
    return LETTER.format(to=to, subject=subject, pixel=PIXEL)


class TestDoors:
    STAFF = (
        "/",
        "/mailbox",
        "/mailbox/x",
        "/mailbox/x/frame",
        "/report",
        "/docs",
        "/openapi.json",
        "/redoc",
        "/metrics",
    )

    def test_nothing_of_staff_is_on_the_public_door(self, site, public) -> None:
        site.mail("x", letter())
        for path in self.STAFF:
            assert public.get(path).status_code == 404, path

    def test_nothing_public_is_on_the_staff_door(self, site, staff) -> None:
        links = site.message()
        for url in (links.click(1, 0, None), links.pixel(), links.unsubscribe(), links.preferences(), "/events"):
            assert staff.get(url).status_code == 404
            assert staff.post(url).status_code in (404, 405)

    @pytest.mark.parametrize("path", ["/mailbox", "/report", "/docs", "/openapi.json", "/style.css", "/nothing"])
    def test_a_name_that_points_here_is_not_enough(self, staff, path: str) -> None:
        """DNS rebinding: a page elsewhere makes its own name lead to us."""
        for host in (
            "evil.example",
            "evil.example:8401",
            "127.0.0.1.evil.example",
            "",
            "[::2]",
            "localhost.evil.example",
        ):
            assert staff.get(path, headers={"Host": host}).status_code in (400, 421), host
        for host in ("localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:8401"):
            assert staff.get(path, headers={"Host": host}).status_code in (200, 404)

    def test_elsewhere_it_wants_the_password(self, site, staff_elsewhere) -> None:
        for path in (*self.STAFF, "/style.css"):
            answer = staff_elsewhere.get(path)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Basic ")
        assert staff_elsewhere.get("/mailbox", auth=("any", "correct horse")).status_code == 200
        assert (
            staff_elsewhere.get("/mailbox", auth=("any", "correct horse"), headers={"Host": "x.example"}).status_code
            == 200
        )

    @pytest.fixture
    def slow(self, monkeypatch: pytest.MonkeyPatch) -> float:
        monkeypatch.setattr(module, "SLOW", 0.05)
        # The minute does not turn meanwhile.
        monkeypatch.setattr(module, "Attempts", lambda limit: Attempts(limit, monotonic=lambda: 30.0))
        return 0.05

    def test_nobody_can_lock_the_staff_out(self, slow: float, staff_elsewhere) -> None:
        for number in range(12):
            staff_elsewhere.get("/mailbox", auth=("a", f"guess {number}"))
        began = time.perf_counter()
        answer = staff_elsewhere.get("/mailbox", auth=("a", "one more guess"))
        assert time.perf_counter() - began >= slow
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        assert staff_elsewhere.get("/mailbox", auth=("any", "correct horse")).status_code == 200

    def test_wrong_passwords(self, slow: float, staff_elsewhere) -> None:
        wrong = ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"correct horse").decode(), "Bearer correct horse"]
        for header in wrong:
            assert staff_elsewhere.get("/mailbox", headers={"Authorization": header}).status_code == 401
        codes = [staff_elsewhere.get("/mailbox", auth=("a", f"guess {number}")).status_code for number in range(12)]
        assert codes[0] == 401
        assert codes[-1] == 429

    def test_no_page_changes_anything(self, staff) -> None:
        for path in ("/mailbox", "/report", "/docs"):
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                answer = staff.request(method, path)
                assert (answer.status_code, set(answer.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
                assert "Pages can be looked at only." in answer.text

    @pytest.mark.parametrize("path", ["/nothing", "/mailbox/x/y/z", "/static/../keys.toml", "/report/x", "/%00"])
    def test_there_is_no_such_page(self, staff, path: str) -> None:
        answer = staff.get(path)
        assert answer.status_code == 404
        assert "There is no such page." in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]

    @pytest.mark.parametrize("path", ["/mailbox", "/mailbox/x", "/report", "/docs"])
    def test_pages_are_locked_down(self, site, staff, path: str) -> None:
        site.mail("x", letter())
        answer = staff.get(path)
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "<script" not in answer.text.replace("&lt;script", "")
        assert not re.search(r"\sstyle=", answer.text)


class TestMailbox:
    def test_empty(self, staff) -> None:
        assert staff.get("/").headers["location"] == "/mailbox"
        assert "No messages yet" in staff.get("/mailbox").text

    def test_list_and_search(self, site, staff, some_id: Callable[[int], str]) -> None:
        for number in range(60):
            site.mail(some_id(number), letter(f"c{number}@example.com", f"Letter {number}"))
        site.mail("utf8", letter("bob@example.com", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?q?_an_Bob?="))
        first = staff.get("/mailbox").text
        assert first.count("<li>") == 50
        assert "Older" in first
        assert "Newer" not in first
        second = staff.get("/mailbox?from=50").text
        assert second.count("<li>") == 11
        assert "Grüße an Bob" in first + second
        assert staff.get("/mailbox?q=grüße").text.count("<li>") == 1
        assert staff.get("/mailbox?q=C7%40example").text.count("<li>") == 1
        assert "Nothing matches" in staff.get("/mailbox?q=nobody").text
        assert staff.get("/mailbox?from=0&q=%00").status_code == 200
        for odd in ("from=-1", "from=abc", "from=", "from=99999999999999999999", "q=%00&from=²", "from=1000"):
            answer = staff.get(f"/mailbox?{odd}")
            assert answer.status_code == 404
            assert "The mailbox has no such page." in answer.text

    def test_the_template_of_a_message(self, site, staff, some_id: Callable[[int], str]) -> None:
        site.message()
        (row,) = site.store.outbox.page()
        site.mail(row.id, letter())
        assert "promotion" in staff.get("/mailbox").text

    def test_views(self, site, staff) -> None:
        site.mail("x", letter())
        page = staff.get("/mailbox/x").text
        assert 'src="/mailbox/x/frame"' in page
        assert 'sandbox="' in page
        assert "allow-scripts" not in page
        assert "allow-same-origin" not in page
        assert "Hello ann@example.com" in staff.get("/mailbox/x?view=text").text
        source = staff.get("/mailbox/x?view=source").text
        assert "Content-Type: multipart/alternative" in source
        assert "&lt;script&gt;" in source
        assert ">HTML</a>" in page
        odd = staff.get("/mailbox/x?view=<nonsense>")
        assert odd.status_code == 404
        assert "A message has no view &#39;&lt;nonsense&gt;&#39; (it has: html, text, source)." in odd.text

    def test_the_frame_is_a_sandbox(self, site, staff) -> None:
        site.mail("x", letter())
        frame = staff.get("/mailbox/x/frame")
        policy = frame.headers["content-security-policy"]
        assert policy.startswith("sandbox ")
        assert "allow-scripts" not in policy
        assert "default-src 'none'" in policy
        assert frame.headers["x-frame-options"] == "SAMEORIGIN"
        assert '<head><base target="_blank">' in frame.text
        assert "/o/" not in frame.text, "looking at a message must not count as an open"

    @pytest.mark.parametrize("id", ["nothing", "..%2f..%2fkeys", "%2e%2e", "x.eml", "a" * 200, "%00", "x%0d%0aA:b"])
    def test_what_is_not_there(self, site, staff, id: str) -> None:
        site.mailbox.mkdir()
        (site.mailbox.parent / "keys.eml").write_text("secret")
        for path in (f"/mailbox/{id}", f"/mailbox/{id}/frame"):
            answer = staff.get(path)
            assert answer.status_code in (404, 307, 400)
            assert "secret" not in answer.text

    def test_a_link_out_of_the_folder_is_not_followed(self, site, staff) -> None:
        site.mailbox.mkdir()
        (site.mailbox.parent / "keys.toml").write_text("secret")
        (site.mailbox / "x.eml").symlink_to(site.mailbox.parent / "keys.toml")
        assert staff.get("/mailbox/x").status_code == 404

    @pytest.mark.parametrize(
        "source",
        [
            b"",
            b"\xff\xfe\x00",
            b"no headers at all",
            b"Content-Type: multipart/mixed\n\nno boundary",
            b"Content-Type: text/html; charset=nonsense\n\n<p>x",
            b"Content-Transfer-Encoding: base64\nContent-Type: text/html\n\n!!!!",
            b"Subject: =?utf-9?b?!!?=\nDate: never\nTo: " + b"a" * 20_000 + b"\n\nx",
        ],
    )
    def test_broken_mail_is_shown_as_far_as_it_goes(self, site, staff, source: bytes) -> None:
        site.mail("x", source)
        assert staff.get("/mailbox").status_code == 200
        for view in ("html", "text", "source"):
            assert staff.get(f"/mailbox/x?view={view}").status_code == 200
        assert staff.get("/mailbox/x/frame").status_code == 200

    def test_hostile_values_stay_text(self, site, staff) -> None:
        site.mail("x", letter('"><script>alert(1)</script>', "<img src=x onerror=alert(1)>"))
        for path in ("/mailbox", "/mailbox/x", "/mailbox/x?view=text", "/mailbox?q=<script>"):
            text = staff.get(path).text
            assert "<script" not in text
            assert "<img" not in text


class TestReport:
    def test_nothing_sent(self, staff) -> None:
        assert "Nothing was sent yet" in staff.get("/report").text

    def click(self, site, name: str, **facts: str) -> None:
        links_to = site.message(name)
        assert links_to
        agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
        site.recorder.hit(
            EngagementKind.CLICKED,
            message_id("campaign:spring", name, "email"),
            slot="1",
            **{"method": "GET", "agent": agent, "prefetch": "", **facts},
        )

    def test_numbers_and_plots(self, site, staff) -> None:
        for number in range(40):
            site.message(f"c{number}")
        for number in range(4):
            self.click(site, f"c{number}")
        self.click(site, "c5", agent="<script>alert(1)</script>")
        page = staff.get("/report").text
        assert page.count("<svg") == 2
        assert "10.0%" in page
        assert "4.0%" in page
        assert "23.1%" in page
        assert "Link 1" in page
        assert "<script" not in page
        assert "whisker" in page
        assert "4 by people, 1 by machines" in page

    def test_nothing_sent_has_no_rate(self, site, staff) -> None:
        site.store.outbox.add([site.letter("ann")])
        page = staff.get("/report").text
        assert "100.0%" not in page
        assert "0.0%" not in page
        assert 'data-label="Click-through">–<' in page

    def test_links_say_by_how_many_they_are_measured(self, site, staff) -> None:
        for number in range(4):
            site.message(f"c{number}")
        self.click(site, "c0")
        page = staff.get("/report").text
        links = page.partition("<h2>Links in")[2]
        assert 'data-label="Sent">4<' in links
        assert 'data-label="Click-through">25.0%<' in links

    def test_filters(self, site, staff) -> None:
        self.click(site, "ann")
        assert "Nothing was sent yet" in staff.get("/report?template=order-confirmation").text
        assert "1 by people" in staff.get("/report?template=promotion").text
        for query, said in (("campaign=<script>", "No campaign"), ("template=<script>", "No template")):
            missing = staff.get(f"/report?{query}")
            assert missing.status_code == 404
            assert said in missing.text
            assert 'href="/report"' in missing.text
            assert "<script" not in missing.text

    def test_columns_of_zeros_are_left_out(self, site, staff) -> None:
        self.click(site, "ann")
        assert "Opens" not in staff.get("/report").text
        site.recorder.hit(
            EngagementKind.OPENED,
            message_id("campaign:spring", "ann", "email"),
            slot=None,
            method="GET",
            agent=str(staff.headers["user-agent"]),
            prefetch="",
        )
        assert 'data-label="Opens">1<' in staff.get("/report").text

    def test_a_click_just_made_is_in_it(self, site, staff) -> None:
        self.click(site, "ann")
        assert "1 by people" in staff.get("/report").text


def test_the_api_for_people_and_programs(site, staff) -> None:
    assert staff.get("/openapi.json").json()["openapi"].startswith("3.")
    page = staff.get("/docs").text
    assert "POST /events" in page
    assert "data.order.items[].price" in page


def test_the_style_sheet(public, staff) -> None:
    for client in (public, staff):
        answer = client.get("/style.css")
        assert answer.headers["content-type"].startswith("text/css")
        assert isinstance(client, httpx.Client)
