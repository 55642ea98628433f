from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from messaging.errors import NotFound, TemplateError
from messaging.workspace.template_files import make_template, read_template, read_templates, template_names

TOML = """class = "transactional"
topic = "orders"
channels = ["email", "sms"]

subject = "Hello"

[fallbacks]
"customer.first_name" = "there"

[[triggers]]
event = "order.placed"
after = "4 hours"
cancel_on = ["order.cancelled"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "templates"
    write(root / "hello" / "template.toml", TOML)
    write(root / "hello" / "email.html", "<p>x</p>")
    write(root / "hello" / "sms.txt", "x")
    write(root / "_layouts" / "base.html", "base")
    write(root / "_layouts" / "parts" / "button.html", "button")
    return root


def write(file: Path, text: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_a_whole_template(folder: Path) -> None:
    write(folder / "hello" / "de" / "email.html", "<p>de</p>")
    write(folder / "hello" / "de" / "template.toml", 'subject = "Hallo"')
    write(folder / "hello" / "pt_BR" / "sms.txt", "pt")
    write(folder / "hello" / "_own.html", "own")
    write(folder / "hello" / "README.md", "ignored")
    template = read_template(folder, "hello")
    assert template.sources == {
        ("email", "", "subject"): "Hello",
        ("email", "", "html"): "<p>x</p>",
        ("sms", "", "text"): "x",
        ("email", "de", "html"): "<p>de</p>",
        ("email", "de", "subject"): "Hallo",
        ("sms", "pt-BR", "text"): "pt",
    }
    assert template.files["email", "de", "html"] == "templates/hello/de/email.html"
    assert template.lines["email", "", "subject"] == 5
    assert set(template.shared) == {"_layouts/base.html", "_layouts/parts/button.html", "_own.html"}
    assert template.channels == ("email", "sms")
    assert template.fallbacks == {"customer.first_name": "there"}
    assert template.triggers[0].after == timedelta(hours=4)
    assert template.triggers[0].cancel_on == ("order.cancelled",)


def test_channels_are_those_with_files(folder: Path) -> None:
    write(folder / "hello" / "template.toml", TOML.replace('channels = ["email", "sms"]', ""))
    write(folder / "hello" / "webhook.json", "{}")
    template = read_template(folder, "hello")
    assert template.channels == ("email", "sms", "webhook")
    assert template.sources["webhook", "", "body"] == "{}"


def test_a_byte_order_mark_and_line_ends_do_not_matter(folder: Path) -> None:
    write(folder / "hello" / "email.html", b"\xef\xbb\xbf<p>\r\nx</p>")
    assert read_template(folder, "hello").sources["email", "", "html"] == "<p>\nx</p>"


@pytest.mark.parametrize(
    ("file", "content", "line", "words"),
    [
        ("template.toml", 'class = "transactional"\ntopic =', 2, "not TOML"),
        ("template.toml", TOML + "colour = 1", 14, "no such setting"),
        ("template.toml", TOML.replace("transactional", "spam"), 1, "transactional"),
        ("template.toml", TOML.replace('"4 hours"', '"soon"'), 12, "not a duration"),
        ("template.toml", TOML.replace('"sms"', '"push"'), 3, "no file for it"),
        ("template.toml", TOML.replace('"order.placed"', '"Order Placed"'), 11, "event"),
        ("email.html", "<p>a</p>\n<p>\xe4</p>".encode("latin-1"), 2, "not UTF-8"),
        ("email.html", "<p>a</p>".encode("utf-16"), 1, "not UTF-8"),
        ("email.html", b"a\n\n\0", 3, "NUL"),
        ("email.html", b"x" * 5_000_000, None, "5,000,000 bytes"),
        ("email.mjml", "<mjml></mjml>", None, "also"),
        ("sms.html", "x", None, "html is for email"),
        ("sms.json", "{}", None, "no json part"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, file: str, content: str | bytes, line: int | None, words: str) -> None:
    write(folder / "hello" / file, content)
    with pytest.raises(TemplateError, match=words) as caught:
        read_template(folder, "hello")
    assert (caught.value.file, caught.value.line) in (
        (f"templates/hello/{file}", line),
        ("templates/hello/template.toml", line),
    )


def test_nothing_outside_is_read(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.html"
    secret.write_text("hush")
    (folder / "_layouts" / "link.html").symlink_to(secret)
    with pytest.raises(TemplateError, match="outside"):
        read_template(folder, "hello")


@pytest.mark.parametrize("name", ["nope", "../hello", "/etc", "", "Hello", "a" * 100])
def test_there_is_no_such_template(folder: Path, name: str) -> None:
    with pytest.raises(NotFound, match="no template"):
        read_template(folder, name)


def test_one_that_is_broken_keeps_no_other_from_being_read(folder: Path) -> None:
    write(folder / "broken" / "template.toml", "x")
    found = read_templates(folder)
    assert template_names(folder) == ["broken", "hello"]
    assert isinstance(found["broken"], TemplateError)
    assert not isinstance(found["hello"], TemplateError)


def test_a_new_template_can_be_read(folder: Path) -> None:
    make_template(folder / "mine")
    assert read_template(folder, "mine").channels == ("email",)
