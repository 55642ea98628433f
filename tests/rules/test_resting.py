"""The circuit breaker: when an adapter rests, for how long, and what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from messaging.rules.resting import Limits, Rest, Took, after, is_resting

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
LIMITS = Limits(failures=3, first=timedelta(seconds=30), longest=timedelta(minutes=15))
WELL, AWAY = Took(well=True), Took(well=False, reason="connection refused")

seconds = st.integers(0, 100_000).map(lambda s: timedelta(seconds=s))
limits = st.builds(
    Limits,
    failures=st.integers(1, 6),
    first=st.integers(1, 600).map(lambda s: timedelta(seconds=s)),
    longest=st.integers(1, 7200).map(lambda s: timedelta(seconds=s)),
)
took = st.builds(
    Took, well=st.booleans(), at_once=st.booleans(), asked=st.none() | seconds, reason=st.sampled_from(["", "busy"])
).filter(lambda told: not (told.well and told.at_once))
stories = st.lists(st.tuples(seconds, took), max_size=30)


def play(story, limits, check=lambda before, told, then, now: None):
    """All of it, one after the other; `check` looks at each step."""
    rest, now = None, NOW
    for wait, told in story:
        now += wait
        then = after("smtp", rest, told, now, limits)
        check(rest, told, then, now)
        rest = then
    return rest, now


@given(stories, limits)
def test_no_rest_is_longer_than_the_longest(story, limits):
    def check(before, told, then, now):
        assert then is None or then.until is None or then.until <= now + limits.longest

    play(story, limits, check)


@given(stories, limits)
def test_a_success_after_a_rest_ends_all_of_it(story, limits):
    rest, now = play(story, limits)
    later = now + limits.longest
    assert after("smtp", rest, WELL, later, limits) is None


@given(stories, limits)
def test_what_was_under_way_when_it_began_changes_nothing(story, limits):
    rest, now = play(story, limits)
    if is_resting(rest, now, limits):
        for told in (WELL, AWAY, Took(well=False, at_once=True)):
            assert after("smtp", rest, told, now, limits) == rest


@given(stories, limits)
def test_it_rests_for_a_cause_only(story, limits):
    """So many failures in a row, an adapter that failed itself, a provider that asked for it, or a trial that failed."""
    failed = 0

    def check(before, told, then, now):
        nonlocal failed
        if is_resting(before, now, limits):
            return
        failed = 0 if told.well else failed + 1
        if then is not None and then.until is not None:
            tried = before is not None and before.until is not None
            assert told.at_once or told.asked or failed >= limits.failures or (tried and not told.well)
        elif not told.well:
            assert failed < limits.failures
            assert then == Rest(failures=failed, reason=told.reason)

    play(story, limits, check)


@given(st.integers(2, 40), limits)
def test_each_rest_is_at_least_as_long_as_the_one_before(number, limits):
    rest, now, waits = None, NOW, []
    for _ in range(limits.failures):
        rest = after("smtp", rest, AWAY, now, limits)
    for _ in range(number):
        assert rest is not None
        assert rest.until is not None
        waits.append(rest.until - now)
        now = rest.until
        rest = after("smtp", rest, AWAY, now, limits)
    assert waits == sorted(waits)
    assert waits[0] <= max(limits.first, limits.longest)
    assert waits[0] >= min(limits.first / 2, limits.longest)


@given(seconds, st.booleans(), limits)
def test_a_provider_that_says_when_is_believed_up_to_the_bound(asked, well, limits):
    rest = after("smtp", None, Took(well=well, asked=asked, reason="429"), NOW, limits)
    if asked:
        assert rest is not None
        assert rest.until is not None
        assert rest.until >= NOW + min(asked, limits.longest)
        assert rest.reason == "429"


def test_it_may_ask_for_more_while_it_rests_and_not_for_less():
    rest = after("smtp", None, Took(well=False, asked=timedelta(minutes=5)), NOW, LIMITS)
    longer = after("smtp", rest, Took(well=False, asked=timedelta(minutes=7)), NOW, LIMITS)
    assert longer is not None
    assert longer.until == NOW + timedelta(minutes=7)
    assert after("smtp", longer, Took(well=True, asked=timedelta(minutes=1)), NOW, LIMITS) == longer
    assert longer.rests == 1


def test_an_end_that_no_rest_has_was_told_by_a_wrong_clock():
    assert not is_resting(Rest(until=NOW + timedelta(days=365)), NOW, LIMITS)
    assert is_resting(Rest(until=NOW + LIMITS.longest), NOW, LIMITS)
    assert not is_resting(Rest(until=NOW), NOW, LIMITS)
    assert not is_resting(Rest(failures=2), NOW, LIMITS)


@given(stories, limits)
def test_it_is_kept_as_it_is_and_comes_out_the_same_again(story, limits):
    rest, _ = play(story, limits)
    assert play(story, limits)[0] == rest
    if rest is not None:
        assert Rest.from_document(rest.to_document()) == rest
