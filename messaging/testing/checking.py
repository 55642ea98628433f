"""`messaging plugins check`: what can be told of a plugin without its own tests.

Its author knows how its provider answers and what its shops post; this does not. So it looks at what is declared, and
runs the part of the suites that holds for any plugin. Nothing is delivered but to this machine.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from messaging.errors import MessagingError, RequestRejected
from messaging.loading import Plugin
from messaging.nouns.adapter import Adapter, AdapterSettings
from messaging.nouns.request import Request
from messaging.nouns.source import EventSource, SourceContext, SourceSettings
from messaging.patience import Call, Hung, told
from messaging.services.plugin_settings import read_settings

#: What is filled in for settings that must be there.
_SECRET = "s3cret-of-nobody"  # noqa: S105 - it opens nothing
#: Seconds that anything of it may take.
PATIENCE = 10.0
#: Settings that lead to the provider.
_PLACES = ("url", "host", "endpoint")
#: Tests that ask what only the author knows: how the provider answers, or what it calls a message.
_AUTHORS = ("test_the_providers_id_is_passed_on", "test_receipts_come_as_they_are_known")


def problems_of(plugin: Plugin) -> Iterator[str]:
    """What is wrong with a plugin that was loaded alone, one line each, with what to do."""
    if plugin.fault is not None:
        yield str(plugin.fault)
        return
    if not plugin.hooks:
        yield "it has no hook: mark functions with @messaging.hookimpl, called as in docs/hooks.md"
    for adapter in plugin.adapters.values():
        yield from _declared(adapter)
    for source in plugin.sources.values():
        yield from _source(source)
    for name, suite in suites_of(plugin).items():
        yield from (f"{name}: {problem}" for problem in _run(suite))


def _declared(adapter: type[Adapter]) -> Iterator[str]:
    can, name = adapter.capabilities, f"adapter {adapter.name}"
    for method, declared in (("lookup", can.lookup), ("callback", can.callbacks)):
        written = getattr(adapter, method) is not getattr(Adapter, method)
        capability = "callbacks" if method == "callback" else method
        if declared and not written:
            yield f"{name}: it declares {capability} and has no method {method}: write it, or declare it not"
        if written and not declared:
            yield f"{name}: nobody calls its method {method}: declare capabilities = Capabilities({capability}=True)"
    if can.batch_size < 1:
        yield f"{name}: batch_size is {can.batch_size!r}: 1, or how many messages go in one request"


def _source(source: type[EventSource]) -> Iterator[str]:
    name = f"event source {source.name}"
    model: type = source.Settings
    if not issubclass(model, SourceSettings):
        yield f"{name}: Settings is no subclass of messaging.SourceSettings: make it one"
        return
    try:
        settings = read_settings(source.Settings, _guessed(source.Settings.model_fields), ("sources", source.name))
        made = source(settings, SourceContext(shop="main"))
    except MessagingError:
        return  # values that only its author knows
    request = Request(url=f"https://shop.example/hooks/{source.name}/main", body=b"{}", received_at=datetime.now(UTC))
    try:
        Call(lambda: made.verify(request)).result(PATIENCE)
    except RequestRejected:
        return
    except Hung as error:
        yield f"{name}: verify hangs: {error}"
    except Exception as error:  # what its author wrote may raise anything
        raised = told(error).partition(":")[0]
        yield f"{name}: verify raised {raised} for a request without a signature: raise RequestRejected"
    else:
        yield f"{name}: verify lets a request without a signature pass: raise RequestRejected"


def _guessed(fields: Mapping[str, FieldInfo], url: str = "") -> dict[str, Any]:
    """Values for settings that must be there, and for those that lead to a provider."""
    values: dict[str, Any] = {}
    for name, info in fields.items():
        if url and any(place in name for place in _PLACES) and "str" in str(info.annotation).lower():
            values[name] = url
        elif info.is_required():
            values[name] = _SECRET if info.annotation in (str, SecretStr) else 1
    return values


def has_kit() -> bool:
    """Whether the suites can be run."""
    try:
        import pytest  # noqa: F401 - only whether it is there
    except ImportError:
        return False
    return True


def suites_of(plugin: Plugin) -> dict[str, type]:
    """The part of the suites that holds for what a plugin brings, by what it is about; none without pytest."""
    if not has_kit():
        return {}
    import pytest

    from messaging.testing.contract.conduct import Conduct
    from messaging.testing.contract.manners import Manners
    from messaging.testing.contract.measuring import Measures
    from messaging.testing.contract.provider import Provider
    from messaging.testing.contract.receipts import Receipts
    from messaging.testing.contract.rule import RuleContract

    class AdapterSuite(Receipts, Measures, Manners, Conduct):
        def settings(self, provider: Provider) -> Mapping[str, Any]:
            fields = self.adapter.Settings.model_fields
            leads_here = any(place in name for name in fields for place in _PLACES)
            values = _guessed(fields, provider.url if leads_here else "")
            try:
                read_settings(self.adapter.Settings, values, ("adapters", self.adapter.name))
            except MessagingError:
                pytest.skip("its settings need values that only its author knows")
            if self.adapter.leaves_the_machine and not leads_here:
                pytest.skip("it may reach its real provider")
            return values

    for test in _AUTHORS:
        setattr(AdapterSuite, test, None)
    suites: dict[str, type] = {
        f"adapter {name}": type("TestAdapter", (AdapterSuite,), {"adapter": adapter})
        for name, adapter in plugin.adapters.items()
        if issubclass(adapter.Settings, AdapterSettings)
    }
    if "check_messages" in plugin.hooks:
        try:
            settings: Any = plugin.settings() if plugin.settings else {}
        except ValueError:
            return suites  # there must be some
        suites["check_messages"] = type("TestRule", (RuleContract,), {"plugin": plugin.module, "settings": settings})
    return suites


class _Listener:
    """Hears of what fails."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            text = report.longreprtext.strip().splitlines()
            what, _, remedy = "\n".join(text).partition("\n→ ")
            self.problems.append(f"{what.splitlines()[-1]}: {' '.join(remedy.split())}" if remedy else text[-1])


#: What the file that pytest is given holds: the suite that is to run.
_HOLDER: dict[str, type] = {}


def _run(suite: type) -> list[str]:
    import pytest

    listener = _Listener()
    _HOLDER["TestPlugin"] = suite
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test_plugin.py"
        file.write_text("from messaging.testing.checking import _HOLDER\nglobals().update(_HOLDER)\n", "utf-8")
        options = ["-p", "no:terminal", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", folder, str(file)]
        pytest.main(options, plugins=[listener])
    return list(dict.fromkeys(listener.problems))
