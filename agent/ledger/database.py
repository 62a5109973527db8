"""Opening the ledger's database: on a local disk, durable, and at the right version."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from agent.errors import PlainError, disk_trouble

VERSION = "0003"
"""The newest migration that this code knows."""

_KNOWN = ("0001", "0002", "0003")
_HEAD = 100
"""Bytes of the header of an SQLite file."""


def open_database(url: str) -> Engine:
    """Connect, and bring the tables up to date.

    Args:
        url: An SQLAlchemy address, such as ``sqlite:////home/me/ledger.db``.

    Raises:
        PlainError: It cannot be opened, is damaged, or is newer than this program.
    """
    try:
        if (place := _place(url)) is not None:
            if not place.exists():
                _begin(place)
            elif place.stat().st_size < _HEAD:
                raise _damaged(url, "nothing is in it")
        return _up_to_date(url)
    except (SQLAlchemyError, OSError, ImportError) as error:
        raise _unreadable(error, url) from error


def _place(url: str) -> Path | None:
    """The file of a ledger in a file."""
    address = make_url(url)
    is_file = address.get_backend_name() == "sqlite" and address.database not in {None, "", ":memory:"}
    return Path(str(address.database)) if is_file and not str(address.database).startswith("file:") else None


def _begin(place: Path) -> None:
    """Make a ledger that appears whole: so a file without one is never taken for a new ledger."""
    with FileLock(place.with_name(f"{place.name}.lock")):
        if place.exists():
            return  # another process was quicker
        begun = place.with_name(f"{place.name}.begun")
        for suffix in ("", "-wal", "-shm"):
            begun.with_name(begun.name + suffix).unlink(missing_ok=True)
        _up_to_date(f"sqlite:///{begun}").dispose()
        begun.rename(place)


def _up_to_date(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _settle_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    with engine.connect() as connection:
        if (place := _place(url)) is not None and _is_cut_short(connection, place):
            raise _damaged(url, "its end is missing")
        version = _version(connection)
    if version != VERSION:
        _migrate(engine, version)
    return engine


def _is_cut_short(connection: Connection, place: Path) -> bool:
    """Whether the file is shorter than it says; while a log lies beside it, its end may be in that.

    SQLite itself is asked: a file that we opened and closed would lose the locks that this process holds on it.
    """
    pages, size = (connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in ("page_count", "page_size"))
    log = place.with_name(f"{place.name}-wal")
    has_log = log.exists() and log.stat().st_size > 0
    return not has_log and int(pages) * int(size) > place.stat().st_size


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


def _damaged(place: str, reason: str) -> PlainError:
    return PlainError(
        f"The ledger at {place} is damaged ({reason}).",
        "Run “autoxero rebuild-ledger”: it makes a new one from Autotask, Xero and the workbook, and sends "
        "nothing; or put back the newest file from the folder “backups” beside it.",
    )


def _unreadable(error: Exception, url: str) -> PlainError:
    """What is wrong with the ledger file, in a sentence. The address is told without a password."""
    try:
        place = make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        place = "the address in AUTOXERO_DATABASE_URL"
    reason = str(getattr(error, "orig", None) or error).splitlines()[0]
    if isinstance(error, DatabaseError) and ("malformed" in reason or "not a database" in reason):
        return _damaged(place, reason)
    if trouble := disk_trouble(error):
        return PlainError(f"The ledger at {place} cannot be opened. {trouble.message}", trouble.next_step)
    return PlainError(
        f"The ledger at {place} cannot be opened ({reason}).",
        "Check that the folder exists and can be written to.",
    )
