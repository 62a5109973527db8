"""Opening the ledger's database: on a local disk, durable, and at the right version."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from agent.errors import PlainError

VERSION = "0002"
"""The newest migration that this code knows."""

_KNOWN = ("0001", "0002")


def open_database(url: str) -> Engine:
    """Connect, and bring the tables up to date.

    Args:
        url: An SQLAlchemy address, such as ``sqlite:////home/me/ledger.db``.

    Raises:
        PlainError: It cannot be opened, is damaged, or is newer than this program.
    """
    try:
        engine = create_engine(url)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _settle_sqlite)
            event.listen(engine, "begin", _begin_immediate)
        with engine.connect() as connection:
            version = _version(connection)
        if version != VERSION:
            _migrate(engine, version)
    except (SQLAlchemyError, OSError, ImportError) as error:
        raise _unreadable(error, url) from error
    return engine


def _settle_sqlite(connection: object, _entry: ConnectionPoolEntry) -> None:
    """Every commit is on the disk before it is believed; transactions are begun by us, not by the driver."""
    connection.isolation_level = None  # type: ignore[attr-defined] # the driver's connection
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    if sys.platform == "darwin":
        cursor.execute("PRAGMA fullfsync=ON")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _version(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _migrate(engine: Engine, version: str) -> None:
    """Apply the missing steps and the record of them in one transaction, after a backup."""
    if version and version not in _KNOWN:
        raise PlainError(
            f"The ledger was made by a newer AutoXero (version {version}).",
            "Install the newest AutoXero and try again.",
        )
    from alembic import command  # noqa: PLC0415 - loads only when the schema is behind
    from alembic.config import Config  # noqa: PLC0415

    if version:
        back_up(engine, f"before-{VERSION}")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, VERSION)


def back_up(engine: Engine, name: str, keep: int = 7) -> Path | None:
    """Copy an SQLite ledger to ``backups`` beside it, whole though it is in use; others look after themselves."""
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or not Path(database).exists():
        return None
    folder = Path(database).parent / "backups"
    folder.mkdir(exist_ok=True)
    target = folder / f"ledger-{name}.db"
    unfinished = target.with_suffix(".tmp")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(unfinished)) as copy:
        source.backup(copy)
    unfinished.replace(target)
    for old in sorted(folder.glob("ledger-*.db"), key=lambda path: path.stat().st_mtime)[:-keep]:
        old.unlink(missing_ok=True)
    return target


def daily_backup(engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
    """Back up once a day."""
    database = engine.url.database
    name = now().date().isoformat()
    if database and not (Path(database).parent / "backups" / f"ledger-{name}.db").exists():
        back_up(engine, name)


def _unreadable(error: Exception, url: str) -> PlainError:
    """What is wrong with the ledger file, in a sentence. The address is told without a password."""
    try:
        place = make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        place = "the address in AUTOXERO_DATABASE_URL"
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    if isinstance(error, DatabaseError) and ("malformed" in reason or "not a database" in reason):
        return PlainError(
            f"The ledger at {place} is damaged ({reason}).",
            "Run “autoxero rebuild-ledger”: it makes a new one from Autotask, Xero and the workbook, and sends "
            "nothing; or put back the newest file from the folder “backups” beside it.",
        )
    free = shutil.disk_usage(Path.home()).free if Path.home().exists() else 0
    hint = " The disk is full." if free < 1_000_000 else ""
    return PlainError(
        f"The ledger at {place} cannot be opened ({reason}).{hint}",
        "Check that the folder exists and can be written to.",
    )
