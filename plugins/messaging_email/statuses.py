"""What a mail server's verdict means for the address: the one table behind SMTP replies and bounces.

By the enhanced status code (RFC 3463, RFC 5248, RFC 7505) where there is one that tells, else by what is said in words.
Servers give `5.1.1` to full mailboxes and to senders they dislike, so words that speak of something else than the
address always count: an address that is wrongly suppressed is lost in silence, one that is wrongly kept bounces again.
"""

from __future__ import annotations

import re
from enum import Enum, auto


class Fate(Enum):
    """What to think of an address after a verdict."""

    GONE = auto()  # nothing will ever reach it: no such mailbox, no such host, closed, moved, wrong syntax
    REFUSED = auto()  # not this letter, this sender or this day: full, too big, spam, policy
    LATER = auto()  # the server said itself that it is not for ever (4.x.x)


#: RFC 3463 3.2 and 3.3: no such mailbox, no such host, bad syntax, moved without a trace, disabled; RFC 7505: takes no
#: mail. Not `5.1.0`, `5.1.4`, `5.1.7`, `5.1.8`: other, ambiguous, or about the sender.
_GONE = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
#: RFC 3463 3.1 and 3.4 to 3.8 where servers put what they know no code for: the words decide.
_SAYS_LITTLE = re.compile(r"5\.(?:0\.\d+|1\.0|2\.0|1\.\d{3}|3\.0|4\.[0-4]|5\.[0-4]|7\.1)")


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


#: It is about room, rate, content, reputation or the way here.
_OTHER_CAUSE = _any(
    r"\b(?:mail ?box|inbox|quota|storage|disk|user|account|it)(?: \S+){0,4} (?:is |was )?(?:full|exceed|exhaust)",
    r"\bmail ?box(?:\.| is)? ?full|\bfull mail ?box|\bover ?quota|\bquota ?exceed",
    r"\b(?:over|exceed\w*|above|out of)(?: \S+){0,6} (?:quota|storage|limit|size)",
    r"\btoo (?:many|much|big|large|long|fast|quickly|frequent)|\brate.?limit|\bat a rate|\bmessage size|\bsize limit",
    r"\btry again (?:later|in |after|soon)|\btemporar|\bgrey.?list|\btimed? ?out|\bsuspend",
    r"\b(?:dns)?(?:black|block|deny|white).?list|\bblocked|\bspam|\bvirus|\bmalware|\breputation|\bunsolicited",
    r"\bpolic(?:y|ies)|\brestrict|\bmessage (?:content|(?:was )?rejected)|(?<!rejected: )\baccess denied",
    r"\bspf\b|\bdkim\b|\bdmarc\b|\bauthenticat|\bnot authori[sz]ed|\breverse dns|\bptr record",
    r"\b(?:no|not|denied|denies|unable to|refus\w+|prohibit\w*)(?: \S+){0,3} relay|\bopen relay|\brcpthosts",
    r"\brelay\w*(?: \S+){0,2} (?:denied|not|prohibit)|\bloop|\bfrom: |\b(?:not allowed|permitted) to send",
    r"\bsender (?:address|domain|verif|rejected|denied|unknown|not)",
)
_SOMEBODY = r"(?:user|mail ?box|recipient|address|account|domain|host)"
#: The address is not there, in servers' words.
_DEAD_WORDS = _any(
    r"\b(?:no such|no mail ?box|unknown|invalid|non-?existe[na]t|not a valid|unrouteable|undeliverable|bad destination)"
    rf"(?: \S+){{0,2}} ?(?:{_SOMEBODY}|local.?part|person|name)",
    rf"\b(?:{_SOMEBODY}|e-?mail|customer|alias)(?: \S+){{0,5}}? ?(?:is |was )?(?:unknown|invalid|disabled|deactivated"
    r"|not (?:be )?(?:found|known|exist|valid|recogni[sz]ed|listed|local|active|available here)"
    r"|inactive|discontinued|expired|closed|deleted|terminated|no longer)",
    rf"\b(?:{_SOMEBODY}|e-?mail|customer|alias)(?: \S+){{0,5}}? "
    r"(?:does ?n[o']t|do not|did not|cannot|is not)(?: \S+){0,2} (?:exist|found)",
    r"\bno (?:user|account|mail ?box|recipient)s?\b|\bno such (?!file)",
    r"\bdoes ?n[o']t (?:have|list) (?:a|an|this|such|the)\b|\bdoesn't have a \S+ account",
    r"\bnot our customer|\bhas moved|\bno longer (?:here|works)",
    r"\bmail exchanger or IP|\billegal host|\bdomain is not reachable",
    # Exchange Online's words for a mailbox that is not there, and Outlook.com's.
    r"5\.4\.1.{0,200}recipient address rejected: access denied",
    r"^\W*550 requested action not taken: mailbox unavailable",
)


def is_full(status: object) -> bool:
    """Whether a mailbox has no room, by its enhanced status code (RFC 3463 3.3): it may have another day."""
    return status in ("4.2.2", "5.2.2")


def judge(status: str | None, text: str) -> Fate:
    """What a refusal means: `status` is its enhanced status code (`5.1.1`), `text` what the server said."""
    if status is not None and status.startswith("4"):
        return Fate.LATER
    text = text[:4000]
    if _OTHER_CAUSE.search(text):
        return Fate.REFUSED
    if status in _GONE:
        return Fate.GONE
    if (status is None or _SAYS_LITTLE.fullmatch(status)) and _DEAD_WORDS.search(text):
        return Fate.GONE
    return Fate.REFUSED
