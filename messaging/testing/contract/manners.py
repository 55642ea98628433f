"""How an adapter presents itself: its name, its settings, what making, closing and importing it do."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined

from messaging.errors import SettingsError
from messaging.ids import is_name
from messaging.nouns.adapter import Adapter, AdapterSettings
from messaging.services.handover import secrets_in
from messaging.services.plugin_settings import read_settings
from messaging.testing.contract.authoring import AdapterBench
from messaging.testing.contract.bench import ended, fault
from messaging.testing.contract.footprint import changed, common
from messaging.testing.contract.hearing import listening
from messaging.testing.contract.provider import Provider

_SECRET = re.compile(r"(^|_)(token|secret|password|passphrase|credentials?)(_|s?$)|api_?key|private_?key|auth_?key")
#: What stands between whoever reads a variable and the environment.
_BETWEEN = (os.__file__, "<frozen os>", "<frozen _collections_abc>", sys.modules["_collections_abc"].__file__)


class Manners(AdapterBench):
    """Tests of all that is around `deliver`."""

    def test_name_and_channel(self) -> None:
        for what in ("name", "channel"):
            word = getattr(self.adapter, what, None)
            if not isinstance(word, str) or not is_name(word):
                fault(f"{what} is {word!r}", "make it a word of lower-case letters, digits, - and _: pigeon")

    # Settings

    def given(self, remote: Provider) -> dict[str, Any]:
        return dict(self.settings(remote))

    def read(self, values: Mapping[str, Any]) -> Any:
        return read_settings(self.adapter.Settings, values, ("adapters", self.adapter.name))

    def test_settings_are_a_model(self, remote: Provider) -> None:
        if not (isinstance(self.adapter.Settings, type) and issubclass(self.adapter.Settings, AdapterSettings)):
            fault(
                "Settings is no subclass of messaging.AdapterSettings", "make it one: class Settings(AdapterSettings)"
            )
        self.read(self.given(remote))

    def test_a_setting_that_is_missing_is_named(self, remote: Provider) -> None:
        good = self.given(remote)
        for name in good:
            field = self.adapter.Settings.model_fields.get(name)
            if field is None or field.default is not PydanticUndefined or field.default_factory is not None:
                continue
            try:
                self.read({key: value for key, value in good.items() if key != name})
            except SettingsError as error:
                if name not in str(error) and name.upper() not in str(error):
                    fault(f"without {name}, the error does not name it: {error}", f"name {name} in it")
            else:
                fault(f"{name} may be missing, although it has no default", "leave its checking to the model")

    def test_a_setting_that_there_is_not_is_refused(self, remote: Provider) -> None:
        try:
            self.read({**self.given(remote), "no_such_setting": "1"})
        except SettingsError:
            return
        fault(
            "a setting that there is not was taken without a word",
            'leave model_config as it is in AdapterSettings (extra="forbid"): people mistype',
        )

    def test_secrets_are_marked(self, remote: Provider) -> None:
        for name, field in self.adapter.Settings.model_fields.items():
            if _SECRET.search(name) and "str" in str(field.annotation).lower().replace("secretstr", ""):
                fault(f"the setting {name} holds a secret as plain text", f"declare it {name}: pydantic.SecretStr")
        settings = self.read(self.given(remote))
        for secret in secrets_in(settings):
            if secret in repr(settings) or secret in str(settings):
                fault("the settings show a secret in their repr", "leave repr as it is, and secrets SecretStr")

    def test_making_one_sends_nothing(self, open: Callable[..., Adapter], remote: Provider) -> None:
        open()
        if remote.asked_for and remote.arrived:
            fault("a request was sent when the adapter was made", "connect when something is to be delivered")

    # What it leaves behind

    def test_close_is_harmless(self, remote: Provider, tmp_path: Path) -> None:
        """Without a delivery, twice, and with no word about what belongs to the workspace."""
        with ExitStack() as stack:
            adapter = self.make(remote, tmp_path, stack)
            closed: list[str] = []
            http, handlers = adapter.context.http, list(logging.getLogger().handlers)
            real, http.close = http.close, lambda: closed.append("context.http")  # type: ignore[method-assign] # only to look on
            try:
                used = self.make(remote, tmp_path, stack)
                self.run(used, self.messages(remote, 1))
                for each in (adapter, used, used):
                    ended("close()", each.close)
            except Exception as error:  # what its author wrote may raise anything
                fault(
                    f"close() raised {type(error).__name__}: {error}", "close what there is, also if there is nothing"
                )
            finally:
                http.close = real  # type: ignore[method-assign] # as it was
            if closed or sys.stdout.closed or sys.stderr.closed or logging.getLogger().handlers != handlers:
                fault(
                    f"close() closed what is not the adapter's: {', '.join(closed) or 'the process’s own streams'}",
                    "close only what the adapter opened itself",
                )

    def test_importing_it_does_nothing(self) -> None:
        """Its module is run once more, under another name."""
        module = sys.modules.get(self.adapter.__module__)
        file = getattr(module, "__file__", None)
        if module is None or not file or not file.endswith(".py"):
            pytest.skip("its module is no file")
        before, threads = common(), set(threading.enumerate())
        with listening() as heard, _watched_environment(file) as read:
            spec = importlib.util.spec_from_file_location(f"{module.__name__}__again", file)
            assert spec is not None
            assert spec.loader is not None
            again = importlib.util.module_from_spec(spec)
            again.__package__ = module.__package__
            sys.modules[spec.name] = again
            try:
                spec.loader.exec_module(again)
            except Exception as error:  # what its author wrote may raise anything
                pytest.skip(f"its module cannot be run a second time: {type(error).__name__}: {error}")
            finally:
                del sys.modules[spec.name]
        own = [line for line in heard.lines if not line.startswith(("asyncio:", "charset_normalizer:"))]
        if own:
            fault(f"importing it logs: {own[0]}", "log when something happens; a module is also imported to be listed")
        if read:
            fault(
                f"importing it reads the environment: {read[0]}",
                'name the variable in the setting: Field(json_schema_extra={"env": "PIGEON_TOKEN"})',
            )
        what = changed(before)
        if what is not None:
            fault(f"importing it changed {what}", "leave alone what belongs to the whole process")
        if set(threading.enumerate()) - threads:
            fault("importing it starts a thread", "start it when something is to be delivered, and end it in close()")


@contextmanager
def _watched_environment(file: str) -> Iterator[list[str]]:
    """The names of variables that the code of `file` reads meanwhile."""
    read: list[str] = []
    real = os.environ

    class Watched(type(real)):  # type: ignore[misc] # whatever kind it is
        def __getitem__(self, key: str) -> str:
            frame = sys._getframe(1)
            while frame is not None and frame.f_code.co_filename in _BETWEEN:
                frame = frame.f_back  # type: ignore[assignment] # None ends the loop
            if frame is not None and frame.f_code.co_filename == file:
                read.append(key)
            value: str = super().__getitem__(key)
            return value

    watched = Watched.__new__(Watched)
    watched.__dict__.update(real.__dict__)
    os.environ = watched  # noqa: B003 - only to look on; it is the same environment
    try:
        yield read
    finally:
        os.environ = real  # noqa: B003 - as it was
