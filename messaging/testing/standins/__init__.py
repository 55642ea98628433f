"""The providers as far as an adapter sees them, on this machine: to try, to test and to measure with, without a key.

Each is a context manager that serves in threads, checks requests by the provider's published rules, keeps what it
accepted, tells what came of it by signed callbacks, and fails when told to.
"""

from __future__ import annotations

from messaging.testing.standins.base import StandIn
from messaging.testing.standins.sendgrid import SendGridStandIn
from messaging.testing.standins.smtp import SMTPStandIn
from messaging.testing.standins.twilio import TwilioStandIn
from messaging.testing.standins.webhook import WebhookStandIn

__all__ = ["SMTPStandIn", "SendGridStandIn", "StandIn", "TwilioStandIn", "WebhookStandIn"]
