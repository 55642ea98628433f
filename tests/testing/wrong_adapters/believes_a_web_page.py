"""Takes a page of the hotel's for a yes.

Caught by test_a_page_that_is_no_answer: say unknown
"""

from __future__ import annotations

from right import Pigeon as Right
from right import id_in

from messaging import Receipt


class Pigeon(Right):
    def receipt(self, message_id, answer):
        if answer.status == 200:
            return Receipt.accepted(message_id, id_in(answer))
        return super().receipt(message_id, answer)
