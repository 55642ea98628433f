"""What every store says of products."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.nouns.event import EventState


@pytest.fixture
def bought(make: Any) -> Any:
    """An order that counts, with these articles."""

    def order(id: str, *skus: str, **fields: Any) -> Any:
        return make.order(
            id,
            **{
                "skus": dict.fromkeys(skus, 1),
                "placed_at": make.now,
                "source": "api",
                "shop": "default",
                **fields,
            },
        )

    return order


class TestEvents:
    def test_about_a_product(self, store, look, make):
        def asked(id, minutes=0, **fields):
            time = make.now + timedelta(minutes=minutes)
            product = {"id": "p1", "sku": "MUG"}
            return make.event(
                id,
                **{
                    "type": "product.requested",
                    "customer_id": "ann",
                    "data": {"product": product},
                    "time": time,
                    **fields,
                },
            )

        later, first = asked("1", 5), asked("2", 1, customer_id="bob", data={"product": {"sku": "MUG"}})
        others = [
            asked("3", type="product.seen"),
            asked("4", shop="b"),
            asked("5", data={"product": {"id": "p2", "sku": "MUG"}}),
            asked("6", data={"product": {"sku": "CUP"}}),
            asked("7", customer_id=None),
        ]
        store.events.add([later, first, *others])
        restocked = make.event("r", type="product.restocked", data={"product": {"id": "p1", "sku": "MUG"}})
        products = look().products
        nobodys = others[-1]
        assert products.events("product.requested", restocked) == [nobodys, first, later]
        assert products.events("product.restocked", restocked) == []
        assert products.events("product.requested", make.event("x")) == []
        store.events.settle(nobodys.key, EventState.DONE, customer_id="cy")
        store.events.add([restocked, failed := asked("8", 2)])
        assert products.events("product.restocked", first) == [restocked]
        store.events.settle(failed.key, EventState.FAILED, error="no")
        store.customers.put([make.customer("bob")])
        store.customers.delete("bob")
        assert [each.id for each in look().products.events("product.requested", restocked)] == ["7", "1"]


class TestBoughtWith:
    def test_counts_orders(self, store, look, bought):
        store.events.put_orders(
            [bought("1", "tea", "pot", "cup"), bought("2", "tea", "pot"), bought("3", "cup"), bought("4", "tin", "cup")]
        )
        products = look().products
        assert products.bought_with("api", "default", {"tea"}) == {"pot": 2, "cup": 1}
        assert products.bought_with("api", "default", {"tea", "tin"}) == {"pot": 2, "cup": 2}
        assert products.bought_with("api", "default", {"tea", "pot"}) == {"pot": 2, "tea": 2, "cup": 2}
        assert products.bought_with("api", "default", {"none"}) == {}
        assert products.bought_with("api", "default", set()) == {}

    def test_only_orders_that_count(self, store, look, make, bought):
        store.events.put_orders(
            [
                bought("1", "tea", "pot"),
                bought("2", "tea", "pot", cancelled_at=make.now),
                bought("3", "tea", "pot", placed_at=None),
                bought("4", "tea", "pot", shop="b"),
                bought("5", "tea", "pot", source="b"),
            ]
        )
        assert look().products.bought_with("api", "default", {"tea"}) == {"pot": 1}

    def test_it_is_kept_up(self, store, look, make, bought):
        store.events.put_orders([bought("1", "tea", "pot"), bought("2", "tea", "cup")])
        products = look().products
        assert products.bought_with("api", "default", {"tea"}) == {"pot": 1, "cup": 1}
        store.events.put_orders([bought("3", "tea", "pot"), bought("2", "tea", "cup", cancelled_at=make.now)])
        assert products.bought_with("api", "default", {"tea"}) == {"pot": 2}
        store.events.put_orders([bought("3", "tea", "tin", customer_id="bob")])
        store.customers.put([make.customer("bob")])
        assert products.bought_with("api", "default", {"tea"}) == {"pot": 1, "tin": 1}
        store.customers.delete("bob")
        assert products.bought_with("api", "default", {"tea"}) == {"pot": 1}

    def test_a_change_that_is_undone(self, store, abandon, bought):
        store.events.put_orders([bought("1", "tea", "pot")])
        assert store.products.bought_with("api", "default", {"tea"}) == {"pot": 1}
        abandon(store, lambda: store.events.put_orders([bought("1", "tea", "cup"), bought("2", "tea", "cup")]))
        assert store.products.bought_with("api", "default", {"tea"}) == {"pot": 1}

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.tuples(
                st.sampled_from("12345"),
                st.frozensets(st.sampled_from("abcde"), max_size=4),
                st.booleans(),
                st.sampled_from("abcde"),
            ),
            max_size=12,
        )
    )
    def test_it_is_what_a_count_over_all_orders_says(self, store, make, bought, changes):
        now: dict[str, frozenset[str]] = {}
        store.events.put_orders(bought(id) for id in "12345")
        for id, skus, cancelled, asked in changes:
            now[id] = frozenset() if cancelled else skus
            store.events.put_orders([bought(id, *sorted(skus), cancelled_at=make.now if cancelled else None)])
            expected = Counter(other for basket in now.values() if asked in basket for other in basket - {asked})
            assert store.products.bought_with("api", "default", {asked}) == dict(expected)


class TestProduct:
    def test_by_what_the_last_orders_tell(self, store, look, make, bought):
        def told(id, who, **item):
            order = {"number": id, "currency": "EUR", "items": [{"sku": "MUG", **item}]}
            return make.event(f"e{id}", customer_id=who, state=EventState.DONE, data={"order": order})

        events = [
            told("1", "ann", name="Mug", price="9.00"),
            told("2", "bob", name="Mug", url="https://shop.example/mug"),
            told("3", "cy", name="Mug, for Cy", price="19.00"),
        ]
        store.events.add(events)
        store.events.put_orders(
            bought(each.data["order"]["number"], "MUG", customer_id=each.customer_id) for each in events
        )
        assert look().products.get("api", "default", "MUG") == {
            "sku": "MUG",
            "name": "Mug",
            "price": "9.00",
            "currency": "EUR",
            "url": "https://shop.example/mug",
        }
        assert look().products.get("api", "b", "MUG") is None
        assert look().products.get("api", "default", "CUP") is None

    def test_what_is_told_anew(self, store, make, bought):
        def tell(id, who, name):
            order = {"number": id, "items": [{"sku": "MUG", "name": name}]}
            event = make.event(f"{id} {name}", customer_id=who, state=EventState.DONE, data={"order": order})
            store.events.add([event])
            store.events.put_orders([bought(id, "MUG", customer_id=who)])

        tell("1", "ann", "Mug")
        assert store.products.get("api", "default", "MUG") is None
        tell("2", "bob", "Mug")
        assert store.products.get("api", "default", "MUG") == {"sku": "MUG", "name": "Mug"}
        tell("1", "ann", "Stoneware mug")
        tell("2", "bob", "Stoneware mug")
        assert store.products.get("api", "default", "MUG") == {"sku": "MUG", "name": "Stoneware mug"}
        found = store.products.get("api", "default", "MUG")
        found["name"] = "changed by who got it"
        assert store.products.get("api", "default", "MUG") == {"sku": "MUG", "name": "Stoneware mug"}
