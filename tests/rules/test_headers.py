"""Which column is what."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.errors import InputError
from messaging.rules.headers import attribute_name, columns_of, is_field, names_text


def named(row, **mapping):
    headers = row.split(",")
    return {headers[position]: name for position, name in columns_of(headers, mapping).items()}


def test_names_are_found_whatever_their_case_and_punctuation():
    assert named("E-Mail 1 - Value,FIRSTNAME,last_name,Straße") == {
        "E-Mail 1 - Value": "email",
        "FIRSTNAME": "first_name",
        "last_name": "last_name",
        "Straße": "strasse",
    }


def test_the_best_name_wins_and_the_other_is_an_attribute():
    assert named("Default Address Phone,Phone,Email") == {
        "Default Address Phone": "default_address_phone",
        "Phone": "phone",
        "Email": "email",
    }
    assert named("OPTIN_TIME,CONFIRM_TIME,Email")["CONFIRM_TIME"] == "email_consent_at"


def test_a_state_is_a_subscriptions_only_where_the_tool_says_so():
    assert named("email_address,state,created_at,tags")["state"] == "email_status"
    assert named("email,state,city")["state"] == "state"


def test_double_and_blank_headers():
    assert columns_of(["email", "Tags", "tags", "", "Email"], {}) == {
        0: "email",
        1: "tags",
        2: "tags_2",
        4: "email_attribute",
    }


def test_ours_goes_before_what_is_recognised():
    assert named("id,email,Work", email="Work") == {"id": "id", "email": "email_attribute", "Work": "email"}
    assert named("id,email,Work", workplace="Work")["Work"] == "workplace"
    for mapping in (
        {"email": "nothing"},
        {"email": "Work", "phone": "Work"},
        {"Bad Name": "Work"},
        {"orders": "Work"},
    ):
        with pytest.raises(InputError, match="--map"):
            named("id,email,Work", **mapping)


def test_addresses_on_other_channels_have_their_name_only():
    assert named("id,Addresses.Webhook,addresses.email,webhook", **{"addresses.push": "webhook"}) == {
        "id": "id",
        "Addresses.Webhook": "addresses.webhook",
        "addresses.email": "addresses_email",
        "webhook": "addresses.push",
    }
    for name in ("addresses.", "addresses.email", "addresses.sms", "addresses.a b", "addresses.A"):
        with pytest.raises(InputError, match="--map"):
            named("id,x", **{name: "x"})


def test_without_anybody_there_is_no_import():
    with pytest.raises(InputError, match="no column for an email address"):
        columns_of(["Username", "Full Name"], {})


def test_our_own_rejected_file():
    assert named("line,reason,email,line no") == {"email": "email", "line no": "line_no"}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Contact owner", "contact_owner"),
        ("orders", "orders_attribute"),
        ("2nd name", "column_2nd_name"),
        ("名前", "column"),
        ("not", "not_attribute"),
    ],
)
def test_attribute_names(header, name):
    assert attribute_name(header) == name


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_no_two_columns_share_a_name(headers):
    found = columns_of(["email", *headers], {})
    assert len(set(found.values())) == len(found)
    assert all(name.isidentifier() for name in found.values())


def test_every_tools_email_is_found(shared):
    headers = json.loads(shared("data/contact_export_headers.json").read_text("utf-8"))
    for tool, row in headers.items():
        if isinstance(row, str) and not tool.startswith(("_", "no_")):
            assert "email" in columns_of(row.split(";" if ";" in row else ","), {}).values(), tool


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Default Address Phone",
            "Mobile 2",
            "Fax",
            "Zip",
            "Shipping Postcode",
            "PLZ",
            "SKU",
            "Last SKU",
            "EAN",
            "LEID",
        ),
        *("Customer Number", "Kunden-Nr.", "Loyalty card no", "Contact ID", "Discount code", "Address1", "Tags"),
    ],
)
def test_what_is_no_quantity_is_text_whatever_digits_it_has(header):
    assert names_text(attribute_name(header))


@pytest.mark.parametrize(
    "header",
    ["Total Spent", "Shoe size", "Number of orders", "Paid", "Valid", "Points", "No of pets", "Latitude", "Noted", ""],
)
def test_a_quantity_is_not_text_by_its_name(header):
    assert not names_text(attribute_name(header))


#: Columns of real tools that hold quantities, times or truths; everything else is text, were it all digits.
_TYPED = {
    *("total_spent", "total_orders", "total_spend", "order_count", "member_rating", "latitude", "longitude"),
    *("gmtoff", "dstoff", "optin_time", "last_changed", "modified_time", "expiry"),
    *("tax_exempt", "active_subscription", "lifecycle_stage", "contact_owner"),
}


def test_columns_of_real_tools_that_are_no_quantities_are_text(shared):
    rows = json.loads(shared("data/contact_export_headers.json").read_text("utf-8"))
    seen = set()
    for name, row in rows.items():
        if isinstance(row, str) and name not in ("_note", "no_email_column_must_be_refused"):
            separator = ";" if ";" in row else ","
            seen |= {name for name in columns_of(row.split(separator), {}).values() if not is_field(name)}
    assert {name for name in seen if not names_text(name)} == _TYPED & seen == _TYPED
