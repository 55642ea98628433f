"""How long requests take, by the route that they are for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from messaging.meters import note

#: Requests for what is not there, whatever their path: a stranger makes no new label.
OTHER = "other"


class Timed:
    """An app whose requests are timed."""

    def __init__(self, app: ASGIApp, door: str, routes: Iterable[BaseRoute]) -> None:
        """`door` is what the app is called; `routes` are all it has."""
        self._app = app
        self._door = door
        self._routes: dict[tuple[str, int], str] = {}
        for path in _paths(routes):
            self._routes.setdefault(_kind(path), path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = "5xx"  # if it ends without an answer
        begun = perf_counter()

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        try:
            await self._app(scope, receive, told)
        finally:
            route = self._routes.get(_kind(scope["path"]), OTHER)
            note("request_seconds", perf_counter() - begun, door=self._door, route=route, status=status)


def _paths(routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _paths(route.routes)
        elif isinstance(route, Route):
            yield route.path


def _kind(path: str) -> tuple[str, int]:
    """Its first part, and how many there are: what tells our routes apart."""
    parts = path.split("/")
    return parts[1] if len(parts) > 1 else "", len(parts)
