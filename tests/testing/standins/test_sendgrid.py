"""SendGrid as its own package sees it, and what comes back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from python_http_client.exceptions import (
    BadRequestsError,
    ForbiddenError,
    HTTPError,
    InternalServerError,
    TooManyRequestsError,
    UnauthorizedError,
)
from sendgrid import EventWebhook, SendGridAPIClient

from messaging.errors import InputError, NotFound
from messaging.testing.standins import SendGridStandIn

Mail = Callable[..., dict[str, Any]]


@pytest.fixture
def provider(catcher: Any) -> Iterator[SendGridStandIn]:
    """It posts its events to the catcher."""
    with SendGridStandIn(events_to=f"{catcher.url}/callbacks/sendgrid") as found:
        yield found


@pytest.fixture
def client(provider: SendGridStandIn) -> SendGridAPIClient:
    return SendGridAPIClient(provider.api_key, host=provider.url)


@pytest.fixture
def told(provider: SendGridStandIn, catcher: Any) -> Callable[[], list[dict[str, Any]]]:
    """The events that were posted so far, each post's signature checked as SendGrid's package does."""

    def read() -> list[dict[str, Any]]:
        assert provider.wait()
        events = []
        for request in catcher.caught:
            assert EventWebhook(provider.public_key).verify_signature(
                request.body.decode(),
                request.header("X-Twilio-Email-Event-Webhook-Signature"),
                request.header("X-Twilio-Email-Event-Webhook-Timestamp"),
            )
            assert request.body.endswith(b"]\r\n")
            events += json.loads(request.body)
        return events

    return read


def _kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in events]


def test_a_mail_is_taken_and_kept(provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail) -> None:
    answer = client.send(mail("ann@example.com", "bob@example.com"))
    assert (answer.status_code, answer.body) == (202, b"")
    assert answer.headers["X-RateLimit-Remaining"].isdigit()
    ann, bob = provider.messages
    assert (ann["to"], ann["subject"], ann["content"]["text/plain"]) == ("ann@example.com", "Fresh tea", "Hello")
    assert ann["id"] != bob["id"]
    assert ann["id"].startswith(answer.headers["X-Message-Id"] + ".")
    assert httpx.get(f"{provider.url}/messages?to=bob@example.com", trust_env=False).json()["messages"] == [bob]


def test_the_packages_own_mail_is_taken(provider: SendGridStandIn, client: SendGridAPIClient) -> None:
    from sendgrid.helpers.mail import Mail as Made

    made = Made("shop@example.com", ["ann@example.com"], "Hello", "text", "<p>html</p>")
    assert client.send(made).status_code == 202
    assert provider.count == 1


def test_the_sandbox_keeps_nothing(
    provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail, told: Callable[[], list[dict[str, Any]]]
) -> None:
    answer = client.send(mail(mail_settings={"sandbox_mode": {"enable": True}}))
    assert answer.status_code == 200
    assert (provider.messages, told()) == ([], [])


def test_what_is_wrong_is_told_with_its_field(provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail) -> None:
    with pytest.raises(BadRequestsError) as caught:
        client.send(mail("a@example.com", "b@example.com", "c@example.com", "nobody"))
    assert caught.value.to_dict["errors"] == [
        {
            "message": "Does not contain a valid address.",
            "field": "personalizations.3.to.0.email",
            "help": "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message.personalizations.to.email",
        }
    ]
    assert provider.messages == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"subject": NaN}', b'"\xff"', b"[" * 5000])
def test_what_is_no_json_is_a_bad_request(provider: SendGridStandIn, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {provider.api_key}", "Content-Type": "application/json"}
    answer = httpx.post(f"{provider.url}/v3/mail/send", content=body, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()) == (
        400,
        {"errors": [{"message": "Bad Request", "field": None, "help": None}]},
    )


def test_another_key_is_refused(provider: SendGridStandIn, mail: Mail) -> None:
    for key in ("SG.other", None):
        with pytest.raises(UnauthorizedError):
            SendGridAPIClient(key, host=provider.url).send(mail())


def test_a_key_that_may_not_send(mail: Mail) -> None:
    with SendGridStandIn(scopes=["stats.read"]) as provider, pytest.raises(ForbiddenError) as caught:
        SendGridAPIClient(provider.api_key, host=provider.url).send(mail())
    assert caught.value.to_dict["errors"][0]["message"] == "access forbidden"


def test_wrong_type_wrong_method_wrong_place_too_large(provider: SendGridStandIn) -> None:
    with httpx.Client(base_url=provider.url, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {provider.api_key}"
        assert client.post("/v3/mail/send", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
        assert client.get("/v3/mail/send").status_code == 405
        assert client.get("/v3/nothing").status_code == 404
        large = b'"' + b"x" * 30_000_000 + b'"'
        json_ = {"Content-Type": "application/json"}
        assert client.post("/v3/mail/send", content=large, headers=json_).status_code == 413


def test_failures_are_what_the_package_knows(provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail) -> None:
    provider.fail(status=429, retry_after="seconds", reset_in=2)
    with pytest.raises(TooManyRequestsError) as caught:
        client.send(mail())
    assert caught.value.headers["Retry-After"] == "2"
    assert caught.value.to_dict["errors"][0]["message"] == "too many requests"
    provider.fail(status=500, when="after")
    with pytest.raises(InternalServerError):
        client.send(mail())
    assert provider.count == 1, "it was accepted all the same"
    provider.fail(status=502)
    with pytest.raises(HTTPError):
        client.send(mail())
    assert client.send(mail()).status_code == 202


def test_a_part_of_a_batch_is_refused_by_field_and_always_the_same(
    provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail
) -> None:
    provider.fail("refuse", share=0.5, seed=3)
    people = [f"c{n}@example.com" for n in range(100)]

    def refused(addresses: list[str]) -> set[str]:
        try:
            client.send(mail(*addresses))
        except BadRequestsError as error:
            fields = [found["field"] for found in error.to_dict["errors"]]
            return {addresses[int(field.split(".")[1])] for field in fields}
        return set()

    bad = refused(people)
    assert 30 < len(bad) < 70
    assert refused(people[::-1]) == bad
    assert provider.messages == []
    assert refused([one for one in people if one not in bad]) == set()
    assert {message["to"] for message in provider.messages} == set(people) - bad
    provider.mend()
    assert refused(people) == set()


def test_events_hold_what_the_mail_was_marked_with(
    client: SendGridAPIClient, mail: Mail, told: Callable[[], list[dict[str, Any]]]
) -> None:
    body = mail(categories=["tea"])
    body["personalizations"][0]["custom_args"] = {"message_id": "m1", "event": "mine"}
    answer = client.send(body)
    processed, delivered = told()
    assert (processed["event"], delivered["event"]) == ("processed", "delivered")
    assert (processed["message_id"], processed["email"], processed["category"]) == ("m1", "ann@example.com", ["tea"])
    assert processed["sg_message_id"].startswith(answer.headers["X-Message-Id"])
    assert len({processed["sg_event_id"], delivered["sg_event_id"]}) == 2
    assert abs(processed["timestamp"] - delivered["timestamp"]) <= 1


@pytest.mark.parametrize(
    ("address", "kinds"),
    [
        ("bounce@example.com", ["processed", "bounce"]),
        ("blocked+7@example.com", ["processed", "bounce"]),
        ("deferred@example.com", ["processed", "deferred", "delivered"]),
        ("dropped@example.com", ["dropped"]),
        ("late-bounce@example.com", ["processed", "delivered", "bounce"]),
        ("open@example.com", ["processed", "delivered", "open"]),
        ("machine-open@example.com", ["processed", "delivered", "open"]),
        ("click@example.com", ["processed", "delivered", "click"]),
        ("Spamreport@example.com", ["processed", "delivered", "spamreport"]),
        ("unsubscribe@example.com", ["processed", "delivered", "unsubscribe"]),
        ("bouncer@example.com", ["processed", "delivered"]),
    ],
)
def test_the_address_says_what_happens(
    client: SendGridAPIClient,
    mail: Mail,
    told: Callable[[], list[dict[str, Any]]],
    address: str,
    kinds: list[str],
) -> None:
    client.send(mail(address))
    assert _kinds(told()) == kinds


def test_kinds_that_share_a_name_can_be_told_apart(
    client: SendGridAPIClient, mail: Mail, told: Callable[[], list[dict[str, Any]]]
) -> None:
    client.send(
        mail("bounce@example.com", "blocked@example.com", "late-bounce@example.com", "machine-open@example.com")
    )
    found = {(event["email"], event["event"]): event for event in told()}
    assert found["bounce@example.com", "bounce"]["type"] == "bounce"
    assert found["blocked@example.com", "bounce"]["type"] == "blocked"
    late = found["late-bounce@example.com", "bounce"]
    assert "sg_message_id" not in late
    assert "smtp-id" not in late
    assert found["machine-open@example.com", "open"]["sg_machine_open"] is True


def test_any_event_can_be_asked_for(
    provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail, told: Callable[[], list[dict[str, Any]]]
) -> None:
    client.send(mail())
    url = f"{provider.url}/_control/events"
    for word in ("open", "click", "group_unsubscribe", "group_resubscribe", "expired"):
        answer = httpx.post(
            url, json={"event": word, "to": "ann@example.com", "ip": "203.0.113.77", "word": "x"}, trust_env=False
        )
        assert answer.status_code == 204
    assert _kinds(told())[2:] == ["open", "click", "group_unsubscribe", "group_resubscribe", "bounce"]
    assert {event["ip"] for event in told()[2:]} == {"203.0.113.77"}
    for wrong in (
        {"event": "dance", "to": "ann@example.com"},
        {"event": "open"},
        {"event": "open", "to": "x@y.example"},
    ):
        assert httpx.post(url, json=wrong, trust_env=False).status_code in (400, 404)
    with pytest.raises(NotFound):
        provider.tell("open", "x@example.com")


def test_events_come_twice_when_told(
    provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail, told: Callable[[], list[dict[str, Any]]]
) -> None:
    provider.fail("duplicate")
    client.send(mail())
    events = told()
    assert _kinds(events) == ["processed", "delivered"] * 2
    assert len({event["sg_event_id"] for event in events}) == 2


def test_events_are_posted_until_they_are_taken(
    provider: SendGridStandIn,
    client: SendGridAPIClient,
    mail: Mail,
    catcher: Any,
    told: Callable[[], list[dict[str, Any]]],
) -> None:
    catcher.answers = [500, 302, 200]
    client.send(mail())
    events = told()
    assert len(catcher.caught) == 3
    assert len({event["sg_event_id"] for event in events}) == 2, "each time the same"


@pytest.mark.parametrize(
    ("word", "name", "reason"),
    [
        ("bounce", "bounces", "Bounced Address"),
        ("spamreport", "spam_reports", "Spam Reporting Address"),
        ("unsubscribe", "unsubscribes", "Unsubscribed Address"),
    ],
)
def test_a_suppressed_address_is_dropped(
    provider: SendGridStandIn,
    client: SendGridAPIClient,
    mail: Mail,
    told: Callable[[], list[dict[str, Any]]],
    word: str,
    name: str,
    reason: str,
) -> None:
    client.send(mail("ann@example.com"))
    provider.tell(word, "ann@example.com")
    assert client.send(mail("ANN@example.com", "bob@example.com")).status_code == 202
    assert [message["to"] for message in provider.messages] == ["ann@example.com", "bob@example.com"]
    dropped = [event for event in told() if event["event"] == "dropped"]
    assert [(event["email"], event["reason"]) for event in dropped] == [("ANN@example.com", reason)]
    listed = client.client.suppression._(name).get()
    assert [one["email"] for one in json.loads(listed.body)] == ["ann@example.com"]
    client.send(mail("ann@example.com", mail_settings={"bypass_list_management": {"enable": True}}))
    assert provider.count == 3
    assert client.client.suppression._(name)._("ann@example.com").delete().status_code == 204
    client.send(mail("ann@example.com"))
    assert provider.count == 4


def test_a_blocked_mail_suppresses_nobody(provider: SendGridStandIn, client: SendGridAPIClient, mail: Mail) -> None:
    client.send(mail("blocked@example.com"))
    client.send(mail("blocked@example.com"))
    assert provider.count == 2


def test_the_key_of_the_signatures_can_be_asked_for(provider: SendGridStandIn, client: SendGridAPIClient) -> None:
    for path in ("signed", "signed/77d4"):
        found = json.loads(client.client.user.webhooks.event.settings._(path).get().body)
        assert found["public_key"] == provider.public_key


def test_a_thousand_recipients_are_told_in_few_posts(
    client: SendGridAPIClient, mail: Mail, catcher: Any, told: Callable[[], list[dict[str, Any]]]
) -> None:
    client.send(mail(*(f"c{n}@example.com" for n in range(1000))))
    assert len(told()) == 2000
    assert all(len(request.body) < 768_000 for request in catcher.caught)


def test_events_that_go_nowhere(mail: Mail) -> None:
    with pytest.raises(InputError, match="'ftp://x' is no address"):
        SendGridStandIn(events_to="ftp://x")
    with SendGridStandIn() as provider:
        SendGridAPIClient(provider.api_key, host=provider.url).send(mail())
        answer = httpx.post(
            f"{provider.url}/_control/events", json={"event": "open", "to": "ann@example.com"}, trust_env=False
        )
        assert (answer.status_code, "--events-to" in answer.json()["error"]) == (400, True)
        assert provider.environment()["SENDGRID_HOST"] == provider.url


def test_many_at_once_are_all_counted(
    provider: SendGridStandIn, mail: Mail, told: Callable[[], list[dict[str, Any]]]
) -> None:
    provider.fail(status=503, share=0.2, seed=5)

    def send(sender: int) -> int:
        client, taken = SendGridAPIClient(provider.api_key, host=provider.url), 0
        for number in range(25):
            try:
                taken += client.send(mail(f"c{sender}-{number}@example.com")).status_code == 202
            except HTTPError as error:
                assert error.status_code == 503
        return taken

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(send, range(8)))
    assert 100 < taken < 200
    assert (provider.count, len({message["id"] for message in provider.messages})) == (taken, taken)
    assert len(told()) == 2 * taken
    assert len({event["sg_event_id"] for event in told()}) == 2 * taken
