"""Who is to be forgotten is recognised however others wrote it, and nobody else for them."""

from __future__ import annotations

import pytest

from messaging.rules.identity import Identity

ANN = Identity("17", [("email", "ann@example.com"), ("sms", "+436641234567")], ids=["S-9"], name=("Ann", "Lee"))


@pytest.mark.parametrize("value", ["17", 17, " s-9", "Ann@Example.com ", "0664 123 45 67", "(0043) 664/1234567"])
@pytest.mark.parametrize("field", ["id", "email", "phone"])
def test_by_whatever_names_them(field: str, value: object) -> None:
    assert ANN.named_by({field: value})


@pytest.mark.parametrize("value", ["170", "34567", "0664 1234568", "joann@example.com", None, ["17"], ""])
def test_by_nothing_else(value: object) -> None:
    assert not ANN.named_by({"id": value, "email": value, "phone": value, "name": "17"})


def test_in_text() -> None:
    assert ANN.in_text("550 <ANN@example.com> is unknown")
    assert ANN.in_document({"to": ["ann@example.com"]})
    assert not ANN.in_text("17")
    assert not ANN.in_text(None)


@pytest.mark.parametrize(
    ("text", "has"), [("LEE, Ann", True), ("Ann Sleeve", False), ("Ann", False), ("Mr. Lee; dear Ann!", True)]
)
def test_a_name_is_first_and_last_as_words(text: str, has: bool) -> None:
    assert ANN.has_name_in(text) is has
    assert not Identity("17", [], name=("Ann", None)).has_name_in(text)
