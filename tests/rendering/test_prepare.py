"""The limited process, and what is remembered."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from messaging.errors import TemplateError, TemplateLimit
from messaging.nouns.template import Template, TemplateVersion, Trigger
from messaging.rendering import prepare as module
from messaging.rendering.prepare import prepare

Make = Callable[..., Template]


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    module._remembered.clear()


def test_a_version_comes_back_whole(
    template: Make, prepared: Callable[..., TemplateVersion], brand: dict[str, Any]
) -> None:
    parts = {"html": "<style>p{color:red}</style><p>{{ customer.first_name }} <a href='https://a.example'>x</a></p>"}
    version = prepare(template(**parts), brand, from_="shop@example.com")
    assert version == prepared(**parts)
    assert TemplateVersion.from_document(version.to_document()) == version


def test_the_version_is_the_content(
    template: Make, prepared: Callable[..., TemplateVersion], brand: dict[str, Any]
) -> None:
    version = prepared(html="<p>x</p>").version
    assert len(version) == 32
    assert prepared(html="<p>x</p>", triggers=(Trigger(event="order.placed"),)).version == version
    assert prepared(html="{# a comment #}<p>x</p>").version == version
    assert prepared(html="<p>x</p>", lines={("email", "", "subject"): 9}, subject="Hello").version == version
    assert prepared(html="<p>y</p>").version != version
    assert prepared(html="<p>x</p>", fallbacks={"a": "b"}).version != version
    assert prepared(html="<p>x</p>", brand={**brand, "name": "Other"}).version != version
    assert prepared(html="<p>x</p>", reply_to="a@example.com").version != version


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    "source",
    ["{{ " + "1~" * 40_000 + "1 }}", "<div>" * 200_000, "{{ a." + "b." * 100_000 + "c }}"],
    ids=["compiler", "parser", "chain"],
)
def test_a_bomb_is_stopped_and_named(template: Make, brand: dict[str, Any], source: str) -> None:
    began = _children_seconds()
    prepare(template(html="<p>x</p>"), brand, from_="shop@example.com")
    small = _children_seconds() - began
    with pytest.raises(TemplateLimit) as caught:
        prepare(template(html=source), brand, from_="shop@example.com")
    # Of the processor: how long that is on the clock is the machine's business; and by what it is worth on this one.
    assert _children_seconds() - began - small < max(2.5, 8 * small)
    assert caught.value.file is not None
    assert "email" in caught.value.file


@pytest.mark.parametrize(("start", "limit"), [(0.1, 1.7), (2.0, 10.0)])
def test_a_slow_machine_has_longer(start: float, limit: float) -> None:
    """Its process shows how slow it is by how long it took to start."""
    code = (
        "import signal, time; from messaging.rendering import probe; "
        f"time.process_time = lambda: {start}; probe._limit(seconds=1.7, starts=5, memory=1 << 40); "
        "print(signal.getitimer(signal.ITIMER_PROF)[0])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(told) == pytest.approx(limit, abs=0.2)


def test_memory_is_limited(template: Make, brand: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_MEMORY", 60 * 1024 * 1024)
    with pytest.raises(TemplateLimit, match=r"email\.html|60 MB"):
        prepare(template(html="<p>{{ a }}</p>" * 60_000), brand, from_="shop@example.com")


def test_an_error_has_its_place(template: Make, brand: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match="never closed") as caught:
        prepare(template(html="<p>\n{{ x"), brand, from_="shop@example.com")
    assert (caught.value.file, caught.value.line) == ("templates/t/email.html", 2)


def test_a_result_is_remembered(
    template: Make, brand: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = template(html="<p>x</p>")
    first = prepare(made, brand, from_="shop@example.com", cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1

    def broken(*args: object, **kwargs: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("messaging.rendering.prepare.subprocess.run", broken)
    assert prepare(made, brand, from_="shop@example.com", cache=tmp_path) is first
    module._remembered.clear()
    assert prepare(made, brand, from_="shop@example.com", cache=tmp_path) == first
    module._remembered.clear()
    with pytest.raises(AssertionError, match="a process"):
        prepare(replace(made, topic="other"), brand, from_="shop@example.com", cache=tmp_path)


def test_a_damaged_memory_is_made_anew(template: Make, brand: dict[str, Any], tmp_path: Path) -> None:
    made = template(html="<p>x</p>")
    first = prepare(made, brand, from_="shop@example.com", cache=tmp_path)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:40])
    module._remembered.clear()
    assert prepare(made, brand, from_="shop@example.com", cache=tmp_path) == first


def test_a_fault_of_ours_is_not_called_a_limit(
    template: Make, brand: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_MEMORY", "much")
    with pytest.raises(TemplateError, match=r"template t cannot be prepared: (TypeError|ValueError)") as caught:
        prepare(template(html="x"), brand, from_="shop@example.com")
    assert not isinstance(caught.value, TemplateLimit)


def test_the_folder_one_is_in_brings_no_modules(
    template: Make, brand: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "orjson.py").write_text("raise SystemExit('taken from the folder')")
    monkeypatch.chdir(tmp_path)
    assert prepare(template(html="<p>from here</p>"), brand, from_="shop@example.com").version


def test_an_email_needs_a_subject(template: Make, brand: dict[str, Any]) -> None:
    made = template(html="x")
    sources = {key: value for key, value in made.sources.items() if key[2] != "subject"}
    with pytest.raises(TemplateError, match="subject"):
        prepare(replace(made, sources=sources), brand, from_="shop@example.com")
