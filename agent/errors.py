"""What ends a run: a fault of the connection or the settings, never of one invoice."""

from __future__ import annotations

import errno

from agent.domain.faults import Fault, fault

DONE, SOME_FAULTS, MEND_FIRST, BUG, UNREACHABLE, BUSY, INTERRUPTED = 0, 1, 2, 3, 69, 75, 130
"""The exit codes of every command."""

_UNREACHABLE_CODES = frozenset({"AX-303", "AX-304", "AX-305", "AX-402", "AX-403", "AX-404"})


class StopError(Exception):
    """This run cannot go on; nothing is lost.

    Attributes:
        fault: Why, and what to do.
        after: Seconds until it makes sense to try again, where the other side told.
    """

    def __init__(self, why: Fault, after: float = 0.0) -> None:
        super().__init__(f"{why.title}: {why.detail} {why.cure}")
        self.fault = why
        self.after = after

    @property
    def exit_code(self) -> int:
        """69 where trying again later helps by itself, else 2."""
        return UNREACHABLE if self.fault.code in _UNREACHABLE_CODES else MEND_FIRST


class PlainError(Exception):
    """Something a person must mend, said in one sentence with its next step.

    Attributes:
        message: What is wrong.
        next_step: What to do.
        exit_code: How the command ends.
    """

    def __init__(self, message: str, next_step: str, exit_code: int = MEND_FIRST) -> None:
        super().__init__(f"{message} {next_step}")
        self.message = message
        self.next_step = next_step
        self.exit_code = exit_code


_FREE = "Free some space, and try again; nothing is lost."
_ALLOW = "Let this user write there again (your IT can), and try again; nothing is lost."
_DISK = {
    errno.ENOSPC: ("The disk is full", _FREE),
    errno.EDQUOT: ("Your quota on the disk is used up", _FREE),
    errno.EFBIG: ("The disk takes no larger file", _FREE),
    errno.EROFS: ("The disk can only be read", _ALLOW),
    errno.EACCES: ("This user may not write there", _ALLOW),
    errno.EPERM: ("This user may not write there", _ALLOW),
}
_ANEW = "Run “autoxero rebuild-ledger”: it makes a new one; nothing is sent."
_SQLITE = {
    "disk is full": ("The disk is full", _FREE),
    "disk I/O error": (
        "The disk is full, or broken",
        "Free some space or mend the disk, and try again; nothing is lost.",
    ),
    "readonly database": ("The ledger can only be read", _ALLOW),
    "unable to open": (
        "The ledger cannot be opened",
        "Check that its folder is there and can be written to; else ask IT.",
    ),
    "database is locked": ("Another program holds the ledger", "Try again in a minute; nothing is lost."),
    "malformed": ("The ledger is damaged", _ANEW),
    "not a database": ("The ledger is damaged", _ANEW),
}


def disk_trouble(error: BaseException) -> PlainError | None:
    """What a failure to write to the disk means, in a sentence; ``None`` where the error is something else."""
    original = getattr(error, "orig", None)  # SQLAlchemy keeps the driver's error there
    if original is not None:
        found = next((item for sign, item in _SQLITE.items() if sign in str(original)), None)
        return PlainError(f"{found[0]} ({original}).", found[1]) if found else None
    if isinstance(error, OSError) and error.errno in _DISK:
        words, next_step = _DISK[error.errno]
        where = f": {error.filename}" if error.filename else ""
        return PlainError(f"{words}{where}.", next_step)
    return None


def stop(code: str, detail: str, **facts: str) -> StopError:
    """The error that ends a run with that fault of the catalogue."""
    return StopError(fault(code, detail, waits=False, **facts))
