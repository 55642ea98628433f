"""What receivers report later, to `/callbacks/webhook`: a Standard Webhooks request of their own.

    {"type": "message.opened", "timestamp": "2026-03-02T10:05:00Z", "data": {"message_id": "…"}}

`type` is `message.` and one of the common words; `message_id` is the `webhook-id` that the message came with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    #: The receiver itself could not be reached, this time.
    soft: bool = False
    #: The link that was clicked.
    slot: Annotated[str, StringConstraints(max_length=40)] | None = None


class _Report(BaseModel):
    type: str
    timestamp: datetime | None = None
    data: _About = Field(default_factory=_About)


def callback_of(
    request: Request, keys: Sequence[bytes], own: Mapping[str, Sequence[bytes]], *, channel: str
) -> Callback:
    """The engagement that a request tells; none if there is no common word for it.

    Whoever signs with one of `keys` is believed whatever it is about, a receiver that signs with one of its `own` (by
    address) only about itself.

    Raises:
        RequestRejected: its signature is missing, wrong, or too old.
        InputError: it is no report.
    """
    receiver = _signer(request, keys, own)
    document = request.json()
    if not isinstance(document, dict):
        raise InputError("the body is no object")
    try:
        report = _Report.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        raise InputError(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None
    word = report.type.removeprefix(_PREFIX)
    if word == report.type or word not in list(EngagementKind):
        return Callback()
    about = report.data
    if about.message_id is None and about.address is None:
        raise InputError("data.message_id: is missing")
    at = report.timestamp or datetime.fromtimestamp(int(request.header("webhook-timestamp")), UTC)
    if at.tzinfo is None:
        raise InputError("timestamp: has no zone: write it like 2026-03-02T10:05:00Z")
    try:
        at = at.astimezone(UTC)
    except OverflowError:  # in the first hours of the year 1, or the last of 9999
        raise InputError("timestamp: there is no such time") from None
    told = Engagement(
        id=request.header("webhook-id"),
        kind=EngagementKind(word),
        # A clock that is ahead must not decide over what comes later.
        at=min(at, request.received_at),
        message_id=about.message_id,
        channel=None if about.message_id else channel,
        address=None if about.message_id else about.address,
        slot=about.slot,
        permanent=about.permanent,
        soft=about.soft,
        raw=document,
    )
    return Callback(engagements=[told], speaks_for=receiver)


def _signer(request: Request, keys: Sequence[bytes], own: Mapping[str, Sequence[bytes]]) -> str | None:
    """The address of the receiver that signed with a secret of its own; None if it was signed with one of all.

    Raises:
        RequestRejected: nobody we know did, or not now.
    """

    def why(some: Sequence[bytes]) -> str | None:
        return refusal(
            some,
            request.header("webhook-id"),
            request.header("webhook-timestamp"),
            request.header("webhook-signature"),
            request.body,
            now=request.received_at.timestamp(),
        )

    problem = why(keys)
    if problem is None:
        return None
    for address, theirs in own.items():
        if why(theirs) is None:
            return address
    raise RequestRejected(f"the request is not genuine: {problem}")
