"""What a product is, by what orders tell of it."""

from __future__ import annotations

from typing import Any

from messaging.rules.products import product_of


def order(*items: dict[str, Any], currency: str | None = "EUR") -> dict[str, Any]:
    return {"currency": currency, "items": [{"sku": "MUG", **item} for item in items]}


def test_the_last_word_on_it() -> None:
    told = [
        ("ann", order({"name": "Mug", "price": "9.00", "url": "https://shop.example/old"})),
        ("bob", order({"name": "Mug", "price": "10.00", "image": "https://shop.example/m.jpg"})),
        ("cy", order({"name": "Mug"}, currency="USD")),
        ("di", {"currency": "EUR"}),
    ]
    assert product_of("MUG", told) == {
        "sku": "MUG",
        "name": "Mug",
        "price": "10.00",
        "currency": "EUR",
        "url": "https://shop.example/old",
        "image": "https://shop.example/m.jpg",
    }
    assert product_of("CUP", told) is None


def test_what_was_made_for_one_is_shown_to_nobody_else() -> None:
    mine = ("ann", order({"name": "Mug, for Ann", "price": "19.00"}))
    assert product_of("MUG", [mine] * 9) is None
    assert product_of("MUG", [mine, ("bob", order({"name": "Mug"}))]) is None
    plain = [(who, order({"name": "Mug", "price": "9.00"})) for who in ("bob", "cy")]
    found = product_of("MUG", [*plain, mine, mine, mine])
    assert found is not None
    assert (found["name"], found["price"]) == ("Mug", "9.00")


def test_a_new_name_is_taken_when_as_many_have_it() -> None:
    old, new = ([(who, order({"name": name})) for who in ("ann", "bob")] for name in ("Mug", "Stoneware mug"))
    found = product_of("MUG", [*old, *new])
    assert found == {"sku": "MUG", "name": "Stoneware mug"}
    assert product_of("MUG", [*old, *new[:1]]) == {"sku": "MUG", "name": "Mug"}


def test_without_a_currency_no_price_is_in_one() -> None:
    told = [(who, order({"name": "Mug", "price": "9.00"}, currency=None)) for who in ("ann", "bob")]
    assert product_of("MUG", told) == {"sku": "MUG", "name": "Mug", "price": "9.00"}
