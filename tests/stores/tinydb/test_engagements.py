"""What came back about a number, without a message to belong to."""

from __future__ import annotations

from pathlib import Path

from messaging.nouns.engagement import EngagementKind


def test_who_is_erased_leaves_no_address_with_what_came_back(store, make, tmp_path: Path) -> None:
    number = "+12025550101"
    store.customers.put([make.customer("ann", phone=number)])
    about = {"message_id": None, "channel": "sms", "address": number}
    told = [
        make.engagement("1", EngagementKind.REPLIED, raw={"Body": "Hello"}, **about),
        make.engagement("2", EngagementKind.UNSUBSCRIBED, customer_id=None, raw={"Body": "STOP"}, **about),
        make.engagement("3", EngagementKind.REPLIED, **{**about, "address": "+12025550199", "customer_id": "bob"}),
    ]
    assert store.engagements.add(told) == told
    store.customers.delete("ann")
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("store*") if file.is_file())
    assert number.encode() not in kept
    assert b"STOP" not in kept
    assert b"+12025550199" in kept
    assert store.engagements.add(told) == []  # known all the same
