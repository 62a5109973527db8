"""The operating system's key store: short secrets, in words where it cannot be used, and never a hang."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from agent.errors import PlainError

ENTRIES = {
    "autotask-secret": "AUTOXERO_AUTOTASK_SECRET",
    "autotask-integration-code": "AUTOXERO_AUTOTASK_INTEGRATION_CODE",
    "xero-client-secret": "AUTOXERO_XERO_CLIENT_SECRET",
    "xero-refresh-token": "",
    "smtp-password": "AUTOXERO_SMTP_PASSWORD",
}
"""What is kept, and the environment variable that can stand for it; a sign-in that renews itself has none."""

LONGEST = 2560
"""Bytes of UTF-16 that a secret may have: Windows takes no more, which is 1,280 ordinary characters."""

SEEN: set[str] = set()
"""Every secret that this process read or kept, so that a bug's report can leave them out."""

Done = TypeVar("Done")


@dataclass(frozen=True)
class Keys:
    """The secrets of one home in the key store.

    Attributes:
        service: The name under which they stand there.
        seconds: How long the key store may take; it may be asking the user for a password meanwhile.
    """

    service: str = "AutoXero"
    seconds: float = 15.0
    _stuck: ClassVar[threading.Thread | None] = None

    def read(self, entry: str) -> str:
        """The secret, or blank where there is none.

        Raises:
            PlainError: The key store is missing, locked, or does not answer.
        """
        import keyring  # noqa: PLC0415 - slow, and not needed where the environment gives the secret

        found = self._ask(entry, lambda: keyring.get_password(self.service, entry)) or ""
        SEEN.update({found} - {""})
        return found

    def write(self, entry: str, value: str) -> None:
        """Keep a secret, and make sure that it was kept.

        Raises:
            PlainError: It is too long, or the key store did not keep it.
        """
        import keyring  # noqa: PLC0415

        SEEN.add(value)
        size = len(value.encode("utf-16-le"))
        if size > LONGEST:
            raise PlainError(
                f"This secret is too long for a key store: {size // 2:,} characters, of which {LONGEST // 2:,} fit.",
                "Check that nothing else was copied with it.",
            )
        self._ask(entry, lambda: keyring.set_password(self.service, entry, value))
        if self.read(entry) != value:
            raise PlainError("The key store of this computer keeps nothing.", _instead(entry))

    def clear(self, entry: str) -> None:
        """Forget a secret; it need not be there.

        Raises:
            PlainError: The key store is missing, locked, or does not answer.
        """
        import keyring  # noqa: PLC0415

        if self.read(entry):
            self._ask(entry, lambda: keyring.delete_password(self.service, entry))

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
    if variable := ENTRIES[entry]:
        return f"Without a key store, give it in the environment variable {variable}, as docs/connect.md says."
    return "Without a key store, use a custom connection, as docs/connect.md says."
