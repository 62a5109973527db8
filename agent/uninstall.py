"""Uninstalling: all that an installation did undone, and the secrets cleared; the ledger stays unless it is purged."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url

from agent.config import Config
from agent.keys import ENTRIES
from agent.office import BACKUPS, Office, known_facts, read_free, run_all, stop_agent
from agent.startup import Command, startup
from agent.steps import Plan, Step
from workbook.errors import WorkbookError
from workbook.wiring import unwire

_HOME = (
    "ledger.db*", "backups", BACKUPS, "inbox", "*.lock", "agent.alive*", "agent.log*", "bug-*.txt", "start.log",
    "start-at-log-on.xml", ".probe-*",
)  # fmt: skip
"""What the agent keeps in its home: nothing else is removed from there."""


def plan_uninstall(office: Office, *, purge: bool = False) -> Plan:
    """What taking AutoXero off this user's computer will do. All steps are done, also where one fails.

    Args:
        office: Where.
        purge: Whether the ledger and everything else in the home goes too.

    Raises:
        PlainError: The workbook is open; nothing was changed.
    """
    known = known_facts(office.config)
    path = Path(known["workbook_path"]) if known["workbook_path"] else None
    what = startup(office.machine)
    warnings = []
    steps = [
        Step(
            f"Stop the agent, and remove {what.what}.",
            lambda: _unregister(office, Path(what.file), what.stop, what.remove),
        )
    ]
    if path is not None:
        if _is_ours(path, known["workbook_id"]):
            steps.append(
                Step(
                    f"Take xlwings' macros, the path of Python and that of the inbox out of {path}; the file stays "
                    "yours.",
                    lambda: unwire(path, None if purge else office.backups).notes,
                )
            )
        else:
            warnings.append(f"The workbook is not at {path} any more, or is another one now; nothing is done to it.")
    steps.append(Step("Clear all secrets from this computer's key store.", lambda: _clear_secrets(office.config)))
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
                lambda: _purge(home),
            )
        )
    else:
        warnings.append(f"The ledger stays in {home}: it knows what was sent. With --purge it goes too.")
    if make_url(office.config.database_url).get_backend_name() != "sqlite":
        warnings.append("The ledger is in a database of your own (AUTOXERO_DATABASE_URL); that one is left as it is.")
    warnings.append(
        "Xero lists the sign-in until “autoxero connect xero --disconnect” is run, which must be before this."
    )
    facts = {"workbook": str(path or ""), "home": str(home)}
    next_step = f"To remove the program too, delete the folder it was put in; its Python is {office.machine.python}."
    return Plan(
        tuple(steps),
        tuple(warnings),
        facts,
        next_step,
        "autoxero uninstall" + (" --purge" if purge else ""),
        goes_on=True,
    )


def _is_ours(path: Path, workbook_id: str) -> bool:
    try:
        return path.exists() and read_free(path).workbook_id == workbook_id
    except (WorkbookError, OSError):
        return False


def _unregister(office: Office, file: Path, stop: Sequence[Command], remove: Sequence[Command]) -> list[str]:
    run_all(office, (*stop, *remove))
    file.unlink(missing_ok=True)
    stop_agent(office, ())
    return []


def _clear_secrets(config: Config) -> list[str]:
    import keyring  # noqa: PLC0415 - slow
    from keyring.backends.fail import Keyring as NoKeyring  # noqa: PLC0415

    if isinstance(keyring.get_keyring(), NoKeyring):
        return ["This computer has no key store, so none was kept there."]
    for entry in ENTRIES:
        config.keys.clear(entry)
    return []


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


def _purge(home: Path) -> list[str]:
    """Remove what is the agent's from the home, and the home where nothing else is in it."""
    for pattern in _HOME:
        for path in home.glob(pattern):
            _remove(path)
    rest = sorted(path.name for path in home.iterdir())
    if rest:
        return [f"{home} was kept, since it holds what AutoXero did not make: {', '.join(rest)}."]
    home.rmdir()
    return []
