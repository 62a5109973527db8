"""A bug's report: pasteable, and without secrets."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from agent.keys import SEEN

_SECRET_NAMES = ("SECRET", "PASSWORD", "INTEGRATION_CODE", "TOKEN")


def write_report(error: Exception) -> Path:
    """Write what went wrong to a file in the home, else in the temporary folder.

    Returns:
        Its path.
    """
    trace = "".join(traceback.format_exception(error))
    text = f"AutoXero, Python {platform.python_version()}, {platform.platform()}\n\n{redacted(trace)}"
    name = f"bug-{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"
    for folder in (os.environ.get("AUTOXERO_HOME"), tempfile.gettempdir()):
        try:
            path = Path(folder or "/nonexistent") / name
            path.write_text(text, encoding="utf-8")
        except OSError:
            continue
        return path
    return Path(name)


def redacted(text: str) -> str:
    """The text without any secret of the environment or the key store, and without all that looks like a token."""
    given = {
        value
        for name, value in os.environ.items()
        if name.startswith("AUTOXERO_") and any(part in name for part in _SECRET_NAMES)
    }
    text = re.sub(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "•••", text)
    for value in sorted((given | SEEN) - {""}, key=len, reverse=True):
        text = text.replace(value, "•••").replace(repr(value)[1:-1], "•••")
    text = re.sub(r"(?i)(bearer|basic)\s+[\w.~+/=-]+", r"\1 •••", text)
    return re.sub(r"(?i)((?:secret|password|token)[\"']?\s*[:=]\s*)[^\s,}]+", r"\1•••", text)
