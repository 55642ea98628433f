"""The staff app: mailbox, report, API description. For reading only, and never on the public door.

On loopback it answers to loopback's own names only, so that no web page can reach it by a name that suddenly
points here (DNS rebinding). Elsewhere it wants the staff password: the right one always works, wrong ones wait.
"""

from __future__ import annotations

import asyncio
import base64
import re
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from hmac import compare_digest
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from messaging.errors import MessagingError, NotFound, SettingsError
from messaging.server.html import HEADERS, Pages
from messaging.server.limits import Attempts
from messaging.server.mails import Mail, Mailbox
from messaging.server.plots import clicks_plot, rates_plot
from messaging.services.health import Health, overall
from messaging.services.reporting import Reporter, TemplateReport
from messaging.stores.base import Store

PAGE = 50
#: Wrong passwords a minute and client, before the answer to another comes late.
BAD_LOGINS = 10
#: How late, in seconds.
SLOW = 1.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

#: What a message may do in its frame: look like itself, and open links in another tab.
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src http: https: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
#: Our own open pixel: staff looking at a message is no open.
_PIXEL = re.compile(r"<img\b[^>]{0,500}/o/[A-Za-z0-9_-]{60}\.gif[^>]{0,500}>", re.IGNORECASE)
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]]+))(?::[0-9]*)?")
_VIEWS = {"html": "HTML", "text": "Text", "source": "Source"}
_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)


class Guard:
    """Lets staff in: by the name they call us, or by password."""

    def __init__(self, app: ASGIApp, *, names: frozenset[str], password: str | None) -> None:
        """`names` are the hosts we answer to (empty: any); `password` is asked for if there is one."""
        self._app = app
        self._names = names
        self._password = password
        self._failed = Attempts(BAD_LOGINS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = await self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self._names and _host(headers.get("host", "")) not in self._names:
            return PlainTextResponse("These pages are not served under this name.\n", 421)
        if self._password is None:
            return None
        given = _password(headers.get("authorization", ""))
        if given is not None and compare_digest(given, self._password.encode("utf-8")):
            return None  # whatever was tried before: nobody can lock the staff out
        if given is not None and self._failed.fail((scope.get("client") or ("",))[0]):
            await asyncio.sleep(SLOW)
            return PlainTextResponse("Too many wrong passwords: wait a minute.\n", 429, {"Retry-After": "60"})
        challenge = {"WWW-Authenticate": 'Basic realm="messaging staff", charset="UTF-8"'}
        return PlainTextResponse("Sign in with the staff password of keys.toml; any user name.\n", 401, challenge)


def _host(header: str) -> str:
    """A Host header without its port; nothing if it is none."""
    match = _HOST.fullmatch(header)
    return (match[1] or match[2]).lower() if match else ""


def _password(authorization: str) -> bytes | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except (Base64Error, ValueError):
        return b""


class StaffPages:
    """The pages."""

    def __init__(
        self,
        store: Store,
        reporter: Reporter,
        mailbox: Mailbox,
        *,
        health: Health,
        metrics: Callable[[], tuple[bytes, str]],
        describe_api: Callable[[], dict[str, Any]],
        brand: Mapping[str, Any],
    ) -> None:
        self._store = store
        self._reporter = reporter
        self._mailbox = mailbox
        self._health = health
        self._metrics = metrics
        self._describe_api = describe_api
        self._pages = Pages(brand, stylesheet="/style.css")

    def routes(self) -> list[Route]:
        return [
            Route("/", self.start),
            Route("/mailbox", self.mailbox),
            Route("/mailbox/{id}", self.message),
            Route("/mailbox/{id}/frame", self.frame),
            Route("/report", self.report),
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/docs", self.docs),
            Route("/openapi.json", self.openapi),
            Route("/style.css", self._pages.style),
        ]

    async def start(self, request: Request) -> Response:
        return RedirectResponse("/mailbox", 307)

    async def mailbox(self, request: Request) -> Response:
        """Messages, newest first; `q` searches, `from` leafs."""
        query = request.query_params.get("q", "")[:200].strip()
        start = _number(request.query_params.get("from", "0"))
        found, total = await run_in_threadpool(self._mailbox.find, query, start=start, count=PAGE)
        if start and not found:
            raise NotFound("the mailbox has no such page")
        rows = await run_in_threadpool(self._store.outbox.get, [mail.id for mail in found])

        def leaf(position: int) -> str:
            return "/mailbox?" + urlencode({key: value for key, value in (("q", query), ("from", position)) if value})

        return self._pages.response(
            "mailbox.html",
            here="mailbox",
            messages=[
                {
                    "url": f"/mailbox/{mail.id}",
                    "to": mail.to,
                    "subject": mail.subject,
                    "template": rows[mail.id].template if mail.id in rows else "",
                    "time": f"{mail.time:%d %b %Y %H:%M}",
                }
                for mail in found
            ],
            query=query,
            total=total,
            newer=leaf(max(0, start - PAGE)) if start else None,
            older=leaf(start + PAGE) if start + PAGE < total else None,
        )

    async def message(self, request: Request) -> Response:
        """One message as html, text or source."""
        mail = await self._mail(request)
        views = [view for view, there in (("html", mail.html), ("text", mail.text), ("source", True)) if there]
        view = request.query_params.get("view", views[0])
        if view not in _VIEWS:
            raise NotFound(f"a message has no view {view!r}", hint=f"it has: {', '.join(views)}")
        return self._pages.response(
            "message.html",
            here="mailbox",
            message={
                "subject": mail.header("subject") or "(no subject)",
                "from": mail.header("from"),
                "to": mail.header("to"),
                "time": f"{mail.time:%d %b %Y %H:%M} UTC",
                "headers": mail.headers,
            },
            view=view if view in views else views[0],
            views=[{"name": name, "label": _VIEWS[name], "url": f"/mailbox/{mail.id}?view={name}"} for name in views],
            frame_url=f"/mailbox/{mail.id}/frame",
            text=mail.text,
            source=mail.source,
        )

    async def frame(self, request: Request) -> Response:
        """The html of a message alone, in its sandbox."""
        html = _PIXEL.sub("", (await self._mail(request)).html or "")
        # Links open in a tab of their own: in the sandbox they would lead nowhere.
        base = '<base target="_blank">'
        html = _HEAD.sub(lambda head: head[0] + base, html, count=1) if _HEAD.search(html) else base + html
        headers = {**HEADERS, "Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return Response(html, headers=headers, media_type="text/html")

    async def _mail(self, request: Request) -> Mail:
        return await run_in_threadpool(self._mailbox.read, request.path_params["id"])

    async def report(self, request: Request) -> Response:
        """What each template brought, of `campaign` or `template` if given."""
        filters = {name: request.query_params.get(name) or None for name in ("campaign", "template")}
        reports = await run_in_threadpool(self._reporter.report, **filters)
        clicks = await run_in_threadpool(self._reporter.clicks, **filters)
        return self._pages.response(
            "report.html",
            here="report",
            totals=_totals(reports),
            seldom=[column for column in _SELDOM if any(getattr(report, column[0]) for report in reports)],
            templates=[_row(report) for report in reports],
            plots={
                "rates": rates_plot(self._pages, reports),
                "time": clicks_plot(self._pages, clicks, self._reporter.now()),
            },
            filters=filters,
        )

    async def health(self, request: Request) -> Response:
        """How each part is, in full."""
        parts = await run_in_threadpool(self._health.look)
        return self._pages.response("health.html", here="health", overall=overall(parts).value, parts=parts)

    async def metrics(self, request: Request) -> Response:
        """For Prometheus; or what to install."""
        try:
            page, media_type = await run_in_threadpool(self._metrics)
        except SettingsError as error:
            return PlainTextResponse(f"{error}\n", 501)
        return Response(page, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(self._describe_api())

    async def docs(self, request: Request) -> Response:
        """The API, for people."""
        description = self._describe_api()
        schemas = description["components"]["schemas"]
        return self._pages.response(
            "docs.html",
            here="docs",
            operations=[
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": operation.get("summary", ""),
                    "description": operation.get("description", ""),
                    "answers": [(status, answer["description"]) for status, answer in operation["responses"].items()],
                }
                for path, methods in description["paths"].items()
                for method, operation in methods.items()
            ],
            fields=list(_fields(schemas["Event"], schemas)),
        )

    async def failed(self, request: Request, error: Exception) -> Response:
        """A page that says what is wrong."""
        assert isinstance(error, MessagingError)
        hint = f" ({error.hint})" if error.hint else ""
        message = error.message[:1].upper() + error.message[1:]
        return self._pages.response("staff_problem.html", status=error.status, message=f"{message}{hint}.")

    async def refused(self, request: Request, error: Exception) -> Response:
        """What no page or method of ours is."""
        assert isinstance(error, HTTPException)
        message = "There is no such page." if error.status_code == 404 else "Pages can be looked at only."
        response = self._pages.response("staff_problem.html", status=error.status_code, message=message)
        response.headers.update(error.headers or {})
        return response


def staff_app(
    store: Store,
    reporter: Reporter,
    mailbox: Mailbox,
    *,
    health: Health,
    metrics: Callable[[], tuple[bytes, str]],
    describe_api: Callable[[], dict[str, Any]],
    brand: Mapping[str, Any],
    host: str,
    password: str,
) -> Starlette:
    """The app for `host`, the address it will listen on."""
    pages = StaffPages(store, reporter, mailbox, health=health, metrics=metrics, describe_api=describe_api, brand=brand)
    here = host in LOOPBACK
    guard = Middleware(Guard, names=LOOPBACK if here else frozenset[str](), password=None if here else password)
    handlers = {MessagingError: pages.failed, HTTPException: pages.refused}
    return Starlette(routes=pages.routes(), middleware=[guard], exception_handlers=handlers)


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 9:
        return int(text)
    raise NotFound("the mailbox has no such page")


#: Columns of the report, and their heads, that are left out while there is nothing but zeros in them.
_SELDOM = (
    ("opens", "Opens"),
    ("delivered", "Delivered"),
    ("bounced", "Bounced"),
    ("complained", "Complained"),
    ("refused", "Refused"),
    ("unknown", "Unknown"),
    ("unsubscribes", "Unsubscribes"),
)


def _percent(rate: float | None) -> str:
    return "–" if rate is None else f"{rate:.1%}"


def _row(report: TemplateReport) -> dict[str, Any]:
    low, high = report.click_through_interval
    return {
        **report.to_document(),
        "rate": _percent(report.click_through_rate),
        # Of nothing sent, nothing is known: an interval of all there is would only look like a number.
        "range": f"{_percent(low)}–{_percent(high)}" if report.sent else "",
        # Places that nobody used say nothing: another language's, another branch's.
        "links": [
            {**link, "rate": _percent(link["click_through_rate"])}
            for link in report.to_document()["links"]
            if link["clicks"] or link["machine_clicks"]
        ],
        "languages": len({link.locale for link in report.links}) > 1,
    }


def _totals(reports: Sequence[TemplateReport]) -> list[dict[str, str]]:
    def total(name: str) -> int:
        return sum(getattr(report, name) for report in reports)

    sent, unique = total("sent"), total("unique_clicks")
    return [
        {
            "label": "Sent",
            "value": f"{sent:,}",
            "note": f"{total('refused'):,} refused, {total('unknown'):,} unknown",
        },
        {"label": "Clicked", "value": f"{unique:,}", "note": "messages, by a person"},
        {
            "label": "Click-through",
            "value": _percent(unique / sent if sent else None),
            "note": "of those sent",
        },
        {"label": "Machines", "value": f"{total('machine_clicks'):,}", "note": "clicks, not counted above"},
        {"label": "Unsubscribed", "value": f"{total('unsubscribes'):,}", "note": "messages"},
    ]


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any], path: str = "", depth: int = 0) -> Any:
    """The fields of a schema, as paths."""
    for name, field in schema.get("properties", {}).items():
        options = field.get("anyOf", [field])
        part = next((schemas[o["$ref"].rpartition("/")[2]] for o in options if "$ref" in o), None)
        kinds = [o.get("type", "text") for o in options if o.get("type") != "null" and "$ref" not in o]
        names = {"string": "text", "array": "list"}
        kind = "object" if part else " or ".join(names.get(kind, kind) for kind in kinds) or "text"
        yield {"path": path + name, "type": kind, "required": name in schema.get("required", ())}
        if part is not None and depth < 4:
            yield from _fields(part, schemas, f"{path}{name}.", depth + 1)
        elif "items" in field and "$ref" in field["items"]:
            yield from _fields(
                schemas[field["items"]["$ref"].rpartition("/")[2]], schemas, f"{path}{name}[].", depth + 1
            )
