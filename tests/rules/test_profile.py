"""Profiles as told, and put over what is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.nouns.customer import Customer
from messaging.rules.profile import ProfileReader, apply, is_made_id, made_id

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
READER = ProfileReader(
    attributes={"vip": "boolean", "points": "number", "since": "date"},
    region="DE",
    zone=ZoneInfo("Europe/Vienna"),
)


def test_all_fields():
    profile, problems = READER.read(
        {
            "id": "17",
            "email": "Ann <ANN@example.com>",
            "phone": "030 123456",
            "first_name": "  Ann\nMaria ",
            "locale": "de_at",
            "timezone": "europe/vienna",
            "country": "Austria",
            "birthday": "1990-05-04",
            "attributes": {"vip": True, "points": 3.5, "since": "2020-01-01"},
            "created_at": "2024-05-13",
        }
    )
    assert not problems
    assert profile.fields["country"] == "AT"
    assert profile.fields["first_name"] == "Ann Maria"
    assert profile.fields["birthday"] == date(1990, 5, 4)
    assert dict(profile.attributes) == {"vip": True, "points": 3.5, "since": "2020-01-01"}
    assert profile.created_at == datetime(2024, 5, 12, 22, tzinfo=UTC)


def test_attributes_keep_their_text_and_an_id_is_never_another():
    reader = ProfileReader(attributes={"note": "text"})
    profile, problems = reader.read({"id": "A  1", "attributes": {"note": "one\n  two"}})
    assert (profile.id, profile.attributes["note"], problems) == ("A  1", "one\n  two", [])
    assert reader.read({"id": "A\n1"})[0].id is None
    assert reader.read({"id": "A\n1"})[1] == ["id: must have at most 200 characters, none of them control characters"]


def test_a_phone_belongs_where_the_customer_lives():
    assert READER.read({"phone": "0664 1234567", "country": "AT"})[0].phone == "+436641234567"
    assert READER.read({"phone": "030 123456"})[0].phone == "+4930123456"
    assert READER.read({"phone": "030 123456", "country": "Atlantis"})[0].phone == "+4930123456"


def test_what_cannot_be_read_is_named_and_left_out():
    profile, problems = READER.read(
        {
            "email": "x",
            "phone": "n/a",
            "birthday": "soon",
            "attributes": {"vip": "maybe", "colour": "red"},
            "id": " ",
        }
    )
    assert not profile.identifies
    assert [problem.split(":")[0] for problem in problems] == ["email", "phone", "birthday", "vip", "colour"]
    assert "messaging.toml" in problems[-1]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Ann Lee", "Ann", "Lee"),
        ("Lee, Ann", "Ann", "Lee"),
        ("Ann", "Ann", None),
        ("Ann Maria van Lee", "Ann Maria van", "Lee"),
    ],
)
def test_a_whole_name(name, first, last):
    fields = READER.read({"email": "a@example.com", "name": name})[0].fields
    assert (fields.get("first_name"), fields.get("last_name")) == (first, last)


def test_a_part_of_the_name_counts_more_than_the_whole():
    fields = READER.read({"email": "a@example.com", "name": "Dr. Ann Lee", "first_name": "Ann"})[0].fields
    assert (fields.get("first_name"), fields.get("last_name")) == ("Ann", None)


def test_a_moment():
    assert READER.read_time("created_at", "2026-03-02") == datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert READER.read_time("created_at", "2026-03-02 10:30") == datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
    assert READER.read_time("created_at", "2026-03-02T10:30:00Z") == datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def test_ids_of_ours():
    assert is_made_id(made_id("ann@example.com"))
    assert made_id("ann@example.com") != made_id("ann@example.com", 1)
    assert not is_made_id("17")


def tell(customer, hours, **told):
    profile, _ = READER.read({"id": "17", **told})
    return apply(customer, profile, customer_id="17", at=NOW + timedelta(hours=hours), now=NOW)


def test_newer_overwrites_older_fills_in():
    customer = tell(None, -2, city="Wien", attributes={"points": 1})
    customer = tell(customer, -1, city="Graz")
    customer = tell(customer, -3, city="Linz", first_name="Ann", attributes={"points": 2, "vip": "yes"})
    assert (customer.city, customer.first_name, dict(customer.attributes)) == (
        "Graz",
        "Ann",
        {"points": 1, "vip": True},
    )
    assert customer.updated_at == NOW - timedelta(hours=1)
    assert customer.created_at == NOW - timedelta(hours=3)


def test_addresses_on_other_channels():
    profile, problems = READER.read(
        {
            "id": "17",
            "addresses": {"webhook": " https://x.example/ ", "push": "", "sms": "+43", "A B": "x", "fax": "\n1\n2"},
        }
    )
    assert dict(profile.addresses) == {"webhook": "https://x.example/"}
    assert [problem.partition(":")[0] for problem in problems] == ["addresses.sms", "addresses.A B", "addresses.fax"]
    customer = tell(None, -2, addresses={"webhook": "https://x.example/", "push": "a"})
    customer = tell(customer, -1, addresses={"push": "b"})
    customer = tell(customer, -3, addresses={"push": "c", "fax": "1"})
    assert dict(customer.addresses) == {"webhook": "https://x.example/", "push": "b", "fax": "1"}
    assert customer.updated_at == NOW - timedelta(hours=1)


def test_a_time_to_come_counts_as_now():
    customer = tell(None, 24 * 365, city="Wien")
    assert customer.updated_at == NOW
    profile, _ = READER.read({"id": "17", "city": "Graz"})
    later = NOW + timedelta(minutes=1)
    assert apply(customer, profile, customer_id="17", at=later, now=later).city == "Graz"


def test_a_new_customer_is_as_old_as_told():
    told = READER.read({"email": "a@example.com", "created_at": "2024-05-13T10:00:00Z"})[0]
    assert apply(None, told, customer_id="a", at=NOW, now=NOW).created_at == datetime(2024, 5, 13, 10, tzinfo=UTC)


def test_what_tells_nothing_changes_nothing():
    customer = tell(None, -2, city="Wien")
    assert tell(customer, -1) == customer


TOLD = st.lists(
    st.tuples(
        st.integers(-5, 0),
        st.fixed_dictionaries(
            {},
            optional={
                "city": st.sampled_from(["Wien", "Graz", "Linz"]),
                "first_name": st.sampled_from(["Ann", "Anne"]),
                "attributes": st.fixed_dictionaries({}, optional={"points": st.integers(0, 3), "vip": st.booleans()}),
                "addresses": st.fixed_dictionaries({}, optional={"push": st.sampled_from("ab")}),
            },
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(TOLD, st.randoms(use_true_random=False))
def test_it_does_not_matter_what_was_told_first(told, random):
    def customer(order):
        made = None
        for hours, values in order:
            made = Customer.from_document(tell(made, hours, **values).to_document())
        return made

    shuffled = [*told, *random.choices(told, k=len(told) // 2)]
    random.shuffle(shuffled)
    assert customer(shuffled) == customer(sorted(told, key=lambda each: each[0]))


def test_a_correction_goes_over_what_was_told_for_the_same_time():
    customer = tell(None, -1, city="Wien")
    profile, _ = READER.read({"id": "17", "city": "Graz"})
    at = NOW - timedelta(hours=1)
    assert apply(customer, profile, customer_id="17", at=at, now=NOW).city == "Wien"
    assert apply(customer, profile, customer_id="17", at=at, now=NOW, corrects=True).city == "Graz"


@given(
    st.dictionaries(
        st.sampled_from(["id", "email", "phone", "locale", "timezone", "country", "birthday", "city", "name"]),
        st.text(),
    )
)
def test_anything_is_a_profile_or_a_problem(told):
    profile, problems = READER.read(told)
    for text in (*profile.fields.values(), profile.id):
        if isinstance(text, str):
            assert text == text.strip()
            assert "\x00" not in text
    assert all(": " in problem for problem in problems)
