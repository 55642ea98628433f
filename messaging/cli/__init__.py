"""The command line: one module per family of commands, loaded when it is used."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click

import messaging
from messaging.errors import MessagingError, SourceError

#: Command -> the module of this package that has it, as an attribute of the same name (- as _).
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "init": "init",
        "demo": "demo",
        "customers": "customers",
        "events": "events",
        "segments": "segments",
        "templates": "templates",
        "campaigns": "campaigns",
        "messages": "messages",
        "why": "why",
        "bounces": "bounces",
        "suppressions": "suppressions",
        "adapters": "adapters",
        "triggers": "triggers",
        "rehearse": "rehearse",
        "send-due": "due",
        "serve": "serve",
        "worker": "worker",
        "report": "report",
        "plugins": "plugins",
        "standin": "standin",
        "config": "config",
        "store": "store",
    }
)


class Family(click.Group):
    """A group that imports a command's module when the command is asked for, and prints errors as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(name for name in super().list_commands(ctx) if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS:
            module = importlib.import_module(f"messaging.cli.{COMMANDS[cmd_name]}")
            command: click.Command = getattr(module, cmd_name.replace("-", "_"))
            return command
        found = super().get_command(ctx, cmd_name)
        if found is None and not ctx.resilient_parsing:
            from messaging.cli.common import load_plugin_commands

            load_plugin_commands(ctx, self)
            found = super().get_command(ctx, cmd_name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except MessagingError as error:
            if ctx.params.get("verbose") and error.__cause__ is not None:
                import traceback

                traceback.print_exception(error.__cause__, file=sys.stderr)
            click.echo(f"messaging: {_one_line(error)}", err=True)
            ctx.exit(error.exit_code)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx is not None else ctx.command_path
            click.echo(f"{path}: {_sentence(error.format_message())} See {path} --help.", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            # Whoever read our output has seen enough.
            sys.stderr.close()
            ctx.exit(0)
        except OSError as error:
            if ctx.params.get("verbose"):
                raise
            place = f"{error.filename}: " if error.filename else ""
            click.echo(f"messaging: {place}{error.strerror or error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("messaging: stopped", err=True)
            ctx.exit(130)


def _one_line(error: MessagingError) -> str:
    text = error.message
    if isinstance(error, SourceError) and error.hint:
        return f"{text} ({error.hint})"
    if not error.hint:
        return text
    if error.hint.startswith("messaging "):
        return f"{text}. Try: {error.hint}"  # as it must be typed
    return f"{text}. {error.hint[0].upper()}{_sentence(error.hint[1:])}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


@click.group(cls=Family, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--workspace", "-w", metavar="DIR", help="The workspace; else the nearest above the current folder.")
@click.option("--no-plugins", is_flag=True, help="Load no plugin, not even the bundled ones.")
@click.option("--verbose", "-v", is_flag=True, help="Say more about what goes on and what went wrong.")
@click.version_option(messaging.__version__, "--version", "-V", prog_name="messaging")
@click.pass_context
def main(ctx: click.Context, workspace: str | None, no_plugins: bool, verbose: bool) -> None:
    """Write to a shop's customers: segments, personalised messages, honest numbers."""
    import logging

    # Until the workspace is opened, which says more (`messaging.logs`).
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING, format="messaging: %(message)s", stream=sys.stderr
    )
