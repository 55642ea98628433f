"""Renders messages: the context a template sees, its links, its headers.

Everything that shows a message comes through here: plan, preview, test, send, and showing one again later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import Any

from messaging.errors import MessagingError, PluginHangs, TemplateError
from messaging.meters import timed
from messaging.nouns.adapter import RenderedMessage
from messaging.nouns.customer import PROFILE_FIELDS, Customer
from messaging.nouns.documents import Document
from messaging.nouns.links import MessageLinks, ShortLink
from messaging.nouns.message import Message, MessageClass
from messaging.nouns.pieces import Pieces
from messaging.nouns.template import DEFAULT_VARIANT, TemplateVersion
from messaging.patience import Hung, at_home
from messaging.plugins import Plugins
from messaging.recent import Recent
from messaging.rendering.render import Renderer, best_locale
from messaging.rules.mail_ids import mail_id
from messaging.rules.short_links import CHANNELS, LinkShortener
from messaging.rules.tokens import LinkSigner
from messaging.stores.base import Store

#: Where a sent message's context keeps the customer as they were then.
SNAPSHOT = "_customer"
#: The name under which templates find what others bought.
RECOMMENDED = "recommended"
#: What no plugin replaces.
OURS = ("message", "now", "unsubscribe_url", "preferences_url")
#: Messages that plugins take part in together.
TOGETHER = 32
#: Template versions that are kept in memory.
VERSIONS = 256

_profile = attrgetter(*PROFILE_FIELDS)


@dataclass(frozen=True, slots=True)
class Unrenderable:
    """A message that could not be rendered, and why."""

    id: str
    error: MessagingError


#: What became of one message, and the short links in it.
_Made = tuple[RenderedMessage | Unrenderable, list[ShortLink]]


class Composer:
    """Makes what adapters deliver out of rows of the outbox."""

    def __init__(
        self,
        store: Store,
        renderer: Renderer,
        links: LinkSigner,
        plugins: Plugins,
        *,
        recommend: Callable[[str, Mapping[str, Any]], list[dict[str, Any]]],
        locale: str,
        timezone: str,
    ) -> None:
        """`recommend` says what others bought, for a customer and a message's context; `locale` and `timezone` are for
        who has none.
        """
        self._store = store
        self._renderer = renderer
        self._links = links
        self._shortener = LinkShortener(links.keys, links.base_url)
        self._plugins = plugins
        self._recommend = recommend
        self._locale = locale
        self._timezone = timezone
        self._versions: Recent[str, TemplateVersion] = Recent(VERSIONS)
        #: Which of them show what others bought.
        self._recommending: Recent[str, bool] = Recent(VERSIONS)

    def know(self, version: TemplateVersion) -> None:
        """Let messages be rendered from a version that is not in the store (yet): a plan, a preview."""
        self._versions.put(version.version, version)

    def version(self, version: str) -> TemplateVersion:
        """The frozen version.

        Raises:
            TemplateError: the store has lost it.
        """
        found = self._versions.get(version)
        if found is None:
            found = at_home(lambda: self._store.version(version))
            if found is None:
                raise TemplateError(f"template version {version} is not in the store")
            self._versions.put(version, found)
        return found

    def compose(
        self,
        messages: Sequence[Message],
        *,
        now: datetime,
        customers: Mapping[str, Customer] | None = None,
        pieces: bool = False,
        short_links: list[ShortLink] | None = None,
    ) -> Iterator[RenderedMessage | Unrenderable]:
        """Render each message, in order; one that was sent with its context kept, as it went out.

        With `pieces`, each with its parts taken apart. `short_links` gets those that are in the messages: they must be
        in the store before a message leaves.
        """
        if customers is None:
            customers = self._store.customers.get({message.customer_id for message in messages})
        fill = self._filled
        one = partial(self._one, customers=customers, now=now, pieces=pieces, short_links=short_links is not None)
        made: Iterable[_Made]
        if self._plugins.take_part():
            starts = range(0, len(messages), TOGETHER)
            parts = ([*map(fill, messages[start : start + TOGETHER])] for start in starts)
            made = (each for part in parts for each in self._watched(part, one))
        else:
            made = map(one, map(fill, messages))
        for item, links in timed("render_seconds", made):
            if short_links is not None:
                short_links += links
            yield item

    def filled(self, messages: Iterable[Message]) -> list[Message]:
        """The messages with what they recommend in their contexts, to be kept with them."""
        return [self._filled(message) for message in messages]

    def _filled(self, message: Message) -> Message:
        context = message.context or {}
        if RECOMMENDED in context or SNAPSHOT in context:
            return message
        recommends = self._recommending.get(message.version)
        if recommends is None:
            try:
                recommends = _recommends(self.version(message.version))
            except MessagingError:
                return message  # it cannot be rendered either, which says why
            self._recommending.put(message.version, recommends)
        if not recommends:
            return message
        return replace(message, context={**context, RECOMMENDED: self._recommend(message.customer_id, context)})

    def _watched(self, messages: Sequence[Message], one: Callable[[Message], _Made]) -> list[_Made]:
        """Render with plugins that take part; one that hangs costs what is not done yet."""
        done: list[_Made] = []

        def render() -> None:
            for message in messages:
                done.append(one(message))

        try:
            self._plugins.watch(render)
        except PluginHangs as error:
            made = done[:]  # it may go on, and is not listened to
            return [*made, *((Unrenderable(message.id, error), []) for message in messages[len(made) :])]
        return done

    def _one(
        self, message: Message, *, customers: Mapping[str, Customer], now: datetime, pieces: bool, short_links: bool
    ) -> _Made:
        kept = message.context.get(SNAPSHOT) if message.context else None
        customer = Customer.from_document(kept) if kept else customers.get(message.customer_id)
        links: list[ShortLink] = []
        try:
            if customer is None:
                raise TemplateError("the customer is gone")
            made = self._compose(message, customer, now, {} if pieces else None, links if short_links else None)
        except MessagingError as error:
            return Unrenderable(message.id, error), []
        except Hung as error:
            return Unrenderable(message.id, self._plugins.hung(error)), []
        return made, links

    def _compose(
        self,
        message: Message,
        customer: Customer,
        now: datetime,
        pieces: dict[str, Pieces] | None,
        short_links: list[ShortLink] | None,
    ) -> RenderedMessage:
        version = self.version(message.version)
        short = self._shortener.for_message(message.id, message.version) if message.channel in CHANNELS else None
        links = short or self._links.for_message(message.id, message.version)
        context = self.context(message, customer, version, links, now=now)
        if self._plugins.hears("prepare_context"):
            ours = {name: context[name] for name in OURS}
            self._plugins.prepare_context(context, message)
            context |= ours
        parts = self._renderer.render(
            version, channel=message.channel, locale=context["locale"], context=context, links=links, pieces=pieces
        )
        if short is not None and short_links is not None:
            short_links += short.used(parts.values())
        headers: dict[str, str] = {}
        if version.message_class is MessageClass.MARKETING and message.channel == "email":
            # RFC 8058: one https address, and the exact value that makes it one-click.
            headers["List-Unsubscribe"] = f"<{links.unsubscribe()}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return RenderedMessage(
            id=message.id,
            channel=message.channel,
            to=message.address or "",
            message_class=version.message_class,
            template=version.template,
            parts=parts,
            pieces={} if pieces is None else pieces,
            from_=version.from_,
            reply_to=version.reply_to,
            headers=headers,
            attempt=message.attempts + 1,
            timestamp=now.timestamp(),
            variant=best_locale(version, message.channel, context["locale"]) or DEFAULT_VARIANT,
            mail_id=mail_id(self._links.keys, message.id) if message.channel == "email" else "",
        )

    def context(
        self,
        message: Message,
        customer: Customer,
        version: TemplateVersion,
        links: MessageLinks,
        *,
        now: datetime,
    ) -> dict[str, Any]:
        """What the template sees: plain values only."""
        context: dict[str, Any] = dict(message.context or {})
        context.pop(SNAPSHOT, None)
        context.update(
            customer=customer_values(customer),
            brand=version.brand,
            message={"id": message.id, "template": message.template, "campaign": message.campaign},
            locale=customer.locale or self._locale,
            timezone=customer.timezone or self._timezone,
            now=now,
            unsubscribe_url=links.unsubscribe(),
            preferences_url=links.preferences(),
        )
        return context


def _recommends(version: TemplateVersion) -> bool:
    """Whether a template shows what others bought: to count it for each message would cost all of them."""
    variants = (parts for by_locale in version.parts.values() for parts in by_locale.values())
    return any(RECOMMENDED in source for parts in variants for source in parts.values())


def with_snapshot(message: Message, customer: Customer) -> Document:
    """The message's context with the customer as they are now, to be kept with it."""
    return {**(message.context or {}), SNAPSHOT: customer.to_document()}


def customer_values(customer: Customer) -> dict[str, Any]:
    """A customer as templates see one: attributes and profile side by side; what is not known is not there."""
    profile = zip(PROFILE_FIELDS, _profile(customer), strict=True)
    known = {name: value for name, value in profile if value is not None}
    return {**customer.attributes, "id": customer.id, **known}


def rendered(
    composed: Iterable[RenderedMessage | Unrenderable],
) -> tuple[list[RenderedMessage], list[Unrenderable]]:
    """Those that could be rendered, and those that could not."""
    good: list[RenderedMessage] = []
    bad: list[Unrenderable] = []
    for item in composed:
        if isinstance(item, Unrenderable):
            bad.append(item)
        else:
            good.append(item)
    return good, bad
