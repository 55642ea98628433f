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
