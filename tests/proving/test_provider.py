"""What the stand-in knows of whom it left in doubt."""

from __future__ import annotations

import socket
import threading

import httpx
import pytest

from tests.proving.provider import Provider


@pytest.fixture
def provider():
    provider = Provider()
    provider.start()
    yield provider
    provider.stop()


def post(provider, *ids):
    """Hand over a request for these, as customers of that name; its status, None if none came."""
    mail = {
        "from": {"email": "shop@example.com"},
        "subject": "Tea",
        "content": [{"type": "text/plain", "value": "Tea"}],
        "personalizations": [
            {"to": [{"email": f"{id}@mail.example"}], "custom_args": {"message_id": id}} for id in ids
        ],
    }
    try:
        answer = httpx.post(
            f"{provider.url}/v3/mail/send",
            json=mail,
            headers={"Authorization": f"Bearer {provider.api_key}"},
            timeout=5,
        )
    except httpx.HTTPError:
        return None
    return answer.status_code


def while_it(deed, *ids, provider):
    """What the next post is answered, and what the deed says it struck."""
    struck = []
    thread = threading.Thread(target=lambda: struck.append(deed()))
    thread.start()
    while not provider._failures._planned:
        pass  # until it lurks
    status = post(provider, *ids)
    thread.join()
    return status, struck[0]


def accepted(provider):
    return [id for id, _ in provider.ledger]


def test_what_is_answered_is_in_no_doubt(provider):
    assert post(provider, "a", "b") == 202
    assert accepted(provider) == ["a", "b"]
    assert provider.doubtful == set()


@pytest.mark.parametrize(("how", "status"), [({"status": 500}, 500), ({"kind": "reset"}, None)])
@pytest.mark.parametrize("deaf", [False, True])
def test_what_is_not_answered_is_in_doubt_taken_or_not(provider, how, status, deaf):
    said, struck = while_it(lambda: provider.fail_next(deaf=deaf, when="after", **how), "a", "b", provider=provider)
    assert (said, struck) == (status, 1)
    assert provider.doubtful == {"a", "b"}
    assert accepted(provider) == ([] if deaf else ["a", "b"])


def test_whom_it_refuses_is_known(provider):
    ids = [f"c{number}" for number in range(200)]
    said, struck = while_it(lambda: provider.refuse_some(7), *ids, provider=provider)
    assert said == 400
    assert struck == 1
    assert 0 < len(provider.refused) < 20
    assert accepted(provider) == []
    assert provider.doubtful == set()


def test_a_failure_that_nobody_came_for_struck_nobody(provider, monkeypatch):
    monkeypatch.setattr("tests.proving.provider.LURK", 0.05)
    assert provider.fail_next(status=500) == 0
    assert post(provider, "a") == 202


def test_a_connection_that_is_cut_leaves_the_last_in_doubt(provider):
    post(provider, "a")
    with socket.create_connection(("127.0.0.1", provider.port)) as kept:
        kept.sendall(b"GET /messages HTTP/1.1\r\n\r\n")
        assert kept.recv(1) == b"H"
        assert provider.refuse_connections(0.01) == 1
    assert provider.doubtful == {"a"}
    assert post(provider, "b") == 202


def test_an_answer_is_held_while_somebody_dies(provider):
    answered = []

    def send():
        while provider._prompt.is_set():
            pass  # until it holds
        answered.append(post(provider, "a"))

    thread = threading.Thread(target=send)
    thread.start()
    with provider.holding():
        assert accepted(provider) == ["a"]
        assert answered == []
    thread.join()
    assert answered == [202]
    assert post(provider, "b") == 202
