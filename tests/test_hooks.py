"""Every hook is called, in a whole shop, with all its arguments; a new one must be tried here too."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click
import pytest

from messaging import Engagement, EngagementKind, hookspecs

if TYPE_CHECKING:
    from tests.conftest import Shop

HOOKS = {
    name: tuple(inspect.signature(hook).parameters)
    for name, hook in vars(hookspecs).items()
    if hasattr(hook, "messaging_spec")
}
ANSWERS = {
    "register_adapters": "[]",
    "register_event_sources": "[]",
    "register_settings": "Table",
    "register_filters": "{}",
    "register_context_names": "['weather']",
    "check_messages": "[]",
}


@pytest.fixture
def told(live_shop: Shop) -> dict[str, list[Any]]:
    """What each hook of a plugin is told, once the shop has opened, sent a campaign and heard of it."""
    lines = ["from pydantic import BaseModel", "from messaging import hookimpl", "told = {}", "class Table(BaseModel):"]
    lines.append("    limit: int = 3")
    for name, arguments in HOOKS.items():
        lines += ["@hookimpl", f"def {name}({', '.join(arguments)}):"]
        lines += [f"    told.setdefault({name!r}, []).append([{', '.join(arguments)}])"]
        lines += [f"    return {ANSWERS.get(name)}"]
    (live_shop.workspace.plugins / "curious.py").write_text("\n".join(lines), "utf-8")
    live_shop.app = live_shop.open()
    live_shop.add_customers(1)
    live_shop.app.plugins.register_commands(click.Group())
    live_shop.app.campaigning.create("spring", template="letter", segment="all", channel="email")
    assert live_shop.app.send_campaign("spring") is None
    (sent,) = live_shop.app.store.outbox.page(campaign="spring")
    live_shop.app.recorder.record(
        [
            Engagement(
                id="e1",
                kind=EngagementKind.DELIVERED,
                at=live_shop.clock.now(),
                source="pigeon",
                message_id=sent.id,
            )
        ]
    )
    module = next(plugin.module for plugin in live_shop.app.plugins.found if plugin.name == "curious")
    found: dict[str, list[Any]] = module.told
    return found


def test_every_hook_is_called(told: dict[str, list[Any]]) -> None:
    assert set(told) == set(HOOKS)


def test_what_they_are_told(told: dict[str, list[Any]]) -> None:
    messages, facts = told["check_messages"][0]
    assert [message.customer_id for message in messages] == ["c0000"]
    assert facts.customers["c0000"].email == "c0000@example.com"
    assert (facts.settings.limit, facts.timezone) == (3, "UTC")
    assert told["messages_sent"][0][0][0].id == messages[0].id
    assert told["engagements_recorded"][-1][0][0].id == "e1"
    context, message = told["prepare_context"][0]
    assert (context["customer"]["id"], message.id) == ("c0000", messages[0].id)
    assert "upper" in told["prepare_environment"][0][0].filters


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_when_it_is_called_and_what_an_error_does(name: str) -> None:
    text = inspect.getdoc(getattr(hookspecs, name)) or ""
    assert "alled " in text or "told once" in text, "when"
    is_notice = not name.startswith(("register_", "prepare_", "check_"))
    assert is_notice or any(word in text for word in ("exception", "raises")), "an exception"
