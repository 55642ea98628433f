"""The lines of the outbox, against sorting everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from messaging.stores.tinydb.lineup import Line, Lineup

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["plan", "lock", "free", "send", "end"]),
        st.integers(0, 9),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=60,
)


@given(STEPS, st.integers(0, 3), st.integers(1, 12))
def test_takes_what_is_due_by_lane_and_time(steps, now, limit):
    lineup, rows = Lineup(), {}
    for what, number, due, lane in steps:
        key, old = f"m{number}", rows.get(f"m{number}")
        new = dict(old) if old else {"state": "planned", "lane": lane, "channel": "email", "due_at": str(due)}
        if what == "plan":
            new |= {"state": "planned", "due_at": str(due)}
            new.pop("worker", None)
        elif what == "lock":
            new |= {"state": "planned", "worker": f"w{lane}"}
        elif what == "free":
            new.pop("worker", None)
        elif what == "send":
            new |= {"state": "sending", "worker": f"w{lane}"}
        else:
            new |= {"state": "sent"}
            new.pop("worker", None)
        rows[key] = new
        lineup.move(key, old, new)
    due = {
        key: (row["lane"], row["due_at"])
        for key, row in rows.items()
        if row["state"] == "planned" and "worker" not in row and row["due_at"] <= str(now)
    }
    taken = lineup.take(lineup.lines(None, None, None), str(now), limit)
    assert len(set(taken)) == len(taken) == min(limit, len(due))
    assert [due[key] for key in taken] == sorted(due.values())[:limit]
    held = {key for keys in lineup.held.values() for key in keys}
    assert held == {key for key, row in rows.items() if "worker" in row}


def test_a_line_forgets_what_others_take_out_of_it():
    line = Line()
    for number in range(100_000):
        line.add("m", str(number))
        line.remove("m")
    assert len(line._heap) < 200
    assert line.first() is None


def test_those_due_at_the_same_time_go_in_the_order_they_came():
    line = Line()
    for key in "cab":
        line.add(key, "1")
    line.add("first", "0")
    assert line.first()[2] == "first"
    line.remove("first")
    assert line.first()[2] == "c"
