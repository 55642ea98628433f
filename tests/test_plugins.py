"""Plugins come in by one door; a faulty one is named, left out, and harms nobody else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

import messaging.loading
import messaging_rules
from messaging import Message, MessageClass, MessageFacts, PluginError, SettingsError
from messaging.nouns.message import Lane
from messaging.plugins import Plugins

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)

ADAPTER = """
from messaging import Adapter, Receipt, hookimpl

class Pigeon(Adapter):
    name = "{name}"
    channel = "roof"
    def deliver(self, messages):
        for message in messages:
            yield Receipt.accepted(message.id)

@hookimpl
def register_adapters():
    return [Pigeon]
"""

MESSAGE = Message(
    id="m1",
    origin="campaign:x",
    customer_id="c1",
    channel="email",
    address="a@example.com",
    template="t",
    version="v",
    message_class=MessageClass.MARKETING,
    topic="news",
    lane=Lane.CAMPAIGN,
    due_at=NOW,
    created_at=NOW,
)
FACTS = MessageFacts(now=NOW, customers={})


def no_settings(name: str) -> dict[str, Any]:
    return {}


def as_it_is(name: str, model: type[BaseModel]) -> BaseModel:
    return model()


@pytest.fixture
def drop_in(tmp_path: Path) -> Callable[..., Plugins]:
    """Plugins of a folder with these modules."""

    def make(off: Sequence[str] = (), timeout: float = 10, tables: Sequence[str] = (), **modules: str) -> Plugins:
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(source, "utf-8")
        return Plugins(folder=tmp_path, off=off, timeout=timeout, tables=tables)

    return make


def test_the_bundled_adapters_come_in_by_entry_point() -> None:
    plugins = Plugins()
    assert {"mailbox", "smtp", "sendgrid"} <= set(plugins.adapters())
    assert not any(plugin.fault for plugin in plugins.found)


def test_an_adapters_fault_names_its_plugin_and_distribution() -> None:
    text = str(Plugins().blame("smtp", "deliver raised ValueError: odd"))
    assert text.startswith("plugin email (from customer-messaging): adapter smtp: deliver raised ValueError: odd (")
    assert "choose another adapter: [channels.email] adapter" in text


def test_none_are_loaded_when_told() -> None:
    plugins = Plugins(none=True)
    assert plugins.found == []
    with pytest.raises(SettingsError, match=r"installed: none; off: all, by --no-plugins"):
        plugins.adapter("smtp")


def test_a_module_in_the_workspace_is_a_plugin(drop_in: Callable[..., Plugins]) -> None:
    plugins = drop_in(pigeon=ADAPTER.format(name="pigeon"))
    assert plugins.adapter("pigeon").channel == "roof"


def test_one_is_switched_off_by_name(drop_in: Callable[..., Plugins]) -> None:
    plugins = drop_in(off=["pigeon"], pigeon=ADAPTER.format(name="pigeon"))
    with pytest.raises(
        SettingsError, match=r"there is no adapter 'pigeon' \(installed: mailbox, .*smtp.*; off: pigeon\)"
    ):
        plugins.adapter("pigeon")


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import not_installed", "could not be loaded: ModuleNotFoundError"),
        ("import sys; sys.exit(3)", "could not be loaded: SystemExit: 3"),
        ("def broken(:", "could not be loaded: SyntaxError"),
        (
            "from messaging import hookimpl\n@hookimpl\ndef register_adaptors(): return []",
            "there is no hook 'register_adaptors'",
        ),
        (
            "from messaging import hookimpl\n@hookimpl\ndef register_adapters(adapters): return []",
            "could not be loaded: PluginValidationError",
        ),
        (
            "from messaging import hookimpl\n@hookimpl\ndef register_adapters(): 1/0",
            "register_adapters failed",
        ),
        (
            "from messaging import hookimpl\n@hookimpl\ndef register_adapters(): return [object]",
            "no subclass",
        ),
        (ADAPTER.format(name="No Name"), "Pigeon.name must be"),
        (ADAPTER.format(name="p").replace("deliver", "delivr"), "Pigeon is not finished: it has no method deliver"),
        (ADAPTER.format(name="p").replace("def deliver", "deliver = None\n    def send"), "it has no method deliver"),
        (
            ADAPTER.format(name="p")
            .replace("import Adapter,", "import Adapter, Capabilities,")
            .replace('    channel = "roof"', '    channel = "roof"\n    capabilities = Capabilities(callbacks=True)'),
            "Pigeon declares callbacks and has no method callback",
        ),
        (ADAPTER.format(name="smtp"), "the adapter 'smtp' is already there, from plugin email"),
    ],
)
def test_a_broken_one_is_named_and_left_out(drop_in: Callable[..., Plugins], source: str, problem: str) -> None:
    plugins = drop_in(broken=source, pigeon=ADAPTER.format(name="pigeon"))
    broken = next(plugin for plugin in plugins.found if plugin.name == "broken")
    assert broken.fault is not None
    assert problem in str(broken.fault)
    assert "broken" in str(broken.fault)
    assert {"pigeon", "smtp"} <= set(plugins.adapters())
    with pytest.raises(SettingsError, match="plugin broken"):
        plugins.adapter("missing")


def test_two_distributions_with_one_name_are_both_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(group: str) -> Iterator[EntryPoint]:
        yield EntryPoint("email", "messaging_email", group)
        yield EntryPoint("email", "rival_email", group)

    monkeypatch.setattr(messaging.loading, "entry_points", twice)
    first, second = Plugins().found
    assert first.fault is None
    assert "another plugin has this name, from messaging_email" in str(second.fault)
    assert "rival_email" in str(second.fault)


CHECK = """
from messaging import Deny, NotBefore, hookimpl
from datetime import timedelta

@hookimpl
def check_messages(messages, facts):
    {body}
"""


SETTINGS = """
from messaging import hookimpl
from pydantic import BaseModel, ConfigDict

class Table(BaseModel):
    model_config = ConfigDict(extra="forbid")
    limit: int = 3

@hookimpl
def register_settings():
    return {what}
"""


def test_a_plugin_tells_of_its_settings(drop_in: Callable[..., Plugins]) -> None:
    made = drop_in(strict=SETTINGS.format(what="Table")).settings(as_it_is)
    assert made["strict"].model_dump() == {"limit": 3}


@pytest.mark.parametrize(
    ("what", "problem"), [("1/0", "register_settings failed"), ("{}", "register_settings returned {}, which is no")]
)
def test_settings_that_are_none_leave_it_out(drop_in: Callable[..., Plugins], what: str, problem: str) -> None:
    plugins = drop_in(strict=SETTINGS.format(what=what))
    assert "strict" not in plugins.settings(as_it_is)
    assert problem in str(next(plugin.fault for plugin in plugins.found if plugin.name == "strict"))


def test_checks_are_all_asked_and_get_their_own_settings(drop_in: Callable[..., Plugins]) -> None:
    plugins = drop_in(
        off=["rules"],
        first=CHECK.format(body="return [Deny(message_id=m.id, reason=facts.settings['why']) for m in messages]"),
        second=CHECK.format(
            body="return [NotBefore(message_id=m.id, time=facts.now + timedelta(hours=1), reason='night') for m in messages]"
        ),
    )
    assert plugins.has_checks()
    decisions = plugins.check_messages([MESSAGE], FACTS, lambda name: {"why": f"said {name}"})
    assert sorted(decision.reason for decision in decisions) == ["night", "said first"]


def test_ours_are_called_here_and_others_where_they_can_be_given_up_on(
    drop_in: Callable[..., Plugins], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hand-over to another thread costs more than what most checks do."""
    where = []
    monkeypatch.setattr(messaging_rules, "check", lambda *given: where.append(threading.current_thread()) or [])
    whose = "return [Deny(message_id=messages[0].id, reason=__import__('threading').current_thread().name)]"
    plugins = drop_in(others=CHECK.format(body=whose))
    (decision,) = plugins.check_messages([MESSAGE], FACTS, no_settings)
    assert where == [threading.current_thread()]
    assert decision.reason == "plugin-call"


@pytest.mark.parametrize("body", ["1/0", "return ['yes']", "return [Deny(message_id='someone else', reason='')]"])
def test_a_check_that_fails_says_whose_it_is(drop_in: Callable[..., Plugins], body: str) -> None:
    plugins = drop_in(strict=CHECK.format(body=body))
    with pytest.raises(PluginError, match="plugin strict") as raised:
        plugins.check_messages([MESSAGE], FACTS, no_settings)
    assert "check_messages" in str(raised.value)


def test_a_check_may_answer_nothing(drop_in: Callable[..., Plugins]) -> None:
    assert drop_in(quiet=CHECK.format(body="return None")).check_messages([MESSAGE], FACTS, no_settings) == []


def test_a_notice_that_fails_is_logged_and_the_others_are_told(
    drop_in: Callable[..., Plugins], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    notice = "from messaging import hookimpl\n@hookimpl\ndef messages_sent(messages):\n    {body}\n"
    told = tmp_path / "told"
    plugins = drop_in(
        a_fails=notice.format(body="1/0"),
        b_tells=notice.format(body=f"__import__('pathlib').Path({str(told)!r}).write_text(messages[0].id)"),
        c_fails=notice.format(body="raise SystemExit"),
    )
    assert plugins.hears("messages_sent")
    assert not plugins.hears("prepare_context")
    plugins.messages_sent([MESSAGE])
    assert told.read_text("utf-8") == "m1"
    assert "plugin a_fails" in caplog.text
    assert "plugin c_fails" in caplog.text


def test_a_plugin_adds_commands_but_replaces_none(drop_in: Callable[..., Plugins]) -> None:
    plugins = drop_in(
        extra=(
            "import click\nfrom messaging import hookimpl\n@hookimpl\ndef register_commands(group):\n"
            "    group.add_command(click.Command('hello'))\n    group.add_command(click.Command('send'))\n"
        )
    )
    ours = click.Command("send")
    group = click.Group(commands={"send": ours})
    plugins.register_commands(group)
    assert group.commands["send"] is ours
    assert "hello" in group.commands


def test_names_for_the_context(drop_in: Callable[..., Plugins]) -> None:
    head = "from messaging import hookimpl\n@hookimpl\ndef register_context_names():\n    return "
    plugins = drop_in(
        adds=head + "['weather', 'customer.mood']\n", wrong=head + "['not a path']\n", broken=head + "1/0\n"
    )
    assert sorted(plugins.context_names()) == ["customer.mood", "weather"]
    faults = {plugin.name: str(plugin.fault) for plugin in plugins.found if plugin.fault}
    assert "which is no path like" in faults["wrong"]
    assert "ZeroDivisionError" in faults["broken"]


def test_prepare_context_failing_names_the_plugin(drop_in: Callable[..., Plugins]) -> None:
    plugins = drop_in(
        adds="from messaging import hookimpl\n@hookimpl\ndef prepare_context(context):\n    context['x'] = context['missing']\n"
    )
    with pytest.raises(PluginError, match="plugin adds .* prepare_context failed: KeyError"):
        plugins.prepare_context({}, MESSAGE)


def test_filters_of_all_plugins_are_there(drop_in: Callable[..., Plugins]) -> None:
    plugins = drop_in(
        shout="from messaging import hookimpl\n@hookimpl\ndef register_filters():\n    return {'shout': str.upper}\n",
        broken="from messaging import hookimpl\n@hookimpl\ndef register_filters():\n    1/0\n",
    )
    assert plugins.filters()["shout"]("hello") == "HELLO"
