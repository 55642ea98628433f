"""`messaging messages`: look into the outbox, settle what is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from messaging.cli.common import (
    ALL,
    json_option,
    limit_option,
    pass_app,
    print_json,
    print_table,
    say,
    the_customer,
    the_message,
    the_template,
)
from messaging.errors import Conflict
from messaging.nouns.campaign import CampaignState
from messaging.nouns.message import MessageState
from messaging.rules.retry import TWICE
from messaging.stores.outbox import Outcome

if TYPE_CHECKING:
    from messaging.app import Messaging

#: Digits of an id in a table. Two of a million messages share them once in 500 such shops; `the_message` says so then.
_SHOWN = 12


@click.group()
def messages() -> None:
    """The outbox: every message, its state and why."""


@messages.command("list")
@click.option("--campaign", metavar="NAME")
@click.option("--customer", metavar="CUSTOMER", help="By id, email or phone.")
@click.option("--template", metavar="NAME")
@click.option("--state", type=click.Choice([state.value for state in MessageState]))
@limit_option
@json_option
@pass_app
def list_(
    app: Messaging,
    campaign: str | None,
    customer: str | None,
    template: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List messages."""
    if campaign:
        app.campaigning.get(campaign)
    found = app.shown(
        app.store.outbox.page(
            campaign=campaign,
            customer_id=the_customer(app, customer).id if customer else None,
            template=the_template(app, template) if template else None,
            state=MessageState(state) if state else None,
            limit=limit or ALL,
        )
    )
    if as_json:
        print_json([message.to_document() for message in found])
        return
    print_table(
        ("message", "template", "customer", "channel", "state", "reason", "due"),
        [
            (m.id[:_SHOWN], m.template, m.customer_id, m.channel, m.state, m.reason, f"{m.due_at:%Y-%m-%d %H:%M}")
            for m in found
        ],
        solid=("message", "customer"),
        least=("channel",),
    )
    if len(found) == limit:
        say(f"The first {limit}; --limit shows more, --limit 0 all.")


@messages.command()
@click.argument("id")
@json_option
@pass_app
def show(app: Messaging, id: str, as_json: bool) -> None:
    """Show one message: its state, what came back, and what it says."""
    (message,) = app.shown([the_message(app, id)])
    came_back = app.store.engagements.of_messages([message.id]).get(message.id, [])
    rendered = app.show(message)
    if as_json:
        print_json(
            {
                **message.to_document(),
                "engagement": [engagement.to_document() for engagement in came_back],
                "parts": dict(rendered.parts) if rendered else None,
            }
        )
        return
    print_table(("", ""), [(key, value) for key, value in message.to_document().items() if key != "context"])
    if came_back:
        print_table(
            ("when", "what", "link", "by"),
            [
                (
                    f"{e.at:%Y-%m-%d %H:%M:%S}",
                    e.kind,
                    e.slot,
                    "machine: " + ", ".join(e.reasons) if e.machine else "person",
                )
                for e in came_back
            ],
        )
    if rendered:
        click.echo(rendered.parts.get("subject", ""))
        click.echo()
        click.echo(rendered.parts.get("text") or rendered.parts.get("body", ""))


@messages.command()
@click.argument("id")
@click.option("--sent", "decision", flag_value="sent", help="It arrived.")
@click.option("--resend", "decision", flag_value="resend", help="It did not arrive: send it again.")
@pass_app
def resolve(app: Messaging, id: str, decision: str | None) -> None:
    """Settle a message whose answer was lost."""
    if decision is None:
        raise click.UsageError("say which: --sent or --resend")
    message = the_message(app, id)
    now = app.clock.now()
    with app.store.transaction():
        message = the_message(app, id)
        if message.state is not MessageState.UNKNOWN:
            raise Conflict(f"message {message.id} is {message.state}, not unknown")
        if decision == "sent":
            outcome = Outcome(message_id=message.id, state=MessageState.SENT, reason="resolved by hand", sent_at=now)
        else:
            campaign = app.store.campaigns.get(message.campaign) if message.campaign else None
            if campaign is not None and campaign.state is CampaignState.CANCELLED:
                raise Conflict(f"campaign {campaign.name} is cancelled: nothing of it is sent any more")
            outcome = Outcome(
                message_id=message.id, state=MessageState.PLANNED, reason=f"resent by hand; {TWICE}", due_at=now
            )
            app.campaigning.reopen(message.campaign)
        app.store.outbox.settle([outcome])
    say(f"Message {message.id} is {outcome.state} now." + (" The next send takes it." if decision == "resend" else ""))
