"""Opens the store that a workspace's settings name."""

from __future__ import annotations

from messaging.clock import Clock
from messaging.errors import SettingsError
from messaging.stores.base import Store
from messaging.stores.made import Made
from messaging.workspace.folder import Workspace


def open_store(url: str, workspace: Workspace, clock: Clock) -> Store:
    """The store at `url`: `tinydb:` and a path from the workspace.

    One that was never made is made when first written to. Its folder must be there, but for the workspace's own
    `data/`: a path that was mistyped would else begin an empty store beside the one that is meant.

    Raises:
        SettingsError: the url leads nowhere.
        StoreBroken, StoreError: the store is damaged or gone, or cannot be read.
    """
    scheme, _, place = url.partition(":")
    if scheme != "tinydb" or not place:
        raise SettingsError(
            f"[store] url = {url!r}: unknown kind of store",
            hint='the embedded one is "tinydb:data/store.jsonl"',
        )
    path = workspace.root / place
    made = Made(workspace.stores, path)
    mend = "mend the url (in messaging.toml or MESSAGING__STORE__URL)"
    if path.is_dir():
        raise SettingsError(f"[store] url = {url!r}: {path} is a folder", hint=f"{mend}: it must lead to a file")
    if not path.parent.is_dir() and path.parent != workspace.data and not made.known():
        raise SettingsError(
            f"[store] url = {url!r}: there is no folder {path.parent}", hint=f"make that folder, or {mend}"
        )
    from messaging.stores.tinydb.store import TinyStore

    return TinyStore(path, clock=clock, made=made)
