"""Runs a template's tests, each in a rehearsal of its own that begins with nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from messaging.app import Messaging
from messaging.errors import InputError, MessagingError
from messaging.nouns.consent import ALL_TOPICS, Consent
from messaging.nouns.event import EventState
from messaging.rehearsing.app import Kept, Rehearsal, rehearse
from messaging.rules.envelope import read_event
from messaging.services.customers import CustomerBatch
from messaging.workspace.template_tests import Expected, Person, TemplateTest, read_template_tests


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test."""

    template: str
    test: str
    #: What was not as expected, and at which step, from 1; None: it passed.
    problem: str | None = None
    step: int | None = None


def run_template_tests(app: Messaging, name: str) -> list[Result]:
    """Run the tests of the template `name`.

    Raises:
        NotFound: there is no such template, or it has no triggers.
        TemplateError: it, or the file of its tests, cannot be read.
    """
    app.library.get(name)
    return [_run(app, name, test) for test in read_template_tests(app.workspace.templates, name)]


def _run(app: Messaging, name: str, test: TemplateTest) -> Result:
    step = 0
    try:
        with rehearse(app, (name, *test.enable), people=False) as rehearsal:
            rehearsal.pass_time(test.now)
            for person in test.customers:
                _introduce(rehearsal, person)
            seen = 0
            for step, part in enumerate(test.steps, 1):
                if part.event is not None:
                    _tell(rehearsal, part.event, step)
                elif part.wait is not None:
                    rehearsal.pass_time(rehearsal.clock.now() + part.wait)
                elif part.expect is not None:
                    problem = _compare(name, part.expect, rehearsal.kept[seen:])
                    if problem is not None:
                        return Result(name, test.name, problem, step)
                    seen = len(rehearsal.kept)
            if len(rehearsal.kept) > seen:
                return Result(name, test.name, f"nothing more was expected, but: {_shown(rehearsal.kept[seen:])}", step)
    except MessagingError as error:
        return Result(name, test.name, str(error), step or None)
    return Result(name, test.name)


def _introduce(rehearsal: Rehearsal, person: Person) -> None:
    """Make a customer, with their consents, as history."""
    now = rehearsal.clock.now()
    profile, problems = rehearsal.profiles.read(person.model_dump(exclude={"consent"}, mode="json"))
    if problems or not profile.identifies:
        raise InputError(f"customers: {problems[0] if problems else 'one has no id, email or phone'}")
    with rehearsal.store.transaction():
        people = CustomerBatch(rehearsal.store, rehearsal.forgotten, [profile], now=now)
        customer, _ = people.tell(profile, now)
        people.save()
    for text in person.consent:
        channel, _, topic = text.partition(":")
        address = rehearsal.settings.address_of(customer, channel)
        if address is None:
            raise InputError(f"consent {text}: the customer has no address on {channel}")
        consent = Consent(
            channel=channel, address=address, topic=topic or ALL_TOPICS, granted=True, at=now, source="test"
        )
        rehearsal.store.addresses.add_consents([consent])


def _tell(rehearsal: Rehearsal, event: dict[str, Any], step: int) -> None:
    now = rehearsal.clock.now()
    told = read_event(_plain({"id": f"step {step}", "time": now, **event}))
    accepted = rehearsal.tell(told, max(now, told.time))
    if accepted.state is EventState.FAILED:
        raise InputError(f"the event has no effect: {accepted.error}")


def _plain(value: Any) -> Any:
    """TOML's own times as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _compare(name: str, expected: Sequence[Expected], kept: Sequence[Kept]) -> str | None:
    """Why `kept` is not what was expected; None if it is."""
    left = list(kept)
    for one in expected:
        problems = [_difference(name, one, message) for message in left]
        if None not in problems:
            nearest = min((problem for problem in problems if problem is not None), key=len, default="nothing was sent")
            return f"expected {_wanted(name, one)}: {nearest}"
        del left[problems.index(None)]
    return f"not expected: {_shown(left)}" if left else None


def _difference(name: str, expected: Expected, kept: Kept) -> str | None:
    letter = kept.letter
    facts = {
        "template": (expected.template or name, letter.template),
        "to": (expected.to, letter.to),
        "channel": (expected.channel, letter.channel),
        "subject": (expected.subject, letter.parts.get("subject")),
        "at": (expected.at, kept.at),
    }
    for what, (wanted, found) in facts.items():
        if wanted is not None and wanted != found:
            return f"{what} is {_text(found)}, not {_text(wanted)}"
    for text in expected.contains:
        if not any(text in part for part in letter.parts.values()):
            return f"{text!r} is nowhere in it"
    for text in expected.lacks:
        for part, content in letter.parts.items():
            if text in content:
                return f"{text!r} is in its {part}"
    return None


def _wanted(name: str, expected: Expected) -> str:
    return f"{expected.template or name} to {expected.to}" if expected.to else expected.template or name


def _shown(kept: Sequence[Kept]) -> str:
    return ", ".join(f"{one.letter.template} to {one.letter.to} at {_text(one.at)}" for one in kept)


def _text(value: object) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else repr(value)
