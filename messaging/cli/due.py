"""`messaging send-due`: send what is due, once; for shops that run it by a timer instead of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from messaging.cli.common import json_option, pass_app, print_json, progress_bar, say
from messaging.errors import PartlyFailed
from messaging.nouns.message import MessageState

if TYPE_CHECKING:
    from messaging.app import Messaging


@click.command("send-due")
@json_option
@pass_app
def send_due(app: Messaging, as_json: bool) -> None:
    """Send what is due now: order messages first, then campaigns."""
    from messaging.cli.stopping import until_stopped
    from messaging.cli.waiting import teller

    with until_stopped() as stop, progress_bar("Sending campaigns") as step:
        report, fault = app.dispatcher.run_due(stop=stop, progress=step, waits=teller())
    if as_json:
        print_json({"messages": {state.value: number for state, number in report.states.items()}})
    else:
        told = ", ".join(f"{number} {state.value}" for state, number in sorted(report.states.items()))
        say(f"Event-driven messages: {told or 'none due'}.")
    if fault is not None:
        raise fault
    lost = {state: report.states.get(state, 0) for state in (MessageState.REFUSED, MessageState.UNKNOWN)}
    if any(lost.values()):
        told = ", ".join(f"{number} {state.value}" for state, number in lost.items() if number)
        raise PartlyFailed(f"not all could be sent: {told}", hint="see why: messaging messages list --state refused")
