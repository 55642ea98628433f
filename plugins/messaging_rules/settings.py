"""The settings `[plugins.rules]`."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from messaging import Message, MessageClass
from messaging_rules.states import STATES
from messaging_rules.week import DAY, WEEKDAYS, Span, Week, Weekday, open_only, week_of

_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def minute(text: str) -> int:
    """`08:30` in minutes since midnight; `24:00` is the end of the day.

    Raises:
        ValueError: it is no time of day.
    """
    match = _TIME.fullmatch(text)
    value = int(match[1]) * 60 + int(match[2]) if match else DAY + 1
    if value > DAY:
        raise ValueError("must be a time of day like 08:30")
    return value


class Quiet(_Table):
    """Hours in which nothing is sent, by the recipient's clock. `[[plugins.rules.quiet]]`"""

    #: The channel, or `*` for all.
    channel: str = "*"
    #: When they begin: `21:00`.
    from_: str = Field(alias="from")
    #: When they are over, on the next day if that is not later; the same time twice is a whole day.
    until: str
    #: The weekdays on which they begin: `["sat", "sun"]`.
    days: tuple[Weekday, ...] = WEEKDAYS
    #: Order messages wait, too.
    transactional: bool = False

    @field_validator("from_", "until")
    @classmethod
    def _is_time(cls, text: str) -> str:
        minute(text)
        return text

    @property
    def span(self) -> Span:
        return Span(minute(self.from_), minute(self.until), frozenset(WEEKDAYS.index(day) for day in self.days))


class Cap(_Table):
    """How many marketing messages a person gets at most. `[[plugins.rules.caps]]`"""

    #: The channel, or `*` for all together.
    channel: str = "*"
    #: The topic, or `*` for all together.
    topic: str = "*"
    #: So many.
    max: int = Field(ge=1)
    #: In so many days, of 24 hours.
    days: int = Field(ge=1, le=31)
    #: Count order messages, too. They are never held by a cap.
    count_transactional: bool = False
    #: What becomes of one too many: skipped, as late news is no news, or kept until the cap has room.
    on_exceed: Literal["skip", "wait"] = "skip"

    def covers(self, channel: str, topic: str) -> bool:
        """Whether a message on `channel` about `topic` is one of those that it is about."""
        return self.channel in ("*", channel) and self.topic in ("*", topic)

    def __str__(self) -> str:
        what = self.channel if self.channel != "*" else "message" if self.max == 1 else "messages"
        about = what if self.topic == "*" else f"{what} about {self.topic}"
        return f"at most {self.max} {about} in {self.days} day{'s' if self.days > 1 else ''}"


class Rules(_Table):
    """Quiet hours and frequency caps. Without any of these nothing is held."""

    #: Hours in which nothing is sent.
    quiet: tuple[Quiet, ...] = ()
    #: How many messages a person gets at most.
    caps: tuple[Cap, ...] = ()
    #: Where an address does not tell: believe that somebody is where their telephone number was given out. If not, all
    #: zones of the country count.
    area_codes: bool = True
    #: Channels on which marketing to people in the United States keeps to the hours of their state (TCPA and state
    #: law): `["sms"]`.
    us_hours: tuple[str, ...] = ()
    #: Other hours for a state: `{ KY = "10:00-21:00" }`.
    us_states: dict[str, str] = Field(default_factory=dict)

    @field_validator("us_states")
    @classmethod
    def _are_hours(cls, states: dict[str, str]) -> dict[str, str]:
        for state, hours in states.items():
            if state not in STATES:
                raise ValueError(f"{state} is no state: write it like KY")
            _hours(hours)
        return states

    @model_validator(mode="after")
    def _leave_room(self) -> Rules:
        """Hours that leave no minute of the week would hold messages for ever."""
        channels = {quiet.channel for quiet in self.quiet}
        for channel in channels:
            for message_class in MessageClass:
                if self.week(channel, message_class).is_full:
                    raise ValueError(f"quiet hours leave no hour of the week for {channel}")
        return self

    @cached_property
    def _weeks(self) -> dict[tuple[str, MessageClass], Week]:
        return {}

    def week(self, channel: str, message_class: MessageClass) -> Week:
        """The quiet hours of a channel."""
        week = self._weeks.get((channel, message_class))
        if week is None:
            marketing = message_class is MessageClass.MARKETING
            week = week_of(
                quiet.span
                for quiet in self.quiet
                if quiet.channel in ("*", channel) and (marketing or quiet.transactional)
            )
            self._weeks[channel, message_class] = week
        return week

    @cached_property
    def states(self) -> dict[str, Week]:
        """The hours of each state in which nothing is sent."""
        return {**STATES, **{state: open_only(*_hours(hours)) for state, hours in self.us_states.items()}}

    def hours(self, message: Message, *, in_us: bool, state: str | None) -> tuple[Week, ...]:
        """The quiet hours that count for a message to somebody there."""
        week = self.week(message.channel, message.message_class)
        found: tuple[Week, ...] = (week,) if week else ()
        if in_us and message.channel in self.us_hours and message.message_class is MessageClass.MARKETING:
            found += (self.states[state],) if state else self._all_states
        return found

    @cached_property
    def _all_states(self) -> tuple[Week, ...]:
        return tuple(dict.fromkeys(self.states.values()))


def _hours(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    if minute(start) >= minute(end):
        raise ValueError("must be hours like 09:00-20:00")
    return minute(start), minute(end)
