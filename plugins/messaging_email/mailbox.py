"""The `mailbox` adapter: mail as files, for a shop that tries things out. Nothing leaves the machine."""

from __future__ import annotations

import errno
import os
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from messaging import (
    Adapter,
    AdapterContext,
    AdapterSettings,
    AdapterUnusable,
    Capabilities,
    Receipt,
    RenderedMessage,
)
from messaging_email.headers import Unmailable
from messaging_email.mime import write_letter

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: What passes when somebody makes room; everything else needs a person to look at the folder.
_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EINTR, errno.EAGAIN})


class Mailbox(Adapter):
    """Writes each message to `mailbox/<message id>.eml` in the workspace.

    A file is there whole or not at all, so it tells by itself whether its message was taken. Files are not
    synced one by one: what a power failure takes away, `lookup` finds missing.
    """

    name: ClassVar[str] = "mailbox"
    channel: ClassVar[str] = "email"
    capabilities: ClassVar[Capabilities] = Capabilities(lookup=True)
    leaves_the_machine: ClassVar[bool] = False

    def __init__(self, settings: AdapterSettings, context: AdapterContext) -> None:
        super().__init__(settings, context)
        self._folder = Path(context.workspace) / "mailbox"

    def deliver(self, messages: Sequence[RenderedMessage]) -> Iterator[Receipt]:
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        for message in messages:
            yield self._keep(message)

    def lookup(self, message_id: str) -> Receipt | None:
        """Accepted if the file is there; else it was surely not taken."""
        if _ID.fullmatch(message_id) is None:
            return None
        if self._file(message_id).exists():
            return Receipt.accepted(message_id, message_id)
        return Receipt.try_again(message_id, "it is not in the mailbox")

    def _keep(self, message: RenderedMessage) -> Receipt:
        try:
            content = write_letter(message).content
        except Unmailable as error:
            return Receipt.refused(message.id, str(error))
        file = self._file(message.id)
        part = file.with_name(f".{message.id}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            with open(part, "wb", buffering=0) as out:
                _write_all(out, content)
            os.replace(part, file)
        except OSError as error:
            part.unlink(missing_ok=True)
            if error.errno in _PASSING:
                return Receipt.try_again(message.id, f"mailbox: {error.strerror}")
            raise self._unusable(error) from None
        return Receipt.accepted(message.id, message.id)

    def _file(self, message_id: str) -> Path:
        return self._folder / f"{message_id}.eml"

    def _unusable(self, error: OSError) -> AdapterUnusable:
        return AdapterUnusable(
            f"mailbox: cannot write to {self._folder}: {error.strerror}",
            hint="it must be a folder that this user may write to",
        )


def _write_all(out: Any, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[out.write(rest) :]
