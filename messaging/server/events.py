"""What the shop's own systems call: `POST /events`, behind an API key, and whether we are well."""

from __future__ import annotations

import logging
from collections.abc import Callable
from hmac import compare_digest
from typing import Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import messaging
from messaging.errors import MessagingError, StoreError
from messaging.nouns.event import Accepted
from messaging.rules.envelope import parse_json
from messaging.rules.event_schema import schema
from messaging.server.limits import read_body
from messaging.services.health import Grade, Health, overall

log = logging.getLogger("messaging.server")

_NOT_KEPT = {"Cache-Control": "no-store"}
_NO_STORE = "the store cannot be used"


class Unauthorized(MessagingError):
    """The API key is missing or wrong."""

    status = 401


class WrongType(MessagingError):
    """The body is not plain JSON."""

    status = 415


def events_api(
    *,
    receive: Callable[[object], Accepted],
    api_key: str,
    max_body: int,
    health: Health,
) -> FastAPI:
    """The API for the shop's systems. `receive` takes an event in; bodies have at most `max_body` bytes.

    `health` says how we are.
    """
    # Its description is for staff (see `openapi`), not for everybody who finds the address.
    api = FastAPI(
        title="Customer messaging",
        version=messaging.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    api.add_exception_handler(MessagingError, _failed)
    api.add_exception_handler(HTTPException, refused)

    async def take_event(request: Request) -> Response:
        _authorize(request, api_key)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise WrongType("a compressed body", hint="send it as it is")
        if not _is_json(request.headers.get("content-type", "")):
            raise WrongType("the body must be JSON", hint="send Content-Type: application/json")
        document = parse_json(await read_body(request, max_body))
        accepted = await run_in_threadpool(receive, document)
        return JSONResponse(accepted.to_document(), 202 if accepted.new else 200)

    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    async def readyz() -> Response:
        parts = await run_in_threadpool(health.look)
        status = overall(parts)
        told = {part.name: {"status": part.grade.value, "says": part.says} for part in parts}
        return JSONResponse({"status": status.value, "parts": told}, 503 if status is Grade.FAILING else 200, _NOT_KEPT)

    api.add_api_route(
        "/events",
        take_event,
        methods=["POST"],
        status_code=202,
        summary="Tell what happened",
        description="Known by (source, shop, id): the same again changes nothing and answers 200.",
        responses={
            200: {"description": "Known already"},
            202: {"description": "Taken in"},
            400: {"description": "Not an event; says which field is wrong"},
            401: {"description": "The API key is missing or wrong"},
            408: {"description": "The body did not come in time"},
            409: {"description": "The id is known for another content"},
            413: {"description": "Too large"},
            415: {"description": "Not JSON"},
            503: {"description": "The store cannot be written; try again"},
        },
        response_model=None,
    )
    api.add_api_route("/healthz", healthz, summary="Whether the process runs")
    api.add_api_route(
        "/readyz",
        readyz,
        summary="How all parts are: ok, degraded, failing",
        responses={503: {"description": "Send no traffic here: the store cannot be used, or a job is not well"}},
        response_model=None,
    )
    return api


def openapi(api: FastAPI) -> dict[str, Any]:
    """The API's OpenAPI description."""
    described = api.openapi()
    event = schema("#/components/schemas/{model}")
    components = described.setdefault("components", {})
    components.setdefault("schemas", {}).update({**event.pop("$defs"), "Event": event})
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    post = described["paths"]["/events"]["post"]
    post["security"] = [{"bearer": []}, {"header": []}]
    post["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Event"}}},
    }
    return described


def error_body(message: str, hint: str | None = None) -> dict[str, Any]:
    """How every error of the API looks."""
    return {"error": {"message": message, "hint": hint}}


def _authorize(request: Request, api_key: str) -> None:
    """In constant time, over bytes: a header may hold anything."""
    given = request.headers.get("x-api-key")
    if given is None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip() if scheme.lower() == "bearer" else ""
    if not compare_digest(given.encode("utf-8", "replace"), api_key.encode("utf-8")):
        raise Unauthorized(
            "the API key is missing or wrong", hint="send Authorization: Bearer KEY, the api_key of keys.toml"
        )


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, MessagingError)
    if error.status >= 500:
        log.error("%s", error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}.get(error.status)
    # Public: where the store is and what exactly is wrong with it is for the log.
    told = (_NO_STORE, "the server's log says why") if isinstance(error, StoreError) else (error.message, error.hint)
    return JSONResponse(error_body(*told), error.status, headers)


async def refused(request: Request, error: Exception) -> Response:
    """There is no such address, or not with this method."""
    assert isinstance(error, HTTPException)
    return JSONResponse(error_body(str(error.detail).lower()), error.status_code, error.headers)
