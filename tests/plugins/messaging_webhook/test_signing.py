"""Signatures, against the specification's own vector and its own library."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from messaging_webhook.signing import TOLERANCE, key_of, refusal, sign

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = key_of(SECRET)
NOW = 1_614_265_330

keys = st.binary(min_size=24, max_size=64)
#: A header's value is what HTTP can carry.
ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)


def test_the_specifications_vector() -> None:
    signed = sign([KEY], "msg_p5jXN8AQM9LWM0D4loKWxJek", NOW, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.lists(keys, min_size=1, max_size=3), ids, st.text(), st.data())
def test_the_reference_library_believes_us(all_keys: list[bytes], id: str, body: str, data: st.DataObject) -> None:
    now = int(datetime.now(UTC).timestamp())
    raw = body.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    headers = {"webhook-id": id, "webhook-timestamp": str(now), "webhook-signature": sign(all_keys, id, now, raw)}
    key = data.draw(st.sampled_from(all_keys))
    receiver = Webhook(f"whsec_{b64encode(key).decode()}")
    try:
        receiver.verify(raw.decode(), headers)
    except ValueError:
        pass  # it reads the body as JSON once it believes it
    other = {**headers, "webhook-id": f"{id}x"}
    with pytest.raises(WebhookVerificationError):
        receiver.verify(raw.decode(), other)


@given(keys, ids, st.text(st.characters(codec="utf-8")))
def test_we_believe_the_reference_library(key: bytes, id: str, body: str) -> None:
    theirs = Webhook(f"whsec_{b64encode(key).decode()}").sign(id, datetime.fromtimestamp(NOW, UTC), body)
    assert refusal([b"x" * 24, key], id, str(NOW), f"v1a,xyz v2,abc {theirs}", body.encode(), now=NOW) is None


@given(keys, ids, st.binary(max_size=200), st.data())
def test_each_bit_counts(key: bytes, id: str, body: bytes, data: st.DataObject) -> None:
    signature = sign([key], id, NOW, body)
    assert refusal([key], id, str(NOW), signature, body, now=NOW) is None
    if body:
        place = data.draw(st.integers(0, len(body) * 8 - 1))
        flipped = bytearray(body)
        flipped[place // 8] ^= 1 << place % 8
        assert refusal([key], id, str(NOW), signature, bytes(flipped), now=NOW) == "its signature is wrong"
    assert refusal([key], id, str(NOW + 1), signature, body, now=NOW) == "its signature is wrong"
    assert refusal([key], f"{id}.", str(NOW), signature, body, now=NOW) == "its signature is wrong"
    wrong = bytearray(key)
    wrong[data.draw(st.integers(0, len(key) - 1))] ^= 1
    assert refusal([bytes(wrong)], id, str(NOW), signature, body, now=NOW) == "its signature is wrong"


@pytest.mark.parametrize(
    ("id", "timestamp", "signature"),
    [("", "1", "v1,x"), ("a", "", "v1,x"), ("a", "1", ""), ("", "", "")],
)
def test_headers_that_are_missing(id: str, timestamp: str, signature: str) -> None:
    assert refusal([KEY], id, timestamp, signature, b"", now=1) == "it has no signature"


@pytest.mark.parametrize(
    "signature", ["x", "v1", "v1,", ",", "v1,ü", "v1a,g0hM", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE"]
)
def test_signatures_that_are_none(signature: str) -> None:
    id, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    assert refusal([KEY], id, str(NOW), signature, body, now=NOW) == "its signature is wrong"


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [
        (str(NOW), True),
        (str(NOW - TOLERANCE), True),
        (str(NOW + TOLERANCE), True),
        (str(NOW - TOLERANCE - 1), False),
        (str(NOW + TOLERANCE + 1), False),
        ("-1", False),
        ("1e9", False),
        (f" {NOW}", False),
        ("٣", False),
        ("9" * 400, False),
        ("nan", False),
    ],
)
def test_a_replay_is_refused(timestamp: str, fresh: bool) -> None:
    from messaging_webhook.signing import _signature

    signature = f"v1,{_signature(KEY, 'a', timestamp, b'{}')}"
    assert (refusal([KEY], "a", timestamp, signature, b"{}", now=NOW) is None) is fresh


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_" + "A" * 88, "whsec_ä", "whsk_" + "A" * 32])
def test_secrets_that_are_none(secret: str) -> None:
    with pytest.raises(ValueError, match="base64 of 24 to 64 bytes") as caught:
        key_of(secret)
    assert "AAAA" not in str(caught.value)
