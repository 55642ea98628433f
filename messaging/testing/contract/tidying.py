"""What a source or a check leaves behind: nothing. It has no end in which to give something back."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from messaging.testing.contract.bench import fault
from messaging.testing.contract.footprint import Footprint, changed, common, deeds


@contextmanager
def nothing_left(at_first: Footprint) -> Iterator[None]:
    """Fail if what is done meanwhile changes the process, or leaves something that was not there `at_first`."""
    gc.collect()
    before = common()
    with deeds() as done:
        yield
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
