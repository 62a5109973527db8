"""The computer and the user that AutoXero is installed for, and by what it is reached."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.exc import SQLAlchemyError

from agent.alive import is_running
from agent.config import Config, differ
from agent.errors import PlainError
from agent.ledger.database import open_database
from agent.ledger.ledger import Ledger
from agent.startup import Command, Machine, Platform, Startup, home_of
from workbook.errors import InUseError
from workbook.wiring import Wiring, read_wiring

BACKUPS = "workbook-backups"
FACTS = ("workbook_path", "workbook_id", "run_python_script", "typed")
"""What of the ledger an installation asks for: what it keeps there, and what was typed when it was last read."""

Runner = Callable[[Sequence[str]], tuple[int, str]]
"""Runs a program; gives its exit code and what it said."""

CONSOLE = "oem" if sys.platform == "win32" else "utf-8"
"""In which letters programs speak to a pipe: those of Windows, schtasks too, in the console's code page."""

_STOP_TRIES = 25
_STOP_WAIT = 0.2


def short_path(path: Path) -> str:
    """Windows' short name (8.3) of a folder that is there; the path itself where there is none, and elsewhere."""
    if sys.platform != "win32":
        return str(path)
    import ctypes  # noqa: PLC0415 - only Windows needs it

    ask = ctypes.WinDLL("kernel32").GetShortPathNameW
    size = ask(str(path), None, 0)
    found = ctypes.create_unicode_buffer(size + 1)
    return found.value if ask(str(path), found, size) else str(path)


@dataclass(frozen=True)
class Office:
    """Where an installation happens, and by what it reaches the computer.

    Attributes:
        config: The agent's home and environment.
        machine: The computer and its user.
        documents: The user's folder for documents.
        version: The AutoXero that is installed.
        run: Runs programs.
        wait: Waits so many seconds.
        code_page: In which letters Excel's macros name files; what it lacks they cannot open.
        shorten: Gives the short name that Windows keeps for a folder, where it keeps one.
    """

    config: Config
    machine: Machine
    documents: Path
    version: str
    run: Runner
    wait: Callable[[float], None] = time.sleep
    code_page: str = "utf-8"
    shorten: Callable[[Path], str] = short_path

    @property
    def backups(self) -> Path:
        """Where copies of the workbook go before it is changed."""
        return self.config.home / BACKUPS

    @property
    def inbox(self) -> str:
        """The inbox as Excel's macros can open it; where they cannot, as it is."""
        path = self.config.inbox.absolute()
        if self.can_open(str(path)):
            return str(path)
        short = str(Path(self.shorten(path.parent)) / path.name)  # the inbox may not be there yet; the home is
        return short if self.can_open(short) else str(path)

    def can_open(self, path: str) -> bool:
        """Whether Excel's macros can open a path."""
        try:
            path.encode(self.code_page)
        except UnicodeEncodeError:
            return False
        return True


def this_office(config: Config) -> Office:
    """This computer and this user.

    Raises:
        PlainError: AutoXero is not installed in this Python, it cannot stay, or this is no operating system that it
            knows.
    """
    from platformdirs import user_documents_path  # noqa: PLC0415 - only an installation needs it

    try:
        installed = version("autoxero")
    except PackageNotFoundError:
        raise PlainError(
            "AutoXero is not installed in this Python, so nothing could start it.", "Run “uv sync” in its folder first."
        ) from None
    check_python(sys.prefix, sys.base_prefix)
    platform = _platform()
    user, domain = getpass.getuser(), os.environ.get("USERDOMAIN", "")
    given = config.environment.get("AUTOXERO_HOME")
    config_home = config.environment.get("XDG_CONFIG_HOME")
    machine = Machine(
        platform=platform,
        user=f"{domain}\\{user}" if platform == "win32" and domain else user,
        uid=os.getuid() if sys.platform != "win32" else 0,
        folder=Path.home(),
        home=config.home.absolute(),
        python=Path(sys.executable),
        environment={"AUTOXERO_HOME": str(config.home.absolute())} if given else {},
        units=str(Path(config_home) / "systemd" / "user") if config_home else "",
    )
    code_page = "mbcs" if platform == "win32" else "utf-8"
    return Office(config, machine, user_documents_path(), installed, run_program, code_page=code_page)


def check_python(prefix: str, base_prefix: str) -> None:
    """Refuse a Python that the agent or Excel would not find again.

    Args:
        prefix: The folder of the environment.
        base_prefix: The folder of the Python that it was made with.

    Raises:
        PlainError: It is a passing one, or one whose files Excel does not see.
    """
    if "windowsapps" in base_prefix.casefold():
        raise PlainError(
            "This Python comes from the Microsoft Store, which hides the agent's folder from Excel.",
            "Run “uv python install 3.12” and “uv sync --python 3.12” in AutoXero's folder, and then this again.",
        )
    if any(part.startswith(("archive-v", "environments-v")) for part in Path(prefix).parts):
        raise PlainError(
            "This Python is a passing one that uv made for a single command.",
            "Put AutoXero in a folder of its own, run “uv sync” there, and then “uv run autoxero install”.",
        )


def _platform() -> Platform:
    for known in ("win32", "darwin", "linux"):
        if sys.platform == known:
            return known
    raise PlainError(f"AutoXero cannot be installed on {sys.platform}.", "Use Windows, macOS or Linux.")


def run_program(arguments: Sequence[str], letters: str = CONSOLE) -> tuple[int, str]:
    """Run a program without a window, for a minute at most; what it says is in those letters."""
    try:
        done = subprocess.run(  # noqa: S603 - our own command lines, and no shell
            list(arguments),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        return 127, f"{arguments[0]}: {error.strerror or type(error).__name__}"
    except subprocess.TimeoutExpired:
        return 124, f"{arguments[0]} did not answer within a minute"
    return done.returncode, (done.stderr or done.stdout).decode(letters, "replace").strip()


def stop_agent(office: Office, commands: Sequence[Command]) -> list[str]:
    """Stop the agent, and wait until it has ended.

    Raises:
        PlainError: It still runs: somebody started it by hand.
    """
    run_all(office, commands)
    for _ in range(_STOP_TRIES):
        if not is_running(office.config.home):
            return []
        office.wait(_STOP_WAIT)
    raise PlainError(
        "The agent still runs: it was started by hand.", "End it in the window in which “autoxero run” stands (Ctrl+C)."
    )


def run_all(office: Office, commands: Sequence[Command]) -> None:
    """Run commands one after the other.

    Raises:
        PlainError: One failed that may not.
    """
    for command in commands:
        code, said = office.run(command.arguments)
        for _ in range(command.tries - 1):
            if code == 0:
                break
            office.wait(1.0)
            code, said = office.run(command.arguments)
        if code and not command.may_fail:
            raise PlainError(
                f"“{' '.join(command.arguments)}” ended with {code}: {said.rstrip('.') or 'it said nothing'}.",
                "Your IT may have to allow it: docs/forward-to-it.md says what for. Until then start the agent with "
                "“autoxero run”.",
            )


def other_home(office: Office, what: Startup) -> str:
    """The other home of this user whose agent starts at log-on until now; blank where none does."""
    home = home_of(_registered(office, what))
    return home if home and Path(home).is_dir() and differ(home, office.config.home) else ""


def _registered(office: Office, what: Startup) -> str:
    """What the system starts at log-on; blank where nothing is."""
    if what.ask is not None:
        code, said = office.run(what.ask.arguments)
        return "" if code else said
    file = Path(what.file)
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def known_facts(config: Config) -> dict[str, str]:
    """What the ledger remembers, read without changing it; blank where there is none yet."""
    url = make_url(config.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        return dict.fromkeys(FACTS, "")
    engine = create_engine(url)
    try:
        if not inspect(engine).has_table("about"):
            return dict.fromkeys(FACTS, "")
        ledger = Ledger(engine)
        return {name: ledger.fact(name) for name in FACTS}
    except SQLAlchemyError:
        open_database(config.database_url).dispose()  # says in words what is wrong
        raise
    finally:
        engine.dispose()


def read_free(path: Path) -> Wiring:
    """What the workbook says of itself, where no program has it open.

    Raises:
        PlainError: One has.
        WorkbookError: It is no workbook of ours, or is damaged.
    """
    try:
        with path.open("r+b"):
            return read_wiring(path)
    except (InUseError, PermissionError) as error:
        reason = str(error) if isinstance(error, InUseError) else f"{path.name} is open in Excel or is read-only."
        raise PlainError(
            f"{reason.removesuffix(' Close it there.')} Nothing was changed in it.",
            "Save and close it, and run the command again.",
        ) from error
