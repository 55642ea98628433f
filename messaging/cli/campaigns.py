"""`messaging campaigns`: make, plan, send and watch campaigns."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import (
    TIME,
    json_option,
    must_ask,
    pass_app,
    print_json,
    print_table,
    progress_bar,
    progress_bars,
    say,
    yes_option,
)
from messaging.errors import DeliveryError, InputError, PartlyFailed
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.message import MessageState

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.services.campaigning import Status


_IDLE = "Nothing has happened for a while. Is messaging worker running?"


no_wait_option = click.option("--no-wait", is_flag=True, help="Leave it to the workers, where there are workers.")


@click.group()
def campaigns() -> None:
    """One template to one segment, now or at a time."""


@campaigns.command()
@click.argument("name")
@click.option("--template", required=True)
@click.option("--segment", required=True)
@click.option("--channel", help="The template's first, unless you say.")
@click.option("--adapter", help="The channel's, from messaging.toml, unless you say.")
@click.option("--at", type=TIME, help="When to send, e.g. 2026-11-27T09:00:00+01:00.")
@click.option("--service-notice", metavar="WHY", help="Send a transactional template to all of them, and why.")
@json_option
@pass_app
def create(
    app: Messaging,
    name: str,
    template: str,
    segment: str,
    channel: str | None,
    adapter: str | None,
    at: datetime | None,
    service_notice: str | None,
    as_json: bool,
) -> None:
    """Make the campaign NAME. Nothing is sent yet."""
    campaign = app.campaigning.create(
        name,
        template=template,
        segment=segment,
        channel=channel,
        adapter=adapter,
        at=at,
        service_notice=service_notice,
    )
    if as_json:
        print_json(campaign.to_document())
    else:
        say(f"Made campaign {name}. See who would get it: messaging campaigns plan {name}")


@campaigns.command()
@click.argument("name")
@json_option
@pass_app
def plan(app: Messaging, name: str, as_json: bool) -> None:
    """Show who would get NAME, who would not and why. Every message is rendered; nothing is sent."""
    campaign = app.campaigning.get(name)
    with progress_bar(f"Planning {name}", app.store.customers.count()) as step:
        made = app.campaigning.plan(name, progress=step)
    if as_json:
        print_json(made.summary())
        return
    rows: list[tuple[str, int]] = [(f"in segment {campaign.segment}", made.audience)]
    rows += [(f"  − {reason}", -number) for reason, number in made.skipped.most_common()]
    rows.append(("would get it", made.planned))
    print_table(("", "people"), rows, title=f"Campaign {name}: {campaign.template} by {campaign.channel}")
    for line in made.measured.lines():
        click.echo(line)
    for warning in made.warnings:
        say(f"Note: {warning}.")
    say(f"Send exactly this: messaging campaigns send {name} --plan {made.hash}")


@campaigns.command()
@click.argument("name")
@click.option("--plan", "plan_hash", metavar="HASH", help="Send only what this plan showed.")
@no_wait_option
@yes_option
@json_option
@pass_app
def send(app: Messaging, name: str, plan_hash: str | None, no_wait: bool, yes: bool, as_json: bool) -> None:
    """Send NAME, or the rest of it. After any interruption say it again: nobody gets it twice."""
    _check_workers(app, no_wait)
    campaign = app.campaigning.get(name)
    if campaign.state in (CampaignState.DRAFT, CampaignState.HELD):
        # Whoever names a plan has looked at it.
        if must_ask(yes or plan_hash is not None, "--yes, or --plan HASH"):
            click.confirm(_question(app, campaign), abort=True, err=True)
        if campaign.state is CampaignState.HELD:
            say(f"Campaign {name} was held: {campaign.reason}. It goes on now.")
            app.campaigning.resume(name)
    late = app.campaigning.late_since(campaign)
    if late is not None:
        say(f"Campaign {name} should have gone out at {late:%Y-%m-%d %H:%M} UTC. It does now.")
    _go_on(app, name, as_json, plan_hash=plan_hash, wait=not no_wait)


def _check_workers(app: Messaging, no_wait: bool) -> None:
    if no_wait and not app.queue.workers:
        raise InputError("--no-wait: there are no workers", hint='they are set up by [queue] use = "celery"')


def _question(app: Messaging, campaign: Campaign) -> str:
    if campaign.state is CampaignState.HELD:
        return f"{campaign.name} is held: {campaign.reason}. Send it now?"
    number = app.audience.count(campaign.segment)
    return f"Send {campaign.template} to segment {campaign.segment} ({number} people)?"


@campaigns.command()
@click.argument("name")
@no_wait_option
@json_option
@pass_app
def resume(app: Messaging, name: str, no_wait: bool, as_json: bool) -> None:
    """Let a paused or held campaign go on, and send the rest of it."""
    _check_workers(app, no_wait)
    app.campaigning.resume(name)
    _go_on(app, name, as_json, wait=not no_wait)


@campaigns.command()
@click.argument("name")
@no_wait_option
@json_option
@pass_app
def retry(app: Messaging, name: str, no_wait: bool, as_json: bool) -> None:
    """Send again to those the provider refused, or that it gave up on."""
    _check_workers(app, no_wait)
    number = app.campaigning.retry(name)
    say(f"{number} to send again.")
    _go_on(app, name, as_json, wait=not no_wait)


@campaigns.command()
@click.argument("name")
@json_option
@pass_app
def pause(app: Messaging, name: str, as_json: bool) -> None:
    """Stop sending NAME, wherever it is being sent."""
    app.campaigning.pause(name, "paused by hand")
    _show(app, name, as_json)


@campaigns.command()
@click.argument("name")
@yes_option
@json_option
@pass_app
def cancel(app: Messaging, name: str, yes: bool, as_json: bool) -> None:
    """Skip everybody who has not got NAME yet. It cannot be taken back."""
    if must_ask(yes):
        click.confirm(f"Cancel {name} for good?", abort=True, err=True)
    app.campaigning.cancel(name)
    _show(app, name, as_json)


@campaigns.command()
@click.argument("name")
@json_option
@pass_app
def status(app: Messaging, name: str, as_json: bool) -> None:
    """Show how far NAME is."""
    _show(app, name, as_json)


@campaigns.command("list")
@json_option
@pass_app
def list_(app: Messaging, as_json: bool) -> None:
    """List all campaigns."""
    found = app.store.campaigns.all()
    if as_json:
        print_json([campaign.to_document() for campaign in found])
        return
    print_table(
        ("campaign", "state", "template", "segment", "channel", "audience", "made"),
        [
            (c.name, c.state, c.template, c.segment, c.channel, c.audience, f"{c.created_at:%Y-%m-%d %H:%M}")
            for c in found
        ],
    )


def _go_on(app: Messaging, name: str, as_json: bool, *, plan_hash: str | None = None, wait: bool = True) -> None:
    """Send, or have it sent, with progress; then show where it stands, and exit accordingly."""
    from messaging.cli.stopping import STOPPING, until_stopped
    from messaging.cli.waiting import teller

    workers, fault = app.queue.workers, None
    if workers:
        app.check_adapter_of(name)
        app.following.hand_over(name, plan_hash=plan_hash)
    campaign = app.campaigning.get(name)
    if not wait:
        _print(app, name, as_json)
        say(f"Workers send it. See how far it is: messaging campaigns status {name}.")
        return
    total = campaign.audience or app.store.customers.count()
    with until_stopped("The workers go on without you." if workers else STOPPING) as stop:
        with progress_bars(total, f"Listing {name}", f"Sending {name}") as (listed, sent):
            tell = teller()
            if workers:
                app.following.follow(name, stop=stop, listed=listed, sent=sent, waits=tell, idle=lambda: say(_IDLE))
            else:
                fault = app.send_campaign(name, plan_hash=plan_hash, stop=stop, listed=listed, sent=sent, waits=tell)
        shown = _print(app, name, as_json)
        if stop.is_set() and shown.campaign.state in (CampaignState.PLANNING, CampaignState.SENDING):
            if workers:
                say(f"Stop them with: messaging campaigns pause {name}.")
            else:
                say(f"messaging campaigns send {name} goes on, and so does messaging serve, unless you pause it.")
    if fault is not None:
        raise fault
    if shown.campaign.state is CampaignState.SCHEDULED:
        who = "messaging worker" if workers else "messaging serve"
        say(f"It goes out then, as long as {who} runs (or by messaging send-due).")
        return
    if shown.campaign.state in (CampaignState.PAUSED, CampaignState.HELD):
        raise InputError(f"campaign {name} was {shown.campaign.state}", hint=f"messaging campaigns resume {name}")
    waiting = shown.counts[MessageState.PLANNED]
    if waiting:
        again = f"messaging campaigns send {name}"
        due = app.store.outbox.next_due(campaign=name)
        first = f", the first for {due:%Y-%m-%d %H:%M} UTC" if due is not None else ""
        who = "messaging worker sends them" if workers else f"messaging serve sends them, or {again}"
        say(f"{waiting} wait for a later time{first}: {who}.")
    refused, unknown = shown.counts[MessageState.REFUSED], shown.counts[MessageState.UNKNOWN]
    look = f"messaging messages list --campaign {name} --state {'refused' if refused else 'unknown'}"
    if refused and not unknown and not waiting and not shown.counts[MessageState.SENT]:
        raise DeliveryError(f"campaign {name}: all {refused} refused by the provider", hint=f"see why with: {look}")
    if refused or unknown:
        raise PartlyFailed(f"campaign {name}: {refused} refused, {unknown} unknown", hint=f"see them with: {look}")


def _show(app: Messaging, name: str, as_json: bool) -> None:
    """Where it stands, and how it goes on if it waits for a person."""
    if _print(app, name, as_json).campaign.state in (CampaignState.PAUSED, CampaignState.HELD):
        say(f"Let it go on: messaging campaigns resume {name}. Drop it: messaging campaigns cancel {name}.")


def _print(app: Messaging, name: str, as_json: bool) -> Status:
    status = app.campaigning.status(name)
    campaign, rests = status.campaign, app.resting(name)
    if as_json:
        document: dict[str, Any] = {
            "campaign": campaign.name,
            "state": campaign.state.value,
            "counts": {state.value: number for state, number in status.counts.items()},
            "audience": campaign.audience,
            "reason": campaign.reason,
            "waits": rests.message if rests else None,
            "reasons": [
                {"state": state.value, "reason": reason, "messages": number}
                for (state, reason), number in sorted(status.reasons.items())
            ],
        }
        print_json(document)
        return status
    rows = [(state.value, number) for state, number in status.counts.items() if number]
    title = f"Campaign {campaign.name}: {campaign.state}" + (f" ({campaign.reason})" if campaign.reason else "")
    print_table(("state", "messages"), [*rows, ("audience", campaign.audience or 0)], title=title)
    if rests:
        say(f"It waits: {rests}")
    if status.reasons:
        print_table(
            ("state", "reason", "messages"),
            [(state, reason, number) for (state, reason), number in sorted(status.reasons.items())],
        )
    return status
