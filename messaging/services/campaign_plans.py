"""What a campaign would do, worked out in full and kept under a hash: who gets it, who does not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from messaging.errors import InputError, NotFound, PluginHangs, StoreError
from messaging.ids import digest, random_id
from messaging.nouns.adapter import RenderedMessage
from messaging.nouns.campaign import Campaign
from messaging.nouns.customer import Customer
from messaging.nouns.message import Lane, Message, MessageState
from messaging.nouns.template import TemplateVersion
from messaging.services.compact import Seen
from messaging.services.composing import Composer, Unrenderable
from messaging.services.measuring import Measures, Sum
from messaging.services.planning import Draft, Planner

#: Customers planned at a time: others get at the store in between.
PAGE = 256
#: How many reasons to go later are told.
_REASONS = 5


@dataclass(slots=True, kw_only=True)
class Plan:
    """The whole decision."""

    campaign: str
    #: Of all that follows: `send --plan HASH` sends this and nothing else.
    hash: str = ""
    #: Template version, segment definition, channel and adapter in one.
    content: str
    audience: int = 0
    planned: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    #: What those that are planned come to on their channel, where that is counted.
    measured: Sum = field(default_factory=Sum)
    #: Ids of all members, in order.
    members: list[str] = field(default_factory=list)
    #: Why members are skipped, by id.
    reasons: dict[str, str] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """What the command line prints as JSON."""
        return {
            "campaign": self.campaign,
            "hash": self.hash,
            "audience": self.audience,
            "planned": self.planned,
            "skipped": dict(self.skipped.most_common()),
            "warnings": self.warnings,
            "measure": self.measured.to_document(),
        }


class Plans:
    """Makes plans and keeps them as files in the workspace."""

    def __init__(
        self,
        folder: Path,
        planner: Planner,
        composer: Composer,
        measures: Measures,
        problem: Callable[[str, str | None], str | None],
    ) -> None:
        """`problem` says why nothing could be handed over on a channel by an adapter."""
        self._folder = folder
        self._planner = planner
        self._composer = composer
        self._measures = measures
        self._problem = problem

    def make(
        self,
        campaign: Campaign,
        version: TemplateVersion,
        definition: str,
        members: Iterable[Customer],
        *,
        now: datetime,
        progress: Callable[[int], None] | None = None,
    ) -> Plan:
        """Decide and render for everybody; `definition` is the segment's text and all it refers to."""
        self._composer.know(version)
        plan = Plan(campaign=campaign.name, content=content_of(campaign, version, definition))
        hasher = blake2b(plan.content.encode(), digest_size=16)
        held: Counter[str] = Counter()
        largest = 0
        for messages, customers in decide(self._planner, campaign, version, members, now=now):
            checked, size = self._rendered(messages, customers, now, plan.measured, campaign.adapter)
            largest = max(largest, size)
            for message in checked:
                plan.audience += 1
                plan.members.append(message.customer_id)
                if message.state is MessageState.PLANNED:
                    plan.planned += 1
                    if message.due_at > now:
                        held[message.reason or "not due yet"] += 1
                else:
                    plan.skipped[message.reason or ""] += 1
                    plan.reasons[message.customer_id] = message.reason or ""
                line = f"{message.customer_id}\0{message.address}\0{message.state}\0{message.reason}\n"
                hasher.update(line.encode("utf-8", "surrogatepass"))
            if progress is not None:
                progress(len(messages))
        plan.hash = hasher.hexdigest()
        plan.warnings = _warnings(plan, held, largest)
        if plan.planned and (problem := self._problem(campaign.channel, campaign.adapter)):
            plan.warnings.append(f"as things are it cannot be sent: {problem}")
        self._save(plan)
        return plan

    def _rendered(
        self,
        messages: Sequence[Message],
        customers: Sequence[Customer],
        now: datetime,
        measured: Sum,
        adapter: str | None,
    ) -> tuple[list[Message], int]:
        """`messages`, those that cannot be rendered skipped; and the size of the largest html, in bytes.

        The others are `measured`.
        """
        planned = [message for message in messages if message.state is MessageState.PLANNED]
        by_id = {customer.id: customer for customer in customers}
        failures: dict[str, str] = {}
        letters: list[RenderedMessage] = []
        largest = 0
        for item in self._composer.compose(planned, now=now, customers=by_id):
            if isinstance(item, Unrenderable):
                if isinstance(item.error, PluginHangs):
                    raise item.error
                failures[item.id] = f"cannot be rendered: {item.error.message}"
            else:
                largest = max(largest, len(item.parts.get("html", "").encode()))
                letters.append(item)
        for measure in self._measures.of_all(letters, adapter):
            measured.add(measure)
        return [
            replace(message, state=MessageState.SKIPPED, reason=failures[message.id])
            if message.id in failures
            else message
            for message in messages
        ], largest

    def _save(self, plan: Plan) -> None:
        document = {
            "campaign": plan.campaign,
            "content": plan.content,
            "members": plan.members,
            "reasons": plan.reasons,
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(self._folder / f"{plan.hash}.json", document)
        except OSError as error:
            raise StoreError(f"the plan could not be kept in {self._folder}: {error.strerror}") from error

    def load(self, campaign: str, hash: str) -> Plan:
        """The plan that was kept under `hash`.

        Raises:
            NotFound: there is none.
            InputError: it is another campaign's.
        """
        if not hash or not all(digit in "0123456789abcdef" for digit in hash):
            raise InputError(f"{hash!r} is not a plan's hash")
        try:
            document = orjson.loads((self._folder / f"{hash}.json").read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            raise NotFound(f"no plan {hash}", hint=f"make one with: messaging campaigns plan {campaign}") from None
        if document["campaign"] != campaign:
            raise InputError(f"plan {hash} is for campaign {document['campaign']}, not {campaign}")
        return Plan(
            campaign=campaign,
            hash=hash,
            content=document["content"],
            audience=len(document["members"]),
            members=document["members"],
            reasons=document["reasons"],
        )


def forget_in_plans(folder: Path, customer_id: str) -> int:
    """Put a random id in a customer's place in all plans that are kept in `folder`; return how many that were.

    The plans hold: whoever was erased counts as somebody who has left.
    """
    alias, count = random_id(), 0
    for path in [path for path in folder.glob("*") if path.is_file()]:
        text = path.read_bytes()
        if orjson.dumps(customer_id) not in text:
            continue
        count += 1
        try:
            document = orjson.loads(text)
            document["members"] = [alias if member == customer_id else member for member in document["members"]]
            document["reasons"].pop(customer_id, None)
        except (orjson.JSONDecodeError, KeyError):
            path.unlink(missing_ok=True)  # half of a plan, which nobody can send
        else:
            _write(path, document)
    return count


def _write(path: Path, document: object) -> None:
    """Raises OSError."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(orjson.dumps(document))
    temporary.replace(path)


def content_of(campaign: Campaign, version: TemplateVersion, definition: str) -> str:
    """The hash of what would be sent to whom, without the people."""
    return digest("content", version.version, definition, campaign.channel, campaign.adapter or "")


def decide(
    planner: Planner,
    campaign: Campaign,
    version: TemplateVersion,
    members: Iterable[Customer],
    *,
    now: datetime,
    seen: Seen | None = None,
    hold: bool = False,
) -> Iterator[tuple[list[Message], list[Customer]]]:
    """The campaign's messages, page by page: one a person, and one an address. `hold`: see `Planner.plan`."""
    seen = Seen() if seen is None else seen
    people = iter(members)
    while page := list(islice(people, PAGE)):
        drafts = [
            Draft(
                origin=campaign.origin,
                customer=customer,
                version=version,
                lane=Lane.CAMPAIGN,
                due_at=now,
                channel=campaign.channel,
                campaign=campaign.name,
            )
            for customer in page
        ]
        yield [_once(message, seen) for message in planner.plan(drafts, now=now, hold=hold)], page


def _once(message: Message, seen: Seen) -> Message:
    if message.state is not MessageState.PLANNED or message.address is None or seen.add(message.address.casefold()):
        return message
    return replace(message, state=MessageState.SKIPPED, reason="same address as another customer")


def _warnings(plan: Plan, held: Counter[str], largest: int) -> list[str]:
    warnings = []
    if not plan.audience:
        warnings.append("nobody is in the segment")
    elif not plan.planned:
        warnings.append("nobody would get it")
    # Reasons may name zones and days: the first few tell what it is about.
    for reason, number in held.most_common(_REASONS):
        warnings.append(f"{number} would go later: {reason}")
    if rest := held.total() - sum(number for _, number in held.most_common(_REASONS)):
        warnings.append(f"{rest} would go later, for other reasons")
    if largest > 102_000:
        warnings.append(f"the largest html part is {largest // 1000} kB; Gmail clips what is over 102 kB")
    for reason, number in plan.skipped.items():
        if reason.startswith("cannot be rendered"):
            warnings.append(f"{number} {reason}")
    return warnings
