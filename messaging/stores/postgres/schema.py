"""Which schema a database has, and how it gets the one that this release wants.

The rule for steps: a release works on the schema of the one before as well as on its own, and the one before works on
this one's, so that a database can be upgraded while both run. So a step only adds; what nobody uses any more goes a
release later.
"""

from __future__ import annotations

import pkgutil
import re
from contextlib import closing

from psycopg import sql

from messaging.errors import StoreBroken, StoreError
from messaging.stores.made import Made
from messaging.stores.postgres import migrations
from messaging.stores.postgres.access import check_usable
from messaging.stores.postgres.address import Place, lock_key
from messaging.stores.postgres.connections import make_engine
from messaging.stores.postgres.database import Database
from messaging.stores.postgres.session import Session

#: Steps this release can work on, the last is its own. `migrations/versions` has a file for each.
KNOWN = ("0001", "0002", "0003", "0004")

_UPGRADE = "messaging store upgrade"
_TABLES = """
SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = to_regnamespace(%(schema)s)
"""


def step_of(database: Database) -> str | None:
    """The last step that was taken; None: nothing is there yet.

    Raises:
        StoreBroken: something is there that is not ours.
        StoreError: it cannot be reached, or not be used.
    """

    def look(session: Session) -> str | None:
        check_usable(session, database.place)
        schema = database.place.schema
        tables = {row["relname"] for row in session.rows(_TABLES, {"schema": schema})}
        if "alembic_version" in tables:
            row = session.row("SELECT version_num FROM alembic_version")
            if row is not None:
                step: str = row["version_num"]
                return step
        if tables - {"alembic_version"}:
            raise StoreBroken(
                f"{database.place.shown}: the schema {schema} has tables that are not this store's",
                hint=f"give the store a schema of its own: ?schema={schema}_2",
            )
        return None

    return database.read(look)


def open_schema(database: Database, made: Made | None) -> str:
    """See to it that this release can work on the schema; make it if nothing is there and it was not `made` before.

    Returns the last step it has.

    Raises:
        StoreBroken: its schema is somebody else's, another release's, or gone.
    """
    place, step = database.place, step_of(database)
    if step is None:
        if made is not None and _known(made):
            raise StoreBroken(
                f"{place.shown}: the store is gone: the schema {place.schema} is empty",
                hint=f"bring it back from a backup; to begin anew on purpose, remove its line from {made.file}",
            )
        _take_steps(place, "head")
        step = KNOWN[-1]
    elif step not in KNOWN:
        _check_ours(place, step)
        raise StoreBroken(f"{place.shown}: its schema is too old ({step})", hint=_UPGRADE)
    if made is not None:
        made.note()
    return step


def _known(made: Made) -> bool:
    try:
        return made.known()
    except OSError as error:
        raise StoreError(f"{made.file}: cannot be read: {error.strerror}") from None


def _check_ours(place: Place, step: str) -> None:
    """Raises StoreBroken: it is no step that this release knows of."""
    if re.fullmatch(r"\d{4}", step) and step > KNOWN[-1]:
        raise StoreBroken(
            f"{place.shown}: a newer release has upgraded its schema to {step}, this one knows {KNOWN[-1]}",
            hint='install that one: pip install --upgrade "customer-messaging[scale]"',
        )
    steps = {found.name[1:5] for found in pkgutil.iter_modules([f"{migrations.__path__[0]}/versions"])}
    if step not in steps:
        raise StoreBroken(
            f"{place.shown}: its schema is at step {step!r}, and no release of this store has one",
            hint=f"is it another program's? give the store a schema of its own: ?schema={place.schema}_2",
        )


def upgrade(place: Place, to: str = "head") -> None:
    """Take the steps that are missing, all or none; two who do so at once take turns.

    Raises:
        StoreBroken: the schema is somebody else's, or another release's.
        StoreError: it cannot be done.
    """
    with closing(Database(place)) as database:
        step = step_of(database)
    if step is not None:
        _check_ours(place, step)
    _take_steps(place, to)


def _take_steps(place: Place, to: str) -> None:
    # Here, since every start of every command would pay for it.
    from alembic import command
    from alembic.config import Config
    from psycopg import Error
    from sqlalchemy.exc import SQLAlchemyError

    config = Config()
    config.set_main_option("script_location", "messaging.stores.postgres:migrations")
    engine = make_engine(place)
    allowed = None
    try:
        with engine.begin() as connection:
            lock = lock_key("upgrade", place.schema)
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            name = sql.Identifier(place.schema).as_string()
            asked = "SELECT quote_ident(current_user), to_regnamespace(%s)"
            role, schema = connection.exec_driver_sql(asked, (place.schema,)).one()
            allowed = f"the role {role} has to own the schema {place.schema} and its tables"
            if schema is None:
                allowed = f"have the database's owner say: CREATE SCHEMA {name} AUTHORIZATION {role}"
                connection.exec_driver_sql(f"CREATE SCHEMA {name}")
            config.attributes["connection"] = connection
            command.upgrade(config, to)
    except (SQLAlchemyError, Error) as error:
        cause = getattr(error, "orig", None) or error
        text, barred = " ".join(str(cause).split()), getattr(cause, "sqlstate", None) == "42501"
        raise StoreError(
            f"{place.shown}: the schema cannot be made: {text}", hint=allowed if barred else None
        ) from None
    finally:
        engine.dispose()
