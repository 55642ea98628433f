"""A campaign's life: made, planned, started, paused, resumed, cancelled, done."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from messaging.clock import Clock
from messaging.errors import Conflict, InputError, MessagingError, NotFound
from messaging.ids import is_name
from messaging.nouns.campaign import Campaign, CampaignState
from messaging.nouns.message import MessageClass, MessageState
from messaging.nouns.template import TemplateVersion
from messaging.services.audience import Audience
from messaging.services.campaign_plans import PAGE, Plan, Plans, content_of
from messaging.services.campaign_rows import Rows
from messaging.services.campaign_runs import Runs
from messaging.services.compact import Ids, Seen
from messaging.services.library import TemplateLibrary
from messaging.services.recovering import CANCELLED, skip_cancelled
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

log = logging.getLogger("messaging.campaigning")

LEFT = "left the segment since the plan"

#: States in which a server or a timer takes a campaign up by itself.
_GOING = (CampaignState.SCHEDULED, CampaignState.PLANNING, CampaignState.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How far a campaign has come. `counts` add up to the audience once planning is over."""

    campaign: Campaign
    counts: dict[MessageState, int]
    reasons: dict[tuple[MessageState, str], int]


class Campaigning:
    """Moves campaigns through their states; each move is one transaction."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        library: TemplateLibrary,
        audience: Audience,
        plans: Plans,
        rows: Rows,
        runs: Runs,
        has_adapter: Callable[[str, str | None], str],
        errors_of: Callable[[str], list[str]],
        late: timedelta,
    ) -> None:
        """`has_adapter` returns the adapter for a channel (and a wish), or raises; `late` is how late is too late.

        `errors_of` says what is wrong with a template, whoever gets it.
        """
        self._store = store
        self._clock = clock
        self._library = library
        self._audience = audience
        self._plans = plans
        self._rows = rows
        self._runs = runs
        self._has_adapter = has_adapter
        self._errors_of = errors_of
        self._late = late

    def get(self, name: str) -> Campaign:
        """The campaign.

        Raises:
            NotFound: there is none of that name.
        """
        campaign = self._store.campaigns.get(name)
        if campaign is None:
            raise NotFound(f"no campaign {name!r}", hint="see them with: messaging campaigns list")
        return campaign

    def create(
        self,
        name: str,
        *,
        template: str,
        segment: str,
        channel: str | None = None,
        adapter: str | None = None,
        at: datetime | None = None,
        service_notice: str | None = None,
    ) -> Campaign:
        """Make a draft. The channel is the template's first unless said."""
        if not is_name(name):
            raise InputError(f"{name!r} cannot name a campaign", hint="lower-case letters, digits, - and _")
        version = self._library.sendable(template)
        self._audience.check(segment)
        channel = channel or version.channels[0]
        if channel not in version.parts:
            raise InputError(
                f"template {template} has no {channel} part",
                hint=f"it has: {', '.join(sorted(version.parts))}",
            )
        self._has_adapter(channel, adapter)
        _say_why(version, service_notice)
        if at is not None and at <= self._clock.now():
            raise InputError(f"{at.isoformat()} is in the past", hint="leave --at away to send at once")
        campaign = Campaign(
            name=name,
            template=template,
            segment=segment,
            channel=channel,
            adapter=adapter,
            at=at,
            service_notice=service_notice,
            created_at=self._clock.now(),
        )
        with self._store.transaction():
            if self._store.campaigns.get(name) is not None:
                raise Conflict(f"there is a campaign {name!r} already", hint="choose another name: each is sent once")
            self._store.campaigns.put(campaign)
        return campaign

    def plan(self, name: str, *, progress: Callable[[int], None] | None = None) -> Plan:
        """Work out who would get what. Nothing is sent, no message is made.

        Raises:
            Conflict: it began already, or is over: what it sends is decided.
        """
        campaign = self.get(name)
        if campaign.version is not None:
            raise Conflict(
                f"campaign {name} began already ({campaign.state})", hint=f"messaging campaigns status {name}"
            )
        version = self._library.sendable(campaign.template)
        _say_why(version, campaign.service_notice)
        self._has_adapter(campaign.channel, campaign.adapter)
        plan = self._plans.make(
            campaign,
            version,
            self._audience.definition(campaign.segment),
            self._audience.members(campaign.segment),
            now=self._clock.now(),
            progress=progress,
        )
        plan.warnings += self._library.warnings(campaign.template) + self._errors_of(campaign.template)
        return plan

    def start(self, name: str, *, plan_hash: str | None = None) -> Campaign:
        """Begin: store the member list and the version, once. With `plan_hash`, only what that plan showed.

        A campaign whose time is to come is scheduled instead, with its plan. One that began already is returned as
        it is.

        Raises:
            Conflict: the content changed since the plan, or people were added; it began by another plan; it was
                paused or cancelled.
        """
        campaign = self.get(name)
        if campaign.state in (CampaignState.PLANNING, CampaignState.SENDING, CampaignState.DONE):
            if plan_hash not in (None, campaign.plan):
                raise Conflict(f"campaign {name} began by another plan ({campaign.plan or 'none was named'})")
            return campaign
        if campaign.state not in (CampaignState.DRAFT, CampaignState.SCHEDULED):
            raise Conflict(
                f"campaign {name} is {campaign.state}" + (f": {campaign.reason}" if campaign.reason else ""),
                hint=f"messaging campaigns resume {name}" if campaign.state is not CampaignState.CANCELLED else None,
            )
        now = self._clock.now()
        version = self._library.sendable(campaign.template)
        _say_why(version, campaign.service_notice)
        self._has_adapter(campaign.channel, campaign.adapter)
        plan_hash = campaign.plan if plan_hash is None else plan_hash
        members, withheld = self._members(campaign, version, plan_hash)
        if campaign.at is not None and campaign.at > now:
            scheduled = replace(campaign, state=CampaignState.SCHEDULED, plan=plan_hash)
            self._move(campaign, scheduled)
            return scheduled
        started = replace(
            campaign,
            plan=plan_hash,
            state=CampaignState.PLANNING,
            version=version.version,
            audience=len(members),
            started_at=now,
        )
        with self._store.transaction():
            self._move(campaign, started)
            self._rows.keep(started, version, withheld)
        # By itself: a million takes seconds, in which orders come in. If nobody gets to it, `fill` does.
        self._store.campaigns.put_members(name, members)
        return started

    def _members(
        self, campaign: Campaign, version: TemplateVersion, plan_hash: str | None
    ) -> tuple[Collection[str], dict[str, str]]:
        """Who gets it, and why some of them are skipped in any case."""
        members = Ids(self._audience.ids(campaign.segment))
        if plan_hash is None:
            return members, {}
        return self._compare(campaign, version, self._plans.load(campaign.name, plan_hash), members)

    def _compare(
        self, campaign: Campaign, version: TemplateVersion, plan: Plan, members: Collection[str]
    ) -> tuple[Collection[str], dict[str, str]]:
        """The plan's members, and why some of them are skipped now."""
        again = f"plan again: messaging campaigns plan {campaign.name}"
        if content_of(campaign, version, self._audience.definition(campaign.segment)) != plan.content:
            raise Conflict("the template, the segment or the brand changed since the plan", hint=again)
        known, present = Seen(plan.members), Seen(members)
        added = sum(member not in known for member in members)
        if added:
            who = "1 person" if added == 1 else f"{added} people"
            raise Conflict(f"{who} joined the segment since the plan", hint=again)
        withheld = dict(plan.reasons)
        withheld.update((member, LEFT) for member in plan.members if member not in present)
        return plan.members, withheld

    def fill(self, name: str, *, progress: Callable[[int], object] | None = None) -> Campaign:
        """Make the rows of a campaign that is being planned; nothing of it leaves before all are there."""
        campaign = self.get(name)
        if campaign.state is not CampaignState.PLANNING:
            return campaign
        if self._store.campaigns.members(name) is None:  # whoever started it died before they had stored the list
            self._list(campaign)
        return self._rows.fill(campaign, progress=progress)

    def _list(self, campaign: Campaign) -> None:
        """Store the list of a campaign that began without; one that is no longer what its plan showed is held."""
        version = self._store.version(str(campaign.version))
        assert version is not None
        try:
            members, withheld = self._members(campaign, version, campaign.plan)
        except Conflict as error:
            self.hold(campaign.name, error.message, states=[CampaignState.PLANNING])
            raise
        self._rows.keep(campaign, version, withheld)
        self._store.campaigns.put_members(campaign.name, members)

    def pause(self, name: str, reason: str | None = None) -> Campaign:
        """Stop sending within seconds, everywhere."""
        return self._change(
            name,
            (CampaignState.PLANNING, CampaignState.SENDING, CampaignState.SCHEDULED),
            CampaignState.PAUSED,
            reason,
        )

    def resume(self, name: str) -> Campaign:
        """Let a paused or held campaign go on where it was."""
        campaign = self.get(name)
        if campaign.state in (CampaignState.PLANNING, CampaignState.SENDING, CampaignState.DONE):
            return campaign
        if campaign.state not in (CampaignState.PAUSED, CampaignState.HELD):
            raise Conflict(f"campaign {name} is {campaign.state}, not paused")
        if campaign.version is None:
            state = CampaignState.DRAFT
        else:
            rows = sum(self._store.outbox.counts(name).values())
            state = CampaignState.SENDING if rows >= (campaign.audience or 0) else CampaignState.PLANNING
        resumed = replace(
            campaign,
            state=state,
            reason=None,
            at=None if campaign.state is CampaignState.HELD else campaign.at,
        )
        with self._store.transaction():
            self._move(campaign, resumed)
            self._runs.let_go_on(name)
        return resumed

    def cancel(self, name: str) -> Campaign:
        """Skip all that has not left."""
        campaign = self.get(name)
        if campaign.state in (CampaignState.DONE, CampaignState.CANCELLED):
            raise Conflict(f"campaign {name} is {campaign.state}: nothing to cancel")
        if campaign.version is not None and campaign.state is not CampaignState.SENDING:
            # Its rows must add up to its audience also now, if they were not all made. Nobody sends it meanwhile.
            paused = replace(campaign, state=CampaignState.PAUSED)
            self._move(campaign, paused)
            campaign = replace(paused, audience=self._rows.fill(paused).audience)
        cancelled = replace(campaign, state=CampaignState.CANCELLED, reason=None, finished_at=self._clock.now())
        self._move(campaign, cancelled)
        # By itself: a million takes half a minute, in which orders come in. If nobody gets to it, `sweep` does.
        self._store.outbox.stop(name, CANCELLED)
        return cancelled

    def sweep(self) -> None:
        """Skip what cancelled campaigns have planned, should whoever cancelled them, or a sender, have died over it."""
        skip_cancelled(
            self._store, [campaign.name for campaign in self._store.campaigns.all([CampaignState.CANCELLED])]
        )

    def hold(self, name: str, reason: str, *, states: Collection[CampaignState] = (CampaignState.SCHEDULED,)) -> bool:
        """Leave a campaign that is due to a person to decide about; false if it is in another state by now."""
        with self._store.transaction():
            campaign = self.get(name)
            if campaign.state not in states:
                return False
            self._store.campaigns.put(replace(campaign, state=CampaignState.HELD, reason=reason))
        log.warning("campaign %s is held: %s (go on with: messaging campaigns resume %s)", name, reason, name)
        return True

    def retry(self, name: str) -> int:
        """Plan again those the provider refused or that gave up; return how many."""
        campaign = self.get(name)
        if campaign.state not in (CampaignState.SENDING, CampaignState.DONE):
            raise Conflict(f"campaign {name} is {campaign.state}", hint="only a campaign that was sent can be retried")
        now = self._clock.now()
        number = 0
        while True:
            # Read and changed in one: what another retry took up in the meantime is not touched.
            with self._store.transaction():
                page = self._store.outbox.page(campaign=name, state=MessageState.REFUSED, limit=PAGE)
                if not page:
                    return number
                self._store.outbox.settle(
                    [Outcome(message_id=m.id, state=MessageState.PLANNED, reason="retried", due_at=now) for m in page]
                )
                self.reopen(name)
            number += len(page)

    def reopen(self, name: str | None) -> None:
        """Let a campaign that is done send again: a message of it is planned once more."""
        campaign = self._store.campaigns.get(name) if name else None
        if campaign is not None and campaign.state is CampaignState.DONE:
            self._store.campaigns.put(replace(campaign, state=CampaignState.SENDING, finished_at=None))

    def finish(self, name: str) -> Campaign:
        """Say that it is done, if no message of it is planned or in hand."""
        with self._store.transaction():
            campaign = self.get(name)
            counts = self._store.outbox.counts(name)
            open_ = counts[MessageState.PLANNED] + counts[MessageState.SENDING]
            if campaign.state is CampaignState.SENDING and not open_:
                campaign = replace(campaign, state=CampaignState.DONE, finished_at=self._clock.now())
                self._store.campaigns.put(campaign)
        return campaign

    def due(self, *, shared: bool = False) -> Iterator[str]:
        """Campaigns that should be going on and that nobody runs, each looked at when its turn comes.

        Those that are too late are held instead. `shared`: one that is being sent is for whoever comes.
        """
        for campaign in self._store.campaigns.all(_GOING):
            name = campaign.name
            campaign = self.get(name)
            since = self._since(campaign, shared=shared) if campaign.state in _GOING else None
            if since is None or since > self._clock.now():
                continue
            if self.late_since(campaign) is None:
                yield name
            else:
                self._hold_late(name)

    def _hold_late(self, name: str) -> None:
        with self._store.transaction():  # in which nobody can resume it
            campaign = self.get(name)
            since = self.late_since(campaign)
            if since is None:
                return
            what = "its time was" if campaign.state is CampaignState.SCHEDULED else "it was interrupted at"
            self.hold(name, f"{what} {since.isoformat(timespec='minutes')}, too long ago", states=_GOING)

    def late_since(self, campaign: Campaign) -> datetime | None:
        """Since when a campaign should have been going on, if that is too long ago."""
        since = self._since(campaign)
        return since if since is not None and self._clock.now() - since > self._late else None

    def _since(self, campaign: Campaign, *, shared: bool = False) -> datetime | None:
        """Since when, or from when on, it should be going on; None: somebody is at it, or there is nothing to do."""
        if not (shared and campaign.state is CampaignState.SENDING) and self._runs.is_going(campaign.name):
            return None
        got = self._runs.last(campaign.name) or campaign.started_at
        if campaign.state in (CampaignState.DRAFT, CampaignState.SCHEDULED):
            return campaign.at
        if campaign.state is CampaignState.PLANNING:
            return _latest(got, campaign.started_at)
        if campaign.state is not CampaignState.SENDING:
            return None
        due = self._store.outbox.next_due(campaign=campaign.name)
        if due is not None:
            # What waited for its own time (a retry, quiet hours) is not late by that.
            return _latest(got, due)
        counts = self._store.outbox.counts(campaign.name)
        # In somebody's hands; or else only to be called done.
        return None if counts[MessageState.PLANNED] + counts[MessageState.SENDING] else self._clock.now()

    def status(self, name: str) -> Status:
        """How far it has come."""
        with self._store.transaction():
            return Status(
                campaign=self.get(name),
                counts=self._store.outbox.counts(name),
                reasons=self._store.outbox.reasons(name),
            )

    def _change(self, name: str, from_: Collection[CampaignState], to: CampaignState, reason: str | None) -> Campaign:
        campaign = self.get(name)
        if campaign.state not in from_:
            raise Conflict(f"campaign {name} is {campaign.state}")
        changed = replace(campaign, state=to, reason=reason)
        self._move(campaign, changed)
        return changed

    def _move(self, before: Campaign, after: Campaign) -> None:
        """Put `after`, unless somebody moved the campaign in the meantime."""
        with self._store.transaction():
            if self.get(before.name).state is not before.state:
                raise Conflict(
                    f"campaign {before.name} was changed by somebody else just now", hint="look at its status"
                )
            self._store.campaigns.put(after)


def _say_why(version: TemplateVersion, service_notice: str | None) -> None:
    if version.message_class is MessageClass.TRANSACTIONAL and not service_notice:
        raise MessagingError(
            f"template {version.template} is transactional: it is for orders, and reaches people who unsubscribed",
            hint='if this is a notice all of them must get, say why: --service-notice "…"',
        )


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)
