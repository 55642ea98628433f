"""`messaging standin`: the providers on this machine, to try and to test without a key."""

from __future__ import annotations

import shlex
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from messaging.cli.common import say

if TYPE_CHECKING:
    from messaging.testing.standins import StandIn

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
_PORT = click.IntRange(0, 65535)


@click.group()
def standin() -> None:
    """Run a provider on this machine, to try and to test without a key."""


@standin.command()
@host_option
@click.option("--port", type=_PORT, default=4010, show_default=True, help="0 takes any that is free.")
@click.option("--api-key", default="SG.standin", show_default=True, help="The only key it takes.")
@click.option("--events-to", metavar="URL", help="Where events are posted, signed.")
@click.option("--seed", default=0, help="Of the order that substitutions are applied in.")
def sendgrid(host: str, port: int, api_key: str, events_to: str | None, seed: int) -> None:
    """SendGrid: POST /v3/mail/send and the event webhook."""
    from messaging.testing.standins import SendGridStandIn

    _run(SendGridStandIn(api_key=api_key, events_to=events_to, seed=seed, host=host, port=port))


@standin.command()
@host_option
@click.option("--port", type=_PORT, default=4011, show_default=True, help="0 takes any that is free.")
@click.option("--account-sid", metavar="SID", default="AC" + "0" * 32, help="The only account it knows.")
@click.option("--auth-token", default="standin-auth-token", show_default=True, help="The account's secret.")
@click.option("--inbound-to", metavar="URL", help="Where messages from phones are posted, signed.")
@click.option("--signature", type=click.Choice(["sha1", "sha256"]), default="sha1", show_default=True)
def twilio(
    host: str,
    port: int,
    account_sid: str,
    auth_token: str,
    inbound_to: str | None,
    signature: Literal["sha1", "sha256"],
) -> None:
    """Twilio: the Messages API, status callbacks and messages from phones."""
    from messaging.testing.standins import TwilioStandIn

    _run(
        TwilioStandIn(
            account_sid=account_sid,
            auth_token=auth_token,
            inbound_to=inbound_to,
            signature=signature,
            host=host,
            port=port,
        )
    )


@standin.command()
@host_option
@click.option("--port", type=_PORT, default=2525, show_default=True, help="Where it takes mail; 0: any that is free.")
@click.option("--control-port", type=_PORT, default=4012, show_default=True, help="Where it is asked, by HTTP.")
@click.option("--username", help="Who must log in.")
@click.option("--password", help="With what.")
@click.option("--tls", is_flag=True, help="Offer STARTTLS, with a certificate of its own.")
@click.option("--bounces-to", metavar="FOLDER", help="The maildir that bounces are put in.")
def smtp(
    host: str,
    port: int,
    control_port: int,
    username: str | None,
    password: str | None,
    tls: bool,
    bounces_to: str | None,
) -> None:
    """A mail server that is strict, and bounces when asked."""
    from messaging.testing.standins import SMTPStandIn

    _run(
        SMTPStandIn(
            username=username,
            password=password,
            tls=tls,
            bounces_to=None if bounces_to is None else Path(bounces_to),
            host=host,
            port=control_port,
            smtp_port=port,
        )
    )


@standin.command()
@host_option
@click.option("--port", type=_PORT, default=4013, show_default=True, help="0 takes any that is free.")
@click.option("--secret", "secrets", metavar="whsec_…", multiple=True, help="Signed with; several while they rotate.")
def webhook(host: str, port: int, secrets: tuple[str, ...]) -> None:
    """A receiver of signed webhooks."""
    from messaging.testing.standins import WebhookStandIn

    _run(WebhookStandIn(signing_secrets=secrets, host=host, port=port))


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
        for line in provider.advice():
            say(line)
        stop.wait()
