"""What can stand in the way of reading or writing the workbook, each with one clear sentence and a next step."""

from __future__ import annotations


class WorkbookError(Exception):
    """The workbook cannot be used now; the text says why and what to do."""


class NotAWorkbookError(WorkbookError):
    """The file is not the AutoXero workbook, or is damaged."""


class InUseError(WorkbookError):
    """Another program holds the file."""


class PasswordError(WorkbookError):
    """The file opens with a password only: it is whole, and nobody but its owner can read it."""


class ExternallyChangedError(WorkbookError):
    """Somebody saved the file since it was read."""
