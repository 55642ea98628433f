"""Prepares a template's version in a limited process, so that no source can take this one down or hold it up.

A result is remembered by the hash of all that went in: in memory, and on disk if there is a folder for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache as cached
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from messaging.errors import TemplateError, TemplateLimit
from messaging.ids import digest
from messaging.nouns.template import Template, TemplateVersion
from messaging.rendering.environment import NOTHING, Additions
from messaging.rendering.fields import Field
from messaging.rendering.survey import Survey
from messaging.rendering.wire import problem_from, template_to

#: What preparing one version may cost, in seconds of processor time and bytes, beside the start of the process. On a
#: slow machine, where that takes long, it may take as long as so many starts.
MAX_SECONDS = 1.7
MAX_STARTS = 5
#: A template in many languages gets so much more for each page beyond the first four.
MORE_SECONDS = 0.1
MAX_MEMORY = 256 * 1024 * 1024
#: Seconds on the clock, on a machine that has other things to do.
_PATIENCE = 30.0
_KEPT = 128
#: Changes when the same source would give another result.
_FORMAT = "4"

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of preparing: the version unless it failed, and everything found wrong on the way."""

    version: TemplateVersion | None
    problems: tuple[TemplateError, ...]
    #: Only if it was asked for.
    survey: Survey | None = None


_remembered: OrderedDict[str, Prepared] = OrderedDict()
_lock = Lock()


def prepare(
    template: Template,
    brand: Mapping[str, Any],
    *,
    from_: str,
    reply_to: str | None = None,
    additions: Additions = NOTHING,
    cache: Path | None = None,
) -> TemplateVersion:
    """The version of `template`: layouts flattened, styles inlined, text derived, links numbered; frozen.

    Args:
        brand: as templates see it; part of the version.
        from_: the sender, unless the template names one; so `reply_to`.
        additions: what plugins bring.
        cache: a folder to remember results in.

    Raises:
        TemplateError: something is wrong; names file and line.
        TemplateLimit: it takes too long or too much memory: see `MAX_SECONDS` and what follows.
    """
    prepared = examine(template, brand, from_=from_, reply_to=reply_to, additions=additions, cache=cache)
    if prepared.problems:
        raise prepared.problems[0]
    assert prepared.version is not None
    return prepared.version


def examine(
    template: Template,
    brand: Mapping[str, Any],
    *,
    from_: str,
    reply_to: str | None = None,
    additions: Additions = NOTHING,
    schema: Field | None = None,
    cache: Path | None = None,
) -> Prepared:
    """The same, with everything that is wrong instead of an exception for the first.

    `schema` is what the template may find in its context: with it comes a survey of what the template asks for.
    """
    request: dict[str, Any] = {
        "template": template_to(template),
        "brand": dict(brand),
        "from": from_,
        "reply_to": reply_to,
        "additions": {"filters": sorted(additions.filters), "tests": sorted(additions.tests)},
        "limits": {"seconds": _seconds(template), "starts": MAX_STARTS, "memory": MAX_MEMORY},
    }
    keys = [digest(_FORMAT, _libraries(), _json(request).decode())]
    if schema is not None:
        # What may be asked for changes with events and plugins; the version does not, and is found without it too.
        request["schema"] = schema
        keys.insert(0, digest(*keys, _json(schema).decode()))
    with _lock:
        known = _remembered.get(keys[0])
    known = known or _from_disk(cache, keys[0])
    answer = None
    if known is None:
        known, answer = _in_child(template.name, _json(request))
    for key in keys:
        if answer is not None:
            _to_disk(cache, key, answer)
        with _lock:
            _remembered[key] = known
            while len(_remembered) > _KEPT:
                _remembered.popitem(last=False)
    return known


def _json(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def _seconds(template: Template) -> float:
    pages = sum(part in ("html", "mjml") for _, _, part in template.sources)
    return MAX_SECONDS + MORE_SECONDS * max(0, pages - 4)


@cached
def _libraries() -> str:
    names = ("customer-messaging", "jinja2", "css-inline", "mrml", "inscriptis")
    return " ".join(f"{name}={_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _in_child(name: str, request: bytes) -> tuple[Prepared, bytes | None]:
    """What came of it, and the answer if it is worth remembering beyond this process."""
    # No secrets, and no path from which a workspace's own modules could come in.
    environment = {key: value for key, value in os.environ.items() if key in _PASSED_ON}
    environment["PYTHONPATH"] = str(_ROOT)
    # -P: the folder that somebody happens to be in is no place for modules.
    command = [sys.executable, "-P", "-m", "messaging.rendering.probe"]
    try:
        child = subprocess.run(
            command, input=request, capture_output=True, timeout=_PATIENCE, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        return Prepared(None, (_too_much(name, error.stderr or b""),)), None
    if child.returncode > 0 and b"MemoryError" not in child.stderr:
        # Not the limits: a fault of ours, or of an installation.
        return Prepared(None, (_failed(name, child.stderr),)), None
    if child.returncode != 0:
        return Prepared(None, (_too_much(name, child.stderr),)), None
    try:
        prepared = _read(child.stdout)
    except (ValueError, KeyError, TypeError) as error:
        return Prepared(None, (_failed(name, f"its answer cannot be read: {error}".encode()),)), None
    return prepared, child.stdout if prepared.version is not None else None


def _too_much(name: str, said: bytes) -> TemplateLimit:
    """The error for a child that was stopped: the last thing it said is where it was."""
    places = [line[3:] for line in said.decode("utf-8", "replace").splitlines() if line.startswith("at ")]
    return TemplateLimit(
        f"template {name} takes too long, or more than {MAX_MEMORY >> 20} MB, to be prepared",
        file=places[-1] if places else None,
        hint="look for something huge or deeply nested",
    )


def _failed(name: str, said: bytes) -> TemplateError:
    """The error for a child that ended of itself: the last line it said is why."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return TemplateError(f"template {name} cannot be prepared: {(lines or ['it said nothing'])[-1][:300]}")


def _read(answer: bytes) -> Prepared:
    document = orjson.loads(answer)
    version, survey = document["version"], document["survey"]
    return Prepared(
        TemplateVersion.from_document(version) if version is not None else None,
        tuple(problem_from(problem) for problem in document["problems"]),
        Survey.from_document(survey) if survey is not None else None,
    )


def _from_disk(cache: Path | None, key: str) -> Prepared | None:
    if cache is None:
        return None
    try:
        return _read((cache / f"{key}.json").read_bytes())
    except (OSError, ValueError, KeyError, TypeError):
        # Not there, or half of a file: it is made again.
        return None


def _to_disk(cache: Path | None, key: str, answer: bytes) -> None:
    if cache is None:
        return
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
            file.write(answer)
        os.replace(file.name, cache / f"{key}.json")
    except OSError:
        # Remembering is a convenience.
        return
