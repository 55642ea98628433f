"""`messaging triggers`: which events send what, and whether they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import counted, json_option, pass_app, print_json, print_table, say
from messaging.errors import MessagingError, NotFound
from messaging.rules.timing import duration_text

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.nouns.template import Trigger


@click.group()
def triggers() -> None:
    """What is sent when something happens. Triggers are off until they are enabled."""


@triggers.command("list")
@json_option
@pass_app
def list_(app: Messaging, as_json: bool) -> None:
    """List the triggers of all templates, on and off."""
    rows = []
    for name in sorted({*app.library.names(), *app.triggers.enabled()}):
        rows.extend(_rows(app, name))
    if as_json:
        print_json(rows)
        return
    waits = any(row["waiting"] for row in rows)
    print_table(
        ("template", "event", "on", "when", "waiting", "problem"),
        [
            (
                row["template"],
                row["event"],
                "on" if row["enabled"] else "off",
                row["when"] + (f" unless {row['unless']}" if row["unless"] else ""),
                row["waiting"] if waits else None,
                row["problem"],
            )
            for row in rows
        ],
    )


@triggers.command()
@click.argument("template")
@click.option("--days", type=click.FloatRange(0, 3650, min_open=True), default=7, show_default=True)
@json_option
@pass_app
def plan(app: Messaging, template: str, days: float, as_json: bool) -> None:
    """Show what a template's triggers would have sent for the events of the last days, and what waits now."""
    made = app.trigger_plans.make(template, days=days)
    if as_json:
        print_json(made.summary())
        return
    state = "on" if made.enabled else "off"
    click.echo(
        f"{template} is {state}. In the last {days:g} {'day' if days == 1 else 'days'}: "
        f"{counted(made.events, 'event')}, {counted(made.planned, 'message')}."
    )
    if made.skipped:
        print_table(("not sent", "because"), [(number, why) for why, number in made.skipped.most_common()])
    if made.warnings:
        print_table(("events", "set nothing off because"), [(n, why) for why, n in made.warnings.most_common()])
    click.echo(f"Waiting now: {made.waiting}.")


@triggers.command()
@click.argument("templates", nargs=-1, required=True)
@pass_app
def enable(app: Messaging, templates: tuple[str, ...]) -> None:
    """Turn the triggers of templates on, from the next live event."""
    for name in templates:
        app.triggers.written(name)  # all of them make sense, or none is turned on
    for name in templates:
        live = app.triggers.enable(name)
        say(f"{name} is on: {'; '.join(_sentence(trigger) for trigger in live.triggers)}.")


@triggers.command()
@click.argument("templates", nargs=-1, required=True)
@pass_app
def disable(app: Messaging, templates: tuple[str, ...]) -> None:
    """Turn the triggers of templates off. What of theirs still waits is skipped."""
    known = {*app.library.names(), *app.triggers.enabled()}
    for name in templates:
        if name not in known:
            raise NotFound(f"no template {name!r}", hint="list them with: messaging triggers list")
    for name in templates:
        was_on = app.triggers.disable(name)
        skipped = app.triggering.skip_waiting(name, "trigger disabled")
        said = f"{counted(skipped, 'waiting message')} skipped" if skipped else "nothing was waiting"
        say(f"{name} is off ({said})." if was_on else f"{name} was off ({said}).")


def _rows(app: Messaging, name: str) -> list[dict[str, Any]]:
    from messaging.services.trigger_plans import waiting

    problem = None
    try:
        live = app.triggers.live(name)
        found = live.triggers if live else app.library.get(name).triggers
        problem = live.problem if live else None
    except MessagingError as error:
        live, found, problem = None, app.triggers.triggers(name), str(error)
    if not found:
        return []
    waits = [message.trigger for message in waiting(app.store, name)] if live else []
    return [
        {
            "template": name,
            "event": trigger.event,
            "enabled": live is not None,
            "key": trigger.key,
            "when": _when(trigger),
            "waits_for": list(trigger.waits_for),
            "unless": trigger.unless,
            "cancel_on": list(trigger.cancel_on),
            "audience": trigger.audience,
            "answers": trigger.answers,
            "waiting": waits.count(index),
            "problem": problem,
        }
        for index, trigger in enumerate(found)
    ]


def _when(trigger: Trigger) -> str:
    if trigger.at is not None:
        late = f", not before {duration_text(trigger.after)} have passed" if trigger.after else ""
        return f"at {trigger.at}{late}"
    told = f", or once {' or '.join(trigger.waits_for)} is told" if trigger.waits_for else ""
    return f"after {duration_text(trigger.after)}{told}" if trigger.after else "at once"


def _sentence(trigger: Trigger) -> str:
    text = f"{trigger.event} sends it {_when(trigger)}"
    if trigger.audience:
        text += f" to segment {trigger.audience}"
    if trigger.answers:
        text += f" to who asked ({trigger.answers})"
    if trigger.unless:
        text += f" unless {trigger.unless}"
    return text
