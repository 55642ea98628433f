"""What the author of an adapter tells the suite about it; all of it has a default but the class."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from messaging.errors import MessagingError
from messaging.nouns.adapter import Adapter, AdapterContext, RenderedMessage
from messaging.nouns.request import Request
from messaging.outgoing import Outgoing
from messaging.services.plugin_settings import read_settings
from messaging.testing.builders import ADDRESS, address_on, make_message, parts_of
from messaging.testing.contract.bench import Run, ended, fault, hand_over
from messaging.testing.contract.files import things_in
from messaging.testing.contract.provider import Arrival, Fate, HttpProvider, Provider
from messaging.testing.contract.reading import says
from messaging.testing.contract.shapes import alike
from messaging.testing.contract.tidying import Tidying
from messaging.testing.standins.http import Answer, as_json

#: Seconds that the context gives a hand-over, and that one may take all the same before it counts as stuck.
TIMEOUT = 2.0
PATIENCE = TIMEOUT + 6.0


class AdapterAuthor:
    """The part of `AdapterContract` that a plugin's test fills in."""

    #: The class to be tested.
    adapter: ClassVar[type[Adapter]]
    #: 5xx statuses by which this provider says that it has surely not taken the message.
    turns_away: ClassVar[Collection[int]] = frozenset()
    #: 2xx statuses, beside that of `accepted`, by which this provider says that it has taken the message.
    takes: ClassVar[Collection[int]] = frozenset()
    #: How old a signed callback may be; None if its signature holds no time, so that only the event's id tells.
    replay_window: ClassVar[timedelta | None] = timedelta(minutes=10)
    #: How many the provider counts (`Measure.units`) for a message that says so; None: on sms the parts that
    #: 3GPP 23.038 makes of it, elsewhere nothing.
    counts: ClassVar[Mapping[str, int] | None] = None
    #: Seconds that the context gives where the adapter has to give up by itself: enough for one good answer.
    hurry: ClassVar[float] = 1.0

    def settings(self, provider: Provider) -> Mapping[str, Any]:
        """The adapter's settings; `provider.url` is where the suite listens."""
        return {}

    def provider(self) -> Provider:
        """What stands where its provider would; by default it speaks HTTP and answers as the methods below say."""
        return HttpProvider(self)

    def message(self, number: int, provider: Provider, **fields: Any) -> RenderedMessage:
        """Message `number`, to an address of its own."""
        channel = self.adapter.channel
        if channel == "webhook" and provider.asked_for:
            fields.setdefault("to", f"{provider.url}{urlsplit(address_on(channel, number)).path}")
        return make_message(number, channel=channel, **fields)

    def parts(self, text: str) -> Mapping[str, str]:
        """The parts of a message that says `text`."""
        return parts_of(self.adapter.channel, text)

    def sent(self, provider: Provider, folder: Path) -> list[bytes]:
        """What left, one by one: by default what came to the provider, else the files in the workspace `folder`, of
        databases (SQLite) each row.
        """
        if provider.asked_for:
            return [arrival.raw for arrival in provider.arrived]
        return [each for path in sorted(folder.rglob("*")) if path.is_file() for each in things_in(path)]

    def built_alike(self, one: bytes, other: bytes) -> bool:
        """Whether two things that left are built the same, whatever their values. For a format that carries line breaks
        as they are (lengths before texts, say) write your own.
        """
        return alike(one, other)

    # How the provider answers

    def aside(self, request: Request) -> Answer | None:
        """The answer to a request that hands nothing over: one for a token, say. None: it hands over."""
        return None

    def accepted(self, request: Request, id: str) -> Answer:
        """It took what is in the request, and calls it `id`."""
        return as_json({"id": id})

    def refused(self, request: Request) -> Answer | None:
        """It will never take this message. This and the next three: None if there is no such answer."""
        named = ADDRESS.search(f"{request.url} {request.body.decode('utf-8', 'replace')}")
        # As most do, it says which: an answer is no text for a log.
        return as_json({"error": f"{named[0] if named else 'this recipient'} cannot be reached"}, 422)

    def busy(self, request: Request) -> Answer | None:
        """Too many requests."""
        return as_json({"error": "too many requests"}, 429, Retry_After="30")

    def locked_out(self, request: Request) -> Answer | None:
        """The key is wrong: it takes nothing of ours."""
        return as_json({"error": "unauthorized"}, 401)

    def broken(self, request: Request) -> Answer | None:
        """An error of its own."""
        return as_json({"error": "internal server error"}, 500)

    def partly(self, request: Request, bad: Collection[str], id: str) -> Answer | None:
        """Of a request with several messages, it takes all but those to the addresses `bad`."""
        return None

    def looked_up(self, request: Request, id: str | None) -> Answer | None:
        """What it says when it is asked (`lookup`) about a message it calls `id`, or about one it does not know."""
        return None

    def idempotency_key(self, arrival: Arrival, message: RenderedMessage) -> str | None:
        """By which key the provider knows a message again; by default a header that is called so, or our id."""
        for name, value in (arrival.request.headers if arrival.request else {}).items():
            if "idempoten" in name or name in ("webhook-id", "x-request-id"):
                return value
        return message.id if says(arrival.raw, message.id) else None

    # How it calls back

    #: Where the provider posts what came back.
    @property
    def callback_url(self) -> str:
        return f"https://shop.example/callbacks/{self.adapter.name}"

    def callbacks(self, message_id: str) -> Sequence[bytes]:
        """Bodies that the provider posts, each of which tells something of our message."""
        return ()

    def sign(self, body: bytes, at: datetime) -> Mapping[str, str]:
        """The headers with which it posts that body at that time, by the secrets in `settings`."""
        return {}


class AdapterBench(Tidying, AdapterAuthor):
    """What the tests work with."""

    @pytest.fixture
    def remote(self) -> Iterator[Provider]:
        """The provider, listening."""
        with self.provider() as provider:
            self.settings(provider)  # whether they lead there
            yield provider

    @pytest.fixture
    def open(self, remote: Provider, tmp_path: Path) -> Iterator[Callable[..., Adapter]]:
        """Make an adapter as the core does; closed at the end."""
        with ExitStack() as stack:

            def make(*, timeout: float = TIMEOUT) -> Adapter:
                made = self.make(remote, tmp_path, stack, timeout=timeout)
                stack.callback(ended, "close()", made.close)
                return made

            yield make

    def make(
        self,
        provider: Provider,
        folder: Path,
        stack: ExitStack,
        *,
        timeout: float = TIMEOUT,
        given: Mapping[str, Any] | None = None,
    ) -> Adapter:
        """An adapter in a workspace of its own. `given`: settings, if not the author's."""
        given = self.settings(provider) if given is None else given
        try:
            settings = read_settings(self.adapter.Settings, given, ("adapters", self.adapter.name))
        except MessagingError as error:
            fault(f"its settings cannot be read: {error}", "return good ones from settings(self, provider)")
        http = Outgoing(allow_private=["127.0.0.0/8", "::1/128"], allow_http=True, timeout=timeout)
        stack.callback(http.close)
        folder.mkdir(exist_ok=True)
        return self.adapter(settings, AdapterContext(workspace=str(folder), timeout=timeout, http=http))

    def messages(self, provider: Provider, number: int, first: int = 1) -> list[RenderedMessage]:
        """So many messages to different people."""
        return [self.message(each, provider) for each in range(first, first + number)]

    def run(self, adapter: Adapter, messages: Sequence[RenderedMessage]) -> Run:
        """Deliver, watched."""
        return hand_over(adapter, messages, patience=PATIENCE)

    def needs(self, provider: Provider, fate: Fate | None = None) -> None:
        """Skip what makes no sense for this adapter, and say why; else the provider is so from now on."""
        if not provider.asked_for:
            pytest.skip("settings() leads to no provider")
        if fate is not None and not provider.be(fate):
            pytest.skip(f"its provider is never {fate.value}")

    def http_provider(self, provider: Provider) -> HttpProvider:
        """The provider, if it is the suite's own."""
        self.needs(provider)
        if not isinstance(provider, HttpProvider):
            pytest.skip("its provider does not speak HTTP")
        return provider

    def carries(self, raw: bytes, message: RenderedMessage) -> bool:
        """Whether what left is for this message's recipient."""
        return says(raw, self.shown(message))

    def shown(self, message: RenderedMessage) -> str:
        """How its recipient stands in a request."""
        to = message.to
        return urlsplit(to).path if self.adapter.channel == "webhook" else to.removeprefix("+")
