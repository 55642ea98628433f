"""Reads a template's tests: `templates/<name>/tests.toml`, what happens and which messages are then expected.

[[tests]]
name = "a cart is remembered after four hours, once"
now = "2026-03-02T09:00:00+01:00"

[[tests.customers]]
email = "ann@example.com"
consent = ["email:reminders"]

[[tests.steps]]
event = {type = "cart.updated", customer = {email = "ann@example.com"}, data = {cart = {id = "c-1"}}}

[[tests.steps]]
wait = "4 hours"

[[tests.steps]]
expect = [{to = "ann@example.com", subject = "Your cart is still here"}]
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from messaging.errors import TemplateError
from messaging.rules.timing import parse_duration

FILE = "tests.toml"
#: What the clock of a test shows that names no time: a Monday.
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _time(value: object) -> object:
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise ValueError("must be a time with a zone, like 2026-03-02T09:00:00+01:00")
    return time.astimezone(UTC)


Time = Annotated[datetime, BeforeValidator(_time)]
Wait = Annotated[timedelta, BeforeValidator(_duration)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(BaseModel):
    """A customer who is known before anything happens: fields as in an event's `customer`, and consents."""

    model_config = ConfigDict(extra="allow", frozen=True)

    #: `email`, or `email:reminders`: they agreed to that channel, or that topic on it.
    consent: tuple[str, ...] = ()


class Expected(_Strict):
    """A message that must have been sent. What is not said may be anything."""

    #: By default the template whose test it is.
    template: str | None = None
    to: str | None = None
    channel: str | None = None
    subject: str | None = None
    #: When it goes.
    at: Time | None = None
    #: Texts that stand in one of its parts, and texts that stand in none.
    contains: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


class Step(_Strict):
    """One thing that happens, or a look at what was sent."""

    #: An event; without `id` and `time` it gets one of its own, and the clock's.
    event: dict[str, Any] | None = None
    #: Time passes.
    wait: Wait | None = None
    #: Exactly these were sent since the last look, in whichever order.
    expect: tuple[Expected, ...] | None = None

    @model_validator(mode="after")
    def _one(self) -> Step:
        if sum(part is not None for part in (self.event, self.wait, self.expect)) != 1:
            raise ValueError("a step is one of event, wait, expect")
        return self


class TemplateTest(_Strict):
    """One test."""

    name: str
    now: Time = NOW
    #: Other templates whose triggers are on, too.
    enable: tuple[str, ...] = ()
    customers: tuple[Person, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1)


class _File(_Strict):
    tests: tuple[TemplateTest, ...]


def read_template_tests(folder: Path, name: str) -> tuple[TemplateTest, ...]:
    """The tests of the template `name` of the templates folder `folder`; none if it has no file of them.

    Raises:
        TemplateError: the file cannot be read; says where and what.
    """
    path = folder / name / FILE
    if not path.is_file():
        return ()
    file = str(path)
    try:
        return _File.model_validate(tomllib.loads(path.read_text("utf-8-sig"))).tests
    except (UnicodeDecodeError, OSError) as error:
        raise TemplateError(f"it cannot be read: {error}", file=file) from None
    except tomllib.TOMLDecodeError as error:
        raise TemplateError(f"not TOML: {error}", file=file) from None
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in problem["loc"])
        raise TemplateError(f"{where}: {problem['msg'].removeprefix('Value error, ')}", file=file) from None
