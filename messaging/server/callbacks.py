"""What providers and shops post: `/callbacks/{adapter}` and `/hooks/{source}/{shop}`.

Whoever posts is known by a signature, which the plugin checks over the raw bytes. What it makes of them goes the ways
that everything goes: engagement to the recorder, events to the intake. Everything is kept when this answers, and what
events do happens behind it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from fastapi.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from messaging.errors import MessagingError, NotFound, SettingsError
from messaging.nouns.request import Request
from messaging.server.events import WrongType, error_body
from messaging.server.limits import read_body
from messaging.services.callbacks import Callbacks
from messaging.services.sources import Sources

log = logging.getLogger("messaging.server")

#: What adapters, sources and shops may be called.
_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9._-]{0,99})?")


def callback_routes(callbacks: Callbacks, sources: Sources, *, base_url: str, max_body: int) -> list[Route]:
    """The addresses. `base_url` is how the world reaches them: providers sign what they called."""

    async def from_provider(request: HttpRequest) -> Response:
        asked = await _read(request, base_url, max_body)
        answer = await run_in_threadpool(callbacks.take, request.path_params["adapter"], asked)
        return Response(answer.answer, media_type=answer.media_type)

    async def from_shop(request: HttpRequest) -> Response:
        asked = await _read(request, base_url, max_body)
        place = request.path_params["source"], request.path_params["shop"]
        if request.method != "POST":
            return _said(await run_in_threadpool(sources.reply, *place, asked))
        taken, reply = await run_in_threadpool(sources.take, *place, asked)
        if reply is not None:
            return _said(reply)
        return JSONResponse({"events": len(taken), "new": sum(accepted.new for accepted in taken)}, 202)

    return [
        Route("/callbacks/{adapter}", _answering(from_provider), methods=["POST"]),
        Route("/hooks/{source}/{shop}", _answering(from_shop), methods=["GET", "POST"]),
    ]


def _said(reply: bytes) -> Response:
    # It may hold what anybody asked: text, and nothing that a browser would make more of.
    return Response(reply, media_type="text/plain", headers={"X-Content-Type-Options": "nosniff"})


async def _read(request: HttpRequest, base_url: str, max_body: int) -> Request:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongType("a compressed body", hint="send it as it is")  # signatures are over what was sent
    query = f"?{request.url.query}" if request.url.query else ""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        url=f"{base_url.rstrip('/')}{request.url.path}{query}",
        headers=headers,
        body=await read_body(request, max_body),
        received_at=datetime.now(UTC),
    )


def _answering(endpoint: Callable[[HttpRequest], Awaitable[Response]]) -> Callable[[HttpRequest], Any]:
    """Errors as JSON. What is ours to mend is a 503, so that it is posted again."""

    async def answer(request: HttpRequest) -> Response:
        try:
            return await endpoint(request)
        except SettingsError as error:
            log.error("%s: %s", _shown(request.url.path), error)
            return _problem(NotFound("nobody posts here"))
        except MessagingError as error:
            log.log(
                logging.ERROR if error.status >= 500 else logging.WARNING, "%s: %s", _shown(request.url.path), error
            )
            return _problem(error)

    return answer


def _shown(path: str) -> str:
    """An address as it may be logged: anybody may post anywhere, and put an address of somebody's there."""
    return "/".join(part if _NAME.fullmatch(part) else "…" for part in path.split("/"))


def _problem(error: MessagingError) -> Response:
    headers = {401: {"WWW-Authenticate": "Signature"}, 503: {"Retry-After": "5"}}.get(error.status)
    return JSONResponse(error_body(error.message), error.status, headers)
