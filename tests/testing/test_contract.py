"""The suite passes adapters that are right whole, and says of each wrong one which fault it has and what to do."""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import cryptography.hazmat.primitives.asymmetric.ec  # none of it can be loaded twice
import cryptography.x509  # noqa: F401 - it is only to be there: the runs inside would load it anew
import pytest

import messaging.testing.contract.adapter  # the runs inside share what was imported before them
import messaging.testing.contract.bench
import messaging.testing.contract.footprint

pytest_plugins = ["pytester"]
#: What wrong ones never close warns when it is collected; here the suite is to tell of it (`test_everything_is_closed`).
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

#: What is loaded for every run inside costs more than the tests.
PLAIN = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q", "-rs")
FOLDER = Path(__file__).parent / "wrong_adapters"
#: The right adapter that a wrong one is made of -> what its author tells the suite.
CONTRACTS = {
    "right": "PigeonContract",
    "right_async": "PigeonContract",
    "right_batched": "FlockContract",
    "right_csv": "MailContract",
    "right_database": "PlainContract",
    "right_files": "MailContract",
    "right_form": "PigeonContract",
    "right_get": "PigeonContract",
    "right_graph": "GraphContract",
    "right_growing": "PlainContract",
    "right_lines": "LinesContract",
    "right_measured": "PigeonContract",
    "right_multipart": "PigeonContract",
    "right_news": "NewsContract",
    "right_oauth": "OauthContract",
    "right_plain": "PlainContract",
    "right_pool": "PigeonContract",
    "right_text": "PlainContract",
}
WRONG = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith(("right", "authors")))
#: What they leave open or unsafe, they must not leave in the process of the tests that come after.
MESSY = [module for module in WRONG if module.startswith(("leaves", "trusts"))]


def told_of(module: str) -> tuple[str, str, str]:
    """Which test catches a wrong adapter, what that says, and which right one it is made of."""
    source = (FOLDER / f"{module}.py").read_text("utf-8")
    told = re.search(r"^Caught by (\w+): (.+)$", source, re.MULTILINE)
    base = re.search(r"^from (right\w*) import .*\bPigeon as Right\b", source, re.MULTILINE)
    assert told is not None
    assert base is not None
    return told[1], told[2], base[1]


def run(pytester: pytest.Pytester, module: str, contract: str, *options: str) -> pytest.RunResult:
    """The suite over an adapter's module, as its author's test would run it."""
    pytester.syspathinsert(FOLDER)
    pytester.makepyfile(
        test_pigeon=f"from {'authors_lines' if contract == 'LinesContract' else 'authors'} import {contract}\n"
        f"from {module} import Pigeon\n\n"
        f"class TestPigeon({contract}):\n    adapter = Pigeon\n"
    )
    return pytester.runpytest_inprocess(*PLAIN, *options)


@pytest.fixture(autouse=True, scope="module")
def _only_the_new() -> Iterator[None]:
    """What there was before need not be looked through for each."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _left_behind() -> Iterator[None]:
    """What else the wrong ones drop is collected here, not in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.parametrize("module", list(CONTRACTS))
def test_a_right_adapter_passes_whole(pytester: pytest.Pytester, module: str) -> None:
    result = run(pytester, module, CONTRACTS[module])
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped"}, result.stdout.str()
    assert outcomes["passed"] >= 20


def test_files_may_be_where_settings_say(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert(FOLDER)
    pytester.makepyfile(
        "from authors import PlainContract\nfrom right_database import Pigeon\n"
        "class TestPigeon(PlainContract):\n    adapter = Pigeon\n"
        f"    def settings(self, provider): return {{'folder': {str(pytester.mkdir('elsewhere') / 'new')!r}}}\n"
    )
    result = pytester.runpytest_inprocess(*PLAIN, "-k", "everything_is_closed")
    assert result.parseoutcomes()["passed"] == 1, result.stdout.str()


def test_three_lines_are_enough(pytester: pytest.Pytester) -> None:
    pytester.syspathinsert(FOLDER)
    pytester.makepyfile(
        "from messaging.testing import AdapterContract\nfrom right_plain import Pigeon\n"
        "class TestPigeon(AdapterContract):\n    adapter = Pigeon\n"
    )
    result = pytester.runpytest_inprocess(*PLAIN)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*settings() leads to no provider*"])


@pytest.mark.slow
@pytest.mark.parametrize("module", [module for module in WRONG if module not in MESSY])
def test_a_wrong_adapter_is_caught(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Each says in its docstring which test catches it, and what that says."""
    test, says, base = told_of(module)
    monkeypatch.setattr(messaging.testing.contract.footprint, "_GONE", 0.5)
    if module == "close_waits":
        monkeypatch.setattr(messaging.testing.contract.bench, "PATIENCE", 2.0)
    result = run(pytester, module, CONTRACTS[base], "-k", test)
    text = result.stdout.str()
    assert result.parseoutcomes().get("failed", 0) + result.parseoutcomes().get("errors", 0) >= 1, text
    assert "→" in text, text
    assert says in text, text


@pytest.mark.slow
def test_what_is_left_behind_is_caught(pytester: pytest.Pytester) -> None:
    """In one process of their own: each is compared with what the process had when its turn came."""
    pytester.makepyfile(
        conftest="from messaging.testing.contract import footprint\n\nfootprint._GONE = 0.5\n",
        test_pigeons="import authors\n\n"
        + "\n".join(
            f"from {module} import Pigeon\n"
            f"class Test_{module}(authors.{CONTRACTS[told_of(module)[2]]}):\n    adapter = Pigeon\n"
            for module in MESSY
        ),
    )
    chosen = [f"test_pigeons.py::Test_{module}::{told_of(module)[0]}" for module in MESSY]
    text = pytester.runpytest_subprocess(*PLAIN, "-o", f"pythonpath={FOLDER}", *chosen).stdout.str()
    found = dict(re.findall(r"^_+ Test_(\w+)\.\w+(?:\[.*\])? _+\n(.*?)(?=^_+ |^==)", text, re.MULTILINE | re.DOTALL))
    assert found.keys() == set(MESSY), text
    for module in MESSY:
        assert "→" in found[module], found[module]
        assert told_of(module)[1] in found[module], found[module]
