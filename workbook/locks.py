"""Who has the workbook open, as the files tell that Excel and LibreOffice leave beside it.

Excel leaves ``~$AutoXero.xlsm``: a length byte, then the user's name. LibreOffice leaves ``.~lock.AutoXero.xlsm#``:
``name,login,host,time,profile;``. Both stay behind after a crash, so a lock that cannot be alive is not believed.
"""

from __future__ import annotations

import os
import platform
import re
import time
from pathlib import Path


def locked_by(path: Path) -> tuple[str | None, tuple[str, ...]]:
    """Who has the file open, and what was noticed.

    Args:
        path: The workbook.

    Returns:
        The user's name (empty when the lock names nobody), or ``None`` when the file is free; and a note about each
        stale lock.
    """
    notes: list[str] = []
    office = path.with_name(f"~${path.name}")
    libre = path.with_name(f".~lock.{path.name}#")
    for lock, owner_of, is_alive in ((office, _excel_owner, _excel_is_alive), (libre, _libre_owner, _libre_is_alive)):
        try:
            data, written = lock.read_bytes(), lock.stat().st_mtime
        except FileNotFoundError:
            continue
        except OSError:
            data, written = b"", time.time()  # held so firmly that it cannot even be read
        if written >= started() and is_alive(data):
            return owner_of(data), tuple(notes)
        notes.append(f"The lock {lock.name} is a leftover of a program that ended; it was ignored.")
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
    if not (folder / "self").exists():
        return None
    names = set()
    for entry in folder.glob("[0-9]*/comm"):
        try:
            names.add(entry.read_text(errors="replace").strip())
        except OSError:
            continue  # it has just ended
    return names


def _excel_owner(data: bytes) -> str:
    name = data[1 : 1 + data[0]].decode("cp1252", "replace") if data else ""
    return re.sub(r"[\x00-\x1f]", "", name).strip()


def _excel_is_alive(_data: bytes) -> bool:
    # On Windows the operating system itself refuses while Excel has the file, so the owner file says nothing new.
    return os.name != "nt"


def _libre_fields(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").split(",")


def _libre_owner(data: bytes) -> str:
    fields = _libre_fields(data)
    return next((field.strip() for field in fields[:2] if field.strip()), "")


def _libre_is_alive(data: bytes) -> bool:
    fields = _libre_fields(data)
    if len(fields) < 3 or fields[2].casefold() != platform.node().casefold():
        return True  # another computer's: it cannot be looked into
    names = running()
    return names is None or any(name.startswith(("soffice", "oosplash")) for name in names)
