"""What a command works with: the home, the ledger, the workbook as last saved, and both systems."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import msgspec

from agent.autotask.client import PUBLIC_URL, Autotask, Credentials
from agent.config import Config, differ, read_config
from agent.domain.books import Books, Organisation
from agent.domain.faults import CATALOGUE, Fault
from agent.domain.mappings import ContactRow
from agent.domain.problems import Problem
from agent.domain.settings import Settings
from agent.domain.suggest import lacking, misspelt
from agent.errors import PlainError, StopError, stop
from agent.keys import Keys
from agent.ledger.database import open_database
from agent.ledger.ledger import Ledger
from agent.template import template
from agent.wire import TIMEOUT, Wire
from agent.xero.client import PUBLIC_API_URL, Xero
from agent.xero.login import PUBLIC_LOGIN_URL, SIGN_IN_LIVES, CustomConnection, Login, UserSignIn
from workbook.errors import InUseError, PasswordError, WorkbookError
from workbook.kept import from_json, to_json
from workbook.project import Projection
from workbook.read import Reading, read, read_inbox

Progress = Callable[[str], None]
Show = Callable[[Projection, Mapping[str, str]], Sequence[str]]
"""Shows a projection in an open workbook, and clears choices that were acted on, by Autotask id; gives notes."""

BACKUPS = "workbook-backups"
"""The folder in the home with copies of the workbook as it was before each change."""
_BOOKS_KEEP = timedelta(hours=1)
_TAKE_IT_OFF = (
    "Open it in Excel, clear the password under File, Info, Protect Workbook, Encrypt with Password, and save it."
)
_NOT_OURS = (
    "Use a workbook of your own: “autoxero install” makes one. To take this one over, let its owner run “autoxero "
    "uninstall” first; or, where its owner worked on another computer, run “autoxero install --workbook” with it."
)
_NOT_AGAIN = "It is not tried again until the sign-in is changed or “autoxero test” is run."


@dataclass(frozen=True)
class KeyPlace:
    """The place of the Xero sign-in: its entry of the key store."""

    keys: Keys

    def read(self) -> str:
        """The refresh token, or blank."""
        return self.keys.read("xero-refresh-token")

    def write(self, token: str) -> None:
        """Keep another one."""
        self.keys.write("xero-refresh-token", token)

    def clear(self) -> None:
        """Forget it."""
        self.keys.clear("xero-refresh-token")


@dataclass
class Desk:
    """Everything of one call.

    Attributes:
        config: The environment.
        workbook: The file.
        wait: How to wait between tries, and how long for answers.
        tell: Where progress is told.
        show: Where the workbook is open in the Excel that asked: brings the screen up to date instead of the file.
        patience: Seconds to wait for another run to end, before it is told that there is one.
    """

    config: Config
    workbook: Path
    make_wire: Callable[[], Wire] = lambda: Wire(TIMEOUT)
    tell: Progress = field(default=lambda _text: None)
    show: Show | None = None
    patience: float = 0
    holds_lock: bool = field(default=False, init=False)
    """Whether this desk is the one that runs: what it calls meanwhile need not wait for it."""
    _paused_at: tuple[int, bool] = field(default=(0, False), init=False)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of the home."""
        return Ledger(open_database(self.config.database_url))

    @cached_property
    def reading(self) -> Reading:
        """The workbook as it was last saved, with what a button chose while it was open.

        Raises:
            PlainError: There is no such file, or it is no workbook of ours.
        """
        try:
            reading = self._read()
        except PasswordError as error:
            raise PlainError(f"{error} Nothing is sent.", _TAKE_IT_OFF) from error
        except WorkbookError as error:
            raise PlainError(str(error), "Give the path of your AutoXero.xlsm with --workbook.") from error
        if self.knows_workbook:
            former = self.ledger.fact("typed")
            reading = replace(reading, typed={**from_json(former), **reading.typed})
            if (typed := to_json(reading.typed)) != former:
                self.ledger.remember(typed=typed)
        chosen = json.loads(self.ledger.fact("contact_choices") or "{}")
        rows = [
            ContactRow(int(key), "", name, "") for key, name in chosen.items() if not reading.mappings.contact(int(key))
        ]
        mappings = replace(reading.mappings, contacts=(*reading.mappings.contacts, *rows))
        return self.compared(replace(reading, mappings=mappings))

    def is_paused_now(self) -> bool:
        """Whether the file as it was last saved says Paused, also where it was saved during this run."""
        try:
            saved = self.workbook.stat().st_mtime_ns
            if saved != self._paused_at[0]:
                self._paused_at = saved, read(self.workbook).settings.paused
        except (OSError, WorkbookError):
            pass  # it is just being saved, or gone: looked at again before the next batch
        return self._paused_at[1]

    def compared(self, reading: Reading) -> Reading:
        """What the workbook says, beside what Xero had when it was last looked at; alone where it never was."""
        kept = self.ledger.fact("books")
        books = msgspec.json.decode(kept, type=Books) if kept else None
        typed = [problem for problem in reading.problems if not problem.by_lists]
        found = lacking(reading.settings, reading.mappings, books) if books else []
        lists = json.loads(self.ledger.fact("lists") or "{}")
        odd = misspelt(reading.mappings, lists.get("BillingCodes", ()), lists.get("TaxRegions", ()))
        return replace(reading, problems=(*typed, *found, *odd))

    def read_books(self, organisation: Organisation) -> Books:
        """What Xero offers now; the settings and mappings are compared with it."""
        books = self.xero.books(organisation)
        at = json.dumps(self.ledger.now().isoformat())
        self.ledger.remember(books=msgspec.json.encode(books).decode(), books_at=at)
        self.reading = self.compared(self.reading)
        return books

    @property
    def has_fresh_books(self) -> bool:
        """Whether Xero was looked at within the last hour."""
        kept = json.loads(self.ledger.fact("books_at") or '""')
        return bool(kept) and timedelta(0) <= self.ledger.now() - datetime.fromisoformat(kept) < _BOOKS_KEEP

    def _read(self) -> Reading:
        """Read the workbook; the one that the ledger knows is put right where it is gone, wrecked, or lacks a sheet."""
        try:
            return read(self.workbook)
        except (InUseError, PasswordError):
            raise
        except WorkbookError:
            if not self.knows_workbook:
                raise
            from workbook.restore import revive  # noqa: PLC0415 - seldom needed

            known = from_json(self.ledger.fact("typed"))
            told = revive(self.workbook, template(), self.config.home / BACKUPS, known)
            if not told:
                raise
            for note in told:
                self.ledger.log("AX-502 Put right in the workbook", note, level="Warning")
                self.tell(note)
            return read(self.workbook)

    @property
    def knows_workbook(self) -> bool:
        """Whether it is the file that the ledger worked with last, which so was there once."""
        return self.ledger.fact("workbook_path") == str(self.workbook.absolute())

    def refuse_others(self) -> None:
        """Leave a workbook alone that belongs to another home: its ledger knows nothing of ours, so both would send.

        Raises:
            StopError: Its buttons write to another home's inbox (AX-406).
        """
        inbox = ""
        with suppress(WorkbookError):  # whoever needs it says what is wrong with it
            inbox = read_inbox(self.workbook)
        if inbox and differ(inbox, self.config.inbox):
            told = f"{self.workbook} is another AutoXero's: its buttons write to {inbox}. Nothing was done."
            raise _stop("AX-406", "The workbook belongs to another AutoXero", PlainError(told, _NOT_OURS))

    @property
    def settings(self) -> Settings:
        """The settings as last saved, defaults where a value is wrong."""
        return self.reading.settings

    @cached_property
    def autotask(self) -> Autotask:
        """Autotask, signed in as the settings say.

        Raises:
            StopError: A part of the sign-in is missing, or the key store cannot be used.
        """
        try:
            sign_in = self.config.autotask_sign_in(self.settings)
        except PlainError as error:
            raise _stop("AX-302", "The sign-in to Autotask is not at hand", error) from None
        return self.autotask_as(Credentials(*sign_in))

    def autotask_as(self, credentials: Credentials) -> Autotask:
        """Autotask, signed in as someone."""
        return Autotask(credentials, self.make_wire(), self.config.url("AUTOXERO_AUTOTASK_URL", PUBLIC_URL))

    @cached_property
    def xero(self) -> Xero:
        """Xero, signed in as a custom connection where the app has a secret, else as the person who let it in.

        Raises:
            StopError: The client ID is missing, or the key store cannot be used.
        """
        try:
            client, secret = self.config.xero_sign_in(self.settings)
        except PlainError as error:
            raise _stop("AX-405", "Xero sign-in needed", error) from None
        if secret:
            self.forget_sign_in()  # such a sign-in does not end
            return self.xero_as(CustomConnection(client, secret, self.make_wire(), self.login_url))
        return self.xero_as(self.user_sign_in(client))

    def xero_as(self, login: Login) -> Xero:
        """Xero by a sign-in."""
        return Xero(login, "", self.make_wire(), self.config.url("AUTOXERO_XERO_API_URL", PUBLIC_API_URL))

    @property
    def login_url(self) -> str:
        """Xero's sign-in host."""
        return self.config.url("AUTOXERO_XERO_LOGIN_URL", PUBLIC_LOGIN_URL)

    def user_sign_in(self, client_id: str) -> UserSignIn:
        """The sign-in of the person who let the app in; renewed by one process of this home at a time."""
        return UserSignIn(
            client_id,
            KeyPlace(self.config.keys),
            self.config.home / "xero-sign-in.lock",
            self._note_renewal,
            self.make_wire(),
            self.login_url,
        )

    def _note_renewal(self) -> None:
        now = self.ledger.now()
        ends = (now + SIGN_IN_LIVES).isoformat(timespec="seconds")
        self.ledger.remember(xero_renewed=now.isoformat(timespec="seconds"), xero_sign_in_ends=ends)

    def forget_sign_in(self) -> None:
        """No person is signed in any more: no end of it to warn of."""
        if self.ledger.fact("xero_sign_in_ends"):
            self.ledger.remember(xero_renewed="", xero_sign_in_ends="")

    def check(self, *, is_asked: bool = True) -> None:
        """Refuse to go on with settings or mappings that are wrong.

        What Xero did not have when it was last looked at may be there by now: it is looked at again before a person
        is refused, else once for each slip, and hourly.

        Args:
            is_asked: A person waits for the answer.

        Raises:
            PlainError: All problems, one after the other.
            StopError: The workbook is another home's, or another one than the ledger's.
        """
        self.refuse_others()
        if self.reading.workbook_id:
            self.ledger.belongs_to("workbook_id", self.reading.workbook_id, "workbook")
        lacks = "\n".join(problem.message for problem in self.stops if problem.by_lists)
        if lacks and (is_asked or not self.has_fresh_books or self.ledger.fact("lacking") != lacks):
            self.ledger.remember(lacking=lacks)
            with suppress(StopError, PlainError):  # then what is remembered counts
                self.read_books(self.reach_xero())
        self.refuse()

    @property
    def stops(self) -> list[Problem]:
        """What is wrong with settings or mappings and stops all sending."""
        return [problem for problem in self.reading.problems if problem.stops == "everything"]

    def refuse(self) -> None:
        """Refuse to go on with what is known to be wrong.

        Raises:
            PlainError: All problems, one after the other.
        """
        stops = self.stops
        if not stops:
            return
        told = " ".join(f"{problem.where}: {problem.message}" for problem in stops)
        raise PlainError(
            f"AX-503 A setting or mapping is wrong; nothing was sent. {told}",
            "Mend it where it is named, or with “autoxero set” or “autoxero map”, and save the workbook.",
        )

    def reach_autotask(self) -> None:
        """Find the tenant's zone, and make sure that it is the ledger's.

        Raises:
            StopError: The sign-in was refused before and is unchanged, is refused now, or is another tenant's.
        """
        autotask, mark = self.autotask, self._sign_in_mark()
        refused = json.loads(self.ledger.fact("autotask_refused") or "{}")
        if refused.get("mark") == mark:
            raise stop(refused["code"], f"{refused['detail']} {_NOT_AGAIN}")
        ci = autotask.zone.ci
        if ci is not None:
            self.ledger.belongs_to("autotask_ci", str(ci), "Autotask")
        self.ledger.remember(autotask_web_url=self.autotask.zone.web_url)

    def note_refusal(self, error: StopError) -> None:
        """Remember a refused Autotask sign-in, so that trying it again and again does not lock the user."""
        is_refused = "autotask" in vars(self) and error.fault.code in {"AX-301", "AX-302"}
        if is_refused and not error.fault.detail.endswith(_NOT_AGAIN):
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


def _stop(code: str, title: str, error: PlainError) -> StopError:
    """What keeps a run from being begun at all: under its code, in its own words and with its own next step."""
    return StopError(Fault(replace(CATALOGUE[code], title=title, cure=error.next_step), error.message))


def open_desk(workbook: Path | None, tell: Progress) -> Desk:
    """The desk of this user's home.

    Args:
        workbook: The file; without it the one that was last used, else AutoXero.xlsm in this folder.
        tell: Where progress is told.

    Raises:
        PlainError: There is no such file, or the home cannot be used.
    """
    desk = Desk(read_config(), workbook or Path("AutoXero.xlsm"), tell=tell)
    if workbook is None:
        desk.workbook = Path(desk.ledger.fact("workbook_path") or "AutoXero.xlsm")
    elif not workbook.is_file() and not desk.knows_workbook:
        raise PlainError(f"There is no workbook at {workbook}.", "Give the path of your AutoXero.xlsm with --workbook.")
    return desk
