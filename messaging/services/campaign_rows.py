"""A campaign's member list, stored once, and the messages made from it, a page at a time; resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice

from messaging.clock import Clock
from messaging.garbage import collected_seldom
from messaging.ids import message_id
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.customer import Customer
from messaging.nouns.message import Lane, Message, MessageState
from messaging.nouns.template import TemplateVersion
from messaging.services.campaign_plans import PAGE, decide
from messaging.services.compact import Seen
from messaging.services.planning import Planner
from messaging.stores.base import Store

#: More messages than anybody has; the port wants a limit.
_ALL = 1_000_000


class Rows:
    """Makes them. Nothing of a campaign leaves before all of them are there."""

    def __init__(self, store: Store, clock: Clock, planner: Planner) -> None:
        self._store = store
        self._clock = clock
        self._planner = planner

    def keep(self, campaign: Campaign, version: TemplateVersion, why: Mapping[str, str]) -> None:
        """Store what it sends; `why` says of members that are skipped in any case the reason."""
        with self._store.transaction():
            self._store.put_version(version)
            if why:
                self._store.put_note(_withheld_key(campaign.name), dict(why))

    @collected_seldom()
    def fill(self, campaign: Campaign, *, progress: Callable[[int], object] | None = None) -> Campaign:
        """Make those that are missing, for as long as it is in this state; return how it is then.

        One that is being planned is sent from then on, and its audience is who was on the list.
        """
        name = campaign.name
        assert campaign.version is not None
        version = self._store.version(campaign.version)
        assert version is not None
        withheld = self._store.get_note(_withheld_key(name)) or {}
        now = self._clock.now()
        people = _People(self._store, campaign, again=any(self._store.outbox.counts(name).values()))
        erased = 0
        for messages, _ in decide(self._planner, campaign, version, people, now=now, seen=people.addresses, hold=True):
            rows = [_withhold(message, withheld) for message in messages]
            with self._store.transaction(shared=True):  # order messages are marked beside it
                found = self._found(name)
                if found.state is not campaign.state:
                    return found
                # Nothing of who was erased since they were read is written down again.
                known = self._store.customers.known(row.customer_id for row in rows)
                erased += sum(row.customer_id not in known for row in rows)
                self._store.outbox.add([row for row in rows if row.customer_id in known])
            if progress is not None:
                progress(len(rows))
        with self._store.transaction():
            found = self._found(name)
            if found.state is not campaign.state:
                return found
            if not erased and self._store.campaigns.listed(name, people.gone) == set(people.gone):
                gone = [member for member in people.gone if not self._has_row(campaign, member)]
                self._store.outbox.add([_gone(campaign, version, member, now) for member in gone])
                state = CampaignState.SENDING if found.state is CampaignState.PLANNING else found.state
                if (state, people.listed) != (found.state, found.audience):
                    found = replace(found, state=state, audience=people.listed)
                    self._store.campaigns.put(found)
                return found
        return self.fill(campaign, progress=progress)  # of who was erased meanwhile an alias is on the list now

    def _has_row(self, campaign: Campaign, alias: str) -> bool:
        """Whether it had a message for somebody, by an id that nobody knows any more, before they were erased."""
        return any(row.campaign == campaign.name for row in self._store.outbox.page(customer_id=alias, limit=_ALL))

    def _found(self, name: str) -> Campaign:
        campaign = self._store.campaigns.get(name)
        assert campaign is not None
        return campaign


class _People:
    """Those on the list who have no row yet, as customers, once."""

    def __init__(self, store: Store, campaign: Campaign, *, again: bool) -> None:
        """`again`: it was cut short before, and has rows."""
        self._store = store
        self._campaign = campaign
        self._again = again
        #: Where those rows go to.
        self.addresses = Seen(self._written_to() if again else ())
        #: How many are on the list, and the ids of those of them who are no customers any more.
        self.listed = 0
        self.gone: list[str] = []

    def __iter__(self) -> Iterator[Customer]:
        members = self._store.campaigns.members(self._campaign.name) or iter(())
        while page := list(islice(members, PAGE)):
            self.listed += len(page)
            if self._again:
                rows = {member: message_id(self._campaign.origin, member, self._campaign.channel) for member in page}
                made = self._store.outbox.get(rows.values())
                page = [member for member in page if rows[member] not in made]
            found = self._store.customers.get(page)
            self.gone += [member for member in page if member not in found]
            yield from (found[member] for member in page if member in found)

    def _written_to(self) -> Iterator[str]:
        after: str | None = None
        while page := self._store.outbox.page(campaign=self._campaign.name, after=after, limit=PAGE):
            after = page[-1].id
            for message in page:
                if message.address and message.state is not MessageState.SKIPPED:
                    yield message.address.casefold()


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
