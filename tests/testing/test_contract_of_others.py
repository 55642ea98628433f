"""The suites for event sources and for checks: the right ones pass whole, each wrong one is caught by its test."""

from __future__ import annotations

from pathlib import Path

import pytest

import messaging.testing.contract.bench
import messaging.testing.contract.footprint
import messaging.testing.contract.rule
import messaging.testing.contract.source  # the runs inside share what was imported before them

pytest_plugins = ["pytester"]

FOLDER = Path(__file__).parent / "wrong_adapters"
PLAIN = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q")

SOURCE = """
import hmac, json, logging, random, socket, sqlite3, threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, repeat
from pydantic import SecretStr
from authors_of_others import SECRET, TeaContract, TeaShop
from messaging import InputError, RequestRejected, Secrets, SourceSettings

log = logging.getLogger(__name__)

class Careless(SourceSettings):
    secrets: Secrets = ()

class Default(SourceSettings):
    secrets: Secrets = (SecretStr("change-me"),)

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
import datetime as dates
import itertools, logging, random, shelve, socket, threading, time
from dataclasses import replace
from datetime import UTC, datetime
from pydantic import BaseModel, SecretStr
from messaging import Deny, NotBefore, hookimpl
from authors_of_others import Patient, PatientContract

log = logging.getLogger(__name__)

class Table(BaseModel):
    key: SecretStr = SecretStr("s3cret-of-the-rule")

class Wrong(Patient):
    seen = set()
    @hookimpl
    def check_messages(self, messages, facts):
        {body}

    @hookimpl
    def register_settings(self):
        return Table

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


ONE_SECRET = """
import hmac
from pydantic import SecretStr
from authors_of_others import SECRET, TeaContract, TeaShop
from messaging import RequestRejected, SourceSettings

class Only(SourceSettings):
    secret: SecretStr

class Unchangeable(TeaShop):
    Settings = Only

    def verify(self, request):
        key = self.settings.secret.get_secret_value().encode()
        told = request.header("Tea-Signature").encode()
        if not hmac.compare_digest(hmac.digest(key, request.body, "sha256").hex().encode(), told):
            raise RequestRejected("its signature is wrong")

class TestTea(TeaContract):
    source = Unchangeable

    def settings(self):
        return {"secret": SECRET}
"""


def test_a_source_whose_secret_cannot_be_changed_without_a_gap_is_caught(pytester: pytest.Pytester) -> None:
    text = run(pytester, ONE_SECRET).stdout.str()
    assert "1 failed" in text
    assert "→ declare secret as messaging.Secrets" in text, text


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
        (
            "def __init__(self, settings, context):\n"
            "        super().__init__(settings.model_copy(update={'secrets': settings.secrets[:1]}), context)",
            "without_a_gap",
            "take what is signed with any of them",
        ),
        (
            "def __init__(self, settings, context):\n"
            "        super().__init__(settings.model_copy(update={'secrets': settings.secrets[-1:]}), context)",
            "without_a_gap",
            "take what is signed with any of them",
        ),
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
        (
            "def events(self, request): yield {'id': request.json()['email'].lower()}",
            "signed_and_odd",
            "raise InputError",
        ),
        (
            "Settings = Careless\n    def verify(self, request):\n"
            "        if self.settings.secrets: super().verify(request)",
            "without_a_secret",
            "check the signature",
        ),
        ("Settings = Default", "without_a_secret", "check the signature"),
        (
            "def verify(self, request):\n        log.debug('key %s', self.settings.secrets[0].get_secret_value())\n"
            "        super().verify(request)",
            "nothing_gets_out",
            "never format headers",
        ),
        (
            "def verify(self, request):\n        expected = hmac.digest(SECRET.encode(), request.body, 'sha256').hex()\n"
            "        if expected != request.header('Tea-Signature'): raise RequestRejected(f'it must be {expected}')",
            "nothing_gets_out",
            "never format headers",
        ),
        (
            "def events(self, request):\n        print(request.json())\n        return super().events(request)",
            "nothing_gets_out",
            "log message.id, or the id of what",
        ),
        (
            "def events(self, request):\n        try: return list(super().events(request))\n"
            "        except InputError: raise InputError(f'no order: {request.body!r}')",
            "nothing_gets_out",
            "log message.id, or the id of what",
        ),
        (
            "def events(self, request):\n"
            "        return [{**each, 'time': datetime.now(UTC).isoformat()} for each in super().events(request)]",
            "look_at_the_clock",
            "take an event's time from what is posted",
        ),
        (
            "def events(self, request):\n        for each in super().events(replace(request, body=json.dumps({'at': '', "
            "**request.json()}).encode())):\n"
            "            yield {**each, 'time': each['time'] or datetime.now(UTC).isoformat()}",
            "look_at_the_clock",
            "take an event's time from what is posted",
        ),
        (
            "def events(self, request):\n        import time\n        time.time()\n        return super().events(request)",
            "look_at_the_clock",
            "take an event's time from what is posted",
        ),
        (
            "def events(self, request):\n"
            "        return [{**each, 'id': str(hash(request.body))} for each in super().events(request)]",
            "another_process",
            "take hashlib",
        ),
        (
            "def events(self, request):\n"
            "        return [{**each, 'data': {'n': random.random()}} for each in super().events(request)]",
            "the_same_again",
            "tell what is posted",
        ),
        (
            "def events(self, request):\n        with sqlite3.connect('tea-seen.db') as db: db.execute('create table if not exists t (x)')"
            "\n        db.close(); return super().events(request)",
            "left_behind",
            "keep nothing, in no file",
        ),
        (
            "pool = ThreadPoolExecutor(1)\n    def events(self, request):\n"
            "        return self.pool.submit(lambda: list(super(Wrong, self).events(request))).result()",
            "left_behind",
            "keep nothing, in no file",
        ),
        (
            "def events(self, request):\n        socket.setdefaulttimeout(9)\n        return super().events(request)",
            "left_behind",
            "leave alone",
        ),
        ("def events(self, request): return []", "envelopes", "translate it"),
        (
            "def events(self, request): return [{**each, 'id': '1'} for each in super().events(request)]",
            "its_own_id",
            "make the id of what happened",
        ),
        (
            "def events(self, request):\n        with suppress(OSError): socket.create_connection(('127.0.0.1', 9), 0.1)\n"
            "        return super().events(request)",
            "left_behind",
            "decide on what you are given",
        ),
        ("def events(self, request): return repeat({})", "envelopes", "end the loop that yields them"),
        ("def events(self, request): raise SystemExit(3)", "envelopes", "raise only what is an Exception"),
        ("def verify(self, request): threading.Event().wait()", "verify_alone", "bound every loop"),
        ("def verify(self, request): super().verify(request); return True", "envelopes", "raise RequestRejected for"),
        ("async def verify(self, request): pass", "verify_alone", "raise RequestRejected for"),
        ("def events(self, request): return ['tea']", "envelopes", "end the loop that yields them, each a mapping"),
        (
            "def verify(self, request):\n        key = self.settings.secrets[0].get_secret_value().encode()\n        expected = hmac.new(key, request.body, 'sha256').hexdigest()\n"
            "        if expected != request.header('tea-signature'): raise RequestRejected('no')",
            "constant_time",
            "compare with hmac.compare_digest",
        ),
        (
            "def verify(self, request):\n        key = self.settings.secrets[0].get_secret_value().encode()\n        expected = hmac.new(key, request.body, 'sha256').hexdigest()\n"
            "        if expected.encode() != request.header('tea-signature').encode(): raise RequestRejected('no')",
            "constant_time",
            "compare with hmac.compare_digest",
        ),
        (
            "def verify(self, request):\n        key = self.settings.secrets[0].get_secret_value().encode()\n        expected = hmac.new(key, request.body, 'sha256').hexdigest()\n"
            "        if expected != request.header('tea-signature')[:64]: raise RequestRejected('no')",
            "constant_time",
            "compare with hmac.compare_digest",
        ),
        (
            "def verify(self, request):\n        key = self.settings.secrets[0].get_secret_value().encode()\n        expected = hmac.new(key, request.body, 'sha256').hexdigest()\n"
            "        if expected.encode() != request.header('tea-signature').encode().strip(): raise RequestRejected('no')",
            "constant_time",
            "compare with hmac.compare_digest",
        ),
        (
            "def verify(self, request):\n        key = self.settings.secrets[0].get_secret_value().encode()\n        expected = hmac.new(key, request.body, 'sha256').hexdigest()\n"
            "        if request.header('tea-signature').strip() not in [expected]: raise RequestRejected('no')",
            "constant_time",
            "compare with hmac.compare_digest",
        ),
    ],
)
def test_a_wrong_source_is_caught(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str, test: str, remedy: str
) -> None:
    monkeypatch.setattr(messaging.testing.contract.footprint, "_GONE", 0.5)
    monkeypatch.setattr(messaging.testing.contract.bench, "PATIENCE", 2.0 if "bound every loop" in remedy else 60.0)
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
        ("[sum(range(250_000)) for m in messages]; return []", "quick", "everything needed is in `facts`"),
        # Far longer than is waited for, but not beside all tests that follow.
        ("end = time.monotonic() + 5\n        while time.monotonic() < end: pass", "a_batch", "bound every loop"),
        ("return itertools.repeat(Deny(message_id=messages[0].id, reason='no'))", "a_batch", "decide on what is not"),
        ("raise SystemExit(3)", "a_batch", "raise only what is an Exception"),
        ("datetime.now(UTC); return []", "look_at_the_clock", "facts.now is the time"),
        ("dates.date.today(); return []", "look_at_the_clock", "facts.now is the time"),
        ("time.time(); return []", "look_at_the_clock", "facts.now is the time"),
        (
            "from datetime import datetime\n        datetime.utcnow(); return []",
            "look_at_the_clock",
            "facts.now is the",
        ),
        ("from time import localtime\n        localtime(); return []", "look_at_the_clock", "facts.now is the time"),
        (
            "return [Deny(message_id=m.id, reason='held out') for m in messages if hash(m.customer_id) % 9 == 0]",
            "another_process",
            "take hashlib",
        ),
        (
            "return [Deny(message_id=m.id, reason='unlucky') for m in messages if random.random() < 0.01]",
            "same_again",
            "decide from messages and facts alone",
        ),
        (
            "new = [m for m in messages if m.id not in self.seen]\n        self.seen.update(m.id for m in new)\n"
            "        return [Deny(message_id=m.id, reason='the first is on trial') for m in new]",
            "same_again",
            "decide from messages and facts alone",
        ),
        (
            "messages[0].context and messages[0].context.clear(); return []",
            "nothing_is_changed",
            "answer with decisions",
        ),
        ("facts.pending.clear(); return []", "nothing_is_changed", "answer with decisions"),
        (
            "self.now = messages[:1]\n        time.sleep(0.01)\n"
            "        return [Deny(message_id=m.id, reason='no') for m in self.now if m in messages]",
            "several_threads",
            "keep nothing between",
        ),
        (
            "return [Deny(message_id=m.id, reason='a crowd') for m in messages] if len(messages) > 30 else []",
            "by_itself",
            "decide on each message by its own",
        ),
        (
            "first = {m.customer_id: m.id for m in reversed(messages)}\n"
            "        return [Deny(message_id=m.id, reason='one') for m in messages if first[m.customer_id] != m.id]",
            "in_any_order",
            "where several go to one person, take them by what they are",
        ),
        ("shelve.open('asked').close(); return []", "left_behind", "keep nothing, in no file"),
        ("open('asked.txt', 'a').close(); return []", "left_behind", "keep nothing, in no file"),
        ("threading.Timer(5, print).start(); return []", "left_behind", "keep nothing, in no file"),
        (
            "return [NotBefore(message_id=m.id, time=facts.now + dates.timedelta(days=1), reason='x') for m in messages]",
            "held_back",
            "name the time at which it may go",
        ),
        ("[m.address.lower() for m in messages]; return []", "not_known", "decide on what is not known"),
        ("return [Deny(message_id=m.id, reason=7) for m in messages]", "a_batch", "say why"),
        (
            "from contextlib import suppress\n        with suppress(OSError): socket.create_connection(('127.0.0.1', 9), 0.1)"
            "\n        return []",
            "left_behind",
            "decide on what you are given",
        ),
        ("log.info('%s', messages); return []", "nothing_gets_out", "log message.id, or the id of what"),
        ("print([m.address for m in messages]); return []", "nothing_gets_out", "log message.id, or the id of what"),
        (
            "return [Deny(message_id=m.id, reason=f'{facts.customers[m.customer_id].email} had enough') for m in messages"
            " if m.customer_id in facts.customers]",
            "nothing_gets_out",
            "log message.id, or the id of what",
        ),
        (
            "return [Deny(message_id=m.id, reason=facts.settings.key.get_secret_value()) for m in messages]",
            "nothing_gets_out",
            "never format headers",
        ),
    ],
)
def test_a_wrong_rule_is_caught(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str, test: str, remedy: str
) -> None:
    monkeypatch.setattr(messaging.testing.contract.footprint, "_GONE", 0.5)
    monkeypatch.setattr(messaging.testing.contract.bench, "PATIENCE", 2.0 if "bound every loop" in remedy else 60.0)
    caught(pytester, RULE.format(body=body), test, remedy)
