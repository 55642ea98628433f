"""`messaging plugins`: make one, list what is installed, see whether one is right. Works outside of a workspace too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import counted, json_option, print_json, print_table, say
from messaging.errors import InputError, MessagingError, SettingsError

if TYPE_CHECKING:
    from messaging.loading import Plugin
    from messaging.plugins import Plugins
    from messaging.settings import Settings
    from messaging.workspace.folder import Workspace


#: Names the file that says that a check came to its end.
_MARK = "MESSAGING_PLUGIN_CHECKED"
#: Seconds that a check may take.
_LONG = 600.0


@click.group()
def plugins() -> None:
    """What is installed, and whether it works."""


def _workspace(ctx: click.Context) -> tuple[Workspace, Settings] | None:
    """The workspace that is meant, with its settings; None outside of one.

    Raises:
        SettingsError: one is named that is none, or its settings are wrong.
    """
    from messaging.settings_file import load_settings
    from messaging.workspace.folder import find_workspace

    named = ctx.find_root().params.get("workspace")
    try:
        workspace = find_workspace(named)
    except SettingsError:
        if named or os.environ.get("MESSAGING_WORKSPACE"):
            raise
        return None
    return workspace, load_settings(workspace.settings)


def _plugins(ctx: click.Context, only: str | None = None) -> tuple[Plugins, tuple[str, ...]]:
    """What is installed and in the workspace, if there is one; and the names of what it has off."""
    from messaging.plugins import Plugins
    from messaging.settings import PluginSettings

    found = _workspace(ctx)
    folder, off = (found[0].plugins, found[1].plugins.off) if found else (None, ())
    none = bool(ctx.find_root().params.get("no_plugins")) and not only  # that one is asked for by name
    timeout = (found[1].plugins if found else PluginSettings()).timeout.total_seconds()
    return Plugins(folder=folder, off=() if only else off, none=none, only=only, timeout=timeout, quiet=True), off


@plugins.command("list")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List plugins with what they bring; those that could not be loaded, with the reason."""
    found, off = _plugins(ctx)
    for plugin in found.found:
        if plugin.fault:
            say(str(plugin.fault))
    if as_json:
        print_json([*map(_described, found.found), *map(_absent, off)])
        return
    rows = [
        (
            plugin.name,
            plugin.distribution,
            plugin.version,
            ", ".join(f"{name} ({adapter.channel})" for name, adapter in plugin.adapters.items()),
            ", ".join(plugin.sources),
            _state(plugin),
        )
        for plugin in found.found
    ]
    print_table(
        ("plugin", "from", "version", "adapters", "sources", "state"),
        [*rows, *((name, "", "", "", "", "off") for name in off)],
    )


def _state(plugin: Plugin) -> str:
    return "left out" if plugin.fault else "works"


def _described(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "hooks": plugin.hooks,
        "adapters": [
            {
                "name": name,
                "channel": adapter.channel,
                "batch_size": adapter.capabilities.batch_size,
                "idempotency_key": adapter.capabilities.idempotency_key,
                "lookup": adapter.capabilities.lookup,
                "callbacks": adapter.capabilities.callbacks,
            }
            for name, adapter in plugin.adapters.items()
        ],
        "sources": list(plugin.sources),
        "state": _state(plugin),
        "fault": str(plugin.fault) if plugin.fault else None,
    }


def _absent(name: str) -> dict[str, Any]:
    """One that is off, as `_described`: it is not looked into."""
    nothing: dict[str, Any] = {"distribution": None, "version": None, "hooks": [], "adapters": [], "sources": []}
    return {"name": name, **nothing, "state": "off", "fault": None}


@plugins.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(("adapter", "source", "rule")), default="adapter", help="What it is to be.")
@click.option(
    "--dir", "parent", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where its folder is made."
)
@click.pass_context
def new(ctx: click.Context, name: str, kind: Any, parent: Path) -> None:
    """Make the package of a new plugin: it installs and passes its tests as it is."""
    from messaging.plugins import Plugins
    from messaging.settings import PluginSettings
    from messaging.workspace.new_plugin import make_plugin, module_is_there, module_of

    installed = Plugins(none=bool(ctx.find_root().params.get("no_plugins")), quiet=True)
    for plugin in installed.found:
        if name == plugin.name or name in plugin.adapters or name in plugin.sources:
            raise InputError(f"{name!r} is already there, from {plugin.distribution}", hint="take another name")
    if name in PluginSettings.model_fields:
        raise InputError(f"{name!r} is a setting of all plugins, [plugins] {name}", hint="take another name")
    if module_is_there(name):
        raise InputError(f"{name!r}: there is a module {module_of(name)} already", hint="take another name")
    folder = make_plugin(name, kind, parent)
    say(
        f"Made {folder}.\n"
        "Next:\n"
        f"  cd {folder}\n"
        "  python -m pip install -e .\n"
        "  python -m pytest\n"
        f"  messaging plugins check {name}"
    )


@plugins.command()
@click.argument("name")
@click.option("--here", is_flag=True, hidden=True)
@click.pass_context
def check(ctx: click.Context, name: str, here: bool) -> None:
    """Load one plugin alone and see whether it is right, as far as that can be told without its own tests."""
    if not here:
        ctx.exit(_apart(ctx, name))
    try:
        _check(ctx, name)
    finally:
        if _MARK in os.environ:
            Path(os.environ[_MARK]).touch()


def _apart(ctx: click.Context, name: str) -> int:
    """Check it in a process of its own, which it may end, crash or hold up; return the exit code.

    Raises:
        MessagingError: it did one of these.
    """
    given = ctx.find_root().params
    options = ["--workspace", given["workspace"]] if given.get("workspace") else []
    options += [option for option in ("--no-plugins", "--verbose") if given.get(option[2:].replace("-", "_"))]
    command = [sys.executable, "-m", "messaging", *options, "plugins", "check", "--here", "--", name]
    with TemporaryDirectory() as folder:
        mark = Path(folder) / "over"
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_LONG,
                env={**os.environ, _MARK: str(mark)},
            )
        except subprocess.TimeoutExpired:
            hint = "look for what never lets go of the interpreter: a regular expression, a loop in C"
            raise MessagingError(f"plugin {name}: not done after {_LONG:g} seconds", hint=hint) from None
        over = mark.exists()
    click.echo(done.stdout, nl=False)
    click.echo(done.stderr, nl=False, err=True)
    if not over:
        how = f"exit code {done.returncode}" if done.returncode >= 0 else f"signal {-done.returncode}"
        raise MessagingError(
            f"plugin {name}: it ends the process that it is loaded in ({how})",
            hint="look for os._exit, and for what crashes in C; messaging --no-plugins goes without it",
        )
    return done.returncode


def _check(ctx: click.Context, name: str) -> None:
    from difflib import get_close_matches

    from messaging.errors import NotFound
    from messaging.loading import plugin_names
    from messaging.testing.checking import has_kit, problems_of

    alone, _ = _plugins(ctx, only=name)
    if not alone.found:
        found = _workspace(ctx)
        known = plugin_names(found[0].plugins if found else None)
        near = get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"installed: {', '.join(known) or 'none'}"
        raise NotFound(f"no plugin {name!r}", hint=hint)
    problems = [problem for plugin in alone.found for problem in problems_of(plugin)]
    if not problems:  # then whether it is in the way of another
        problems = [str(plugin.fault) for plugin in _plugins(ctx)[0].found if plugin.name == name and plugin.fault]
    for problem in problems:
        click.echo(problem)
    if problems:
        raise MessagingError(f"plugin {name}: {counted(len(problems), 'problem')}")
    if not has_kit():
        say('pytest is not here: only what is declared was looked at: pip install "customer-messaging[testing]"')
    (plugin, *_) = alone.found
    say(f"plugin {name} ({plugin.distribution}): nothing wrong. {_brings(plugin)}")


def _brings(plugin: Plugin) -> str:
    brought = [f"adapter {name} ({adapter.channel})" for name, adapter in plugin.adapters.items()]
    brought += [f"event source {name}" for name in plugin.sources]
    return f"It brings {', '.join(brought)}." if brought else f"It has the hooks {', '.join(plugin.hooks)}."
