"""A running server that shops post to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from messaging.nouns.event import Event
from messaging.server.run import Door, listen, make_apps, run
from messaging.server.targets import Targets

if TYPE_CHECKING:
    from tests.conftest import Shop


class Hooks:
    """`/hooks/…` of a workspace, on a socket."""

    def __init__(self, shop: Shop, web: httpx.Client) -> None:
        self.shop = shop
        self.web = web

    def post(self, place: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Post to `stripe/main`, with headers of any letters."""
        raw = {name: value.encode("utf-8", "replace") for name, value in headers.items()}
        return self.web.post(f"/hooks/{place}", content=body, headers=raw)

    def status(self, place: str, body: bytes, headers: Mapping[str, str]) -> int:
        return self.post(place, body, headers).status_code

    def events(self) -> list[Event]:
        """What is kept, as it came in."""
        return sorted(self.shop.app.store.events.page(limit=1000), key=lambda event: event.id)


@pytest.fixture
def hooks(live_shop: Shop) -> Iterator[Callable[[str], Hooks]]:
    """`hooks(toml)`: a server with these settings."""
    with ExitStack() as stack:

        def serve(settings: str) -> Hooks:
            file = live_shop.workspace.settings
            file.write_text(f"{file.read_text('utf-8')}\n{settings}", "utf-8")
            live_shop.app = live_shop.open()
            app: Any = make_apps(live_shop.app, Targets(live_shop.app.store), "127.0.0.1")[0]
            socket = stack.enter_context(listen("127.0.0.1", 0))
            stop, started = threading.Event(), threading.Event()
            options = {"on_start": started.set, "stop": stop}
            thread = threading.Thread(target=run, args=([Door(app, socket)],), kwargs=options)
            thread.start()
            stack.callback(thread.join, 10)
            stack.callback(stop.set)
            assert started.wait(10)
            web = httpx.Client(base_url=Door(app, socket).url, trust_env=False)
            return Hooks(live_shop, stack.enter_context(web))

        yield serve
