"""Contacts files: whatever shape they come in, every row taken in once or rejected with its line."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from messaging.errors import InputError
from messaging.rules.policy import has_consent
from messaging.services.csv_file import CsvFile
from messaging.services.import_consent import Grant
from messaging.services.importing import CustomerImport
from messaging.services.rejected import RejectedFile

EMAIL = Grant("email")


class Importer:
    """Imports text as a file would be."""

    def __init__(self, shop, folder):
        self.shop = shop
        self.folder = folder
        self.declared: dict[str, str] = {}
        self.path = folder / "people.csv"
        self.rejects = folder / "people.rejected.csv"
        self.partly = folder / "people.incomplete.csv"

    def __call__(self, content, *grants, mapping=None, order=None):
        data = content if isinstance(content, bytes) else content.encode()
        self.path.write_bytes(data)
        doing = CustomerImport(
            self.shop.store,
            self.shop.clock,
            attributes=dict(self.declared),
            declare=self.declared.update,
            forgotten=self.shop.forgotten,
            region="DE",
            zone=ZoneInfo("Europe/Vienna"),
        )
        file = CsvFile(self.path)
        survey = doing.survey(file, mapping, order=order)
        rejected = RejectedFile(self.shop.store, self.path, self.folder, ".csv")
        incomplete = RejectedFile(self.shop.store, self.path, self.folder, ".csv", "incomplete")
        done = doing.run(file, survey, grants=grants, source="the form", rejected=rejected, incomplete=incomplete)
        self.unchanged, self.incomplete = done.unchanged, done.incomplete
        return done.read, done.created, done.updated, done.rejected

    def people(self):
        return {customer.email or customer.id: customer for customer in self.shop.store.customers.page()}

    def reasons(self, path=None):
        with (path or self.rejects).open(newline="") as file:
            return {int(row["line"]): row["reason"] for row in csv.DictReader(file)}

    def agreed(self, email, topic="news"):
        status = self.shop.store.addresses.status([("email", email)])[("email", email)]
        return has_consent({"email": status}, "email", topic)


@pytest.fixture
def take(shop, tmp_path):
    return Importer(shop, tmp_path)


def test_a_plain_file(take):
    done = take(
        "id,email,First Name,country,points,vip\n17,Ann@Example.com,Ann,Germany,12,yes\n18,bob@example.com,,,3.5,no\n"
    )
    assert done == (2, 2, 0, 0)
    assert take.declared == {"points": "number", "vip": "boolean"}
    ann = take.people()["ann@example.com"]
    assert (ann.id, ann.first_name, ann.country, dict(ann.attributes)) == (
        "17",
        "Ann",
        "DE",
        {"points": 12, "vip": True},
    )
    assert not take.rejects.exists()


def test_again_changes_nothing(take, shop):
    text = "email,points\nann@example.com,12\nbob@example.com,13\n"
    assert take(text, EMAIL) == (2, 2, 0, 0)
    before = take.people(), shop.store.addresses.status([("email", "ann@example.com")])
    assert take(text, EMAIL) == (2, 0, 2, 0)
    assert take.unchanged == 2
    assert (take.people(), shop.store.addresses.status([("email", "ann@example.com")])) == before


def test_what_a_row_told_anew_is_counted(take):
    take("email,points\nann@example.com,12\nbob@example.com,13\ncid@example.com,14\n")
    assert take("email,points\nann@example.com,12\nbob@example.com,99\ncid@example.com,14\n") == (3, 0, 3, 0)
    assert take.unchanged == 2
    assert take("email\nann@example.com\n", EMAIL) == (1, 0, 1, 0)
    assert take.unchanged == 0  # that she agreed is news


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_encoding_and_separator(take, encoding, separator, end):
    lines = ["email,Vorname,note", 'ann@example.com,Jürgen,"two', 'lines"', "", "bob@example.com,,"]
    text = end.join(line.replace(",", separator) for line in lines)
    assert take(text.encode(encoding)) == (2, 2, 0, 0)
    ann = take.people()["ann@example.com"]
    assert (ann.first_name, ann.attributes["note"]) == ("Jürgen", "two\nlines")


def test_excels_hint(take):
    assert take("sep=;\r\nemail;Name\r\nann@example.com;Lee, Ann\r\n") == (1, 1, 0, 0)
    assert take.people()["ann@example.com"].last_name == "Lee"


def test_rows_that_cannot_be_taken_say_why_and_where(take):
    text = (
        "email,phone,note,Birthday\n"
        "ann@example.com,030 123456,,1990-05-04\n"
        "not an address,,,\n"
        ',,"=HYPERLINK(1)",\n'
        "bob@,n/a,,\n"
        "\n"
        "cara@example.com,,,,,extra\n"
        "dan@example.com,,nul\x00,\n"
        "eve@example.com,,,4/5/1990\n"
        "fay@example.com,,,,,\n"
        "gus@example.com\n"
    )
    assert take(text) == (9, 3, 0, 6)
    reasons = take.reasons()
    assert sorted(reasons) == [3, 4, 5, 7, 8, 9]
    assert reasons[3].startswith("email: not an email address")
    assert reasons[4] == "has neither an email address nor a phone number nor an id"
    assert reasons[5].startswith("email: not an email address")
    assert reasons[5].endswith("; phone: not a phone number")
    assert reasons[7] == "has 6 cells, the header 4"
    assert reasons[8] == "note: has a NUL character"
    assert "day or month first" in reasons[9]
    assert "'=HYPERLINK(1)" in take.rejects.read_text()


class TestPhonesThatAreNone:
    """Exports of other tools are full of them: they cost no row whose person is known without."""

    def test_the_row_is_taken_in_without_and_named(self, take):
        text = (
            "id,email,phone,city\n"
            ",ann@example.com,n/a,Graz\n"
            "17,,0,Linz\n"
            ",,ask her,Wels\n"
            ",bob@example.com,+49 30 123456,\n"
        )
        assert take(text) == (4, 3, 0, 1)
        assert take.incomplete == 2
        people = take.people()
        assert (people["ann@example.com"].phone, people["ann@example.com"].city) == (None, "Graz")
        assert people["17"].city == "Linz"
        assert list(take.reasons()) == [4]
        partly = take.reasons(take.partly)
        assert list(partly) == [2, 3]
        assert all(reason.startswith("phone: not a phone number") for reason in partly.values())

    def test_the_file_of_them_can_be_mended_and_taken_in(self, take):
        take("email,phone\nann@example.com,n/a\nbob@example.com,\n")
        mended = take.partly.read_text().replace("n/a", "030 123456")
        assert take(mended) == (1, 0, 1, 0)
        assert take.people()["ann@example.com"].phone == "+4930123456"
        assert not take.partly.exists()  # that of an earlier run does not stay

    def test_a_number_we_know_stays(self, take):
        take("email,phone\nann@example.com,030 123456\n")
        assert take("email,phone\nann@example.com,unknown\n") == (1, 0, 1, 0)
        assert take.people()["ann@example.com"].phone == "+4930123456"

    @pytest.mark.parametrize(("word", "agreed"), [("yes", False), ("", False)])
    def test_a_yes_was_for_that_number_not_for_one_we_know(self, take, word, agreed):
        take("email,phone\nann@example.com,030 123456\n")
        take(f"email,phone,sms consent\nann@example.com,unknown,{word}\n")
        place = ("sms", "+4930123456")
        assert has_consent({"sms": take.shop.store.addresses.status([place])[place]}, "sms", "news") is agreed

    def test_a_no_counts_for_what_we_know(self, take):
        take("email,phone\nann@example.com,030 123456\n", Grant("sms"))
        take("email,phone,sms blacklisted\nann@example.com,unknown,yes\n")
        place = ("sms", "+4930123456")
        assert not has_consent({"sms": take.shop.store.addresses.status([place])[place]}, "sms", "news")

    def test_what_else_is_wrong_rejects_the_row_and_is_told_with_it(self, take):
        assert take("email,phone,birthday\nann@example.com,n/a,4/5/1990\n") == (1, 0, 0, 1)
        assert take.incomplete == 0
        assert "day or month first" in take.reasons()[2]
        assert not take.partly.exists()

    def test_who_turns_out_to_be_two_is_rejected_only(self, take):
        take("id,email\n1,ann@example.com\n2,bob@example.com\n")
        assert take("id,email,phone\n1,bob@example.com,n/a\n") == (1, 0, 0, 1)
        assert take.incomplete == 0
        assert not take.partly.exists()


def test_the_rejected_file_can_be_mended_and_taken_in(take):
    take("email,points\nann@,=1\n")
    mended = take.rejects.read_text().replace("ann@", "ann@example.com").replace("'=1", "1")
    assert take(mended) == (1, 1, 0, 0)
    assert dict(take.people()["ann@example.com"].attributes) == {"points": "1"}
    assert "line" not in take.declared
    assert "reason" not in take.declared


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no header row"),
        (b"\n\n\n", "no header row"),
        (b"Username,Full Name,Profile URL\na,b,c\n", "no column for an email address"),
        (b"email\n\xff\xfe\n", "not UTF-8 text"),
        (
            b'email,note\nann@example.com,"oops\nbob@example.com,x\n',
            'line 2: a quote (") is opened and never closed',
        ),
        (b"email\n" + b'"' + b"x" * 5_000_000, "never closed"),
    ],
)
def test_a_file_that_is_wrong_changes_nothing(take, shop, content, problem):
    with pytest.raises(InputError, match=problem.replace("(", r"\(").replace(")", r"\)")):
        take(content)
    assert shop.store.customers.count() == 0
    assert not take.declared


def test_there_is_no_such_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        CsvFile(tmp_path / "nothing.csv")


def test_a_large_cell_is_rejected_not_fatal(take):
    assert take("email,note\nann@example.com," + "x" * 200_000 + "\nbob@example.com,y\n") == (2, 1, 0, 1)
    assert take.reasons()[2] == "note: is longer than 10,000 characters"


def test_one_address_twice_the_last_row_wins(take):
    assert take("email,city\nAnn@example.com,Wien\nANN@EXAMPLE.COM,Graz\n") == (2, 1, 1, 0)
    assert take.people()["ann@example.com"].city == "Graz"


def test_two_ids_for_one_address_are_two_who_share_it(take):
    text = "id,email\n1,ann@example.com\n2,ann@example.com\n3,bob@example.com\n"
    assert (take(text), take(text)) == ((3, 3, 0, 0), (3, 0, 3, 0))
    assert [one.id for one in take.shop.store.customers.find(email="ann@example.com")] == ["1", "2"]
    assert take("id,email\n1,bob@example.com\n") == (1, 0, 0, 1)
    assert "the email address belongs to another: 3" in take.reasons()[2]


def test_empty_cells_say_nothing(take):
    take("email,city,points\nann@example.com,Wien,5\n")
    take("email,city,points\nann@example.com,,\n")
    ann = take.people()["ann@example.com"]
    assert (ann.city, ann.attributes["points"]) == ("Wien", 5)


def test_a_value_that_is_not_of_its_declared_type(take):
    take("email,points\nann@example.com,5\n")
    assert take("email,points\nbob@example.com,many\n") == (1, 0, 0, 1)
    assert take.reasons() == {2: "points: is not a number: write it like 12.50"}


def test_types_are_found_from_all_values(take):
    text = (
        "email,zip_code_2,spent,joined,seen,flag,mixed,empty\n"
        'a@example.com,01067,"12,50",31.12.2024,2025-01-02T10:00:00Z,true,1,\n'
        "b@example.com,80331,3,01.02.2025,,false,x,\n"
    )
    take(text)
    assert take.declared == {
        "zip_code_2": "text",
        "spent": "number",
        "joined": "date",
        "seen": "date",
        "flag": "boolean",
        "mixed": "text",
    }
    values = take.people()["a@example.com"].attributes
    assert values["spent"] == 12.5
    assert values["joined"] == "2024-12-31"
    assert values["seen"] == "2025-01-02T10:00:00+00:00"


def test_numbers_of_telephones_and_houses_stay_as_they_are_written(take):
    header = "email,Phone,Default Address Phone,Shipping Zip,Last SKU,Default Address Address2,Points\n"
    assert take(f"{header}ann@x.de,,4930123456,10115,4711,12,7\n") == (1, 1, 0, 0)
    assert take(f"{header}bob@x.de,,+49 30 1234567,01067,0815-A,12 b,8\n") == (1, 1, 0, 0)  # no row is rejected for it
    people = take.people()
    assert dict(people["ann@x.de"].attributes) == {
        "default_address_phone": "4930123456",
        "shipping_zip": "10115",
        "last_sku": "4711",
        "default_address_address2": "12",
        "points": 7,
    }
    assert people["bob@x.de"].attributes["default_address_phone"] == "+49 30 1234567"
    assert people["bob@x.de"].attributes["shipping_zip"] == "01067"


def test_dates_with_slashes_are_read_by_what_the_column_shows(take):
    take("email,a,b,c\nann@example.com,3/4/2025,3/4/2025,3/4/2025\nbob@example.com,25/4/2025,3/25/2025,\n")
    assert take.declared == {"a": "date", "b": "date", "c": "text"}
    values = take.people()["ann@example.com"].attributes
    assert (values["a"], values["b"]) == ("2025-04-03", "2025-03-04")
    take("email,c2\nann@example.com,3/4/2025\n", order="dmy")
    assert take.people()["ann@example.com"].attributes["c2"] == "2025-04-03"


def test_who_has_no_email(take):
    assert take("Phone Number,First Name\n030 123456,Ann\n+49 30 123456,Anna\n") == (2, 1, 1, 0)
    (ann,) = take.people().values()
    assert (ann.phone, ann.first_name) == ("+4930123456", "Anna")


def test_ours_and_theirs(take):
    assert (
        take(
            "Mail Stuff;Lieblingsfarbe\nann@example.com;rot\n",
            mapping={"email": "mail stuff", "color": "Lieblingsfarbe"},
        )[1]
        == 1
    )
    assert take.people()["ann@example.com"].attributes == {"color": "rot"}
    with pytest.raises(InputError, match=r"no column 'Mial Stuff'.*did you mean 'Mail Stuff'"):
        take("Mail Stuff\nann@example.com\n", mapping={"email": "Mial Stuff"})


def test_header_rows_of_real_tools(take, shared):
    headers = json.loads(shared("data/contact_export_headers.json").read_text("utf-8"))
    checked = 0
    for tool, row in headers.items():
        if tool.startswith("_") or tool in ("structural_cases", "no_email_column_must_be_refused"):
            continue
        separator = ";" if ";" in row else ","
        names = row.split(separator)
        values = dict.fromkeys(names, "")
        for name in names:
            plain = name.lower()
            if "mail" in plain and "marketing" not in plain and "black" not in plain and "disabled" not in plain:
                values[name] = f"{tool.replace('_', '.')}@example.com"
        line = separator.join(values.values())
        assert take(f"{row}\r\n{line}\r\n") == (1, 1, 0, 0), tool
        checked += 1
    assert checked == 13


def test_shopifys_apostrophes(take):
    take("Customer ID,Email,Phone,Default Address Zip\n'820982911946154508,ann@example.com,'+49 30 123456,'01067\n")
    ann = take.people()["ann@example.com"]
    assert (ann.id, ann.phone, ann.postal_code) == ("820982911946154508", "+4930123456", "01067")


def test_brevos_dates(take):
    take("EMAIL;LASTNAME;SMS;EMAIL_BLACKLISTED;ADDED_TIME\nann@example.com;Lee;4930123456;no;13-05-2024 09:30\n")
    ann = take.people()["ann@example.com"]
    assert ann.created_at == datetime(2024, 5, 13, 7, 30, tzinfo=UTC)


def test_consent_by_command(take):
    take("email\nann@example.com\n", Grant("email", "news"))
    assert take.agreed("ann@example.com")
    assert not take.agreed("ann@example.com", "offers")
    status = take.shop.store.addresses.status([("email", "ann@example.com")])[("email", "ann@example.com")]
    assert [(c.source, c.dated) for c in status.consents] == [("the form", False)]


@pytest.mark.parametrize(
    ("word", "yes"),
    [
        ("yes", True),
        ("TRUE", True),
        ("1", True),
        ("subscribed", True),
        ("maybe", False),
        ("no", False),
        ("", False),
        ("asked", False),
    ],
)
def test_only_a_clear_yes_is_consent(take, word, yes):
    take(f"Email,Accepts Email Marketing\nann@example.com,{word}\n", EMAIL)
    assert take.agreed("ann@example.com") is yes


def test_a_withdrawal_is_never_overridden(take, shop):
    from messaging.nouns.consent import Consent

    text = "email\nann@example.com\n"
    take(text, EMAIL)
    shop.clock.advance(timedelta(days=1))
    gone = Consent(
        channel="email",
        address="ann@example.com",
        granted=False,
        at=shop.clock.now(),
        source="unsubscribe link",
    )
    shop.store.addresses.add_consents([gone])
    shop.clock.advance(timedelta(days=1))
    take(text, EMAIL)
    assert not take.agreed("ann@example.com")
    take("Email Address,CONFIRM_TIME\nann@example.com,2020-01-01 10:00:00\n", EMAIL)
    assert not take.agreed("ann@example.com")
    lately = (shop.clock.now() - timedelta(hours=2)).isoformat()
    take(f"Email Address,CONFIRM_TIME\nann@example.com,{lately}\n", EMAIL)
    assert take.agreed("ann@example.com")


@pytest.mark.parametrize(
    "text",
    [
        "EMAIL;EMAIL_BLACKLISTED\nann@example.com;true\n",
        "Email Address,UNSUB_TIME\nann@example.com,2026-02-01 10:00:00\n",
        "email,email_disabled,created_at\nann@example.com,true,\n",
        "Email,Date Created,IP,Status\nann@example.com,,,Unsubscribed\n",
        "first_name,email_address,state,created_at,tags\n,ann@example.com,cancelled,,\n",
        "Email,Accepts Email Marketing\nann@example.com,no\n",
    ],
)
def test_what_tools_write_about_people_who_left(take, text):
    take("email\nann@example.com\n", EMAIL)
    assert take.agreed("ann@example.com")
    take.shop.clock.advance(timedelta(hours=1))
    if "UNSUB_TIME" in text:
        text = text.replace("2026-02-01 10:00:00", (take.shop.clock.now()).isoformat())
    take(text)
    assert not take.agreed("ann@example.com")


def test_a_plain_no_does_not_undo_a_persons_own_yes(take, shop):
    from messaging.nouns.consent import Consent

    own = Consent(
        channel="email",
        address="ann@example.com",
        granted=True,
        at=shop.clock.now(),
        source="preferences page",
    )
    shop.store.addresses.add_consents([own])
    take("Email,Accepts Email Marketing\nann@example.com,no\n")
    assert take.agreed("ann@example.com")


def test_a_stopped_import_is_completed_by_running_it_again(take, shop, monkeypatch):
    monkeypatch.setattr("messaging.services.importing.PAGE", 10)
    text = "email,points\n" + "".join(f"c{n}@example.com,{n}\n" for n in range(95))
    put, calls = shop.store.customers.put, []

    def dying(customers):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        put(customers)

    monkeypatch.setattr(shop.store.customers, "put", dying)
    with pytest.raises(KeyboardInterrupt):
        take(text, EMAIL)
    assert shop.store.customers.count() == 40
    monkeypatch.undo()
    assert take(text, EMAIL) == (95, 55, 40, 0)
    assert shop.store.customers.count() == 95


def test_csv_spectrum(shared, tmp_path):
    for path in sorted((shared("data/csv_spectrum") / "csvs").glob("*.csv")):
        file = CsvFile(path)
        rows = [dict(zip(file.headers, row.cells, strict=True)) for row in file.rows()]
        assert rows == json.loads((path.parents[1] / "json" / f"{path.stem}.json").read_text("utf-8")), path.name


def test_csv_spectrum_comes_through(take, shared):
    """To the people themselves: their attributes hold what the file says."""
    folder = shared("data/csv_spectrum")
    for path in sorted((folder / "csvs").glob("*.csv")):
        told = json.loads((folder / "json" / f"{path.stem}.json").read_text("utf-8"))
        columns = [name for name in told[0] if name in ("a", "b", "c", "key", "val", "data", "note")]
        if not columns:
            continue
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["email", *(f"{path.stem} {name}" for name in columns)])
        for number, row in enumerate(told):
            writer.writerow([f"{path.stem}{number}@example.com", *(row[name] for name in columns)])
        assert take(out.getvalue())[3] == 0
        people = take.people()
        for number, row in enumerate(told):
            kept = people[f"{path.stem}{number}@example.com"].attributes
            for name in columns:
                value = kept.get(f"{path.stem}_{name}")
                assert str(value or "") == row[name].strip().replace("\r\n", "\n"), path.name


def test_naughty_strings_in_every_field(take, shared):
    strings = json.loads(shared("data/naughty/blns.json").read_text("utf-8"))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["email", "first_name", "city", "note"])
    for number, text in enumerate(strings):
        writer.writerow([f"c{number}@example.com", text, text, text])
    read, created, updated, rejected = take(out.getvalue().encode("utf-8", "replace"))
    assert (read, updated) == (len(strings), 0)
    assert created + rejected == read
    assert created > 500


def test_our_own_export_finds_people_by_the_ids_we_made(take):
    take("email\nann@example.com\n")
    (ann,) = take.people().values()
    assert take(f"id,email,city\n{ann.id},ann@example.com,Graz\n{ann.id},new@example.com,\n") == (2, 0, 2, 0)
    assert [(c.id, c.email, c.city) for c in take.people().values()] == [(ann.id, "new@example.com", "Graz")]


def test_ids_we_made_for_people_who_are_gone_make_nobody(take):
    from messaging.rules.profile import made_id

    old = made_id("somebody@example.com")
    assert take(f"id,email\n{old},ann@example.com\n{made_id('x')},\n") == (2, 1, 0, 1)
    assert old not in {customer.id for customer in take.people().values()}


def test_an_address_that_was_given_up_in_the_same_file_is_free(take):
    done = take("id,email\n17,ann@example.com\n17,new@example.com\n,ann@example.com\n")
    assert done == (3, 2, 1, 0)
    assert {customer.id == "17": email for email, customer in take.people().items()} == {
        True: "new@example.com",
        False: "ann@example.com",
    }


def test_a_yes_without_effect_is_not_kept(take, shop):
    from messaging.nouns.consent import Consent

    gone = Consent(channel="email", address="ann@example.com", granted=False, at=shop.clock.now(), source="link")
    shop.store.addresses.add_consents([gone])
    take("email\nann@example.com\n", EMAIL)
    assert shop.store.addresses.status([("email", "ann@example.com")])["email", "ann@example.com"].consents == (gone,)


@pytest.mark.parametrize(
    ("cell", "text"),
    [("'01067", "01067"), ("'+49 30", "+49 30"), ("'=1", "=1"), ("'t Hooft", "'t Hooft"), ("'90s", "'90s")],
)
def test_apostrophes_that_guard_and_those_that_do_not(take, cell, text):
    take(f"email,city\nann@example.com,{cell}\n")
    assert take.people()["ann@example.com"].city == text


def test_a_number_that_everybody_has_finds_nobody(take):
    rows = "".join(f"{n},c{n}@example.com,+12025550100\n" for n in range(30))
    assert take(f"id,email,phone\n{rows}") == (30, 30, 0, 0)
    assert take("id,email,phone\n31,c31@example.com,+12025550100\n,,+12025550100\n") == (2, 1, 0, 1)
    assert take.reasons()[3].startswith("the phone number belongs to several customers")


class TestWithdrawalsInRejectedRows:
    """They count whatever else is wrong."""

    @pytest.fixture
    def ann(self, take):
        """Ann and Bob, who agreed to everything."""
        take("id,email,phone\n17,ann@example.com,+49 30 123456\n18,bob@example.com,\n", EMAIL, Grant("sms"))
        take.shop.clock.advance(timedelta(days=1))
        assert take.agreed("ann@example.com")

    @pytest.mark.parametrize(
        "row",
        [
            "17,ann@example.com,,true,,4/5/1990",
            ",ann@example.com,,true,,4/5/1990",
            "17,,,true,,4/5/1990",
            "17,n/a,,true,",
            ",n/a,+49 30 123456,true,",
            "18,ann@example.com,,true,",
            "17,ann@example.com,,true,,,what,is,this",
            "17,ann@example.com,,true,the other day",
            "17,ann@example.com,,,31/2/2026",
        ],
    )
    def test_of_people_we_know(self, take, ann, row):
        text = f"id,email,phone,unsubscribed,unsub time,birthday\n{row}\n"
        for _ in range(2):
            assert take(text, EMAIL) == (1, 0, 0, 1)
            assert not take.agreed("ann@example.com")
            assert take.agreed("bob@example.com")
            assert take.reasons()[2].endswith("; taken in all the same: no to email")

    def test_of_who_shares_their_address(self, take, ann):
        assert take("id,email,unsubscribed\n99,ann@example.com,true\n", EMAIL) == (1, 1, 0, 0)
        assert not take.agreed("ann@example.com")

    def test_of_people_we_do_not_know_yet(self, take):
        assert take("email,birthday,unsubscribed\neve@example.com,n/a,true\n") == (1, 0, 0, 1)
        take.shop.clock.advance(timedelta(days=1))
        take("email\neve@example.com\n", EMAIL)
        assert not take.agreed("eve@example.com")

    def test_on_the_channel_they_are_about(self, take, ann):
        assert take("id,email,phone,sms blacklisted\n17,ann@,,yes\n", EMAIL) == (1, 0, 0, 1)
        assert take.agreed("ann@example.com")
        place = ("sms", "+4930123456")
        assert not has_consent({"sms": take.shop.store.addresses.status([place])[place]}, "sms", "news")

    def test_a_plain_no_takes_back_what_an_import_granted(self, take, ann):
        assert take("email,birthday,accepts marketing\nann@example.com,n/a,no\n") == (1, 0, 0, 1)
        assert not take.agreed("ann@example.com")

    def test_nothing_else_of_the_row_is_taken_in(self, take, ann):
        assert take("id,email,birthday,unsubscribed,city\n17,ann@example.com,n/a,true,Graz\n") == (1, 0, 0, 1)
        assert take.people()["ann@example.com"].city is None
        assert take("email,birthday,accepts marketing\neve@example.com,n/a,yes\n") == (1, 0, 0, 1)
        assert not take.agreed("eve@example.com")
        assert "all the same" not in take.reasons()[2]
