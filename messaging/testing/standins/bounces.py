"""Mail that comes back: delivery status notifications (RFC 3464) and complaints (RFC 5965), into a maildir."""

from __future__ import annotations

import mailbox
from collections.abc import Mapping
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any


def bounce(kept: Mapping[str, Any], *, status: str, diagnostic: str) -> Message:
    """What a mail server writes to the sender of `kept` when it cannot deliver it. A 4.x.x status says: delayed."""
    action = "delayed" if status.startswith("4") else "failed"
    report = _report("delivery-status", kept, "Undelivered Mail Returned to Sender", "MAILER-DAEMON@standin.example")
    report.attach(MIMEText(f"I could not deliver your message to <{kept['to']}>:\n{diagnostic}\n"))
    per_message, per_recipient = Message(), Message()
    per_message["Reporting-MTA"] = "dns; standin.example"
    per_message["Arrival-Date"] = formatdate()
    per_recipient["Final-Recipient"] = f"rfc822; {kept['to']}"
    per_recipient["Action"] = action
    per_recipient["Status"] = status
    per_recipient["Diagnostic-Code"] = f"smtp; {diagnostic}"
    told = Message()
    told["Content-Type"] = "message/delivery-status"
    told.set_payload([per_message, per_recipient])
    report.attach(told)
    report.attach(_original(kept))
    return report


def complaint(kept: Mapping[str, Any]) -> Message:
    """What a mailbox provider's feedback loop writes when somebody calls `kept` spam."""
    report = _report("feedback-report", kept, "Complaint about a message", "feedback@standin.example")
    report.attach(MIMEText("This is an abuse report for a message from your server.\n"))
    fields = Message()
    fields["Feedback-Type"] = "abuse"
    fields["User-Agent"] = "standin/1.0"
    fields["Version"] = "1"
    fields["Original-Rcpt-To"] = kept["to"]
    fields["Original-Mail-From"] = kept["from"]
    told = Message()
    told["Content-Type"] = "message/feedback-report"
    told.set_payload([fields])
    report.attach(told)
    report.attach(_original(kept))
    return report


def put(folder: Path, message: Message) -> None:
    """Put a message into a maildir; it is made if need be."""
    box = mailbox.Maildir(folder)
    try:
        box.add(message)
    finally:
        box.close()


def _report(kind: str, kept: Mapping[str, Any], subject: str, sender: str) -> MIMEMultipart:
    report = MIMEMultipart("report", report_type=kind)
    report["Return-Path"] = "<>"
    report["From"] = sender
    report["To"] = kept["from"]
    report["Subject"] = subject
    report["Date"] = formatdate()
    report["Message-ID"] = make_msgid(domain="standin.example")
    report["Auto-Submitted"] = "auto-replied"
    return report


def _original(kept: Mapping[str, Any]) -> Message:
    """The headers of the message that it is about, and nothing of what it said."""
    head, _, _ = kept["source"].partition("\r\n\r\n")
    return MIMEText(head.replace("\r\n", "\n") + "\n", "rfc822-headers", "utf-8" if not head.isascii() else "us-ascii")
