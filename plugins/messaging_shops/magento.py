"""The source `magento`: Adobe Commerce, and what a module of one's own posts from Magento Open Source.

Adobe Commerce posts in two ways. I/O Events come behind what happened, as CloudEvents, signed by Adobe for all its
customers alike: whose they are, `recipient_client_id` says. Webhooks are called while it happens, signed by the shop
with a key of its own, over the body in base64, and want to be told to go on. A module posts the shape of the first,
signed as Standard Webhooks has it. https://developer.adobe.com/commerce/extensibility
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr, model_validator

from messaging import Request, RequestRejected, Secrets, SourceSettings
from messaging_shops import magento_events
from messaging_shops.adobe_keys import AdobeKeys, is_signed, read_key
from messaging_shops.asking import ask
from messaging_shops.people import is_somebody
from messaging_shops.reading import body_of, name, rows, table
from messaging_shops.shop import Shop, ShopSettings, Topic, not_known
from messaging_shops.signing import check_standard
from messaging_shops.telling import Told

_WEBHOOK = "x-adobe-commerce-webhook-signature"
_EVENTS = (
    ("x-adobe-digital-signature-1", "x-adobe-public-key1-path"),
    ("x-adobe-digital-signature-2", "x-adobe-public-key2-path"),
)


def _key(pem: str) -> str:
    read_key(pem)
    return pem


Key = Annotated[str, AfterValidator(_key)]


class MagentoSettings(ShopSettings):
    """`[sources.magento.SHOP]`"""

    #: What one's own module signs with.
    secrets: Secrets = ()
    #: The client id of the project in Adobe's Developer Console that the shop's events go to.
    client_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_@.-]{8,100}$")
    #: The keys that I/O Events sign with, if they are not to be asked for: PEM.
    event_keys: tuple[Key, ...] = ()
    #: The key of the shop's own webhooks (Stores, Configuration, Adobe Services, Webhooks), the newest first: PEM.
    webhook_keys: tuple[Key, ...] = ()
    #: The shop's REST API, like `https://tea.example/rest`, to ask it for orders that it did not tell of before.
    api: str | None = None
    #: An integration's access token that may read sales. Needs `api`.
    access_token: SecretStr | None = None
    #: Where Adobe keeps its keys.
    keys: str = "https://static.adobeioevents.com"

    @model_validator(mode="after")
    def _is_whole(self) -> MagentoSettings:
        if not self.secrets and not self.webhook_keys and self.client_id is None:
            raise ValueError("set client_id, webhook_keys or secrets")
        if (self.api is None) != (self.access_token is None):
            raise ValueError("api and access_token need each other")
        return self


class Magento(Shop):
    """What one Magento or Adobe Commerce shop posts."""

    name: ClassVar[str] = "magento"
    Settings: ClassVar[type[SourceSettings]] = MagentoSettings
    topics: ClassVar[Mapping[str, Topic]] = magento_events.TOPICS

    settings: MagentoSettings

    def verify(self, request: Request) -> None:
        if any(request.header(signature) for signature, _ in _EVENTS):
            self._verify_events(request)
        elif request.header(_WEBHOOK):
            keys = [read_key(pem) for pem in self.settings.webhook_keys]
            if not is_signed(request.header(_WEBHOOK), b64encode(request.body), keys):
                raise RequestRejected("the request is not genuine: its signature is wrong")
        else:
            check_standard(self.settings.keyring(), request)

    def _verify_events(self, request: Request) -> None:
        """Signed by Adobe, and for us.

        Raises:
            RequestRejected: it is not both.
            NotSent, Unanswered: Adobe's key could not be asked for: it is posted again.
        """
        ours = self.settings.client_id
        # Who does not even name us, costs nothing.
        if ours is None or ours.encode() not in request.body:
            raise RequestRejected("the request is not genuine: it is not for this shop")
        if not any(self._is_adobes(request, *names) for names in _EVENTS):
            raise RequestRejected("the request is not genuine: its signature is missing or wrong")
        body = body_of(request)
        named = [body[key] for key in ("recipient_client_id", "recipientclientid") if key in body]
        if not named or any(each != ours for each in named):
            raise RequestRejected("the request is not genuine: it is not for this shop")

    def _is_adobes(self, request: Request, signature: str, path: str) -> bool:
        given = request.header(signature)
        if not given:
            return False
        if self.settings.event_keys:
            return is_signed(given, request.body, map(read_key, self.settings.event_keys))
        key = self._adobe.get(request.header(path))
        return key is not None and is_signed(given, request.body, [key])

    @cached_property
    def _adobe(self) -> AdobeKeys:
        return AdobeKeys(self.context.http, self.settings.keys)

    def topic(self, request: Request) -> str:
        return magento_events.topic_of(body_of(request))

    def answer(self, request: Request) -> bytes | None:
        """A registration with I/O Events begins with a question; a webhook waits to be told to go on."""
        if request.header(_WEBHOOK):
            return b'{"op":"success"}'
        asked = request.query().get("challenge", "")
        return asked.encode() if re.fullmatch("[A-Za-z0-9-]{1,100}", asked) else None

    def complete(self, event: Told) -> Told | None:
        """Parcels and refunds name an order by its id alone, and a parcel's number comes behind it."""
        asked, data = event["incomplete"], dict(event.get("data", {}))
        found = self.known(asked["order"]) or self._order(asked["order"])
        shipment = data.get("shipment", {})
        if found is not None and shipment and "tracking_number" not in shipment:
            data["shipment"] = {**shipment, **self._tracked(asked["shipment"])}
        return found and {"customer": found[0], "data": {**data, "order": found[1]}}

    def _order(self, order: str) -> tuple[Told, Told] | None:
        """Whose it is, and the order, of the shop itself; None if there is none."""
        if self.settings.api is None:
            raise not_known(order, "sales_order_save_after", "api and access_token")
        found = table(self._ask(f"orders/{quote(order, safe='')}"))
        customer = magento_events.buyer(found)
        if not name(found.get("entity_id")) or not is_somebody(customer):
            return None
        return self.settings.prefixed({"customer": customer})["customer"], magento_events.order_part(found)

    def _tracked(self, shipment: str) -> Told:
        told = self.context.told(f"shipment:{shipment}:tracked")
        if told is not None:
            return table(told.data.get("shipment"))
        if self.settings.api is None:
            return {}
        found = table(self._ask(f"shipment/{quote(shipment, safe='')}"))
        return magento_events.tracked(rows(found.get("tracks")))

    def _ask(self, path: str) -> Any:
        api, token = self.settings.api, self.settings.access_token
        assert api is not None
        assert token is not None
        return ask(
            self.context.http, f"{api.rstrip('/')}/V1/{path}", {"Authorization": f"Bearer {token.get_secret_value()}"}
        )
