"""What comes back is recorded once, judged, and moves what it must."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from messaging.clock import FrozenClock
from messaging.errors import NotFound, StoreError
from messaging.nouns.campaign import Campaign
from messaging.nouns.consent import ALL_TOPICS, Consent
from messaging.nouns.customer import Customer
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.message import Message, MessageClass, MessageState
from messaging.nouns.template import LinkSlot, TemplateVersion
from messaging.services import hits as hits_module
from messaging.services.preferences import Preferences
from messaging.services.recording import Recorder
from messaging.services.reporting import Reporter
from messaging.stores.base import Store
from messaging.stores.outbox import Outcome

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
ANN = ("email", "ann@example.com")
VERSION = "ab" * 16


class Told:
    """Stands where plugins are: what they are told."""

    def __init__(self) -> None:
        self.engagements: list[Engagement] = []

    def engagements_recorded(self, engagements: Sequence[Engagement]) -> None:
        self.engagements += engagements


class Back:
    """Everything about the way back."""

    def __init__(self, store: Store, clock: FrozenClock, folder: Path, letter: Callable[..., Message]) -> None:
        self._letter = letter
        self.store = store
        self.clock = clock
        self.told = Told()
        self.recorder = Recorder(store, clock, self.told, folder=folder, soft_bounces=3)
        self.reporter = Reporter(store, self.recorder, clock, templates=lambda: ["letter"])

    def message(self, name: str = "ann", state: MessageState = MessageState.SENT, **fields: Any) -> str:
        """A message to `name`, sent an hour ago unless its state says otherwise; its id."""
        message = self._letter(name, **fields)
        self.store.outbox.add([message])
        if state is not MessageState.PLANNED:
            sent_at = self.clock.now() - timedelta(hours=1) if state is MessageState.SENT else None
            self.store.outbox.settle([Outcome(message_id=message.id, state=state, sent_at=sent_at)])
        return message.id

    def hand_over(self, id: str) -> None:
        """Begin to hand a planned message over."""
        now, worker = self.clock.now(), self.store.enlist()
        (row,) = self.store.outbox.claim(worker, now=now, limit=1)
        assert self.store.outbox.begin(worker, [row.id], now=now) == [id]

    def click(self, id: str, slot: str = "1", kind: EngagementKind = EngagementKind.CLICKED, **facts: str) -> None:
        self.recorder.hit(
            kind,
            id,
            slot=slot if kind is EngagementKind.CLICKED else None,
            **{"method": "GET", "agent": FIREFOX, "prefetch": "", **facts},
        )

    def hits(self, id: str) -> list[Engagement]:
        self.recorder.drain()
        return self.store.engagements.of_messages([id]).get(id, [])

    def tell(self, kind: EngagementKind, id: str | None, name: str = "1", **fields: Any) -> list[Engagement]:
        told = Engagement(id=name, kind=kind, at=self.clock.now(), message_id=id, source="sendgrid", **fields)
        return self.recorder.record([told])

    def consents(self, address: tuple[str, str] = ANN) -> tuple[Consent, ...]:
        return self.store.addresses.status([address])[address].consents

    def suppression(self) -> str | None:
        found = self.store.addresses.status([ANN])[ANN].suppression
        return found.reason if found else None

    def agree(self, at: datetime | None = None, **fields: Any) -> None:
        consent = Consent(channel="email", address="ann@example.com", granted=True, at=at or self.clock.now(), **fields)
        self.store.addresses.add_consents([consent])


@pytest.fixture
def back(store: Store, clock: FrozenClock, tmp_path: Path, letter: Callable[..., Message]) -> Iterator[Back]:
    back = Back(store, clock, tmp_path / "data" / "hits", letter)
    yield back
    back.recorder.close()


@pytest.fixture
def broken(back: Back, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The store cannot be written; undo it by `broken.undo()`."""

    def fail(*args: object, **kwargs: object) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(back.store, "transaction", fail)
    return monkeypatch


class TestHits:
    def test_a_click_by_a_person(self, back: Back) -> None:
        id = back.message()
        back.click(id, "3.2")
        (hit,) = back.hits(id)
        assert (hit.kind, hit.slot, hit.customer_id, hit.machine) == ("clicked", "3.2", "ann", False)
        assert hit.raw["seconds"] == 3600
        assert back.told.engagements == [hit]

    def test_a_machine_and_why(self, back: Back) -> None:
        id = back.message()
        back.click(id, method="HEAD", agent="BarracudaCentral")
        back.click(id, kind=EngagementKind.OPENED, agent="Mozilla/5.0")
        assert [hit.reasons for hit in back.hits(id)] == [("method HEAD", "agent: scanner"), ("agent: bare",)]

    def test_too_soon_after_sending(self, back: Back) -> None:
        id = back.message("bob", MessageState.PLANNED)
        sent_at = back.clock.now() - timedelta(seconds=1)
        back.store.outbox.settle([Outcome(message_id=id, state=MessageState.SENT, sent_at=sent_at)])
        back.click(id)
        assert back.hits(id)[0].reasons == ("within 2 s of sending",)

    def test_while_it_is_being_handed_over(self, back: Back) -> None:
        """A scanner in the way of the mail is faster than the provider's answer."""
        id = back.message("bob", MessageState.PLANNED)
        back.hand_over(id)
        back.click(id)
        (hit,) = back.hits(id)
        assert (hit.reasons, hit.machine) == (("before it was handed over",), True)

    def test_a_burst_condemns_what_was_recorded_before(self, back: Back) -> None:
        id = back.message()
        back.click(id, "1")
        assert [hit.machine for hit in back.hits(id)] == [False]
        back.click(id, "2")
        back.click(id, "3")
        assert [hit.reasons for hit in back.hits(id)] == [("3 links within 2 s",)] * 3
        assert len(back.told.engagements) == 3

    def test_a_link_to_no_message_counts_nowhere(self, back: Back) -> None:
        back.click("00" * 16)
        assert back.recorder.drain() == 1
        assert back.told.engagements == []

    def test_long_values_are_bounded(self, back: Back) -> None:
        id = back.message()
        back.click(id, agent="<script>" * 10_000, method="X" * 1000, prefetch="y" * 1000)
        (hit,) = back.hits(id)
        assert [len(hit.raw[name]) for name in ("agent", "method", "prefetch")] == [512, 16, 64]

    def test_a_flood_does_not_fill_the_disk(
        self, back: Back, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(hits_module, "MAX_HITS", 20)
        id = back.message()
        for _ in range(50):
            back.click(id)
        assert len(back.hits(id)) == 20
        assert "30 hits on messages that had 20 already were not recorded" in caplog.text
        back.click(id)
        assert len(back.hits(id)) == 20

    def test_taken_twice_is_recorded_once(self, back: Back) -> None:
        """Killed after recording, before the spool's file was removed."""
        id = back.message()
        back.click(id)
        (path,) = (back.store.path.parent / "hits").glob("*.jsonl")
        line = path.read_bytes()
        assert len(back.hits(id)) == 1
        path.write_bytes(line)
        assert len(back.hits(id)) == 1
        assert len(back.told.engagements) == 1

    def test_a_damaged_line_is_left_out(self, back: Back, caplog: pytest.LogCaptureFixture) -> None:
        id = back.message()
        back.click(id)
        (path,) = (back.store.path.parent / "hits").glob("*.jsonl")
        with path.open("ab") as file:
            file.write(b'{"id": "x", "kind": "clicked"\n[]\n{"id":1}\n{"kind":"no","id":"1","at":"2026-01-01"}\n')
        assert len(back.hits(id)) == 1
        assert "damaged line" in caplog.text

    def test_while_the_store_is_down_hits_wait(self, back: Back, broken: pytest.MonkeyPatch) -> None:
        id = back.message()
        back.click(id)
        with pytest.raises(StoreError):
            back.recorder.drain()
        broken.undo()
        assert len(back.hits(id)) == 1

    def test_judged_again(self, back: Back, monkeypatch: pytest.MonkeyPatch) -> None:
        id = back.message()
        back.click(id)
        back.click(id, "2", agent="curl/8")
        back.recorder.drain()
        assert back.recorder.rejudge() == 0
        monkeypatch.setattr("messaging.rules.verdict.TOO_SOON", 7200.0)
        assert back.recorder.rejudge(campaign="spring") == 2
        assert [hit.machine for hit in back.hits(id)] == [True, True]
        monkeypatch.undo()
        assert back.recorder.rejudge(template="other") == 0
        assert back.recorder.rejudge() == 2
        assert [hit.machine for hit in back.hits(id)] == [False, True]

    def test_an_erased_customers_verdicts_stay(self, back: Back) -> None:
        back.store.customers.put([Customer(id="ann", email="ann@example.com")])
        id = back.message()
        back.click(id, agent="curl/8")
        back.recorder.drain()
        back.store.customers.delete("ann")
        assert back.recorder.rejudge() == 0
        assert [(hit.machine, dict(hit.raw)) for hit in back.hits(id)] == [(True, {})]


class TestConsequences:
    @pytest.mark.parametrize("kind", list(EngagementKind))
    def test_whatever_comes_back_settles_an_unknown_message(self, back: Back, kind: EngagementKind) -> None:
        id = back.message(state=MessageState.UNKNOWN)
        back.tell(kind, id)
        message = back.store.outbox.get([id])[id]
        assert (message.state, message.sent_at) == (MessageState.SENT, back.clock.now())

    def test_a_click_settles_an_unknown_message(self, back: Back) -> None:
        id = back.message(state=MessageState.UNKNOWN)
        back.click(id)
        assert not back.hits(id)[0].machine
        assert back.store.outbox.get([id])[id].state is MessageState.SENT

    @pytest.mark.parametrize(
        "state", [MessageState.SKIPPED, MessageState.REFUSED, MessageState.PLANNED, MessageState.SENT]
    )
    def test_other_states_stay(self, back: Back, state: MessageState) -> None:
        id = back.message(state=state)
        before = back.store.outbox.get([id])[id]
        back.tell(EngagementKind.DELIVERED, id)
        assert back.store.outbox.get([id])[id] == before

    def test_told_fifty_times_is_recorded_once(self, back: Back) -> None:
        id = back.message()
        for _ in range(50):
            back.tell(EngagementKind.BOUNCED, id)
        assert len(back.hits(id)) == len(back.told.engagements) == 1

    def test_a_hard_bounce_suppresses_and_a_soft_one_does_not(self, back: Back) -> None:
        id = back.message()
        back.tell(EngagementKind.BOUNCED, id)
        assert back.suppression() is None
        back.tell(EngagementKind.BOUNCED, id, "2", permanent=True)
        assert back.suppression() == "bounced"
        assert back.consents() == ()

    def test_a_complaint_withdraws_everything_and_suppresses(self, back: Back) -> None:
        back.agree()
        back.tell(EngagementKind.COMPLAINED, back.message())
        assert back.suppression() == "complained"
        assert (back.consents()[-1].topic, back.consents()[-1].granted) == (ALL_TOPICS, False)

    def test_a_providers_unsubscribe_and_resubscribe(self, back: Back) -> None:
        back.agree(topic="offers")
        id = back.message()
        back.tell(EngagementKind.UNSUBSCRIBED, id)
        assert (back.consents()[-1].topic, back.consents()[-1].granted) == ("offers", False)
        back.clock.advance(timedelta(hours=1))
        back.tell(EngagementKind.RESUBSCRIBED, id, "2")
        assert (back.consents()[-1].granted, back.consents()[-1].source) == (True, "resubscribed by sendgrid")

    def test_what_belongs_to_no_message_is_kept_and_moves_nothing(self, back: Back) -> None:
        assert len(back.tell(EngagementKind.COMPLAINED, None)) == 1
        assert len(back.tell(EngagementKind.COMPLAINED, "ff" * 16, "2")) == 1
        assert back.consents() == ()


class TestUnsubscribe:
    def test_once_however_often(self, back: Back) -> None:
        back.agree(topic="offers")
        id = back.message()
        for _ in range(3):
            back.recorder.unsubscribe(id, proof="one-click unsubscribe")
        _, withdrawn = back.consents()
        assert (withdrawn.granted, withdrawn.topic, withdrawn.source) == (
            False,
            "offers",
            "one-click unsubscribe",
        )
        assert withdrawn.message_id == id
        assert [hit.kind for hit in back.hits(id)] == ["unsubscribed"]

    def test_after_a_change_of_mind_it_works_again(self, back: Back) -> None:
        id = back.message()
        back.recorder.unsubscribe(id, proof="page")
        back.clock.advance(timedelta(days=1))
        back.agree(topic="offers")
        back.clock.advance(timedelta(days=1))
        back.recorder.unsubscribe(id, proof="page")
        assert [consent.granted for consent in back.consents()] == [False, True, False]

    def test_it_holds_whatever_the_clock_of_the_import_said(self, back: Back) -> None:
        back.agree(at=back.clock.now() + timedelta(days=400))
        back.recorder.unsubscribe(back.message(), proof="page")
        decision = back.recorder.decision(*ANN, "offers")
        assert decision is not None
        assert not decision.granted

    def test_no_such_message(self, back: Back) -> None:
        with pytest.raises(NotFound):
            back.recorder.unsubscribe("00" * 16, proof="page")

    def test_while_the_store_is_down_it_waits_durably(self, back: Back, broken: pytest.MonkeyPatch) -> None:
        id = back.message()
        back.recorder.unsubscribe(id, proof="one-click unsubscribe")
        back.recorder.close()
        broken.undo()
        assert back.consents() == ()
        back.recorder.drain()
        assert [consent.granted for consent in back.consents()] == [False]
        assert back.consents()[0].source == "one-click unsubscribe"

    def test_while_the_store_is_down_and_once_more_after(self, back: Back, broken: pytest.MonkeyPatch) -> None:
        id = back.message()
        for _ in range(2):
            back.recorder.unsubscribe(id, proof="one-click unsubscribe")
        broken.undo()
        back.clock.advance(timedelta(minutes=1))
        back.recorder.unsubscribe(id, proof="page")
        assert [hit.kind for hit in back.hits(id)] == ["unsubscribed"]
        assert [(consent.granted, consent.source) for consent in back.consents()] == [(False, "page")]
        assert len(back.told.engagements) == 1

    def test_one_that_waited_twice_is_done_once(self, back: Back, broken: pytest.MonkeyPatch) -> None:
        id = back.message()
        for _ in range(2):
            back.recorder.unsubscribe(id, proof="page")
        broken.undo()
        assert len(back.hits(id)) == len(back.consents()) == 1

    def test_one_that_waited_holds_whatever_the_clock_of_the_import_said(
        self, back: Back, broken: pytest.MonkeyPatch
    ) -> None:
        id = back.message()
        back.recorder.unsubscribe(id, proof="page")
        broken.undo()
        back.agree(at=back.clock.now() + timedelta(days=400))
        back.recorder.drain()
        assert [consent.granted for consent in back.consents()] == [True, False]

    def test_who_agreed_again_meanwhile_stays(self, back: Back, broken: pytest.MonkeyPatch) -> None:
        id = back.message()
        back.recorder.unsubscribe(id, proof="page")
        broken.undo()
        back.clock.advance(timedelta(minutes=1))
        back.agree(topic="offers")
        back.clock.advance(timedelta(minutes=1))
        back.recorder.drain()
        decision = back.recorder.decision(*ANN, "offers")
        assert decision is not None
        assert decision.granted


class TestPreferences:
    @pytest.fixture
    def preferences(self, back: Back) -> Preferences:
        back.store.customers.put([Customer(id="ann", email="ann@example.com", phone="+12025550123")])
        return Preferences(
            back.store, back.recorder, topics=lambda: ["news", "offers"], channels=lambda: ["email", "sms"]
        )

    def shown(self, preferences: Preferences, id: str) -> Mapping[tuple[str, str], bool]:
        return {(choice.topic, choice.channel): choice.granted for choice in preferences.choices(id)}

    def test_choices(self, back: Back, preferences: Preferences) -> None:
        back.agree(topic="offers")
        assert self.shown(preferences, back.message()) == {
            ("news", "email"): False,
            ("news", "sms"): False,
            ("offers", "email"): True,
            ("offers", "sms"): False,
        }

    def test_choosing(self, back: Back, preferences: Preferences) -> None:
        id = back.message()
        back.agree(topic="offers")
        before = self.shown(preferences, id)
        back.clock.advance(timedelta(hours=1))
        preferences.choose(id, {("news", "sms")}, shown=before)
        assert {key for key, on in self.shown(preferences, id).items() if on} == {("news", "sms")}
        assert [hit.kind for hit in back.hits(id)] == ["unsubscribed"]
        # What was not on the page stays as it is, and what is no choice of this reader is not made one.
        preferences.choose(id, {("offers", "email"), ("evil", "email")}, shown=[("news", "email"), ("evil", "email")])
        assert {key for key, on in self.shown(preferences, id).items() if on} == {("news", "sms")}

    def test_at_the_same_moment_the_later_choice_counts(self, back: Back, preferences: Preferences) -> None:
        """Business time may stand still."""
        id = back.message()
        for wanted in (True, False, True, True, False, True):
            preferences.choose(id, {("news", "email")} if wanted else set(), shown=[("news", "email")])
            assert self.shown(preferences, id)["news", "email"] is wanted

    def test_from_everything(self, back: Back, preferences: Preferences) -> None:
        id = back.message()
        back.agree(topic="offers")
        preferences.withdraw_all(id)
        preferences.withdraw_all(id)
        assert not any(self.shown(preferences, id).values())
        assert {consent.topic for consent in back.consents() if not consent.granted} == {ALL_TOPICS}
        assert len(back.hits(id)) == 1
        preferences.choose(id, {("offers", "email")}, shown=[("offers", "email")])
        assert {key for key, on in self.shown(preferences, id).items() if on} == {("offers", "email")}

    def test_an_old_address_speaks_for_itself_only(self, back: Back, preferences: Preferences) -> None:
        id = back.message(address="before@example.com")
        assert set(self.shown(preferences, id)) == {("news", "email"), ("offers", "email")}
        preferences.withdraw_all(id)
        assert back.consents() == ()
        assert [consent.granted for consent in back.consents(("email", "before@example.com"))] == [False]

    def test_a_topic_that_templates_no_longer_have(self, back: Back, preferences: Preferences) -> None:
        assert ("gone", "email") in self.shown(preferences, back.message(topic="gone"))
        order = back.message("bob", topic="orders", message_class=MessageClass.TRANSACTIONAL)
        assert ("orders", "email") not in self.shown(preferences, order)


class TestReport:
    def test_numbers(self, back: Back) -> None:
        back.store.put_version(
            TemplateVersion(
                version=VERSION,
                template="promotion",
                message_class=MessageClass.MARKETING,
                topic="offers",
                channels=("email",),
                fallbacks={},
                parts={},
                links=(
                    LinkSlot(
                        slot=1,
                        channel="email",
                        locale="",
                        part="html",
                        label="Shop",
                        target="https://a.example/",
                    ),
                    LinkSlot(slot=2, channel="email", locale="", part="html", label="Item", target=None),
                    LinkSlot(slot=3, channel="sms", locale="", part="text", label="Sms", target=None),
                ),
                brand={},
                from_="shop@example.com",
            )
        )
        ids = [back.message(f"c{number}") for number in range(10)]
        back.message("refused", MessageState.REFUSED)
        back.message("waiting", MessageState.PLANNED)
        back.click(ids[0], "2.2")
        back.click(ids[0], "2.2")
        back.click(ids[1], "1")
        back.click(ids[2], "1", agent="curl/8")
        back.tell(EngagementKind.DELIVERED, ids[0])
        back.recorder.unsubscribe(ids[1], proof="page")
        (report,) = back.reporter.report()
        document = report.to_document()
        numbers = (
            "sent",
            "delivered",
            "refused",
            "unknown",
            "waiting",
            "clicks",
            "unique_clicks",
            "machine_clicks",
        )
        assert [document[name] for name in numbers] == [10, 1, 1, 0, 1, 3, 2, 1]
        assert (document["click_through_rate"], document["unsubscribes"]) == (0.2, 1)
        assert document["click_through_interval"] == pytest.approx((0.0567, 0.5098), abs=1e-4)
        links = [(link["slot"], link["label"], link["target"], link["unique_clicks"]) for link in document["links"]]
        assert links == [
            ("1", "Shop", "https://a.example/", 1),
            ("2", "Item", None, 0),
            ("2.2", "Item", None, 1),
        ]
        assert len(back.reporter.clicks()) == 4
        assert back.reporter.report(template="letter") == []
        with pytest.raises(NotFound, match="no template .other."):
            back.reporter.report(template="other")

    def test_a_link_is_measured_by_the_messages_that_had_it(self, back: Back) -> None:
        """A reader of German never saw the English link: only those who did can have clicked it."""
        links = [("", "Shop", 1), ("", "Help", 2), ("de", "Laden", 3), ("de", "Hilfe", 4)]
        back.store.put_version(
            TemplateVersion(
                version=VERSION,
                template="promotion",
                message_class=MessageClass.MARKETING,
                topic="offers",
                channels=("email",),
                fallbacks={},
                parts={"email": {"": {"html": ""}, "de": {"html": ""}}},
                links=tuple(
                    LinkSlot(slot=slot, channel="email", locale=locale, part="html", label=label, target=None)
                    for locale, label, slot in links
                ),
                brand={},
                from_="shop@example.com",
            )
        )
        ids = [back.message(f"c{number}", MessageState.PLANNED) for number in range(10)]
        back.store.outbox.settle(
            [
                Outcome(
                    message_id=id,
                    state=MessageState.SENT,
                    sent_at=back.clock.now() - timedelta(hours=1),
                    variant="de" if number < 2 else "default",
                )
                for number, id in enumerate(ids)
            ]
        )
        back.click(ids[0], "3")
        back.click(ids[9], "1")
        (report,) = back.reporter.report()
        # One place in both languages stands together.
        assert [(link.label, link.sent, link.click_through_rate) for link in report.links] == [
            ("Shop", 8, 1 / 8),
            ("Laden", 2, 1 / 2),
            ("Help", 8, 0),
            ("Hilfe", 2, 0),
        ]
        older = back.message("older")  # from before it was kept: it may have been either
        assert older
        (report,) = back.reporter.report()
        assert [link.sent for link in report.links] == [9, 3, 9, 3]

    def test_campaigns(self, back: Back) -> None:
        back.message()
        with pytest.raises(NotFound, match="autumn"):
            back.reporter.report(campaign="autumn")
        for name in ("spring", "autumn"):
            campaign = Campaign(
                name=name, template="promotion", segment="all", channel="email", created_at=back.clock.now()
            )
            back.store.campaigns.put(campaign)
        assert back.reporter.report(campaign="autumn") == []
        assert back.reporter.report(campaign="spring")[0].campaigns == ("spring",)

    def test_nothing_sent_has_no_rate(self, back: Back) -> None:
        back.message(state=MessageState.PLANNED)
        (report,) = back.reporter.report()
        assert report.click_through_rate is None
        assert report.click_through_interval == (0, 1)

    def test_a_message_in_hand_can_be_clicked(self, back: Back) -> None:
        """Its receipt is not recorded yet: a rate above one makes no sense."""
        id = back.message(state=MessageState.PLANNED)
        back.click(id)
        (report,) = back.reporter.report()
        assert (report.sent, report.unique_clicks, report.click_through_rate) == (0, 1, None)
