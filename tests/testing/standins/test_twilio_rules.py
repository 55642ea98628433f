"""What Twilio takes, and how it counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging.testing.standins.twilio_rules import ERRORS, LATER, Refused, check, later_code, segments

GOOD = {"To": "+436601234567", "From": "+15005550006", "Body": "Hello"}
SERVICE = "MG" + "a" * 32


@pytest.mark.parametrize(
    ("text", "parts", "encoding"),
    [
        ("", 1, "GSM-7"),
        ("a" * 160, 1, "GSM-7"),
        ("a" * 161, 2, "GSM-7"),
        ("a" * 306, 2, "GSM-7"),
        ("a" * 307, 3, "GSM-7"),
        ("€" * 80, 1, "GSM-7"),
        ("€" * 81, 2, "GSM-7"),
        # 153 septets hold 76 of them and half of one, which is not split.
        ("€" * 153, 3, "GSM-7"),
        ("äöüÄÖÜß\n", 1, "GSM-7"),
        ("ł" * 70, 1, "UCS-2"),
        ("ł" * 71, 2, "UCS-2"),
        ("ł" * 134, 2, "UCS-2"),
        ("ł" * 135, 3, "UCS-2"),
        ("😀" * 35, 1, "UCS-2"),
        ("😀" * 36, 2, "UCS-2"),
        # 67 units hold 33 of them.
        ("😀" * 67, 3, "UCS-2"),
        ("`", 1, "UCS-2"),
    ],
)
def test_parts_are_counted_as_the_network_does(text: str, parts: int, encoding: str) -> None:
    assert segments(text) == (parts, encoding)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"From": "12345"},
        {"From": "Our Shop"},
        {"From": "", "MessagingServiceSid": SERVICE},
        {"Body": "x" * 1600},
        {"Body": "", "MediaUrl": "https://shop.example/a.png"},
        {"StatusCallback": "https://shop.example/callbacks/twilio?x=1"},
        {"ValidityPeriod": "36000", "SmartEncoded": "true"},
        {"MessagingServiceSid": SERVICE, "ScheduleType": "fixed", "SendAt": "2026-12-01T10:00:00Z"},
        {"To": "+15005530003"},
    ],
)
def test_what_is_taken(changes: dict[str, str]) -> None:
    check(GOOD | changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "06601234567"}, 21211),
        ({"To": "+0660123456"}, 21211),
        ({"To": "+4366012345678901"}, 21211),
        ({"To": "+43 660 1234567"}, 21211),
        ({"From": ""}, 21603),
        ({"From": "a name that is too long"}, 21212),
        ({"From": "!"}, 21212),
        ({"MessagingServiceSid": "MGx"}, 20001),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"Body": "😀" * 801}, 21617),
        ({"StatusCallback": "shop.example/x"}, 21609),
        ({"StatusCallback": "https://my_shop.example/x"}, 21609),
        ({"StatusCallback": ""}, 21609),
        ({"ValidityPeriod": "0"}, 20001),
        ({"ValidityPeriod": "36001"}, 20001),
        ({"ValidityPeriod": "abc"}, 20001),
        ({"SmartEncoded": "yes"}, 20001),
        ({"SendAt": "2026-12-01T10:00:00Z"}, 20001),
        ({"MessagingServiceSid": SERVICE, "ScheduleType": "fixed", "SendAt": "soon"}, 20001),
        ({"To": "+15005550001"}, 21211),
        ({"To": "+15005550002"}, 21612),
        ({"To": "+15005550003"}, 21408),
        ({"To": "+15005550004"}, 21610),
        ({"To": "+15005550009"}, 21614),
        ({"From": "+15005550001"}, 21212),
        ({"From": "+15005550007"}, 21606),
        ({"From": "+15005550008"}, 21611),
    ],
)
def test_what_is_refused(changes: dict[str, str], code: int) -> None:
    with pytest.raises(Refused) as caught:
        check(GOOD | changes)
    assert caught.value.code == code


def test_every_code_has_a_number_of_its_own() -> None:
    for code in (code for code in ERRORS if code > 21000):
        with pytest.raises(Refused) as caught:
            check(GOOD | {"To": f"+150055{code}"})
        assert caught.value.code == code
    for code in LATER:
        check(GOOD | {"To": f"+150055{code}"})
        assert later_code(f"+150055{code}") == code
    assert later_code("+436601234567") is None


def _typed(value: str, schema: dict[str, Any]) -> Any:
    """A field of a form as its description has it."""
    try:
        return json.loads(value) if schema.get("type") in ("integer", "number", "boolean") else value
    except ValueError:
        return value


def test_what_the_official_description_refuses_is_refused(shared: Callable[[str], Path]) -> None:
    """Each field in turn, with much that it may not be."""
    from jsonschema import Draft202012Validator

    spec = json.loads(shared("specs/twilio_api_v2010.json").read_text("utf-8"))
    posted = spec["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]["post"]["requestBody"]
    fields = posted["content"]["application/x-www-form-urlencoded"]["schema"]["properties"]
    odd = ["", "x", "-", "0.5x", "TRUE", "Fixed", "null", "MG" + "g" * 32, SERVICE + "0", "AP" + "0" * 31]
    refused = 0
    for name, schema in fields.items():
        if name in ("PersistentAction", "MediaUrl"):
            continue  # lists, which a form writes as repeated fields
        for value in odd:
            whole = {**schema, "components": spec["components"]}
            if Draft202012Validator(whole).is_valid(_typed(value, schema)):
                continue
            if (name, value) == ("MessagingServiceSid", ""):
                continue  # beside a sender, as if it were not there
            refused += 1
            with pytest.raises(Refused):
                check(GOOD | {"From": "+15005550006", name: value})
    assert refused > 100
