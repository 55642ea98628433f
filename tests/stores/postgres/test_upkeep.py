"""What is done beside the work of others."""

from __future__ import annotations

import logging
import threading

import pytest

pytestmark = pytest.mark.postgres


def test_tidying_up_gets_in_nobodys_way(store, open_store, make, aside, caplog):
    """It waits for who counted a customer, but has nothing meanwhile that they want for their message."""
    other, counts = open_store(), f"{store._database.place.schema}.row_counts"
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = to_regclass(%s)"
    thread = threading.Thread(target=other.tidy)
    with caplog.at_level(logging.INFO):
        with store.transaction():
            store.customers.put([make.customer("ann")])
            thread.start()
            while aside.execute(waiting, [counts]).fetchone() is None:
                pass
            store.outbox.add([make.message("m1")])
        thread.join()
    assert [record.getMessage() for record in caplog.records] == []
    assert (store.customers.count(), store.health()["messages"]) == (1, 1)
