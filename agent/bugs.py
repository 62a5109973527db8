"""A bug's report: pasteable, and without secrets."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from agent.config import read_config
from agent.domain.hidden import without
from agent.errors import PlainError
from agent.keys import SEEN

_SECRET_NAMES = ("SECRET", "PASSWORD", "PASSPHRASE", "INTEGRATION_CODE", "TOKEN")


def write_report(error: Exception) -> Path:
    """Write what went wrong to a file in the home, else in the temporary folder.

    Returns:
        Its path.
    """
    trace = "".join(traceback.format_exception(error))
    text = f"AutoXero, Python {platform.python_version()}, {platform.platform()}\n\n{redacted(trace)}"
    name = f"bug-{datetime.now(UTC):%Y%m%d-%H%M%S}.txt"
    for folder in _folders():
        path = folder / name
        with suppress(OSError):
            path.write_text(text, encoding="utf-8")
            return path
    return Path(name)


def _folders() -> Iterator[Path]:
    """The home, whether it was named or is the usual one; where it cannot be used, the temporary folder."""
    with suppress(PlainError, OSError):
        yield read_config().home
    yield Path(tempfile.gettempdir())


def redacted(text: str) -> str:
    """The text without any secret of the environment or the key store, and without all that looks like a token."""
    given = {
        value
        for name, value in os.environ.items()
        if name.startswith("AUTOXERO_") and any(part in name for part in _SECRET_NAMES)
    }
    text = re.sub(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*", "•••", text)
    text = without(text, given | SEEN)
    text = re.sub(r"(?i)(bearer|basic)\s+[\w.~+/=-]+", r"\1 •••", text)
    return re.sub(r"(?i)((?:secret|password|token)[\"']?\s*[:=]\s*)[^\s,}]+", r"\1•••", text)
