"""Many recipients in one of SendGrid's requests: the body once, and for each recipient what is theirs alone.

Messages whose parts have the same skeletons differ in values only. A value that is not the same for all stands in the
shared body as a key, and in each recipient's `substitutions` under it. What each reads is what they would have read
one by one, whatever the values are:

- SendGrid promises no order in which it replaces keys, and goes over the values again. A key begins with a letter that
  comes nowhere else in a key, and all keys have one length: so no key begins inside another, and one that came about
  where two pieces meet would stand in somebody's finished message. None does: the beginning that all keys of a request
  share is drawn until it is in no message of it.
- A message with a value that looks like a tag of SendGrid's goes alone, and so does one that the limits leave no room.
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from messaging import RenderedMessage
from messaging_email.sendgrid_body import PARTS, mail_body

#: What a key begins with, and what follows: never that letter again, in either case.
_FIRST = "Q"
_LETTERS = "abcdefghijklmnoprstuvwxyz0123456789"
_DRAWN = 11
_KEY = len(_FIRST) + _DRAWN + 3
#: "Substitutions are limited to 150 items per personalization block" (API reference, "Errors").
MOST_KEYS = 150
#: Punctuation around a key and its value in JSON, and around a personalization.
_PAIR, _AROUND = 3, 40

#: What SendGrid, or a template of its, could take for a tag: `[unsubscribe]`, `<%asm…%>`, `{{name}}`; and, standing
#: alone, `-name-`, `%name%`, `#name#`, `:name:`. Addresses are full of the latter's signs.
_ALONE = r"(?<![\w/=?&.~%-].)[A-Za-z_][\w ]*"
_TAG = re.compile(
    rf"\[[^\[\]\n]+\]|<%|%>|\{{[{{%]|\}}\}}|-{_ALONE}-(?!\w)|%{_ALONE}%(?!\w)|#{_ALONE}#(?!\w)|:{_ALONE}:(?!\w)"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What fits into a request: recipients; bytes of UTF-8 JSON, of one's substitutions and of all."""

    recipients: int = 1000
    substitution_bytes: int = 10_000
    request_bytes: int = 30_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Letter:
    """A message, and the request that would carry it alone."""

    message: RenderedMessage
    body: dict[str, Any]
    #: What letters that can share a request have in common; None: it shares none.
    shape: Hashable
    #: Its own values: of the subject, then of each content.
    values: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.message.id


#: Letters that go in one request.
Load = tuple[Letter, ...]


def letter_of(message: RenderedMessage, *, sandbox: bool = False) -> Letter:
    """The message, checked.

    Raises:
        Unmailable: it cannot be a mail.
        AdapterUnusable: SendGrid does not support the sender.
    """
    body = mail_body(message, sandbox=sandbox)
    skeletons: list[tuple[str, ...]] = []
    values: list[str] = []
    for name, text in _parts(body):
        pieces = message.pieces.get(name)
        if pieces is None or len(pieces.skeleton) != len(pieces.values) + 1 or pieces.text != text:
            return Letter(message, body, None)
        skeletons.append(pieces.skeleton)
        values += pieces.values
    kinds = tuple(part["type"] for part in body["content"])
    return Letter(message, body, (message.from_, message.reply_to, kinds, tuple(skeletons)), tuple(values))


def loads(letters: Iterable[Letter], limits: Limits) -> Iterator[Load]:
    """The letters as requests: as few as there can be, and each address at most once in one."""
    groups: dict[Hashable, list[Letter]] = {}
    seen: Counter[str] = Counter()
    for letter in letters:
        address = letter.message.to.lower()
        group = id(letter) if letter.shape is None else (seen[address], letter.shape)
        seen[address] += 1
        groups.setdefault(group, []).append(letter)
    for alike in groups.values():
        yield from _packed(alike, limits)


def request_body(load: Load) -> dict[str, Any]:
    """The body of the request for a load that `loads` made, or for some of its letters."""
    first = load[0]
    if len(load) == 1:
        return first.body
    slots, own = _slots(load)
    prefix = _prefix(load)
    keys = [f"{prefix}{number:03}" for number in range(len(own))]
    shown = [value if slot is None else keys[slot] for slot, value in zip(slots, first.values, strict=True)]
    texts = []
    left = iter(shown)
    for name, _ in _parts(first.body):
        skeleton = first.message.pieces[name].skeleton
        texts.append("".join([*(text + next(left) for text in skeleton[:-1]), skeleton[-1]]))
    subject, *contents = texts
    personalizations = []
    for letter in load:
        one = dict(letter.body["personalizations"][0])
        if keys:
            one["substitutions"] = dict(zip(keys, [letter.values[index] for index in own], strict=True))
        personalizations.append(one)
    kinds = [part["type"] for part in first.body["content"]]
    return {
        **first.body,
        "personalizations": personalizations,
        "subject": subject,
        "content": [{"type": kind, "value": text} for kind, text in zip(kinds, contents, strict=True)],
    }


def _packed(alike: Sequence[Letter], limits: Limits) -> Iterator[Load]:
    """Letters of one shape as loads. Whoever fits among many fits among some of them: keys only become fewer."""
    if len(alike) == 1 or limits.recipients == 1:
        yield from ((letter,) for letter in alike)
        return
    _, own = _slots(alike)
    room = limits.request_bytes - len(orjson.dumps(alike[0].body)) - len(alike[0].values) * _KEY
    taken = 0
    load: list[Letter] = []
    for letter in alike:
        values = [letter.values[index] for index in own]
        size = len(orjson.dumps(values)) + len(values) * (_KEY + _PAIR)
        if len(values) > MOST_KEYS or size > limits.substitution_bytes or _TAG.search("\0".join(values)):
            yield (letter,)
            continue
        size += len(orjson.dumps(letter.body["personalizations"][0])) + _AROUND
        if load and (len(load) == limits.recipients or taken + size > room):
            yield tuple(load)
            load, taken = [], 0
        load.append(letter)
        taken += size
    if load:
        yield tuple(load)


def _slots(load: Sequence[Letter]) -> tuple[list[int | None], list[int]]:
    """For each value the number of its key, None if it is the same for all; and for each key a value that it is for.

    Values that are alike in every letter have one key.
    """
    numbers: dict[tuple[str, ...], int] = {}
    own: list[int] = []
    slots: list[int | None] = []
    for index, column in enumerate(zip(*(letter.values for letter in load), strict=True)):
        if column.count(column[0]) == len(column):
            slots.append(None)
            continue
        number = numbers.setdefault(column, len(own))
        if number == len(own):
            own.append(index)
        slots.append(number)
    return slots, own


def _prefix(load: Load) -> str:
    """What all keys of a request begin with: random, and nowhere in what its recipients get."""
    while True:
        prefix = _FIRST + "".join(secrets.choice(_LETTERS) for _ in range(_DRAWN))
        if not any(prefix in text for letter in load for text in _texts(letter)):
            return prefix


def _texts(letter: Letter) -> Iterator[str]:
    """All of a letter that SendGrid could look for keys in."""
    for _, text in _parts(letter.body):
        yield text
    yield letter.message.from_
    yield letter.message.reply_to or ""
    yield from letter.message.headers.values()


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Subject and contents of a request, by the names of the message's parts."""
    yield "subject", body["subject"]
    for part in body["content"]:
        yield PARTS[part["type"]], part["value"]
