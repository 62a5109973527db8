"""The agent's own log file: bounded, and without secrets. What concerns invoices is in the ledger."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

from agent.bugs import redacted

NAME = "agent.log"
_LARGEST = 1_000_000
"""Bytes of one file."""
_OLD_ONES = 3


class _Redacted(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _Bounded(RotatingFileHandler):
    """A full disk, or somebody who holds the file, costs a line and nothing else."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line: to the file of that name, though somebody moved or deleted the one that is open."""
        if self.stream is not None and self._is_elsewhere(self.stream.fileno()):
            self.close()
        super().emit(record)

    def _is_elsewhere(self, ours: int) -> bool:
        if sys.platform == "win32":
            return False  # an open file cannot be moved there, and its number says little
        try:
            return not os.path.samestat(os.stat(self.baseFilename), os.fstat(ours))  # noqa: PTH116
        except OSError:
            return True

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - the base's
        """Leave the line out, and open the file anew for the next one."""
        self.close()

    def close(self) -> None:
        """Close the file, whatever of it can still be written."""
        with suppress(OSError):
            super().close()


def open_diary(home: Path, largest: int = _LARGEST) -> logging.Logger:
    """A logger of this agent alone, that writes to the home and to the terminal, where there is one.

    Args:
        home: Where the file is.
        largest: Bytes after which a new file is begun; three old ones are kept.
    """
    diary = logging.Logger("autoxero", logging.INFO)  # noqa: LOG001 - nobody else's handlers
    file = _Bounded(home / NAME, maxBytes=largest, backupCount=_OLD_ONES, encoding="utf-8", delay=True)
    file.setFormatter(_Redacted("%(asctime)s %(levelname)s %(message)s"))
    diary.addHandler(file)
    if sys.stderr is not None:
        terminal = logging.StreamHandler()
        terminal.setFormatter(_Redacted("%(message)s"))
        diary.addHandler(terminal)
    return diary
