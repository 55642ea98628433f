"""Opens the store that a workspace's settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from messaging.clock import Clock
from messaging.errors import Moved, SettingsError, StoreBroken
from messaging.rules.urls import without_secret
from messaging.stores.base import Store
from messaging.stores.contents import MIGRATION
from messaging.stores.made import Made
from messaging.workspace.folder import Workspace

#: The extra that the store on PostgreSQL needs.
SCALE = '"customer-messaging[scale]"'


def open_store(url: str, workspace: Workspace, clock: Clock, *, left: bool = False) -> Store:
    """The store at `url`: `tinydb:` and a path from the workspace, or `postgresql://…`.

    One that was never made is made when first written to. Its folder must be there, but for the workspace's own
    `data/`: a path that was mistyped would else begin an empty store beside the one that is meant. `left`: also one
    that was brought to another one.

    Raises:
        SettingsError: the url leads nowhere.
        Moved: it was brought to another one.
        InUse: it is being brought to another one.
        StoreBroken, StoreError: the store is damaged, gone, or not all there yet, or cannot be read.
    """
    store = _open(url, workspace, clock, note=True)
    try:
        if left:
            _check_whole(store)
        else:
            store.contents.enter(partial(_check_here, store))
    except BaseException:
        store.close()
        raise
    return store


def _check_here(store: Store) -> None:
    mark = _check_whole(store)
    if "to" in mark:
        raise moved(store.health()["store"], mark)


def _check_whole(store: Store) -> Mapping[str, str]:
    mark = store.get_note(MIGRATION) or {}
    if not mark.get("done", True):
        raise StoreBroken(
            f"{store.health()['store']}: not all of it is there yet that was to come from {mark['from']}",
            hint="with [store] url as it was: messaging store migrate --to …, once more",
        )
    return mark


def moved(place: str, mark: Mapping[str, str]) -> Moved:
    """What is said of the store at `place`, which was brought to another one: its `mark` says which and when."""
    when = datetime.fromisoformat(mark["moved"])
    return Moved(
        f"{place}: it was brought to {mark['to']} on {when:%Y-%m-%d %H:%M} UTC, and knows nothing of what is done here",
        hint="let [store] url lead there; to go on with this one on purpose: messaging store reopen",
    )


def open_target(url: str, workspace: Workspace, clock: Clock) -> Store:
    """The store at `url`, to be filled from another one: it may be partly there. Nothing is noted of it.

    Raises:
        SettingsError, StoreBroken, StoreError: as above; speaks of `--to`.
    """
    try:
        return _open(url, workspace, clock, note=False)
    except SettingsError as error:
        hint = error.hint.replace("(in messaging.toml or MESSAGING__STORE__URL)", "") if error.hint else None
        raise SettingsError(error.message.replace("[store] url", "--to", 1), hint=hint) from None


def _open(url: str, workspace: Workspace, clock: Clock, *, note: bool) -> Store:
    scheme, _, place = url.partition(":")
    if scheme == "postgresql":
        return _open_postgres(url, workspace if note else None)
    if scheme != "tinydb" or not place:
        raise SettingsError(
            f"[store] url = {without_secret(url)!r}: unknown kind of store",
            hint='the embedded one is "tinydb:data/store.jsonl", a database "postgresql://host/name"',
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

    return TinyStore(path, clock=clock, made=made if note else None)


def _open_postgres(url: str, noting: Workspace | None) -> Store:
    with _scale():
        from messaging.stores.postgres.address import read_address
        from messaging.stores.postgres.store import PostgresStore
    place = read_address(url)
    return PostgresStore(place, made=Made(noting.stores, place.shown) if noting is not None else None)


def upgrade_store(url: str) -> None:
    """Bring the schema of the database at `url` to what this release wants.

    Raises:
        SettingsError: the url leads nowhere, or to a store that needs none.
        StoreError: it cannot be done.
    """
    if not url.startswith("postgresql:"):
        raise SettingsError(f"[store] url = {without_secret(url)!r}: only a database has to be upgraded")
    with _scale():
        from messaging.stores.postgres.address import read_address
        from messaging.stores.postgres.schema import upgrade
    upgrade(read_address(url))


@contextmanager
def _scale() -> Iterator[None]:
    """Imports of what the extra brings."""
    try:
        yield
    except ImportError as error:
        # Also if there is no libpq for psycopg.
        if (error.name or "psycopg").partition(".")[0] not in ("alembic", "psycopg", "sqlalchemy"):
            raise
        raise SettingsError(
            "[store] url: the store on PostgreSQL needs what is not installed", hint=f"pip install {SCALE}"
        ) from None
