"""`messaging standin`: the providers on this machine, to try and to test without a key.

The options are what the stand-ins can be given, by the same names.
"""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from messaging.cli.common import say

if TYPE_CHECKING:
    from messaging.testing.standins import StandIn

_PORT = click.IntRange(0, 65535)


def _place(port: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of all."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option("--keep", "keep_last", type=click.IntRange(0), default=10_000, help="Messages that are kept."),
            click.option("--port", type=_PORT, default=port, show_default=True, help="0 takes any that is free."),
            click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen."),
        ):
            command = option(command)
        return command

    return add


@click.group()
def standin() -> None:
    """Run a provider on this machine, to try and to test without a key."""


@standin.command()
@_place(4010)
@click.option("--api-key", default="SG.standin", show_default=True, help="The only key it takes.")
@click.option("--events-to", metavar="URL", help="Where events are posted, signed.")
@click.option("--seed", default=0, help="Of the order that substitutions are applied in.")
def sendgrid(**options: Any) -> None:
    """SendGrid: POST /v3/mail/send and the event webhook."""
    from messaging.testing.standins import SendGridStandIn

    _run(SendGridStandIn(**options))


@standin.command()
@_place(4011)
@click.option("--account-sid", metavar="SID", default="AC" + "0" * 32, help="The only account it knows.")
@click.option("--auth-token", default="standin-auth-token", show_default=True, help="The account's secret.")
@click.option("--api-key", metavar="SID", help="A key that opens it beside the token.")
@click.option("--api-secret", default="standin-api-secret", show_default=True, help="The key's secret.")
@click.option("--inbound-to", metavar="URL", help="Where messages from phones are posted, signed.")
@click.option("--signature", type=click.Choice(["sha1", "sha256"]), default="sha1", show_default=True)
def twilio(**options: Any) -> None:
    """Twilio: the Messages API, status callbacks and messages from phones."""
    from messaging.testing.standins import TwilioStandIn

    _run(TwilioStandIn(**options))


@standin.command()
@_place(4012)
@click.option("--smtp-port", type=_PORT, default=2525, show_default=True, help="Where mail is taken; 0: any free.")
@click.option("--username", help="Who must log in.")
@click.option("--password", help="With what.")
@click.option("--tls", is_flag=True, help="Offer STARTTLS, with a certificate of its own.")
@click.option("--bounces-to", metavar="FOLDER", help="The maildir that bounces are put in.")
def smtp(**options: Any) -> None:
    """A mail server that is strict, and bounces when asked; --port is where it is asked, by HTTP."""
    from messaging.testing.standins import SMTPStandIn

    _run(SMTPStandIn(**options))


@standin.command()
@_place(4013)
@click.option("--secret", "signing_secrets", metavar="whsec_…", multiple=True, help="Several while they rotate.")
def webhook(**options: Any) -> None:
    """A receiver of signed webhooks."""
    from messaging.testing.standins import WebhookStandIn

    _run(WebhookStandIn(**options))


def _run(provider: StandIn) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        InputError: a port is taken.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with provider:
        say(f"{provider.name} answers on {provider.url} until Ctrl-C. To point an adapter at it:")
        for name, value in provider.environment().items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo("export MESSAGING__SERVER__ALLOW_INSECURE_LINKS=true")
        say("The last one lets what is sent carry links to this machine.")
        for line in provider.advice():
            say(line)
        stop.wait()
