"""A person's whole life in a workspace, by command; then they are erased, and every file is searched."""

from __future__ import annotations

import json
from email import policy
from email.parser import BytesParser

import pytest

SECRETS = ("zyxann@example.com", "Zyxannabel", "Zyxleeman", "+436641234567", "Zyxstrasse")


def texts(path):
    """All that a file says: raw, and decoded if it is a mail."""
    raw = path.read_bytes()
    yield str(path).encode()
    yield raw
    if path.suffix == ".eml":
        mail = BytesParser(policy=policy.default).parsebytes(raw)
        yield "\n".join(str(value) for value in mail.values()).encode()
        for part in mail.walk():
            if not part.is_multipart():
                yield part.get_payload(decode=True) or b""


def found(folder):
    return {
        secret
        for path in folder.rglob("*")
        if path.is_file() and path.name != "people.csv"
        for text in texts(path)
        for secret in SECRETS
        if secret.lower().encode() in text.lower()
    }


@pytest.mark.slow
def test_nothing_is_left(run):
    (run.folder / "people.csv").write_text(
        "Customer ID,Email,First Name,Last Name,Phone,Street\n"
        "17,zyxann@example.com,Zyxannabel,Zyxleeman,+43 664 1234567,Zyxstrasse 1\n"
        "18,bob@example.com,Bob,,,\n"
        "19,Zyxannabel at home,,Zyxleeman,,Zyxstrasse 1\n"
        "20,Bobby at home,Bobby,,,Elsewhere 1\n"
    )
    assert run("customers", "import", "people.csv", "--consent", "email")[0] == 3
    run("triggers", "enable", "order-confirmation")
    for customer, number in (("17", "1"), ("18", "2")):
        told = {
            "id": number,
            "type": "order.placed",
            "time": "2026-03-02T09:00:00Z",
            "customer": {"id": customer},
            "data": {
                "order": {
                    "number": number,
                    "total": "49.90",
                    "currency": "EUR",
                    "url": "https://shop.example/o",
                    "items": [{"sku": "A", "name": "Mug", "quantity": 1, "price": "49.90"}],
                    "note": "leave it in Zyxstrasse" if customer == "17" else "",
                }
            },
        }
        assert run("events", "send", "-", stdin=json.dumps(told))[0] == 0
    assert run("send-due")[0] == 0
    (run.folder / "segments" / "all.toml").write_text('where = "id is defined"\n')
    run("campaigns", "create", "spring", "--template", "promotion", "--segment", "all")
    run("campaigns", "plan", "spring")
    assert found(run.folder) == set(SECRETS)
    mails = len(list((run.folder / "mailbox").rglob("*.eml")))

    code, out, _ = run("customers", "erase", "zyxann@example.com", "--yes", "--json")
    assert code == 0
    receipt = json.loads(out)
    assert (receipt["orders"], receipt["events"], receipt["messages"], receipt["mails"]) == (1, 1, 1, 1)
    assert found(run.folder) == set()
    assert "Bobby at home" in (run.folder / "people.rejected.csv").read_text()
    own = [str(run.folder / name) for name in ("people.csv", "people.rejected.csv")]  # the list, and a doubtful row
    assert receipt["to_look_at"] == own
    assert len(list((run.folder / "mailbox").rglob("*.eml"))) == mails - 1
    assert json.loads(run("customers", "list", "--json")[1])[0]["id"] == "18"
    states = [m["state"] for m in json.loads(run("messages", "list", "--json")[1])]
    assert states == ["sent", "sent"]
