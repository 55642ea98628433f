"""The report's plots: numbers into the geometry that `pages/plot_*.svg` draw. No browser, no script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from messaging.server.html import Pages
from messaging.services.reporting import TemplateReport

#: Bars that fit on a plot.
_MOST_BARS = 12
#: Steps of the time axis: the first that covers all with at most this many columns.
_MOST_COLUMNS = 48
_STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 1440, 2 * 1440, 7 * 1440, 28 * 1440, 91 * 1440)
)


def rates_plot(pages: Pages, reports: Sequence[TemplateReport]) -> Markup | None:
    """Click-through rates as bars with their intervals as whiskers; of the most sent, if there are many."""
    shown = sorted((report for report in reports if report.sent), key=lambda report: -report.sent)[:_MOST_BARS]
    if not shown:
        return None
    top = _round_up(max(report.click_through_interval[1] for report in shown))
    bars = [
        {
            "name": report.template,
            "note": f"{report.channel} · {report.version[:7]}",
            "value": f"{report.click_through_rate or 0:.1%}",
            "rate": (report.click_through_rate or 0) / top,
            "low": report.click_through_interval[0] / top,
            "high": report.click_through_interval[1] / top,
        }
        for report in shown
    ]
    ticks = [
        {"at": part / 4, "text": f"{top * part / 4:.0%}" if top >= 0.04 else f"{top * part / 4:.1%}"}
        for part in range(5)
    ]
    return Markup(pages.render("plot_rates.svg", bars=bars, ticks=ticks))  # noqa: S704 - our template, which escapes


def clicks_plot(pages: Pages, clicks: Sequence[tuple[datetime, bool]], now: datetime) -> Markup | None:
    """Clicks over time until now as columns, people's below, machines' on top."""
    if not clicks:
        return None
    first, last = clicks[0][0], max(clicks[-1][0], now)
    step = next((step for step in _STEPS if (last - first) / step < _MOST_COLUMNS - 1), (last - first) / 40)
    number = max(8, _ordinal(last, step) - _ordinal(first, step) + 1)
    start = datetime.fromtimestamp((_ordinal(last, step) - number + 1) * step.total_seconds(), UTC)
    counts = [[0, 0] for _ in range(number)]
    for at, machine in clicks:
        counts[min(number - 1, int((at - start) / step))][machine] += 1
    top = max(1, max(people + machines for people, machines in counts))
    columns = [
        {
            "x": index / number,
            "width": 1 / number,
            "people": people / top,
            "machines": machines / top,
            "title": f"{_moment(start + index * step, step)}: {people} by people, {machines} by machines",
        }
        for index, (people, machines) in enumerate(counts)
    ]
    marks = [{"at": part / 3, "text": _moment(start + number * step * part / 3, step)} for part in range(3)]
    marks.append({"at": 1.0, "text": "now"})
    return Markup(pages.render("plot_clicks.svg", columns=columns, marks=marks, top=top))  # noqa: S704 - see above


def _ordinal(time: datetime, step: timedelta) -> int:
    """Which step of all since the epoch a time is in."""
    return int(time.timestamp() // step.total_seconds())


def _moment(time: datetime, step: timedelta) -> str:
    return f"{time:%d %b %H:%M}" if step < timedelta(days=1) else f"{time:%d %b %Y}"


def _round_up(rate: float) -> float:
    """A round number at or above a rate."""
    for candidate in (0.01, 0.02, 0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8):
        if rate <= candidate:
            return candidate
    return 1.0
