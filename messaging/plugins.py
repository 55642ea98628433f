"""Plugins: found by entry point, loaded one by one, called through typed methods, named when they fail.

Bundled plugins come in by the same door as everyone's: the entry-point group `messaging`. A module in a workspace's
`plugins/` folder is loaded the same way under its own name. A plugin that cannot be loaded, or whose `register_*`
hook raises, is left out and listed with its fault; it never takes the command line or another plugin down.
"""

from __future__ import annotations

import importlib.util
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy
from pydantic import BaseModel

from messaging import hookspecs
from messaging.errors import PLUGIN_FAULTS, PluginError, SettingsError
from messaging.ids import is_name
from messaging.nouns.adapter import Adapter
from messaging.nouns.decision import Decision, Deny, MessageFacts, NotBefore
from messaging.nouns.engagement import Engagement
from messaging.nouns.message import Message
from messaging.nouns.source import EventSource

if TYPE_CHECKING:
    import click
    from jinja2 import Environment

log = logging.getLogger("messaging.plugins")

GROUP = "messaging"


@dataclass(slots=True, kw_only=True)
class Plugin:
    """One plugin that was found, whether or not it works."""

    name: str
    #: The distribution it came from, or the file for a drop-in.
    distribution: str
    version: str = ""
    module: ModuleType | None = None
    hooks: tuple[str, ...] = ()
    #: Why it is left out, if it is.
    fault: PluginError | None = None
    #: By name.
    adapters: dict[str, type[Adapter]] = field(default_factory=dict)
    sources: dict[str, type[EventSource]] = field(default_factory=dict)
    #: Of its `[plugins.NAME]` table, if it told.
    settings: type[BaseModel] | None = None


class Plugins:
    """All plugins of a workspace."""

    def __init__(
        self, *, folder: Path | None = None, off: Sequence[str] = (), none: bool = False, only: str | None = None
    ) -> None:
        """Load them: entry points first, then the modules in `folder`.

        Those named in `off` are not loaded; with `none`, none is; with `only`, what has that name.
        """
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(hookspecs)
        self.found: list[Plugin] = []
        self._owners: dict[str, Plugin] = {}
        if none:
            return
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            if point.name not in off and only in (None, point.name):
                self._load(_described(point), point.load)
        for path in _drop_ins(folder):
            if path.stem not in off and only in (None, path.stem):
                self._load(Plugin(name=path.stem, distribution=str(path)), partial(_import_file, path))
        for plugin in self.found:
            if plugin.fault is None:
                self._collect(plugin)

    def _load(self, plugin: Plugin, load: Callable[[], Any]) -> None:
        self.found.append(plugin)
        try:
            if not is_name(plugin.name):
                raise PluginError("its name must be lower-case letters, digits, - and _", plugin=plugin.name)
            twin = self._owners.get(plugin.name)
            if twin is not None:
                raise PluginError(
                    f"another plugin has this name, from {twin.distribution}",
                    plugin=plugin.name,
                    distribution=plugin.distribution,
                    hint="rename or uninstall one of them",
                )
            plugin.module = load()
            self._manager.register(plugin.module, plugin.name)
            callers = self._manager.get_hookcallers(plugin.module) or []
            plugin.hooks = tuple(sorted(caller.name for caller in callers))
            unknown = [hook for hook in plugin.hooks if not hasattr(hookspecs, hook)]
            if unknown:
                self._manager.unregister(plugin.module)
                raise PluginError(f"there is no hook {unknown[0]!r}", plugin=plugin.name)
            self._owners[plugin.name] = plugin
        except PluginError as error:
            self._disable(plugin, error)
        except PLUGIN_FAULTS as error:
            self._disable(plugin, self._fault(plugin, "could not be loaded", error))

    def _disable(self, plugin: Plugin, fault: PluginError) -> None:
        plugin.fault = fault
        log.warning("%s", fault)

    def _fault(self, plugin: Plugin, what: str, error: BaseException) -> PluginError:
        fault = PluginError(
            f"{what}: {type(error).__name__}: {error}",
            plugin=plugin.name,
            distribution=plugin.distribution,
            hint=f'mend or uninstall it, or switch it off: [plugins] off = ["{plugin.name}"]',
        )
        fault.__cause__ = error
        return fault

    def _implementations(self, hook: str) -> Iterator[tuple[Plugin, Callable[..., Any]]]:
        """Each working plugin's implementation of `hook`, in the order pluggy would call them.

        Called one by one, not through the hook caller, so that a fault has a name and stays with its plugin.
        """
        caller = getattr(self._manager.hook, hook)
        for implementation in reversed(caller.get_hookimpls()):
            plugin = self._owners[implementation.plugin_name]
            if plugin.fault is None:
                yield plugin, _by_name(implementation)

    def _collect(self, plugin: Plugin) -> None:
        """The classes that a plugin registers; one that is wrong disables it."""
        try:
            adapters: dict[str, type[Adapter]] = self._registered(plugin, "register_adapters", Adapter)
            sources: dict[str, type[EventSource]] = self._registered(plugin, "register_event_sources", EventSource)
            for name, adapter in adapters.items():
                channel = getattr(adapter, "channel", None)
                if not isinstance(channel, str) or not is_name(channel):
                    raise self._wrong(plugin, f"{adapter.__name__}.channel must be a word like email, sms, webhook")
                if adapter.capabilities.callbacks and adapter.callback is Adapter.callback:
                    raise self._wrong(plugin, f"{adapter.__name__} declares callbacks and has no method callback")
                self._first(plugin, "adapter", name, lambda other: other.adapters)
            for name in sources:
                self._first(plugin, "event source", name, lambda other: other.sources)
            plugin.settings = self._settings_model(plugin)
            plugin.adapters, plugin.sources = adapters, sources
        except PluginError as error:
            self._disable(plugin, error)

    def _settings_model(self, plugin: Plugin) -> type[BaseModel] | None:
        for owner, register in self._implementations("register_settings"):
            if owner is plugin:
                try:
                    model = register()
                except PLUGIN_FAULTS as error:
                    raise self._fault(plugin, "register_settings failed", error) from error
                if not (isinstance(model, type) and issubclass(model, BaseModel)):
                    raise self._wrong(plugin, f"register_settings returned {model!r}, which is no pydantic model")
                return model
        return None

    def _registered(self, plugin: Plugin, hook: str, base: type) -> dict[str, Any]:
        """What `plugin` answers to `hook`: subclasses of `base`, by name."""
        found: dict[str, Any] = {}
        for owner, register in self._implementations(hook):
            if owner is not plugin:
                continue
            try:
                classes = list(register())
            except PLUGIN_FAULTS as error:
                raise self._fault(plugin, f"{hook} failed", error) from error
            for each in classes:
                if not (isinstance(each, type) and issubclass(each, base)):
                    raise self._wrong(
                        plugin, f"{hook} returned {each!r}, which is no subclass of messaging.{base.__name__}"
                    )
                name = getattr(each, "name", None)
                if not isinstance(name, str) or not is_name(name):
                    raise self._wrong(plugin, f"{each.__name__}.name must be lower-case letters, digits, - and _")
                required = {*getattr(base, "__abstractmethods__", ()), *getattr(each, "__abstractmethods__", ())}
                lacking = sorted(
                    method
                    for method in required
                    if getattr(getattr(each, method, None), "__isabstractmethod__", False)
                    or not callable(getattr(each, method, None))
                )
                if lacking:
                    raise self._wrong(plugin, f"{each.__name__} is not finished: it has no method {', '.join(lacking)}")
                found[name] = each
        return found

    def _first(self, plugin: Plugin, kind: str, name: str, of: Callable[[Plugin], Mapping[str, object]]) -> None:
        for other in self.found:
            if other is not plugin and name in of(other):
                owner = f"plugin {other.name} ({other.distribution})"
                raise self._wrong(plugin, f"the {kind} {name!r} is already there, from {owner}")

    def _wrong(self, plugin: Plugin, problem: str) -> PluginError:
        return PluginError(problem, plugin=plugin.name, distribution=plugin.distribution)

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
        raise SettingsError(
            f"there is no adapter {name!r}" + (f" ({faults})" if faults else ""),
            hint=f"installed: {', '.join(sorted(adapters)) or 'none'}",
        )

    def sources(self) -> dict[str, type[EventSource]]:
        """All event sources by name."""
        return {name: source for plugin in self.found if not plugin.fault for name, source in plugin.sources.items()}

    def settings_models(self) -> dict[str, type[BaseModel]]:
        """The models of plugins' own settings, by plugin."""
        return {plugin.name: plugin.settings for plugin in self.found if not plugin.fault and plugin.settings}

    def blame(self, adapter: str, problem: str) -> PluginError:
        """The error for what an adapter did wrong: names its plugin and where that came from."""
        owner = next((plugin for plugin in self.found if adapter in plugin.adapters), None)
        return PluginError(
            f"adapter {adapter}: {problem}",
            plugin=owner.name if owner else adapter,
            distribution=owner.distribution if owner else None,
            hint=f"mend it, or choose another adapter: [channels.{owner.adapters[adapter].channel}] adapter"
            if owner
            else None,
        )

    def blame_source(self, source: str, problem: str) -> PluginError:
        """The same for what an event source did wrong."""
        owner = next((plugin for plugin in self.found if source in plugin.sources), None)
        return PluginError(
            f"event source {source}: {problem}",
            plugin=owner.name if owner else source,
            distribution=owner.distribution if owner else None,
            hint="mend it; what was posted is posted again",
        )

    def filters(self) -> dict[str, Callable[..., Any]]:
        """All template filters; of two with one name, the first plugin's."""
        filters: dict[str, Callable[..., Any]] = {}
        for plugin, register in list(self._implementations("register_filters")):
            try:
                filters = {**register(), **filters}
            except PLUGIN_FAULTS as error:
                self._disable(plugin, self._fault(plugin, "register_filters failed", error))
        return filters

    def context_names(self) -> list[str]:
        """What plugins add to the context, as paths."""
        names: list[str] = []
        for plugin, register in list(self._implementations("register_context_names")):
            try:
                paths = list(register())
                for path in paths:
                    if not isinstance(path, str) or not all(part.isidentifier() for part in path.split(".")):
                        raise PluginError(
                            f"register_context_names returned {path!r}, which is no path like weather.today",
                            plugin=plugin.name,
                            distribution=plugin.distribution,
                        )
                names += paths
            except PluginError as error:
                self._disable(plugin, error)
            except PLUGIN_FAULTS as error:
                self._disable(plugin, self._fault(plugin, "register_context_names failed", error))
        return names

    def register_commands(self, group: click.Group) -> None:
        """Let plugins add commands that are not there yet."""
        for plugin, register in list(self._implementations("register_commands")):
            ours = dict(group.commands)
            try:
                register(group=group)
            except PLUGIN_FAULTS as error:
                self._disable(plugin, self._fault(plugin, "register_commands failed", error))
            group.commands.update(ours)

    def prepare_environment(self, environment: Environment) -> None:
        """Let plugins add to a Jinja2 environment."""
        for plugin, prepare in list(self._implementations("prepare_environment")):
            try:
                prepare(environment=environment)
            except PLUGIN_FAULTS as error:
                self._disable(plugin, self._fault(plugin, "prepare_environment failed", error))

    def prepare_context(self, context: MutableMapping[str, Any], message: Message) -> None:
        """Let plugins add to what a template sees.

        Raises:
            PluginError: one of them failed.
        """
        for plugin, prepare in self._implementations("prepare_context"):
            try:
                prepare(context=context, message=message)
            except PLUGIN_FAULTS as error:
                raise self._fault(plugin, "prepare_context failed", error) from error

    def check_messages(
        self, messages: Sequence[Message], facts: MessageFacts, settings: Callable[[str], Any]
    ) -> list[Decision]:
        """What all plugins say about a batch. A plugin's own settings come with its facts.

        Raises:
            PluginError: a check failed: the batch must be held.
        """
        ids = {message.id for message in messages}
        decisions: list[Decision] = []
        for plugin, check in self._implementations("check_messages"):
            try:
                answers = list(check(messages=messages, facts=replace(facts, settings=settings(plugin.name))) or ())
            except PLUGIN_FAULTS as error:
                raise self._fault(plugin, "check_messages failed", error) from error
            for answer in answers:
                if not isinstance(answer, Deny | NotBefore) or answer.message_id not in ids:
                    raise PluginError(
                        f"check_messages answered {answer!r}: not Deny or NotBefore for one of its messages",
                        plugin=plugin.name,
                        distribution=plugin.distribution,
                    )
            decisions.extend(answers)
        return decisions

    def has_checks(self) -> bool:
        """Whether any plugin checks messages: if not, the facts need not be loaded."""
        return any(True for _ in self._implementations("check_messages"))

    def messages_sent(self, messages: Sequence[Message]) -> None:
        """Tell plugins."""
        self._notify("messages_sent", messages=messages)

    def engagements_recorded(self, engagements: Sequence[Engagement]) -> None:
        """Tell plugins."""
        self._notify("engagements_recorded", engagements=engagements)

    def _notify(self, hook: str, **arguments: Any) -> None:
        for plugin, tell in self._implementations(hook):
            try:
                tell(**arguments)
            except PLUGIN_FAULTS as error:
                log.error("%s", self._fault(plugin, f"{hook} failed", error))


def plugin_names(folder: Path | None) -> list[str]:
    """What could be loaded."""
    return sorted({*(point.name for point in entry_points(group=GROUP)), *(path.stem for path in _drop_ins(folder))})


def _drop_ins(folder: Path | None) -> list[Path]:
    """The modules in a workspace's `plugins/`."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def _by_name(implementation: pluggy.HookImpl) -> Callable[..., Any]:
    """Call an implementation with those of the hook's arguments that it takes."""

    def call(**given: Any) -> Any:
        return implementation.function(**{name: given[name] for name in implementation.argnames})

    return call


def _described(point: EntryPoint) -> Plugin:
    dist = point.dist
    return Plugin(
        name=point.name, distribution=dist.name if dist else point.value, version=dist.version if dist else ""
    )


def _import_file(path: Path) -> ModuleType:
    """Import a drop-in module under a name of its own."""
    name = f"messaging_workspace_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:  # undone and handed on
        del sys.modules[name]
        raise
    return module
