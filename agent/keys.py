"""The operating system's key store: short secrets, in words where it cannot be used, and never a hang.

Where there is none, an encrypted file can stand for it; its passphrase comes with the environment.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import scrypt
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar, cast

from agent.errors import PlainError

OPENER = "AUTOXERO_KEYS_PASSPHRASE"
"""The environment variable that opens the file which stands for the key store."""

ENTRIES = {
    "autotask-secret": "AUTOXERO_AUTOTASK_SECRET",
    "autotask-integration-code": "AUTOXERO_AUTOTASK_INTEGRATION_CODE",
    "xero-client-secret": "AUTOXERO_XERO_CLIENT_SECRET",
    "xero-refresh-token": "",
    "smtp-password": "AUTOXERO_SMTP_PASSWORD",
}
"""What is kept, and the environment variable that can stand for it; a sign-in that renews itself has none."""

USUAL = "AutoXero"
"""The name under which the usual home keeps its secrets."""
IN = "AutoXero in "
"""How the names of other homes begin; the folder follows."""
_HOMES = "homes"
"""The usual name's entry that lists the other homes' names, a line each: no home knows of another by itself."""

LONGEST = 2560
"""Bytes of UTF-16 that a secret may have: Windows takes no more, which is 1,280 ordinary characters."""

SEEN: set[str] = set()
"""Every secret that this process read or kept, so that a bug's report can leave them out."""

Done = TypeVar("Done")


class Store(Protocol):
    """What keeps secrets: the library ``keyring`` as a whole, or a file."""

    def get_password(self, service: str, entry: str, /) -> str | None:
        """The secret, or ``None``."""

    def set_password(self, service: str, entry: str, secret: str, /) -> None:
        """Keep one."""

    def delete_password(self, service: str, entry: str, /) -> None:
        """Forget one."""


@dataclass(frozen=True)
class SealedFile:
    """An encrypted file that stands for a key store: for machines that have none.

    Attributes:
        path: The file; only this user may read it.
        passphrase: What opens it.
    """

    path: Path
    passphrase: str = field(repr=False)

    def get_password(self, service: str, entry: str, /) -> str | None:
        """The secret, or ``None``."""
        return self._read().get(f"{service}/{entry}")

    def set_password(self, service: str, entry: str, secret: str, /) -> None:
        """Keep one."""
        self._change(lambda kept: {**kept, f"{service}/{entry}": secret})

    def delete_password(self, service: str, entry: str, /) -> None:
        """Forget one; an empty file goes altogether."""
        self._change(lambda kept: {name: secret for name, secret in kept.items() if name != f"{service}/{entry}"})

    def _read(self) -> dict[str, str]:
        from cryptography.fernet import Fernet, InvalidToken  # noqa: PLC0415 - slow, and seldom needed

        if not self.path.exists():
            return {}
        try:
            salt, sealed = self.path.read_bytes().split(b"\n", 1)
            kept: dict[str, str] = json.loads(Fernet(_key(self.passphrase, salt)).decrypt(sealed))
        except (ValueError, InvalidToken):
            raise PlainError(
                f"{OPENER} does not open {self.path}, or the file is damaged.",
                "Give the passphrase with which it was made; or delete the file, and sign in anew to all of it.",
            ) from None
        return kept

    def _change(self, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
        """One process at a time, and all of it or nothing."""
        from cryptography.fernet import Fernet  # noqa: PLC0415
        from filelock import FileLock  # noqa: PLC0415

        with FileLock(f"{self.path}.lock", timeout=10):
            kept = change(self._read())
            if not kept:
                self.path.unlink(missing_ok=True)
                return
            salt = secrets.token_hex(16).encode()
            fresh = self.path.with_suffix(".tmp")
            fresh.unlink(missing_ok=True)
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:  # noqa: PTH123
                file.write(salt + b"\n" + Fernet(_key(self.passphrase, salt)).encrypt(json.dumps(kept).encode()))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)


@lru_cache(maxsize=4)
def _key(passphrase: str, salt: bytes) -> bytes:
    """The key that a passphrase gives; slow on purpose, against guessing."""
    return urlsafe_b64encode(scrypt(passphrase.encode(), salt=salt, n=2**15, r=8, p=1, maxmem=2**26, dklen=32))


@dataclass(frozen=True)
class Keys:
    """The secrets of one home in the key store.

    Attributes:
        service: The name under which they stand there.
        seconds: How long the key store may take; it may be asking the user for a password meanwhile.
        file: What stands for the key store; ``None`` where the computer's own is used.
    """

    service: str = USUAL
    seconds: float = 15.0
    file: SealedFile | None = None
    _stuck: ClassVar[threading.Thread | None] = None

    def read(self, entry: str) -> str:
        """The secret, or blank where there is none.

        Raises:
            PlainError: The key store is missing, locked, or does not answer.
        """
        found = self._ask(entry, lambda: self._store.get_password(self.service, entry)) or ""
        SEEN.update({found} - {""})
        return found

    def write(self, entry: str, value: str) -> None:
        """Keep a secret, and make sure that it was kept.

        Raises:
            PlainError: It is too long, or the key store did not keep it.
        """
        SEEN.add(value)
        size = len(value.encode("utf-16-le"))
        if size > LONGEST:
            raise PlainError(
                f"This secret is too long for a key store: {size // 2:,} characters, of which {LONGEST // 2:,} fit.",
                "Check that nothing else was copied with it.",
            )
        self._ask(entry, lambda: self._store.set_password(self.service, entry, value))
        if self.read(entry) != value:
            raise PlainError("The key store of this computer keeps nothing.", _instead(entry))
        with suppress(PlainError):  # the secret itself is kept
            self._list(is_listed=True)

    def clear(self, entry: str) -> None:
        """Forget a secret; it need not be there.

        Raises:
            PlainError: The key store is missing, locked, or does not answer.
        """
        if self.read(entry):
            self._ask(entry, lambda: self._store.delete_password(self.service, entry))

    def clear_all(self) -> None:
        """Forget all secrets of this home.

        Raises:
            PlainError: The key store is missing, locked, or does not answer.
        """
        for entry in ENTRIES:
            self.clear(entry)
        self._list(is_listed=False)

    def others(self) -> list[str]:
        """The names of this user's other homes that have secrets.

        Raises:
            PlainError: The key store is missing, locked, or does not answer.
        """
        names = [name for name in (USUAL, *self._listed()) if name != self.service]
        return [name for name in names if any(map(replace(self, service=name).read, ENTRIES))]

    def _listed(self) -> list[str]:
        return (self._ask(_HOMES, lambda: self._store.get_password(USUAL, _HOMES)) or "").splitlines()

    def _list(self, *, is_listed: bool) -> None:
        """Keep the list of the homes that have secrets; the usual one need not be in it, nor one with a file."""
        if self.service == USUAL or self.file is not None:
            return
        known = self._listed()
        wanted = [name for name in known if name != self.service] + [self.service] * is_listed
        if sorted(wanted) == sorted(known):
            return
        if wanted:
            self._ask(_HOMES, lambda: self._store.set_password(USUAL, _HOMES, "\n".join(wanted)))
        else:
            self._ask(_HOMES, lambda: self._store.delete_password(USUAL, _HOMES))

    @property
    def _store(self) -> Store:
        import keyring  # noqa: PLC0415 - slow, and not needed where the environment gives the secret

        return self.file or cast("Store", keyring)

    def _ask(self, entry: str, act: Callable[[], Done]) -> Done:
        """What the key store answers, in time. One that hung is not asked again before it has come back."""
        from keyring.errors import NoKeyringError  # noqa: PLC0415

        locked = PlainError(
            "The key store of this computer is locked or does not answer.",
            f"Unlock it, answer its question if one is on the screen, and try again. {_instead(entry)}",
        )
        if Keys._stuck is not None and Keys._stuck.is_alive():
            raise locked
        answers: queue.SimpleQueue[Done | Exception] = queue.SimpleQueue()
        thread = threading.Thread(target=lambda: answers.put(_tried(act)), name="key-store", daemon=True)
        thread.start()
        try:
            answer = answers.get(timeout=self.seconds)
        except queue.Empty:
            Keys._stuck = thread
            raise locked from None
        if isinstance(answer, PlainError):
            raise answer
        if isinstance(answer, NoKeyringError):
            raise PlainError("This computer has no key store that AutoXero can use.", _instead(entry))
        if isinstance(answer, Exception):
            raise locked
        return answer


def _tried(act: Callable[[], Done]) -> Done | Exception:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - each platform's key store has exceptions of its own
        return error


def _instead(entry: str) -> str:
    """The way without a key store."""
    if variable := ENTRIES.get(entry):
        return f"Without a key store, give it in the environment variable {variable}, as docs/connect.md says."
    return f"Without a key store, set {OPENER} or use a custom connection, as docs/connect.md says."
