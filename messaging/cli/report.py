"""`messaging report`: what each template's messages brought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from messaging.cli.common import counted, json_option, pass_app, print_json, print_table, say, the_template
from messaging.nouns.template import DEFAULT_VARIANT

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
    if template is not None:
        the_template(app, template)
    if campaign is not None:
        app.campaigning.get(campaign)
    if rejudge:
        app.recorder.drain()
        say(f"{counted(app.recorder.rejudge(campaign=campaign, template=template), 'verdict')} changed.")
    reports = app.reporter.report(campaign=campaign, template=template)
    if as_json:
        print_json({"templates": [report.to_document() for report in reports]})
    elif not reports:
        say("Nothing was sent yet, so there is nothing to count.")
    else:
        _show(reports)


#: Columns that are left out of the table while there is nothing but zeros in them; the JSON has them all.
_SELDOM = ("delivered", "refused", "unknown", "opens", "unsubscribes")


def _show(reports: Sequence[TemplateReport]) -> None:
    told = [
        {
            "template": row.template,
            "version": row.version[:7],
            "channel": row.channel,
            "sent": row.sent,
            "delivered": row.delivered,
            "refused": row.refused,
            "unknown": row.unknown,
            "opens": row.opens,
            "clicks": row.clicks,
            "unique": row.unique_clicks,
            "machine": row.machine_clicks,
            "click-through (95 %)": _rate(row),
            "unsubscribes": row.unsubscribes,
        }
        for row in reports
    ]
    zeros = [name for name in _SELDOM if not any(row[name] for row in told)]
    columns = [name for name in told[0] if name not in zeros]
    print_table(columns, [[row[name] for name in columns] for row in told], solid=("template", "version"))
    for report in reports:
        _show_links(report)
    if zeros:
        say(f"None: {', '.join(zeros)}.")
    say("Clicks and opens are people's; unique: messages with a click. Machines' clicks are counted apart.")


def _show_links(report: TemplateReport) -> None:
    """The places of a version that were clicked; of several languages, one place stands together."""
    clicked = [link for link in report.links if link.clicks or link.machine_clicks]
    if not clicked:
        return
    languages = len({link.locale for link in report.links}) > 1
    columns = (
        "slot",
        *(["language"] if languages else []),
        "link",
        "sent",
        "clicks",
        "unique",
        "machine",
        "click-through",
    )
    rows = [
        (
            link.slot,
            *([link.locale or DEFAULT_VARIANT] if languages else []),
            _short(link.label),
            link.sent,
            link.clicks,
            link.unique_clicks,
            link.machine_clicks,
            _percent(link.click_through_rate),
        )
        for link in clicked
    ]
    print_table(columns, rows, title=f"{report.template}, version {report.version[:7]}, {report.channel}")


def _short(label: str) -> str:
    return label if len(label) <= 40 else f"{label[:39]}…"


def _rate(report: TemplateReport) -> str:
    if not report.sent:
        return "–"
    low, high = report.click_through_interval
    return f"{_percent(report.click_through_rate)} ({low:.1%}–{high:.1%})"


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"
