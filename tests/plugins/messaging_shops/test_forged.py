"""What forgers try at a running server, shop by shop: with each way of signing that a shop has."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.plugins.messaging_shops import test_bigcommerce as bigcommerce
from tests.plugins.messaging_shops import test_magento as magento
from tests.plugins.messaging_shops import test_stripe as stripe
from tests.plugins.messaging_shops.payloads import bodies

if TYPE_CHECKING:
    from tests.plugins.messaging_shops.conftest import Hooks


class TestStripe:
    SETTINGS = f"""
[sources.stripe.main]
secrets = ["{stripe.SECRET}", "{stripe.OLD}"]
[sources.stripe.other]
secrets = ["whsec_other"]
"""
    BODY = bodies("stripe")["checkout.session.completed"]

    @pytest.fixture
    def server(self, hooks: Callable[[str], Hooks]) -> Hooks:
        return hooks(self.SETTINGS)

    def test_forged(self, server: Hooks) -> None:
        good = stripe.signed(self.BODY)["Stripe-Signature"]
        time, mac = good.removeprefix("t=").split(",v1=")
        again = json.dumps(json.loads(self.BODY), indent=1).encode()
        old, ahead = float(time) - 301, float(time) + 310
        for body, header in (
            (self.BODY, None),
            (self.BODY, ""),
            (self.BODY, "x"),
            (self.BODY, f"t={time}"),
            (self.BODY, f"t={time},v1="),
            (self.BODY, f"t={time},v1={mac[:10]}"),
            (self.BODY, f"t={time},v1={mac}00"),
            (self.BODY, f"t={time},v1={mac.upper()}"),
            (self.BODY, f"t={time},v0={mac}"),
            (self.BODY, f"t={time},v1=é\U0001f512"),
            (self.BODY, f"v1={mac}"),
            (self.BODY, f"t=,v1={mac}"),
            (self.BODY, f"t=-{time},v1={mac}"),
            (self.BODY, f"t=1e20,v1={mac}"),
            (self.BODY, f"t={int(time) + 1},v1={mac}"),
            (again, good),
            (self.BODY + b" ", good),
            (b"", good),
            (self.BODY, stripe.signed(self.BODY, "whsec_other")["Stripe-Signature"]),
            (self.BODY, stripe.signed(self.BODY, at=old)["Stripe-Signature"]),
            (self.BODY, stripe.signed(self.BODY, at=ahead)["Stripe-Signature"]),
        ):
            headers = {} if header is None else {"Stripe-Signature": header}
            assert server.status("stripe/main", body, headers) == 401, header
        assert server.events() == []

    def test_one_shop_does_not_write_for_another(self, server: Hooks) -> None:
        assert server.status("stripe/other", self.BODY, stripe.signed(self.BODY)) == 401
        assert server.status("stripe/third", self.BODY, stripe.signed(self.BODY)) == 404
        assert server.status("stripe/other", self.BODY, stripe.signed(self.BODY, "whsec_other")) == 202
        assert {event.shop for event in server.events()} == {"other"}

    def test_a_secret_is_changed_without_a_gap(self, server: Hooks) -> None:
        new, now = (stripe.signed(self.BODY, secret)["Stripe-Signature"] for secret in ("whsec_new", stripe.SECRET))
        for header in (
            stripe.signed(self.BODY),
            stripe.signed(self.BODY, stripe.OLD),
            {"Stripe-Signature": f"{new},{now}"},
        ):
            assert server.status("stripe/main", self.BODY, header) == 202

    def test_posted_again(self, server: Hooks) -> None:
        for _ in range(3):
            assert server.status("stripe/main", self.BODY, stripe.signed(self.BODY)) == 202
        assert [event.id for event in server.events()] == ["order:pi_1:paid", "order:pi_1:placed"]

    def test_what_is_signed_and_no_event(self, server: Hooks) -> None:
        for body in (b"", b"null", b"[]", b'{"type": NaN}', b"[" * 100_000, b'{"id": "evt_1"}'):
            assert server.status("stripe/main", body, stripe.signed(body)) == 400
        body = b'{"a": "' + b"x" * 20_000_000 + b'"}'
        assert server.status("stripe/main", body, stripe.signed(body)) == 413
        ping = stripe.raw(stripe.event("payout.paid", {"id": "po_1"}))
        assert server.status("stripe/main", ping, stripe.signed(ping)) in (200, 202)
        assert server.events() == []


class TestBigCommerce:
    SETTINGS = f"""
[sources.bigcommerce.main]
secrets = ["{bigcommerce.SECRET}", "{bigcommerce.OLD}"]
store = "abc123"
access_token = "t0ken"
[sources.bigcommerce.old]
header_secrets = ["a-word-of-the-store", "a-new-word"]
store = "abc123"
access_token = "t0ken"
"""
    BODY = bigcommerce.raw(bigcommerce.CREATED)

    @pytest.fixture
    def server(self, hooks: Callable[[str], Hooks]) -> Hooks:
        return hooks(self.SETTINGS)

    def test_forged(self, server: Hooks) -> None:
        good = bigcommerce.signed(self.BODY)
        signature = good["webhook-signature"]
        now = datetime.now(UTC).timestamp()
        again = json.dumps(json.loads(self.BODY), indent=1).encode()
        for body, headers in (
            (self.BODY, {}),
            (self.BODY, {**good, "webhook-signature": ""}),
            (self.BODY, {**good, "webhook-signature": signature[:-1]}),
            (self.BODY, {**good, "webhook-signature": signature + "A"}),
            (self.BODY, {**good, "webhook-signature": signature.swapcase()}),
            (self.BODY, {**good, "webhook-signature": signature.replace("v1,", "v2,")}),
            (self.BODY, {**good, "webhook-signature": "v1,é\U0001f512"}),
            (self.BODY, {**good, "webhook-id": "msg_2"}),
            (self.BODY, {**good, "webhook-id": ""}),
            (self.BODY, {**good, "webhook-timestamp": str(int(good["webhook-timestamp"]) + 1)}),
            (self.BODY, {**good, "webhook-timestamp": "1e20"}),
            (self.BODY, bigcommerce.signed(self.BODY, at=now - 302)),
            (self.BODY, bigcommerce.signed(self.BODY, at=now + 310)),
            (self.BODY, bigcommerce.signed(self.BODY, "another secret")),
            (self.BODY, {"X-Messaging-Secret": "a-word-of-the-store"}),
            (self.BODY, {"X-Messaging-Secret": bigcommerce.SECRET}),
            (again, good),
            (self.BODY + b" ", good),
        ):
            assert server.status("bigcommerce/main", body, headers) == 401, headers
        assert server.events() == []

    def test_a_word_in_a_header(self, server: Hooks) -> None:
        for word in ("", "a-word-of-the-stor", "a-word-of-the-store2", "A-word-of-the-store", "é"):
            assert server.status("bigcommerce/old", self.BODY, {"X-Messaging-Secret": word}) == 401
        assert server.status("bigcommerce/old", self.BODY, bigcommerce.signed(self.BODY)) == 401
        assert server.events() == []
        for word in ("a-word-of-the-store", "a-new-word"):
            assert server.status("bigcommerce/old", self.BODY, {"X-Messaging-Secret": word}) == 202

    def test_a_secret_is_changed_without_a_gap(self, server: Hooks) -> None:
        for secret in (bigcommerce.SECRET, bigcommerce.OLD):
            assert server.status("bigcommerce/main", self.BODY, bigcommerce.signed(self.BODY, secret)) == 202
        kept = server.events()
        assert [event.type for event in kept] == ["order.paid", "order.placed"]
        assert [event.incomplete for event in kept] == [{"order": "250"}, {"order": "250"}]

    def test_another_store(self, server: Hooks) -> None:
        body = bigcommerce.raw({**bigcommerce.CREATED, "producer": "stores/other1"})
        assert server.status("bigcommerce/main", body, bigcommerce.signed(body)) == 400


class TestMagento:
    @pytest.fixture
    def server(self, hooks: Callable[[str], Hooks]) -> Hooks:
        return hooks(
            f"""
[sources.magento.main]
client_id = "{magento.CLIENT}"
event_keys = ['''{magento.pem(magento.private("one"))}''']
webhook_keys = ['''{magento.pem(magento.private("shop"))}''']
secrets = ["{magento.SECRET}"]
[sources.magento.other]
secrets = ["another-secret-of-theirs"]
"""
        )

    BODY = bodies("magento")["sales_order_save_after"]

    def test_forged(self, server: Hooks) -> None:
        good, webhook = magento.by("one", self.BODY), magento.by("shop", b64encode(self.BODY))
        mine = magento.module(self.BODY)
        again = json.dumps(json.loads(self.BODY), indent=1).encode()
        events, hook = "x-adobe-digital-signature-1", "x-adobe-commerce-webhook-signature"
        now = datetime.now(UTC).timestamp()
        for body, headers in (
            (self.BODY, {}),
            (self.BODY, {events: ""}),
            (self.BODY, {events: "x"}),
            (self.BODY, {events: good[:-2]}),
            (self.BODY, {events: good + "AAAA"}),
            (self.BODY, {events: good.swapcase()}),
            (self.BODY, {events: "é\U0001f512"}),
            (self.BODY, {events: webhook}),
            (self.BODY, {events: magento.by("shop", self.BODY)}),
            (self.BODY, {events: magento.by("evil", self.BODY)}),
            (again, {events: good}),
            (self.BODY + b" ", {events: good}),
            (self.BODY, {hook: good}),
            (self.BODY, {hook: magento.by("shop", self.BODY)}),
            (self.BODY, {hook: magento.by("evil", b64encode(self.BODY))}),
            (again, {hook: webhook}),
            (self.BODY, {**mine, "webhook-timestamp": str(int(now) - 1)}),
            (self.BODY, magento.module(self.BODY, at=now - 302)),
            (self.BODY, magento.module(self.BODY, "another-secret-of-theirs")),
            # One that is wrong is not made good by another way.
            (self.BODY, {**mine, events: "x"}),
        ):
            assert server.status("magento/main", body, headers) == 401, headers
        for headers in ({events: good}, {hook: webhook}, mine):
            assert server.status("magento/other", self.BODY, headers) == 401
        assert server.events() == []

    def test_genuine_each_way(self, server: Hooks) -> None:
        for headers in (
            {"x-adobe-digital-signature-1": magento.by("one", self.BODY)},
            {"x-adobe-digital-signature-2": magento.by("one", self.BODY)},
            {"x-adobe-commerce-webhook-signature": magento.by("shop", b64encode(self.BODY))},
            magento.module(self.BODY),
        ):
            assert server.post("magento/main", self.BODY, headers).is_success
        assert [event.id for event in server.events()] == ["order:5:paid", "order:5:placed"]
