"""`messaging why`: which trigger or campaign caused a message, and which rules let it pass or stopped it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from messaging.cli.common import (
    json_option,
    limit_option,
    pass_app,
    print_json,
    print_table,
    say,
    the_customer,
    the_message,
)
from messaging.errors import NotFound
from messaging.nouns.message import MessageState

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.nouns.message import Message
    from messaging.services.triggering import Untold
    from messaging.services.why import Why


@click.command()
@click.argument("what", metavar="MESSAGE_OR_CUSTOMER")
@limit_option
@json_option
@pass_app
def why(app: Messaging, what: str, limit: int, as_json: bool) -> None:
    """Say why a message was sent, waits, or was not sent; of a customer, of all their messages, the latest first."""
    from messaging.services.why import Why

    asked = Why(app.store, app.planner, app.triggers, app.triggering.due_checks, app.shown)
    try:
        message = the_message(app, what)
    except NotFound:
        _of_customer(app, asked, what, limit, as_json)
        return
    reasons = asked.message(message, now=app.clock.now())
    if as_json:
        print_json(_document(message) | {"why": [reason.to_document() for reason in reasons]})
        return
    print_table(
        ("", f"message {message.id}", ""),
        [(reason.about, reason.text, "stops it" if reason.against else "") for reason in reasons],
    )


def _of_customer(app: Messaging, asked: Why, what: str, limit: int, as_json: bool) -> None:
    from messaging.services.why import of_the_event

    try:
        customer = the_customer(app, what)
    except NotFound:
        raise NotFound(
            f"{what!r} is no message and no customer",
            hint="list them with: messaging messages list, messaging customers list",
        ) from None
    now = app.clock.now()
    found = app.store.outbox.page(customer_id=customer.id, limit=10_000_000)
    found.sort(key=lambda message: message.sent_at or message.due_at, reverse=True)
    shown = found[:limit] if limit else found
    untold = app.triggering.untold(customer.id, now=now)
    if as_json:
        print_json(
            {
                "customer": customer.id,
                "messages": [
                    _document(one) | {"why": [reason.to_document() for reason in asked.message(one, now=now)]}
                    for one in shown
                ],
                "waits": [{"template": one.template, "event": one.event.id, "for": one.path} for one in untold],
            }
        )
        return
    if not shown and not untold:
        say(f"There is no message to {customer.id}: no campaign had them in its segment, no trigger was set off.")
        return
    rows = [
        (f"{one.event.time:%Y-%m-%d %H:%M}", "", one.template, of_the_event(one.event), _waits(one)) for one in untold
    ]
    for one in shown:
        reasons = asked.message(one, now=now)
        holds = [reason.text for reason in reasons[:-1] if reason.against and one.state is MessageState.PLANNED]
        ended = "; ".join([reasons[-1].text, *holds])
        rows.append((f"{one.sent_at or one.due_at:%Y-%m-%d %H:%M}", one.id[:12], one.template, reasons[0].text, ended))
    print_table(("time", "message", "template", "because of", "what became of it"), rows, solid=("message",))
    if len(shown) < len(found):
        say(f"The latest {limit} of {len(found)}; --limit shows more, --limit 0 all.")


def _waits(untold: Untold) -> str:
    return f"not planned: {untold.path} is not told yet"


def _document(message: Message) -> dict[str, object]:
    return {"message": message.id, "template": message.template, "state": message.state.value}
