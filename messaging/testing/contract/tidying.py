"""What was there before the first test, and what a source or a check leaves beside it: nothing. Neither has an end
in which to give something back.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from messaging.testing.contract.bench import fault
from messaging.testing.contract.footprint import Footprint, changed, common, deeds


class Tidying:
    """A suite that knows what was there at first."""

    #: What the process had open and running before the first test: what is shared by all of a kind counts as left.
    at_first: ClassVar[Footprint | None] = None

    @pytest.fixture(autouse=True)
    def _begun(self) -> None:
        if "at_first" not in vars(type(self)):
            type(self).at_first = Footprint.now()


@contextmanager
def nothing_left(at_first: Footprint) -> Iterator[None]:
    """Fail if what is done meanwhile asks others, changes the process, or leaves what was not there `at_first`."""
    gc.collect()
    before = common()
    with deeds() as done:
        yield
    if done.asked:
        fault(
            f"it asks others: {done.asked[0]}",
            "decide on what you are given: whoever asks waits meanwhile. Only complete may ask, by self.context.http",
        )
    what = changed(before)
    if what is not None:
        fault(f"it changed {what}", "leave alone what belongs to the whole process, also for a moment")
    left = at_first.left(done.left)
    if left:
        fault(
            f"it leaves {', '.join(left)}",
            "keep nothing, in no file and no database: what is to be kept is the core's; close what was opened, and "
            "start neither threads nor processes",
        )
