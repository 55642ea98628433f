"""A campaign: one template to one segment, now or at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from messaging.nouns.documents import Document, time_from_text, time_to_text, without_empty


class CampaignState(StrEnum):
    """Where a campaign is."""

    DRAFT = "draft"  # made; nothing stored but itself
    SCHEDULED = "scheduled"  # `send` was said with a time to come
    PLANNING = "planning"  # its member list is stored and its rows are made; resumable, nothing leaves yet
    SENDING = "sending"  # all rows are there and they go out
    PAUSED = "paused"  # by a person: `reason` says
    HELD = "held"  # its time had passed by hours when somebody looked: a person decides
    CANCELLED = "cancelled"  # what had not left is skipped
    DONE = "done"  # no row is planned or sending


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What a marketer sends: made once, sent once."""

    name: str
    template: str
    segment: str
    channel: str
    #: None: the channel's adapter from the settings.
    adapter: str | None = None
    #: None: when `send` is said.
    at: datetime | None = None
    #: Why a transactional template goes out as a campaign (a recall, a change of terms).
    service_notice: str | None = None
    #: The hash of the plan that it sends, if one was named: nothing else goes out.
    plan: str | None = None
    state: CampaignState = CampaignState.DRAFT
    reason: str | None = None
    #: The template version every message is rendered from, once planning began.
    version: str | None = None
    #: How many people the segment had when the member list was stored.
    audience: int | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def origin(self) -> str:
        """The origin of its messages."""
        return f"campaign:{self.name}"

    def to_document(self) -> Document:
        return without_empty(
            {
                "name": self.name,
                "template": self.template,
                "segment": self.segment,
                "channel": self.channel,
                "adapter": self.adapter,
                "at": time_to_text(self.at),
                "service_notice": self.service_notice,
                "plan": self.plan,
                "state": self.state.value,
                "reason": self.reason,
                "version": self.version,
                "audience": self.audience,
                "created_at": time_to_text(self.created_at),
                "started_at": time_to_text(self.started_at),
                "finished_at": time_to_text(self.finished_at),
            }
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Campaign:
        values = dict(document)
        values["state"] = CampaignState(values["state"])
        for name in ("at", "created_at", "started_at", "finished_at"):
            values[name] = time_from_text(values.get(name))
        return cls(**values)
