from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from messaging import Pieces, RenderedMessage
from messaging_email.headers import Unmailable
from messaging_email.sendgrid_batch import Limits, letter_of, loads, request_body
from messaging_email.sendgrid_body import mail_body

Make = Callable[..., RenderedMessage]


@pytest.fixture(scope="session")
def specification(shared: Callable[[str], Path]) -> jsonschema.Draft202012Validator:
    """SendGrid's own description of a request."""
    spec = json.loads(shared("specs/sendgrid_tsg_mail_v3.json").read_text("utf-8"))
    schema = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    return jsonschema.Draft202012Validator(
        {**schema, "components": spec["components"]}, format_checker=jsonschema.FormatChecker()
    )


@pytest.mark.parametrize("sandbox", [True, False])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"parts": {"text": None}},
        {"parts": {"html": None}},
        {"reply_to": "Help <help@example.com>"},
        {"headers": {}},
        {"to": "info@bücher.example"},
        {"from_": "Our shop <info@bücher.example>", "reply_to": "Zoë <help@example.com>"},
    ],
)
def test_the_body_is_as_specified(
    specification: jsonschema.Draft202012Validator, message: Make, changes: dict[str, Any], sandbox: bool
) -> None:
    body = mail_body(message(**changes), sandbox=sandbox)
    specification.validate(body)
    assert ("mail_settings" in body) is sandbox
    assert not specification.is_valid({**body, "from": {}}), "the description does check"


def test_a_shared_body_is_as_specified(specification: jsonschema.Draft202012Validator, message: Make) -> None:
    letters = []
    for number in range(1000):
        text = Pieces(("Hello ", ", your tea ", ""), (f"Ann {number}", f"waits {number % 7}"))
        pieces = {"subject": Pieces(("Tea",), ()), "text": text}
        letters.append(
            letter_of(message(number, parts={"subject": "Tea", "text": text.text, "html": None}, pieces=pieces))
        )
    (load,) = loads(letters, Limits())
    specification.validate(json.loads(orjson.dumps(request_body(load))))


def test_naughty_strings(
    specification: jsonschema.Draft202012Validator, message: Make, shared: Callable[[str], Path]
) -> None:
    for naughty in json.loads(shared("data/naughty/blns.json").read_text("utf-8")):
        body = mail_body(message(parts={"subject": f"{naughty}.", "text": naughty + ".", "html": naughty + "."}))
        assert body["subject"].isprintable() or not body["subject"].isascii()
        assert "\n" not in body["subject"]
        assert json.loads(json.dumps(body).encode("utf-8"))["content"][0]["value"] == naughty + "."
        specification.validate(body)


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "a@x.example, b@y.example"},
        {"to": "jörg@example.com"},
        {"from_": "shop"},
        {"parts": {"text": None, "html": None}},
        {"parts": {"subject": ""}},
        {"parts": {"subject": "\r\n\0"}},
        {"headers": {"BCC": "x@example.net"}},
        {"headers": {"X-SG-ID": "1"}},
        {"headers": {"X": "a\r\nBcc: x"}},
        {"headers": {"X": "=?utf-8?q?Hi=0D=0ABcc:_x?="}},
    ],
)
def test_what_is_no_mail_is_refused(message: Make, changes: dict[str, Any]) -> None:
    with pytest.raises(Unmailable):
        mail_body(message(**changes))


def test_halves_of_surrogate_pairs_are_no_text(message: Make) -> None:
    body = mail_body(message(parts={"subject": "a\ud800b", "text": "a\ud800b"}))
    assert (body["subject"], body["content"][0]["value"]) == ("a b", "a?b")
