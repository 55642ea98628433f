"""What all stand-ins can be asked and told over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from messaging.errors import InputError, NotFound
from messaging.testing.standins import StandIn
from messaging.testing.standins.http import Answer


@pytest.fixture
def provider() -> Iterator[StandIn]:
    with StandIn() as found:
        for number in range(5):
            found.keep({"id": str(number), "to": f"{number % 2}@example.com"})
        yield found


@pytest.fixture
def client(provider: StandIn) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=provider.url, trust_env=False) as found:
        yield found


def test_messages_come_in_pages(client: httpx.Client) -> None:
    page = client.get("/messages", params={"limit": 2}).json()
    assert [one["id"] for one in page.pop("messages")] == ["0", "1"]
    assert page == {"accepted": 5, "count": 5, "next": 2}
    page = client.get("/messages", params={"limit": 3, "offset": 2}).json()
    assert [one["id"] for one in page["messages"]] == ["2", "3", "4"]
    assert page["next"] is None


def test_messages_of_one_address(client: httpx.Client) -> None:
    page = client.get("/messages", params={"to": "1@example.com"}).json()
    assert ([one["id"] for one in page["messages"]], page["count"]) == (["1", "3"], 2)


@pytest.mark.parametrize("query", ["limit=x", "offset=-1", "limit=9999999999", "limit=٣"])
def test_a_page_that_is_none(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/messages?{query}")
    assert answer.status_code == 400
    assert "is not a number" in answer.json()["error"]


def test_messages_are_forgotten(provider: StandIn, client: httpx.Client) -> None:
    assert client.delete("/messages").status_code == 204
    assert (provider.messages, provider.count) == ([], 0)


def test_it_fails_as_it_is_told(client: httpx.Client) -> None:
    assert client.post("/_control/fail", json={"status": 503, "share": 1}).status_code == 204
    assert client.get("/anything").status_code == 503
    assert client.get("/messages").status_code == 200, "what steers it never fails"
    assert client.delete("/_control/fail").status_code == 204
    assert client.get("/anything").status_code == 404


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"kind": "explode"}'])
def test_what_it_does_not_understand_changes_nothing(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/_control/fail", content=body)
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"]
    assert client.get("/anything").status_code == 404


def test_it_can_be_told_nothing_else(client: httpx.Client) -> None:
    assert client.post("/_control/dance").status_code == 400
    assert client.put("/messages").status_code == 404


def test_the_last_to_an_address(provider: StandIn) -> None:
    assert provider.last("1@EXAMPLE.com")["id"] == "3"
    with pytest.raises(NotFound, match="nothing was sent to x@example.com"):
        provider.last("x@example.com")


def test_a_failure_that_it_cannot_have(provider: StandIn) -> None:
    with pytest.raises(InputError, match="no failure of kind 'refuse'"):
        provider.fail("refuse")


def test_a_fault_of_its_own_is_not_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(StandIn):
        name = "broken"

        def provide(self, *_: object) -> Answer:
            raise ZeroDivisionError("oh")

    with Broken() as provider:
        answer = httpx.get(f"{provider.url}/x", trust_env=False)
    assert (answer.status_code, "ZeroDivisionError" in answer.json()["error"]) == (500, True)
    assert "Traceback" in capsys.readouterr().err


def test_only_the_last_are_kept() -> None:
    provider = StandIn(keep_last=2)
    for number in range(5):
        provider.keep({"id": str(number), "to": "x"})
    assert ([one["id"] for one in provider.messages], provider.count) == (["3", "4"], 5)
