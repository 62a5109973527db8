"""What a command works with: the home, the ledger, the workbook as last saved, and both systems."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from agent.autotask.client import PUBLIC_URL, Autotask, Credentials
from agent.config import Config
from agent.domain.books import Organisation
from agent.domain.settings import Settings
from agent.errors import PlainError, StopError, stop
from agent.ledger.database import open_database
from agent.ledger.ledger import Ledger
from agent.wire import TIMEOUT, Wire
from agent.xero.client import PUBLIC_API_URL, Xero
from agent.xero.login import PUBLIC_LOGIN_URL, CustomConnection
from workbook.errors import WorkbookError
from workbook.read import Reading, read

Progress = Callable[[str], None]

_NOT_AGAIN = "It is not tried again until the sign-in is changed or “autoxero test” is run."


@dataclass
class Desk:
    """Everything of one call.

    Attributes:
        config: The environment.
        workbook: The file.
        wait: How to wait between tries, and how long for answers.
        tell: Where progress is told.
    """

    config: Config
    workbook: Path
    make_wire: Callable[[], Wire] = lambda: Wire(TIMEOUT)
    tell: Progress = field(default=lambda _text: None)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of the home."""
        return Ledger(open_database(self.config.database_url))

    @cached_property
    def reading(self) -> Reading:
        """The workbook as it was last saved.

        Raises:
            PlainError: There is no such file, or it is no workbook of ours.
        """
        try:
            return read(self.workbook)
        except WorkbookError as error:
            raise PlainError(str(error), "Give the path of your AutoXero.xlsm with --workbook.") from error

    @property
    def settings(self) -> Settings:
        """The settings as last saved, defaults where a value is wrong."""
        return self.reading.settings

    @cached_property
    def autotask(self) -> Autotask:
        """Autotask, signed in as the settings say."""
        user, secret, code = self.config.autotask_sign_in(self.settings)
        return Autotask(
            Credentials(user, secret, code), self.make_wire(), self.config.url("AUTOXERO_AUTOTASK_URL", PUBLIC_URL)
        )

    @cached_property
    def xero(self) -> Xero:
        """Xero, signed in as the settings say."""
        client, secret = self.config.xero_sign_in(self.settings)
        login = CustomConnection(
            client, secret, self.make_wire(), self.config.url("AUTOXERO_XERO_LOGIN_URL", PUBLIC_LOGIN_URL)
        )
        return Xero(login, "", self.make_wire(), self.config.url("AUTOXERO_XERO_API_URL", PUBLIC_API_URL))

    def check(self) -> None:
        """Refuse to go on with settings or mappings that are wrong.

        Raises:
            PlainError: All problems, one after the other.
        """
        if not self.reading.problems:
            return
        told = " ".join(f"{problem.where}: {problem.message}" for problem in self.reading.problems)
        raise PlainError(
            f"AX-503 A setting or mapping is wrong; nothing was sent. {told}",
            "Mend it where it is named, or with “autoxero set” or “autoxero map”, and save the workbook.",
        )

    def reach_autotask(self) -> None:
        """Find the tenant's zone, and make sure that it is the ledger's.

        Raises:
            StopError: The sign-in was refused before and is unchanged, is refused now, or is another tenant's.
        """
        mark = self._sign_in_mark()
        refused = json.loads(self.ledger.fact("autotask_refused") or "{}")
        if refused.get("mark") == mark:
            raise stop(refused["code"], f"{refused['detail']} {_NOT_AGAIN}")
        ci = self.autotask.zone.ci
        if ci is not None:
            self.ledger.belongs_to("autotask_ci", str(ci), "Autotask")
        self.ledger.remember(autotask_web_url=self.autotask.zone.web_url)

    def note_refusal(self, error: StopError) -> None:
        """Remember a refused Autotask sign-in, so that trying it again and again does not lock the user."""
        if error.fault.code in {"AX-301", "AX-302"} and not error.fault.detail.endswith(_NOT_AGAIN):
            told = {"mark": self._sign_in_mark(), "code": error.fault.code, "detail": error.fault.detail}
            self.ledger.remember(autotask_refused=json.dumps(told))

    def forget_refusal(self) -> None:
        """Try the Autotask sign-in again: someone asked for it."""
        self.ledger.remember(autotask_refused="{}")

    def _sign_in_mark(self) -> str:
        """Tells one sign-in from another and gives nothing of it away: 32 bits of a salted hash."""
        salt = self.ledger.fact("salt")
        if not salt:
            salt = secrets.token_hex(16)
            self.ledger.remember(salt=salt)
        parts = "\0".join(self.config.autotask_sign_in(self.settings))
        return hashlib.sha256(f"{salt}\0{parts}".encode()).hexdigest()[:8]

    def reach_xero(self) -> Organisation:
        """The organisation; one cheap call where the ledger knows which it is.

        Raises:
            StopError: Xero does not answer, refuses, or shows another organisation than before.
        """
        xero, ledger = self.xero, self.ledger
        xero.tenant_id = ledger.fact("xero_tenant") or self._choose_tenant()
        try:
            organisation = xero.organisation()
        except StopError as error:
            if error.fault.code == "AX-405":
                self._check_tenant()
            raise
        wanted = self.settings.organisation
        if wanted and wanted.casefold() != organisation.name.casefold():
            raise stop("AX-406", f"The setting “Xero organisation” says {wanted}; this is {organisation.name}.")
        ledger.belongs_to("xero_tenant", organisation.tenant_id, "Xero organisation")
        ledger.remember(
            organisation=organisation.name,
            base_currency=organisation.base_currency,
            short_code=organisation.short_code,
        )
        return organisation

    def _choose_tenant(self) -> str:
        connections = self.xero.connections()
        wanted = self.settings.organisation.casefold()
        fitting = [item for item in connections if not wanted or item.tenant_name.casefold() == wanted]
        names = ", ".join(item.tenant_name for item in connections) or "none"
        if not fitting:
            raise stop(
                "AX-406", f"This sign-in reaches these Xero organisations: {names}; not {self.settings.organisation}."
            )
        if len(fitting) > 1:
            raise stop("AX-406", f"This sign-in reaches several: {names}. Type one under “Xero organisation”.")
        return fitting[0].tenant_id

    def _check_tenant(self) -> None:
        """Where the sign-in no longer reaches the ledger's organisation: say which it reaches."""
        known = self.xero.tenant_id
        self.xero.tenant_id = ""
        connections = self.xero.connections()
        if known not in {item.tenant_id for item in connections}:
            names = ", ".join(item.tenant_name for item in connections) or "none"
            before = self.ledger.fact("organisation") or known
            raise stop("AX-406", f"The ledger belongs to {before}; this sign-in reaches {names}.")

    def light(self, system: str, error: StopError | None = None) -> None:
        """Remember how the last try of a connection ended."""
        told = {
            "ok": error is None,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "code": error.fault.code if error else "",
            "detail": error.fault.detail if error else "",
        }
        self.ledger.remember(**{f"light_{system}": json.dumps(told)})
