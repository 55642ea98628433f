"""Plugins: loaded one by one, called through typed methods, named when they fail, given up on when they hang.

Bundled plugins come in by the same door as everyone's. A plugin that cannot be loaded, or whose `register_*` hook
fails, is left out and listed with its fault; it never takes the command line or another plugin down. Whatever is not
ours runs in a thread that is waited for so long and no longer; a hook that hangs is not called again before it has
come back.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import click
import pluggy
from pydantic import BaseModel

from messaging import hookspecs
from messaging.answers import Wrong, hooks, nothing
from messaging.errors import MessagingError, PluginError, PluginHangs, SettingsError
from messaging.ids import is_name
from messaging.loading import GROUP, OURS, Plugin, Untouched, found
from messaging.nouns.adapter import Adapter
from messaging.nouns.decision import Decision, MessageFacts
from messaging.nouns.engagement import Engagement
from messaging.nouns.message import Message
from messaging.nouns.source import EventSource
from messaging.patience import Hung, Key, by, hangs, told, wait_for, watch

if TYPE_CHECKING:
    from jinja2 import Environment

log = logging.getLogger("messaging.plugins")

T = TypeVar("T")

#: Seconds that a plugin may take to be loaded, or to answer a hook.
TIMEOUT = 10.0

#: How the fault of one begins that could not be.
LOADED = "could not be loaded"


class Plugins:
    """All plugins of a workspace."""

    def __init__(
        self,
        *,
        folder: Path | None = None,
        off: Sequence[str] = (),
        none: bool = False,
        only: str | None = None,
        tables: Collection[str] = (),
        timeout: float = TIMEOUT,
        quiet: bool = False,
    ) -> None:
        """Load them: entry points first, then the modules in `folder`.

        Those named in `off` are not loaded; with `none`, none is; with `only`, what has that name. `tables`: those that
        the settings have a table for. `timeout`: seconds that each may take to be loaded, and to answer a hook.
        `quiet`: whoever asks tells of faults.
        """
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self._tables = set(tables)
        self._timeout = timeout
        self._quiet = quiet
        self._untouched: Untouched | None = None
        self.found: list[Plugin] = []
        self._owners: dict[str, Plugin] = {}
        self._known: dict[str, list[tuple[str, Callable[..., Any]]]] = {}  # implementations by hook
        #: Told to whoever misses one.
        self._unloaded = f"; off: {'all, by --no-plugins' if none else ', '.join(off)}" if none or off else ""
        if none:
            return
        for plugin, load in found(folder):
            if plugin.name not in off and only in (None, plugin.name):
                self.found.append(plugin)
                self._or_left_out(plugin, partial(self._load, plugin, load))
        for plugin in self.found:
            if plugin.fault is None:
                self._or_left_out(plugin, partial(self._collect, plugin))

    def _load(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        if not is_name(plugin.name):
            raise self._wrong(plugin, "its name must be lower-case letters, digits, - and _")
        twin = self._owners.get(plugin.name)
        if twin is not None:
            raise self._wrong(
                plugin, f"another plugin has this name, from {twin.distribution}", "rename or uninstall one of them"
            )
        if plugin.distribution != OURS:
            self._untouched = self._untouched or Untouched()
        changed: list[str] = []
        with redirect_stdout(sys.stderr):  # the other is for the command's own words
            try:
                plugin.module = self._call(plugin, LOADED, load)
            finally:
                if self._untouched is not None:
                    changed = self._untouched.restore()
        if changed:
            raise self._wrong(plugin, f"loading it changes {changed[0]}, which is not its own", _off(plugin))
        self._call(plugin, LOADED, partial(self._register, plugin))
        self._owners[plugin.name] = plugin
        self._known.clear()

    def _register(self, plugin: Plugin) -> None:
        """Tell pluggy of it, if all its hooks are hooks."""
        self._manager.register(plugin.module, plugin.name)
        callers = {caller.name: caller for caller in self._manager.get_hookcallers(plugin.module) or []}
        plugin.hooks = tuple(sorted(callers))
        for name, caller in callers.items():
            (mine,) = (each for each in caller.get_hookimpls() if each.plugin_name == plugin.name)
            if not hasattr(hookspecs, name):
                raise Wrong(f"there is no hook {name!r}")
            if mine.wrapper or mine.hookwrapper:
                raise Wrong(f"{name} is a wrapper: hooks are called one by one here, and wrap nothing")
            hooks.hook(name, mine.function)

    def _collect(self, plugin: Plugin) -> None:
        """The classes that a plugin registers; one that is wrong disables it."""
        adapters: dict[str, type[Adapter]] = self._answer(plugin, "register_adapters", hooks.adapters) or {}
        sources: dict[str, type[EventSource]] = self._answer(plugin, "register_event_sources", hooks.sources) or {}
        for name in adapters:
            self._first(plugin, "adapter", name, lambda other: other.adapters)
        for name in sources:
            self._first(plugin, "event source", name, lambda other: other.sources)
        plugin.settings = self._answer(plugin, "register_settings", hooks.model)
        plugin.adapters, plugin.sources = adapters, sources

    def _first(self, plugin: Plugin, kind: str, name: str, of: Callable[[Plugin], Mapping[str, object]]) -> None:
        for other in self.found:
            if other is not plugin and name in of(other):
                owner = f"plugin {other.name} ({other.distribution})"
                raise self._wrong(plugin, f"the {kind} {name!r} is already there, from {owner}")

    # Calling them, one by one and not through pluggy's caller, so that a fault has a name and stays with its plugin.

    def _implementations(self, hook: str) -> Iterator[tuple[Plugin, Callable[..., Any]]]:
        """Each working plugin's implementation of `hook`, in the order pluggy would call them."""
        if hook not in self._known:
            found = reversed(getattr(self._manager.hook, hook).get_hookimpls())
            self._known[hook] = [(one.plugin_name, _by_name(one)) for one in found]
        for name, call in self._known[hook]:
            plugin = self._owners.get(name)
            if plugin is not None and plugin.fault is None:
                yield plugin, call

    def _answer(self, plugin: Plugin, hook: str, look: Callable[[Any], T]) -> T | None:
        """What one plugin answers to `hook`, as `look` makes of it; None if it has no such hook."""
        for owner, ask in self._implementations(hook):
            if owner is plugin:
                return self._call(plugin, hook, partial(_looked_at, look, ask))
        return None

    def _answers(self, hook: str, look: Callable[[Any], T], **given: Any) -> Iterator[tuple[Plugin, T]]:
        """What all answer to `hook`; one that fails is left out from now on."""
        for plugin, ask in list(self._implementations(hook)):
            try:
                yield plugin, self._call(plugin, hook, partial(_looked_at, look, ask, **given))
            except PluginError as error:
                self._leave_out(plugin, error)

    def _call(self, plugin: Plugin, what: str, function: Callable[[], T]) -> T:
        """What `function`, which is the plugin's, returns.

        Raises:
            PluginError: it failed, or hangs.
        """
        failed = what if what == LOADED else f"{what} failed"
        try:
            if plugin.distribution == OURS:
                return function()  # it is others' code that is waited for
            return wait_for(_key(plugin, what), function, self._timeout)
        except Wrong as error:
            raise self._wrong(plugin, str(error), _off(plugin)) from error.__cause__
        except Hung as error:
            raise self._hangs(plugin, what, error) from None
        except Exception as error:  # whatever a plugin raises
            raise self._wrong(plugin, f"{failed}: {told(error)}", _off(plugin)) from error

    def _or_left_out(self, plugin: Plugin, step: Callable[[], None]) -> None:
        try:
            step()
        except PluginError as error:
            self._leave_out(plugin, error)

    def _leave_out(self, plugin: Plugin, fault: PluginError) -> None:
        plugin.fault = fault
        if not self._quiet:
            log.warning("%s", fault)

    def _hangs(self, plugin: Plugin, what: str, error: Hung) -> PluginHangs:
        hint = f'{_off(plugin)}; if it is only slow, give it more: [plugins] timeout = "1 minute"'
        problem = f"{what}: {error}" if what == LOADED else f"{what} hangs: {error}"
        return PluginHangs(problem, plugin=plugin.name, distribution=plugin.distribution, hint=hint)

    def _wrong(self, plugin: Plugin, problem: str, hint: str | None = None) -> PluginError:
        return PluginError(problem, plugin=plugin.name, distribution=plugin.distribution, hint=hint)

    # What the core asks of plugins.

    def adapters(self) -> dict[str, type[Adapter]]:
        """All adapters by name."""
        return {name: adapter for plugin in self.found if not plugin.fault for name, adapter in plugin.adapters.items()}

    def adapter(self, name: str) -> type[Adapter]:
        """The adapter of that name.

        Raises:
            SettingsError: there is none; says which there are, and which plugin could not be loaded.
        """
        adapters = self.adapters()
        if name in adapters:
            return adapters[name]
        faults = "; ".join(str(plugin.fault) for plugin in self.found if plugin.fault)
        problem = f"there is no adapter {name!r}" + (f" ({faults})" if faults else "")
        raise SettingsError(problem, hint=f"installed: {', '.join(sorted(adapters)) or 'none'}{self._unloaded}")

    def sources(self) -> dict[str, type[EventSource]]:
        """All event sources by name."""
        return {name: source for plugin in self.found if not plugin.fault for name, source in plugin.sources.items()}

    def settings(self, read: Callable[[str, type[BaseModel]], BaseModel]) -> dict[str, BaseModel]:
        """Their own settings by plugin, as `read` makes them of name and model; one whose model fails is left out.

        Raises:
            SettingsError: as `read` raises it.
        """
        found: dict[str, BaseModel] = {}
        for plugin in self.found:
            if plugin.fault is None and plugin.settings is not None:
                make = partial(read, plugin.name, plugin.settings)
                try:
                    found[plugin.name] = self._call(plugin, "register_settings", make)
                except PluginError as error:
                    if isinstance(error.__cause__, SettingsError):
                        raise error.__cause__ from None
                    self._leave_out(plugin, error)
        return found

    def blame(self, adapter: str, problem: str) -> PluginError:
        """The error for what an adapter did wrong: names its plugin and where that came from."""
        owner = self._owner(adapter, lambda plugin: plugin.adapters)
        kind = owner.adapters.get(adapter)
        hint = f"mend it, or choose another adapter: [channels.{kind.channel}] adapter" if kind else None
        return self._wrong(owner, f"adapter {adapter}: {problem}", hint)

    def blame_source(self, source: str, problem: str) -> PluginError:
        """The same for what an event source did wrong."""
        owner = self._owner(source, lambda plugin: plugin.sources)
        return self._wrong(owner, f"event source {source}: {problem}", "mend it; what was posted is posted again")

    def call_adapter(self, name: str, method: str, function: Callable[[], T], seconds: float) -> T:
        """What `function` returns, which is that method of the adapter `name`.

        Raises:
            PluginError: it failed, or hangs.
            MessagingError: as it raised it.
        """
        owner = self._owner(name, lambda plugin: plugin.adapters)
        return self._called(owner, partial(self.blame, name), method, function, seconds)

    def call_source(self, name: str, method: str, function: Callable[[], T], seconds: float) -> T:
        """The same for an event source."""
        owner = self._owner(name, lambda plugin: plugin.sources)
        return self._called(owner, partial(self.blame_source, name), method, function, seconds)

    def _called(
        self, owner: Plugin, blame: Callable[[str], PluginError], method: str, function: Callable[[], T], seconds: float
    ) -> T:
        try:
            return wait_for(_key(owner, blame(method).problem), function, seconds)
        except MessagingError:
            raise
        except Wrong as error:
            raise blame(f"{method}: {error}") from None
        except Hung as error:
            raise blame(f"{method} hangs: {error}") from None
        except Exception as error:  # whatever a plugin raises
            raise blame(f"{method} raised {told(error)}") from error

    def _owner(self, name: str, of: Callable[[Plugin], Mapping[str, object]]) -> Plugin:
        """Whose it is."""
        nobody = Plugin(name=name, distribution="")
        return next((plugin for plugin in self.found if name in of(plugin)), nobody)

    def filters(self) -> dict[str, Callable[..., Any]]:
        """All template filters; of two with one name, the first plugin's."""
        filters: dict[str, Callable[..., Any]] = {}
        for plugin, theirs in self._answers("register_filters", hooks.filters):
            filters = {**{name: by(_key(plugin, f"filter {name}"), each) for name, each in theirs.items()}, **filters}
        return filters

    def context_names(self) -> list[str]:
        """What plugins add to the context, as paths."""
        return [path for _, paths in self._answers("register_context_names", hooks.paths) for path in paths]

    def register_commands(self, group: click.Group) -> None:
        """Let plugins add commands that are not there yet."""
        for plugin, register in list(self._implementations("register_commands")):
            added = click.Group()
            look = partial(hooks.commands, added)
            try:
                theirs = self._call(plugin, "register_commands", partial(_looked_at, look, register, group=added))
            except PluginError as error:
                self._leave_out(plugin, error)
            else:
                group.commands = {**theirs, **group.commands}

    def prepare_environment(self, environment: Environment) -> None:
        """Let plugins add to a Jinja2 environment."""
        tables: dict[str, MutableMapping[str, Any]] = {
            "filter": environment.filters,
            "test": environment.tests,
            "function": environment.globals,
        }
        before = {kind: dict(table) for kind, table in tables.items()}

        look = partial(hooks.added, tables, before)
        for plugin, theirs in self._answers("prepare_environment", look, environment=environment):
            for kind, added in theirs.items():
                before[kind] |= {
                    name: by(_key(plugin, f"{kind} {name}"), value) if callable(value) else value
                    for name, value in added.items()
                }
        for kind, table in tables.items():
            table.clear()
            table.update(before[kind])  # and nothing of one that failed on the way

    def prepare_context(self, context: MutableMapping[str, Any], message: Message) -> None:
        """Let plugins add to what a template sees.

        Raises:
            PluginError: one of them failed.
            Hung: see `by`.
        """
        for plugin, prepare in self._implementations("prepare_context"):
            try:
                nothing(
                    "prepare_context", by(_key(plugin, "prepare_context"), prepare)(context=context, message=message)
                )
            except Hung:
                raise
            except Wrong as error:
                raise self._wrong(plugin, str(error), _off(plugin)) from None
            except Exception as error:  # whatever a plugin raises
                raise self._wrong(plugin, f"prepare_context failed: {told(error)}", _off(plugin)) from error

    def take_part(self) -> bool:
        """Whether any of them has a part in rendering."""
        return any(map(self.hears, ("register_filters", "prepare_environment", "prepare_context")))

    def watch(self, render: Callable[[], T]) -> T:
        """What `render` returns or raises, in which plugins take part, each time for as long as a hook may take.

        Raises:
            PluginHangs: one hangs in it; `render` is left where it is.
        """
        try:
            return watch(render, self._timeout) if self.take_part() else render()
        except Hung as error:
            raise self.hung(error) from None

    def hung(self, error: Hung) -> PluginHangs:
        """The fault of a plugin that hangs in a rendering."""
        what = error.whose[-1]
        plugin = next(plugin for plugin in self.found if _key(plugin, what) == error.whose)
        return self._hangs(plugin, what, error)

    def check_messages(
        self, messages: Sequence[Message], facts: MessageFacts, settings: Callable[[str], Any]
    ) -> list[Decision]:
        """What all plugins say about a batch. A plugin's own settings come with its facts.

        Raises:
            PluginError: a check failed, or cannot be asked: the batch must be held.
        """
        if self._missed:
            raise self._missed[0]
        asked, ids = tuple(messages), {message.id for message in messages}
        customers, addresses = MappingProxyType(facts.customers), MappingProxyType(facts.addresses)
        decisions: list[Decision] = []
        for plugin, check in self._implementations("check_messages"):
            theirs = replace(facts, customers=customers, addresses=addresses, settings=settings(plugin.name))
            ask = partial(check, messages=asked, facts=theirs)
            decisions += self._call(
                plugin, "check_messages", partial(_looked_at, partial(hooks.decisions, ids=ids), ask)
            )
        return decisions

    def has_checks(self) -> bool:
        """Whether any plugin checks messages: if not, the facts need not be loaded."""
        return self.hears("check_messages") or bool(self._missed)

    @property
    def _missed(self) -> list[PluginError]:
        """Checks that cannot be asked, since their plugin is left out: what they would deny, nobody knows."""
        return [
            self._wrong(plugin, f"messages wait for its check: {plugin.fault.problem}", plugin.fault.hint)
            for plugin in self.found
            if plugin.fault and ("check_messages" in plugin.hooks or plugin.name in self._tables - self._owners.keys())
        ]

    def hears(self, hook: str) -> bool:
        """Whether any plugin that works has this hook: if not, what it would be told need not be put together."""
        return any(True for _ in self._implementations(hook))

    def messages_sent(self, messages: Sequence[Message]) -> None:
        """Tell plugins."""
        self._notify("messages_sent", messages=tuple(messages))

    def engagements_recorded(self, engagements: Sequence[Engagement]) -> None:
        """Tell plugins."""
        self._notify("engagements_recorded", engagements=tuple(engagements))

    def _notify(self, hook: str, **arguments: Any) -> None:
        for plugin, tell in self._implementations(hook):
            if hangs(_key(plugin, hook)):
                continue  # which was told when it began
            try:
                self._call(plugin, hook, partial(_looked_at, partial(nothing, hook), tell, **arguments))
            except PluginError as error:
                log.error("%s", error)


def _key(plugin: Plugin, what: str) -> Key:
    return (plugin.name, plugin.distribution, what)


def _off(plugin: Plugin) -> str:
    return f'mend or uninstall it, or switch it off: [plugins] off = ["{plugin.name}"]'


def _by_name(implementation: pluggy.HookImpl) -> Callable[..., Any]:
    """Call an implementation with those of the hook's arguments that it takes."""
    return lambda **given: implementation.function(**{name: given[name] for name in implementation.argnames})


def _looked_at(look: Callable[[Any], T], ask: Callable[..., Any], **given: Any) -> T:
    return look(ask(**given))
