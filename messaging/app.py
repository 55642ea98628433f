"""The app: a workspace opened, its parts wired. Holds no rules."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from functools import cached_property, partial
from typing import ClassVar, TypeVar
from zoneinfo import ZoneInfo

from messaging.clock import Clock
from messaging.errors import AdapterRests, MessagingError
from messaging.metrics import Metrics
from messaging.nouns.adapter import RenderedMessage
from messaging.nouns.campaign import CampaignState
from messaging.nouns.event import Accepted
from messaging.nouns.message import Lane, Message
from messaging.nouns.work import LANES, Kind, Work
from messaging.opened import Opened
from messaging.rules.profile import ProfileReader
from messaging.rules.resting import Limits
from messaging.services.audience import Audience
from messaging.services.backlog import Backlog
from messaging.services.callbacks import Callbacks
from messaging.services.campaign_plans import Plans
from messaging.services.campaign_rows import Rows
from messaging.services.campaign_runs import Runs
from messaging.services.campaigning import Campaigning
from messaging.services.composing import Composer, Unrenderable
from messaging.services.conditions import Conditions
from messaging.services.dispatching import Dispatcher, Waits
from messaging.services.effects import Effects
from messaging.services.erasing import Eraser
from messaging.services.following import Following
from messaging.services.forgotten import Forgotten
from messaging.services.handover import Handover
from messaging.services.importing import CustomerImport
from messaging.services.intake import Intake
from messaging.services.live_triggers import TriggerSwitch
from messaging.services.measuring import Measures
from messaging.services.planning import Planner
from messaging.services.preferences import Preferences
from messaging.services.rechecking import Rechecks
from messaging.services.recommending import Recommender
from messaging.services.recording import Recorder
from messaging.services.reporting import Reporter
from messaging.services.resting import Rests, adapter_of
from messaging.services.sending import Alive, Sender, unwatched
from messaging.services.settling import Settling
from messaging.services.sources import Sources
from messaging.services.suppressing import Suppressing
from messaging.services.template_check import TemplateCheck
from messaging.services.trigger_plans import TriggerPlans
from messaging.services.triggering import Triggering
from messaging.services.turns import Turn
from messaging.settings import Settings, brand_values
from messaging.stores.base import Address
from messaging.workspace.declare import declare_attributes
from messaging.workspace.folder import Workspace

AnyPlanner = TypeVar("AnyPlanner", bound=Planner)


class Messaging(Opened):
    """A shop's messaging, as code sees it.

    >>> with Messaging.open("my-shop") as app:
    ...     app.receive(event)
    """

    #: How adapters are called.
    hand_over: ClassVar[type[Handover]] = Handover

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        *,
        clock: Clock | None = None,
        no_plugins: bool = False,
    ) -> None:
        super().__init__(workspace, settings, clock=clock, no_plugins=no_plugins)
        self._making = threading.RLock()

    def forked(self) -> None:
        super().forked()
        self._making = threading.RLock()

    def receive(self, event: object, *, source: str = "api") -> Accepted:
        """Take a live event in (docs/events.md): its effects are there when this returns. From any thread.

        Raises:
            InputError: it is no event; nothing is kept.
            Conflict: its id is known for another content; nothing is changed.
            StoreError: it could not be kept.
        """
        if "intake" not in self.__dict__:
            with self._making:  # of two threads that come first, one makes it
                self.intake  # noqa: B018 - made, and kept
        return self.intake.receive(event, source=source)

    # Services

    @cached_property
    def measures(self) -> Measures:
        return Measures(self.adapters, adapter_for=self.settings.adapter_for)

    @cached_property
    def composer(self) -> Composer:
        return Composer(
            self.store,
            self.renderer,
            self.links,
            self.plugins,
            recommend=self.recommender.products,
            locale=self.settings.brand.locale,
            timezone=self.settings.brand.timezone,
        )

    @cached_property
    def recommender(self) -> Recommender:
        return Recommender(self.store)

    @cached_property
    def audience(self) -> Audience:
        return self.make_audience()

    def make_audience(self, *, patience: float = 0.0) -> Audience:
        return Audience(
            self.store,
            self.workspace.segments,
            attributes=self.settings.attributes,
            currency=self.settings.brand.currency,
            clock=self.clock,
            patience=patience,
        )

    @cached_property
    def planner(self) -> Planner:
        return self.make_planner(Planner)

    def make_planner(self, kind: type[AnyPlanner]) -> AnyPlanner:
        return kind(
            self.store,
            self.plugins,
            channels=lambda channel: self.settings.adapter_for(channel) is not None,
            plugin_settings=self._settings_of,
            address=self.settings.address_of,
            timezone=self.settings.brand.timezone,
        )

    @cached_property
    def conditions(self) -> Conditions:
        return Conditions(
            self.store,
            library=self.audience.library,
            cuts=self.audience.cuts,
            currency=self.settings.brand.currency,
        )

    @cached_property
    def triggers(self) -> TriggerSwitch:
        return TriggerSwitch(self.store, self.library, check=self.conditions.check)

    @cached_property
    def triggering(self) -> Triggering:
        return Triggering(
            self.store,
            self.clock,
            switch=self.triggers,
            planner=self.planner,
            members=self.audience.members,
            holding=self.conditions.holding,
            timezone=self.settings.brand.timezone,
            late=self.settings.sending.message_late,
        )

    @cached_property
    def trigger_plans(self) -> TriggerPlans:
        return TriggerPlans(
            self.store,
            self.clock,
            triggering=self.triggering,
            planner=self.planner,
            holding=self.conditions.holding,
        )

    @cached_property
    def profiles(self) -> ProfileReader:
        return ProfileReader(
            attributes=self.settings.attributes,
            region=self.settings.brand.country,
            zone=ZoneInfo(self.settings.brand.timezone),
        )

    @cached_property
    def forgotten(self) -> Forgotten:
        # Of the oldest key, so that a rotation does not forget whom we must not write to.
        return Forgotten(self.store, self.keys.signing[min(self.keys.signing)])

    @cached_property
    def effects(self) -> Effects:
        return Effects(
            self.store,
            self.clock,
            triggering=self.triggering,
            profiles=self.profiles,
            forgotten=self.forgotten,
            erase=lambda customer_id, since: self.eraser.erase(customer_id, since=since),
            address=self.settings.address_of,
            currency=self.settings.brand.currency,
            wake=self._due,
        )

    @cached_property
    def intake(self) -> Intake:
        return Intake(self.store, self.clock, self.effects, wake=partial(self.queue.wake, Work(Kind.INTAKE)))

    @cached_property
    def backlog(self) -> Backlog:
        return Backlog(self.store, self.clock, self.effects, left=self.intake.left, complete=self.sources.complete)

    @cached_property
    def customer_import(self) -> CustomerImport:
        return CustomerImport(
            self.store,
            self.clock,
            attributes=self.settings.attributes,
            declare=lambda types: declare_attributes(self.workspace.settings, types),
            forgotten=self.forgotten,
            region=self.settings.brand.country,
            zone=ZoneInfo(self.settings.brand.timezone),
            address=self.settings.address_of,
            reached=self._reached,
        )

    @cached_property
    def eraser(self) -> Eraser:
        return Eraser(
            self.store,
            self.clock,
            forgotten=self.forgotten,
            profiles=self.profiles,
            workspace=self.workspace.root,
            mailbox=self.workspace.mailbox,
            plans=self.workspace.data / "plans",
            apart=(self.workspace.data, self.workspace.mailbox),
            drain=self.recorder.drain,
        )

    @cached_property
    def preferences(self) -> Preferences:
        return Preferences(
            self.store,
            self.recorder,
            topics=self.library.topics,
            channels=self.channels,
            reached=self._reached,
        )

    @cached_property
    def template_check(self) -> TemplateCheck:
        return TemplateCheck(
            self.library,
            self.plugins,
            brand=brand_values(self.settings),
            from_=self.settings.brand.from_,
            reply_to=self.settings.brand.reply_to,
            attributes=self.settings.attributes,
            renderer=self.renderer,
            cache=self.workspace.data / "prepared",
            measure=self.measures.of,
            base_url=self.settings.server.base_url,
        )

    @cached_property
    def campaigning(self) -> Campaigning:
        return Campaigning(
            self.store,
            self.clock,
            library=self.library,
            audience=self.audience,
            plans=Plans(
                self.workspace.data / "plans", self.planner, self.composer, self.measures, self.adapters.problem
            ),
            rows=Rows(self.store, self.clock, self.planner),
            runs=self.runs,
            has_adapter=self.adapters.name_for,
            errors_of=self.template_check.errors,
            late=self.settings.sending.campaign_late,
        )

    @cached_property
    def runs(self) -> Runs:
        return Runs(self.store, self.clock, grain=self.settings.sending.campaign_late / 10)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self.store,
            self.clock,
            campaigning=self.campaigning,
            runs=self.runs,
            make_sender=self.make_sender,
            channels=self.channels,
            resting=self.resting,
            work_off=self.backlog.work_off,
            keep_contexts=self.settings.retention.content,
            wake=self.queue.wake,
        )

    @cached_property
    def following(self) -> Following:
        return Following(
            self.store,
            self.clock,
            campaigning=self.campaigning,
            runs=self.runs,
            resting=self.resting,
            wake=self.queue.wake,
        )

    @cached_property
    def rests(self) -> Rests:
        sending = self.settings.sending
        limits = Limits(failures=sending.failures, first=sending.rest, longest=sending.rest_max)
        return Rests(self.store, self.clock, limits)

    def shown(self, messages: Sequence[Message]) -> list[Message]:
        """Messages with the reason why they wait now, where that is their adapter."""
        return self.rests.shown(messages, adapter_of(self.store, self.settings.adapter_for))

    def resting(self, name: str) -> AdapterRests | None:
        """Why a campaign that is being sent waits now, if that is its adapter."""
        campaign = self.campaigning.get(name)
        adapter = campaign.adapter or self.settings.adapter_for(campaign.channel)
        return self.rests.of(adapter) if adapter and campaign.state is CampaignState.SENDING else None

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics(self.store, self.clock, self.rests)

    @cached_property
    def recorder(self) -> Recorder:
        return Recorder(
            self.store,
            self.clock,
            self.plugins,
            folder=self.workspace.data / "hits",
            soft_bounces=self.settings.sending.soft_bounces,
            reached=self._reached,
        )

    @cached_property
    def suppressing(self) -> Suppressing:
        return Suppressing(self.store, self.clock, region=self.settings.brand.country, reached=self._reached)

    @cached_property
    def callbacks(self) -> Callbacks:
        return Callbacks(self.plugins, self.recorder, self.adapters)

    @cached_property
    def sources(self) -> Sources:
        return Sources(
            self.plugins,
            settings=self.settings.sources,
            accept=self.intake.accept,
            events=self.store.events,
            http=self.http,
        )

    @cached_property
    def reporter(self) -> Reporter:
        return Reporter(self.store, self.recorder, self.clock, templates=self.library.names)

    def make_sender(self, stop: threading.Event, alive: Alive = unwatched, turn: Turn | None = None) -> Sender:
        """A sender for the calling thread."""
        sending = self.settings.sending
        with self._making:  # several threads of a server ask at once, and share what is made for it
            settling = Settling(
                self.store,
                self.plugins,
                attempts=sending.attempts,
                first_wait=sending.backoff,
                longest_wait=sending.backoff_max,
                at_least_once=sending.unknown == "at_least_once",
                timeout=sending.timeout,
                record=self.recorder.record,
            )
            return Sender(
                self.store,
                self.clock,
                rechecks=Rechecks(self.store, self.planner, self.triggering),
                composer=self.composer,
                adapters=self.adapters,
                settling=settling,
                rests=self.rests,
                adapter_for=self.settings.adapter_for,
                rates=sending.rate,
                timeout=sending.timeout,
                keep_campaigns=self.settings.retention.campaigns,
                stop=stop,
                alive=alive,
                turn=turn,
                hand_over=self.hand_over,
            )

    # Small questions

    def _reached(self, customer_ids: Collection[str], places: Collection[Address]) -> None:
        self.triggering.plan_again(customer_ids, places, now=self.clock.now())

    def _due(self, places: Collection[tuple[Lane, str]]) -> None:
        """Event-driven messages are due there."""
        self.queue.wake(*(Work(kind, channel) for kind, of in LANES.items() for lane, channel in places if lane is of))

    def send_campaign(
        self,
        name: str,
        *,
        plan_hash: str | None = None,
        stop: threading.Event | None = None,
        listed: Callable[[int], None] | None = None,
        sent: Callable[[int], None] | None = None,
        waits: Waits = lambda wait: None,
    ) -> MessagingError | None:
        """Send a campaign, or the rest of it, until it is done; return what stopped it, if something did."""
        self.check_adapter_of(name)
        return self.dispatcher.send(name, plan_hash=plan_hash, stop=stop, listed=listed, sent=sent, waits=waits)

    def check_adapter_of(self, name: str) -> None:
        """See that a campaign's adapter can be used: a mistake in the settings is found before anything begins.

        Raises:
            MessagingError: it cannot.
        """
        campaign = self.campaigning.get(name)
        self.adapters.get(self.adapters.name_for(campaign.channel, campaign.adapter))

    def show(self, message: Message) -> RenderedMessage | None:
        """A message as it went out, or would; None if its content is no longer kept."""
        for item in self.composer.compose([message], now=message.sent_at or self.clock.now()):
            return None if isinstance(item, Unrenderable) else item
        return None
