"""What receivers report later, to `/callbacks/webhook`: a Standard Webhooks request of their own.

    {"type": "message.opened", "timestamp": "2026-03-02T10:05:00Z", "data": {"message_id": "…"}}

`type` is `message.` and one of the common words; `message_id` is the `webhook-id` that the message came with.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from messaging import Callback, Engagement, EngagementKind, InputError, Request, RequestRejected
from messaging_webhook.signing import refusal

_PREFIX = "message."

Text = Annotated[str, StringConstraints(min_length=1, max_length=8_000)]


class _About(BaseModel):
    message_id: Text | None = None
    #: The receiver's own address, where no message is meant.
    address: Text | None = None
    permanent: bool = False
    #: The link that was clicked.
    slot: Annotated[str, StringConstraints(max_length=40)] | None = None


class _Report(BaseModel):
    type: str
    timestamp: datetime | None = None
    data: _About = Field(default_factory=_About)


def callback_of(request: Request, keys: Sequence[bytes], *, channel: str) -> Callback:
    """The engagement that a request tells; none if there is no common word for it.

    Raises:
        RequestRejected: its signature is missing, wrong, or too old.
        InputError: it is no report.
    """
    id, timestamp = request.header("webhook-id"), request.header("webhook-timestamp")
    why = refusal(
        keys,
        id,
        timestamp,
        request.header("webhook-signature"),
        request.body,
        now=request.received_at.timestamp(),
    )
    if why is not None:
        raise RequestRejected(f"the request is not genuine: {why}")
    document = request.json()
    try:
        report = _Report.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"]) or "the body"
        raise InputError(f"{place}: {problem['msg']}") from None
    word = report.type.removeprefix(_PREFIX)
    if word == report.type or word not in list(EngagementKind):
        return Callback()
    about = report.data
    if about.message_id is None and about.address is None:
        raise InputError("data.message_id: is missing")
    at = report.timestamp or datetime.fromtimestamp(int(timestamp), UTC)
    if at.tzinfo is None:
        raise InputError("timestamp: has no zone: write it like 2026-03-02T10:05:00Z")
    told = Engagement(
        id=id,
        kind=EngagementKind(word),
        # A clock that is ahead must not decide over what comes later.
        at=min(at.astimezone(UTC), request.received_at),
        message_id=about.message_id,
        channel=None if about.message_id else channel,
        address=None if about.message_id else about.address,
        slot=about.slot,
        permanent=about.permanent,
        raw=document,
    )
    return Callback(engagements=[told])
