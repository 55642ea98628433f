"""Email, three ways: `mailbox` (files in the workspace), `smtp`, and `sendgrid`.

This module only registers them. What is costly to import (the `sendgrid` package) is imported on first use.
"""

from __future__ import annotations

from messaging import Adapter, hookimpl
from messaging_email.mailbox import Mailbox
from messaging_email.sendgrid import SendGrid
from messaging_email.smtp import Smtp


@hookimpl
def register_adapters() -> list[type[Adapter]]:
    return [Mailbox, Smtp, SendGrid]
