"""A key store of a test's own: one JSON file, named by the environment. Locked where it says so."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordSetError

VARIABLE = "AUTOXERO_TEST_KEYS"


class FileKeys(KeyringBackend):
    """Keeps secrets in the file of the environment variable; some entries are special to the file.

    ``!locked`` refuses everything, ``!full`` every writing, and ``!slow`` makes each reading take its seconds.
    """

    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        kept = _read()
        if "!locked" in kept:
            raise KeyringLocked("locked")
        time.sleep(float(kept.get("!slow", "0")))
        return kept.get(f"{service}/{username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        kept = _read()
        if "!locked" in kept or "!full" in kept:
            raise PasswordSetError("full")
        _write(kept | {f"{service}/{username}": password})

    def delete_password(self, service: str, username: str) -> None:
        _write({name: value for name, value in _read().items() if name != f"{service}/{username}"})


def _path() -> Path:
    return Path(os.environ[VARIABLE])


def _read() -> dict[str, str]:
    path = _path()
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _write(kept: dict[str, str]) -> None:
    fresh = _path().with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(kept), encoding="utf-8")
    fresh.replace(_path())
