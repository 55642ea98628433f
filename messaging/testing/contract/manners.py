"""How an adapter behaves in a process that is not its own: names, settings, secrets, what it leaves behind."""

from __future__ import annotations

import gc
import importlib.util
import logging
import os
import re
import signal
import socket
import sys
import threading
import time
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
from messaging.testing.contract.bench import Listener, fault, listening
from messaging.testing.contract.leaks import chain, check_addresses, check_secrets
from messaging.testing.contract.provider import Fate, Provider

_SECRET = re.compile(r"(^|_)(token|secret|password|passphrase|credentials?)(_|s?$)|api_?key|private_?key|auth_?key")
#: What stands between whoever reads a variable and the environment.
_BETWEEN = (os.__file__, "<frozen os>", "<frozen _collections_abc>", sys.modules["_collections_abc"].__file__)
#: Seconds that what was closed may take to be gone.
_GONE = 3.0


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

    # What it lets others see

    def test_no_secret_gets_out(
        self, open: Callable[..., Adapter], remote: Provider, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with self.everything(open, remote) as (adapter, heard, told):
            secrets = list(secrets_in(adapter.settings))
            if not secrets:
                pytest.skip("its settings hold no secret (pydantic.SecretStr)")
            printed = "".join(capfd.readouterr())
        shown = {
            "a log": heard.text,
            "what was printed": printed,
            "an error or a receipt": "\n".join(told),
            "repr of the adapter": f"{adapter!r} {adapter}",
        }
        check_secrets(secrets, shown)

    def test_no_address_is_logged(
        self, open: Callable[..., Adapter], remote: Provider, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with self.everything(open, remote) as (_, heard, _):
            printed = "".join(capfd.readouterr())
        to = [self.message(number, remote).to for number in (1, 2, 3)]
        check_addresses(to, {"a log": heard.text, "what was printed": printed})

    @contextmanager
    def everything(
        self, open: Callable[..., Adapter], remote: Provider
    ) -> Iterator[tuple[Adapter, Listener, list[str]]]:
        """Let it deliver to a provider that behaves in every way it can, and note what is said."""
        adapter, told = open(), []
        fates = [Fate.ACCEPT, *([fate for fate in Fate if fate is not Fate.SILENT] if remote.asked_for else [])]
        with listening() as heard:
            for fate in fates:
                if remote.asked_for and not remote.be(fate):
                    continue
                run = self.run(adapter, self.messages(remote, 3))
                told += [f"{receipt!r}" for receipt in run.receipts]
                if run.raised is not None:
                    told += chain(run.raised)
            yield adapter, heard, told

    # What it leaves behind

    def test_everything_is_closed(self, remote: Provider, tmp_path: Path) -> None:
        with ExitStack() as stack:
            gc.collect()
            adapter = self.make(remote, tmp_path, stack)
            before, threads = _descriptors(), set(threading.enumerate())
            for fate in (Fate.ACCEPT, Fate.REFUSE, Fate.RESET, Fate.ACCEPT):
                if not remote.asked_for or remote.be(fate):
                    self.run(adapter, self.messages(remote, 3))
            adapter.close()
            stack.close()  # the workspace's own way out
            left = _left(before, threads)
            remote.__exit__(None, None, None)
            left = left and _left(before, threads)
            if left:
                fault(
                    f"after close() there is still {', '.join(left)}",
                    "give back in close() what was opened: connections, clients, files, pools, event loops",
                )
            adapter.settings  # it lives until here: what only its end closes does not count  # noqa: B018

    def test_close_is_harmless(self, remote: Provider, tmp_path: Path) -> None:
        """Without a delivery, twice, and with no word about what belongs to the workspace."""
        with ExitStack() as stack:
            adapter = self.make(remote, tmp_path, stack)
            closed: list[str] = []
            http, handlers = adapter.context.http, list(logging.getLogger().handlers)
            real, http.close = http.close, lambda: closed.append("context.http")  # type: ignore[method-assign] # only to look on
            try:
                adapter.close()
                used = self.make(remote, tmp_path, stack)
                self.run(used, self.messages(remote, 1))
                used.close()
                used.close()
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

    def test_the_process_is_left_as_it_was(self, open: Callable[..., Adapter], remote: Provider) -> None:
        before = _process()
        self.run(open(), self.messages(remote, 2))
        _compare(before, _process(), "deliver")

    def test_importing_it_does_nothing(self) -> None:
        """Its module is run once more, under another name."""
        module = sys.modules.get(self.adapter.__module__)
        file = getattr(module, "__file__", None)
        if module is None or not file or not file.endswith(".py"):
            pytest.skip("its module is no file")
        before, threads = _process(), set(threading.enumerate())
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
        _compare(before, _process(), "importing it")
        if set(threading.enumerate()) - threads:
            fault("importing it starts a thread", "start it when something is to be delivered, and end it in close()")


def _descriptors() -> dict[int, str]:
    """The process's open files and sockets."""
    found = {}
    folder = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
    for name in os.listdir(folder):
        try:
            status = os.fstat(int(name))
            what = os.readlink(folder / name) if folder.parts[1] == "proc" else "file"
        except (OSError, ValueError):
            continue
        found[int(name)] = f"{what}:{status.st_ino}"
    return found


def _left(before: dict[int, str], threads: set[threading.Thread]) -> list[str]:
    """What is there that was not, once it had time to go."""
    until = time.monotonic() + _GONE
    while True:
        files = [what for fd, what in _descriptors().items() if before.get(fd) != what]
        running = [each for each in threading.enumerate() if each not in threads and not _is_ours(each)]
        if (not files and not running) or time.monotonic() > until:
            return [f"the thread {each.name}" for each in running] + [f"an open {what}" for what in files]
        time.sleep(0.02)


def _is_ours(thread: threading.Thread) -> bool:
    """Whether it is one of the suite's own: of its provider, of a delivery that hangs, of the workspace's way out."""
    return thread.name in ("standin", "kit-deliver", "look-up") or "process_request_thread" in thread.name


def _process() -> dict[str, object]:
    """What belongs to everybody in a process."""
    root = logging.getLogger()
    return {
        "os.environ": dict(os.environ),
        "the current folder": os.getcwd(),
        "the default timeout of sockets": socket.getdefaulttimeout(),
        "the root logger's level": root.level,
        "the root logger's handlers": list(root.handlers),
        "what SIGINT does": signal.getsignal(signal.SIGINT),
        "what SIGTERM does": signal.getsignal(signal.SIGTERM),
        "sys.excepthook": sys.excepthook,
        "the umask": _umask(),
    }


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _compare(before: dict[str, object], after: dict[str, object], what: str) -> None:
    # pytest itself says in the environment which test it is at.
    for found in (before, after):
        environment = found["os.environ"]
        assert isinstance(environment, dict)
        environment.pop("PYTEST_CURRENT_TEST", None)
    for name, value in before.items():
        if after[name] != value:
            fault(f"{what} changed {name}", "leave alone what belongs to the whole process")


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
