"""Making a workbook anew that is gone or wrecked, from its newest good backup or as it is shipped."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from workbook.book import Book
from workbook.errors import InUseError, NotAWorkbookError, PasswordError, WorkbookError
from workbook.kept import Values, back_to, backups_of
from workbook.package import Package, check_free, load
from workbook.project import Projection, project
from workbook.splice import SheetReader

_WHEN = "%Y-%m-%d %H.%M"
_LOOK = "Look through Settings and Mappings; nothing is sent while the Start date is blank."


def revive(path: Path, template: Path, backups: Path, known: Mapping[str, Values] | None = None) -> tuple[str, ...]:
    """Make a workbook readable again that was read before: `restore` it, and put back what it lacks.

    Args:
        path: Where the workbook belongs.
        template: The workbook as it is shipped.
        backups: The folder with its backups.
        known: What was typed when it was last read; backups may be older, and money would go out by them.

    Returns:
        What was done, a sentence each; nothing where nothing had to be done.

    Raises:
        NotAWorkbookError: It is another workbook, or its folder cannot be reached.
        InUseError: Another program holds the file.
    """
    known = known or {}
    made = restore(path, template, backups)
    edits = back_to(Book(Package.read(path)), known) if made and known else {}
    notes = project(path, Projection(edits=edits), backups=backups, template=template, known=known).notes
    typed = "Settings and Mappings are as the agent last read them." if known else _LOOK
    return (f"{made} {typed}", *notes) if made else notes


def restore(path: Path, template: Path, backups: Path) -> str:
    """Make a missing or wrecked workbook anew; a whole one is left as it is.

    Call it only for a workbook that was there before: a path that was mistyped is no reason to make a file. A wrecked
    file is kept beside the new one, as ``AutoXero (damaged DATE).xlsm``. A workbook that is whole but another's is
    left alone too.

    Args:
        path: Where the workbook belongs.
        template: The workbook as it is shipped.
        backups: The folder with the copies that `workbook.project.project` keeps.

    Returns:
        What was done, in words; nothing where nothing had to be done.

    Raises:
        NotAWorkbookError: The folder of the workbook is not there, as when a drive is not connected.
        InUseError: Another program holds the file.
    """
    if not path.parent.is_dir():
        raise NotAWorkbookError(f"The folder {path.parent} cannot be reached, so the workbook cannot be read there.")
    is_there = path.exists()
    if is_there and not is_wrecked(path):
        return ""
    check_free(path)
    source = next((backup for backup in backups_of(path, backups) if not is_wrecked(backup, ours=True)), None)
    aside = _set_aside(path) if is_there else None
    _put(source or template, path)
    before = (
        f"{path.name} could not be read any more; it is kept as {aside.name}." if aside else f"{path.name} was gone."
    )
    if source is None:
        return f"{before} A new one was made."
    saved = datetime.fromtimestamp(source.stat().st_mtime, UTC).astimezone()
    return f"{before} It was made anew from the backup of {saved:{_WHEN}}."


def is_wrecked(path: Path, *, ours: bool = False) -> bool:
    """Whether a file's inside does not hold together.

    Args:
        path: The file.
        ours: Whether it must have our Settings, too.
    """
    try:
        raw = load(path)
    except (InUseError, PasswordError):
        raise
    except WorkbookError:
        return True
    try:
        package = Package(path, raw)
        for part in package.names:
            for _ in package.pieces(part):
                pass
        book = Book(package)
        for sheet in book.sheets.values():
            for _ in SheetReader(package.pieces(sheet)).rows():
                pass
        is_usable = not ours or "Settings" in book.grids
    except (WorkbookError, ValueError):
        return True
    return not is_usable


def _set_aside(path: Path) -> Path:
    now = datetime.now(UTC).astimezone()
    number, aside = 1, path.with_name(f"{path.stem} (damaged {now:%Y-%m-%d}){path.suffix}")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.stem} (damaged {now:%Y-%m-%d} {number}){path.suffix}")
    try:
        path.rename(aside)
    except PermissionError as error:
        raise InUseError(f"{path.name} is open in another program. Close it there.") from error
    return aside


def _put(source: Path, path: Path) -> None:
    """Copy a file to a place at one stroke, so that half a workbook never stands there."""
    number, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tmp", dir=path.parent)
    with os.fdopen(number, "wb") as new, source.open("rb") as old:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    Path(name).chmod(0o644)
    Path(name).replace(path)
