"""Templates and problems as JSON, between this process and the one that prepares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from messaging.errors import TemplateError, TemplateLimit
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template


def template_to(template: Template) -> dict[str, Any]:
    """All of a template that a version is made of: not its triggers, its description or its sample."""
    return {
        "name": template.name,
        "class": template.message_class.value,
        "topic": template.topic,
        "channels": list(template.channels),
        "fallbacks": dict(template.fallbacks),
        "sources": [
            [*key, source, template.files[key], template.lines.get(key, 1)]
            for key, source in sorted(template.sources.items())
        ],
        "shared": dict(template.shared),
        "from": template.from_,
        "reply_to": template.reply_to,
    }


def template_from(document: Mapping[str, Any]) -> Template:
    """What `template_to` wrote."""
    sources, files, lines = {}, {}, {}
    for channel, locale, part, source, file, line in document["sources"]:
        key = (channel, locale, part)
        sources[key], files[key], lines[key] = source, file, line
    return Template(
        name=document["name"],
        message_class=MessageClass(document["class"]),
        topic=document["topic"],
        channels=tuple(document["channels"]),
        fallbacks=document["fallbacks"],
        sources=sources,
        files=files,
        lines=lines,
        shared=document["shared"],
        from_=document["from"],
        reply_to=document["reply_to"],
    )


def problem_to(error: TemplateError) -> dict[str, Any]:
    """An error with its place."""
    return {
        "limit": isinstance(error, TemplateLimit),
        "problem": error.problem,
        "file": error.file,
        "line": error.line,
        "hint": error.hint,
    }


def problem_from(document: Mapping[str, Any]) -> TemplateError:
    """What `problem_to` wrote."""
    kind = TemplateLimit if document["limit"] else TemplateError
    return kind(document["problem"], file=document["file"], line=document["line"], hint=document["hint"])
