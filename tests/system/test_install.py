"""Installing and uninstalling: Linux with the real command, Windows and macOS by what would be written and run."""

from __future__ import annotations

import json
import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from filelock import FileLock
from lxml import etree
from openpyxl import load_workbook
from pyopenvba import ExcelFile

from agent.alive import LOCK
from agent.config import Config, read_config
from agent.errors import INTERRUPTED, MEND_FIRST, PlainError
from agent.install import plan_install
from agent.keys import ENTRIES
from agent.ledger.database import open_database
from agent.ledger.ledger import Ledger
from agent.office import Office, check_python
from agent.startup import Machine, Platform
from agent.steps import carry_out
from agent.template import template
from agent.uninstall import plan_uninstall
from tests.filekeys import VARIABLE
from tests.support import Practice, support
from workbook.package import Package
from workbook.project import Projection, project
from workbook.read import read
from workbook.wiring import read_wiring

TOP = Path(__file__).parents[2]
SYSTEMCTL = '#!/bin/sh\necho "$@" >> "$CALLS"\nif [ -e "$CALLS.fail" ]; then echo "Access denied" >&2; exit 1; fi\n'
INSTALLED = ["stop autoxero.service", "daemon-reload", "enable autoxero.service", "restart autoxero.service"]


# --- Linux, with the real command ---


@dataclass
class User:
    """A user of a Linux computer, with a home of their own and a ``systemctl`` that only writes down its calls."""

    folder: Path

    def __post_init__(self) -> None:
        """Make the user's folder and the fake program."""
        (self.folder / "bin").mkdir(parents=True)
        program = self.folder / "bin" / "systemctl"
        program.write_text(SYSTEMCTL)
        program.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What the user's programs see."""
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "CALLS": str(self.folder / "calls"),
            "PYTHON_KEYRING_BACKEND": "tests.filekeys.FileKeys",
            VARIABLE: str(self.folder / "keys.json"),
        }

    @property
    def home(self) -> Path:
        """The agent's home."""
        return self.folder / ".local" / "share" / "AutoXero"

    @property
    def workbook(self) -> Path:
        """Where the workbook is put by itself."""
        return self.folder / "Documents" / "AutoXero" / "AutoXero.xlsm"

    @property
    def unit(self) -> Path:
        """What starts the agent."""
        return self.folder / ".config" / "systemd" / "user" / "autoxero.service"

    def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run the real command."""
        environment = self.environment | more.pop("environment", {})
        return subprocess.run(
            [sys.executable, "-m", "agent", *arguments], cwd=TOP, env=environment, capture_output=True, text=True,
            encoding="utf-8", check=False, timeout=120, **more,
        )  # fmt: skip

    def calls(self) -> list[str]:
        """What ``systemctl`` was asked since the last time."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        assert all(line.startswith("--user ") for line in lines)
        return [line.removeprefix("--user ") for line in lines]

    def fact(self, name: str) -> str:
        """What the ledger remembers."""
        engine = open_database(f"sqlite:///{self.home / 'ledger.db'}")
        found = Ledger(engine).fact(name)
        engine.dispose()
        return found


@pytest.fixture
def user(tmp_path: Path) -> User:
    """A user who has no AutoXero yet, and whose folder is no plain word."""
    if sys.platform != "linux":
        pytest.skip("drives the real command for Linux; the other platforms are tested below, everywhere")
    return User(tmp_path / "Zoë & Söhne")


def test_install_puts_everything_in_its_place(user: User) -> None:
    """The workbook opens and is wired, the ledger knows it, the agent is started and will be at log-on."""
    done = user.run("install", "--yes")
    assert done.returncode == 0, done.stderr
    assert user.calls() == INSTALLED
    wired = read_wiring(user.workbook)
    assert wired.inbox == str(user.home / "inbox")
    assert Path(wired.inbox).is_dir()
    assert wired.workbook_id == user.fact("workbook_id") != ""
    assert user.fact("workbook_path") == str(user.workbook)
    assert load_workbook(user.workbook).sheetnames[0] == "Dashboard"
    with ExcelFile(user.workbook) as file:
        assert {"xlwings", "AutoXeroRibbon"} <= set(file.module_names())
    assert f'"{sys.executable}" "-m" "agent" "run"' in user.unit.read_text()
    assert [path.name for path in user.workbook.parent.iterdir()] == ["AutoXero.xlsm"], "nothing half done is left"


def test_install_says_first_what_it_will_do(user: User) -> None:
    """Without a yes nothing at all is changed, and every step is told."""
    done = user.run("install", stdin=subprocess.DEVNULL)
    assert done.returncode == MEND_FIRST
    for words in (str(user.workbook), str(user.home), "xlwings", "autoxero.service", "--yes", "Nothing was done"):
        assert words in done.stderr
    assert user.calls() == []
    assert not user.workbook.exists()
    assert not user.unit.exists()
    assert list(user.home.iterdir()) == []


@pytest.mark.parametrize(("typed", "code"), [("n\n", INTERRUPTED), ("y\n", 0)])
def test_install_asks_on_a_terminal(user: User, typed: str, code: int) -> None:
    pty = pytest.importorskip("pty")
    keyboard, terminal = pty.openpty()
    os.write(keyboard, typed.encode())
    done = user.run("install", stdin=terminal)
    os.close(keyboard)
    os.close(terminal)
    assert done.returncode == code, done.stderr
    assert "Go on?" in done.stderr
    assert user.workbook.exists() == (code == 0)


def test_install_again_changes_nothing_but_starts_anew(user: User) -> None:
    """The second call finds everything done: the file is the same byte for byte, no copy of it is made."""
    user.run("install", "--yes")
    before = user.workbook.read_bytes()
    user.calls()
    done = user.run("install", "--yes", "--json")
    answer = msgspec.json.decode(done.stdout)
    assert done.returncode == 0
    assert done.stderr == ""
    assert answer["workbook"] == str(user.workbook)
    assert answer["startup"] == str(user.unit)
    assert len(answer["done"]) == 6
    assert user.workbook.read_bytes() == before
    assert not (user.home / "workbook-backups").exists()
    assert user.calls() == INSTALLED


def test_an_existing_workbook_is_wired_where_it_is(user: User) -> None:
    """What the accountant typed stays; the file as it was is kept."""
    path = user.folder / "Accounts" / "AutoXero.xlsm"
    path.parent.mkdir()
    shutil.copyfile(template(), path)
    project(path, Projection(edits={"Settings": {("Autotask user name",): {"Value": "api@kauri.example"}}}))
    before = path.read_bytes()
    done = user.run("install", "--yes", "--no-start", "--workbook", str(path.parent))
    assert done.returncode == 0, done.stderr
    assert read(path).settings.autotask_user == "api@kauri.example"
    assert read_wiring(path).inbox == str(user.home / "inbox")
    assert [copy.read_bytes() for copy in (user.home / "workbook-backups").iterdir()] == [before]
    assert user.fact("workbook_path") == str(path)
    assert user.calls() == INSTALLED[:-1], "it is not started now, but at the next log-on"
    assert not user.workbook.exists()
    assert user.run("install", "--yes").returncode == 0
    assert not user.workbook.exists(), "the next one finds it again"


def test_a_fresh_copy_beside_the_workbook_in_use_is_refused(user: User) -> None:
    """It would have none of the settings: nobody is to wonder where they went."""
    user.run("install", "--yes")
    done = user.run("install", "--yes", "--workbook", str(user.folder / "Elsewhere"))
    assert done.returncode == MEND_FIRST
    assert str(user.workbook) in done.stderr
    assert not (user.folder / "Elsewhere").exists()


def test_a_lost_workbook_comes_back_as_itself(user: User) -> None:
    """A fresh copy in the place of a lost one is the same workbook to the ledger."""
    user.run("install", "--yes")
    number = read_wiring(user.workbook).workbook_id
    user.workbook.unlink()
    assert user.run("install", "--yes").returncode == 0
    assert read_wiring(user.workbook).workbook_id == number


def test_a_workbook_that_is_open_stops_it_before_anything_is_done(user: User) -> None:
    user.run("install", "--yes")
    user.calls()
    before = user.workbook.read_bytes()
    user.workbook.with_name("~$AutoXero.xlsm").write_bytes(bytes([2]) + b"Jo" + bytes(50))
    for command in ("install", "uninstall"):
        done = user.run(command, "--yes", "--json")
        error = msgspec.json.decode(done.stdout)["error"]
        assert done.returncode == MEND_FIRST
        assert "open by Jo" in error["message"]
        assert "close it" in error["next_step"]
    assert user.calls() == []
    assert user.unit.exists()
    assert user.workbook.read_bytes() == before


def test_a_second_user_is_told_whose_workbook_it_is(user: User, tmp_path: Path) -> None:
    """One agent per user: the workbook's buttons write to the first user's inbox, and stay so."""
    user.run("install", "--yes")
    before = user.workbook.read_bytes()
    second = User(tmp_path / "second")
    done = second.run("install", "--yes", "--workbook", str(user.workbook))
    assert done.returncode == MEND_FIRST
    assert "belongs to the AutoXero of another user" in done.stderr
    assert str(user.home / "inbox") in done.stderr
    assert second.calls() == []
    assert user.workbook.read_bytes() == before
    assert second.run("install", "--yes").returncode == 0, "with a workbook of their own"
    assert user.run("uninstall", "--yes").returncode == 0
    third = User(tmp_path / "third")
    taken = third.run("install", "--yes", "--workbook", str(user.workbook))
    assert taken.returncode == 0, "what was handed over may be taken over"


def test_what_fails_midway_says_what_was_done_and_goes_on_later(user: User) -> None:
    failing = user.folder / "calls.fail"
    failing.touch()
    done = user.run("install", "--yes")
    assert done.returncode == MEND_FIRST
    assert "Access denied" in done.stderr
    assert "Done before it, and kept: Stop the agent if it runs." in done.stderr
    assert "run “autoxero install” again" in done.stderr
    assert read_wiring(user.workbook).inbox
    failing.unlink()
    user.calls()
    assert user.run("install", "--yes").returncode == 0
    assert user.calls() == INSTALLED


def test_an_older_ledger_is_brought_up_to_date_with_a_backup(user: User) -> None:
    """By the same call that brings the macros up to date."""
    user.run("install", "--yes")
    engine = open_database(f"sqlite:///{user.home / 'ledger.db'}")
    with engine.begin() as connection:
        newest = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    engine.dispose()
    fresh = user.home / "ledger.db"
    fresh.unlink()
    _first_ledger(fresh)
    assert user.run("install", "--yes").returncode == 0
    engine = open_database(f"sqlite:///{fresh}")
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == newest
    engine.dispose()
    assert list((user.home / "backups").glob("ledger-before-*.db"))


def _first_ledger(path: Path) -> None:
    """A ledger as the first version made it."""
    from alembic import command
    from alembic.config import Config as Alembic
    from sqlalchemy import create_engine

    settings = Alembic()
    settings.set_main_option("script_location", str(TOP / "agent" / "ledger" / "migrations"))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0001")
    engine.dispose()


def test_an_older_layout_is_brought_up_to_date(user: User) -> None:
    """A workbook without the names and columns of today has them afterwards, and what was typed into it."""
    user.workbook.parent.mkdir(parents=True)
    shutil.copyfile(template(), user.workbook)
    project(user.workbook, Projection(edits={"Settings": {("Autotask user name",): {"Value": "api@kauri.example"}}}))
    package = Package.read(user.workbook)
    book = re.sub(
        rb'<definedName name="AutoXero(?:Version|Layout)".*?</definedName>', b"", package.part("xl/workbook.xml")
    )
    package.replace("xl/workbook.xml", book)
    package.save(user.workbook, package.digest)
    assert read_wiring(user.workbook).version == ""
    done = user.run("install", "--yes")
    assert done.returncode == 0, done.stderr
    assert read_wiring(user.workbook).version != ""
    assert read(user.workbook).settings.autotask_user == "api@kauri.example"


def test_uninstall_takes_it_all_back_and_keeps_what_is_the_accountants(user: User) -> None:
    """The start-up entry, xlwings' macros, the paths and every secret go; the workbook and the ledger stay."""
    user.run("install", "--yes")
    keys = user.folder / "keys.json"
    keys.write_text(json.dumps({f"AutoXero/{entry}": "s3cr3t" for entry in ENTRIES} | {"Mail/jo": "theirs"}))
    user.calls()
    done = user.run("uninstall", "--yes", "--json")
    assert done.returncode == 0, done.stdout
    assert user.calls() == ["stop autoxero.service", "disable autoxero.service"]
    assert not user.unit.exists()
    assert not (user.home / "inbox").exists()
    assert json.loads(keys.read_text()) == {"Mail/jo": "theirs"}
    wired = read_wiring(user.workbook)
    assert (wired.inbox, wired.workbook_id) == ("", user.fact("workbook_id"))
    with ExcelFile(user.workbook) as file:
        assert "xlwings" not in file.module_names()
    assert user.fact("workbook_path") == str(user.workbook)
    assert user.run("uninstall", "--yes").returncode == 0, "again is fine"
    assert user.run("install", "--yes").returncode == 0, "and so is coming back"


def test_uninstall_says_first_what_it_will_do(user: User) -> None:
    user.run("install", "--yes")
    user.calls()
    done = user.run("uninstall", "--purge", stdin=subprocess.DEVNULL)
    assert done.returncode == MEND_FIRST
    for words in ("autoxero.service", "secrets", "ledger", str(user.workbook), "--yes"):
        assert words in done.stderr
    assert user.calls() == []
    assert user.unit.exists()
    assert (user.home / "ledger.db").exists()


def test_a_purge_asks_twice(user: User) -> None:
    pty = pytest.importorskip("pty")
    user.run("install", "--yes")
    keyboard, terminal = pty.openpty()
    os.write(keyboard, b"y\nn\n")
    done = user.run("uninstall", "--purge", stdin=terminal)
    os.close(keyboard)
    os.close(terminal)
    assert done.returncode == INTERRUPTED
    assert "Remove the ledger for good?" in done.stderr
    assert (user.home / "ledger.db").exists()


def test_a_purge_removes_what_is_ours_from_the_home(user: User) -> None:
    """What is not ours stays, and is named."""
    user.run("install", "--yes")
    (user.home / "agent.log").touch()
    (user.home / "my notes.txt").write_text("mine")
    done = user.run("uninstall", "--purge", "--yes")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in user.home.iterdir()] == ["my notes.txt"]
    assert "my notes.txt" in done.stderr
    (user.home / "my notes.txt").unlink()
    assert user.run("uninstall", "--purge", "--yes").returncode == 0
    assert not user.home.exists()
    assert user.workbook.exists()


def test_uninstall_does_all_it_can_where_a_step_fails(user: User) -> None:
    """A key store that is locked does not keep the agent running; it is said, and clearing can be done later."""
    user.run("install", "--yes")
    (user.folder / "keys.json").write_text(json.dumps({"!locked": "", "AutoXero/smtp-password": "s3cr3t"}))
    done = user.run("uninstall", "--yes")
    assert done.returncode == MEND_FIRST
    assert "key store of this computer is locked" in done.stderr
    assert "s3cr3t" not in done.stderr
    assert not user.unit.exists()
    assert read_wiring(user.workbook).inbox == ""
    assert not (user.home / "inbox").exists(), "what comes after it is done as well"


def test_no_secret_is_in_any_file_that_is_written(user: User) -> None:
    """Variables of the window are named in a warning, and their values stand nowhere."""
    given = {"AUTOXERO_AUTOTASK_SECRET": "s3cr3t-one", "AUTOXERO_XERO_CLIENT_SECRET": "s3cr3t-two",
             "AUTOXERO_HOME": str(user.home)}  # fmt: skip
    done = user.run("install", "--yes", environment=given)
    assert "AUTOXERO_AUTOTASK_SECRET, " in done.stderr
    assert "AUTOXERO_XERO_CLIENT_SECRET" in done.stderr
    assert "s3cr3t" not in done.stderr
    written = [path.read_bytes() for path in user.folder.rglob("*") if path.is_file()]
    assert not [data for data in written if b"s3cr3t" in data]
    assert f'Environment="AUTOXERO_HOME={user.home}"' in user.unit.read_text()


def test_syncs_go_on_after_an_installation(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger takes the installed workbook for its own, and after a purge nothing of the home is left."""
    monkeypatch.setattr("keyring.get_keyring", _no_key_store)
    office = office_of(practice, "linux")
    carry_out(plan_install(office, practice.workbook), print)
    practice.world.invoice("Kauri Legal", [support()])
    assert practice.sync().created == 1
    assert read_wiring(practice.workbook).inbox == str(practice.home / "inbox")
    assert practice.table("Invoices")[0]["Status"] == "Synced"
    carry_out(plan_uninstall(office, purge=True), print)
    assert not practice.home.exists()


# --- every platform, by what would be written and run ---


@dataclass
class Recorder:
    """Runs nothing; writes down what should have been run."""

    calls: list[tuple[str, ...]] = field(default_factory=list)
    codes: dict[str, list[int]] = field(default_factory=dict)

    def __call__(self, arguments: Sequence[str]) -> tuple[int, str]:
        """Write it down; fails as often as the codes say."""
        self.calls.append(tuple(arguments))
        codes = self.codes.get(arguments[1], [])
        return (codes.pop(0) if codes else 0), "Zugriff verweigert."


def _no_key_store() -> object:
    from keyring.backends.fail import Keyring

    return Keyring()  # type: ignore[no-untyped-call] # the library's


def office_of(practice: Practice, platform: Platform) -> Office:
    machine = Machine(
        platform,
        "OFFICE\\jo" if platform == "win32" else "jo",
        501,
        practice.home.parent,
        practice.home,
        PYTHONS[platform],
    )
    return Office(practice.desk().config, machine, practice.home.parent, "0.1.0", Recorder(), lambda _seconds: None)


PYTHONS = {
    "win32": Path("C:/AutoXero/.venv/Scripts/python.exe"),
    "darwin": Path("/opt/autoxero/.venv/bin/python"),
    "linux": Path("/opt/autoxero/.venv/bin/python"),
}

MakeOffice = Callable[[Platform], tuple[Office, Recorder]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeOffice:
    """An office on any platform, with nothing installed."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("keyring.get_keyring", _no_key_store)

    def made(platform: Platform) -> tuple[Office, Recorder]:
        monkeypatch.setattr("agent.config.sys", SimpleNamespace(platform=platform))
        config = read_config({"AUTOXERO_HOME": str(tmp_path / "AutoXero home")})
        config = Config(config.home, {})
        user = "OFFICE\\jo" if platform == "win32" else "jo"
        machine = Machine(platform, user, 501, tmp_path, config.home, PYTHONS[platform])
        recorder = Recorder()
        return Office(config, machine, tmp_path / "Documents", "0.1.0", recorder, lambda _seconds: None), recorder

    return made


def test_on_windows_a_task_is_made_and_run(make: MakeOffice) -> None:
    office, recorder = make("win32")
    carry_out(plan_install(office, None), print)
    task = office.config.home / "start-at-log-on.xml"
    assert [call[:4] for call in recorder.calls] == [
        ("schtasks", "/End", "/TN", "AutoXero-OFFICE-jo"),
        ("schtasks", "/Create", "/TN", "AutoXero-OFFICE-jo"),
        ("schtasks", "/Run", "/TN", "AutoXero-OFFICE-jo"),
    ]
    assert recorder.calls[1][4:] == ("/XML", str(task), "/F")
    assert "C:/AutoXero/.venv/Scripts/pythonw.exe" in [item.text for item in etree.fromstring(task.read_bytes()).iter()]
    sheet = load_workbook(office.documents / "AutoXero" / "AutoXero.xlsm")["xlwings.conf"]
    assert sheet["B1"].value == str(PYTHONS["win32"]), "the buttons start python, which says what went wrong"
    recorder.calls.clear()
    carry_out(plan_uninstall(office), print)
    assert [call[1] for call in recorder.calls] == ["/End", "/Delete"]
    assert not task.exists()


def test_on_macos_excel_is_allowed_to_start_python(make: MakeOffice, tmp_path: Path) -> None:
    """The inbox is where Office may write; xlwings' script is put where Excel may run it, and is taken away again."""
    office, recorder = make("darwin")
    carry_out(plan_install(office, None), print)
    entry = tmp_path / "Library" / "LaunchAgents" / "autoxero.agent.plist"
    assert plistlib.loads(entry.read_bytes())["ProgramArguments"][1:] == ["-m", "agent", "run"]
    assert recorder.calls == [
        ("launchctl", "bootout", "gui/501/autoxero.agent"),
        ("/opt/autoxero/.venv/bin/xlwings", "runpython", "install"),
        ("launchctl", "enable", "gui/501/autoxero.agent"),
        ("launchctl", "bootstrap", "gui/501", str(entry)),
    ]
    inbox = tmp_path / "Library" / "Group Containers" / "UBF8T346G9.Office" / "AutoXero" / "inbox"
    assert inbox.is_dir()
    path = office.documents / "AutoXero" / "AutoXero.xlsm"
    assert read_wiring(path).inbox == str(inbox)
    with ExcelFile(path) as file:
        assert {"xlwings", "Dictionary"} <= set(file.module_names())
    folder = tmp_path / "Library" / "Application Scripts" / "com.microsoft.Excel"
    folder.mkdir(parents=True)
    (folder / "xlwings-0.37.8.applescript").touch()
    (folder / "theirs.applescript").touch()
    carry_out(plan_uninstall(office), print)
    assert [path.name for path in folder.iterdir()] == ["theirs.applescript"]
    assert not inbox.parent.exists()
    assert not entry.exists()


def test_on_macos_a_script_that_was_there_before_stays(make: MakeOffice, tmp_path: Path) -> None:
    """Somebody else's work with xlwings needs it."""
    script = tmp_path / "Library" / "Application Scripts" / "com.microsoft.Excel" / "xlwings-0.37.8.applescript"
    script.parent.mkdir(parents=True)
    script.touch()
    office, recorder = make("darwin")
    carry_out(plan_install(office, None), print)
    assert not [call for call in recorder.calls if "runpython" in call]
    carry_out(plan_uninstall(office), print)
    assert script.exists()


def test_macos_is_given_time_to_let_go_of_the_old_one(make: MakeOffice) -> None:
    office, recorder = make("darwin")
    recorder.codes = {"bootstrap": [5, 37]}
    carry_out(plan_install(office, None), print)
    assert [call[1] for call in recorder.calls].count("bootstrap") == 3


def test_a_forbidden_task_is_told_with_the_way_round_it(make: MakeOffice) -> None:
    office, recorder = make("win32")
    recorder.codes = {"/Create": [1], "/End": [1]}
    with pytest.raises(PlainError) as caught:
        carry_out(plan_install(office, None), print)
    assert "Zugriff verweigert" in caught.value.message
    assert "autoxero run" in caught.value.message
    assert "docs/forward-to-it.md" in caught.value.message
    assert (TOP / "docs" / "forward-to-it.md").exists()


def test_an_agent_that_was_started_by_hand_is_not_overlooked(make: MakeOffice) -> None:
    """Two agents of one user would get in each other's way: the window is named in which to end it."""
    office, _ = make("linux")
    with FileLock(office.config.home / LOCK), pytest.raises(PlainError, match="started by hand"):
        carry_out(plan_install(office, None), print)
    assert not office.documents.exists()


@pytest.mark.parametrize(
    ("folder", "words"),
    [("OneDrive - Kowhai IT", "synced folder"), ("Dropbox", "synced folder"), ("Accounts", "")],
)
def test_a_synced_folder_is_allowed_with_a_warning(make: MakeOffice, tmp_path: Path, folder: str, words: str) -> None:
    office, _ = make("win32")
    plan = plan_install(office, tmp_path / folder)
    told = " ".join(plan.warnings)
    assert words in told
    assert (words == "") == (told == "")
    carry_out(plan, print)
    assert (tmp_path / folder / "AutoXero.xlsm").exists()


def test_a_network_drive_is_allowed_with_a_warning(make: MakeOffice) -> None:
    office, _ = make("win32")
    assert "network drive" in " ".join(plan_install(office, Path("//server/share/AutoXero.xlsm")).warnings)


def test_macos_warns_of_a_python_that_excel_cannot_start(make: MakeOffice) -> None:
    office, _ = make("darwin")
    machine = replace(office.machine, python=Path("/Users/jo/My Programs/.venv/bin/python"))
    assert "holds blanks" in " ".join(plan_install(replace(office, machine=machine), None).warnings)
    assert plan_install(office, None).warnings == ()


@pytest.mark.parametrize(
    ("prefix", "base", "words"),
    [
        ("C:/AutoXero/.venv", "C:/Program Files/WindowsApps/PythonSoftwareFoundation.Python.3.12", "Microsoft Store"),
        ("/Users/jo/Library/Caches/uv/archive-v0/x1", "/opt/python", "passing"),
        ("/home/jo/.cache/uv/environments-v2/x1", "/opt/python", "passing"),
    ],
)
def test_a_python_that_would_not_be_found_again_is_refused(prefix: str, base: str, words: str) -> None:
    with pytest.raises(PlainError, match=words):
        check_python(prefix, base)
    check_python(sys.prefix, sys.base_prefix)


def test_a_newer_workbook_is_refused(make: MakeOffice) -> None:
    office, _ = make("linux")
    carry_out(plan_install(replace(office, version="0.10.0"), None), print)
    with pytest.raises(PlainError, match="newer AutoXero"):
        plan_install(replace(office, version="0.9.0"), None)


@pytest.mark.parametrize("name", ["AutoXero.xlsx", "theirs.xlsm"])
def test_what_is_no_workbook_of_ours_is_refused(make: MakeOffice, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK nothing of ours")
    office, recorder = make("linux")
    with pytest.raises(PlainError) as caught:
        plan_install(office, tmp_path / name)
    assert caught.value.exit_code == MEND_FIRST
    assert (tmp_path / name).read_bytes() == b"PK nothing of ours"
    assert recorder.calls == []


def test_a_wiring_that_fails_leaves_no_half_workbook(make: MakeOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "AutoXero.xlsm")

    monkeypatch.setattr("agent.install.wire", full)
    office, _ = make("linux")
    with pytest.raises(PlainError, match="No space left"):
        carry_out(plan_install(office, None), print)
    assert list((office.documents / "AutoXero").iterdir()) == []
