"""The plugin contract, on one page.

The family of a hook's name tells its rule:

- `register_*`  is asked once when the workspace opens; what all plugins return is collected.
- `prepare_*`   may add to its argument; the recipient and the message's class are not in it.
- `check_*`     may deny or delay; every reason is kept, the latest time wins.
- past tense    is a notice: what it returns is ignored, what it raises is logged.

Implement a hook by a function of the same name, marked with `@messaging.hookimpl`, that takes any of the arguments
by name. Signatures only ever grow.

A plugin has `[plugins] timeout` (10 seconds, if it is left out) to be loaded, and as long again for each hook. One that
takes longer hangs: it is named, nobody waits for it any more, and the hook is not called again before it has come back.
What it raises is its own fault, `sys.exit` too, and so is an answer that is not what was asked for: it counts as none.
Hooks are plain functions: one that is `async`, or yields where no list is asked for, would never run and is refused.
Nothing is sent unchecked: messages wait for a check that fails, hangs,
or belongs to a plugin that is left out, until it is mended or switched off (`[plugins] off`). What hangs while a
message is rendered costs nobody that message: it stays planned.

Plugins are code that runs among ours. What ends the process (`os._exit`, a crash) or never lets others run (a regular
expression that explodes) takes all with it; `messaging --no-plugins …` goes without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click
    from jinja2 import Environment
    from pydantic import BaseModel

    from messaging.nouns.adapter import Adapter
    from messaging.nouns.decision import Decision, MessageFacts
    from messaging.nouns.engagement import Engagement
    from messaging.nouns.message import Message
    from messaging.nouns.source import EventSource

hookspec = pluggy.HookspecMarker("messaging")
hookimpl = pluggy.HookimplMarker("messaging")


@hookspec
def register_adapters() -> Sequence[type[Adapter]]:
    """Return adapter classes. Called once when the workspace opens.

    Two adapters of one name are refused with both owners named. An exception leaves the plugin out.
    """


@hookspec
def register_event_sources() -> Sequence[type[EventSource]]:
    """Return event-source classes: kinds of shop whose webhooks become events. Called once when the workspace opens.

    Two sources of one name are refused with both owners named. An exception leaves the plugin out.
    """


@hookspec
def register_settings() -> type[BaseModel]:
    """Return the model (pydantic) of the plugin's own settings, `[plugins.NAME]`. Called once when the workspace opens.

    What it makes of the table comes with the facts of `check_messages`; a table that it refuses is told as an error in
    the settings. An exception leaves the plugin out.
    """


@hookspec
def register_commands(group: click.Group) -> None:
    """Add commands to `group`, which is empty. Called before a command is looked up.

    A command that exists is not replaced. An exception leaves the plugin out of this run.
    """


@hookspec
def register_filters() -> Mapping[str, Callable[..., Any]]:
    """Return template filters by name. Called once when the workspace opens.

    A filter gets and returns plain values. One that raises fails the message it was rendering, by name.
    """


@hookspec
def register_context_names() -> Sequence[str]:
    """Return the names that `prepare_context` adds, as paths (`weather`, `customer.tier`). Called once when the
    workspace opens.

    `templates check` then takes them as known and there. An exception leaves the plugin out.
    """


@hookspec
def prepare_environment(environment: Environment) -> None:
    """Add tests or globals (plain values and functions) to the sandboxed Jinja2 environment.

    Called once for each environment that is made; all else in it stays as it is. An exception leaves the plugin out.
    """


@hookspec
def prepare_context(context: MutableMapping[str, Any], message: Message) -> None:
    """Add plain values to what a template sees. Called for each message before it is rendered.

    `message` is for reading; in the context `message`, `now`, `unsubscribe_url` and `preferences_url` stay what they
    are. An exception fails this message's rendering, by the plugin's name.
    """


@hookspec
def check_messages(messages: Sequence[Message], facts: MessageFacts) -> Sequence[Decision]:
    """Return `Deny` or `NotBefore` for those of `messages` that must not go, or not now. Called when messages are
    planned and again before they are handed over.

    Consent, suppression and unsubscribe have already passed. An exception, or an answer that is none, holds the whole
    batch back: the messages are planned, wait, and are asked about again.
    """


@hookspec
def messages_sent(messages: Sequence[Message]) -> None:
    """`messages` were taken by their adapter. A notice; called after it is recorded."""


@hookspec
def engagements_recorded(engagements: Sequence[Engagement]) -> None:
    """`engagements` came back and are recorded. A notice; each is told once."""
