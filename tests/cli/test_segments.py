"""`messaging segments`, as a marketer uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CUSTOMERS = """\
id,email,first_name,last_name,country
ann,ann@example.com,Ann,Example,AT
bob,bob@example.com,Bob,,FR
eve,eve@example.com,Eve,,DE
"""


def _event(number: int, who: str, time: str) -> str:
    order = {"number": f"N{number}", "total": "20.00", "currency": "EUR"}
    event = {
        "id": f"e{number}",
        "type": "order.placed",
        "time": time,
        "customer": {"id": who},
        "data": {"order": order},
    }
    return json.dumps(event)


@pytest.fixture
def shop(run: Any) -> Any:
    """A workspace with three customers, of whom Ann bought three times and Bob once."""
    days = ("2025-09-01", "2025-10-01", "2025-11-01")
    lines = [_event(i, "ann", f"{day}T10:00:00Z") for i, day in enumerate(days)]
    (run.folder / "c.csv").write_text(CUSTOMERS, "utf-8")
    (run.folder / "e.jsonl").write_text("\n".join([*lines, _event(9, "bob", "2026-02-20T10:00:00Z")]), "utf-8")
    assert run("customers", "import", "c.csv")[0] == 0
    assert run("events", "import", "e.jsonl")[0] == 0
    write(run)("fans", "orders.count >= 3 and days_since(orders.last_at) > 90\nand country in ['DE', 'AT']")
    return run


def write(run: Any) -> Callable[[str, str], Path]:
    def put(name: str, where: str) -> Path:
        path: Path = run.folder / "segments" / f"{name}.toml"
        path.write_text(f'description = "A test"\nwhere = """\n{where}\n"""\n', "utf-8")
        return path

    return put


def test_list_shows_broken_ones_beside_the_others(shop: Any) -> None:
    write(shop)("bad", "contry == 'DE'")
    code, out, _ = shop("segments", "list")
    assert code == 0
    assert "broken: segments/bad.toml:3:1: unknown name contry" in out
    found = {one["name"]: one for one in json.loads(shop("segments", "list", "--json")[1])["segments"]}
    assert found["repeat-buyers"]["where"] == "orders.count >= 2"
    assert found["repeat-buyers"]["description"] == "Ordered twice or more"
    assert "unknown name" in found["bad"]["error"]


def test_count(shop: Any) -> None:
    assert shop("segments", "count", "fans") == (0, "1\n", "of 3 customers, 33.3%\n")
    code, out, _ = shop("segments", "count", "everyone", "--json")
    assert (code, json.loads(out)) == (0, {"segment": "everyone", "count": 3, "customers": 3})


def test_members(shop: Any) -> None:
    code, out, _ = shop("segments", "members", "everyone", "--limit", "2")
    assert code == 0
    assert "ann@example.com" in out
    assert "bob@example.com" in out
    assert "eve@example.com" not in out
    members = json.loads(shop("segments", "members", "everyone", "--json")[1])["members"]
    assert [member["id"] for member in members] == ["ann", "bob", "eve"]
    assert members[0] == {
        "id": "ann",
        "email": "ann@example.com",
        "phone": None,
        "first_name": "Ann",
        "last_name": "Example",
    }
    limited = json.loads(shop("segments", "members", "everyone", "--json", "--limit", "1")[1])["members"]
    assert len(limited) == 1


def test_a_long_table_says_how_many_more(shop: Any) -> None:
    rows = "".join(f"x{i:03},x{i}@example.com\n" for i in range(150))
    (shop.folder / "more.csv").write_text("id,email\n" + rows, "utf-8")
    shop("customers", "import", "more.csv")
    code, out, err = shop("segments", "members", "everyone")
    assert (code, out.count("@example.com")) == (0, 100)
    assert "and 53 more: --limit 0 lists all" in err
    assert shop("segments", "members", "everyone", "--limit", "0")[1].count("@example.com") == 153


def test_explain_in_and_out(shop: Any) -> None:
    code, out, _ = shop("segments", "explain", "fans", "ann@example.com")
    assert code == 0
    assert out.splitlines()[0] == (
        "Ann Example is in fans: orders.count is 3 (3 or more); days_since(orders.last_at) is 121 (more than 90);"
        " country is 'AT' (one of 'DE', 'AT')"
    )
    assert "✓ days_since(orders.last_at) > 90   days_since(orders.last_at) = 121, orders.last_at = 2025-11-01" in out
    code, out, _ = shop("segments", "explain", "fans", "bob")
    assert out.splitlines()[0] == (
        "Bob is not in fans: orders.count is 1, not 3 or more; days_since(orders.last_at) is 10, not more than 90;"
        " country is 'FR', not one of 'DE', 'AT'"
    )
    assert "✗ orders.count >= 3" in out


def test_explain_for_programs(shop: Any) -> None:
    code, out, _ = shop("segments", "explain", "fans", "bob", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["segment"], told["customer"], told["in"]) == ("fans", "bob", False)
    assert told["because"][0] == "orders.count is 1, not 3 or more"
    assert told["where"]["all"][0]["values"] == {"orders.count": 1}
    assert told["sentence"].startswith("Bob is not in fans: ")


def test_explain_goes_into_other_segments(shop: Any) -> None:
    write(shop)("others", "not in_segment('fans') and (vip or orders.count == 1)")
    assert shop("segments", "explain", "others", "bob")[0] == 1
    write(shop)("others", "not in_segment('fans') and (city == 'Wien' or orders.count == 1)")
    lines = [line.rstrip() for line in shop("segments", "explain", "others", "bob")[1].splitlines()[2:]]
    assert [line[:32].rstrip() for line in lines if line] == [
        "✓ not in_segment('fans')",
        "  ✗ all of these:",
        "    ✗ orders.count >= 3",
        "    ✗ days_since(orders.last_at)",
        "    ✗ country in ['DE', 'AT']",
        "✓ one of these:",
        "  ✗ city == 'Wien'",
        "  ✓ orders.count == 1",
    ]


def test_explain_nobody(shop: Any) -> None:
    code, out, err = shop("segments", "explain", "fans", "nobody")
    assert (code, out) == (1, "")
    assert "no customer 'nobody'" in err
    assert err.count("\n") == 1


def test_check(shop: Any) -> None:
    code, out, err = shop("segments", "check")
    assert (code, out) == (0, "")
    assert "segments are right" in err
    write(shop)("bad", "contry == 'DE'")
    write(shop)("ring", "in_segment('ring')")
    code, _, err = shop("segments", "check")
    assert code == 1
    assert "segments/bad.toml:3:1: unknown name contry (did you mean country?)" in err
    assert "ring: ring → ring" in err
    assert shop("segments", "check", "fans")[0] == 0
    code, out, _ = shop("segments", "check", "bad", "--json")
    (told,) = json.loads(out)["segments"]
    assert code == 1
    assert (told["file"], told["line"], told["column"]) == ("segments/bad.toml", 3, 1)
    assert told["hint"] == "did you mean country?"


def test_check_warns_of_what_finds_nobody(shop: Any) -> None:
    write(shop)("late", "clicked('spring-sael') and sent('win-back') and rfm.r > 3")
    _, out, _ = shop("segments", "check", "late", "--json")
    (told,) = json.loads(out)["segments"]
    assert told["ok"]
    assert told["warnings"] == [
        "there is no template or campaign 'spring-sael' yet",
        "it asks for RFM grades, and none are made yet: run messaging segments grade",
    ]
    assert shop("segments", "grade")[0] == 0
    _, out, _ = shop("segments", "check", "late", "--json")
    assert len(json.loads(out)["segments"][0]["warnings"]) == 1


def test_a_broken_segment_is_one_line_and_no_other_is_touched(shop: Any) -> None:
    (shop.folder / "segments" / "bad.toml").write_text("where = ", "utf-8")
    for command in (("count", "bad"), ("members", "bad"), ("explain", "bad", "ann"), ("check", "nope")):
        code, out, err = shop("segments", *command)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
    assert shop("segments", "count", "fans")[0] == 0


def test_grade(shop: Any) -> None:
    code, _, err = shop("segments", "grade")
    assert code == 0
    assert "2 customers with an order" in err
    cuts = json.loads(shop("segments", "grade", "--json")[1])
    assert (cuts["customers"], cuts["currency"]) == (2, "EUR")
    assert cuts["graded_at"] == "2026-03-02T10:00:00+00:00"
    assert len(cuts["r"]) == len(cuts["f"]) == len(cuts["m"]) == 4
