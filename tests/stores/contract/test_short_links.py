"""What every store does with short links."""

from __future__ import annotations

from messaging.nouns.links import ShortLink


def link(code: str = "00000000001", **fields: object) -> ShortLink:
    return ShortLink(**{"code": code, "message_id": "m1", "version": "ab" * 7, "purpose": "c", **fields})


TARGET = "https://shop.example/ann?x=1"
EVERY = [
    link("00000000001", slot=3, turn=2, target=TARGET),
    link("00000000002", slot=1),
    link("00000000003", purpose="u", message_id="m2"),
]


class TestKeeping:
    def test_every_field_comes_back(self, store, look):
        assert store.short_links.add(EVERY) == []
        kept = look().short_links
        assert [kept.get(each.code) for each in EVERY] == EVERY

    def test_what_is_not_there(self, store, look):
        store.short_links.add(EVERY)
        for code in ("0000000000a", "", "m1", "00000000001\n", "\ud800"):
            assert look().short_links.get(code) is None

    def test_the_same_again_changes_nothing(self, store, look):
        store.short_links.add(EVERY)
        assert look().short_links.add(EVERY) == []
        assert store.short_links.add([]) == []

    def test_a_code_stands_for_one_thing_only(self, store, look):
        store.short_links.add(EVERY)
        others = [
            link("00000000002", message_id="m9"),
            link("00000000009", message_id="m9"),
            link("00000000002", slot=2),
        ]
        assert look().short_links.add(others) == [others[0], others[2]]
        assert look().short_links.get("00000000002") == EVERY[1]
        assert look().short_links.get("00000000009") == others[1]

    def test_all_or_nothing(self, store, look, abandon):
        abandon(store, lambda: store.short_links.add(EVERY))
        assert look().short_links.get("00000000001") is None


class TestForgetting:
    def test_targets_that_were_made_for_a_person_go_with_them(self, store, look, make):
        store.customers.put([make.customer("ann"), make.customer("bob")])
        store.outbox.add([make.message("m1"), make.message("m2", customer_id="bob")])
        theirs, common = link(slot=3, target=TARGET), link("00000000002", slot=1)
        others = link("00000000003", message_id="m2", slot=3, target="https://shop.example/bob")
        store.short_links.add([theirs, common, others])
        store.customers.delete("ann")
        kept = look().short_links
        assert kept.get("00000000001") == link(slot=3)
        assert [kept.get(each.code) for each in (common, others)] == [common, others]
