"""Where the provider names no id, it is None, as a word.

Caught by test_an_answer_that_nobody_expects: None if there is none
"""

from __future__ import annotations

from right import Pigeon as Right

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 200 and answer.body == b"{}":
            return Receipt.accepted(message_id, str(answer.json().get("id")))
        return super().receipt(message_id, answer)
