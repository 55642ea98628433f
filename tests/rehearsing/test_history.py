"""A history is told in order of time, whatever order it is written in; what is no event is told by its line."""

from __future__ import annotations

import gc
from datetime import datetime

import orjson
import pytest

from messaging.errors import InputError
from messaging.rehearsing.app import rehearse
from messaging.rehearsing.history import tell_history
from messaging.rehearsing.summary import as_document, of_customer, over_time, summarise

TEMPLATE = """\
class = "transactional"
topic = "orders"
subject = "Thanks for {{ order.number }}"
channels = ["email"]

[[triggers]]
event = "order.placed"
unless = "orders.count > 1"
"""


def placed(number, time, customer="ann"):
    return orjson.dumps(
        {
            "id": f"{number} placed",
            "type": "order.placed",
            "time": time,
            "customer": {"id": customer, "email": f"{customer}@example.com"},
            "data": {"order": {"number": str(number), "total": "1.00", "currency": "EUR"}},
        }
    )


LINES = [
    placed(2, "2026-02-02T10:00:00Z", "bob"),
    b"{no event",
    placed(1, "2026-01-01T10:00:00Z"),
    b"",
    placed(3, "2026-02-03T10:00:00Z"),
    placed(4, "2026-03-01T10:00:00Z", "cid"),
]


@pytest.fixture
def app(live_shop):
    live_shop.write_template("thanks", TEMPLATE)
    return live_shop.app


def told(app, **options):
    with rehearse(app, ["thanks"]) as rehearsal:
        done = tell_history(rehearsal, LINES, **options)
        return done, summarise(rehearsal), of_customer(rehearsal, "ann"), [kept.letter.to for kept in rehearsal.kept]


def test_in_order_of_time(app):
    done, (row,), hers, letters = told(app)
    assert letters == ["ann@example.com", "bob@example.com", "cid@example.com"]
    assert (done.read, done.told, done.before, done.after) == (5, 4, 0, 0)
    assert done.rejected == [(2, done.rejected[0][1])]
    assert "not JSON" in done.rejected[0][1]
    assert row.states == {"sent": 3, "skipped": 1}
    assert row.reasons == {"unless: orders.count > 1": 1}
    assert [(one["state"], one["parts"] and one["parts"]["subject"]) for one in hers] == [
        ("sent", "Thanks for 1"),
        ("skipped", None),
    ]


def test_memory_is_looked_through_as_usual_afterwards(app):
    before = gc.get_threshold()
    told(app)
    assert gc.get_threshold() == before
    with rehearse(app, ["thanks"]) as rehearsal, pytest.raises(InputError):
        tell_history(rehearsal, [])
    assert gc.get_threshold() == before


def test_what_was_before_is_history(app):
    done, (row,), hers, letters = told(app, since=datetime.fromisoformat("2026-01-15T00:00:00Z"))
    assert done.before == 1
    assert letters == ["bob@example.com", "cid@example.com"]
    assert row.reasons == {"unless: orders.count > 1": 1}  # her first order is known
    assert len(hers) == 1


def test_what_is_after_is_left_out(app):
    done, (row,), _, letters = told(app, until=datetime.fromisoformat("2026-02-15T00:00:00Z"))
    assert done.after == 1
    assert letters == ["ann@example.com", "bob@example.com"]
    assert row.states.total() == 3


def test_the_window_is_as_long_as_the_clock_ran(app):
    done, rows, *_ = told(app)
    document = as_document(done, rows)
    assert (document["from"], document["to"]) == ("2026-01-01T10:00:00+00:00", "2026-03-01T10:00:00+00:00")
    since, until = (datetime.fromisoformat(time) for time in ("2026-01-15T00:00:00Z", "2026-12-31T00:00:00Z"))
    done, rows, *_ = told(app, since=since, until=until)
    document = as_document(done, rows)
    assert (document["from"], document["to"]) == ("2026-01-15T00:00:00+00:00", "2026-12-31T00:00:00+00:00")


def test_nothing_to_tell(app):
    with rehearse(app, ["thanks"]) as rehearsal, pytest.raises(InputError, match="no event to rehearse"):
        tell_history(rehearsal, [b"{}"])


def test_over_time(app):
    _, rows, _, _ = told(app)
    periods = over_time(rows)
    assert sum(number for _, number in periods) == 3
    assert [day.isoformat() for day, number in periods if number] == ["2026-01-01", "2026-02-02", "2026-03-01"]
    assert len(periods) == 60


def test_as_json(app):
    done, rows, _, _ = told(app)
    document = orjson.loads(orjson.dumps(as_document(done, rows)))
    assert document["from"] == "2026-01-01T10:00:00+00:00"
    assert document["events"]["rejected"][0]["line"] == 2
    (template,) = document["templates"]
    assert (template["messages"], template["sent"], template["skipped"]) == (4, 3, 1)
    assert template["days"] == {"2026-01-01": 1, "2026-02-02": 1, "2026-03-01": 1}
