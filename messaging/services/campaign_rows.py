"""A campaign's member list, stored once, and the messages made from it, a page at a time; resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from messaging.clock import Clock
from messaging.ids import message_id
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.customer import Customer
from messaging.nouns.message import Lane, Message, MessageState
from messaging.nouns.template import TemplateVersion
from messaging.services.campaign_plans import PAGE, decide
from messaging.services.planning import Planner
from messaging.stores.base import Store


class Rows:
    """Makes them. Nothing of a campaign leaves before all of them are there."""

    def __init__(self, store: Store, clock: Clock, planner: Planner) -> None:
        self._store = store
        self._clock = clock
        self._planner = planner

    def keep(
        self, campaign: Campaign, version: TemplateVersion, members: Sequence[str], why: Mapping[str, str]
    ) -> None:
        """Store who gets it and what; `why` says of members that are skipped in any case the reason."""
        with self._store.transaction():
            self._store.put_version(version)
            self._store.campaigns.put_members(campaign.name, members)
            if why:
                self._store.put_note(_withheld_key(campaign.name), dict(why))

    def fill(self, campaign: Campaign, *, progress: Callable[[int], object] | None = None) -> Campaign:
        """Make those that are missing, for as long as it is in this state; return how it is then.

        One that is being planned is sent from then on.
        """
        name = campaign.name
        assert campaign.version is not None
        version = self._store.version(campaign.version)
        assert version is not None
        members = self._store.campaigns.members(name) or iter(())
        withheld = self._store.get_note(_withheld_key(name)) or {}
        now = self._clock.now()
        gone: list[str] = []
        done, seen = self._made(name)
        people = self._people((member for member in members if member not in done), gone)
        for messages, _ in decide(self._planner, campaign, version, people, now=now, seen=seen, hold=True):
            rows = [_withhold(message, withheld) for message in messages]
            with self._store.transaction():
                found = self._found(name)
                if found.state is not campaign.state:
                    return found
                self._store.outbox.add(rows)
            if progress is not None:
                progress(len(rows))
        with self._store.transaction():
            found = self._found(name)
            if found.state is not campaign.state:
                return found
            self._store.outbox.add([_gone(campaign, version, member, now) for member in gone])
            if found.state is CampaignState.PLANNING:
                found = replace(found, state=CampaignState.SENDING)
                self._store.campaigns.put(found)
        return found

    def _found(self, name: str) -> Campaign:
        campaign = self._store.campaigns.get(name)
        assert campaign is not None
        return campaign

    def _made(self, name: str) -> tuple[set[str], set[str]]:
        """Who has a row already, when this was cut short before, and which addresses those rows go to."""
        people: set[str] = set()
        addresses: set[str] = set()
        after: str | None = None
        while page := self._store.outbox.page(campaign=name, after=after, limit=1000):
            after = page[-1].id
            people.update(message.customer_id for message in page)
            addresses.update(
                message.address.casefold()
                for message in page
                if message.address and message.state is not MessageState.SKIPPED
            )
        return people, addresses

    def _people(self, members: Iterator[str], gone: list[str]) -> Iterator[Customer]:
        """The members as customers; ids of those who are no more go to `gone`."""
        while page := list(islice(members, PAGE)):
            found = self._store.customers.get(page)
            gone.extend(member for member in page if member not in found)
            yield from (found[member] for member in page if member in found)


def forget_withheld(store: Store, customer_id: str) -> None:
    """Forget why a customer was to be skipped: who is erased is skipped for that."""
    for key, why in store.notes(_withheld_key("")).items():
        if customer_id in why:
            store.put_note(key, {member: reason for member, reason in why.items() if member != customer_id} or None)


def _withheld_key(name: str) -> str:
    return f"campaign-withheld:{name}"


def _withhold(message: Message, withheld: Mapping[str, str]) -> Message:
    reason = withheld.get(message.customer_id)
    if reason is None or message.state is not MessageState.PLANNED:
        return message
    return replace(message, state=MessageState.SKIPPED, reason=reason)


def _gone(campaign: Campaign, version: TemplateVersion, member: str, now: datetime) -> Message:
    return Message(
        id=message_id(campaign.origin, member, campaign.channel),
        origin=campaign.origin,
        customer_id=member,
        channel=campaign.channel,
        address=None,
        template=version.template,
        version=version.version,
        message_class=version.message_class,
        topic=version.topic,
        lane=Lane.CAMPAIGN,
        campaign=campaign.name,
        state=MessageState.SKIPPED,
        reason="the customer is gone",
        due_at=now,
        created_at=now,
    )
