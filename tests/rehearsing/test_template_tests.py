"""A template's tests pass when what they say is sent, and say what was sent instead when not."""

from __future__ import annotations

import pytest

from messaging.errors import TemplateError
from messaging.rehearsing.template_tests import run_template_tests

TEMPLATE = """\
class = "marketing"
topic = "news"
subject = "Hello {{ customer.first_name }}"
channels = ["email"]

[[triggers]]
event = "cart.updated"
key = "cart.id"
after = "4 hours"
"""
TEST = """\
[[tests]]
name = "after four hours"
now = "2026-03-02T09:00:00+01:00"

[[tests.customers]]
email = "ann@example.com"
first_name = "Ann"
consent = ["email:news"]

[[tests.steps]]
event = {type = "cart.updated", customer = {email = "ann@example.com"}, data = {cart = {id = "c-1"}}}

[[tests.steps]]
wait = "3 hours"

[[tests.steps]]
expect = []

[[tests.steps]]
wait = "1 hour"

[[tests.steps]]
expect = [EXPECTED]
"""


@pytest.fixture
def run(live_shop):
    live_shop.write_template("cart", TEMPLATE)

    def run(expected, text=TEST):
        path = live_shop.workspace.templates / "cart" / "tests.toml"
        path.write_text(text.replace("[EXPECTED]", expected), "utf-8")
        (result,) = run_template_tests(live_shop.app, "cart")
        return result

    return run


@pytest.mark.parametrize(
    "expected",
    [
        '[{to = "ann@example.com", subject = "Hello Ann", channel = "email"}]',
        "[{at = 2026-03-02T13:00:00+01:00}]",
        '[{contains = ["unsubscribe"], lacks = ["nonsense"]}]',
    ],
)
def test_as_expected(run, expected):
    result = run(expected)
    assert result.problem is None


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        ("[]", "not expected: cart to ann@example.com at 2026-03-02 12:00 UTC"),
        ("[{}, {}]", "expected cart: nothing was sent"),
        ('[{to = "bob@example.com"}]', "expected cart to bob@example.com: to is 'ann@example.com'"),
        ('[{subject = "Hello Bob"}]', "subject is 'Hello Ann', not 'Hello Bob'"),
        ('[{template = "letter"}]', "expected letter: template is 'cart'"),
        ("[{at = 2026-03-02T14:00:00+01:00}]", "at is 2026-03-02 12:00 UTC, not 2026-03-02 13:00 UTC"),
        ('[{contains = ["nonsense"]}]', "'nonsense' is nowhere in it"),
        ('[{lacks = ["Dear"]}]', "'Dear' is in its html"),
    ],
)
def test_not_as_expected(run, expected, problem):
    result = run(expected)
    assert result.step == 5
    assert problem in (result.problem or "")


def test_what_is_sent_after_the_last_look(run):
    result = run("", TEST.rpartition("[[tests.steps]]")[0])
    assert "nothing more was expected, but: cart to ann@example.com" in (result.problem or "")


def test_consent_is_needed_here_too(run):
    result = run("[{}]", TEST.replace("consent =", "# consent ="))
    assert result.problem == "expected cart: nothing was sent"


def test_an_event_that_is_none(run):
    result = run("[]", TEST.replace('cart = {id = "c-1"}', "cart = {}"))
    assert (result.step, result.problem) == (1, "data.cart.id: is missing")


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ("[[tests]", "not TOML"),
        ('[[tests]]\nname = "x"\nsteps = [{}]', "tests.1.steps.1: a step is one of event, wait, expect"),
        ('[[tests]]\nname = "x"\nsteps = [{wait = "soon"}]', "tests.1.steps.1.wait: 'soon' is not a duration"),
        ('[[tests]]\nname = "x"\nnow = "noon"\nsteps = [{wait = "1 h"}]', "tests.1.now"),
        ('[[tests]]\nname = "x"\nwhen = 1\nsteps = [{wait = "1 h"}]', "tests.1.when"),
    ],
)
def test_a_file_that_is_wrong(run, wrong, problem):
    with pytest.raises(TemplateError) as caught:
        run("", wrong)
    assert problem in str(caught.value)
    assert "tests.toml" in str(caught.value)
