"""Erasing leaves nothing of a person in the workspace, and nobody writes to them by mistake afterwards."""

from __future__ import annotations

import base64
import errno
import quopri
from datetime import UTC, timedelta
from email.message import EmailMessage
from pathlib import Path

import orjson
import pytest

from messaging.errors import NotFound, Uncompacted
from messaging.nouns.adapter import Adapter, Receipt
from messaging.nouns.consent import Consent, Suppression
from messaging.nouns.engagement import Engagement, EngagementKind
from messaging.nouns.event import Event, EventState
from messaging.nouns.message import MessageState
from messaging.nouns.template import Trigger
from messaging.plugins import Plugins
from messaging.rules.policy import has_consent
from messaging.services.csv_file import CsvFile
from messaging.services.erasing import Eraser
from messaging.services.import_consent import Grant
from messaging.services.importing import CustomerImport
from messaging.services.rejected import RejectedFile
from messaging.services.settling import Handed, Settling
from messaging.stores.outbox import Outcome
from messaging.stores.tinydb.store import TinyStore

#: Nobody is called so by chance.
SECRETS = (
    "zyxann@example.com",
    "zyxold@example.com",
    "Zyxlee",
    "+436641234567",
    "0664 1234567",
    "ZYX-id-17",
    "Zyxstrasse",
)


class Nobodys(Adapter):
    """Delivers nothing: it only has a name."""

    name = "nobodys"
    channel = "email"

    def __init__(self):
        pass

    def deliver(self, messages):
        raise NotImplementedError


@pytest.fixture
def eraser(shop, tmp_path):
    return Eraser(
        shop.store,
        shop.clock,
        forgotten=shop.forgotten,
        profiles=shop.profiles,
        workspace=tmp_path,
        mailbox=tmp_path / "mailbox",
        plans=tmp_path / "data" / "plans",
    )


def leftovers(folder: Path) -> list[tuple[str, str]]:
    """Files with a secret in them: as it is, in base64 at any offset, quoted-printable, or in the name."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        texts = [raw, quopri.decodestring(raw), str(path).encode()]
        for secret in SECRETS:
            wanted = secret.lower().encode()
            hit = any(wanted in text.lower() for text in texts)
            for skip in range(3):
                core = base64.b64encode(b"\0" * skip + secret.encode())[4 if skip else 0 : -4]
                hit = hit or core in raw.replace(b"\r\n", b"").replace(b"\n", b"")
            if hit:
                found.append((path.name, secret))
    return found


def live(shop, tmp_path):
    """A person with all that a person can leave behind."""
    shop.shelf.put("shipped", Trigger(event="order.shipped"), Trigger(event="order.placed", after=timedelta(days=3)))
    shop.switch.enable("shipped")
    person = {
        "email": "zyxold@example.com",
        "first_name": "Ann",
        "last_name": "Zyxlee",
        "street": "Zyxstrasse 1",
    }
    shop.intake.receive(shop.event("order.shipped", id="1", customer=person))
    shop.clock.advance(timedelta(hours=1))
    named = person | {"id": "ZYX-id-17"}
    shop.intake.receive(shop.event("order.placed", id="2", customer=named, order={"number": "2"}))
    moved = named | {"email": "zyxann@example.com", "phone": "0664 1234567"}
    shop.clock.advance(timedelta(hours=1))
    customer_id = shop.intake.receive(shop.event("order.paid", id="3", customer=moved)).customer_id
    store = shop.store
    sent = next(m for m in shop.messages() if m.address == "zyxold@example.com")
    store.outbox.settle([Outcome(message_id=sent.id, state=MessageState.SENT, sent_at=shop.clock.now())])
    at = shop.clock.now()
    store.engagements.add(
        [
            Engagement(
                id="e",
                kind=EngagementKind.CLICKED,
                at=at,
                message_id=sent.id,
                customer_id=customer_id,
                raw={"to": SECRETS[0]},
            )
        ]
    )
    store.addresses.add_consents(
        Consent(channel="email", address=address, granted=True, at=at, source="form") for address in SECRETS[:2]
    )
    store.addresses.suppress([Suppression(channel="sms", address="+436641234567", reason="bounced", at=at)])
    mailbox = tmp_path / "mailbox"
    mailbox.mkdir()
    for number, address in enumerate((*SECRETS[:2], "bob@example.com")):
        mail = EmailMessage()
        mail["To"] = f"Ann Zyxlee <{address}>" if "zyx" in address else address
        mail["Subject"] = "Your order"
        mail.set_content(f"Dear Zyxlee at {address}" if "zyx" in address else "Dear Bob", cte="base64")
        (mailbox / f"{number}.eml").write_bytes(bytes(mail))
    plans = tmp_path / "data" / "plans"
    plans.mkdir(parents=True)
    (plans / "a.json").write_bytes(orjson.dumps({"members": [customer_id], "reasons": {customer_id: "no consent"}}))
    (plans / "b.json").write_bytes(orjson.dumps({"members": ["18"], "reasons": {}}))
    rejected = RejectedFile(store, tmp_path / "people.csv", tmp_path, ".csv")
    rejected.row(["email", "street"], 2, "bad", ["zyxann@example.com", "Zyxstrasse 1"])
    rejected.close()
    return customer_id


def test_the_whole_workspace_is_clean_afterwards(shop, eraser, tmp_path):
    customer_id = live(shop, tmp_path)
    shop.intake.receive(shop.event(id="b", customer={"id": "18", "email": "bob@example.com"}, order={"number": "9"}))
    assert {secret for _, secret in leftovers(tmp_path)} == set(SECRETS)
    receipt = eraser.erase(customer_id)
    assert (receipt.orders, receipt.events, receipt.messages, receipt.mails) == (2, 3, 2, 2)
    assert (receipt.plans, receipt.rejected_files, receipt.addresses) == (1, 1, 3)
    assert leftovers(tmp_path) == []
    assert customer_id.encode() not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    states = sorted((message.state, message.address, message.reason) for message in shop.messages())
    assert (MessageState.SENT, None, None) in [(s, a, r) for s, a, r in states]
    assert shop.store.customers.get(["18"])
    (member,) = orjson.loads((tmp_path / "data" / "plans" / "a.json").read_bytes())["members"]
    assert member != customer_id, "somebody unknown, so that the plan still has as many people"
    assert (tmp_path / "mailbox" / "2.eml").exists()
    assert (tmp_path / "data" / "plans" / "b.json").exists()
    with pytest.raises(NotFound):
        eraser.erase(customer_id)


@pytest.fixture
def take(shop, tmp_path):
    """Import a contacts file."""

    def run(text):
        path = tmp_path / "contacts.csv"
        path.write_text(text)
        doing = CustomerImport(
            shop.store, shop.clock, attributes={}, declare=dict, forgotten=shop.forgotten, region="AT", zone=UTC
        )
        file, rejected = CsvFile(path), RejectedFile(shop.store, path, tmp_path, ".csv")
        incomplete = RejectedFile(shop.store, path, tmp_path, ".csv", "incomplete")
        doing.run(
            file,
            doing.survey(file),
            grants=[Grant("email")],
            source="form",
            rejected=rejected,
            incomplete=incomplete,
        )
        path.unlink()

    return run


def test_an_address_from_before_goes_too(shop, eraser, take, tmp_path):
    take("id,email,phone\nc1,zyxold@example.com,0664 1234567\n")
    person = {"id": "c1", "email": "zyxold@example.com", "first_name": "Zyxlee"}
    wrong = {"channel": "email", "granted": True, "address": "nowhere"}
    failed = shop.intake.receive(shop.event("consent.changed", id="wrong", customer=person, consent=wrong))
    assert failed.state is EventState.FAILED
    take("id,email,phone\nc1,zyxann@example.com,+436641234568\n")
    assert [place["address"] for place in eraser.export("c1")["addresses"]] == [
        *("zyxann@example.com", "+436641234568", "zyxold@example.com", "+436641234567"),
    ]
    eraser.erase("c1")
    assert leftovers(tmp_path) == []
    shop.clock.advance(timedelta(days=1))
    take("id,email\nc2,zyxold@example.com\n")
    place = ("email", "zyxold@example.com")
    assert not has_consent({"email": shop.store.addresses.status([place])[place]}, "email", "news")


def test_a_failed_event_under_an_address_known_from_events_goes_too(shop, eraser, tmp_path):
    for id, email in (("1", "zyxold@example.com"), ("2", "zyxann@example.com")):
        shop.intake.receive(shop.event(id=id, customer={"id": "17", "email": email}, order={"number": id}))
    shop.store.events.add(
        [
            Event(
                id="3",
                type="order.placed",
                time=shop.clock.now(),
                customer={"id": "c9", "email": "zyxold@example.com", "first_name": "Zyxlee"},
                data={},
                state=EventState.FAILED,
                error="?",
            )
        ]
    )
    eraser.erase("17")
    assert leftovers(tmp_path) == []


def test_what_a_sender_had_in_hand_meanwhile_goes_too(shop, eraser, tmp_path, monkeypatch):
    customer_id = live(shop, tmp_path)
    delete = shop.store.customers.delete
    (tmp_path / "data" / "plans" / "a.json").unlink()

    def late(*args, **kwargs):
        mail = EmailMessage()
        mail["To"] = "zyxann@example.com"
        (tmp_path / "mailbox" / "late.eml").write_bytes(bytes(mail))
        (tmp_path / "data" / "plans" / "c.json").write_bytes(orjson.dumps({"members": [customer_id], "reasons": {}}))
        delete(*args, **kwargs)

    monkeypatch.setattr(shop.store.customers, "delete", late)
    receipt = eraser.erase(customer_id)
    assert (receipt.mails, receipt.plans) == (3, 1)
    assert leftovers(tmp_path) == []


def test_a_receipt_that_comes_afterwards_brings_nothing_back(shop, eraser, tmp_path):
    """Also not by the address that bounced."""
    live(shop, tmp_path)
    (message,) = shop.messages(state=MessageState.PLANNED)
    worker = shop.store.enlist()
    shop.store.outbox.claim(worker, now=message.due_at, limit=9)
    assert shop.store.outbox.begin(worker, [message.id], now=message.due_at) == [message.id]
    eraser.erase(message.customer_id)
    settling = Settling(
        shop.store,
        Plugins(none=True),
        attempts=3,
        first_wait=timedelta(minutes=1),
        longest_wait=timedelta(hours=1),
        at_least_once=False,
        timeout=timedelta(minutes=1),
        record=lambda told: None,
    )
    bounced = Receipt.refused(message.id, f"no {message.address} here", suppress=True)
    settling.receipts([bounced], {message.id: Handed(message, 1, "default")}, Nobodys(), now=shop.clock.now())
    assert shop.store.outbox.get([message.id])[message.id].state is MessageState.REFUSED
    assert leftovers(tmp_path) == []


class TestOnAFullDisk:
    """The store is written anew after the customer is gone: that may fail, and is done by the next try."""

    @pytest.fixture
    def full(self, monkeypatch):
        def fail(*args):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("messaging.stores.tinydb.compaction.Successor.put", fail)
        return monkeypatch.undo

    def test_it_says_what_is_done_and_what_is_not(self, shop, eraser, tmp_path, full):
        customer_id = live(shop, tmp_path)
        with pytest.raises(Uncompacted) as caught:
            eraser.erase(customer_id)
        assert f"{customer_id} is erased, but what was theirs is still in the store's files" in caught.value.message
        assert caught.value.hint == (
            f"make room on the disk, then finish with: messaging customers erase {customer_id}"
        )
        assert shop.store.customers.get([customer_id]) == {}
        assert {name for name, _ in leftovers(tmp_path)} == {"store.jsonl"}
        with pytest.raises(Uncompacted, match=r"store's files.*finish with"):
            eraser.finish(customer_id)

    @pytest.mark.parametrize("name", [0, "ZYXann@example.com", "+436641234567", "ZYX-id-17"])
    @pytest.mark.parametrize("reopened", [False, True])
    def test_the_next_try_finishes_it(self, shop, eraser, tmp_path, full, name, reopened):
        customer_id = live(shop, tmp_path)
        with pytest.raises(Uncompacted):
            eraser.erase(customer_id)
        full()
        mail = tmp_path / "mailbox" / "late.eml"
        mail.write_text(f"X-Message: {shop.messages()[0].id}\n\nDear Zyxlee")
        if reopened:
            TinyStore(shop.store.path, clock=shop.clock).close()  # whoever starts next compacts
        assert not eraser.finish("somebody@example.com")
        assert eraser.finish(name or customer_id)
        assert leftovers(tmp_path) == []
        assert not eraser.finish(name or customer_id)
        assert shop.store.notes("unfinished") == {}


def test_an_old_list_does_not_bring_permission_back(shop, eraser, tmp_path):
    customer_id = live(shop, tmp_path)
    eraser.erase(customer_id)
    shop.clock.advance(timedelta(days=1))
    shop.intake.receive(
        shop.event(id="n", customer={"email": "zyxann@example.com", "phone": "0664 1234567"}, order={"number": "9"})
    )
    store = shop.store
    again = Consent(channel="email", address="zyxann@example.com", granted=True, at=shop.clock.now(), dated=False)
    store.addresses.add_consents([again])
    email, sms = ("email", "zyxann@example.com"), ("sms", "+436641234567")
    known = store.addresses.status([email, sms])
    assert not has_consent({"email": known[email]}, "email", "news")
    assert known[email].suppression is None
    assert known[sms].suppression.reason == "bounced"
    shop.clock.advance(timedelta(days=1))
    own = Consent(channel="email", address="zyxann@example.com", granted=True, at=shop.clock.now())
    store.addresses.add_consents([own])
    assert has_consent({"email": store.addresses.status([email])[email]}, "email", "news")


def test_an_address_of_two_people_stays_the_others(shop, eraser):
    shop.intake.receive(shop.event(id="1", customer={"email": "ann@example.com", "phone": "06641234567"}))
    shop.intake.receive(
        shop.event(
            id="2",
            customer={"id": "18", "email": "bob@example.com", "phone": "06641234567"},
            order={"number": "2"},
        )
    )
    sms = ("sms", "+436641234567")
    shop.store.addresses.add_consents([Consent(channel="sms", address=sms[1], granted=True, at=shop.clock.now())])
    (ann,) = shop.store.customers.find(email="ann@example.com")
    eraser.erase(ann.id)
    assert has_consent({"sms": shop.store.addresses.status([sms])[sms]}, "sms", "news")


def test_a_person_gets_all_that_is_kept(shop, eraser, tmp_path):
    customer_id = live(shop, tmp_path)
    text = orjson.dumps(eraser.export(customer_id), default=str).decode()
    assert all(secret in text for secret in SECRETS)
    data = orjson.loads(text)
    assert (len(data["orders"]), len(data["events"]), len(data["messages"])) == (2, 3, 2)
    assert [one["kind"] for message in data["messages"] for one in message["engagement"]] == ["clicked"]
    with pytest.raises(NotFound, match="no customer"):
        eraser.export("nobody")


def test_what_was_rejected_is_readable_again(shop, tmp_path):
    rejected = RejectedFile(shop.store, tmp_path / "people.csv", tmp_path, ".csv")
    rejected.row(["email"], 2, "=bad", ["=1+1"])
    rejected.close()
    file = CsvFile(rejected.path)
    assert file.headers == ["line", "reason", "email"]
    assert [row.cells for row in file.rows()] == [["2", "=bad", "=1+1"]]
    assert oct(rejected.path.stat().st_mode)[-3:] == "600"
