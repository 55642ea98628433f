"""What all signed shops have in common, against the specification's vector and its own library."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from messaging import Request, RequestRejected
from messaging_shops.signing import TOLERANCE, check, check_age, check_standard, in_base64, in_hex

NOW = 1_614_265_330
KEY = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}

ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


def request(body: bytes, headers: dict[str, str], *, at: float = NOW) -> Request:
    return Request(
        url="https://shop.example/hooks/x/main",
        body=body,
        headers=headers,
        received_at=datetime.fromtimestamp(at, UTC),
    )


def test_the_specifications_vector() -> None:
    check_standard([b"other", KEY], request(b'{"test": 2432232314}', VECTOR))


@given(st.binary(min_size=24, max_size=64), ids, st.text(st.characters(codec="utf-8")))
def test_what_the_reference_library_signs(key: bytes, id: str, body: str) -> None:
    theirs = Webhook(b64encode(key).decode()).sign(id, datetime.fromtimestamp(NOW, UTC), body)
    headers = {"webhook-id": id, "webhook-timestamp": str(NOW), "webhook-signature": f"v1a,xyz v2,abc {theirs}"}
    check_standard([b"new", key], request(body.encode(), headers))
    for name, value in {"webhook-id": f"{id}x", "webhook-timestamp": str(NOW + 1), "webhook-signature": ""}.items():
        with pytest.raises(RequestRejected):
            check_standard([key], request(body.encode(), {**headers, name: value}))


def test_a_request_without_an_id() -> None:
    signature = f"v1,{in_base64(KEY, f'.{NOW}.{{}}'.encode()).decode()}"
    headers = {"webhook-id": "", "webhook-timestamp": str(NOW), "webhook-signature": signature}
    with pytest.raises(RequestRejected, match="has no id"):
        check_standard([KEY], request(b"{}", headers))


def test_a_header_that_came_twice() -> None:
    headers = {**VECTOR, "webhook-signature": f"v1,AAAA, {VECTOR['webhook-signature']}, v1,BBBB"}
    check_standard([KEY], request(b'{"test": 2432232314}', headers))


@pytest.mark.parametrize("seconds", [-TOLERANCE, 0, TOLERANCE])
def test_what_was_signed_now(seconds: int) -> None:
    check_age(str(NOW + seconds), request(b"", {}))


@pytest.mark.parametrize(
    "timestamp",
    ["", str(NOW - 301), str(NOW + 301), f"-{NOW}", f"+{NOW}", f" {NOW}", f"{NOW}.0", "1e20", "9" * 30, "١٦١٤٢٦٥٣٣٠"],
)
def test_what_was_not(timestamp: str) -> None:
    with pytest.raises(RequestRejected, match="timestamp"):
        check_age(timestamp, request(b"", {}))


def test_any_secret_and_any_signature_will_do() -> None:
    expected = [in_hex(key, b"signed") for key in (b"old", b"new")]
    check(expected, ["", "é\u2028", expected[1].decode()])
    good = expected[0].decode()
    for wrong in ("", good[:-1], good + "0", good.upper(), f" {good}", "é"):
        with pytest.raises(RequestRejected):
            check(expected, wrong)
    with pytest.raises(RequestRejected):
        check(expected, [])
