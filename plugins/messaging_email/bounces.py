"""Mail that comes back: bounces (RFC 3464, and what servers write without it) and complaints (RFC 5965).

Pure: the octets of a mail in, what they tell in the common words out; whether it is true is for the core to find out.
Vacation notes, replies and other mail tell nothing.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256

from messaging import Engagement, EngagementKind
from messaging_email.mail_parts import LONGEST, Fields, Parts, field_groups, take_apart
from messaging_email.statuses import Fate, is_full, judge

#: Kinds of feedback by which a person says that they want no more (RFC 5965 7.3, RFC 6430 says the opposite).
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "complaint"})
_LONGEST_FACT = 500
#: Recipients of one report that are read; what we send has one.
_MOST_RECIPIENTS = 20
#: Of one that has letters beyond ASCII nothing: a part of it would be somebody else's.
_ADDRESS = re.compile(
    r"(?<![\w.!#$%&'*+/=?^`{|}~-])[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?(?![\w-]|\.\w)"
)
_OUR_ID = re.compile(r"<([A-Za-z0-9_.-]{1,64})@")
_LINK = re.compile(r"<(https?://[^>\s]{1,1000})>")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
#: Statuses that leave the cause open.
_GENERAL = re.compile(r"5\.[0-7]\.0")
_LINES_OF_VERDICT = 4
_REPLY_CODE = re.compile(r"(?<![\d.:])([45]\d\d)(?=[ -])(?! (?:bytes|seconds|hours|messages))")
_ROBOT = re.compile(r"mailer-?daemon|postmaster|mail.?(?:deliver|admin|system)|system administrator", re.IGNORECASE)
_SUBJECT = re.compile(
    r"undeliver|deliver\w* (?:status|fail|problem|error|delay|report|notif|has|could)|not (?:be )?deliver"
    r"|returned (?:mail|to sender)|returning message|fail(?:ure|ed)\b|mail (?:system )?error|warning: |delayed|bounce"
    r"|non.?delivery|could not (?:be )?(?:sen|deliver)|エラー|rejected",
    re.IGNORECASE,
)
_STILL_TRYING = re.compile(
    r"still (?:trying|being)|will (?:be )?(?:retr|keep|continue|try)|warning (?:message )?only|do not need to resend"
    r"|delivery (?:is |has been |was )?delayed|not yet been delivered",
    re.IGNORECASE,
)
_DELIVERED = re.compile(r"^Action:[ \t]*(?:deliver|relay|expand)", re.IGNORECASE | re.MULTILINE)
_FAILED = re.compile(
    r"(?:not|n't|unable to|failed to|cannot|could not|impossible)(?: \S+){0,4} (?:deliver|reach|sen[dt]|relay|process)"
    r"|fail(?:ed|ure)|reject|undeliver|error|unknown|permanent|full|did not",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a mail tells of one recipient."""

    kind: EngagementKind
    address: str | None
    status: str | None
    diagnostic: str
    permanent: bool = False
    soft: bool = False


def read_mail(mail: bytes, now: datetime) -> list[Engagement]:
    """What a mail tells; nothing, if it is neither a bounce nor a complaint. `now` is its time if it has none.

    `message_id` is what the returned mail has for it, and `raw["unsubscribe"]` the link of ours that it carries.
    """
    parts = take_apart(mail)
    told = list(itertools.islice(_tell(parts), _MOST_RECIPIENTS))
    if not told:
        return []
    identity = _identity(mail, parts.fields)
    return [
        Engagement(
            id=f"{identity}-{number}" if number else identity,
            kind=each.kind,
            at=_time(parts.fields.get("date", ""), now),
            message_id=_message_id(parts),
            channel="email",
            address=each.address,
            permanent=each.permanent,
            soft=each.soft,
            raw=_facts(parts, each),
        )
        for number, each in enumerate(told)
    ]


def _tell(parts: Parts) -> Iterator[_Told]:
    """What the mail tells, by the first form it has."""
    for form in (_complaints, _reports, _plain):
        found = False
        for told in form(parts):
            found = True
            yield told
        if found or any(kind == "message/feedback-report" for kind, _ in parts.machine):
            return


def _complaints(parts: Parts) -> Iterator[_Told]:
    for kind, text in parts.machine:
        if kind != "message/feedback-report":
            continue
        fields = {name: value for group in field_groups(text) for name, value in group.items()}
        said = fields.get("feedback-type", "").lower()
        if said in _COMPLAINTS:
            address = _address(fields.get("original-rcpt-to", "")) or _address(parts.returned.get("to", ""))
            yield _Told(EngagementKind.COMPLAINED, address, None, said)
        return
    # Microsoft's feedback loop returns the mail with the complaint as a field, and no report.
    hotmail = parts.returned.get("x-hmxmroriginalrecipient")
    if hotmail and "complaint" in parts.fields.get("subject", "").lower():
        yield _Told(EngagementKind.COMPLAINED, _address(hotmail), None, "abuse")


def _reports(parts: Parts) -> Iterator[_Told]:
    """From the fields of RFC 3464, in their own part or, as some servers have them, among the text."""
    text = _report(parts)
    for fields in field_groups(text):
        address = _address(fields.get("original-recipient", "")) or _address(fields.get("final-recipient", ""))
        action = fields.get("action", "").partition(" ")[0].lower()
        if address is None or not action:
            continue
        said = _STATUS.search(fields.get("status", ""))
        diagnostic = fields.get("diagnostic-code", "")
        if action == "delayed":
            yield _Told(EngagementKind.DEFERRED, address, said[1] if said else None, diagnostic)
        elif action == "failed":
            yield _bounced(address, said[1] if said else None, diagnostic, parts.text)


def _report(parts: Parts) -> str:
    return "\n\n".join(text for kind, text in parts.machine if kind.endswith("delivery-status")) or parts.text


def _plain(parts: Parts) -> Iterator[_Told]:
    """From what a server wrote for people."""
    named = parts.fields.get("x-failed-recipients", "")
    if _DELIVERED.search(_report(parts)) or not (named or _is_by_a_server(parts)):
        return
    text = parts.text
    address = _address(named) or _failed_address(parts)
    if address is None:
        return
    status = _STATUS.search(text)
    if _STILL_TRYING.search(text):
        yield _Told(EngagementKind.DEFERRED, address, status[1] if status else None, _verdict(text))
    else:
        yield _bounced(address, status[1] if status else None, "", text)


def _is_by_a_server(parts: Parts) -> bool:
    """Whether a server tells of a failure. People who reply to `Your order is delayed` do not, nor do their vacation
    notes, though these have no return path either (RFC 3834 3.3)."""
    fields = parts.fields
    subject = _SUBJECT.search(fields.get("subject", "")) is not None
    if _ROBOT.search(fields.get("from", "")):
        return _FAILED.search(parts.text) is not None or (subject and bool(parts.returned))
    if fields.get("auto-submitted", "").lower().startswith("auto-replied"):
        return False
    nobody = fields.get("return-path", "").strip() in ("<>", "<MAILER-DAEMON>")
    return nobody and (subject or _verdict(parts.text) != "")


def _bounced(address: str, status: str | None, diagnostic: str, text: str) -> _Told:
    """`status` as reported, unless the server's own words have one that says more (RFC 3464 2.3.4)."""
    said = diagnostic.partition(";")[2].strip() or diagnostic
    said = said if len(said) > 12 else _verdict(text)
    inner = _STATUS.findall(said)
    if inner and (status is None or _GENERAL.fullmatch(status)):
        status = inner[-1]
    code = _REPLY_CODE.search(said)
    if status is None and code and code[1][0] == "4":
        status = "4.0.0"
    gone = judge(status, said or text) is Fate.GONE
    return _Told(EngagementKind.BOUNCED, address, status, said, permanent=gone, soft=not gone and is_full(status))


def _failed_address(parts: Parts) -> str | None:
    """The address a text is about: whom the returned mail went to, if it is named; else the first not ours."""
    to = _address(parts.returned.get("to", ""))
    own = {
        address.lower() for name in ("from", "to", "delivered-to") if (address := _address(parts.fields.get(name, "")))
    }
    own |= {address.lower() for name in ("from",) if (address := _address(parts.returned.get(name, "")))}
    named = [match[0] for match in _ADDRESS.finditer(parts.text[:20_000])]
    others = [address for address in named if address.lower() not in own and not _ROBOT.match(address)]
    if to is not None and (not others or to in others):
        return to
    return others[0] if others else None


def _verdict(text: str) -> str:
    """The lines of a text that say why: from a reply code or a status on."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if _STATUS.search(line) or _REPLY_CODE.search(line):
            rest = itertools.takewhile(str.strip, lines[number : number + _LINES_OF_VERDICT])
            return " ".join(each.strip() for each in rest)
    return ""


def _message_id(parts: Parts) -> str | None:
    """Ours, as the returned mail has it; else as the thread has it that the bounce belongs to."""
    for value in (
        parts.returned.get("message-id", ""),
        parts.fields.get("in-reply-to", ""),
        parts.fields.get("references", ""),
    ):
        if match := _OUR_ID.search(value):
            return match[1]
    return None


def _facts(parts: Parts, told: _Told) -> Mapping[str, str]:
    """What is kept of the mail: no more than names the cause."""
    server = next(
        (
            group["reporting-mta"]
            for _, text in parts.machine
            for group in field_groups(text)
            if "reporting-mta" in group
        ),
        "",
    )
    link = _LINK.search(parts.returned.get("list-unsubscribe", ""))
    facts = {
        "status": told.status or "",
        "diagnostic": _printable(told.diagnostic),
        "reporting_mta": _printable(server.partition(";")[2].strip()),
        "unsubscribe": link[1] if link else "",
    }
    return {name: value for name, value in facts.items() if value}


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:_LONGEST_FACT]).strip()


def _address(text: str) -> str | None:
    match = _ADDRESS.search(text)
    return match[0] if match else None


def _time(text: str, now: datetime) -> datetime:
    try:
        at = parsedate_to_datetime(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return now


def _identity(mail: bytes, fields: Fields) -> str:
    """The same for the same mail wherever it is kept: mail programs add fields (Status, X-UID) and change line ends."""
    hasher = sha256()
    for name in ("message-id", "date", "from", "to", "subject"):
        hasher.update(f"{name}: {fields.get(name, '')}\n".encode("utf-8", "replace"))
    _, _, body = mail[:LONGEST].replace(b"\r\n", b"\n").partition(b"\n\n")
    hasher.update(body.rstrip(b"\n"))
    return hasher.hexdigest()[:32]
