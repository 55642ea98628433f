"""Nothing that exists is missing from the documents, and nothing is in them that does not exist."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import click
import pytest

from messaging import hookspecs
from messaging.cli import main
from messaging.expressions import schema
from messaging.nouns.message import MessageState
from messaging.plugins import Plugins
from messaging.rendering import schema as template_schema
from messaging.rendering.filters import FILTERS
from messaging.rendering.guard import _INSTEAD
from messaging.rules import envelope, event_types, headers, orders
from messaging.rules.carrier_table import CARRIERS
from messaging.server.events import events_api
from messaging.settings import Settings
from messaging.workspace import template_files
from messaging_rules.settings import Cap, Quiet, Rules

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*messaging(?: |$)")


def _text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def _quoted(text: str) -> list[str]:
    """What stands between backticks, in one line each."""
    return [" ".join(span.replace("\\|", "|").split()) for span in _SPAN.findall(_BLOCK.sub("", text))]


def _spans(name: str) -> set[str]:
    """What stands between backticks, and the words of it."""
    spans = set(_quoted(_text(name)))
    return spans | {word for span in spans for word in re.findall(r"[\w.-]+", span)}


def _tree(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """All commands that do something."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    with click.Context(command) as context:
        context.resilient_parsing = True
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _tree(found, (*path, name))


COMMANDS = dict(_tree(main))


def _command_lines(pages: list[Path], fences: Callable[[Path], list[Any]]) -> Iterator[tuple[str, list[str]]]:
    """Every `messaging …` that a document shows: in its blocks, and between backticks."""
    for page in pages:
        lines = [span for span in _quoted(page.read_text("utf-8")) if span.startswith("messaging ")]
        for fence in fences(page):
            if fence.language in ("sh", "console"):
                prompt = "$ " if fence.language == "console" else ""
                lines += [
                    line.removeprefix(prompt)
                    for line in fence.text.replace("\\\n", "").splitlines()
                    if line.startswith(prompt)
                ]
        for line in lines:
            if match := _COMMAND.match(line):
                yield f"{page.name}: {line}", shlex.split(line[match.end() :], comments=True)


def test_every_command_line_is_one(documents: list[Path], fences: Callable[[Path], list[Any]]) -> None:
    known = {option for parameter in main.params for option in parameter.opts}
    families = {path[0] for path in COMMANDS}
    for line, words in _command_lines(documents, fences):
        while words and words[0] in known:
            words.pop(0)
        if not words or not words[0].isascii() or words[0].startswith("-"):
            continue  # `messaging --help`, `messaging …`
        path = next((path for path in COMMANDS if tuple(words[: len(path)]) == path), None)
        assert path is not None or words in [[family] for family in families], line
        if path is None:
            continue
        options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
        for word in words[len(path) :]:
            if word.startswith("-") and word != "-":
                assert word in options, f"{line}: there is no {word}"


def test_every_command_is_shown(documents: list[Path], fences: Callable[[Path], list[Any]]) -> None:
    shown = {tuple(words[:size]) for _, words in _command_lines(documents, fences) for size in (1, 2)}
    for page in documents:
        spans = [span.split() for span in _quoted(page.read_text("utf-8"))]
        # In a document about campaigns, `pause` or `campaigns pause` is enough.
        shown |= {(page.stem, words[0]) for words in spans} | {tuple(words[:2]) for words in spans}
    missing = {" ".join(path) for path in COMMANDS} - {" ".join(path) for path in shown}
    assert not missing


def _slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_link_leads_somewhere(documents: list[Path]) -> None:
    for page in documents:
        text = page.read_text("utf-8")
        for target in (first or second for first, second in _LINK.findall(text)):
            if "://" in target:
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            assert file.exists(), f"{page.name}: {target}"
            if anchor and file.suffix == ".md":
                anchors = {_slug(heading) for heading in _HEADING.findall(file.read_text("utf-8"))}
                assert anchor in anchors, f"{page.name}: {target}"


def test_readme_leads_to_every_document() -> None:
    """Directly, or by a document that it leads to."""
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for first, second in _LINK.findall(page.read_text("utf-8")):
            target = (page.parent / (first or second).partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in reached:
                waiting.append(target)
    assert {page for page in DOCS.glob("*.md") if ".head." not in page.name} <= reached


def _maker(name: str) -> ModuleType:
    spec = util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["settings", "hooks", "adapters", "shops"])
def test_what_is_made_from_the_code_is_current(name: str) -> None:
    assert _text(f"{name}.md") == _maker(f"make_{name}").page(), f"run: python docs/make_{name}.py"


def test_the_contract_of_events_is_current() -> None:
    maker = _maker("make_events")
    assert _text("events.schema.json") == maker.schema_text(), "run: python docs/make_events.py"
    assert _text("events.md") == maker.page(_text("events.md")), "run: python docs/make_events.py"
    assert _text("events.md").count(maker.table()) == 1
    assert f"Version {event_types.CONTRACT} of the contract" in _text("events.md")


def test_every_hook_is_there_with_its_signature() -> None:
    text = _text("hooks.md")
    for name, hook in vars(hookspecs).items():
        if hasattr(hook, "messaging_spec"):
            signature = str(inspect.signature(hook)).replace("'", "")
            assert f"## `{name}`\n```python\ndef {name}{signature}\n```" in text


def test_every_source_and_its_settings_are_there() -> None:
    text, found = _text("shops.md"), _spans("shops.md")
    for name, source in Plugins().sources().items():
        assert f"[sources.{name}." in text or f"/hooks/{name}/main" in text, name
        assert set(source.Settings.model_fields) <= found, name
        assert set(getattr(source, "topics", {})) <= found, name


def test_every_adapter_is_there() -> None:
    adapters = [
        each for plugin in Plugins().found if plugin.distribution == "customer-messaging" for each in plugin.adapters
    ]
    assert {f"`{name}`" for name in adapters} <= set(re.findall(r"^\| (`\w+`) \|", _text("adapters.md"), re.MULTILINE))


def test_rules_name_every_setting() -> None:
    found = _spans("rules.md")
    for model in (Rules, Quiet, Cap):
        names = {info.alias or name for name, info in model.model_fields.items()}
        assert all(name in found or f"[[plugins.rules.{name}]]" in _text("rules.md") for name in names)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does(path: tuple[str, ...]) -> None:
    assert (COMMANDS[path].help or "").strip().endswith((".", ":", ")", "`"))


def test_every_setting_is_there() -> None:
    text = _text("settings.md")
    for section, info in Settings.model_fields.items():
        fields = getattr(info.annotation, "model_fields", {})
        for name, field in fields.items():
            path = f"{section}.{field.alias or name}"
            assert f"| `{path}`<br>" in text
            assert f"`MESSAGING__{path.upper().replace('.', '__')}`" in text


def test_segments_names_every_name() -> None:
    names = {*schema.FIELDS, *schema.FUNCTIONS, *schema.FILTERS, *schema.METHODS, *schema.ATTRIBUTE_TYPES, "now"}
    names |= {f"orders.{name}" for name in schema.ORDERS} | {f"rfm.{name}" for name in schema.RFM}
    found = _spans("segments.md")
    missing = {name for name in names if name not in found and not any(span.endswith(f".{name}") for span in found)}
    assert not missing
    assert set(schema.TESTS) <= set(re.findall(r"\w+", _text("segments.md")))
    assert all(f".{part}" in _text("segments.md") for part in schema.DATE_PARTS)


def test_every_starter_segment_is_named() -> None:
    assert {file.stem for file in (ROOT / "segments").glob("*.toml")} <= _spans("segments.md")


def test_templates_name_every_filter(fences: Callable[[Path], list[Any]]) -> None:
    """Each in an example, so that what it does is seen."""
    examples = "".join(fence.text for fence in fences(DOCS / "templates.md") if fence.info[1:2] == ("values",))
    shown = set(re.findall(r"\|\s*(\w+)", examples))
    assert {name for name in FILTERS if not name.startswith("_")} - shown == set()
    assert set(_INSTEAD) <= _spans("templates.md")


def test_templates_name_all_that_a_template_has() -> None:
    found = _spans("templates.md") | set(re.findall(r"\w+", _text("templates.md")))
    settings = {field.alias or name for name, field in template_files._File.model_fields.items()}
    assert settings <= found
    assert {f"brand.{name}" for name in ("contact_url", "phone", "hours", "faq_url", "address")} <= found
    assert set(template_schema.BRAND_FIELDS) - {"color_text"} <= {
        field.alias or name for name, field in type(Settings().brand).model_fields.items()
    }


def test_events_name_every_field() -> None:
    found = _spans("events.md")
    for model in (envelope.Envelope, envelope.CustomerPart, envelope.DataPart, template_files._Trigger):
        assert set(model.model_fields) <= found, model.__name__
    for name, part in envelope.DataPart.model_fields.items():
        (row,) = re.findall(rf"^\| `{name}` \| (.*) \|$", _text("events.md"), re.MULTILINE)
        model = next(one for one in get_args(part.annotation) if hasattr(one, "model_fields"))
        assert set(re.findall(r"`(\w+)`", row)) == set(model.model_fields), name
    (items,) = re.findall(r"^\| an item \| (.*) \|$", _text("events.md"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", items)) == set(envelope.ItemPart.model_fields)
    assert {*orders.MOMENTS, *orders.WHOLE_REFUNDS} <= found


def test_events_name_every_answer() -> None:
    api = events_api(receive=lambda document: None, api_key="", max_body=1, health=None)
    (answers,) = re.findall(r"^### Answers\n(.*?)^#", _text("events.md"), re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| ([\d, ]+) \|", answers, re.MULTILINE)
    shown = {status.strip() for row in rows for status in row.split(",")}
    assert shown == set(api.openapi()["paths"]["/events"]["post"]["responses"])


def test_shipping_names_every_carrier() -> None:
    text = " ".join(_text("shipping.md").split())
    for heading, carriers in (("by name", CARRIERS), ("by their numbers", [each for each in CARRIERS if each.forms])):
        (names,) = re.findall(rf"\*\*Known {heading}\*\*: (.*?)(?:\.|, and posts)", text)
        assert set(names.split(", ")) == {carrier.name for carrier in carriers}


def test_customers_name_every_column() -> None:
    found = _spans("customers.md")
    assert set(headers._ALIASES) <= found
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+) \|$", _text("customers.md"), re.MULTILINE)
    for fields, aliases in rows:
        known = {name for field in re.findall(r"`(\w+)`", fields) for name in headers._ALIASES.get(field, ())}
        if not known:
            continue
        for alias in re.split(r"[,;] ", aliases.partition(":")[0]):
            assert headers._plain(alias) in known, f"{fields}: {alias}"


def test_glossary_names_every_state() -> None:
    assert {state.value for state in MessageState} <= _spans("glossary.md")
