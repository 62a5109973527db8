"""Uninstalling: all that an installation did undone, and the secrets cleared; the ledger stays unless it is purged."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from agent.config import Config
from agent.errors import PlainError
from agent.keys import IN, USUAL
from agent.office import BACKUPS, FACTS, Office, known_facts, other_home, read_free, run_all, stop_agent
from agent.startup import Startup, startup
from agent.steps import Plan, Step
from workbook.errors import WorkbookError
from workbook.wiring import unwire

_HOME = (
    "ledger.db*", "backups", BACKUPS, "inbox", "*.lock", "agent.alive*", "agent.log*", "bug-*.txt", "start.log",
    "start-at-log-on.xml", ".probe-*", "keys.sealed*", "ledger-new.db*",
)  # fmt: skip
"""What the agent keeps in its home: nothing else is removed from there."""


def plan_uninstall(office: Office, *, purge: bool = False) -> Plan:
    """What taking AutoXero off this user's computer will do. All steps are done, also where one fails.

    Nothing keeps the secrets from being cleared: no ledger that cannot be read, and no workbook that is open.

    Args:
        office: Where.
        purge: Whether the ledger and everything else in the home goes too.
    """
    known, warnings = _known(office.config)
    workbook_id = known["workbook_id"]
    path = Path(known["workbook_path"]) if known["workbook_path"] else None
    what = startup(office.machine)
    if home_at_log_on := other_home(office, what):
        warnings.append(f"At log-on the agent of the home {home_at_log_on} starts; that stays.")
        start = Step("Stop the agent if it runs.", lambda: stop_agent(office, ()))
    else:
        start = Step(f"Stop the agent, and remove {what.what}.", lambda: _unregister(office, what))
    steps = [
        start,
        Step(
            f"Clear all secrets of the home {office.config.home} from this computer's key store.",
            lambda: _clear_secrets(office.config),
        ),
    ]
    wired = path if path is not None and _may_be_ours(path, workbook_id) else None
    if wired is not None:
        steps.append(
            Step(
                f"Take xlwings' macros, the path of Python and that of the inbox out of {wired}; the file stays yours.",
                partial(_free, wired, workbook_id, None if purge else office.backups),
            )
        )
    elif path is not None:
        warnings.append(f"The workbook is not at {path} any more, or is another one now; nothing is done to it.")
    steps.append(
        Step(f"Remove the folder {office.config.inbox}.", lambda: _remove_inbox(office.config)),
    )
    if script := known["run_python_script"]:
        steps.append(Step(f"Remove {script}.", lambda: _remove(Path(script))))
    home = office.config.home
    if purge:
        steps.append(
            Step(
                f"Remove the ledger, its backups and the workbook's backups from {home}: what was sent is then known "
                "to Xero only.",
                lambda: _purge(home, wired),
            )
        )
    else:
        warnings.append(f"The ledger stays in {home}: it knows what was sent. With --purge it goes too.")
    if not office.config.database_url.startswith("sqlite"):
        warnings.append("The ledger is in a database of your own (AUTOXERO_DATABASE_URL); that one is left as it is.")
    warnings.append(
        "Xero lists the sign-in until “autoxero connect xero --disconnect” is run, which must be before this."
    )
    facts = {"workbook": known["workbook_path"], "home": str(home)}
    next_step = f"To remove the program too, delete the folder it was put in; its Python is {office.machine.python}."
    return Plan(
        tuple(steps),
        tuple(warnings),
        facts,
        next_step,
        "autoxero uninstall" + (" --purge" if purge else ""),
        goes_on=True,
    )


def _known(config: Config) -> tuple[dict[str, str], list[str]]:
    """What the ledger remembers; where it cannot be read nothing, and what that means."""
    try:
        return known_facts(config), []
    except (PlainError, SQLAlchemyError, ImportError, OSError) as error:
        reason = error.message if isinstance(error, PlainError) else str(error).partition("\n")[0]
    warning = (
        f"{reason} So it is not known which workbook is wired, nor, on macOS, whether xlwings' script came with us: "
        "both stay as they are. To have them undone too, first run “autoxero rebuild-ledger”."
    )
    return dict.fromkeys(FACTS, ""), [warning]


def _may_be_ours(path: Path, workbook_id: str) -> bool:
    """Whether the workbook is still where it was. One that is open cannot be asked now, so it may be."""
    try:
        return path.exists() and read_free(path).workbook_id == workbook_id
    except PlainError:
        return True
    except (WorkbookError, OSError, ValueError):
        return False


def _free(path: Path, workbook_id: str, backups: Path | None) -> Sequence[str]:
    """Unwire the workbook.

    Raises:
        PlainError: It is open.
    """
    if read_free(path).workbook_id != workbook_id:
        return [f"{path} is another workbook; nothing was done to it."]
    return unwire(path, backups).notes


def _is_free(path: Path) -> bool:
    """Whether no inbox stands in the workbook any more, or it is gone."""
    try:
        return not path.exists() or not read_free(path).inbox
    except (PlainError, WorkbookError, OSError):
        return False


def _unregister(office: Office, what: Startup) -> list[str]:
    """Stop the agent, and make sure that nothing starts it any more.

    Raises:
        PlainError: The system did not forget it, or the agent was started by hand.
    """
    run_all(office, (*what.stop, *what.remove))
    if what.ask is not None and office.run(what.ask.arguments)[0] == 0:
        raise PlainError(
            f"{what.what[0].upper()}{what.what[1:]} is still there: Windows did not let it be removed.",
            "Delete it in the Task Scheduler, or let your IT do it; until then it starts the agent at each log-on.",
        )
    Path(what.file).unlink(missing_ok=True)
    stop_agent(office, ())
    return []


def _clear_secrets(config: Config) -> list[str]:
    """Clear the key store and what stands for one, each also where the other cannot be."""
    try:
        return _clear_store(config)
    finally:
        for path in config.home.glob("keys.sealed*"):  # nobody needs to know its passphrase
            path.unlink()


def _clear_store(config: Config) -> list[str]:
    import keyring  # noqa: PLC0415 - slow
    from keyring.backends.fail import Keyring as NoKeyring  # noqa: PLC0415

    if isinstance(keyring.get_keyring(), NoKeyring):
        return ["This computer has no key store, so none was kept there."]
    keys = replace(config.keys, file=None)
    keys.clear_all()
    return [_stays(name) for name in keys.others()]


def _stays(name: str) -> str:
    """That another home's secrets stay, and how to clear them. One that is not there may be on a drive that is not."""
    if name == USUAL:
        return "The usual home's secrets stay: to clear them too, run “autoxero uninstall” without AUTOXERO_HOME."
    place = name.removeprefix(IN)
    gone = ", also if that folder is gone for good" if not Path(place).exists() else ""
    return f"Another home's secrets stay: to clear them too, run “autoxero uninstall” with AUTOXERO_HOME={place}{gone}."


def _remove(path: Path) -> list[str]:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return []


def _remove_inbox(config: Config) -> list[str]:
    _remove(config.inbox)
    if config.inbox.parent != config.home:  # macOS: a folder of its own within Office's
        with suppress(OSError):
            config.inbox.parent.rmdir()
    return []


def _purge(home: Path, workbook: Path | None) -> list[str]:
    """Remove what is the agent's from the home, and the home where nothing else is in it.

    Raises:
        PlainError: The workbook is not free yet.
    """
    if workbook is not None and not _is_free(workbook):
        raise PlainError(
            f"The ledger is kept until {workbook.name} is free, since nothing else knows where that is.",
            "It goes when the command is run again.",
        )
    if not home.exists():
        return []
    for pattern in _HOME:
        for path in home.glob(pattern):
            _remove(path)
    rest = sorted(path.name for path in home.iterdir())
    if rest:
        return [f"{home} was kept, since it holds what AutoXero did not make: {', '.join(rest)}."]
    home.rmdir()
    return []
