"""The report's plots: what they show, as geometry."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.rules.statistics import wilson
from messaging.server.html import Pages
from messaging.server.plots import clicks_plot, rates_plot
from messaging.services.reporting import TemplateReport

NOW = datetime(2026, 3, 2, 10, 7, tzinfo=UTC)


@pytest.fixture
def pages() -> Pages:
    return Pages({"name": "The shop"}, stylesheet="style.css")


def report(sent: int, unique: int) -> TemplateReport:
    numbers: dict[str, Any] = dict.fromkeys(TemplateReport.__dataclass_fields__, 0)
    told = {
        "template": f"sent-{sent}",
        "version": "ab" * 16,
        "channel": "email",
        "campaigns": (),
        "sent": sent,
        "unique_clicks": unique,
        "click_through_rate": unique / sent if sent else None,
        "click_through_interval": wilson(unique, sent),
        "links": (),
    }
    return TemplateReport(**{**numbers, **told})


def test_every_whisker_ends_within_the_plot(pages: Pages) -> None:
    """Also that of a handful of messages, which says so little that it goes far."""
    plot = rates_plot(pages, [report(5000, 400), report(3, 1), report(1, 1), report(0, 0)])
    assert plot is not None
    caps = [float(x) for x in re.findall(r'class="whisker" x1="([\d.]+)%" x2="\1%"', plot)]
    assert len(caps) == 6
    assert 90 < max(caps) <= 100
    ends = [float(x) for x in re.findall(r'class="whisker" x1="[\d.]+%" x2="([\d.]+)%"', plot)]
    assert max(ends) == max(caps)


@pytest.mark.parametrize("age", [timedelta(minutes=3), timedelta(hours=7), timedelta(days=40), timedelta(days=900)])
def test_time_goes_on_until_now(pages: Pages, age: timedelta) -> None:
    plot = clicks_plot(pages, [(NOW - age, False), (NOW - age, True), (NOW - age / 2, False)], NOW)
    assert plot is not None
    titles = re.findall("<title>(.*?):? (\\d+) by people, (\\d+) by machines</title>", plot)
    assert sum(int(people) for _, people, _ in titles) == 2
    assert sum(int(machines) for *_, machines in titles) == 1
    assert 8 <= len(titles) <= 60
    marks = re.findall(r'y="220" text-anchor="(\w+)">(.*?)<', plot)
    assert marks[-1] == ("end", "now")
    assert titles[0][0] != titles[-1][0]


def test_nothing_to_show(pages: Pages) -> None:
    assert rates_plot(pages, [report(0, 0)]) is None
    assert clicks_plot(pages, [], NOW) is None
