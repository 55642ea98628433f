"""A whole shop with a plugin that hangs, lies or ends the program: its part is named, all else goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import messaging.services.sending
import messaging.services.sources
from messaging import MessageState, NotFound, PluginError, patience
from messaging.nouns.campaign import CampaignState
from messaging.nouns.request import Request
from messaging.services.settling import Handed

if TYPE_CHECKING:
    from messaging.app import Messaging
    from tests.conftest import Shop

STATE = SimpleNamespace(gate=threading.Event())
HANG = "from tests.services.test_faulty_plugins import hang\n"


def hang() -> None:
    STATE.gate.wait(60)


def come_back() -> None:
    """Let what hangs go on, until it has."""
    STATE.gate.set()
    for _ in range(3000):
        if not any(map(patience.hangs, list(patience._hanging))):
            return
        threading.Event().wait(0.01)
    pytest.fail("it still hangs")


@pytest.fixture(autouse=True)
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(patience, "_hanging", {})  # what earlier tests left hanging for good is no matter of ours
    STATE.gate = threading.Event()
    yield
    STATE.gate.set()


@pytest.fixture
def with_plugin(live_shop: Shop) -> Callable[..., Messaging]:
    """The shop, opened with this plugin, which may take a second for anything unless said."""

    def open_(source: str, settings: str = "", *, patience: str = "1 second") -> Messaging:
        (live_shop.workspace.plugins / "bad.py").write_text(HANG + source, "utf-8")
        file = live_shop.workspace.settings
        file.write_text(f'{file.read_text("utf-8")}\n[plugins]\ntimeout = "{patience}"\n{settings}', "utf-8")
        live_shop.app = live_shop.open()
        live_shop.add_customers(20)
        live_shop.app.campaigning.create("spring", template="letter", segment="all", channel="email")
        return live_shop.app

    return open_


def hook(name: str, arguments: str, body: str) -> str:
    return f"from messaging import hookimpl\n@hookimpl\ndef {name}({arguments}):\n    {body}\n"


@pytest.mark.parametrize(
    "source",
    [
        "hang()",
        "raise KeyboardInterrupt",
        hook("register_adapters", "", "hang()"),
        hook("register_filters", "", "hang()"),
        hook("messages_sent", "messages", "hang()"),
        hook("messages_sent", "messages", "raise SystemExit"),
        hook("engagements_recorded", "engagements", "hang()"),
    ],
)
def test_a_campaign_is_sent(with_plugin: Callable[..., Messaging], live_shop: Shop, source: str) -> None:
    assert with_plugin(source).send_campaign("spring") is None
    assert live_shop.counts() == {"sent": 20}


FAILING = {
    "hang(); return []": "check_messages hangs: it has not come back",
    "return [42]": "check_messages answered 42: not Deny or NotBefore for one of its messages",
    "1/0": "check_messages failed: ZeroDivisionError",
}


@pytest.mark.parametrize("body", FAILING)
def test_a_check_that_cannot_be_asked_lets_nobody_through(
    with_plugin: Callable[..., Messaging], live_shop: Shop, body: str
) -> None:
    """All messages are there and wait for it; the campaign goes on by itself once it can be asked."""
    app = with_plugin(
        hook("check_messages", "messages", f"if not STATE.gate.is_set(): {body}").replace(
            "@hookimpl", "from tests.services.test_faulty_plugins import STATE\n@hookimpl"
        )
    )
    with pytest.raises(PluginError, match="plugin bad"):
        app.campaigning.plan("spring")
    fault = app.send_campaign("spring")
    assert isinstance(fault, PluginError)
    rows = app.store.outbox.page(campaign="spring")
    assert live_shop.counts() == {"planned": 20}
    assert all(FAILING[body] in str(row.reason) or "an earlier call" in str(row.reason) for row in rows)
    assert live_shop.pigeon.handed == []
    assert app.campaigning.get("spring").state is CampaignState.SENDING
    come_back()
    live_shop.clock.advance(timedelta(minutes=2))
    assert app.send_campaign("spring") is None
    assert live_shop.counts() == {"sent": 20}


def test_one_that_hangs_later_holds_what_is_planned(with_plugin: Callable[..., Messaging], live_shop: Shop) -> None:
    app = with_plugin(hook("check_messages", "messages", "hang(); return []"))
    STATE.gate.set()
    live_shop.campaign("summer")
    STATE.gate = threading.Event()
    report = app.make_sender(threading.Event()).send_campaign("summer")
    assert report.states == {MessageState.PLANNED: 20}
    (row, *_) = app.store.outbox.page(campaign="summer")
    assert "plugin bad" in str(row.reason)
    assert "check_messages hangs" in str(row.reason)
    assert row.due_at > live_shop.clock.now()
    assert live_shop.pigeon.handed == []


RENDERING = {
    "prepare_context": hook("prepare_context", "context, message", "message.customer_id == 'c0003' and hang()"),
    "filter slow": hook("register_filters", "", "return {'slow': lambda id: id == 'c0003' and hang() or id}"),
    "filter slow, put in": hook(
        "prepare_environment", "environment", "environment.filters['slow'] = lambda id: id == 'c0003' and hang() or id"
    ),
    "test good": hook(
        "prepare_environment", "environment", "environment.tests['good'] = lambda id: id != 'c0003' or hang() or True"
    ),
    "function nice": hook(
        "prepare_environment", "environment", "environment.globals['nice'] = lambda id: id == 'c0003' and hang() or id"
    ),
}
SHOWN = {
    "prepare_context": "{{ customer.id }}",
    "filter slow": "{{ customer.id|slow }}",
    "filter slow, put in": "{{ customer.id|slow }}",
    "test good": "{% if customer.id is good %}{{ customer.id }}{% endif %}",
    "function nice": "{{ nice(customer.id) }}",
}


@pytest.mark.parametrize("what", RENDERING)
def test_one_that_hangs_while_messages_are_rendered_costs_nobody_their_message(
    with_plugin: Callable[..., Messaging], live_shop: Shop, what: str
) -> None:
    """The campaign goes on when it is mended."""
    STATE.gate.set()
    live_shop.write_template(
        "letter",
        f'class = "marketing"\ntopic = "news"\nsubject = "Hello {SHOWN[what]}"\nchannels = ["email"]\n',
    )
    app = with_plugin(RENDERING[what])
    live_shop.campaign("summer")
    STATE.gate = threading.Event()
    fault = app.send_campaign("summer")
    assert f"plugin bad (from {live_shop.workspace.plugins / 'bad.py'}): {what.partition(',')[0]} hangs: it has" in str(
        fault
    )
    assert '[plugins] off = ["bad"]' in str(fault)
    assert app.campaigning.get("summer").state is CampaignState.SENDING
    assert app.rests.all() == {}  # no adapter is to blame
    assert {row.state for row in app.store.outbox.page(campaign="summer")} == {MessageState.PLANNED}
    live_shop.clock.advance(timedelta(minutes=2))
    assert "hangs: an earlier call of it has not come back" in str(app.send_campaign("summer"))
    with pytest.raises(PluginError, match="hangs: an earlier call"):
        app.campaigning.plan("spring")
    come_back()
    live_shop.clock.advance(timedelta(minutes=2))
    assert app.send_campaign("summer") is None
    subjects = {str(message.parts["subject"]) for message in live_shop.pigeon.handed}
    assert subjects == {f"Hello c{number:04}" for number in range(20)}


@pytest.mark.parametrize("ending", ["KeyboardInterrupt", "SystemExit(2)", "GeneratorExit"])
def test_one_that_ends_the_program_while_messages_are_rendered(
    with_plugin: Callable[..., Messaging], live_shop: Shop, ending: str
) -> None:
    body = f"if message.customer_id == 'c0003': raise {ending}"
    app = with_plugin(hook("prepare_context", "context, message", body))
    assert app.send_campaign("spring") is None
    assert live_shop.counts() == {"sent": 19, "skipped": 1}
    (reason,) = live_shop.reasons()
    assert "plugin bad" in reason
    assert f"prepare_context failed: {ending.partition('(')[0]}" in reason


def test_the_ways_out_of_a_message_are_ours(with_plugin: Callable[..., Messaging], live_shop: Shop) -> None:
    body = "context.update(unsubscribe_url='https://evil.example', message={}); context['brand'].clear()"
    app = with_plugin(hook("prepare_context", "context, message", body))
    assert app.send_campaign("spring") is None
    for message in live_shop.pigeon.handed:
        assert "evil" not in message.parts["html"]
        assert "/u/" in message.parts["html"]
    assert app.settings.brand.name in app.library.version("letter").brand.values()


def test_what_keeps_html_html_stays(with_plugin: Callable[..., Messaging], live_shop: Shop) -> None:
    body = (
        "environment.autoescape = False; environment.filters.clear(); environment.tests.clear(); "
        "environment.is_safe_attribute = lambda *a: True; environment.undefined = str"
    )
    app = with_plugin(hook("prepare_environment", "environment", body))
    live_shop.write_template(
        "letter",
        'class = "marketing"\ntopic = "news"\nsubject = "{{ customer.id|upper }}"\nchannels = ["email"]\n',
        '<p>{% if customer.id is defined %}{{ "<b>" }}{% endif %} {{ brand.address }} '
        '<a href="{{ brand.contact_url }}">contact</a> <a href="{{ unsubscribe_url }}">out</a></p>',
    )
    assert app.send_campaign("spring") is None
    message = live_shop.pigeon.handed[0]
    assert message.parts["subject"].startswith("C00")
    assert "&lt;b&gt;" in message.parts["html"]


def test_what_a_check_looks_at_is_loaded_in_the_callers_transaction(
    with_plugin: Callable[..., Messaging], live_shop: Shop
) -> None:
    """Another thread would wait for that transaction, which waits for the check."""
    source = "seen = []\n" + hook(
        "check_messages", "messages, facts", "seen.append((dict(facts.recent), dict(facts.pending))); return []"
    )
    app = with_plugin(source)
    live_shop.campaign("summer")
    rows = app.store.outbox.page(campaign="summer")
    people = app.store.customers.get({row.customer_id for row in rows})
    with app.store.transaction():
        assert app.planner.check(rows, people, {}, now=live_shop.clock.now()) == rows
    module: Any = next(plugin.module for plugin in app.plugins.found if plugin.name == "bad")
    assert set(module.seen[-1][1]) == set(people)


ADAPTER = """
from messaging import Adapter, Callback, Capabilities, Receipt, hookimpl

class Owl(Adapter):
    name = "owl"
    channel = "email"
    capabilities = Capabilities(lookup=True, callbacks=True)
    leaves_the_machine = False

    def deliver(self, messages):
        for message in messages:
            yield {receipt}

    def lookup(self, message_id):
        {body}

    def callback(self, request):
        {body}

    def close(self):
        {body}

    def measure(self, message):
        {body}

    @classmethod
    def read_mail(cls, mail, now):
        {body}

@hookimpl
def register_adapters():
    return [Owl]
"""
OWL = '[channels.owl]\nadapter = "owl"\n[sending]\ntimeout = "1 second"\n'
REQUEST = Request(url="https://shop.example/callbacks/owl", received_at=datetime(2026, 3, 2, tzinfo=UTC))


def owl(body: str = "return None", receipt: str = "Receipt.accepted(message.id)") -> str:
    return ADAPTER.format(body=body, receipt=receipt)


ENDINGS = {"hang()": "hangs: it has not come back for 1 seconds", "raise KeyboardInterrupt": "raised KeyboardInterrupt"}


@pytest.mark.parametrize("body", ENDINGS)
def test_an_adapter_that_fails_when_it_is_asked(
    with_plugin: Callable[..., Messaging],
    live_shop: Shop,
    caplog: pytest.LogCaptureFixture,
    body: str,
) -> None:
    app = with_plugin(owl(body), OWL)
    with pytest.raises(PluginError, match=rf"plugin bad \(from .*\): adapter owl: callback {ENDINGS[body]}"):
        app.callbacks.take("owl", REQUEST)
    live_shop.campaign("summer", adapter="owl")
    (row, *_) = app.store.outbox.page(campaign="summer")
    sender = app.make_sender(threading.Event())
    lost = sender._settling.lost([Handed.read(row)], "the line went dead", app.adapters.get("owl"), now=row.due_at)
    assert lost == [MessageState.UNKNOWN]
    assert f"adapter owl: lookup {ENDINGS[body]}" in caplog.text
    app.campaigning.create("autumn", template="letter", segment="all", channel="email", adapter="owl")
    assert app.campaigning.plan("autumn").planned == 20
    assert f"adapter owl: measure {ENDINGS[body]}" in caplog.text
    with pytest.raises(PluginError, match=f"read_mail {ENDINGS[body]}"):
        app.adapters.mail_readers()["owl"](b"", row.due_at)
    app.adapters.close()
    assert f"adapter owl: close {ENDINGS[body]}" in caplog.text


@pytest.mark.parametrize("body", ENDINGS)
def test_an_adapter_that_cannot_be_made(with_plugin: Callable[..., Messaging], live_shop: Shop, body: str) -> None:
    source = owl().replace("def lookup", f"def __init__(self, settings, context):\n        {body}\n\n    def lookup")
    app = with_plugin(source, OWL)
    with pytest.raises(PluginError, match=f"adapter owl: __init__ {ENDINGS[body]}"):
        app.adapters.get("owl")
    assert app.send_campaign("spring") is None  # by another


def test_an_adapter_that_forgets_to_call_its_base_is_told_so(with_plugin: Callable[..., Messaging]) -> None:
    source = owl().replace("def lookup", "def __init__(self, settings, context): pass\n\n    def lookup")
    with pytest.raises(PluginError, match=r"call super\(\)\.__init__\(settings, context\)"):
        with_plugin(source, OWL).adapters.get("owl")


@pytest.mark.parametrize(
    ("receipt", "problem"),
    [
        ("Receipt(message_id=message.id, verdict='perhaps')", "verdict is 'perhaps'"),
        ("Receipt(message_id=message.id, verdict=None)", "verdict is None"),
        ("Receipt.accepted(message.id, 17)", "provider_id is 17"),
        ("Receipt.refused(message.id, KeyError('x'))", "reason is KeyError('x')"),
        ("Receipt.refused(message.id, 'no', suppress=['bounced'])", "suppress is ['bounced']"),
        ("Receipt.try_again(message.id, 'busy', 30)", "after is 30"),
        ("Receipt.accepted([message.id])", "not asked for or a second one"),
        ("Receipt.accepted(message.id, delivered='yes')", "delivered is 'yes'"),
        ("Receipt.accepted('someone else')", "not asked for or a second one"),
        ("None", "deliver gave NoneType, not a Receipt"),
        ("{'message_id': message.id, 'verdict': 'accepted'}", "deliver gave dict, not a Receipt"),
    ],
)
def test_a_receipt_that_is_none_counts_as_none(
    with_plugin: Callable[..., Messaging], live_shop: Shop, receipt: str, problem: str
) -> None:
    app = with_plugin(owl(receipt=receipt), OWL)
    live_shop.campaign("summer", adapter="owl")
    fault = app.send_campaign("summer")
    assert problem in str(fault)
    assert "plugin bad" in str(fault)
    assert list(app.rests.resting()) == ["owl"]
    states = [row.state for row in app.store.outbox.page(campaign="summer")]
    assert (states.count(MessageState.UNKNOWN), states.count(MessageState.PLANNED)) == (16, 4)
    assert app.send_campaign("spring") is None


def test_an_adapter_whose_receipts_have_no_end(with_plugin: Callable[..., Messaging], live_shop: Shop) -> None:
    endless = owl().replace(
        "for message in messages:", "while True:\n          for message in messages:\n           if 1:"
    )
    app = with_plugin(endless, OWL)
    live_shop.campaign("summer", adapter="owl")
    fault = app.send_campaign("summer")
    assert "adapter owl: deliver: it yields receipts without end" in str(fault)
    assert "plugin bad" in str(fault)
    states = [row.state for row in app.store.outbox.page(campaign="summer")]
    assert (states.count(MessageState.SENT), states.count(MessageState.PLANNED)) == (16, 4), "each is taken once"
    assert app.send_campaign("spring") is None


def test_an_adapter_that_hangs_again_and_again_is_out(
    with_plugin: Callable[..., Messaging], live_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time leaves a thread behind, and a group of messages unknown."""
    monkeypatch.setattr(messaging.services.sending, "GROUP", 2)
    app = with_plugin(owl(receipt="hang()"), OWL)
    live_shop.campaign("summer", adapter="owl")
    before = set(threading.enumerate())
    for number in range(1, 5):
        fault = app.send_campaign("summer")
        assert "adapter owl: deliver hangs: " in str(fault)
        assert live_shop.counts("summer") == {"unknown": 2 * number, "planned": 20 - 2 * number}
    for _ in range(2):
        with pytest.raises(PluginError) as raised:
            app.send_campaign("summer")
        assert "plugin bad (from" in str(raised.value)
        assert "adapter owl: 4 of its deliveries hang: it gets no more in this process until one of them" in str(
            raised.value
        )
    left = set(threading.enumerate()) - before
    assert sum(thread.name == "deliver-owl" for thread in left) == 4
    assert live_shop.counts("summer") == {"unknown": 8, "planned": 12}
    assert app.send_campaign("spring") is None


def test_an_adapter_that_comes_back_late_each_time_is_not_out(
    with_plugin: Callable[..., Messaging], live_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messaging.services.sending, "GROUP", 2)
    app = with_plugin(owl(receipt="hang()"), OWL)
    live_shop.campaign("summer", adapter="owl")
    for number in range(1, 7):
        app.rests.forget("owl")
        app.send_campaign("summer")
        assert live_shop.counts("summer") == {"unknown": 2 * number, "planned": 20 - 2 * number}
        STATE.gate.set()
        for thread in threading.enumerate():
            if thread.name == "deliver-owl":
                thread.join(30)
        STATE.gate = threading.Event()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return 'sent'", "lookup: it answered str, not a Receipt"),
        ("return Receipt.accepted('another')", "lookup: it answered a receipt that was not asked for"),
        ("return Receipt(message_id=message_id, verdict='sent')", "lookup: it answered a receipt whose verdict is"),
    ],
)
def test_a_lookup_that_lies_settles_nothing(
    with_plugin: Callable[..., Messaging],
    live_shop: Shop,
    caplog: pytest.LogCaptureFixture,
    body: str,
    problem: str,
) -> None:
    app = with_plugin(owl(body), OWL)
    live_shop.campaign("summer", adapter="owl")
    (row, *_) = app.store.outbox.page(campaign="summer")
    settling = app.make_sender(threading.Event())._settling
    assert settling.lost([Handed.read(row)], "the line went dead", app.adapters.get("owl"), now=row.due_at) == [
        MessageState.UNKNOWN
    ]
    assert f"adapter owl: {problem}" in caplog.text
    assert "plugin bad" in caplog.text


def test_text_that_no_store_can_keep_costs_no_receipt(with_plugin: Callable[..., Messaging], live_shop: Shop) -> None:
    app = with_plugin(owl(receipt="Receipt.accepted(message.id, 'a\\0b\\ud800' + 'x' * 5000)"), OWL)
    live_shop.campaign("summer", adapter="owl")
    assert app.send_campaign("summer") is None
    (row, *_) = app.store.outbox.page(campaign="summer")
    assert str(row.provider_id).startswith("a\N{REPLACEMENT CHARACTER}b?xxx")
    assert row.state is MessageState.SENT


def test_a_price_that_is_none_keeps_nobody_from_planning(
    with_plugin: Callable[..., Messaging], live_shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    body = "from messaging import Measure; return Measure(units='two', price=0.1, currency=7)"
    app = with_plugin(owl(body), OWL)
    app.campaigning.create("autumn", template="letter", segment="all", channel="email", adapter="owl")
    assert app.campaigning.plan("autumn").planned == 20
    assert "adapter owl: measure: it answered a Measure whose units is 'two'" in caplog.text


def test_an_adapter_that_promises_what_is_no_number(with_plugin: Callable[..., Messaging], live_shop: Shop) -> None:
    body = "super().__init__(*given); self.capabilities = Capabilities(batch_size='many')"
    source = owl().replace("def lookup", f"def __init__(self, *given):\n        {body}\n\n    def lookup")
    app = with_plugin(source, OWL)
    live_shop.campaign("summer", adapter="owl")
    with pytest.raises(PluginError, match="adapter owl: __init__: it has capabilities whose batch_size is 'many'"):
        app.send_campaign("summer")
    assert live_shop.counts("summer") == {"planned": 20}
    assert app.send_campaign("spring") is None


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return None", "it answered NoneType, not a Callback"),
        ("return [7]", "it answered list, not a Callback"),
        ("return Callback(engagements=[{'kind': 'bounced'}])", "it made dict, not an Engagement"),
        ("return Callback(engagements=iter(dict, None))", "it answers without end, or with more than 100,000"),
        ("return Callback(answer=b'ok')", "it answered a Callback whose answer is b'ok'"),
        ("return Callback(media_type='text/plain\\r\\nX: y')", "it answered a Callback whose media_type is"),
    ],
)
def test_a_callback_that_is_none_records_nothing(
    with_plugin: Callable[..., Messaging], live_shop: Shop, body: str, problem: str
) -> None:
    # A hundred thousand of anything take a while on a busy machine.
    app = with_plugin(owl(body), OWL.replace("1 second", "1 minute"), patience="1 minute")
    with pytest.raises(PluginError) as raised:
        app.callbacks.take("owl", REQUEST)
    assert f"adapter owl: callback: {problem}" in str(raised.value)
    assert "plugin bad" in str(raised.value)


SOURCE = """
from messaging import EventSource, hookimpl

class Shop(EventSource):
    name = "tea"

    def verify(self, request):
        {verify}

    def events(self, request):
        {events}

@hookimpl
def register_event_sources():
    return [Shop]
"""


@pytest.mark.parametrize(
    ("verify", "events", "problem"),
    [
        ("hang()", "return []", "verify hangs: it has not come back"),
        ("pass", "hang()", "events hangs: it has not come back"),
        ("pass", "yield hang()", "events hangs: it has not come back"),
        ("raise KeyboardInterrupt", "return []", "verify raised KeyboardInterrupt"),
        ("pass", "raise GeneratorExit", "events raised GeneratorExit"),
        ("return False", "return []", "verify: it answered False: verify raises messaging.RequestRejected"),
        ("return hang", "return []", "verify: it answered <function hang"),
        ("return (i for i in ())", "return []", "verify: verify yields, so nothing of it has run"),
        ("pass", "return 7", "events raised TypeError: 'int' object is not iterable"),
        ("pass", "return [None]", "events: it made NoneType, no event"),
        ("pass", "while True: yield {}", "events: it answers without end"),
    ],
)
def test_a_source_that_fails(
    with_plugin: Callable[..., Messaging],
    live_shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    verify: str,
    events: str,
    problem: str,
) -> None:
    monkeypatch.setattr(messaging.services.sources, "SECONDS", 0.5 if "hangs" in problem else 60)
    app = with_plugin(SOURCE.format(verify=verify, events=events), "[sources.tea.main]\n")
    with pytest.raises(PluginError) as raised:
        app.sources.take("tea", "main", REQUEST)
    assert f"event source tea: main: {problem}" in str(raised.value)
    assert "plugin bad" in str(raised.value)
    assert app.send_campaign("spring") is None


def test_a_receipt_is_still_a_receipt(with_plugin: Callable[..., Messaging], live_shop: Shop) -> None:
    app = with_plugin(owl(), OWL)
    live_shop.campaign("summer", adapter="owl")
    assert app.send_campaign("summer") is None
    assert {row.state for row in app.store.outbox.page(campaign="summer")} == {MessageState.SENT}


@pytest.mark.parametrize("method", ["verify", "events"])
def test_a_source_that_is_async_is_left_out(
    with_plugin: Callable[..., Messaging], live_shop: Shop, method: str
) -> None:
    """Its `verify` would let everybody in."""
    source = SOURCE.format(verify="pass", events="return []").replace(f"def {method}", f"async def {method}")
    app = with_plugin(source, "[sources.tea.main]\n")
    fault = next(plugin.fault for plugin in app.plugins.found if plugin.name == "bad")
    assert f"Shop.{method} is async: write it as a plain function" in str(fault)
    with pytest.raises(NotFound):
        app.sources.take("tea", "main", REQUEST)
    assert app.send_campaign("spring") is None


def test_an_adapter_that_is_async_is_left_out(with_plugin: Callable[..., Messaging]) -> None:
    app = with_plugin(owl().replace("def deliver", "async def deliver"), OWL)
    assert "Owl.deliver is async" in str(next(plugin.fault for plugin in app.plugins.found if plugin.name == "bad"))
    assert app.send_campaign("spring") is None
