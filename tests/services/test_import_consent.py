"""Consent out of a contacts file: of two facts the later counts, whichever row or run tells it first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from messaging.nouns.consent import Consent
from messaging.nouns.customer import Customer
from messaging.rules.policy import has_consent
from messaging.rules.profile import ProfileReader
from messaging.services.import_consent import ConsentReader, Grant, record

EVERYBODY = [Grant("email")]
JANUARY, MARCH = "2026-01-10", "2026-02-28"


class Rows:
    """Records rows of Ann's, each a mapping of fields, as one file or as one after the other."""

    def __init__(self, shop) -> None:
        self.shop = shop
        self.email = "ann@example.com"

    def __call__(self, *rows: dict[str, str], grants: Sequence[Grant] = EVERYBODY, source: str = "the form") -> int:
        reader = ConsentReader(grants, {field for row in rows for field in row}, ProfileReader(attributes={}))
        told = [(Customer(id="17", email=self.email), reader.read(row)) for row in rows]
        return len(record(self.shop.store, told, source=source, now=self.shop.clock.now()))

    def agreed(self, topic: str = "news") -> bool:
        address = ("email", self.email)
        return has_consent({"email": self.shop.store.addresses.status([address])[address]}, "email", topic)


@pytest.fixture
def rows(shop) -> Rows:
    return Rows(shop)


@pytest.mark.parametrize(
    ("withdrawn", "given", "agreed"),
    [(JANUARY, MARCH, True), (MARCH, JANUARY, False), (MARCH, MARCH, False)],
)
def test_of_two_dates_in_a_row_the_later_counts(rows: Rows, withdrawn: str, given: str, agreed: bool) -> None:
    row = {"email_withdrawn_at": withdrawn, "email_consent_at": given}
    rows(row)
    assert rows.agreed() is agreed
    assert rows(row) == 0, "a rerun changes nothing"


@pytest.mark.parametrize(
    ("withdrawn", "given", "agreed"),
    [(JANUARY, MARCH, True), (MARCH, JANUARY, False), (MARCH, MARCH, False)],
)
@pytest.mark.parametrize("turn", [0, 1])
@pytest.mark.parametrize("apart", [False, True])
def test_of_two_rows_the_later_fact_counts(
    rows: Rows, withdrawn: str, given: str, agreed: bool, turn: int, apart: bool
) -> None:
    both = [{"email_withdrawn_at": withdrawn, "email_consent_at": ""}, {"email_consent_at": given}]
    both = both[::-1] if turn else both
    if apart:
        for row in both:
            rows(row)
    else:
        rows(*both)
    assert rows.agreed() is agreed
    assert rows(*both) == 0, "a rerun changes nothing"


def test_the_order_of_rows_makes_no_difference(rows: Rows) -> None:
    facts = [
        {"email_consent_at": "2026-01-01"},
        {"email_withdrawn_at": "2026-01-02"},
        {"email_consent_at": "2026-01-03"},
        {"email_withdrawn_at": "2026-01-04"},
        {"email_consent_at": "2026-01-05"},
    ]
    for number, told in enumerate(permutations(facts[:4])):
        rows.email = f"ann{number}@example.com"
        rows(*told)
        assert not rows.agreed(), told
    for number, told in enumerate(permutations(facts)):
        rows.email = f"bob{number}@example.com"
        rows(*told)
        assert rows.agreed(), told


def test_an_earlier_withdrawal_still_holds_for_other_topics(rows: Rows) -> None:
    rows({"email_withdrawn_at": JANUARY, "email_consent_at": MARCH}, grants=[Grant("email", "news")])
    assert rows.agreed("news")
    assert not rows.agreed("offers")


def test_a_row_without_dates_never_undoes_the_withdrawal_before_it(rows: Rows) -> None:
    rows({"email_withdrawn_at": JANUARY}, {})
    assert not rows.agreed()


@pytest.mark.parametrize("sign", [{"email_status": "unsubscribed"}, {"email_withdrawn": "yes"}])
def test_how_it_stands_now_goes_before_what_was_agreed_to(rows: Rows, sign: dict[str, str]) -> None:
    rows({"email_consent_at": MARCH})
    rows({**sign, "email_withdrawn_at": JANUARY, "email_consent_at": MARCH})
    assert not rows.agreed()


def test_a_date_alone_is_no_yes(rows: Rows) -> None:
    rows({"email_withdrawn_at": JANUARY, "email_consent_at": MARCH}, grants=())
    assert not rows.agreed()


def test_a_persons_own_word_goes_by_its_time_too(rows: Rows, shop) -> None:
    gone = Consent(
        channel="email",
        address="ann@example.com",
        granted=False,
        at=shop.clock.now() - timedelta(days=10),
        source="unsubscribe link",
    )
    shop.store.addresses.add_consents([gone])
    rows({"email_consent_at": JANUARY})
    assert not rows.agreed()
    rows({"email_consent_at": MARCH})
    assert rows.agreed()
    shop.clock.advance(timedelta(days=1))
    shop.store.addresses.add_consents(
        [Consent(channel="email", address="ann@example.com", granted=False, at=shop.clock.now(), source="link")]
    )
    assert rows({"email_consent_at": MARCH}) == 0
    assert not rows.agreed()


def test_dates_with_slashes_are_read_as_the_file_shows() -> None:
    profiles = ProfileReader(attributes={}, orders={"email_consent_at": "dmy"})
    reader = ConsentReader(EVERYBODY, ["email_consent_at"], profiles)
    (said,) = reader.read({"email_consent_at": "3/4/2025"})
    assert said.at == datetime(2025, 4, 3, tzinfo=UTC)
    with pytest.raises(ValueError, match=r"^email_withdrawn_at: may be day or month first.*--dates dmy or mdy"):
        reader.read({"email_withdrawn_at": "3/4/2025"})


def test_a_status_that_says_gone(rows: Rows) -> None:
    for number, word in enumerate(["Unsubscribed", "bounced", "complained"]):
        rows.email = f"ann{number}@example.com"
        rows({"email_consent_at": MARCH})
        rows({"email_status": word})
        assert not rows.agreed(), word


def test_a_plain_no_takes_back_what_an_import_granted_without_a_date(rows: Rows) -> None:
    rows({})
    rows({"email_consent": "no"})
    assert not rows.agreed()
    rows.email = "bob@example.com"
    rows({"email_consent_at": MARCH})
    rows({"email_consent": "no"})
    assert rows.agreed()


def test_a_date_to_come_is_no_date(rows: Rows, shop) -> None:
    """Nobody can have agreed then: it must not go before what they said meanwhile."""
    gone = Consent(
        channel="email", address="ann@example.com", granted=False, at=shop.clock.now(), source="unsubscribe link"
    )
    shop.store.addresses.add_consents([gone])
    shop.clock.advance(timedelta(hours=1))
    future = {"email_consent": "yes", "email_consent_at": "2031-01-01"}
    for _ in range(2):
        assert rows(future, grants=()) == 0
        assert not rows.agreed()
    rows({"email_withdrawn_at": JANUARY, **future})
    assert not rows.agreed()
    rows.email = "bob@example.com"
    assert rows(future) == 1
    assert rows.agreed(), "who says no more than that they agreed is taken at their word"
    assert rows({"email_withdrawn_at": "2031-01-01", "email_consent": ""}) == 1
    assert not rows.agreed(), "and so is who withdrew"


@pytest.mark.parametrize(
    ("row", "channels"),
    [
        ({"email_withdrawn": "true", "sms_withdrawn": "1"}, ["email", "sms"]),
        ({"email_status": "unsubscribed", "email_withdrawn_at": "the other day"}, ["email"]),
        ({"email_withdrawn_at": JANUARY, "email_consent_at": "n/a"}, ["email"]),
        ({"email_withdrawn_at": "3/4/2025", "email_consent_at": JANUARY}, ["email"]),
        ({"email_withdrawn_at": "n/a"}, []),
        ({"email_consent": "no", "email_consent_at": "n/a"}, ["email"]),
        ({"email_consent": "yes"}, []),
        ({"email_withdrawn": "no"}, []),
    ],
)
def test_what_a_row_that_is_rejected_says_no_to(row: dict[str, str], channels: list[str]) -> None:
    reader = ConsentReader(EVERYBODY, row, ProfileReader(attributes={}))
    refusals = reader.refusals(row)
    assert [said.channel for said in refusals] == channels
    assert not any(said.granted for said in refusals)
