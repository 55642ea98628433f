"""Which column of a contacts file is what: the header names of the tools that shops come from.

Shopify, Mailchimp, Klaviyo, WooCommerce, Brevo, ActiveCampaign, Kit, HubSpot, Stripe, Substack and Google
Contacts are recognised by what they write; what nobody writes for a field of ours becomes an attribute of
the customer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from messaging.errors import InputError
from messaging.nouns.customer import PROFILE_FIELDS

#: Our field -> the names others have for it, the best first. Compared without case and punctuation.
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "customer id", "customerid", "contact id", "external id", "user id", "record id"),
    "email": (
        "email",
        "e mail",
        "email address",
        "e mail address",
        "emailaddress",
        "e mail 1 value",
        "mail",
        "emailadresse",
        "e mail adresse",
    ),
    "phone": (
        "phone",
        "phone number",
        "mobile",
        "mobile phone",
        "mobile number",
        "sms",
        "telephone",
        "telefon",
        "billing phone",
        "phone 1 value",
        "default address phone",
    ),
    "first_name": ("first name", "firstname", "given name", "forename", "vorname", "prenom"),
    "last_name": ("last name", "lastname", "family name", "surname", "nachname"),
    "name": ("name", "full name", "fullname", "customer name"),
    "locale": ("locale", "language code", "customer locale"),
    "timezone": ("timezone", "time zone"),
    "country": ("country", "country code", "cc", "default address country code", "billing country", "land"),
    "region": ("region", "province", "province code", "default address province code"),
    "city": ("city", "town", "default address city", "billing city", "ort", "stadt"),
    "postal_code": (
        "postal code",
        "zip",
        "zip code",
        "postcode",
        "plz",
        "default address zip",
        "billing postcode",
    ),
    "birthday": ("birthday", "birth date", "birthdate", "date of birth", "dob", "geburtstag"),
    "created_at": (
        "created at",
        "created utc",
        "create date",
        "date created",
        "added time",
        "customer since",
    ),
    "email_consent": (
        "email consent",
        "accepts email marketing",
        "accepts marketing",
        "email marketing consent",
        "consent",
        "newsletter consent",
    ),
    "email_consent_at": (
        "email consent at",
        "email consent time",
        "confirm time",
        "optin time",
        "consent time",
        "consent at",
        "consent timestamp",
    ),
    "email_withdrawn": ("email withdrawn", "email blacklisted", "email disabled", "unsubscribed"),
    "email_withdrawn_at": ("email withdrawn at", "unsub time", "unsubscribed at"),
    "email_status": ("email status", "email subscription status"),
    "sms_consent": ("sms consent", "accepts sms marketing"),
    "sms_consent_at": ("sms consent at", "sms consent time"),
    "sms_withdrawn": ("sms withdrawn", "sms blacklisted"),
}
#: Tools whose column for the subscription's state has a name that means other things elsewhere.
_STATUS_COLUMNS = (
    ("state", frozenset({"email address", "created at", "tags"})),  # Kit
    ("status", frozenset({"email", "ip", "date created"})),  # ActiveCampaign
)
#: What `*.rejected.csv` adds to the columns of the file it comes from.
REJECTED_COLUMNS = ("line", "reason")
IDENTITY = ("id", "email", "phone")
#: Addresses on other channels than email and sms, which are `email` and `phone`.
_ADDRESSES = re.compile(r"addresses\.(?!(?:email|sms)$)([a-z0-9][a-z0-9_-]{0,63})")
#: Names that an attribute cannot have: the customer's own, and words of the expression language.
_TAKEN = frozenset(
    {
        *PROFILE_FIELDS,
        *("id", "created_at", "updated_at", "addresses", "attributes", "customer", "orders", "rfm", "now"),
        *("happened", "sent", "opened", "clicked", "bought", "consented", "days_since", "in_segment"),
        *("and", "or", "not", "in", "is", "if", "else", "true", "false", "none"),
        *("order", "cart", "shipment", "refund", "product", "event"),
    }
)
#: Words in an attribute's name by which it is no quantity, were all its values digits: leading zeros, signs, and
#: the letter that comes one day, must be kept.
_TEXT_WORDS = frozenset(
    {
        *("phone", "phones", "telephone", "telefon", "tel", "mobile", "cell", "handy", "fax", "sms", "whatsapp"),
        *("zip", "zipcode", "postcode", "postal", "plz", "address", "street", "strasse", "house"),
        *("id", "ids", "uid", "uuid", "guid", "leid", "euid", "sku", "skus", "ean", "gtin", "upc", "isbn", "barcode"),
        *("iban", "bic", "vat", "code", "codes", "ref", "reference", "serial", "ip", "url"),
        *("name", "username", "title", "company", "organization", "organisation"),
        *("note", "notes", "comment", "comments", "description", "tag", "tags"),
    }
)
#: The same where they end it: a card number, but the number of cards.
_TEXT_ENDINGS = frozenset({"number", "no", "nr", "num", "nummer", "numero"})


def columns_of(headers: Sequence[str], mapping: Mapping[str, str]) -> dict[int, str]:
    """Column position -> our field, or the name of an attribute; a column without a name is left out.

    `mapping` (ours -> theirs) goes before what is recognised.

    Raises:
        InputError: `mapping` names a column that is not there, or there is none for an id, email or phone.
    """
    plain = [_plain(header) for header in headers]
    found = _mapped(headers, plain, mapping)
    taken = set(found.values())
    ours = {0, 1} if tuple(plain[:2]) == REJECTED_COLUMNS else set()
    for field, names in _ALIASES.items():
        if field in taken or (field == "name" and taken & {"first_name", "last_name"}):
            continue
        for name in names:
            position = next((i for i, text in enumerate(plain) if text == name and i not in found), None)
            if position is not None and position not in ours:
                found[position] = field
                taken.add(field)
                break
    for name, others in _STATUS_COLUMNS:
        if name in plain and others <= set(plain) and "email_status" not in taken and "city" not in plain:
            found.setdefault(plain.index(name), "email_status")
    if not any(field in IDENTITY for field in found.values()):
        raise InputError(
            "no column for an email address, a phone number or an id among: " + (", ".join(headers) or "(nothing)"),
            hint="name it with --map email=COLUMN",
        )
    for position, header in enumerate(headers):
        address = header.strip().lower()
        if position not in found and position not in ours and channel_of(address) and address not in found.values():
            found[position] = address
    used = set(found.values())
    for position, header in enumerate(headers):
        if position not in found and position not in ours and plain[position]:
            found[position] = attribute_name(header, used)
            used.add(found[position])
    return dict(sorted(found.items()))


def is_field(name: str) -> bool:
    """Whether `name` is a field that import understands, and not an attribute."""
    return name in _ALIASES or channel_of(name) is not None


def channel_of(name: str) -> str | None:
    """The channel that a field holds addresses on: `webhook` of `addresses.webhook`."""
    match = _ADDRESSES.fullmatch(name)
    return match[1] if match else None


def attribute_name(header: str, used: set[str] | frozenset[str] = frozenset()) -> str:
    """A header as a name for segments and templates, none of `used`: `contact_owner` for `Contact owner`."""
    decomposed = unicodedata.normalize("NFKD", header.replace("ß", "ss"))
    base = re.sub(r"[^a-z0-9]+", "_", decomposed.encode("ascii", "ignore").decode().lower()).strip("_")[:60]
    if not base or base[0].isdigit():
        base = f"column_{base}".rstrip("_")
    if base in _TAKEN:
        base = f"{base}_attribute"
    name, number = base, 1
    while name in used:
        number += 1
        name = f"{base}_{number}"
    return name


def names_text(attribute: str) -> bool:
    """Whether an attribute of that name is text, whatever its values look like."""
    words = [word for part in attribute.split("_") if (word := part.rstrip("0123456789"))]
    return bool(words) and (not _TEXT_WORDS.isdisjoint(words) or (len(words) > 1 and words[-1] in _TEXT_ENDINGS))


def _mapped(headers: Sequence[str], plain: Sequence[str], mapping: Mapping[str, str]) -> dict[int, str]:
    found: dict[int, str] = {}
    for ours, theirs in mapping.items():
        position = next((i for i, header in enumerate(headers) if header.strip() == theirs.strip()), None)
        if position is None:
            position = next((i for i, text in enumerate(plain) if text and text == _plain(theirs)), None)
        if position is None:
            near = get_close_matches(theirs, headers, 1)
            raise InputError(
                f"--map {ours}={theirs}: there is no column {theirs!r}",
                hint=f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(headers)}",
            )
        if position in found:
            raise InputError(f"--map: the column {theirs!r} cannot be both {found[position]} and {ours}")
        if not is_field(ours) and attribute_name(ours) != ours:
            raise InputError(
                f"--map {ours}={theirs}: {ours!r} cannot name an attribute",
                hint=f"write it like {attribute_name(ours)!r}",
            )
        found[position] = ours
    return found


def _plain(header: str) -> str:
    """Case and punctuation do not tell headers apart: `E-mail 1 - Value` is `e mail 1 value`."""
    decomposed = unicodedata.normalize("NFKD", header)
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(re.findall(r"\w+", letters.casefold().replace("_", " ")))
