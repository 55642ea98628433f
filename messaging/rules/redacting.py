"""Texts without what must be in no log: addresses, telephone numbers, tokens.

The last line of defence: whoever writes a line leaves these out in the first place. So it takes away too much rather
than too little; what is left is the words, our ids of 32 digits, times and small numbers.
"""

from __future__ import annotations

import re

#: Who logs in, before the host of a url.
_LOGIN = re.compile(r"""(?<=://)[^\s<>"/?#]*@""")
#: `name@host`, with a quoted name too.
_EMAIL = re.compile(r"""(?:"[^"\n]{1,64}"|[^\s<>"(),:;@\[\]]+)@[^\s<>"(),:;@\[\]/]+""")
#: With a plus, or long enough: an ISO time has a T or a colon within ten digits, an id has letters.
_PHONE = re.compile(r"\+\d(?:[ ()./-]{0,2}\d){6,16}|(?<![\w.:-])\d(?:[ ()./-]?\d){9,16}(?![\w:])")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d")
#: What follows one of our public paths; words that carry a secret; and what only a machine writes.
_PATH = re.compile(r"(/(?:c|o|s|u|p)/)[\w~.-]{8,}")
_BEARER = re.compile(r"\b((?:Bearer|Basic)\s+)[^\s\"',;]+", re.IGNORECASE)
_TOKEN = re.compile(r"\bwhsec_[\w+/=-]+|(?<![\w+/=-])(?=[\w+/=-]*\d)(?=[\w+/=-]*[A-Za-z])[\w+=-]{40,}(?![\w-])")


def redacted(text: str) -> str:
    """`text` with a word in the place of each address, number and token."""
    text = _BEARER.sub(r"\1(secret)", text)
    text = _PATH.sub(r"\1(token)", text)
    text = _TOKEN.sub("(token)", text)
    if "@" in text:
        text = _LOGIN.sub("", text)
        text = _EMAIL.sub("(address)", text)
    return _PHONE.sub(lambda found: found[0] if _TIME.match(found[0]) else "(number)", text)
