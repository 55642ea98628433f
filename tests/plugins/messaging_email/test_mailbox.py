from __future__ import annotations

import errno
import os
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from messaging import AdapterContext, AdapterSettings, AdapterUnusable, RenderedMessage, Verdict
from messaging_email.mailbox import Mailbox

Make = Callable[..., RenderedMessage]


@pytest.fixture
def mailbox(context: AdapterContext) -> Mailbox:
    return Mailbox(AdapterSettings(), context)


def test_each_message_is_a_file(mailbox: Mailbox, message: Make, tmp_path: Path) -> None:
    receipts = list(mailbox.deliver([message(1), message(2)]))
    assert [(receipt.message_id, receipt.verdict) for receipt in receipts] == [("m1", "accepted"), ("m2", "accepted")]
    assert sorted(file.name for file in (tmp_path / "mailbox").iterdir()) == ["m1.eml", "m2.eml"]
    mail = message_from_bytes((tmp_path / "mailbox" / "m1.eml").read_bytes(), policy=policy.default)
    assert (mail["To"], mail["Subject"]) == ("c1@example.com", "Fresh tea")


def test_nothing_leaves_the_machine() -> None:
    assert Mailbox.leaves_the_machine is False
    assert Mailbox.capabilities.lookup


def test_a_receipt_comes_before_the_next_message_is_written(mailbox: Mailbox, message: Make, tmp_path: Path) -> None:
    receipts = mailbox.deliver([message(1), message(2)])
    next(receipts)
    assert sorted(file.name for file in (tmp_path / "mailbox").iterdir()) == ["m1.eml"]


def test_a_file_tells_whether_its_message_was_taken(mailbox: Mailbox, message: Make) -> None:
    def verdict(message_id: str) -> Verdict | None:
        receipt = mailbox.lookup(message_id)
        return receipt.verdict if receipt else None

    assert verdict("m1") is Verdict.TRY_AGAIN
    list(mailbox.deliver([message(1)]))
    assert verdict("m1") is Verdict.ACCEPTED
    assert verdict("../mailbox/m1") is None


def test_the_same_message_again_is_the_same_file(mailbox: Mailbox, message: Make, tmp_path: Path) -> None:
    list(mailbox.deliver([message(1)]))
    before = (tmp_path / "mailbox" / "m1.eml").read_bytes()
    list(mailbox.deliver([message(1)]))
    assert [file.read_bytes() for file in (tmp_path / "mailbox").iterdir()] == [before]


@pytest.mark.parametrize(
    "changes", [{"id": "../../escaped"}, {"id": "a/b"}, {"to": "nobody"}, {"headers": {"Bcc": "x"}}]
)
def test_what_is_no_mail_leaves_no_file(
    mailbox: Mailbox, message: Make, tmp_path: Path, changes: dict[str, object]
) -> None:
    receipts = list(mailbox.deliver([message(1, **changes), message(2)]))
    assert [receipt.verdict for receipt in receipts] == [Verdict.REFUSED, Verdict.ACCEPTED]
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["m2.eml"]


@pytest.mark.parametrize("broken", ["write", "replace"])
def test_a_full_disk_is_tried_again_and_leaves_nothing_behind(
    mailbox: Mailbox, message: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(*(("messaging_email.mailbox._write_all", full) if broken == "write" else (os, "replace", full)))
        (receipt,) = mailbox.deliver([message(1)])
    assert receipt.verdict is Verdict.TRY_AGAIN
    assert list((tmp_path / "mailbox").iterdir()) == []
    (receipt,) = mailbox.deliver([message(1)])
    assert receipt.verdict is Verdict.ACCEPTED


def test_a_folder_that_is_none(mailbox: Mailbox, message: Make, tmp_path: Path) -> None:
    (tmp_path / "mailbox").write_text("not a folder")
    with pytest.raises(AdapterUnusable, match="cannot write"):
        list(mailbox.deliver([message(1)]))


def test_a_file_in_the_way(mailbox: Mailbox, message: Make, tmp_path: Path) -> None:
    (tmp_path / "mailbox" / "m1.eml" / "x").mkdir(parents=True)
    with pytest.raises(AdapterUnusable, match="cannot write"):
        list(mailbox.deliver([message(1)]))
    assert [file.name for file in (tmp_path / "mailbox").iterdir()] == ["m1.eml"]
