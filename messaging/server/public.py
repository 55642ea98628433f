"""The public app, all that the world may reach: links, open pixel, unsubscribe, preferences, the shop's API.

A reader's browser must never wait for the store: the redirect keeps the hit and answers. GET changes nothing
but counts. Where a redirect goes is in its signed token or its template version; no other part of a request
is asked.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from messaging.errors import MessagingError, NotFound, StoreError, TokenError
from messaging.nouns.engagement import EngagementKind
from messaging.nouns.event import Accepted
from messaging.rules.short_links import token_of
from messaging.rules.tokens import LinkSigner, Purpose, SigningKeys, Token, read_token
from messaging.server.events import events_api, refused
from messaging.server.html import Pages, language
from messaging.server.limits import Attempts, TooLarge, TooSlow, client_of, read_body
from messaging.server.targets import Targets
from messaging.services.health import Health
from messaging.services.preferences import Preferences, TooOften
from messaging.services.recording import Recorder
from messaging.stores.base import Store

log = logging.getLogger("messaging.server")

#: Links that are not ours, a minute and client, before the answer is "too many". Real links always work.
BAD_LINKS = 3000
#: Largest form, in bytes.
MAX_FORM = 64_000
#: A gif of one transparent point.
PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")

_REDIRECT = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
_PIXEL = {
    "Cache-Control": "no-store, no-cache, must-revalidate, private",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
_PREFETCH = ("sec-purpose", "purpose", "x-purpose", "x-moz")


#: Answers a request that there is nothing for.
Refused = Callable[[Request, Exception], Awaitable[Response]]


class Tracking:
    """The pages behind the links in messages."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        preferences: Preferences,
        targets: Targets,
        *,
        keys: SigningKeys,
        brand: Mapping[str, Any],
        topics: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._preferences = preferences
        self._targets = targets
        self._keys = keys
        self._topics = topics
        # From one page to the other.
        self._links = LinkSigner(keys, "..")
        self._bad = Attempts(BAD_LINKS)
        # Relative, so that the app may live under a path of the shop's own site.
        self._pages = Pages(brand, stylesheet="../style.css")

    def routes(self) -> list[Route]:
        """The addresses, as `rules.tokens` and `rules.short_links` make them."""
        return [
            Route("/c/{token}", self._signed(Purpose.CLICK, self.click), methods=["GET"]),
            Route("/o/{token}", self._signed(Purpose.OPEN, self.open), methods=["GET"]),
            Route("/u/{token}", self._signed(Purpose.UNSUBSCRIBE, self.unsubscribe), methods=["GET", "POST"]),
            Route("/p/{token}", self._signed(Purpose.PREFERENCES, self.choose), methods=["GET", "POST"]),
            Route("/s/{code}", self._guarded(self.short), methods=["GET"]),
            Route("/style.css", self._pages.style, methods=["GET"]),
        ]

    def _signed(
        self, purpose: Purpose, answer: Callable[[Request, Token], Awaitable[Response]]
    ) -> Callable[[Request], Any]:
        """An endpoint that reads its token first."""

        async def read(request: Request) -> Response:
            text = request.path_params["token"]
            token = read_token(self._keys, purpose, text.removesuffix(".gif") if purpose is Purpose.OPEN else text)
            return await answer(request, token)

        return self._guarded(read)

    def _guarded(self, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Any]:
        """An endpoint that answers errors as a page."""

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request)
            except StoreError as error:
                log.error("%s", error)
                return self._problem(request, 503, "later")
            except (NotFound, TokenError) as error:
                return self._unknown(request, error)
            except TooLarge as error:
                return self._problem(request, error.status, "too_much")
            except TooOften as error:
                return self._problem(request, error.status, "too_often")
            except TooSlow as error:
                return self._problem(request, error.status, "later")

        return endpoint

    def _unknown(self, request: Request, error: MessagingError) -> Response:
        """The same answer for every link that is not ours, whatever is wrong with it."""
        if self._bad.fail(client_of(request)):
            response = self._problem(request, 429, "too_many")
            response.headers["Retry-After"] = "60"
            return response
        return self._problem(request, 404, "not_ours")

    def _problem(self, request: Request, status: int, problem: str) -> Response:
        lang = language(request.headers.get("accept-language"), self._pages.brand.get("locale"))
        return self._pages.response("problem.html", status=status, lang=lang, problem=problem)

    async def refused(self, request: Request, error: Exception) -> Response:
        """What no address or method of ours is: a page for people, JSON for programs."""
        assert isinstance(error, HTTPException)
        if "text/html" not in request.headers.get("accept", ""):
            return await refused(request, error)
        response = self._problem(request, error.status_code, "nothing_here")
        response.headers.update(error.headers or {})
        return response

    async def click(self, request: Request, token: Token) -> Response:
        """302 to where the link leads."""
        target = self._targets.known(token)
        if target is None:
            target = await run_in_threadpool(self._targets.find, token)
        self._hit(EngagementKind.CLICKED, request, token, token.place)
        return Response(status_code=302, headers={"Location": target, **_REDIRECT})

    async def short(self, request: Request) -> Response:
        """A short link: 302 to where it leads, or to the page that it stands for."""
        link = await run_in_threadpool(self._store.short_links.get, request.path_params["code"])
        if link is None:
            raise NotFound("this link is not one of ours")
        token = token_of(link)
        if token.purpose is Purpose.CLICK:
            return await self.click(request, token)
        links = self._links.for_message(token.message_id, token.version)
        page = links.unsubscribe() if token.purpose is Purpose.UNSUBSCRIBE else links.preferences()
        return Response(status_code=302, headers={"Location": page, **_REDIRECT})

    async def open(self, request: Request, token: Token) -> Response:
        """The open pixel."""
        self._hit(EngagementKind.OPENED, request, token, None)
        return Response(PIXEL, headers=_PIXEL, media_type="image/gif")

    def _hit(self, kind: EngagementKind, request: Request, token: Token, slot: str | None) -> None:
        headers = request.headers
        self._recorder.hit(
            kind,
            token.message_id,
            slot=slot,
            method=request.method,
            agent=headers.get("user-agent", ""),
            prefetch=" ".join(headers[name] for name in _PREFETCH if name in headers),
        )

    async def unsubscribe(self, request: Request, token: Token) -> Response:
        """GET asks. POST withdraws, whoever posts: the button, or a mail program's one click (RFC 8058)."""
        text = request.path_params["token"]
        done = request.method == "POST"
        if done:
            body = await read_body(request, MAX_FORM)
            one_click = b"List-Unsubscribe" in body and b"One-Click" in body
            proof = "one-click unsubscribe" if one_click else "unsubscribe page"
            await run_in_threadpool(self._recorder.unsubscribe, token.message_id, proof=proof)
        lang, topic = await run_in_threadpool(self._reader, request, token)
        return self._pages.response(
            "unsubscribed.html" if done else "unsubscribe.html",
            lang=lang,
            action=text,
            preferences_url=self._links.for_message(token.message_id, token.version).preferences(),
            topic=topic,
        )

    def _reader(self, request: Request, token: Token) -> tuple[str, str]:
        """The reader's language, and what the message was about; else the browser's, and the shop."""
        locale = topic = None
        try:
            message = self._recorder.message(token.message_id)
            topic = message.topic
            customer = self._store.customers.get([message.customer_id]).get(message.customer_id)
            locale = customer.locale if customer else None
        except StoreError as error:
            log.warning("%s", error)
        lang = language(locale, request.headers.get("accept-language"), self._pages.brand.get("locale"))
        return lang, str(self._pages.brand["name"]) if topic is None else self._label(topic, lang)

    def _label(self, topic: str, lang: str) -> str:
        """What the shop calls a topic: in this language, in any, in the first it wrote; else the topic itself."""
        labels = self._topics.get(topic, {})
        return labels.get(lang) or labels.get("") or next(iter(labels.values()), _label(topic))

    async def choose(self, request: Request, token: Token) -> Response:
        """GET shows what the reader gets. POST saves what was ticked, or withdraws from everything."""
        saved = request.method == "POST"
        if saved:
            form = _form(await read_body(request, MAX_FORM))
            if form.get("none") == ["on"]:
                await run_in_threadpool(self._preferences.withdraw_all, token.message_id)
            else:
                shown = {_split(field) for field in form.get("shown", ())}
                wanted = {_split(field) for field, values in form.items() if values == ["on"]}
                await run_in_threadpool(self._preferences.choose, token.message_id, wanted, shown=shown)
        choices = await run_in_threadpool(self._preferences.choices, token.message_id)
        channels = list(dict.fromkeys(choice.channel for choice in choices))
        lang, _ = await run_in_threadpool(self._reader, request, token)
        topics = [
            {
                "name": topic,
                "label": self._label(topic, lang),
                "description": "",
                "choices": [
                    {"channel": choice.channel, "field": f"{topic}:{choice.channel}", "on": choice.granted}
                    for choice in choices
                    if choice.topic == topic
                ],
            }
            for topic in dict.fromkeys(choice.topic for choice in choices)
        ]
        return self._pages.response(
            "preferences.html",
            lang=lang,
            action=request.path_params["token"],
            channels=[{"name": channel, "label": _CHANNELS.get(channel, _label(channel))} for channel in channels],
            topics=topics,
            saved=saved,
        )


class PublicApp(Starlette):
    """The app, and the API that is a part of it."""

    def __init__(self, routes: Sequence[BaseRoute], api: FastAPI, *, refused: Refused) -> None:
        """`refused` answers for both what they do not have."""
        super().__init__(routes=routes, exception_handlers={HTTPException: refused})
        api.add_exception_handler(HTTPException, refused)
        self.api = api


def public_app(
    store: Store,
    recorder: Recorder,
    preferences: Preferences,
    *,
    receive: Callable[[object], Accepted],
    keys: SigningKeys,
    api_key: str,
    brand: Mapping[str, Any],
    topics: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    targets: Targets | None = None,
    more: Sequence[BaseRoute] = (),
    max_body: int = 1_000_000,
    health: Health,
) -> PublicApp:
    """The app. `receive` takes an event in; `brand` is the shop as pages show it.

    `topics` are what readers see topics called, by language (empty: in any); `more` are routes beside ours;
    `health` is what `/readyz` says.
    """
    tracking = Tracking(store, recorder, preferences, targets or Targets(store), keys=keys, brand=brand, topics=topics)
    api = events_api(receive=receive, api_key=api_key, max_body=max_body, health=health)
    return PublicApp([*tracking.routes(), *more, Mount("/", api)], api, refused=tracking.refused)


_CHANNELS = {"email": "Email", "sms": "SMS"}


def _label(word: str) -> str:
    """`new-arrivals` as people read it."""
    text = word.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


def _form(body: bytes) -> dict[str, list[str]]:
    """The fields of an urlencoded form.

    Raises:
        TooLarge: there are more than any form of ours has.
    """
    try:
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=1000)
    except ValueError:
        raise TooLarge("more fields than the form has") from None


def _split(field: str) -> tuple[str, str]:
    topic, _, channel = field.rpartition(":")
    return topic, channel
