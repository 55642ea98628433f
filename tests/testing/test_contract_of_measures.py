"""What `measure` says is looked at: the right one passes, each wrong one is caught by its test."""

from __future__ import annotations

from pathlib import Path

import pytest

import messaging.testing.contract.adapter  # the runs inside share what was imported before them
import messaging.testing.contract.bench

pytest_plugins = ["pytester"]

FOLDER = Path(__file__).parent / "wrong_adapters"
PLAIN = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q", "-rs")
ADAPTER = """
import random, threading, time
from dataclasses import replace
from decimal import Decimal
from authors import PigeonContract
from messaging import Measure
from right_measured import Pigeon as Right

class Pigeon(Right):
    {body}

class TestPigeon(PigeonContract):
    adapter = Pigeon
"""


def run(pytester: pytest.Pytester, body: str, test: str) -> pytest.RunResult:
    pytester.syspathinsert(FOLDER)
    pytester.makepyfile(test_it=ADAPTER.format(body=body))
    return pytester.runpytest_inprocess(*PLAIN, "-k", test)


def test_a_right_measure_passes(pytester: pytest.Pytester) -> None:
    result = run(pytester, "pass", "measur or more_is or provider_counts")
    assert result.parseoutcomes() == {"passed": 4, "deselected": result.parseoutcomes()["deselected"]}


def test_whoever_counts_otherwise_says_so(pytester: pytest.Pytester) -> None:
    body = "def units(self, text): return 1\n\nPigeonContract.counts = {'a' * 1000: 1}"
    assert run(pytester, body, "provider_counts").parseoutcomes()["passed"] == 1


@pytest.mark.parametrize(
    ("body", "test", "remedy"),
    [
        ("def units(self, text): return -(-len(text) // 160) or 1", "provider_counts", "by 3GPP 23.038"),
        ("def units(self, text): return -(-len(text.encode()) // 140) or 1", "provider_counts", "by 3GPP 23.038"),
        ("def units(self, text): return 1", "provider_counts", "by 3GPP 23.038"),
        ("def measure(self, message): return None", "provider_counts", "by 3GPP 23.038"),
        ("def units(self, text): return max(0, 10 - len(text) // 160)", "more_is_not_less", "count what the provider"),
        ("def measure(self, message): return Measure(units=1.5)", "make_sense", "say how many"),
        ("def units(self, text): return True", "make_sense", "say how many"),
        ("def units(self, text): return ord(text[0])", "make_sense", "measure whatever may be sent"),
        ("def units(self, text): return random.randrange(9)", "make_sense", "measure by the message"),
        ("n = 0\n    def units(self, text): self.n += 1; return self.n", "make_sense", "measure by the message"),
        ("def units(self, text): raise SystemExit(3)", "make_sense", "raise only what is an Exception"),
        ("def units(self, text): threading.Event().wait()", "make_sense", "bound every loop"),
        ("def measure(self, message): return 3", "make_sense", "return messaging.Measure"),
        ("def measure(self, m): return replace(super().measure(m), price=0.1)", "make_sense", "make it a Decimal"),
        ("def measure(self, m): return replace(super().measure(m), price=Decimal('NaN'))", "make_sense", "make it a"),
        ("def measure(self, m): return replace(super().measure(m), currency=None)", "make_sense", "say both"),
        ("def measure(self, m): return replace(super().measure(m), currency='€')", "make_sense", "name it by ISO"),
        ("def note(self, message): return f'for {message.to}'", "make_sense", "log message.id"),
        ("def note(self, message): return message.parts['text']", "make_sense", "say in one line"),
        ("def note(self, m): return self.settings.token.get_secret_value()", "make_sense", "never format"),
        ("def note(self, message): message.parts['text'] = 'x'", "make_sense", "look only"),
        ("def note(self, message): time.sleep(0.01)", "asks_nobody", "count, and ask nobody"),
        ("def note(self, message): self.ask('GET', '/price')", "asks_nobody", "count, and ask nobody"),
    ],
)
def test_a_wrong_measure_is_caught(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, body: str, test: str, remedy: str
) -> None:
    monkeypatch.setattr(messaging.testing.contract.bench, "PATIENCE", 0.5 if "bound every loop" in remedy else 60.0)
    text = run(pytester, body, test).stdout.str()
    assert "failed" in text
    assert f"→ {remedy}" in text, text
