"""What Twilio posts: genuine by its own package's signatures, and what it means."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from messaging import Callback, EngagementKind, InputError, Request, RequestRejected, SettingsError
from messaging.rendering.survey import WAYS_OUT
from messaging_sms.callback import Signed, callback_of

from .conftest import TOKEN, Make

URL = "https://shop.example/m/callbacks/twilio"
MESSAGE = "ab" * 16
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
SID = "SM" + "1" * 32
STATUS = {"MessageSid": SID, "SmsSid": SID, "To": "+15005559999", "From": "+15005550006", "ApiVersion": "2010-04-01"}
INBOUND = {"MessageSid": SID, "From": "+15005559999", "To": "+15005550006", "NumMedia": "0"}
SHA256 = {"X-Twilio-Webhooks-Signature-Settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}


def posted(
    fields: Mapping[str, str],
    *,
    url: str = URL,
    secret: str = TOKEN,
    algorithm: str = "HMAC_SHA1",
    signed: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A form as Twilio posts it; `signed` is the address it signs, if another."""
    signature = RequestValidator(secret).compute_signature(signed or url, dict(fields), algorithm)
    named = SHA256 if algorithm == "HMAC_SHA256" else {}
    kept = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    kept |= {name.lower(): value for name, value in {**named, **(headers or {})}.items()}
    return Request(url=url, body=urlencode(fields).encode(), headers=kept, received_at=NOW)


def status(word: str, code: int | None = None, *, query: str = f"?message_id={MESSAGE}", **how: Any) -> Request:
    more = {} if code is None else {"ErrorCode": str(code)}
    return posted({**STATUS, "MessageStatus": word, "SmsStatus": word, **more}, url=URL + query, **how)


def kinds(callback: Callback) -> list[tuple[str, bool]]:
    return [(told.kind.value, told.permanent) for told in callback.engagements]


class TestSignature:
    @given(
        st.dictionaries(st.text(min_size=1), st.text(), max_size=6),
        st.sampled_from(["HMAC_SHA1", "HMAC_SHA256"]),
        st.sampled_from([URL, URL + "?message_id=1&x=%20y+z", "https://shop.example:8443/callbacks/twilio"]),
    )
    def test_agrees_with_the_package(self, fields: dict[str, str], algorithm: str, url: str) -> None:
        signed = Signed("secret", "sha256" if algorithm == "HMAC_SHA256" else "sha1")
        request = posted(fields, url=url, secret="secret", algorithm=algorithm)
        signed.check(request)
        assert RequestValidator("secret").validate(
            url, dict(request.form()) if fields else {}, request.header("X-Twilio-Signature"), algorithm
        )
        with pytest.raises(RequestRejected):
            Signed("other", signed.algorithm).check(request)

    @pytest.mark.parametrize(
        ("url", "signed"),
        [
            (URL, "https://shop.example:443/m/callbacks/twilio"),
            ("http://shop.example/x", "http://shop.example:80/x"),
            ("https://shop.example:443/x?a=b", "https://shop.example/x?a=b"),
            ("https://shop.example:8443/x", "https://shop.example:8443/x"),
        ],
    )
    def test_with_and_without_port(self, url: str, signed: str) -> None:
        Signed(TOKEN, "sha1").check(posted(STATUS, url=url, signed=signed))

    def test_each_bit_counts(self) -> None:
        request = status("delivered")
        Signed(TOKEN, "sha1").check(request)
        for place in range(len(request.body) * 8):
            body = bytearray(request.body)
            body[place // 8] ^= 1 << place % 8
            broken = Request(url=request.url, body=bytes(body), headers=request.headers, received_at=NOW)
            # Another way to write the same fields says the same.
            if sorted(_form(broken)) != sorted(request.form()):
                with pytest.raises(RequestRejected):
                    Signed(TOKEN, "sha1").check(broken)

    @pytest.mark.parametrize("place", range(28))
    def test_each_letter_of_the_signature_counts(self, place: int) -> None:
        request = status("delivered")
        told = request.header("X-Twilio-Signature")
        other = told[:place] + ("A" if told[place] != "A" else "B") + told[place + 1 :]
        headers = {**request.headers, "x-twilio-signature": other}
        with pytest.raises(RequestRejected):
            Signed(TOKEN, "sha1").check(Request(url=request.url, body=request.body, headers=headers, received_at=NOW))

    @pytest.mark.parametrize("signature", ["", "é", "\ud800", "=", "x" * 10_000])
    def test_no_signature_at_all(self, signature: str) -> None:
        with pytest.raises(RequestRejected):
            Signed(TOKEN, "sha1").check(status("delivered", headers={"X-Twilio-Signature": signature}))

    @pytest.mark.parametrize("body", [b"{}", b"\xff", b"a", b"&&", b"a=%ff"])
    def test_what_is_no_form_is_not_genuine(self, body: bytes) -> None:
        headers = {"x-twilio-signature": RequestValidator(TOKEN).compute_signature(URL, {"a": "b"})}
        with pytest.raises(RequestRejected):
            Signed(TOKEN, "sha1").check(Request(url=URL, body=body, headers=headers, received_at=NOW))

    def test_another_message_is_another_address(self) -> None:
        request = status("delivered")
        moved = Request(
            url=request.url.replace("ab", "cd", 1), body=request.body, headers=request.headers, received_at=NOW
        )
        with pytest.raises(RequestRejected):
            Signed(TOKEN, "sha1").check(moved)

    def test_the_algorithm_is_ours_to_choose(self) -> None:
        with pytest.raises(RequestRejected, match="another scheme") as raised:
            Signed(TOKEN, "sha256").check(status("delivered"))
        assert "signature" in (raised.value.hint or "")
        with pytest.raises(RequestRejected):
            Signed(TOKEN, "sha1").check(status("delivered", algorithm="HMAC_SHA256"))
        # Named, and not done: the header alone changes nothing.
        with pytest.raises(RequestRejected):
            Signed(TOKEN, "sha256").check(status("delivered", headers=SHA256))
        Signed(TOKEN, "sha256").check(status("delivered", algorithm="HMAC_SHA256"))

    def test_json(self, adapter: Make) -> None:
        body = json.dumps({**STATUS, "MessageStatus": "delivered"})
        url = f"{URL}?message_id={MESSAGE}&bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
        signature = RequestValidator(TOKEN).compute_signature(url, {})
        headers = {"content-type": "application/json", "x-twilio-signature": signature}

        def asked(text: str) -> Request:
            return Request(url=url, body=text.encode(), headers=headers, received_at=NOW)

        assert RequestValidator(TOKEN).validate(url, body, signature)
        [told] = adapter().callback(asked(body)).engagements
        assert (told.kind, told.message_id) == (EngagementKind.DELIVERED, MESSAGE)
        with pytest.raises(RequestRejected):
            adapter().callback(asked(body.replace("delivered", "failed")))

    def test_without_the_token_nobody_can_tell(self, adapter: Make) -> None:
        made = adapter(auth_token=None, api_key="SK" + "1" * 32, api_secret="s")
        with pytest.raises(SettingsError, match="auth_token"):
            made.callback(status("delivered"))


class TestStatus:
    @pytest.mark.parametrize(
        ("word", "code", "expected"),
        [
            *((word, None, []) for word in ("queued", "accepted", "sending", "sent", "read", "canceled", "odd")),
            ("delivered", None, [("delivered", False)]),
            ("undelivered", 30003, [("bounced", False)]),
            ("undelivered", 30005, [("bounced", True)]),
            ("undelivered", 30006, [("bounced", True)]),
            ("failed", 21211, [("bounced", True)]),
            *(
                ("undelivered", code, [("bounced", False)])
                for code in (30004, 30007, 30008, 30034, 21408, 21606, 21608, 21612, 20003, 20429)
            ),
            *(("failed", code, [("bounced", True)]) for code in (21614, 21635)),
            ("failed", None, [("bounced", False)]),
            ("failed", 21610, [("bounced", False), ("unsubscribed", True)]),
            ("undelivered", 63014, [("bounced", False), ("unsubscribed", True)]),
        ],
    )
    def test_words(self, adapter: Make, word: str, code: int | None, expected: list[Any]) -> None:
        callback = adapter().callback(status(word, code))
        assert kinds(callback) == expected
        if callback.engagements:
            first = callback.engagements[0]
            assert (first.message_id, first.address, first.at) == (MESSAGE, None, NOW)
            assert first.raw["MessageSid"] == SID

    def test_a_repeat_has_the_same_id_and_another_status_another(self, adapter: Make) -> None:
        def ids(word: str, code: int | None = None) -> list[str]:
            return [told.id for told in adapter().callback(status(word, code)).engagements]

        assert ids("failed", 21610) == ids("failed", 21610)
        assert len({*ids("delivered"), *ids("failed", 21610), *ids("undelivered", 30003)}) == 4

    @pytest.mark.parametrize("query", ["", "?message_id=", "?message_id=x%00y", "?other=1"])
    def test_one_that_names_no_message_is_about_the_number(self, adapter: Make, query: str) -> None:
        [told] = adapter().callback(status("undelivered", 30006, query=query)).engagements
        assert (told.message_id, told.channel, told.address) == (None, "sms", "+15005559999")

    @pytest.mark.parametrize("fields", [{}, {"MessageStatus": "delivered"}, {"MessageSid": ""}])
    def test_not_what_twilio_sends(self, adapter: Make, fields: dict[str, str]) -> None:
        with pytest.raises(InputError, match="MessageSid"):
            adapter().callback(posted(fields))


class TestInbound:
    @pytest.fixture
    def write(self, adapter: Make) -> Callable[..., Callback]:
        def make(body: str, help: str | None = None, **more: str) -> Callback:
            return adapter(help=help).callback(posted({**INBOUND, "Body": body, **more}))

        return make

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            *(
                (word, "unsubscribed")
                for word in (
                    *("STOP", "stop", " Stop. ", "STOP!", "»Stop«", "STOPALL", "Stop all", "opt-out", "UNSUBSCRIBE"),
                    *("End", "quit", "Cancel", "REVOKE", "OPTOUT", "ARRÊT", "arret", "Stopp", "BAJA", "Abmelden."),
                    *("parar", "Désinscrire", "odhlásit", "СТОП", "停止", "İPTAL", "iptal", "STOP 🛑", "\tSTOP\r\n"),
                )
            ),
            *((word, "resubscribed") for word in ("START", "yes", "Unstop", "Anmelden!")),
            *(
                (word, "replied")
                for word in (
                    *("Please stop by", "stop it please", "Don't stop", "STOP 2", "", "🛑", "help", "Hilfe?"),
                    *("Thanks!", "stop " * 100, "<b>", "yes please"),
                )
            ),
        ],
    )
    def test_the_whole_message_is_the_word(self, write: Callable[..., Callback], body: str, kind: str) -> None:
        callback = write(body)
        assert kinds(callback) == [(kind, kind == "unsubscribed")]
        [told] = callback.engagements
        assert (told.id, told.channel, told.address) == (f"{SID}:received", "sms", "+15005559999")
        assert told.raw["Body"] == body

    @pytest.mark.parametrize("word", WAYS_OUT)
    def test_whatever_a_template_may_offer_is_understood(self, write: Callable[..., Callback], word: str) -> None:
        assert kinds(write(word)) == [("unsubscribed", True)]

    def test_twilios_own_word_goes_first(self, write: Callable[..., Callback]) -> None:
        assert kinds(write("Basta", OptOutType="STOP")) == [("unsubscribed", True)]
        assert kinds(write("STOP", OptOutType="START")) == [("resubscribed", False)]
        assert kinds(write("STOP", OptOutType="odd")) == [("unsubscribed", True)]
        assert kinds(write("STOP", OptOutType="HELP")) == [("replied", False)]

    def test_a_short_code_is_nobody(self, write: Callable[..., Callback]) -> None:
        assert write("STOP", From="12345").engagements == () or write("STOP", From="12345").engagements == []

    def test_help_is_answered_unless_twilio_does(self, write: Callable[..., Callback]) -> None:
        said = "Fern & Field: call +1 <500> ]]> “9 to 5”"
        callback = write("Info", help=said)
        assert callback.media_type == "text/xml"
        root = ElementTree.fromstring(callback.answer)
        assert (root.tag, root[0].tag, root[0].text) == ("Response", "Message", said)
        for silent in (write("help"), write("help", help=said, OptOutType="HELP"), write("Hi", help=said)):
            root = ElementTree.fromstring(silent.answer)
            assert (root.tag, len(root), silent.media_type) == ("Response", 0, "text/xml")


def _form(request: Request) -> list[tuple[str, str]]:
    try:
        return request.form()
    except InputError:
        return []


@pytest.mark.parametrize(
    ("word", "code", "soft"),
    [
        ("undelivered", 30003, True),
        ("failed", 30008, True),
        ("undelivered", 30005, False),
        ("undelivered", 30007, False),
        ("undelivered", 30034, False),
        ("undelivered", None, False),
        ("delivered", 30003, False),
    ],
)
def test_what_is_the_numbers_own_and_may_pass(word: str, code: int | None, soft: bool) -> None:
    (told, *_) = callback_of(status(word, code), Signed(TOKEN, "sha1"), channel="sms", help=None).engagements
    assert told.soft is soft
