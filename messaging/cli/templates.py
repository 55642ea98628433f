"""`messaging templates`: look at templates, check them, see and try what they make."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import json_option, pass_app, print_json, print_table, progress, say, the_customer
from messaging.cli.template_tests import test
from messaging.errors import DeliveryError, InputError, MessagingError, TemplateError
from messaging.ids import is_name

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.nouns.adapter import RenderedMessage
    from messaging.nouns.customer import Customer
    from messaging.nouns.message import Message
    from messaging.nouns.template import Template, TemplateVersion
    from messaging.rendering.check import Problem


@click.group()
def templates() -> None:
    """Templates: the parts of a message per channel and language."""


templates.add_command(test)


@templates.command("list")
@json_option
@pass_app
def list_(app: Messaging, as_json: bool) -> None:
    """List templates, with what sends them."""
    rows = []
    for name in app.library.names():
        try:
            rows.append(_facts(app.library.get(name)))
        except TemplateError as error:
            rows.append({"template": name, "error": str(error)})
    if as_json:
        print_json({"templates": rows})
        return
    print_table(
        ("template", "class", "topic", "channels", "languages", "sent on", "description"),
        [
            (
                row["template"],
                row.get("class", ""),
                row.get("topic", ""),
                ", ".join(row.get("channels", ())),
                ", ".join(row.get("locales", ())),
                ", ".join(row.get("triggers", ())),
                row.get("error", row.get("description", "")),
            )
            for row in rows
        ],
        solid=("template",),
        least=("languages" if any("error" in row for row in rows) else "description", "class"),
    )


def _facts(template: Template) -> dict[str, Any]:
    return {
        "template": template.name,
        "class": template.message_class.value,
        "topic": template.topic,
        "description": template.description,
        "channels": list(template.channels),
        "locales": sorted({locale for _, locale, _ in template.sources if locale}),
        "triggers": [trigger.event for trigger in template.triggers],
    }


@templates.command()
@click.argument("name", required=False)
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@json_option
@pass_app
def check(app: Messaging, name: str | None, strict: bool, as_json: bool) -> None:
    """Check one template, or all: what is wrong, with file and line."""
    names = [name] if name else app.library.names()
    # Each is prepared in a process of its own: they can go side by side.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checked = pool.map(app.template_check.problems, names)
        found = dict(zip(names, progress(checked, "Checking templates", len(names)), strict=True))
    problems = [problem for each in found.values() for problem in each]
    errors = sum(problem.severity == "error" or strict for problem in problems)
    if as_json:
        print_json(
            {
                "templates": names,
                "problems": [
                    {
                        "template": each,
                        "file": problem.file,
                        "line": problem.line,
                        "severity": problem.severity,
                        "message": problem.message,
                        "hint": problem.hint,
                    }
                    for each, problems in found.items()
                    for problem in problems
                ],
            }
        )
    else:
        for text in dict.fromkeys(map(str, problems)):
            click.echo(text)
        say(f"{len(names)} checked: {_count(problems)}.")
    if errors:
        raise click.exceptions.Exit(1)


def _count(problems: list[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    parts = [
        f"{number} {word}{'s' if number != 1 else ''}"
        for number, word in ((errors, "error"), (len(problems) - errors, "warning"))
        if number
    ]
    return " and ".join(parts) or "nothing is wrong"


@templates.command()
@click.argument("name")
@click.option("--customer", "customer_id", metavar="CUSTOMER", help="As this customer would get it; else an example.")
@click.option("--channel", help="One of its channels; else the first.")
@click.option("--locale", help="For a reader of this language (de-AT).")
@click.option("--open", "open_", is_flag=True, help="Show it in the browser.")
@json_option
@pass_app
def preview(
    app: Messaging,
    name: str,
    customer_id: str | None,
    channel: str | None,
    locale: str | None,
    open_: bool,
    as_json: bool,
) -> None:
    """Show what a template makes, of its sample data. Nothing is sent."""
    from messaging.services.measuring import Sum, in_words

    template, version = app.library.get(name), app.library.version(name)
    customer = _customer(app, template, customer_id, locale)
    channel = channel or version.channels[0]
    message = _message(app, template, version, customer, channel, customer.address, real=customer_id is not None)
    rendered = _compose(app, message, version)
    measure = app.measures.of(rendered)
    if as_json:
        total = Sum()
        if measure is not None:
            total.add(measure)
        document = {"template": name, "channel": message.channel, "parts": dict(rendered.parts)}
        print_json({**document, "measure": total.to_document()})
    elif open_:
        _open(app, name, rendered)
    else:
        for part, text in rendered.parts.items():
            click.echo(f"{part}: {text}" if "\n" not in text and part != "html" else f"--- {part}\n{text}")
        if measure is not None:
            say(f"It counts as {in_words(measure)}.")


def _open(app: Messaging, name: str, rendered: RenderedMessage) -> None:
    page = "html" in rendered.parts
    file = app.workspace.data / "previews" / f"{name}.{'html' if page else 'txt'}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(rendered.parts["html"] if page else next(iter(rendered.parts.values())), "utf-8")
    click.echo(str(file))
    if click.launch(str(file)) != 0:
        say("No browser could be opened: open the file yourself.")


@templates.command("send-test")
@click.argument("name")
@click.option("--to", "address", required=True, metavar="ADDRESS", help="An email address, a phone number …")
@click.option("--customer", "customer_id", metavar="CUSTOMER", help="With this customer's data; else an example.")
@click.option("--channel", help="One of its channels; else the first.")
@click.option("--locale", help="For a reader of this language (de-AT).")
@json_option
@pass_app
def send_test(
    app: Messaging,
    name: str,
    address: str,
    customer_id: str | None,
    channel: str | None,
    locale: str | None,
    as_json: bool,
) -> None:
    """Send a template to yourself, the way every message goes, with example data."""
    from messaging.nouns.message import Lane, MessageState
    from messaging.stores.outbox import Outcome

    template, version = app.library.get(name), app.library.version(name)
    chosen = channel or version.channels[0]
    to = _address(app, chosen, address)
    customer = _customer(app, template, customer_id, locale)
    message = _message(app, template, version, customer, chosen, lambda _: to, real=customer_id is not None)
    _compose(app, message, version)  # what cannot be rendered is told before there is a row
    app.adapters.get(app.adapters.name_for(chosen))
    with app.store.transaction():
        app.store.put_version(version)
        app.store.outbox.add([message])
    sender = app.make_sender(threading.Event())
    try:
        report = sender.send_lanes((Lane.TEST,), [chosen])
    finally:
        sender.close()
    outcome = app.store.outbox.get([message.id])[message.id]
    if outcome.state is MessageState.PLANNED:
        # Nobody comes back for a test: it is told that it was not sent, and that is the end of it.
        reason = f"not sent: {outcome.reason or 'not told why'}"
        app.store.outbox.settle([Outcome(message_id=message.id, state=MessageState.SKIPPED, reason=reason)])
    if as_json:
        print_json({"message": message.id, "state": outcome.state.value, "reason": outcome.reason})
    if outcome.state is not MessageState.SENT:
        if report.fault is not None:
            raise report.fault
        why = outcome.reason or "not told why"
        if outcome.state is MessageState.REFUSED:
            raise DeliveryError(f"the test to {to} was refused: {why}")
        if outcome.state is MessageState.UNKNOWN:
            raise MessagingError(f"nobody knows whether the test to {to} was sent: {why}")
        raise MessagingError(f"the test to {to} was not sent: {why}", hint="try again later")
    if not as_json:
        say(f"Sent to {to} by {outcome.adapter}.")


@templates.command()
@click.argument("name")
@pass_app
def new(app: Messaging, name: str) -> None:
    """Begin a template: writes templates/NAME with a small working example."""
    from messaging.workspace.template_files import make_template

    if not is_name(name):
        raise InputError(f"{name!r} cannot name a template", hint="small letters, digits and - only")
    folder = app.workspace.templates / name
    if folder.exists():
        raise InputError(f"{folder} is there already")
    make_template(folder)
    for file in sorted(folder.iterdir()):
        click.echo(str(file))
    say(f"Look at it with: messaging templates preview {name} --open")


def _customer(app: Messaging, template: Template, customer_id: str | None, locale: str | None) -> Customer:
    """The customer to show it with: a real one, or the example."""
    from dataclasses import replace

    from messaging.nouns.customer import Customer
    from messaging.rendering.samples import CUSTOMER

    if customer_id is None:
        known = {**CUSTOMER, **_plain(template.sample.get("customer"))}
        fields = {key: known.pop(key) for key in list(known) if key in Customer.__dataclass_fields__}
        customer = Customer.from_document({**fields, "attributes": known})
    else:
        customer = the_customer(app, customer_id)
    return replace(customer, locale=locale) if locale else customer


def _plain(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _address(app: Messaging, channel: str, text: str) -> str:
    from messaging.rules.addresses import normalise_email, normalise_phone

    try:
        if channel == "email":
            return normalise_email(text)
        if channel == "sms":
            return normalise_phone(text, app.settings.brand.country)
    except ValueError as error:
        raise InputError(f"--to {text}: {error}") from None
    return text


def _message(
    app: Messaging,
    template: Template,
    version: TemplateVersion,
    customer: Customer,
    channel: str,
    address: Callable[[str], str | None],
    *,
    real: bool,
) -> Message:
    """A message that stands for itself: of no campaign and no event. A `real` customer sees what others bought."""
    from dataclasses import replace

    from messaging.ids import message_id, random_id
    from messaging.nouns.message import Lane, Message, MessageClass, MessageState
    from messaging.rendering.samples import sample_context
    from messaging.services.composing import with_snapshot

    if channel not in version.parts:
        raise InputError(f"template {template.name} has no {channel} part", hint=f"it has: {', '.join(version.parts)}")
    now = app.clock.now()
    origin = f"test:{template.name}:{random_id()}"
    context = {key: value for key, value in sample_context(template, now).items() if key != "customer"}
    if real:
        context["recommended"] = app.recommender.products(customer.id, context)
    message = Message(
        id=message_id(origin, customer.id, channel),
        origin=origin,
        customer_id=f"test:{customer.id}",
        channel=channel,
        address=address(channel),
        template=template.name,
        version=version.version,
        # A test is no marketing, whatever it shows: whoever asks for it gets it.
        message_class=MessageClass.TRANSACTIONAL,
        topic=version.topic,
        lane=Lane.TEST,
        state=MessageState.PLANNED,
        due_at=now,
        expires_at=now + timedelta(minutes=10),
        created_at=now,
        context=context,
    )
    return replace(message, context=with_snapshot(message, customer))


def _compose(app: Messaging, message: Message, version: TemplateVersion) -> RenderedMessage:
    from messaging.services.composing import Unrenderable

    app.composer.know(version)
    for item in app.composer.compose([message], now=app.clock.now(), customers={}):
        if isinstance(item, Unrenderable):
            raise item.error
        return item
    raise MessagingError("nothing was rendered")
