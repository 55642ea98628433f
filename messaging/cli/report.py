"""`messaging report`: what each template's messages brought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from messaging.cli.common import json_option, pass_app, print_json, print_table, say
from messaging.errors import NotFound

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.services.reporting import TemplateReport


@click.command()
@click.option("--campaign", metavar="NAME", help="Only this campaign's messages.")
@click.option("--template", metavar="NAME", help="Only this template's messages.")
@click.option("--rejudge", is_flag=True, help="First judge all clicks and opens anew: person or machine.")
@json_option
@pass_app
def report(app: Messaging, campaign: str | None, template: str | None, rejudge: bool, as_json: bool) -> None:
    """Show what each template's messages brought: sent, opened, clicked by people and by machines."""
    if template is not None and template not in app.library.names():
        known = {version.template for version in app.store.versions()}
        if template not in known:
            raise NotFound(f"no template {template!r}", hint="see them with: messaging templates list")
    if rejudge:
        app.recorder.drain()
        say(f"{app.recorder.rejudge(campaign=campaign, template=template)} verdicts changed.")
    reports = app.reporter.report(campaign=campaign, template=template)
    if as_json:
        print_json({"templates": [report.to_document() for report in reports]})
    elif not reports:
        say("Nothing was sent yet, so there is nothing to count.")
    else:
        _show(reports)


_COLUMNS = (
    "template",
    "version",
    "channel",
    "sent",
    "delivered",
    "refused",
    "unknown",
    "opens",
    "clicks",
    "unique clicks",
    "machine clicks",
    "click-through (95 %)",
    "unsubscribes",
)
_LINK_COLUMNS = (
    "template",
    "version",
    "slot",
    "link",
    "clicks",
    "unique clicks",
    "machine clicks",
    "click-through",
)


def _show(reports: Sequence[TemplateReport]) -> None:
    print_table(
        _COLUMNS,
        [
            (
                row.template,
                row.version[:7],
                row.channel,
                row.sent,
                row.delivered,
                row.refused,
                row.unknown,
                row.opens,
                row.clicks,
                row.unique_clicks,
                row.machine_clicks,
                _rate(row),
                row.unsubscribes,
            )
            for row in reports
        ],
    )
    links = [(row, link) for row in reports for link in row.links if link.clicks or link.machine_clicks]
    if links:
        print_table(
            _LINK_COLUMNS,
            [
                (
                    row.template,
                    row.version[:7],
                    link.slot,
                    link.label,
                    link.clicks,
                    link.unique_clicks,
                    link.machine_clicks,
                    _percent(link.click_through_rate),
                )
                for row, link in links
            ],
        )
    say("Clicks and opens are people's; a unique click is a message with one. Machines are counted apart.")


def _rate(report: TemplateReport) -> str:
    low, high = report.click_through_interval
    return f"{_percent(report.click_through_rate)} ({low:.1%}–{high:.1%})"


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"
