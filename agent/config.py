"""Where the agent keeps its things, and how it signs in: the environment first, then settings and the key store."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from agent.domain.settings import Settings
from agent.errors import PlainError, disk_trouble
from agent.keys import IN, OPENER, USUAL, Keys, SealedFile

CALLBACK_PORT = 18742
"""Where the browser comes back to after Xero's sign-in. Registered with the Xero app, so it never changes by itself;
below the ports that Windows and Linux lend to any program, some of which Windows keeps for itself."""
_SYNCED = (
    "onedrive",
    "dropbox",
    "google drive",
    "googledrive",
    "icloud",
    "mobile documents",
    "nextcloud",
    "box sync",
    "cloudstorage",
)


@dataclass(frozen=True)
class Config:
    """The environment of one call, read once.

    Attributes:
        home: The folder for everything the agent keeps.
        environment: The variables it was started with.
    """

    home: Path
    environment: Mapping[str, str] = field(repr=False)

    @property
    def database_url(self) -> str:
        """Where the ledger is."""
        return self.environment.get("AUTOXERO_DATABASE_URL") or f"sqlite:///{self.home / 'ledger.db'}"

    @property
    def inbox(self) -> Path:
        """Where the workbook's buttons put their requests: on macOS Office may write to its own folder only."""
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Group Containers" / "UBF8T346G9.Office" / "AutoXero" / "inbox"
        return self.home / "inbox"

    def url(self, name: str, default: str) -> str:
        """An address that the environment may replace."""
        return self.environment.get(name) or default

    def secret(self, variable: str, entry: str) -> str:
        """A secret: from the environment, else from the operating system's key store; blank where there is none.

        Raises:
            PlainError: The key store cannot be used.
        """
        return self.environment.get(variable) or self.keys.read(entry)

    @property
    def keys(self) -> Keys:
        """This home's secrets in the key store: another home is another office, with secrets of its own.

        Where the environment gives a passphrase, a file in the home stands for the key store.
        """
        passphrase = self.environment.get(OPENER, "")
        file = SealedFile(self.home / "keys.sealed", passphrase) if passphrase else None
        return Keys(USUAL if self.home == _usual_home() else f"{IN}{self.home.absolute()}", file=file)

    @property
    def callback_port(self) -> int:
        """The port on this computer to which the browser comes back after Xero's sign-in.

        Raises:
            PlainError: The environment gives no port.
        """
        given = self.environment.get("AUTOXERO_XERO_CALLBACK_PORT") or str(CALLBACK_PORT)
        if not given.isdecimal() or not 1024 <= int(given) <= 65535:
            raise PlainError(
                f"AUTOXERO_XERO_CALLBACK_PORT is “{given}”, which is no port.", "Give a number from 1024 to 65535."
            )
        return int(given)

    def autotask_sign_in(self, settings: Settings) -> tuple[str, str, str]:
        """User name, secret and integration code.

        Raises:
            PlainError: One is missing.
        """
        user = self.environment.get("AUTOXERO_AUTOTASK_USERNAME") or settings.autotask_user
        secret = self.secret("AUTOXERO_AUTOTASK_SECRET", "autotask-secret")
        code = self.secret("AUTOXERO_AUTOTASK_INTEGRATION_CODE", "autotask-integration-code")
        for value, what in ((user, "user name"), (secret, "secret"), (code, "integration code")):
            if not value:
                raise PlainError(f"The Autotask {what} is missing.", "Run “autoxero connect autotask”.")
        return user, secret, code

    def xero_sign_in(self, settings: Settings) -> tuple[str, str]:
        """The Xero app: its client id, and its secret where it is a custom connection, else blank.

        Raises:
            PlainError: The client id is missing.
        """
        client = self.environment.get("AUTOXERO_XERO_CLIENT_ID", "").strip() or settings.xero_client_id
        if not client:
            raise PlainError("The Xero client ID is missing.", "Run “autoxero connect xero”.")
        return client, self.secret("AUTOXERO_XERO_CLIENT_SECRET", "xero-client-secret")


def read_config(environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of this call.

    Raises:
        PlainError: The home cannot be used.
    """
    config = find_config(environment)
    check_home(config.home)
    return config


def find_config(environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of a call that only takes away: its home may be one that nothing may be kept in."""
    given = environment.get("AUTOXERO_HOME")
    return Config(Path(given).expanduser() if given else _usual_home(), environment)


def _usual_home() -> Path:
    from platformdirs import user_data_path  # noqa: PLC0415 - not needed by every command

    return user_data_path("AutoXero", appauthor=False)


def synced_part(path: Path) -> str:
    """The folder on the path that OneDrive or the like keeps in sync; blank where none does, as far as names tell."""
    parts = (*path.absolute().parts, *path.resolve().parts)
    return next((part for part in parts if part.casefold().startswith(_SYNCED)), "")


def differ(one: str | PurePath, other: str | PurePath) -> bool:
    """Whether two paths name different places; Windows has short names beside the long ones."""
    with suppress(OSError):  # one of them is not there, or is another user's
        return not Path(one).samefile(other)
    return os.path.normcase(os.path.normpath(one)) != os.path.normcase(os.path.normpath(other))


def is_on_network(path: Path) -> bool:
    """Whether the path names another computer."""
    return str(path).startswith(("\\\\", "//"))


def check_home(home: Path) -> None:
    """Make the home, and refuse one where a ledger would not be safe.

    Another home is advised for a new one only: for one in use it would mean an empty ledger.

    Raises:
        PlainError: It is on a synced or network folder, or cannot be written to.
    """
    advice = "Set AUTOXERO_HOME to a folder on this computer's own disk that is not synced."
    if part := synced_part(home):
        raise PlainError(f"The home {home} is in a synced folder (“{part}”), which can damage the ledger.", advice)
    if is_on_network(home):
        raise PlainError(f"The home {home} is on a network drive, which can damage the ledger.", advice)
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        trouble = disk_trouble(error)
        if trouble is not None and home.is_dir():
            advice = f"{trouble.next_step} Take no other folder: your ledger is in this one."
        raise PlainError(f"The home {home} cannot be written to ({reason}).", advice) from None
