"""Is a hit on a link or pixel a machine's: a scanner of the reader's mail system, a prefetch, a crawler.

Every hit is counted, nothing is dropped: the verdict says whether a person is behind it, with its reasons. It
comes from facts that are kept raw, so that a better rule can judge old hits again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from crawlerdetect import CrawlerDetect

#: A hit sooner than this after the message was handed over, in seconds, is no person's.
TOO_SOON = 2.0
#: The clocks of two machines differ, but not by more than this many seconds.
_SKEW = 60.0
#: So many different links of one message within so many seconds are a machine's that opens them all.
BURST = 3, 2.0
#: Two at once, under one name, in the minute after sending, when scanners look: a hand needs longer from one link to
#: the next. Later it is left to doubt.
PAIR = 2, 0.3
PAIR_SECONDS = 60.0
#: A browser asks for a link with GET only. What asked with another method within so many seconds is a program, that
#: goes on with GET.
PROBE_SECONDS = 10.0

#: Scanners of mail systems and other machines that crawlerdetect does not know, as they name themselves.
_MACHINES = re.compile(
    r"ms-?office|barracuda|proofpoint|mimecast|safelinks|trend ?micro|fireeye|forcepoint|symantec|messagelabs"
    r"|sophos|fortinet|ironport|headless|playwright|puppeteer|selenium|phantomjs"
    r"|scan|monitor|synthetic|preview|fetch|prefetch|unfurl|check|archive|proxy",
    re.IGNORECASE,
)
#: What no browser of a person has in its name: an address to read about it, or to write to.
_SIGNED = re.compile(r"https?://|www\.|\w@\w|\+\w+\.\w+|compatible;(?! ?MSIE)", re.IGNORECASE)
#: What every browser has: an engine. (Opera Mini has its own.)
_BROWSER = re.compile(r"Mozilla/[45]\.0 .*(AppleWebKit|Gecko/|Trident|MSIE)|Opera/")
#: Services that load images when a person opens the message, each under its own name.
_READERS = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)

_crawlers = CrawlerDetect()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """The facts of one hit."""

    #: A click on a link; else the open pixel was loaded.
    click: bool
    slot: str | None = None
    method: str = "GET"
    agent: str = ""
    #: What a browser said when it loaded the page ahead of a click (Purpose, Sec-Purpose, X-Moz).
    prefetch: str = ""
    #: When it arrived, in seconds of the system's own clock: how hits follow each other.
    arrived: float = 0.0
    #: Business seconds since the message was handed over; None if that is not known.
    seconds: float | None = None
    #: The message was still being handed over when the hit was recorded.
    sending: bool = False

    def to_raw(self) -> dict[str, Any]:
        """The facts beside kind and slot, as an engagement's `raw`."""
        return {
            "method": self.method,
            "agent": self.agent,
            "prefetch": self.prefetch,
            "arrived": self.arrived,
            "seconds": self.seconds,
            "sending": self.sending,
        }

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any], *, click: bool, slot: str | None) -> Hit:
        """The hit whose facts `to_raw` kept."""
        return cls(
            click=click,
            slot=slot,
            method=raw.get("method") or "GET",
            agent=raw.get("agent") or "",
            prefetch=raw.get("prefetch") or "",
            arrived=raw.get("arrived") or 0.0,
            seconds=raw.get("seconds"),
            sending=bool(raw.get("sending")),
        )


def judge(hits: Sequence[Hit]) -> list[tuple[bool, tuple[str, ...]]]:
    """For all hits on one message: is each a machine's, and why.

    All at once, since a burst makes machines of its first hits too.
    """
    reasons = [_own_reasons(hit) for hit in hits]
    for index in _probed(hits):
        reasons[index].append("after another method")
    for index, burst in _bursts(hits).items():
        reasons[index].append(burst)
    return [(bool(why), tuple(why)) for why in reasons]


def _own_reasons(hit: Hit) -> list[str]:
    reasons = []
    if hit.method != "GET":
        reasons.append(f"method {hit.method[:16]}")
    if hit.prefetch:
        reasons.append("prefetch")
    suspicion = agent_suspicion(hit.agent, click=hit.click)
    if suspicion:
        reasons.append(f"agent: {suspicion}")
    if hit.sending:
        reasons.append("before it was handed over")
    if _soon(hit, TOO_SOON):
        reasons.append(f"within {TOO_SOON:g} s of sending")
    return reasons


def _soon(hit: Hit, seconds: float) -> bool:
    """Whether it came within so many seconds of sending."""
    # At the very same instant: business time stands still (MESSAGING_NOW), and tells nothing.
    return hit.seconds is not None and hit.seconds != 0 and -_SKEW < hit.seconds < seconds


@lru_cache(maxsize=4096)
def agent_suspicion(agent: str, *, click: bool) -> str | None:
    """Why a user agent is taken for a machine; None for a person's."""
    agent = agent.strip()
    if not agent:
        return "none"
    if agent in ("Mozilla/5.0", "Mozilla/4.0"):
        return "bare"
    if not click:
        # Mail programs load images under any name; only what is surely none of a reader's is refused.
        return None if _READERS.search(agent) or not _crawlers.is_crawler(agent) else "crawler"
    if _crawlers.is_crawler(agent):
        return "crawler"
    if _MACHINES.search(agent) or _SIGNED.search(agent):
        return "scanner"
    return None if _BROWSER.match(agent) else "no browser"


def _probed(hits: Sequence[Hit]) -> list[int]:
    """Which hits came with GET from an agent that asked with another method just before or after."""
    probes: dict[str, list[float]] = {}
    for hit in hits:
        if hit.method != "GET":
            probes.setdefault(hit.agent, []).append(hit.arrived)
    return [
        index
        for index, hit in enumerate(hits)
        if hit.method == "GET"
        and any(abs(hit.arrived - arrived) <= PROBE_SECONDS for arrived in probes.get(hit.agent, ()))
    ]


def _bursts(hits: Sequence[Hit]) -> dict[int, str]:
    """Which hits belong to a burst of clicks, and to which."""
    order = sorted((index for index, hit in enumerate(hits) if hit.click), key=lambda index: hits[index].arrived)
    by_agent: defaultdict[str, list[int]] = defaultdict(list)
    for index in order:
        if _soon(hits[index], PAIR_SECONDS):
            by_agent[hits[index].agent].append(index)
    found: dict[int, str] = {}
    for among, (links, seconds) in ((order, BURST), *((same, PAIR) for same in by_agent.values())):
        for index in _burst(hits, among, links, seconds):
            found.setdefault(index, f"{links} links within {seconds:g} s")
    return found


def _burst(hits: Sequence[Hit], order: Sequence[int], links: int, seconds: float) -> Iterator[int]:
    """Those of `order` (by arrival) that are among `links` different links within `seconds`."""
    counts: dict[str | None, int] = {}
    first = marked = 0
    for last, index in enumerate(order):
        counts[hits[index].slot] = counts.get(hits[index].slot, 0) + 1
        while hits[index].arrived - hits[order[first]].arrived > seconds:
            slot = hits[order[first]].slot
            counts[slot] -= 1
            if not counts[slot]:
                del counts[slot]
            first += 1
        if len(counts) >= links:
            yield from order[max(first, marked) : last + 1]
            marked = last + 1
