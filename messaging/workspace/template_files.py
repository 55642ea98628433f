"""Reads templates from their folders: `templates/<name>/template.toml`, the part files beside it, locale
folders.

    templates/
      _layouts/base.html            called `_layouts/base.html` by every template
      order-confirmation/
        template.toml               class, topic, subject, triggers …
        email.html  email.txt  sms.txt  webhook.json
        _rows.html                  called `_rows.html`, by this template only
        de/email.html  de/template.toml

It reads and arranges; whether a template makes sense is `messaging.rendering`'s to say.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from messaging.errors import NotFound, TemplateError
from messaging.ids import is_name
from messaging.nouns.message import MessageClass
from messaging.nouns.template import Template, Trigger
from messaging.rules.timing import parse_duration

#: A source larger than this is a mistake: clients clip a message at 102 kB. Bytes.
MAX_SOURCE = 1_000_000
#: All shared files together. Bytes.
MAX_SHARED = 4_000_000

SHARED = "_layouts"
_SHARED_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LOCALE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_PART_FILE = re.compile(r"([a-z0-9][a-z0-9_-]*)\.(html|mjml|txt|json)")

Key = tuple[str, str, str]
_Parsed = TypeVar("_Parsed", bound=BaseModel)


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Trigger(_Strict):
    event: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$")
    key: str | None = None
    after: Duration | None = None
    waits_for: tuple[str, ...] = ()
    at: str | None = None
    unless: str | None = None
    cancel_on: tuple[str, ...] = ()
    max_age: Duration | None = None
    audience: str | None = None
    answers: str | None = Field(None, pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$")


class _Variant(_Strict):
    """`template.toml` of a locale folder."""

    subject: str | None = None
    preheader: str | None = None


class _File(_Variant):
    """`template.toml` of a template."""

    message_class: MessageClass = Field(alias="class")
    topic: str = Field(min_length=1)
    description: str = ""
    channels: tuple[str, ...] = ()
    fallbacks: dict[str, Any] = Field(default_factory=dict)
    triggers: tuple[_Trigger, ...] = ()
    from_: str | None = Field(None, alias="from")
    reply_to: str | None = None
    requires: tuple[str, ...] = ()
    sample: dict[str, Any] = Field(default_factory=dict)


def template_names(folder: Path) -> list[str]:
    """The names of the templates in `folder`, sorted."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name for entry in folder.iterdir() if is_name(entry.name) and (entry / "template.toml").is_file()
    )


def read_template(folder: Path, name: str) -> Template:
    """The template `name` of the templates folder `folder`.

    Raises:
        NotFound: there is none.
        TemplateError: one of its files cannot be read; says which, and the line.
    """
    home = folder / name
    if not is_name(name) or not (home / "template.toml").is_file():
        known = ", ".join(template_names(folder))
        raise NotFound(f"no template {name!r} in {folder}", hint=f"there are: {known}" if known else None)
    reader = _Reader(folder)
    text, file = reader.read(home / "template.toml")
    settings = _parse(_File, text, file)
    sources = _Sources()
    sources.add_settings("", settings, text, file)
    for entry in sorted(home.iterdir()):
        if entry.is_dir() and _LOCALE.fullmatch(entry.name):
            _read_variant(reader, entry, sources)
        elif match := _PART_FILE.fullmatch(entry.name):
            sources.add(match[1], "", match[2], *reader.read(entry))
    channels = settings.channels or sources.channels()
    for channel in channels:
        if channel not in sources.channels():
            raise TemplateError(
                f"it names the channel {channel!r}, but there is no file for it",
                file=file,
                line=_line_of(text, "channels"),
                hint=f"write {channel}.txt beside it, or take {channel} out of channels",
            )
    if not channels:
        raise TemplateError("it has no parts", file=file, hint="write email.html or sms.txt beside it")
    return Template(
        name=name,
        message_class=settings.message_class,
        topic=settings.topic,
        description=settings.description,
        channels=tuple(channels),
        fallbacks=settings.fallbacks,
        sources=sources.texts,
        files=sources.files,
        lines=sources.lines,
        shared=_read_shared(reader, folder, home),
        from_=settings.from_,
        reply_to=settings.reply_to,
        requires=settings.requires,
        triggers=tuple(Trigger(**dict(trigger)) for trigger in settings.triggers),
        sample=settings.sample,
    )


class _Sources:
    """Part sources as they are found."""

    def __init__(self) -> None:
        self.texts: dict[Key, str] = {}
        self.files: dict[Key, str] = {}
        self.lines: dict[Key, int] = {}

    def add(self, channel: str, locale: str, kind: str, text: str, file: str) -> None:
        if kind in ("html", "mjml"):
            if channel != "email":
                raise TemplateError(f"{kind} is for email; this names the channel {channel!r}", file=file)
            other: Key = (channel, locale, "mjml" if kind == "html" else "html")
            if other in self.texts:
                raise TemplateError(f"there is also {self.files[other]}", file=file, hint="keep one of the two")
            part = kind
        elif channel in ("email", "sms"):
            if kind == "json":
                raise TemplateError(f"{channel} has no json part", file=file)
            part = "text"
        else:
            part = "body"
            if (channel, locale, part) in self.texts:
                raise TemplateError(f"there is also {self.files[channel, locale, part]}", file=file)
        self.texts[channel, locale, part] = text
        self.files[channel, locale, part] = file

    def add_settings(self, locale: str, settings: _Variant, text: str, file: str) -> None:
        for part, source in (("subject", settings.subject), ("preheader", settings.preheader)):
            if source is not None:
                self.texts["email", locale, part] = source
                self.files["email", locale, part] = file
                self.lines["email", locale, part] = _line_of(text, part)

    def channels(self) -> list[str]:
        """Channels that have a body, email and sms first."""
        found = {channel for channel, _, part in self.texts if part not in ("subject", "preheader")}
        return sorted(found, key=lambda channel: (channel != "email", channel != "sms", channel))


class _Reader:
    """Reads text files inside one folder, and nothing outside of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._real = folder.resolve()

    def read(self, path: Path) -> tuple[str, str]:
        """The text of a file and its name for messages."""
        file = f"{self._folder.name}/{path.relative_to(self._folder).as_posix()}"
        if not path.resolve().is_relative_to(self._real):
            raise TemplateError("it is a link to outside of the templates folder", file=file)
        try:
            size = path.stat().st_size
            if size > MAX_SOURCE:
                raise TemplateError(f"it has {size:,} bytes; {MAX_SOURCE:,} are the most", file=file)
            data = path.read_bytes()
        except OSError as error:
            raise TemplateError(f"it cannot be read: {error.strerror}", file=file) from None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise TemplateError("it is not UTF-8", file=file, line=line, hint="save it as UTF-8") from None
        if "\0" in text:
            line = text.count("\n", 0, text.index("\0")) + 1
            raise TemplateError("it has a NUL character in it", file=file, line=line, hint="save it as UTF-8")
        return text.replace("\r\n", "\n").replace("\r", "\n"), file


def _read_variant(reader: _Reader, folder: Path, sources: _Sources) -> None:
    locale = folder.name.replace("_", "-")
    for entry in sorted(folder.iterdir()):
        if entry.name == "template.toml":
            text, file = reader.read(entry)
            sources.add_settings(locale, _parse(_Variant, text, file), text, file)
        elif match := _PART_FILE.fullmatch(entry.name):
            sources.add(match[1], locale, match[2], *reader.read(entry))


def _read_shared(reader: _Reader, folder: Path, home: Path) -> dict[str, str]:
    """Layouts of all templates, and this template's own files whose names begin with `_`."""
    shared: dict[str, str] = {}
    total = 0
    for name, path in _shared_files(folder, home):
        shared[name], file = reader.read(path)
        total += len(shared[name])
        if total > MAX_SHARED:
            raise TemplateError(f"shared files are more than {MAX_SHARED:,} characters together", file=file)
    return shared


def _shared_files(folder: Path, home: Path) -> Iterator[tuple[str, Path]]:
    layouts = folder / SHARED
    for path in sorted(layouts.rglob("*")) if layouts.is_dir() else ():
        parts = path.relative_to(folder).parts
        if path.is_file() and all(_SHARED_NAME.fullmatch(part) for part in parts):
            yield "/".join(parts), path
    for path in sorted(home.glob("_*")):
        if path.is_file() and _SHARED_NAME.fullmatch(path.name):
            yield path.name, path


def _parse(model: type[_Parsed], text: str, file: str) -> _Parsed:
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        problem = str(error).split(" (at ")[0]
        raise TemplateError(f"not TOML: {problem}", file=file, line=line) from None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problem_at = error.errors()[0]
        path = [str(part) for part in problem_at["loc"]]
        what = problem_at["msg"].removeprefix("Value error, ")
        if problem_at["type"] == "extra_forbidden":
            what = "there is no such setting"
        names = [part for part in path if not part.isdigit()]
        raise TemplateError(f"{'.'.join(path)}: {what}", file=file, line=_line_of(text, names[-1])) from None


def _line_of(text: str, key: str) -> int:
    """The line where a key is set, or a table of that name begins; 1 if it is nowhere."""
    match = re.search(rf"^\s*(?:\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*(?:=|\])", text, re.MULTILINE)
    return text.count("\n", 0, match.end()) + 1 if match else 1


def read_templates(folder: Path) -> dict[str, Template | TemplateError]:
    """All templates of a folder; one that cannot be read is there as its error, and keeps no other from being
    read.
    """
    found: dict[str, Template | TemplateError] = {}
    for name in template_names(folder):
        try:
            found[name] = read_template(folder, name)
        except TemplateError as error:
            found[name] = error
    return found


def make_template(folder: Path) -> None:
    """Write a small working template into `folder`, which must not be there yet."""
    shutil.copytree(Path(__file__).parent / "scaffold" / "template", folder)
