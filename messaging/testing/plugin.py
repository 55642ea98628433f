"""Fixtures that every test has where this project is installed. pytest loads this module at each start, so it imports
nothing but pytest before a fixture is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from messaging.app import Messaging
    from messaging.testing.outbox import Outbox
    from messaging.testing.standins import SendGridStandIn, SMTPStandIn, TwilioStandIn, WebhookStandIn


@pytest.fixture
def sendgrid_standin() -> Iterator[SendGridStandIn]:
    """SendGrid on this machine: `.url`, `.messages`, `.fail(...)`."""
    from messaging.testing.standins import SendGridStandIn

    with SendGridStandIn() as provider:
        yield provider


@pytest.fixture
def twilio_standin() -> Iterator[TwilioStandIn]:
    """Twilio's Messages API on this machine."""
    from messaging.testing.standins import TwilioStandIn

    with TwilioStandIn() as provider:
        yield provider


@pytest.fixture
def smtp_standin() -> Iterator[SMTPStandIn]:
    """A mail server on this machine: `.smtp_port`."""
    from messaging.testing.standins import SMTPStandIn

    with SMTPStandIn() as provider:
        yield provider


@pytest.fixture
def webhook_standin() -> Iterator[WebhookStandIn]:
    """A receiver of signed webhooks on this machine."""
    from messaging.testing.standins import WebhookStandIn

    with WebhookStandIn() as provider:
        yield provider


@pytest.fixture
def messaging_app(tmp_path: Path) -> Iterator[Messaging]:
    """A new workspace, opened, with a time that stands still: Monday, 2026-03-02, 10:00 UTC."""
    from messaging.testing.outbox import make_app

    with make_app(tmp_path / "shop") as app:
        yield app


@pytest.fixture
def outbox(messaging_app: Messaging) -> Outbox:
    """What became of the messages of `messaging_app`."""
    from messaging.testing.outbox import Outbox

    return Outbox(messaging_app)
