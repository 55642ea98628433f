"""What providers post."""

from __future__ import annotations

from typing import Any

import pytest

from messaging.errors import InputError
from messaging.testing.standins import StandIn
from messaging.testing.standins.posting import Poster, checked_url


def test_one_after_the_other(catcher: Any) -> None:
    poster = Poster()
    for number in range(20):
        poster.post(f"{catcher.url}/{number}", b"x", {"X-A": "b"})
    assert poster.wait()
    poster.close()
    assert [request.url.rpartition("/")[2] for request in catcher.caught] == [str(number) for number in range(20)]
    assert {request.header("x-a") for request in catcher.caught} == {"b"}


def test_it_is_tried_so_many_times_and_no_redirect_followed(catcher: Any) -> None:
    catcher.answers = [302, 503, 410]
    catcher.fail(status=302, location=f"{catcher.url}/elsewhere")
    poster = Poster()
    poster.post(f"{catcher.url}/x", b"", {}, tries=3)
    assert poster.wait()
    poster.close()
    assert [one.status for one in poster.posted] == [302, 302, 503]
    assert {request.url.rpartition("/")[2] for request in catcher.caught} == {"x"}


def test_nobody_there() -> None:
    with StandIn() as gone:
        url = gone.url
    poster = Poster()
    poster.post(url, b"", {})
    assert poster.wait()
    poster.close()
    assert [one.status for one in poster.posted] == [None]


def test_a_poster_that_posted_nothing_closes() -> None:
    poster = Poster()
    assert poster.wait(0)
    poster.close()


@pytest.mark.parametrize("url", ["", "example.com", "ftp://example.com", "http://", "file:///etc/passwd"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(InputError, match="is no address"):
        checked_url(url, "events")
