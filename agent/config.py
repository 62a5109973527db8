"""Where the agent keeps its things, and how it signs in: the environment first, then settings and the key store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.domain.settings import Settings
from agent.errors import PlainError

_SERVICE = "AutoXero"
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


_GIVE_IT = "Give it in this user's environment, as docs/first-sync.md says, and run “autoxero test”."


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

    def url(self, name: str, default: str) -> str:
        """An address that the environment may replace."""
        return self.environment.get(name) or default

    def secret(self, variable: str, entry: str) -> str:
        """A secret: from the environment, else from the operating system's key store; blank where there is none."""
        if value := self.environment.get(variable):
            return value
        import keyring  # noqa: PLC0415 - slow, and not needed where the environment gives the secret
        from keyring.errors import KeyringError  # noqa: PLC0415

        try:
            return keyring.get_password(_SERVICE, entry) or ""
        except (KeyringError, OSError, RuntimeError):
            return ""

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
                raise PlainError(
                    f"The Autotask {what} is missing.",
                    _GIVE_IT,
                )
        return user, secret, code

    def xero_sign_in(self, settings: Settings) -> tuple[str, str]:
        """Client id and secret of a custom connection.

        Raises:
            PlainError: One is missing.
        """
        client = self.environment.get("AUTOXERO_XERO_CLIENT_ID") or settings.xero_client_id
        secret = self.secret("AUTOXERO_XERO_CLIENT_SECRET", "xero-client-secret")
        for value, what in ((client, "client ID"), (secret, "client secret")):
            if not value:
                raise PlainError(
                    f"The Xero {what} is missing.",
                    _GIVE_IT,
                )
        return client, secret


def read_config(environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of this call.

    Raises:
        PlainError: The home cannot be used.
    """
    if given := environment.get("AUTOXERO_HOME"):
        home = Path(given).expanduser()
    else:
        from platformdirs import user_data_path  # noqa: PLC0415 - only where the environment names no home

        home = user_data_path("AutoXero", appauthor=False)
    check_home(home)
    return Config(home, environment)


def check_home(home: Path) -> None:
    """Make the home, and refuse one where a ledger would not be safe.

    Raises:
        PlainError: It is on a synced or network folder, or cannot be written to.
    """
    advice = "Set AUTOXERO_HOME to a folder on this computer's own disk that is not synced."
    for part in (*home.absolute().parts, *home.resolve().parts):
        if any(part.casefold().startswith(name) for name in _SYNCED):
            raise PlainError(f"The home {home} is in a synced folder (“{part}”), which can damage the ledger.", advice)
    if str(home).startswith(("\\\\", "//")):
        raise PlainError(f"The home {home} is on a network drive, which can damage the ledger.", advice)
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PlainError(f"The home {home} cannot be written to ({reason}).", advice) from None
