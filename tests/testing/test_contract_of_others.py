"""The suites for event sources and for checks: the right ones pass whole, each wrong one is caught by its test."""

from __future__ import annotations

from pathlib import Path

import pytest

import messaging.testing.contract.rule
import messaging.testing.contract.source  # noqa: F401 - the runs inside share what was imported before them

pytest_plugins = ["pytester"]

FOLDER = Path(__file__).parent / "wrong_adapters"
PLAIN = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q")

SOURCE = """
import json
from dataclasses import replace
from itertools import count
from authors_of_others import TeaContract, TeaShop

class Wrong(TeaShop):
    {body}

class TestTea(TeaContract):
    source = Wrong
"""
THIN = """
from itertools import count
from authors_of_others import ThinTea, ThinTeaContract

class Wrong(ThinTea):
    {body}

class TestTea(ThinTeaContract):
    source = Wrong
"""
RULE = """
import random
from dataclasses import replace
from messaging import Deny, NotBefore, hookimpl
from authors_of_others import Patient, PatientContract

class Wrong(Patient):
    @hookimpl
    def check_messages(self, messages, facts):
        {body}

class TestPatient(PatientContract):
    plugin = Wrong()
"""


def run(pytester: pytest.Pytester, source: str, *options: str) -> pytest.RunResult:
    pytester.syspathinsert(FOLDER)
    pytester.makepyfile(test_it=source)
    return pytester.runpytest_inprocess(*PLAIN, *options)


def caught(pytester: pytest.Pytester, source: str, test: str, remedy: str) -> None:
    text = run(pytester, source, "-k", test).stdout.str()
    assert "failed" in text
    assert f"→ {remedy}" in text, text


def test_a_right_source_passes_whole(pytester: pytest.Pytester) -> None:
    result = run(pytester, SOURCE.format(body="pass"))
    assert set(result.parseoutcomes()) <= {"passed", "skipped"}, result.stdout.str()


def test_a_right_thin_source_passes_whole(pytester: pytest.Pytester) -> None:
    result = run(pytester, THIN.format(body="pass"))
    assert result.parseoutcomes().keys() <= {"passed", "skipped"}, result.stdout.str()
    assert result.parseoutcomes()["skipped"] == 1, "only the age of requests is not looked at"


@pytest.mark.parametrize(
    ("body", "test", "remedy"),
    [
        ("def complete(self, event): return {'type': 'order.placed'}", "is_completed", "docs/events.md"),
        (
            "def complete(self, event):\n        event['incomplete'].pop('order'); return None",
            "completed_again",
            "keep nothing, and change nothing in the event",
        ),
        (
            "n = count()\n    def complete(self, event): return {**super().complete(event), 'id': str(next(self.n))}",
            "completed_again",
            "keep nothing",
        ),
        (
            "def complete(self, event):\n        try:\n            return super().complete(event)\n"
            "        except Exception:\n            return None",
            "does_not_answer",
            "raise messaging.DeliveryError",
        ),
        (
            "def complete(self, event): return self.context.http.request('GET', 'https://tea.example').json()['id']",
            "answers_oddly",
            "raise messaging.InputError",
        ),
        ("def answer(self, request): return request.query().get('challenge')", "replies", "give bytes, or None"),
        ("def answer(self, request): return request.query()['challenge'].encode()", "replies", "give None where"),
    ],
)
def test_a_wrong_thin_source_is_caught(pytester: pytest.Pytester, body: str, test: str, remedy: str) -> None:
    caught(pytester, THIN.format(body=body), test, remedy)


def test_a_right_rule_passes_whole(pytester: pytest.Pytester) -> None:
    text = "from authors_of_others import PatientContract\nclass TestPatient(PatientContract):\n    pass\n"
    result = run(pytester, text)
    assert set(result.parseoutcomes()) == {"passed"}, result.stdout.str()


@pytest.mark.parametrize(
    ("body", "test", "remedy"),
    [
        ("def verify(self, request): pass", "test_forged", "check the signature"),
        ("def verify(self, request): request.json(); super().verify(request)", "test_forged", "check the signature"),
        (
            "def verify(self, request): super().verify(replace(request, body=json.dumps(request.json()).encode()))",
            "test_written_otherwise",
            "check the signature over request.body itself",
        ),
        ("name = 'Tea Shop'", "test_name", "make it a word"),
        (
            "numbers = count()\n    def events(self, request):\n"
            "        return [{**each, 'id': str(next(self.numbers))} for each in super().events(request)]",
            "test_the_same_again",
            "take the id from what is posted",
        ),
        (
            "def events(self, request): return [{**each, 'time': 'noon'} for each in super().events(request)]",
            "test_events_are_envelopes",
            "docs/events.md",
        ),
        (
            "seen = 0\n    def events(self, request):\n        self.seen += 1\n"
            "        return [{**each, 'data': {'n': self.seen}} for each in super().events(request)]",
            "test_in_another_order",
            "keep nothing between requests",
        ),
        ("def events(self, request): return [{'id': json.loads(request.body)['id']}]", "nonsense", "raise InputError"),
    ],
)
def test_a_wrong_source_is_caught(pytester: pytest.Pytester, body: str, test: str, remedy: str) -> None:
    caught(pytester, SOURCE.format(body=body), test, remedy)


@pytest.mark.parametrize(
    ("body", "test", "remedy"),
    [
        ("return [Deny(message_id='other', reason='no')]", "test_a_batch", "answer only for those"),
        ("return ['no' for _ in messages]", "test_a_batch", "answer with messaging.Deny"),
        ("return [Deny(message_id=m.id, reason='') for m in messages]", "test_a_batch", "say why"),
        ("return [Deny(message_id=m.id, reason='no') for m in messages]", "order_messages", "let pass"),
        ("return [Deny(message_id=m.id, reason=str(random.random())) for m in messages]", "same_again", "decide from"),
        ("return [Deny(message_id=messages[0].id, reason='first')] if messages else []", "by_itself", "decide on each"),
        ("facts.customers.clear(); return []", "nothing_is_changed", "answer with decisions"),
        ("[facts.customers[m.customer_id] for m in messages]; return []", "not_known", "decide on what is not known"),
        (
            "return [NotBefore(message_id=m.id, time=facts.now.replace(tzinfo=None), reason='x') for m in messages]",
            "test_a_batch",
            "make it aware",
        ),
        ("[sum(range(1_000_000)) for m in messages]; return []", "quick", "everything needed is in `facts`"),
    ],
)
def test_a_wrong_rule_is_caught(pytester: pytest.Pytester, body: str, test: str, remedy: str) -> None:
    caught(pytester, RULE.format(body=body), test, remedy)
