"""Person or machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.verdict import BURST, PAIR, Hit, agent_suspicion, judge

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

#: What people use: browsers and the browsers inside apps.
PEOPLE = [
    FIREFOX,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/390.0.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 400.0.0.1.2",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/143.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
    "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
    "Opera/9.80 (Android; Opera Mini/8.0.1807/191.304; U; en) Presto/2.12.423 Version/12.16",
]

#: What checks links for mail systems, and what programs call themselves.
MACHINES = [
    "",
    "   ",
    "Mozilla/5.0",
    "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
    "BarracudaCentral-LinkProtect/1.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/143.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Playwright/1.40.0",
    "Mimecast-URL-Defender",
    "curl/8.5.0",
    "python-requests/2.32.0",
    "python-httpx/0.28.1",
    "Python-urllib/3.11",
    "Go-http-client/1.1",
    "Java/17.0.1",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "WhatsApp/2.23.20.0",
    "facebookexternalhit/1.1",
]


def click(**facts: object) -> Hit:
    return Hit(**{"click": True, "slot": "1", "agent": FIREFOX, "seconds": 3600.0, **facts})


def reasons(*hits: Hit) -> list[tuple[str, ...]]:
    verdicts = judge(hits)
    assert all(machine == bool(why) for machine, why in verdicts)
    return [why for _, why in verdicts]


@pytest.mark.parametrize("agent", PEOPLE)
def test_people(agent: str) -> None:
    assert reasons(click(agent=agent), click(agent=agent, click=False)) == [(), ()]


@pytest.mark.parametrize("agent", MACHINES)
def test_machines(agent: str) -> None:
    ((reason,),) = reasons(click(agent=agent))
    assert reason.startswith("agent: ")


def test_known_crawlers(shared: Callable[[str], Path]) -> None:
    """Measured on a public list: of those missed, several are browsers inside apps and editors, that is people."""
    entries = json.loads(shared("data/user_agents/crawler-user-agents.json").read_text("utf-8"))
    agents = {agent for entry in entries for agent in entry["instances"]}
    missed = [agent for agent in agents if agent_suspicion(agent, click=True) is None]
    assert len(agents) > 2000
    assert len(missed) / len(agents) < 0.015


def test_image_proxies_load_images_for_people() -> None:
    gmail = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
    assert reasons(click(click=False, agent=gmail)) == [()]
    assert reasons(click(click=False, agent="YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy.html")) == [()]
    # Outlook loads images under this name; Office checks links under it.
    assert reasons(click(click=False, agent=MACHINES[3])) == [()]
    # Apple's mail privacy protection loads every image of every message ahead.
    assert reasons(click(click=False, agent="Mozilla/5.0")) == [("agent: bare",)]


def test_methods_and_prefetch() -> None:
    assert reasons(click(method="HEAD")) == [("method HEAD",)]
    assert reasons(click(prefetch="prefetch;prerender")) == [("prefetch",)]


@pytest.mark.parametrize(("later", "machine"), [(-5.0, True), (0.1, True), (10.0, True), (10.5, False)])
def test_what_asked_with_another_method_is_a_program_with_get_too(later: float, machine: bool) -> None:
    probe, get = click(method="HEAD", arrived=100.0), click(arrived=100.0 + later)
    assert reasons(probe, get) == [("method HEAD",), ("after another method",) if machine else ()]
    assert reasons(probe, click(arrived=100.1, agent=PEOPLE[1])) == [("method HEAD",), ()]


def test_before_its_hand_over_was_recorded() -> None:
    assert reasons(click(seconds=None, sending=True)) == [("before it was handed over",)]


@pytest.mark.parametrize(
    ("seconds", "machine"),
    [(0.3, True), (1.99, True), (2.0, False), (-5.0, True), (-86400.0, False), (0.0, False), (None, False)],
)
def test_seconds_since_sending(seconds: float | None, machine: bool) -> None:
    """Exactly none passes only where business time stands still; a day before sending, clocks disagree."""
    assert judge([click(seconds=seconds)])[0][0] is machine


class TestBurst:
    def test_three_links_within_two_seconds(self) -> None:
        hits = [click(slot=str(n), arrived=100.0 + n * 0.5) for n in range(3)]
        assert reasons(*hits) == [("3 links within 2 s",)] * 3
        assert reasons(*hits[:2]) == [(), ()]

    def test_two_links_at_once_are_no_hands(self) -> None:
        at_once = [click(slot="1", arrived=100.0, seconds=9.7), click(slot="2", arrived=100.3, seconds=10.0)]
        assert reasons(*at_once) == [("2 links within 0.3 s",)] * 2
        assert reasons(at_once[0], click(slot="2", arrived=100.31, seconds=10.01)) == [(), ()]
        # A person who happens to click while a scanner looks.
        assert reasons(at_once[0], click(slot="2", arrived=100.1, seconds=9.8, agent=PEOPLE[1])) == [(), ()]
        # Scanners look when the mail comes.
        assert reasons(*(click(slot=slot, arrived=100.0, seconds=61.0) for slot in "12")) == [(), ()]

    def test_one_link_again_and_again(self) -> None:
        assert reasons(*(click(arrived=100.0 + n / 10) for n in range(10))) == [()] * 10

    def test_a_person_who_reads_on(self) -> None:
        assert reasons(*(click(slot=str(n), arrived=100.0 + n * 1.5) for n in range(5))) == [()] * 5

    def test_only_what_belongs_to_it(self) -> None:
        hits = [click(slot="1", arrived=100.0), *(click(slot=str(n), arrived=500.0) for n in range(4))]
        assert [bool(why) for why in reasons(*hits)] == [False, True, True, True, True]

    def test_opens_are_no_part_of_it(self) -> None:
        hits = [click(slot="1"), click(slot="2", arrived=1.0), click(click=False, slot=None, arrived=1.0)]
        assert reasons(*hits) == [(), (), ()]

    @given(st.lists(st.tuples(st.sampled_from("1234"), st.floats(0, 20), st.sampled_from(PEOPLE[:2])), max_size=25))
    def test_as_defined(self, clicks: list[tuple[str, float, str]]) -> None:
        hits = [click(slot=slot, arrived=arrived, agent=agent, seconds=30.0) for slot, arrived, agent in clicks]

        def in_burst(mine: float, among: list[tuple[str, float]], links: int, seconds: float) -> bool:
            windows = (
                [slot for slot, at in among if at >= start and at - start <= seconds]
                for _, start in among
                if start <= mine and mine - start <= seconds
            )
            return any(len(set(window)) >= links for window in windows)

        expected = [
            in_burst(mine, [(slot, at) for slot, at, _ in clicks], *BURST)
            or in_burst(mine, [(slot, at) for slot, at, name in clicks if name == agent], *PAIR)
            for _, mine, agent in clicks
        ]
        assert [machine for machine, _ in judge(hits)] == expected


def test_facts_survive_being_kept() -> None:
    hit = click(method="HEAD", prefetch="x", arrived=5.5)
    assert Hit.from_raw(json.loads(json.dumps(hit.to_raw())), click=True, slot="1") == hit


def test_no_agent_takes_long() -> None:
    agent_suspicion("warm up", click=True)
    began = time.process_time()
    for filler in ("a", "1.", "x ", "((", "/;", "compatible; ", "Mozilla/5.0 ", "+a.", "@"):
        agent_suspicion((filler * 512)[:512], click=True)
        agent_suspicion(("Mozilla/5.0 " + filler * 512)[:512], click=True)
    assert time.process_time() - began < 1.0
