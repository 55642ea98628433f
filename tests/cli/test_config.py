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
