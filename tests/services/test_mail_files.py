"""Mails in files, of every kind that there is, with what is no mail among them."""

from __future__ import annotations

import mailbox
import os
from email.message import Message
from pathlib import Path

import pytest

from messaging.errors import InputError
from messaging.services.mail_files import LONGEST_MAIL, count_mails, find_mails, is_maildir


def mail(text: str) -> Message:
    made = Message()
    made["Subject"] = text
    made.set_payload(f"From here on: {text}\n")
    return made


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    box = mailbox.Maildir(tmp_path / "box")
    for text in ("one", "two"):
        box.add(mail(text))
    box.close()
    return tmp_path / "box"


def test_a_maildir_without_what_is_not_delivered(maildir: Path) -> None:
    (maildir / "tmp" / "half").write_bytes(b"Subject: hal")
    seen = next((maildir / "new").iterdir())
    seen.rename(maildir / "cur" / f"{seen.name}:2,S")
    assert is_maildir(maildir)
    assert count_mails(maildir) == 2
    assert sorted(found.data.split()[1] for found in find_mails(maildir)) == [b"one", b"two"]


def test_links_and_pipes_are_no_mails(maildir: Path) -> None:
    (maildir / "new" / "link").symlink_to("/etc/passwd")
    os.mkfifo(maildir / "new" / "pipe")
    (maildir / "new" / "folder").mkdir()
    assert count_mails(maildir) == 2


def test_an_mbox(tmp_path: Path) -> None:
    box = mailbox.mbox(tmp_path / "box")
    for text in ("one", "From nobody\n\nFrom me", "three"):
        box.add(mail(text.splitlines()[0]) if text != "three" else mail("three"))
    box.close()
    found = list(find_mails(tmp_path / "box"))
    assert [each.name for each in found] == ["box (1)", "box (2)", "box (3)"]
    assert all(b"\nFrom here on" in each.data for each in found)
    assert all(each.file is None for each in found)


def test_a_line_that_only_looks_like_the_next_mail(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(
        b"From a Mon\nSubject: one\n\ntext\nFrom b, no empty line before it\n\nFrom c Mon\nSubject: two\n\n"
    )
    assert [each.data.splitlines()[0] for each in find_mails(tmp_path / "box")] == [b"Subject: one", b"Subject: two"]


def test_eml_files(tmp_path: Path) -> None:
    for name in ("b.eml", "a.EML", "c.txt", ".d.eml"):
        (tmp_path / name).write_bytes(b"Subject: x\n\n")
    assert [each.name for each in find_mails(tmp_path)] == ["a.EML", "b.eml"]
    assert [each.name for each in find_mails(tmp_path / "b.eml")] == ["b.eml"]


def test_of_a_huge_mail_the_beginning_is_kept(tmp_path: Path) -> None:
    huge = b"Subject: x\n\n" + b"x" * (3 * LONGEST_MAIL) + b"\n\n"
    (tmp_path / "one.eml").write_bytes(huge)
    (tmp_path / "box").write_bytes(b"From a Mon\n" + huge + b"From b Mon\nSubject: y\n\n")
    (one,) = find_mails(tmp_path / "one.eml")
    first, second = find_mails(tmp_path / "box")
    assert len(one.data) == LONGEST_MAIL
    assert len(first.data) <= LONGEST_MAIL + 64 * 1024
    assert second.data == b"Subject: y\n\n"


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="nowhere: No such file or directory"):
        list(find_mails(tmp_path / "nowhere"))
    (tmp_path / "one.eml").write_bytes(b"")
    monkeypatch.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    (found,) = find_mails(tmp_path)
    assert (found.name, found.fault) == ("one.eml", "Permission denied")
