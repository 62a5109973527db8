"""Installing: the workbook in its place and wired, and the agent started at log-on.

The plan comes first: what will be done, in sentences, and what stands in the way. Nothing is changed before the plan
is complete and confirmed. Every step may be done again: a second call goes on where the first one ended, and is also
how a newer AutoXero is brought in.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from agent.config import Config, differ, is_on_network, synced_part
from agent.errors import PlainError
from agent.ledger.database import open_database
from agent.ledger.ledger import Ledger
from agent.office import Office, known_facts, other_home, read_free, run_all, stop_agent
from agent.startup import Command, Machine, Startup, startup
from agent.steps import Plan, Step
from agent.template import template
from workbook.errors import WorkbookError
from workbook.kept import Values, from_json
from workbook.restore import revive
from workbook.wiring import Wiring, wire

NAME = "AutoXero.xlsm"

_PLAIN_PATH = re.compile(r"[\w@%+=:,./-]+")
"""A path that needs no quotes in a shell."""


def plan_install(office: Office, wanted: Path | None, *, starts: bool = True) -> Plan:
    """What an installation will do.

    Args:
        office: Where.
        wanted: The workbook, or the folder for it; else where it is already, or the documents folder.
        starts: Whether the agent is started now.

    Raises:
        PlainError: Something stands in the way; nothing was changed.
    """
    workbook = plan_workbook(office, wanted)
    path = Path(workbook.facts["workbook"])
    what = startup(office.machine, now=starts)
    again = _start_again(office, what) if starts else None
    steps = [Step("Stop the agent if it runs.", lambda: stop_agent(office, what.stop), again), *workbook.steps]
    register = (*what.register, *(what.start if starts else ()))
    now = " and start it now" if starts else "; it starts at the next log-on"
    steps.append(
        Step(
            f"Start the agent whenever {office.machine.user} logs on, by {what.what}{now}.",
            lambda: _register(office, Path(what.file), what.content, register),
        )
    )
    return Plan(
        tuple(steps),
        (*_replaced(office, what), *_warnings(office, path)),
        {**workbook.facts, "startup": str(what.file)},
        workbook.next_step,
        "autoxero install",
    )


def plan_workbook(office: Office, wanted: Path | None) -> Plan:
    """The part of an installation that concerns the workbook: put in its place, wired, and remembered.

    Args:
        office: Where.
        wanted: As for `plan_install`.

    Raises:
        PlainError: Something stands in the way; nothing was changed.
    """
    known = known_facts(office.config)
    path = _place(wanted, known, office.documents)
    now = _read(path)
    wiring = _wiring(office, path, known, now)
    is_ours = known["workbook_path"] == str(path) or known["workbook_id"] == wiring.workbook_id
    typed = from_json(known["typed"] if is_ours else "")
    is_lost = not path.exists() and known["workbook_path"] == str(path)
    moved = known["workbook_path"] and differ(known["workbook_path"], path)
    steps = [
        Step(
            f"Bring the ledger in {office.config.home} up to date; a backup is made before it is changed.",
            lambda: _migrate(office.config),
        ),
        Step(
            _workbook_text(office, path, now, typed, is_lost=is_lost),
            lambda: _put_workbook(office, path, wiring, typed, is_lost=is_lost),
        ),
        Step(
            f"Remember {path} as the workbook of this user"
            + (f", in place of {known['workbook_path']}." if moved else "."),
            lambda: _remember(office.config, path, wiring),
        ),
        Step(f"Make the folder {office.config.inbox} for what the buttons ask.", lambda: _make_inbox(office.config)),
    ]
    if office.machine.platform == "darwin":
        steps.append(
            Step("Allow Excel to start Python (xlwings runpython install).", lambda: _allow_run_python(office))
        )
    facts = {
        "workbook": str(path),
        "home": str(office.config.home),
        "inbox": str(office.config.inbox),
        "python": str(office.machine.python),
        "version": office.version,
    }
    next_step = f"Open {path} in Excel and allow its macros; docs/install.md says how where Excel blocks them."
    return Plan(tuple(steps), (), facts, next_step, "autoxero setup")


def _place(wanted: Path | None, known: Mapping[str, str], documents: Path) -> Path:
    """Where the workbook is, or is to be.

    Raises:
        PlainError: It is no place for it, or a fresh copy would take the place of the workbook that is in use.
    """
    recorded = Path(known["workbook_path"]) if known["workbook_path"] else None
    if wanted is None and recorded is not None and not recorded.exists():
        raise PlainError(
            f"The workbook is not at {recorded} any more.",
            "Run “autoxero install --workbook” with the place that you moved it to. If it is lost, give its old place: "
            "then it is made anew from its last backup.",
        )
    if wanted is None:
        return recorded or documents / "AutoXero" / NAME
    path = wanted.expanduser().absolute()
    if path.is_dir() or not path.suffix:
        path /= NAME
    if path.suffix.casefold() != ".xlsm":
        raise PlainError(f"{path.name} is no name for a workbook with macros.", "Give a folder, or a name in .xlsm.")
    if not path.exists() and recorded and recorded.exists():
        raise PlainError(
            f"AutoXero works with {recorded}; a fresh copy at {path} would have none of its settings.",
            "Move the workbook there first and run it again. For a fresh one, move the old one away.",
        )
    return path


def _read(path: Path) -> Wiring:
    """What the workbook is wired to now; blank where there is none.

    Raises:
        PlainError: It is open, or no workbook of ours.
    """
    try:
        return read_free(path) if path.exists() else Wiring("", "", "")
    except (WorkbookError, OSError) as error:
        raise PlainError(str(error), "Give the path of your AutoXero.xlsm with --workbook.") from error


def _wiring(office: Office, path: Path, known: Mapping[str, str], now: Wiring) -> Wiring:
    """What the workbook will be wired to; finds out first whether that is possible.

    Raises:
        PlainError: It is newer than this program, or belongs to someone else who works here.
    """
    if _is_anothers(office, now.inbox) and _may_be_here(now.inbox):
        raise PlainError(
            f"This workbook belongs to the AutoXero of another user or home here: its buttons write to {now.inbox}.",
            "Install with a workbook of your own (--workbook FOLDER), or let that user run “autoxero uninstall” first.",
        )
    if _numbers(now.version) > _numbers(office.version):
        raise PlainError(
            f"{path.name} was installed by a newer AutoXero ({now.version}; this is {office.version}).",
            "Install the newest AutoXero and try again.",
        )
    workbook_id = now.workbook_id or known["workbook_id"] or str(uuid.uuid4())
    machine = office.machine
    return Wiring(
        workbook_id, office.inbox, office.version, machine.platform, str(machine.python), str(path.absolute())
    )


def _is_anothers(office: Office, inbox: str) -> bool:
    """Whether an inbox, blank where there is none, is another home's."""
    return inbox != "" and differ(inbox, office.inbox)


def _may_be_here(inbox: str) -> bool:
    """Whether a folder is on this computer, or in what another user of it keeps to himself."""
    try:
        Path(inbox).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return Path(inbox).is_absolute()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def _workbook_text(office: Office, path: Path, now: Wiring, typed: Mapping[str, Values], *, is_lost: bool) -> str:
    if is_lost:
        as_read = ", with Settings and Mappings as the agent last read them" if typed else ""
        return f"Make {path} anew from its last backup in {office.backups}, or fresh where there is none{as_read}."
    if path.exists():
        told = (
            f"Bring the macros, the ribbon and the layout of {path} up to date; everything else in it stays. "
            f"A copy of it as it is goes to {office.backups}."
        )
        if _is_anothers(office, now.inbox):
            told += (
                f" Take it over from the AutoXero whose inbox was {now.inbox}, which is not on this computer: where "
                "that one still works with this workbook, it sends nothing any more."
            )
        return told
    return f"Put a copy of AutoXero's workbook at {path}, with the macros that xlwings ships."


def _replaced(office: Office, what: Startup) -> list[str]:
    """Warns where this takes the place of another home's agent: a user has one that starts at log-on."""
    home = other_home(office, what)
    told = (
        f"Until now the agent of the home {home} starts at log-on. This one starts in its place, and that home syncs "
        f"by hand only. To go back, run “autoxero install” with AUTOXERO_HOME={home}; without it for the usual home."
    )
    return [told] if home else []


def _warnings(office: Office, path: Path) -> list[str]:
    machine, environment = office.machine, office.config.environment
    found = []
    if part := synced_part(path):
        found.append(
            f"{path} is in a synced folder (“{part}”). That works; but let one computer's AutoXero use it only, and "
            "keep it on this computer (“Always keep on this device”)."
        )
    if is_on_network(path):
        found.append(f"{path} is on a network drive. That works while the drive can be reached.")
    if machine.platform == "darwin" and not _PLAIN_PATH.fullmatch(str(machine.python)):
        found.append(
            f"Excel cannot start a Python whose path holds blanks ({machine.python}). The buttons work while the agent "
            "runs; to have both, install AutoXero in a folder without them."
        )
    if not office.can_open(office.inbox):
        found.append(
            f"Excel's macros cannot open {office.inbox}: it has letters that this Windows' code page lacks, and no "
            "short name. So the buttons reach nobody, and say so; the agent and the column Do work. To have the "
            "buttons, run “autoxero uninstall” if this is no first installation, move all that is in "
            f"{office.config.home} to a folder with plain letters, such as C:\\AutoXero\\home, set the variable "
            "AUTOXERO_HOME to it for your whole account, and run “autoxero install” again; then sign in."
        )
    if environment.get("AUTOXERO_HOME"):
        found.append(
            f"The home {office.config.home} comes from the variable AUTOXERO_HOME. Set it for your whole account: else "
            "commands in other windows, and on Windows the agent, look in the usual place."
        )
    only_here = sorted(
        name for name in environment if name.startswith("AUTOXERO_") and name != "AUTOXERO_HOME" and environment[name]
    )
    if only_here:
        found.append(
            f"The agent that starts at log-on does not see the variables of this window ({', '.join(only_here)}). "
            "Sign in with “autoxero connect”, or set them for your whole account."
        )
    return found


def _migrate(config: Config) -> list[str]:
    open_database(config.database_url).dispose()
    return []


def _put_workbook(
    office: Office, path: Path, wiring: Wiring, typed: Mapping[str, Values], *, is_lost: bool
) -> tuple[str, ...]:
    """Wire the workbook in its place, or a fresh copy that then appears there whole; one that is lost comes back.

    What is made anew has what was typed when the agent last read it: backups may be older, and money goes out by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    notes = revive(path, template(), office.backups, typed) if is_lost else ()
    if path.exists():
        return (*notes, *wire(path, wiring, office.backups, template(), typed).notes)
    fresh = path.with_name(f".{uuid.uuid4().hex}.xlsm")
    try:
        shutil.copyfile(template(), fresh)
        notes = wire(fresh, wiring).notes
        fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    return notes


def _remember(config: Config, path: Path, wiring: Wiring) -> list[str]:
    engine = open_database(config.database_url)
    Ledger(engine).remember(workbook_path=str(path), workbook_id=wiring.workbook_id)
    engine.dispose()
    return []


def _make_inbox(config: Config) -> list[str]:
    config.inbox.mkdir(parents=True, exist_ok=True)
    return []


def _run_python_script(machine: Machine) -> Path:
    """The file by which Excel's sandbox on macOS lets xlwings start Python."""
    folder = Path(machine.folder) / "Library" / "Application Scripts" / "com.microsoft.Excel"
    return folder / f"xlwings-{version('xlwings')}.applescript"


def _allow_run_python(office: Office) -> list[str]:
    """Let xlwings put its script where Excel may run it, and remember that it was us."""
    script = _run_python_script(office.machine)
    if script.exists():
        return []
    program = str(office.machine.python.with_name("xlwings"))
    run_all(office, [Command((program, "runpython", "install"))])
    engine = open_database(office.config.database_url)
    Ledger(engine).remember(run_python_script=str(script))
    engine.dispose()
    return []


def _start_again(office: Office, what: Startup) -> Step | None:
    """Starts the agent where it was registered before: an installation that fails is not to leave it stopped."""
    if not Path(what.file).exists():
        return None

    def act() -> list[str]:
        run_all(office, what.start)
        return []

    return Step(f"Start the agent again, by {what.what} as before.", act)


def _register(office: Office, file: Path, content: bytes, commands: Sequence[Command]) -> list[str]:
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.tmp")
    unfinished.write_bytes(content)
    unfinished.replace(file)
    run_all(office, commands)
    return []
