"""The part of the suite for sources whose shop tells little: what they ask it for, and what they reply to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from messaging.errors import DeliveryError, InputError, MessagingError, NotSent, Unanswered
from messaging.nouns.http import HttpAnswer, HttpClient
from messaging.nouns.request import Request
from messaging.nouns.source import EventSource
from messaging.rules.envelope import read_event
from messaging.testing.contract.bench import fault
from messaging.testing.contract.source_bench import SourceBench
from messaging.testing.standins.http import Answer

#: How the shop's own API may be asked: a method and a request.
Shop = Callable[[str, Request], Answer]

_LATER = (
    "raise messaging.DeliveryError (or let NotSent and Unanswered pass) when the shop cannot answer now: "
    "a 429, a 5xx, no answer. The core asks again"
)


class ShopApi(HttpClient):
    """The way out to a shop that is a function."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float | None = None,
        limit: int | None = None,
        trusted: bool = False,
    ) -> HttpAnswer:
        told = {name.lower(): value for name, value in (headers or {}).items()}
        answer = self._shop(method, Request(url=url, body=body, headers=told, received_at=datetime.now(UTC)))
        kept = answer.body if limit is None else answer.body[:limit]
        given = {"content-type": answer.media_type, **answer.headers}
        names = {name.lower(): value for name, value in given.items()}
        return HttpAnswer(status=answer.status, headers=names, body=kept, cut=kept != answer.body)


def _not_sent(method: str, request: Request) -> Answer:
    raise NotSent("nobody is there")


def _unanswered(method: str, request: Request) -> Answer:
    raise Unanswered("no answer came")


def _always(answer: Answer) -> Shop:
    return lambda method, request: answer


_AWAY: Mapping[str, Shop] = {
    "nobody is there": _not_sent,
    "no answer comes": _unanswered,
    "it answers 429": _always(Answer(status=429, headers={"Retry-After": "30"}, body=b"{}")),
    "it answers 500": _always(Answer(status=500, body=b"<html>")),
    "it answers 503": _always(Answer(status=503)),
}
_ODD: Mapping[str, Shop] = {
    "404": _always(Answer(status=404, body=b'{"title": "not found"}')),
    "nothing": _always(Answer(status=200)),
    "null": _always(Answer(body=b"null")),
    "a list": _always(Answer(body=b"[]")),
    "an empty object": _always(Answer(body=b"{}")),
    "nulls": _always(Answer(body=b'{"id": null, "data": null, "order": null, "items": null}')),
    "html": _always(Answer(body=b"<html>\xe9\xff</html>", media_type="text/html")),
    "brackets without end": _always(Answer(body=b"[" * 100_000)),
}


class Completing(SourceBench):
    """Tests of `complete` and `answer`."""

    def _incomplete(self, shop: Shop) -> list[tuple[EventSource, dict[str, Any]]]:
        """A source that asks `shop`, and its incomplete events."""
        source = self.make(http=ShopApi(shop))
        told = [dict(event) for body in self.bodies() for event in source.events(self.genuine(body))]
        found = [(source, event) for event in told if event.get("incomplete") is not None]
        if not found:
            pytest.skip("its events are whole: it asks the shop nothing")
        return found

    def test_what_is_incomplete_is_completed(self) -> None:
        for source, event in self._incomplete(self.shop_api):
            whole = source.complete(event)
            if whole is None:
                continue
            mine = {"id": event["id"], "source": source.name, "shop": source.context.shop}
            document = {"type": event["type"], "time": event["time"], **whole, **mine}
            try:
                orjson.dumps(document)
                read_event(document)
            except (MessagingError, TypeError, ValueError) as error:
                fault(f"what `complete` gives is no whole envelope: {error}", "docs/events.md says what one holds")

    def test_completed_again(self) -> None:
        for source, event in self._incomplete(self.shop_api):
            before = orjson.dumps(event)
            again = self.make(http=ShopApi(self.shop_api)).complete(orjson.loads(before))
            if source.complete(event) != again or orjson.dumps(event) != before:
                fault("asked twice, `complete` gives two things", "keep nothing, and change nothing in the event")

    @pytest.mark.parametrize("how", _AWAY)
    def test_the_shop_does_not_answer(self, how: str) -> None:
        for source, event in self._incomplete(_AWAY[how]):
            try:
                source.complete(event)
            except DeliveryError:
                continue
            except Exception as error:  # what its author wrote may raise anything
                fault(f"when the shop is asked and {how}, `complete` raises {type(error).__name__}: {error}", _LATER)
            fault(f"when the shop is asked and {how}, `complete` says nothing of it", _LATER)

    @pytest.mark.parametrize("answer", _ODD)
    def test_the_shop_answers_oddly(self, answer: str) -> None:
        for source, event in self._incomplete(_ODD[answer]):
            try:
                source.complete(event)
            except (InputError, DeliveryError):
                continue
            except Exception as error:  # as above
                fault(
                    f"when the shop answers {answer}, `complete` raises {type(error).__name__}: {error}",
                    "raise messaging.InputError for what is no order, and give None for what is gone",
                )

    @pytest.mark.parametrize("query", ["", "?challenge=a%00b", "?challenge=%ff&challenge=2", "?" + "x" * 50_000])
    def test_replies(self, query: str) -> None:
        at = datetime.now(UTC)
        source = self.make()
        for request in (Request(url=f"https://shop.example/hooks/a/b{query}", received_at=at), *self._quiet(source)):
            try:
                source.answer(request)
            except Exception as error:  # as above
                fault(f"`answer` raises {type(error).__name__}: {error}", "give None where there is nothing to reply")

    def _quiet(self, source: EventSource) -> list[Request]:
        """Requests that tell no event."""
        requests = [self.genuine(body) for body in self.bodies()]
        return [request for request in requests if not list(source.events(request))]
