"""Each published rule by its own; and the verdicts beside those of the official description."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging.testing.standins.sendgrid_rules import problems

NOW = 1_800_000_000.0
Mail = Callable[..., dict[str, Any]]


def _found(body: Any) -> list[tuple[str | None, str]]:
    return [(problem.field, problem.message) for problem in problems(body, now=NOW)]


def _fields(body: Any) -> list[str | None]:
    return [field for field, _ in _found(body)]


def _with(mail: Mail, **personalization: Any) -> dict[str, Any]:
    """A mail to Ann, with more in her personalization."""
    body = mail("ann@example.com")
    body["personalizations"][0] |= personalization
    return body


def test_a_right_request_has_no_problem(mail: Mail) -> None:
    assert _found(mail()) == []


def test_everything_that_it_may_hold_is_taken(mail: Mail) -> None:
    body = mail(
        "ann@example.com",
        "bob@example.com",
        reply_to_list=[{"email": "help@example.com"}],
        attachments=[
            {"content": base64.b64encode(b"x").decode(), "filename": "x.txt", "type": "text/plain"}
            | {"disposition": "inline", "content_id": "x"}
        ],
        sections={"-s-": "text"},
        headers={"X-Shop": "1"},
        categories=["tea"],
        custom_args={"a": "b"},
        send_at=int(NOW) + 3600,
        batch_id="b1",
        asm={"group_id": 1, "groups_to_display": [1, 2]},
        ip_pool_name="pool",
        mail_settings={"sandbox_mode": {"enable": True}, "footer": {"enable": True, "text": "t", "html": "h"}},
        tracking_settings={
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
            "ganalytics": {"enable": False},
        },
    )
    body["personalizations"][0] |= {
        "cc": [{"email": "cc@example.com", "name": "Cé"}],
        "bcc": [{"email": "bcc@example.com"}],
        "from": {"email": "other@example.com"},
        "subject": "Hers",
        "headers": {
            "List-Unsubscribe": "<https://shop.example/u>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
        "substitutions": {"-name-": "Ann"},
        "custom_args": {"message_id": "m1"},
        "send_at": int(NOW),
    }
    assert _found(body) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from": None}, "from.email"),
        ({"from": {"name": "Shop"}}, "from.email"),
        ({"from": {"email": "shop"}}, "from.email"),
        ({"from": {"email": "shöp@example.com"}}, "from.email"),
        ({"from": {"email": "shop@example.com", "name": "Bücher"}}, "from.name"),
        ({"from": {"email": "shop@example.com", "name": "a\r\nBcc: x"}}, "from.name"),
        ({"reply_to": {"email": "x@"}}, "reply_to.email"),
        ({"reply_to": {"email": "a@example.com"}, "reply_to_list": [{"email": "b@example.com"}]}, "reply_to_list"),
        ({"reply_to_list": [{"email": "b@example.com"}] * 2}, "reply_to_list"),
        ({"reply_to_list": [{"email": "b"}]}, "reply_to_list.0.email"),
        ({"subject": None}, "subject"),
        ({"subject": ""}, "subject"),
        ({"content": None}, "content"),
        ({"content": []}, "content"),
        ({"content": [{"type": "text/plain", "value": ""}]}, "content.0.value"),
        ({"content": [{"type": "text/plain"}]}, "content.0.value"),
        ({"content": [{"type": "", "value": "x"}]}, "content.0.type"),
        ({"content": [{"type": "text/html; charset=utf-8", "value": "x"}]}, "content.0.type"),
        ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "content"),
        ({"content": [{"type": "text/calendar", "value": "x"}, {"type": "text/html", "value": "x"}]}, "content"),
        ({"attachments": [{"content": "", "filename": "x"}]}, "attachments.0.content"),
        ({"attachments": [{"content": "%%%", "filename": "x"}]}, "attachments.0.content"),
        ({"attachments": [{"content": "eA=="}]}, "attachments.0.filename"),
        ({"attachments": [{"content": "eA==", "filename": "x", "type": ""}]}, "attachments.0.type"),
        ({"attachments": [{"content": "eA==", "filename": "x", "disposition": "up"}]}, "attachments.0.disposition"),
        ({"attachments": [{"content": "eA==", "filename": "x\n"}]}, "attachments.0.filename"),
        ({"headers": {"X-A": 1}}, "headers"),
        ({"headers": {"X-A": "a\r\nBcc: b@example.com"}}, "headers"),
        ({"headers": {"X A": "a"}}, "headers"),
        ({"headers": {"X-Ä": "a"}}, "headers"),
        ({"headers": {"X-A": "a", "x-a": "b"}}, "headers"),
        ({"headers": {"Subject": "a"}}, "headers.Subject"),
        ({"categories": [f"c{n}" for n in range(11)]}, "categories"),
        ({"categories": ["a", "a"]}, "categories"),
        ({"categories": ["a" * 256]}, "categories.0"),
        ({"categories": ["ä"]}, "categories.0"),
        ({"custom_args": {}}, "custom_args"),
        ({"custom_args": {"a": 1}}, "custom_args"),
        ({"sections": {"-a-": 1}}, "sections"),
        ({"send_at": int(NOW) + 72 * 3600 + 1}, "send_at"),
        ({"asm": {}}, "asm.group_id"),
        ({"asm": {"group_id": 1, "groups_to_display": list(range(26))}}, "asm.groups_to_display"),
        ({"ip_pool_name": "x"}, "ip_pool_name"),
        ({"ip_pool_name": "x" * 65}, "ip_pool_name"),
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": None}, "personalizations"),
        ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [{}]}, "personalizations.0.to"),
    ],
)
def test_what_is_refused_names_its_field(mail: Mail, changes: dict[str, Any], field: str) -> None:
    assert _fields(mail(**changes)) == [field]


def test_a_personalizations_own_sender_is_checked_too(mail: Mail) -> None:
    body = _with(mail, **{"from": {"email": "shop", "name": "Bücher"}})
    assert _fields(body) == ["personalizations.0.from.email", "personalizations.0.from.name"]


@pytest.mark.parametrize("name", ["x-sg-id", "X-SG-EID", "Received", "DKIM-Signature", "Content-Type"])
def test_no_personalization_sets_what_is_sendgrids(mail: Mail, name: str) -> None:
    assert _fields(_with(mail, headers={name: "x"})) == [f"personalizations.0.headers.{name}"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "a b@example.com",
        "ann@localhost",
        "änn@example.com",
        "ann@exämple.com",
        "a..b@example.com",
        f"{'a' * 65}@example.com",
    ],
)
def test_an_address_that_is_none(mail: Mail, address: str) -> None:
    body = mail("first@example.com", address)
    assert _found(body) == [("personalizations.1.to.0.email", "Does not contain a valid address.")]


@pytest.mark.parametrize("name", ["Ann; Bob", "Ann, Bob"])
@pytest.mark.parametrize("kind", ["to", "cc", "bcc"])
def test_a_name_with_what_divides_names(mail: Mail, kind: str, name: str) -> None:
    body = _with(mail, **{kind: [{"email": "x@example.com", "name": name}]})
    assert _fields(body) == [f"personalizations.0.{kind}.0.name"]


def test_one_address_twice_over_all_personalizations_whatever_its_case(mail: Mail) -> None:
    (field, message), *more = _found(mail("ann@example.com", "bob@example.com", "ANN@example.com"))
    assert (field, more) == ("personalizations", [])
    assert "[ANN@example.com] more than once" in message


def test_one_address_twice_in_a_personalization(mail: Mail) -> None:
    ((field, message),) = _found(_with(mail, cc=[{"email": "ann@example.com"}]))
    assert field == "personalizations.0"
    assert "unique between to, cc, and bcc" in message


def test_a_thousand_recipients_and_not_one_more(mail: Mail) -> None:
    people = [f"c{n}@example.com" for n in range(1000)]
    assert _found(mail(*people)) == []
    assert _fields(mail(*people, "one@example.com")) == ["personalizations", "personalizations"]
    body = mail(*people[:999])
    body["personalizations"][0]["bcc"] = [{"email": "x@example.com"}, {"email": "y@example.com"}]
    assert _found(body) == [
        ("personalizations", "There is a limit of 1000 total recipients (to + cc + bcc) per request.")
    ]


def test_substitutions_have_ten_thousand_bytes_a_personalization(mail: Mail) -> None:
    # {"k":"…"} is eight bytes longer than the value.
    assert _found(_with(mail, substitutions={"k": "ä" * 4996})) == []
    assert _fields(_with(mail, substitutions={"k": "ä" * 4997})) == ["personalizations.0.substitutions"]


def test_substitutions_are_at_most_150_texts(mail: Mail) -> None:
    assert _found(_with(mail, substitutions={f"k{n}": "x" for n in range(150)})) == []
    assert _fields(_with(mail, substitutions={f"k{n}": "x" for n in range(151)})) == [
        "personalizations.0.substitutions"
    ]
    assert _fields(_with(mail, substitutions={"k": 1})) == ["personalizations.0.substitutions"]


def test_no_substitutions_beside_a_dynamic_template(mail: Mail) -> None:
    body = _with(mail, substitutions={"k": "x"}) | {"template_id": "d-1"}
    assert _fields(body) == ["personalizations.0.substitutions"]


def test_a_template_brings_subject_and_content(mail: Mail) -> None:
    assert _found(mail(template_id="d-1", subject=None, content=None)) == []


def test_each_personalization_may_bring_its_subject(mail: Mail) -> None:
    body = mail("ann@example.com", "bob@example.com", subject=None)
    for one in body["personalizations"]:
        one["subject"] = "Yours"
    assert _found(body) == []
    del body["personalizations"][1]["subject"]
    assert _fields(body) == ["subject"]
    body["personalizations"][1]["subject"] = ""
    assert _fields(body) == ["personalizations.1.subject"]


def test_custom_args_count_together(mail: Mail) -> None:
    body = _with(mail, custom_args={"a": "x" * 4000}) | {"custom_args": {"b": "y" * 5000}}
    assert _found(body) == []
    body["custom_args"]["b"] = "y" * 7000
    assert _fields(body) == ["personalizations.0.custom_args"]


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"subject": 1}, "subject", "Invalid type. Expected: string, given: integer."),
        ({"send_at": "soon"}, "send_at", "Invalid type. Expected: integer, given: string."),
        ({"send_at": True}, "send_at", "Invalid type. Expected: integer, given: boolean."),
        ({"custom_args": "x"}, "custom_args", "Invalid type. Expected: object, given: string."),
        ({"content": {"type": "text/plain"}}, "content", "Invalid type. Expected: array, given: object."),
        ({"personalisations": []}, "personalisations", "Additional property personalisations is not allowed."),
        (
            {"mail_settings": {"sandbox_mode": {"enable": "true"}}},
            "mail_settings.sandbox_mode.enable",
            "Invalid type. Expected: boolean, given: string.",
        ),
    ],
)
def test_a_wrong_type_is_told_as_sendgrid_tells_it(mail: Mail, change: dict[str, Any], field: str, said: str) -> None:
    assert _found(mail(**change)) == [(field, said)]


def test_it_may_be_anything(mail: Mail) -> None:
    for body in (None, [], "text", 1, {}, {"personalizations": [None]}, {"personalizations": [{"to": [1]}]}):
        assert _found(body)


@pytest.fixture
def official(shared: Callable[[str], Path]) -> Callable[[Any], bool]:
    """Whether the official description takes a body. Its root `custom_args` is a string by mistake."""
    from jsonschema import Draft202012Validator, FormatChecker

    spec = json.loads(shared("specs/sendgrid_tsg_mail_v3.json").read_text("utf-8"))
    schema = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    schema["properties"]["custom_args"] = {"type": "object"}
    schema["components"] = spec["components"]
    return Draft202012Validator(schema, format_checker=FormatChecker()).is_valid


#: What is put in the place of something, so that it may be wrong.
ODD: list[Any] = [None, 0, -1, 1.5, True, "", "x", "a@example.com", [], {}, [1], {"a": 1}, "x" * 300]
#: What the official description leaves open and the pages on errors and limits do not.
OURS = (
    *("limited", "limit of 1000", "only be included once", "should be unique", "have at least one email object"),
    *("at least one personalization", "is required", "be provided", "valid address", "cannot", "can not", "Following"),
    *("must be strings", "all strings", "Additional property", "at least one defined", "base64", "may not exceed"),
    *("Unicode", "forbidden", "Only one of", "one character", "unsubscribe groups"),
)


def _places(value: Any) -> list[tuple[Any, ...]]:
    """The way to every value inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, one in inner for place in [(name,), *((name, *more) for more in _places(one))]]


def test_what_the_official_description_refuses_is_refused(mail: Mail, official: Callable[[Any], bool]) -> None:
    """And what it takes is refused for published reasons only. Each place of a full request is spoiled in turn."""
    body = mail(
        "ann@example.com",
        "bob@example.com",
        reply_to={"email": "help@example.com", "name": "Help"},
        categories=["tea", "pots"],
        send_at=int(NOW),
        batch_id="b1",
        asm={"group_id": 1, "groups_to_display": [1]},
        ip_pool_name="pool",
        headers={"X-A": "1"},
        custom_args={"a": "b"},
        attachments=[{"content": "eA==", "filename": "x", "type": "text/plain", "disposition": "inline"}],
        mail_settings={"sandbox_mode": {"enable": False}, "footer": {"enable": False, "text": "", "html": ""}},
        tracking_settings={"open_tracking": {"enable": False, "substitution_tag": "%o%"}},
    )
    body["personalizations"][0] |= {"cc": [{"email": "c@example.com"}], "substitutions": {"-a-": "b"}, "subject": "s"}
    body["personalizations"][1] |= {"headers": {"X-B": "1"}, "custom_args": {"id": "m"}, "send_at": int(NOW)}
    assert official(body)
    assert _found(body) == []
    compared = 0
    for path in _places(body):
        for odd in [*ODD, "absent"]:
            spoiled = copy.deepcopy(body)
            place = spoiled
            for step in path[:-1]:
                place = place[step]
            if odd == "absent":
                del place[path[-1]]
            else:
                place[path[-1]] = copy.deepcopy(odd)
            found = _found(spoiled)
            compared += 1
            if not official(spoiled):
                assert found, f"{path} = {odd!r}"
            else:
                unpublished = [said for _, said in found if not any(reason in said for reason in OURS)]
                assert not unpublished, f"{path} = {odd!r}: {unpublished}"
    assert compared > 500
