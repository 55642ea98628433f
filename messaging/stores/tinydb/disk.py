"""The few calls that change the disk, in one place: tests replace it with one that fails at the N-th call."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from messaging.errors import StoreError

_HINTS = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room on the disk",
    errno.EROFS: "the disk is mounted read-only",
    errno.EACCES: "look at the permissions of the file and its folder",
}


def disk_error(path: Path, error: OSError) -> StoreError:
    """What the system said, for a person."""
    return StoreError(f"{path}: {error.strerror or error}", hint=_HINTS.get(error.errno or 0))


class Disk:
    """The operating system's calls, as they are. All raise OSError."""

    def write(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        while view:
            written = os.pwrite(fd, view, offset)
            view, offset = view[written:], offset + written

    def sync(self, fd: int) -> None:
        """Return when the file's content is on the disk."""
        os.fsync(fd)

    def truncate(self, fd: int, length: int) -> None:
        """Cut the file to `length` bytes."""
        os.ftruncate(fd, length)

    def replace(self, source: Path, target: Path) -> None:
        """Give `source` the name `target`, in one step."""
        os.replace(source, target)

    def link(self, source: Path, target: Path) -> None:
        """Give `source` a second name."""
        os.link(source, target)

    def remove(self, path: Path) -> None:
        """Remove a name; fine if there is none."""
        path.unlink(missing_ok=True)

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in `folder` are on the disk."""
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
