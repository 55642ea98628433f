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
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple

import orjson

from messaging import Pieces, RenderedMessage
from messaging_email.headers import guard
from messaging_email.sendgrid_body import (
    PARTS,
    encodable,
    mail_body,
    parties_of,
    personalization,
    shared_body,
)

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
#: By a sign that each has, so that only those are looked for whose sign is there: in one pattern they take three times
#: as long.
_TAGS = {
    "[": re.compile(r"\[[^\[\]\n]+\]"),
    "<": re.compile("<%"),
    ">": re.compile("%>"),
    "{": re.compile(r"\{[{%]"),
    "}": re.compile(r"\}\}"),
    **{sign: re.compile(rf"{sign}{_ALONE}{sign}(?!\w)") for sign in "-%#:"},
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What fits into a request: recipients; bytes of UTF-8 JSON, of one's substitutions and of all."""

    recipients: int = 1000
    substitution_bytes: int = 10_000
    request_bytes: int = 30_000_000


@dataclass(slots=True, eq=False)
class Letter:
    """A message that was checked."""

    message: RenderedMessage
    sandbox: bool
    #: What letters that can share a request have in common; None: it shares none.
    shape: Shape | None = None
    #: What is its own in a request with others: of the recipient, and of the subject and then each content.
    personalization: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def body(self) -> dict[str, Any]:
        """The request that carries it alone."""
        return mail_body(self.message, sandbox=self.sandbox)


class Shape(NamedTuple):
    """What is the same in all letters of a request."""

    from_: str
    reply_to: str | None
    #: Types of its contents.
    kinds: tuple[str, ...]
    #: Of the subject, then of each content.
    skeletons: tuple[tuple[str, ...], ...]


#: Letters that go in one request.
Load = tuple[Letter, ...]


def letter_of(message: RenderedMessage, *, sandbox: bool = False) -> Letter:
    """The message, checked.

    Raises:
        Unmailable: it cannot be a mail.
        AdapterUnusable: SendGrid does not support the sender.
    """
    contents = {
        kind: pieces
        for kind, part in PARTS.items()
        if (pieces := message.apart(part)) or (pieces is None and message.parts.get(part))
    }
    parts = [each for each in (message.apart("subject"), *contents.values()) if each is not None]
    subject = message.parts.get("subject", "")
    if 1 < len(parts) == 1 + len(contents) and subject and guard(subject) == subject:
        parties_of(message.from_, message.reply_to)
        shape = Shape(message.from_, message.reply_to, tuple(contents), tuple([each.skeleton for each in parts]))
        values = tuple(chain.from_iterable([each.values for each in parts]))
        return Letter(message, sandbox, shape, personalization(message), values)
    mail_body(message, sandbox=sandbox)
    return Letter(message, sandbox)


def loads(letters: Iterable[Letter], limits: Limits) -> Iterator[Load]:
    """The letters as requests: as few as there can be, and each address at most once in one."""
    groups: dict[Hashable, list[Letter]] = {}
    seen: defaultdict[str, int] = defaultdict(int)
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
    if len(load) == 1 or first.shape is None:
        return first.body
    slots, own = _slots(load)
    prefix = _prefix(load)
    keys = [f"{prefix}{number:03}" for number in range(len(own))]
    shown = iter([value if slot is None else keys[slot] for slot, value in zip(slots, first.values, strict=True)])
    subject, *contents = (
        Pieces(skeleton, tuple(islice(shown, len(skeleton) - 1))).text for skeleton in first.shape.skeletons
    )
    personalizations = []
    for letter in load:
        one = dict(letter.personalization)
        if keys:
            one["substitutions"] = dict(zip(keys, [letter.values[index] for index in own], strict=True))
        personalizations.append(one)
    content = dict(zip(first.shape.kinds, contents, strict=True))
    return shared_body(first.message, personalizations, subject, content, sandbox=first.sandbox)


def _packed(alike: Sequence[Letter], limits: Limits) -> Iterator[Load]:
    """Letters of one shape as loads. Whoever fits among many fits among some of them: keys only become fewer."""
    first = alike[0]
    if first.shape is None or len(alike) == 1 or limits.recipients == 1:
        yield from ((letter,) for letter in alike)
        return
    slots, own = _slots(alike)
    written = [text for skeleton in first.shape.skeletons for text in skeleton]
    shared = "".join([*written, *[text for slot, text in zip(slots, first.values, strict=True) if slot is None]])
    if encodable(shared) != shared:
        yield from ((letter,) for letter in alike)
        return
    room = limits.request_bytes - len(orjson.dumps(first.body)) - len(first.values) * _KEY
    taken = 0
    load: list[Letter] = []
    for letter in alike:
        size = _size([letter.values[index] for index in own], limits.substitution_bytes)
        if size is None:
            yield (letter,)
            continue
        size += len(orjson.dumps(letter.personalization)) + _AROUND
        if load and (len(load) == limits.recipients or taken + size > room):
            yield tuple(load)
            load, taken = [], 0
        load.append(letter)
        taken += size
    if load:
        yield tuple(load)


def _size(values: Sequence[str], most: int) -> int | None:
    """Bytes of JSON that one recipient's own values take, with their keys; None: they cannot share a request."""
    try:
        size = len(orjson.dumps(values)) + len(values) * (_KEY + _PAIR)
    except orjson.JSONEncodeError:  # halves of surrogate pairs
        return None
    text = "\0".join(values)
    tagged = any(sign in text and tag.search(text) for sign, tag in _TAGS.items())
    return None if tagged or size > most or len(values) > MOST_KEYS else size


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
    shape = load[0].shape
    assert shape is not None
    written = [shape.from_, shape.reply_to or "", *chain.from_iterable(shape.skeletons)]
    shared = "\0".join(chain(written, *[letter.message.headers.values() for letter in load]))
    # Beside that it can only be where values are: of a long text between two, the ends decide.
    width = len(_FIRST) + _DRAWN - 1
    seams = [""]
    for skeleton in shape.skeletons:
        ends = [text if len(text) <= 2 * width else f"{text[:width]}\0{text[-width:]}" for text in skeleton]
        seams[-1] += f"\0{ends[0]}"
        seams += ends[1:]
    own = [""] * (2 * len(seams) - 1)
    own[::2] = seams
    while True:
        prefix = _FIRST + "".join(secrets.choice(_LETTERS) for _ in range(_DRAWN))
        if prefix in shared:
            continue
        for letter in load:
            own[1::2] = letter.values
            if prefix in "".join(own):
                break
        else:
            return prefix
