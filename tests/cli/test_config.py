"""`messaging config`, as it is typed."""

from __future__ import annotations

import json


def test_show_is_written_as_it_is_read(run):
    code, out, _ = run("config", "show")
    shown = {words[0]: " ".join(words[2:]) for line in out.splitlines() if (words := line.split())}
    assert code == 0
    assert shown["retention.content"] == "90 days"
    assert shown["sending.backoff"] == "30 seconds"
    assert shown["retention.campaigns"] == "false"
    told = {row["setting"]: row["value"] for row in json.loads(run("config", "show", "--json")[1])}
    assert (told["retention.campaigns"], told["sending.message_late"]) == (False, "2 days")


SETTINGS = """
[adapters.twilio]
account_sid = "AC00000000000000000000000000000000"
auth_token = "hush-1"
from = "+15005550006"
fron = "hush-2"

[adapters.webhook]
secrets = ["hush-3"]
receivers = {"https://a.example/hook" = ["hush-4"]}

[adapters.nobodys]
url = "hush-5"

[sources.woocommerce.garden]
secret = "hush-6"

[plugins.rules]
area_codes = false

[plugins.nobodys]
word = "hush-7"

[outgoing]
proxy = "http://me:hush-8@proxy.example:3128"
"""


def test_what_is_declared_and_no_secret_is_shown(run):
    file = run.folder / "messaging.toml"
    file.write_text(file.read_text("utf-8") + SETTINGS, "utf-8")
    code, out, _ = run("config", "show")
    shown = {words[0]: " ".join(words[2:]) for line in out.splitlines() if (words := line.split())}
    assert code == 0
    assert shown["adapters.twilio.from"] == "+15005550006"
    assert shown["adapters.twilio.account_sid"].startswith("AC")
    assert shown["plugins.rules.area_codes"] == "false"
    assert shown["plugins.timeout"] == "10 seconds"
    assert shown["adapters.twilio.auth_token"] == shown["sources.woocommerce.garden.secret"] == "******"
    assert "hush" not in out
    assert shown["outgoing.proxy"] == "******"
    code, out, _ = run("config", "show", "--json")
    assert (code, "hush" in out) == (0, False)
    code, out, _ = run("--no-plugins", "config", "show")
    assert (code, "hush" in out) == (0, False)


PLUGIN = """
from pydantic import BaseModel, SecretStr

from messaging import hookimpl


class Account(BaseModel):
    user: str
    token: SecretStr
    more: "list[Account]" = []


class Settings(BaseModel):
    first: Account
    other: Account | None = None
    listed: list[Account] = []
    named: dict[str, Account] = {}
    words: list[str] = []


@hookimpl
def register_settings():
    return Settings
"""
TABLE = """
[plugins.tea]
words = ["black", "green"]
first = {user = "ann", token = "hush-1", more = [{user = "bob", token = "hush-2"}]}
other = {user = "ann", token = "hush-3"}
listed = [{user = "ann", token = "hush-4"}]
named = {one = {user = "ann", token = "hush-5"}}
"""


def test_no_secret_is_shown_however_deep(run):
    (run.folder / "plugins" / "tea.py").write_text(PLUGIN, "utf-8")
    file = run.folder / "messaging.toml"
    file.write_text(file.read_text("utf-8") + TABLE, "utf-8")
    code, out, _ = run("config", "show", "--json")
    told = {row["setting"]: row["value"] for row in json.loads(out) if row["setting"].startswith("plugins.tea.")}
    assert (code, "hush" in out) == (0, False)
    assert told["plugins.tea.first.user"] == "ann"
    assert told["plugins.tea.words"] == ["black", "green"]
    assert told["plugins.tea.listed"] == "******"


def test_of_a_stores_url_no_password_is_shown(run, monkeypatch):
    for url in (
        "postgresql://shop:hush-1@db.example/d?sslmode=require&sslpassword=hush-2",
        "postgresql://h/d?password=hush-3",
    ):
        monkeypatch.setenv("MESSAGING__STORE__URL", url)
        code, out, err = run("config", "show")
        assert code == 0
        assert url.partition("?")[0].replace(":hush-1", "") in out
        assert "hush" not in out + err
