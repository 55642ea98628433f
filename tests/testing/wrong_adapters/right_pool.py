"""An adapter that is right, and hands over four at a time, whichever is answered first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from right import Pigeon as Single

from messaging import AdapterUnusable, Receipt, RenderedMessage


class Pigeon(Single):
    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        todo, under_way = iter(messages), set[Future[Receipt]]()
        unusable: AdapterUnusable | None = None
        with ThreadPoolExecutor(4) as pool:
            while True:
                while len(under_way) < 4 and unusable is None and (message := next(todo, None)) is not None:
                    under_way.add(pool.submit(self.send, message))
                if not under_way:
                    break
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for each in done:
                    try:
                        receipt = each.result()
                    except AdapterUnusable as error:
                        unusable = error  # what is under way has its receipt all the same
                    else:
                        yield receipt
        if unusable is not None:
            raise unusable
