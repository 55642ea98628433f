"""An adapter that is right, whose provider says yes to every request, and in the body what became of it."""

from __future__ import annotations

from typing import Any

from right import Pigeon as Posting

from messaging import AdapterUnusable, Capabilities, HttpAnswer, InputError, Receipt


class Pigeon(Posting):
    capabilities = Capabilities(idempotency_key=True)

    def receipt(self, message_id: str, answer: HttpAnswer) -> Receipt:
        if answer.status != 200:
            return Receipt.unknown(message_id, f"the loft answered {answer.status}")
        said = _said(answer)
        match said:
            case {"data": {"id": str(id)}}:
                return Receipt.accepted(message_id, id)
            case {"errors": ["locked out", *_]}:
                raise AdapterUnusable("pigeon: the token is refused", hint="check PIGEON_TOKEN")
            case {"errors": ["busy", *_]}:
                return Receipt.try_again(message_id, "the loft is busy")
            case {"errors": ["no such roof", *_]}:
                return Receipt.refused(message_id, "no such roof")
        return Receipt.unknown(message_id, "the loft did not say what became of it")


def _said(answer: HttpAnswer) -> Any:
    try:
        return answer.json()
    except InputError:
        return None
