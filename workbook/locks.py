"""Who has the workbook open, as the files tell that Excel and LibreOffice leave beside it.

Excel leaves ``~$AutoXero.xlsm``: a length byte, then the user's name. LibreOffice leaves ``.~lock.AutoXero.xlsm#``:
``name,login,host,time,profile;``. Both stay behind after a crash, so a lock that cannot be alive is not believed: one
of this computer whose program does not run, or any other without a sign of life for a day.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_DAY = 86400.0
_WEEK = 7 * _DAY
_EXCEL = ("excel", "microsoft excel")
_LIBRE = ("soffice", "oosplash")
_SHARED = ("onedrive", "dropbox", "google drive", "googledrive", "icloud", "mobile documents", "nextcloud",
           "box sync", "cloudstorage", "volumes")  # fmt: skip
"""How folders begin that other computers may write to, too."""
_LEFT = "is a leftover of a program that ended; it was ignored."
_OLD = "was not touched for a day, and the workbook was not saved since; it was taken for a leftover and ignored."


def locked_by(path: Path) -> tuple[str | None, tuple[str, ...]]:
    """Who has the file open, and what was noticed.

    Args:
        path: The workbook.

    Returns:
        The user's name, and the computer where the lock tells it (empty when it names nobody), or ``None`` when the
        file is free; and a note about each stale lock.
    """
    notes: list[str] = []
    office = path.with_name(f"~${path.name}")
    libre = path.with_name(f".~lock.{path.name}#")
    kinds: tuple[tuple[Path, Callable[[bytes], str], Callable[[Path, bytes], bool | None]], ...] = (
        (office, _excel_owner, _excel_is_alive), (libre, _libre_owner, _libre_is_alive),
    )  # fmt: skip
    for lock, owner_of, is_alive in kinds:
        try:
            data, written = lock.read_bytes(), lock.stat().st_mtime
        except FileNotFoundError:
            continue
        except OSError:
            return "", tuple(notes)  # held so firmly that it cannot even be read
        known = is_alive(lock, data)
        if known is False or written < started():
            notes.append(f"The lock {lock.name} {_LEFT}")
        elif known is None and _is_silent(path, written):
            notes.append(f"The lock {lock.name} {_OLD}")
        else:
            return owner_of(data), tuple(notes)
    return None, tuple(notes)


def opened_by(path: Path) -> str:
    """The name in the owner file that Excel leaves beside an open workbook; blank where there is none."""
    try:
        return _excel_owner(path.with_name(f"~${path.name}").read_bytes())
    except OSError:
        return ""


def started() -> float:
    """When this computer was started, in seconds since 1970."""
    clock = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    if clock is None:
        return time.time() - time.monotonic()
    return time.time() - time.clock_gettime(clock)


def running() -> set[str] | None:
    """The names of the programs that run here, or ``None`` where that cannot be told cheaply."""
    folder = Path("/proc")
    if sys.platform == "darwin":
        return _running_on_a_mac()
    if not (folder / "self").exists():
        return None
    names = set()
    for entry in folder.glob("[0-9]*/comm"):
        try:
            names.add(entry.read_text(errors="replace").strip())
        except OSError:
            continue  # it has just ended
    return names


def _running_on_a_mac() -> set[str] | None:
    try:
        told = subprocess.run(["/bin/ps", "-axco", "command"], capture_output=True, text=True, check=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return None
    return {line.strip() for line in told.stdout.splitlines()}


def _runs(programs: tuple[str, ...]) -> bool | None:
    names = running()
    return None if names is None else any(name.casefold().startswith(programs) for name in names)


def _is_silent(path: Path, written: float) -> bool:
    """Whether a lock that cannot be looked into shows no life: for a day nobody touched it or saved the workbook.

    A week is the longest in any case, since other programs may touch the workbook, too.
    """
    try:
        saved = path.stat().st_mtime
    except OSError:
        saved = written
    now = time.time()
    return now - max(written, saved) > _DAY or now - written > _WEEK


def _excel_owner(data: bytes) -> str:
    name = data[1 : 1 + data[0]].decode("cp1252", "replace") if data else ""
    return re.sub(r"[\x00-\x1f]", "", name).strip()


def _excel_is_alive(lock: Path, _data: bytes) -> bool | None:
    """Whether the program still runs that left it; ``None`` where that cannot be told, as of other computers."""
    if os.name == "nt":
        # The operating system itself refuses while Excel has the file, so the owner file says nothing new.
        return False
    if sys.platform != "darwin" or _is_shared(lock):
        return None  # there is no Excel for Linux: it came from another computer
    return _runs(_EXCEL)


def _is_shared(path: Path) -> bool:
    parts = (*path.absolute().parts, *path.resolve().parts)
    return any(part.casefold().startswith(_SHARED) for part in parts)


def _libre_fields(data: bytes) -> list[str]:
    return [field.strip() for field in data.decode("utf-8", "replace").split(",")]


def _libre_owner(data: bytes) -> str:
    fields = _libre_fields(data)
    name = next((field for field in fields[:2] if field), "")
    host = fields[2] if len(fields) > 2 else ""
    return f"{name or 'someone'} on {host}" if host else name


def _libre_is_alive(_lock: Path, data: bytes) -> bool | None:
    fields = _libre_fields(data)
    if len(fields) < 3 or fields[2].casefold() != platform.node().casefold():
        return None  # another computer's: it cannot be looked into
    return _runs(_LIBRE)
