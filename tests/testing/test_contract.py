"""The suite passes adapters that are right whole, and says of each wrong one which fault it has and what to do."""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import messaging.testing.contract.adapter  # noqa: F401 - the runs inside share what was imported before them

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

#: What is loaded for every run inside costs more than the tests.
PLAIN = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:hypothesispytest", "-q", "-rs")
FOLDER = Path(__file__).parent / "wrong_adapters"
#: The right adapter that a wrong one is made of -> what its author tells the suite.
CONTRACTS = {
    "right": "PigeonContract",
    "right_batched": "FlockContract",
    "right_csv": "MailContract",
    "right_files": "MailContract",
    "right_form": "PigeonContract",
    "right_get": "PigeonContract",
    "right_growing": "PlainContract",
    "right_lines": "LinesContract",
    "right_multipart": "PigeonContract",
    "right_oauth": "OauthContract",
    "right_plain": "PlainContract",
    "right_text": "PlainContract",
}
WRONG = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith(("right", "authors")))


def run(pytester: pytest.Pytester, module: str, contract: str, *options: str) -> pytest.RunResult:
    """The suite over an adapter's module, as its author's test would run it."""
    pytester.syspathinsert(FOLDER)
    pytester.makepyfile(
        test_pigeon=f"from {'authors_lines' if contract == 'LinesContract' else 'authors'} import {contract}\n"
        f"from {module} import Pigeon\n\n"
        f"class TestPigeon({contract}):\n    adapter = Pigeon\n"
    )
    # What an adapter leaves open or unsafe, it must not leave in the process of the tests that come after.
    if module.startswith(("leaves", "trusts")):
        return pytester.runpytest_subprocess(*PLAIN, "-o", f"pythonpath={FOLDER}", *options)
    return pytester.runpytest_inprocess(*PLAIN, *options)


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
@pytest.mark.parametrize("module", WRONG)
def test_a_wrong_adapter_is_caught(pytester: pytest.Pytester, module: str) -> None:
    """Each says in its docstring which test catches it, and what that says."""
    source = (FOLDER / f"{module}.py").read_text("utf-8")
    told = re.search(r"^Caught by (\w+): (.+)$", source, re.MULTILINE)
    base = re.search(r"^from (right\w*) import .*\bPigeon as Right\b", source, re.MULTILINE)
    assert told is not None
    assert base is not None
    result = run(pytester, module, CONTRACTS[base[1]], "-k", told[1])
    text = result.stdout.str()
    assert result.parseoutcomes().get("failed", 0) + result.parseoutcomes().get("errors", 0) >= 1, text
    assert "→" in text, text
    assert told[2] in text, text
