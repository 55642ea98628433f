"""What each recipient gets."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from messaging.testing.standins.sendgrid_filling import filled, in_order, recipients

Mail = Callable[..., dict[str, Any]]


def test_each_gets_their_own(mail: Mail) -> None:
    body = mail("ann@example.com", "bob@example.com", subject="-name-!", headers={"X-For": "-name-", "X-All": "1"})
    body["content"] = [{"type": "text/html", "value": "<b>-name-</b> -hours-"}]
    body["sections"] = {"-hours-": "9 to 5"}
    for one, name in zip(body["personalizations"], ("Ann", "Bob"), strict=True):
        one["substitutions"] = {"-name-": name}
        one["headers"] = {"X-Mine": "-name-"}
    ann, bob = recipients(body, random.Random(1))
    assert (ann["to"], ann["subject"], ann["content"]) == (
        "ann@example.com",
        "Ann!",
        {"text/html": "<b>Ann</b> 9 to 5"},
    )
    assert bob["headers"] == {"X-For": "Bob", "X-All": "1", "X-Mine": "Bob"}
    assert ann["visible"] == ["ann@example.com"]


def test_a_value_is_scanned_again(mail: Mail) -> None:
    """So a customer called -code- gets whatever that tag stands for."""
    body = mail(subject="-name-")
    body["personalizations"][0]["substitutions"] = {"-name-": "-code-", "-code-": "SECRET"}
    for seed in range(10):
        (ann,) = recipients(body, random.Random(seed))
        assert ann["subject"] == "SECRET"


def test_no_order_is_promised(mail: Mail) -> None:
    """Of two tags of which one begins the other, either may be first."""
    body = mail(*(f"c{n}@example.com" for n in range(40)), subject="-ab")
    for one in body["personalizations"]:
        one["substitutions"] = {"-a": "short", "-ab": "long"}
    assert {one["subject"] for one in recipients(body, random.Random(1))} == {"shortb", "long"}


def test_tags_that_make_each_other_end() -> None:
    order = in_order(["-a-", "-b-"])
    assert filled("-a-", {"-a-": "-b-", "-b-": "-a-"}, order) in ("-a-", "-b-")
    assert len(filled("xx", {"x": "xx" * 100}, in_order(["x"]))) <= 10_000_000


def test_nothing_to_fill_in(mail: Mail) -> None:
    body = mail(reply_to={"email": "help@example.com"}, subject="a -b- c")
    body["personalizations"][0]["substitutions"] = {"": "never"}
    (ann,) = recipients(body, random.Random(1))
    assert (ann["subject"], ann["reply_to"]) == ("a -b- c", {"email": "help@example.com"})


def test_copies_are_recipients_too(mail: Mail) -> None:
    body = mail()
    body["personalizations"][0] |= {"cc": [{"email": "cc@example.com"}], "bcc": [{"email": "bcc@example.com"}]}
    found = list(recipients(body, random.Random(1)))
    assert [(one["to"], one["kind"]) for one in found] == [
        ("ann@example.com", "to"),
        ("cc@example.com", "cc"),
        ("bcc@example.com", "bcc"),
    ]
    assert all(one["visible"] == ["ann@example.com", "cc@example.com"] for one in found)


def test_arguments_are_merged_and_the_nearer_wins(mail: Mail) -> None:
    body = mail(custom_args={"a": "all", "b": "all"})
    body["personalizations"][0]["custom_args"] = {"b": "mine"}
    (ann,) = recipients(body, random.Random(1))
    assert ann["custom_args"] == {"a": "all", "b": "mine"}
