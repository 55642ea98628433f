"""A text part from an HTML part, for readers and machines that show no HTML. Made once per version."""

from __future__ import annotations

import re

from inscriptis import get_text
from inscriptis.css_profiles import CSS_PROFILES
from inscriptis.model.config import ParserConfig

from messaging.rendering.pieces import Kind
from messaging.rendering.shelter import Shelter, number_of

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DROPPED = re.compile(r"<(style|script|title|head)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_ANCHOR = re.compile(r"<a\b([^>]*)>(.*?)</a\s*>", re.DOTALL | re.IGNORECASE)
_HREF = re.compile(r"""(?<![\w-])href\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
_IMAGE = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
_ALT = re.compile(r"""\salt\s*=\s*("([^"]*)"|'([^']*)')""", re.IGNORECASE)
#: Tables arrange messages; read aloud they are lines of words. Cells stand side by side.
_TABLES = (
    (re.compile(r"<(/?)(?:table|tr|caption)\b", re.IGNORECASE), r"<\1div"),
    (re.compile(r"</?(?:tbody|thead|tfoot|colgroup|col)\b[^>]*>", re.IGNORECASE), ""),
    (re.compile(r"<t[dh]\b", re.IGNORECASE), "<span"),
    (re.compile(r"</t[dh]\s*>\s*", re.IGNORECASE), " </span> "),
)
_CONFIG = ParserConfig(css=CSS_PROFILES["strict"])


def text_from_html(source: str, keeper: Shelter) -> str:
    """The text of sheltered HTML, with the same code and the same link slots in it."""
    comments = {match[0] for match in keeper.pattern.finditer(source) if match["comment"]}
    source = _COMMENT.sub(lambda match: match[0][4:-3] if match[0] in comments else "", source)
    source = _ANCHOR.sub(_link, _IMAGE.sub(_alt, _DROPPED.sub("", source)))
    for pattern, instead in _TABLES:
        source = pattern.sub(instead, source)
    text = get_text(f"<html><body>{source}</body></html>", _CONFIG)
    lines = [re.sub(r"[ \t\xa0]+", " ", line).strip() for line in text.replace("\r", "").split("\n")]
    text = _without_statement_lines(lines, keeper)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _link(match: re.Match[str]) -> str:
    """A link as its words, then its address between angle brackets (RFC 3986, appendix C)."""
    href = _HREF.search(match[1])
    words = match[2]
    address = href[1].strip() if href else ""
    shown = re.sub(r"<[^>]*>", "", words).strip()
    if not address or address.startswith("#") or address.removeprefix("mailto:").removeprefix("tel:") in shown:
        return f"<span>{words}</span>"
    if address.lower().startswith(("tel:", "sms:")):
        return f"<span>{words}</span>"
    address = address.removeprefix("mailto:")
    return f"<span>{words} &lt;{address}&gt;</span>" if shown else f"<span>{address}</span>"


def _alt(match: re.Match[str]) -> str:
    alt = _ALT.search(match[0])
    return (alt[2] or alt[3] or "") if alt else ""


def _without_statement_lines(lines: list[str], keeper: Shelter) -> str:
    """Lines of statements only vanish, as in text that a person wrote; nor do statements indent a line."""
    result: list[str] = []
    for line in lines:
        line = _edges_closed(line, keeper)
        codes = list(keeper.pattern.finditer(line))
        alone = codes and not keeper.pattern.sub("", line).strip()
        if alone and all(keeper.items[number_of(code)].piece.kind is not Kind.OUTPUT for code in codes):
            result.append("".join(code[0] for code in codes))
        else:
            result.append(f"{line}\n")
    return "".join(result)


def _edges_closed(line: str, keeper: Shelter) -> str:
    """`line` without the blanks that only statements keep away from its ends."""
    start, end = 0, len(line)
    matches = [
        match for match in keeper.pattern.finditer(line) if keeper.items[number_of(match)].piece.kind is not Kind.OUTPUT
    ]
    for match in matches:
        if line[start : match.start()].strip():
            break
        start = match.end()
    for match in reversed(matches):
        if match.start() < start or line[match.end() : end].strip():
            break
        end = match.start()
    before, after = (re.sub(r"\s+", "", edge) for edge in (line[:start], line[end:]))
    return before + line[start:end].strip() + after
