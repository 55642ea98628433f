"""Several messages at once: each of them says what it says, to whom it is for, and nothing of another's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from messaging.nouns.adapter import Adapter, Verdict
from messaging.testing.contract.bench import check_accounts, fault
from messaging.testing.contract.contents import Contents, since
from messaging.testing.contract.provider import Provider
from messaging.testing.contract.reading import says


class Personal(Contents):
    """Tests of what is different in each message."""

    @pytest.mark.parametrize("what", ["parts", "headers", "from_", "reply_to"])
    def test_each_gets_their_own(
        self, open: Callable[..., Adapter], remote: Provider, tmp_path: Path, what: str
    ) -> None:
        if what != "parts":
            self.email_only()
        self.visible(open, remote, tmp_path)
        adapter = open()
        number = min(max(adapter.capabilities.batch_size, 3), 10)
        words = {each: f"only{each}for{each}them" for each in range(1, number + 1)}
        messages = {each: self.message(each, remote, **self.own(what, word)) for each, word in words.items()}
        before = self.sent(remote, tmp_path)
        if what in ("headers", "reply_to"):  # one who has none of it
            messages[0] = self.message(number + 1, remote, **{what: {} if what == "headers" else None})
        run = self.run(adapter, list(messages.values()))
        check_accounts(run, list(messages.values()))
        things = [new for _, new in since(before, self.sent(remote, tmp_path))]
        for each, message in messages.items():
            if run.of(message).verdict is not Verdict.ACCEPTED:
                continue  # whoever says that it cannot, is right
            mine = [raw for raw in things if self.carries(raw, message)]
            if each in words and not any(says(raw, words[each]) for raw in mine):
                fault(f"of several messages one went out without its own {what}", _OWN)
            alone = [raw for raw in mine if sum(self.carries(raw, other) for other in messages.values()) == 1]
            if any(says(raw, word) for raw in alone for other, word in words.items() if other != each):
                fault(f"of several messages one went out with the {what} of another", _OWN)

    def own(self, what: str, word: str) -> dict[str, Any]:
        """The fields that only one message has."""
        if what == "parts":
            parts = dict(self.parts(f"Tea {word}"))
            return {**parts, **({"subject": f"Tea {word}"} if "subject" in parts else {})}
        if what == "headers":
            return {"headers": {"List-Unsubscribe": f"<https://shop.example/u/{word}>"}}
        return {what: f"Shop <{word}@example.com>"}


_OWN = (
    "take parts, headers, sender and reply_to from each message, also where several go in one request: they are "
    "personal, and a link to unsubscribe is one person's"
)
