"""Plugins that hang, lie, end the program or reach into ours: named, left out, and nobody else's trouble."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import jinja2
import pytest
from pydantic import BaseModel

import messaging.loading
from messaging import MessageFacts, PluginError, SettingsError
from messaging.plugins import Plugins
from messaging.rendering.environment import Sandbox
from messaging.services.sending import Sender
from messaging.testing.builders import NOW, make_customer, make_planned

MESSAGE = make_planned()
FACTS = MessageFacts(now=NOW, customers={"c1": make_customer()})
GOOD = "from messaging import hookimpl\ntold = []\n@hookimpl\ndef messages_sent(messages):\n    told.append(messages)\n"
ADAPTER = """
from messaging import Adapter, Capabilities, hookimpl

class Pigeon(Adapter):
    name = "pigeon"
    channel = "roof"
    def deliver(self, messages):
        yield from ()

@hookimpl
def register_adapters():
    return [Pigeon]
"""

Load = Callable[..., Plugins]


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What a plugin that hangs waits for: `from tests.test_faulty_plugins import hang`."""
    STATE.gate, STATE.calls = threading.Event(), 0
    yield STATE.gate
    STATE.gate.set()


STATE = SimpleNamespace(gate=threading.Event(), calls=0)


def hang() -> None:
    STATE.calls += 1
    STATE.gate.wait(60)


@pytest.fixture
def load(tmp_path: Path, gate: threading.Event) -> Load:
    """Plugins of a folder with these modules; all others are loaded already."""
    Plugins()

    def make(timeout: float = 1.0, tables: Sequence[str] = (), **modules: str) -> Plugins:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source, "utf-8")
        return Plugins(folder=tmp_path, timeout=timeout, tables=tables)

    return make


def hook(name: str, arguments: str = "", body: str = "hang()") -> str:
    head = "from messaging import Deny, NotBefore, hookimpl\nfrom tests.test_faulty_plugins import hang\n"
    return f"{head}@hookimpl\ndef {name}({arguments}):\n    {body}\n"


def check(body: str) -> str:
    return hook("check_messages", "messages, facts", body)


def fault_of(plugins: Plugins, name: str = "bad") -> str:
    return str(next(plugin.fault for plugin in plugins.found if plugin.name == name))


def ask(plugins: Plugins, facts: MessageFacts = FACTS) -> list[Any]:
    return plugins.check_messages([MESSAGE], facts, lambda name: {})


def as_it_is(name: str, model: type[BaseModel]) -> BaseModel:
    return model()


# Hanging

USES: dict[str, Callable[[Plugins], object]] = {
    "register_adapters": lambda plugins: None,
    "register_event_sources": lambda plugins: None,
    "register_settings": lambda plugins: None,
    "register_filters": Plugins.filters,
    "register_context_names": Plugins.context_names,
    "register_commands": lambda plugins: plugins.register_commands(click.Group()),
    "prepare_environment": lambda plugins: Sandbox(html=False, prepare=plugins.prepare_environment),
}
ARGUMENTS = {"register_commands": "group", "prepare_environment": "environment"}


def test_one_that_hangs_when_it_is_imported(load: Load, tmp_path: Path) -> None:
    plugins = load(bad="from tests.test_faulty_plugins import hang\nhang()\n", good=ADAPTER)
    text = fault_of(plugins)
    assert f"plugin bad (from {tmp_path / 'bad.py'}): could not be loaded: it has not come back for 1 seconds" in text
    assert 'switch it off: [plugins] off = ["bad"]' in text
    assert "[plugins] timeout" in text
    assert {"pigeon", "smtp"} <= plugins.adapters().keys()
    assert "an earlier call of it has not come back" in fault_of(load())  # nobody waits twice for it
    assert STATE.calls == 1


def test_it_is_loaded_once_it_comes_back(load: Load, gate: threading.Event) -> None:
    load(bad="from tests.test_faulty_plugins import hang\nhang()\n" + ADAPTER)
    gate.set()
    for _ in range(500):
        if "pigeon" in (plugins := load()).adapters():
            return
        threading.Event().wait(0.01)
    pytest.fail(fault_of(plugins))


@pytest.mark.parametrize("name", USES)
def test_one_that_hangs_when_it_registers(load: Load, name: str) -> None:
    plugins = load(bad=hook(name, ARGUMENTS.get(name, "")), good=ADAPTER)
    USES[name](plugins)
    text = fault_of(plugins)
    assert f"{name} hangs: it has not come back for 1 seconds" in text
    assert '[plugins] off = ["bad"]' in text
    assert "pigeon" in plugins.adapters()


def test_a_model_of_settings_that_hangs(load: Load) -> None:
    model = (
        "from pydantic import BaseModel, model_validator\nclass Table(BaseModel):\n"
        "    @model_validator(mode='after')\n    def wait(self):\n        hang()\n"
    )
    plugins = load(bad=hook("register_settings", body="return Table") + model)
    assert "bad" not in plugins.settings(as_it_is)
    assert "register_settings hangs" in fault_of(plugins)


@pytest.mark.parametrize("error", ["KeyError('limit')", "SystemExit(2)", "KeyboardInterrupt()"])
def test_a_model_of_settings_that_breaks(load: Load, error: str) -> None:
    model = (
        "from pydantic import BaseModel, model_validator\nclass Table(BaseModel):\n"
        f"    @model_validator(mode='after')\n    def wait(self):\n        raise {error}\n"
    )
    plugins = load(bad=hook("register_settings", body="return Table") + model)
    assert "bad" not in plugins.settings(as_it_is)
    assert f"register_settings failed: {error.partition('(')[0]}" in fault_of(plugins)


def test_a_check_that_hangs_holds_and_is_asked_again_when_it_has_come_back(load: Load, gate: threading.Event) -> None:
    plugins = load(bad=check("hang(); return []"))
    with pytest.raises(PluginError, match=r"plugin bad \(from .*bad\.py\): check_messages hangs: it has not come back"):
        ask(plugins)
    with pytest.raises(PluginError, match="hangs: an earlier call of it has not come back") as again:
        ask(plugins)
    assert "switch it off" in str(again.value)
    assert STATE.calls == 1
    gate.set()
    for _ in range(500):
        try:
            assert ask(plugins) == []
        except PluginError:
            threading.Event().wait(0.01)
            continue
        return
    pytest.fail("it is still held")


def test_a_notice_that_hangs_is_left_alone_and_the_others_are_told(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = load(bad=hook("messages_sent", "messages"), good=GOOD)
    for _ in range(3):
        plugins.messages_sent([MESSAGE])
    assert STATE.calls == 1
    assert caplog.text.count("plugin bad") == 1
    assert "messages_sent hangs" in caplog.text
    good = next(plugin.module for plugin in plugins.found if plugin.name == "good")
    assert len(good.told) == 3  # type: ignore[union-attr] # it is there


# Ending the program

ENDINGS = [
    "SystemExit(3)",
    "KeyboardInterrupt()",
    "GeneratorExit()",
    "BaseException('panic')",
    "ExceptionGroup('', [OSError()])",
]


@pytest.mark.parametrize("error", ENDINGS)
def test_what_would_end_the_program_is_the_plugins_fault(
    load: Load, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    name = error.partition("(")[0]
    plugins = load(
        imported=f"raise {error}",
        registers=hook("register_adapters", body=f"raise {error}"),
        lazily=hook("register_event_sources", body=f"yield\n    raise {error}"),
        tells=hook("messages_sent", "messages", f"raise {error}"),
        good=ADAPTER,
    )
    assert f"could not be loaded: {name}" in fault_of(plugins, "imported")
    assert f"register_adapters failed: {name}" in fault_of(plugins, "registers")
    assert f"register_event_sources failed: {name}" in fault_of(plugins, "lazily")
    assert "pigeon" in plugins.adapters()
    plugins.messages_sent([MESSAGE])
    assert f"messages_sent failed: {name}" in caplog.text
    with pytest.raises(PluginError, match=f"check_messages failed: {name}"):
        ask(load(checks=check(f"raise {error}")))


def test_an_error_is_told_on_one_line_whatever_it_says(load: Load) -> None:
    plugins = load(
        bad="raise ValueError('one\\ntwo' + 'x' * 100_000)",
        odd="class Odd(Exception):\n    def __str__(self):\n        1/0\nraise Odd\n",
    )
    assert "could not be loaded: ValueError: one twoxxx" in fault_of(plugins)
    assert "\n" not in fault_of(plugins)
    assert len(fault_of(plugins)) < 1000
    assert "could not be loaded: Odd" in fault_of(plugins, "odd")


# Lying


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (hook("register_adapters", body="return None"), "register_adapters failed: TypeError"),
        (hook("register_adapters", body="return 7"), "register_adapters failed: TypeError"),
        (hook("register_adapters", body="return [None]"), "returned None, which is no subclass of messaging.Adapter"),
        (
            hook("register_adapters", body="while True: yield int"),
            "register_adapters answers without end, or with more than 1,000",
        ),
        (
            ADAPTER.replace("[Pigeon]", "[Pigeon, type('Other', (Pigeon,), {})]"),
            "register_adapters returned two classes with the name 'pigeon'",
        ),
        (
            ADAPTER.replace('channel = "roof"', 'channel = "roof"\n    capabilities = None'),
            "Pigeon.capabilities is None, no messaging.Capabilities",
        ),
        (
            ADAPTER.replace('channel = "roof"', 'channel = "roof"\n    Settings = dict'),
            "Pigeon.Settings is no subclass of messaging.AdapterSettings",
        ),
        (
            ADAPTER.replace("@hookimpl", "@hookimpl(hookwrapper=True)").replace("return [Pigeon]", "yield"),
            "register_adapters is a wrapper: hooks are called one by one here",
        ),
        (
            "from messaging import hookimpl\n@hookimpl(wrapper=True)\ndef check_messages():\n    return (yield)\n",
            "check_messages is a wrapper",
        ),
    ],
)
def test_what_is_answered_is_looked_at(load: Load, source: str, problem: str) -> None:
    plugins = load(bad=source)
    assert problem in fault_of(plugins)
    assert "smtp" in plugins.adapters()


@pytest.mark.parametrize("answer", ["[1]", "{1: str}", "{'a b': str}", "{'shout': 'str'}", "None"])
def test_filters_that_are_none(load: Load, answer: str) -> None:
    plugins = load(
        bad=hook("register_filters", body=f"return {answer}"),
        good=hook("register_filters", body="return {'shout': str.upper}"),
    )
    assert {name: filter("a") for name, filter in plugins.filters().items()} == {"shout": "A"}
    assert "register_filters" in fault_of(plugins)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return [Deny(message_id=messages[0].id, reason=None)]", "its reason is no text"),
        ("return [NotBefore(message_id=messages[0].id, time='noon', reason='x')]", "its time is none"),
        (
            "return [NotBefore(message_id=messages[0].id, time=facts.now.replace(tzinfo=None), reason='x')]",
            "its time is none, or has no zone",
        ),
        (
            "from datetime import datetime, timezone, timedelta\n    far = datetime.max.replace(tzinfo=timezone(-timedelta(hours=9)))"
            "\n    return [NotBefore(message_id=messages[0].id, time=far, reason='x')]",
            "its time is out of all bounds",
        ),
        ("while True: yield Deny(message_id=messages[0].id, reason='x')", "answers without end"),
        ("return [Deny(message_id=['x'], reason='x')]", "unhashable"),
        ("return 7", "TypeError"),
        ("return ['x' * 1_000_000]", "check_messages answered 'xxx"),
    ],
)
def test_what_a_check_says_is_looked_at(load: Load, body: str, problem: str) -> None:
    with pytest.raises(PluginError) as raised:
        ask(load(bad=check(body)))
    assert problem in str(raised.value)
    assert "plugin bad" in str(raised.value)
    assert len(str(raised.value)) < 1000


def test_a_time_is_told_in_utc(load: Load) -> None:
    body = (
        "from datetime import datetime, timezone, timedelta\n"
        "    noon = datetime(2026, 3, 2, 12, tzinfo=timezone(timedelta(hours=2)))\n"
        "    return [NotBefore(message_id=messages[0].id, time=noon, reason='x')]"
    )
    (decision,) = ask(load(good=check(body)))
    assert decision.time == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert decision.time.tzinfo is UTC


@pytest.mark.parametrize("change", ["messages.clear()", "facts.customers.clear()", "facts.addresses.clear()"])
def test_a_check_cannot_change_what_others_are_told(load: Load, change: str) -> None:
    with pytest.raises(PluginError, match="plugin bad .* AttributeError"):
        ask(load(bad=check(change)))
    assert FACTS.customers


def test_a_check_that_cannot_be_asked_holds(load: Load) -> None:
    """What it would deny nobody knows: it is not as if there were none."""
    plugins = load(bad=check("return []") + "@hookimpl\ndef register_settings():\n    1/0\n")
    assert plugins.has_checks()
    with pytest.raises(
        PluginError, match="plugin bad .* messages wait for its check: register_settings failed"
    ) as raised:
        ask(plugins)
    assert "switch it off" in str(raised.value)


def test_one_that_is_told_how_to_check_and_cannot_be_loaded_holds(load: Load) -> None:
    with pytest.raises(PluginError, match="messages wait for its check: could not be loaded"):
        ask(load(bad="1/0", tables=["bad"]))
    assert ask(load(bad="1/0")) == []
    assert ask(load(bad="1/0", tables=["other", "smtp"])) == []


# Taking the place of others


def distributed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **modules: str) -> None:
    """Have these modules installed, each by a distribution `rival`, as an entry point of its name."""
    real = messaging.loading.entry_points

    def more(group: str) -> list[EntryPoint]:
        rival = SimpleNamespace(name="rival", version="1")
        found = [EntryPoint(name.partition("__")[0], f"rival_{name}", group) for name in modules]
        for point in found:
            vars(point).update(dist=rival)
        return [*found, *real(group=group)]

    monkeypatch.setattr(messaging.loading, "entry_points", more)
    monkeypatch.syspath_prepend(tmp_path)
    for name, source in modules.items():
        (tmp_path / f"rival_{name}.py").write_text(source, "utf-8")


def test_nobody_takes_a_bundled_adapters_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """However early in the alphabet."""
    distributed(monkeypatch, tmp_path, aaa=ADAPTER.replace("pigeon", "smtp"), email=ADAPTER)
    plugins = Plugins()
    assert plugins.adapter("smtp").__module__ == "messaging_email.smtp"
    faults = [str(plugin.fault) for plugin in plugins.found if plugin.fault]
    assert len(faults) == 2
    assert "plugin aaa (from rival): the adapter 'smtp' is already there, from plugin email (customer-mess" in faults[0]
    assert "plugin email (from rival): another plugin has this name, from customer-messaging" in faults[1]


def test_what_is_replaced_of_ours_is_put_back(load: Load) -> None:
    folder = os.getcwd()
    method, function = Sender.close, messaging.loading.plugin_names
    plugins = load(
        bad="from messaging.services.sending import Sender\nSender.close = lambda self: None\n",
        worse="import messaging.loading\nmessaging.loading.plugin_names = list\n",
        worst="import messaging.loading\nmessaging.loading.plugin_names = list\n1/0\n",
        still="from tests.test_faulty_plugins import hang\nimport os\nos.chdir('/')\nhang()\n",
    )
    assert (Sender.close, messaging.loading.plugin_names) == (method, function)
    assert os.getcwd() == folder
    assert "loading it changes messaging.services.sending.Sender.close, which is not its own" in fault_of(plugins)
    assert "loading it changes messaging.loading.plugin_names" in fault_of(plugins, "worse")


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import os; os.chdir('/')", "the current folder"),
        ("import sys; sys.setrecursionlimit(5000)", "the limit of recursion"),
        ("import socket; socket.setdefaulttimeout(3)", "the default timeout of sockets"),
        ("import logging; logging.disable()", "what is logged"),
    ],
)
def test_what_belongs_to_the_process_is_put_back(load: Load, source: str, what: str) -> None:
    before = {name: read() for name, (read, _) in messaging.loading._PROCESS.items()}
    assert f"loading it changes {what}, which is not its own" in fault_of(load(bad=source))
    assert {name: read() for name, (read, _) in messaging.loading._PROCESS.items()} == before


def test_what_is_printed_while_it_is_loaded_is_no_output(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    assert "pigeon" in load(good="print('here I am')\n" + ADAPTER).adapters()
    assert capsys.readouterr() == ("", "here I am\n")


def test_commands_are_added_and_nothing_else(load: Load) -> None:
    body = "group.commands.clear(); group.add_command(__import__('click').Command('hello')); group.params.clear()"
    plugins = load(good=hook("register_commands", "group", body))
    group = click.Group(commands={"send": click.Command("send")}, params=[click.Option(["--verbose"])])
    plugins.register_commands(group)
    assert (set(group.commands), len(group.params)) == ({"send", "hello"}, 1)


def test_what_was_refused_of_adapters_is_told_with_the_rest(load: Load) -> None:
    with pytest.raises(SettingsError, match="plugin bad"):
        load(bad="1/0").adapter("missing")


ASYNC = [
    ("register_adapters", "", "return []"),
    ("check_messages", "messages", "return []"),
    ("prepare_context", "context", "pass"),
    ("messages_sent", "messages", "pass"),
]


@pytest.mark.parametrize(("name", "arguments", "body"), ASYNC)
def test_a_hook_that_is_async_is_told_so(load: Load, name: str, arguments: str, body: str) -> None:
    """It would do nothing, and nobody would know."""
    source = hook(name, arguments, body).replace("def ", "async def ")
    assert f"{name} is async: write it as a plain function" in fault_of(load(bad=source))


def test_a_check_that_is_async_holds(load: Load) -> None:
    with pytest.raises(PluginError, match="messages wait for its check: check_messages is async"):
        ask(load(bad=check("return []").replace("def ", "async def ")))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("register_settings", ""),
        ("register_filters", ""),
        ("register_commands", "group"),
        ("prepare_environment", "environment"),
        ("prepare_context", "context"),
        ("messages_sent", "messages"),
        ("engagements_recorded", "engagements"),
    ],
)
def test_a_hook_that_yields_where_nothing_is_listed(load: Load, name: str, arguments: str) -> None:
    assert f"{name} yields, so nothing of it would run" in fault_of(load(bad=hook(name, arguments, "yield 1")))


HIDDEN = {"async def inner(): pass": "is async", "def inner(): yield": "yields"}


@pytest.mark.parametrize("inner", HIDDEN)
def test_one_that_only_hands_on_what_would_have_to_run(
    load: Load, caplog: pytest.LogCaptureFixture, inner: str
) -> None:
    body = f"return inner()\n{inner}"
    load(bad=hook("messages_sent", "messages", body)).messages_sent([MESSAGE])
    assert "plugin bad (from" in caplog.text
    assert f"messages_sent {HIDDEN[inner]}, so nothing of it has run" in caplog.text
    with pytest.raises(PluginError, match=f"prepare_context {HIDDEN[inner]}, so nothing of it has run"):
        load(bad=hook("prepare_context", "context", body)).prepare_context({}, MESSAGE)


@pytest.mark.parametrize("body", ["group.commands['x'] = 42", "group.commands = 42", "group.commands[7] = group"])
def test_commands_that_are_none(load: Load, body: str) -> None:
    plugins = load(bad=hook("register_commands", "group", body))
    group = click.Group(commands={"send": click.Command("send")})
    plugins.register_commands(group)
    assert set(group.commands) == {"send"}
    assert "register_commands" in fault_of(plugins)


@pytest.mark.parametrize(
    "body",
    [
        "environment.filters['odd'] = 42",
        "environment.tests[7] = len",
        "environment.filters['odd'] = len; 1/0",
        "async def odd(value): pass\n    environment.filters['odd'] = odd",
    ],
)
def test_what_is_added_to_the_environment_and_is_none(load: Load, body: str) -> None:
    """Nothing of it stays, and another's does."""
    plugins = load(
        bad=hook("prepare_environment", "environment", body),
        good=hook("prepare_environment", "environment", "environment.filters['shout'] = str.upper"),
    )
    environment = jinja2.Environment(autoescape=True)
    before = set(environment.filters)
    plugins.prepare_environment(environment)
    assert set(environment.filters) == before | {"shout"}
    assert 7 not in environment.tests
    assert "plugin bad" in fault_of(plugins)


def test_a_filter_that_is_async(load: Load) -> None:
    source = "async def odd(value): pass\n" + hook("register_filters", body="return {'odd': odd}")
    plugins = load(bad=source)
    assert plugins.filters() == {}
    assert "filter odd is async" in fault_of(plugins)
