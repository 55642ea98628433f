"""An app to test with, and a look into its outbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from messaging.clock import FrozenClock
from messaging.errors import NotFound
from messaging.nouns.adapter import RenderedMessage
from messaging.nouns.message import Message, MessageState
from messaging.testing.builders import NOW
from messaging.workspace.folder import make_workspace

if TYPE_CHECKING:
    from messaging.app import Messaging


def make_app(folder: Path, now: datetime = NOW) -> Messaging:
    """A new workspace at `folder`, opened: its time stands still, its store is a file in it, its mail goes to files.

    `app.clock.advance(timedelta(hours=4))` lets time pass.
    """
    from messaging.app import Messaging

    return Messaging.open(str(make_workspace(folder).root), clock=FrozenClock(now))


class Outbox:
    """What became of an app's messages."""

    def __init__(self, app: Messaging) -> None:
        self._app = app

    def all(self, state: MessageState | None = None, *, customer: str | None = None) -> list[Message]:
        """Every message, or those in one state, or of one customer."""
        return list(self._app.store.outbox.page(state=state, customer_id=customer, limit=100_000))

    @property
    def planned(self) -> list[Message]:
        return self.all(MessageState.PLANNED)

    @property
    def sent(self) -> list[Message]:
        return self.all(MessageState.SENT)

    @property
    def refused(self) -> list[Message]:
        return self.all(MessageState.REFUSED)

    @property
    def skipped(self) -> list[Message]:
        return self.all(MessageState.SKIPPED)

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why, by customer: of those that have a reason."""
        return {message.customer_id: message.reason for message in self.all() if message.reason}

    def rendered(self, message: Message) -> RenderedMessage:
        """A message as an adapter gets it.

        Raises:
            NotFound: it cannot be rendered any more.
        """
        shown = self._app.show(message)
        if shown is None:
            raise NotFound(f"message {message.id} cannot be rendered any more")
        return shown
