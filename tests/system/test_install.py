"""Installing and uninstalling: Linux with the real command, Windows and macOS by what would be written and run."""

from __future__ import annotations

import ctypes
import json
import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any, cast

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
from agent.office import CONSOLE, Office, check_python, run_program, short_path
from agent.startup import Machine, Platform, home_of
from agent.steps import carry_out
from agent.template import template
from agent.uninstall import plan_uninstall
from tests.filekeys import VARIABLE
from tests.support import Practice, support
from tests.torture import drop_column
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

    def open_elsewhere(self) -> Path:
        """Let Jo have the workbook open; gives the file that says so."""
        owner = self.workbook.with_name("~$AutoXero.xlsm")
        owner.write_bytes(bytes([2]) + b"Jo" + bytes(50))
        return owner

    def keep_secrets(self) -> None:
        """Fill the key store, as signing in would."""
        secrets = {f"AutoXero/{entry}": "s3cr3t" for entry in ENTRIES} | {"Mail/jo": "theirs"}
        (self.folder / "keys.json").write_text(json.dumps(secrets))

    def secrets(self) -> dict[str, str]:
        """What is in the key store."""
        return dict(json.loads((self.folder / "keys.json").read_text()))

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
    project(user.workbook, Projection(edits={"Settings": {("Autotask user name",): {"Value": "api@kauri.example"}}}))
    assert user.run("set", "Reference", "Purchase order").returncode == 0  # which keeps a copy of it as it was
    moved = user.workbook.rename(user.workbook.with_name("Moved.xlsm"))
    done = user.run("install", "--yes")
    assert done.returncode == MEND_FIRST
    assert f"The workbook is not at {user.workbook} any more." in done.stderr
    assert "“autoxero install --workbook” with the place that you moved it to" in done.stderr
    assert not user.workbook.exists()
    found = user.run("install", "--yes", "--workbook", str(user.workbook))
    assert found.returncode == 0, found.stderr
    assert "made anew from the backup" in found.stderr
    assert read_wiring(user.workbook).workbook_id == number
    assert read(user.workbook).settings.autotask_user == "api@kauri.example"
    assert moved.exists()


def test_a_workbook_that_is_open_stops_it_before_anything_is_done(user: User) -> None:
    user.run("install", "--yes")
    user.calls()
    before = user.workbook.read_bytes()
    user.open_elsewhere()
    done = user.run("install", "--yes", "--json")
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


def test_a_workbook_from_another_computer_is_taken_over_and_told(user: User, tmp_path: Path) -> None:
    """Nothing but an installation does that; where its former AutoXero still works with it, that one stops sending."""
    user.run("install", "--yes")
    second = User(tmp_path / "second")
    for arguments in (("sync",), ("run",), ("set", "Paused", "Yes"), ("test",)):
        done = second.run(*arguments, "--workbook", str(user.workbook))
        assert done.returncode == MEND_FIRST, arguments
        assert f"its buttons write to {user.home / 'inbox'}" in done.stderr
    assert "No invoices yet" in second.run("status", "--workbook", str(user.workbook)).stderr
    away = user.home.rename(user.home.with_name("elsewhere"))
    assert "autoxero install --workbook" in second.run("sync", "--workbook", str(user.workbook)).stderr
    taken = second.run("install", "--yes", "--workbook", str(user.workbook))
    assert taken.returncode == 0, taken.stderr
    assert f"Take it over from the AutoXero whose inbox was {user.home / 'inbox'}" in taken.stderr
    away.rename(user.home)
    for command in ("sync", "install"):
        assert f"its buttons write to {second.home / 'inbox'}" in user.run(command).stderr


def test_what_fails_midway_says_what_was_done_and_goes_on_later(user: User) -> None:
    failing = user.folder / "calls.fail"
    failing.touch()
    done = user.run("install", "--yes")
    assert done.returncode == MEND_FIRST
    assert "Access denied" in done.stderr
    assert "Done before it, and kept: Stop the agent if it runs." in done.stderr
    assert "run “autoxero install” again" in done.stderr
    assert "Start the agent again" not in done.stderr, "there was none"
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
    user.keep_secrets()
    user.calls()
    done = user.run("uninstall", "--yes", "--json")
    assert done.returncode == 0, done.stdout
    assert user.calls() == ["stop autoxero.service", "disable autoxero.service"]
    assert not user.unit.exists()
    assert not (user.home / "inbox").exists()
    assert user.secrets() == {"Mail/jo": "theirs"}
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


def test_an_open_workbook_keeps_no_secret_from_being_cleared(user: User) -> None:
    """All else is done, what is left is said with its cure and by the exit code, and the next call does it."""
    user.run("install", "--yes")
    user.keep_secrets()
    user.calls()
    before = user.workbook.read_bytes()
    owner = user.open_elsewhere()
    done = user.run("uninstall", "--yes", "--json")
    error = msgspec.json.decode(done.stdout)["error"]
    assert done.returncode == MEND_FIRST
    assert "open by Jo" in error["message"]
    assert "close it, and run the command again" in error["message"]
    assert "Done all the same: Stop the agent" in error["message"]
    assert user.secrets() == {"Mail/jo": "theirs"}
    assert user.calls() == ["stop autoxero.service", "disable autoxero.service"]
    assert not user.unit.exists()
    assert not (user.home / "inbox").exists()
    assert user.workbook.read_bytes() == before
    owner.unlink()
    assert user.run("uninstall", "--yes").returncode == 0
    assert read_wiring(user.workbook).inbox == ""


def test_a_purge_waits_for_a_workbook_that_is_open(user: User) -> None:
    """Nothing but the ledger knows where the workbook is that has to be unwired yet."""
    user.run("install", "--yes")
    user.keep_secrets()
    owner = user.open_elsewhere()
    done = user.run("uninstall", "--purge", "--yes")
    assert done.returncode == MEND_FIRST
    assert "The ledger is kept until AutoXero.xlsm is free" in done.stderr
    assert user.secrets() == {"Mail/jo": "theirs"}
    owner.unlink()
    assert user.run("uninstall", "--purge", "--yes").returncode == 0
    assert read_wiring(user.workbook).inbox == ""
    assert not user.home.exists()


def test_a_damaged_ledger_keeps_no_secret_from_being_cleared(user: User) -> None:
    """What it would have told is named; the rest is done."""
    user.run("install", "--yes")
    user.keep_secrets()
    user.calls()
    (user.home / "ledger.db").write_bytes(b"SQLite format 3\0 and then nothing of the kind" * 100)
    done = user.run("uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    assert user.secrets() == {"Mail/jo": "theirs"}
    assert "not known which workbook is wired" in done.stderr
    assert "rebuild-ledger" in done.stderr
    assert user.calls() == ["stop autoxero.service", "disable autoxero.service"]
    assert not (user.home / "inbox").exists()
    assert read_wiring(user.workbook).inbox != "", "whose it is was not known"
    assert user.run("uninstall", "--purge", "--yes").returncode == 0
    assert not user.home.exists()


def test_secrets_are_cleared_from_a_home_that_cannot_be_used_any_more(user: User) -> None:
    """It came into a synced folder: nothing may be kept there, but all may be taken away."""
    home = user.folder / "OneDrive" / "AutoXero"
    user.keep_secrets()
    keys = user.secrets() | {f"AutoXero in {home}/smtp-password": "s3cr3t", "AutoXero/homes": f"AutoXero in {home}"}
    (user.folder / "keys.json").write_text(json.dumps(keys))
    given = {"AUTOXERO_HOME": str(home)}
    assert "synced folder" in user.run("sync", environment=given).stderr
    done = user.run("uninstall", "--yes", environment=given)
    assert done.returncode == 0, done.stderr
    assert f"Done: Clear all secrets of the home {home}" in done.stderr
    assert "The usual home's secrets stay" in done.stderr
    assert set(user.secrets()) == {f"AutoXero/{entry}" for entry in ENTRIES} | {"Mail/jo"}


def test_secrets_are_cleared_where_the_file_in_their_place_cannot_be(user: User) -> None:
    user.keep_secrets()
    (user.home / "keys.sealed").mkdir(parents=True)  # as little to be deleted as in a home that can only be read
    done = user.run("uninstall", "--yes")
    assert done.returncode != 0
    assert "keys.sealed" in done.stderr
    assert user.secrets() == {"Mail/jo": "theirs"}


def test_other_homes_that_have_secrets_are_told_and_keep_them(user: User) -> None:
    """One that is not there may be on a drive that is not connected; where it is gone, it is cleared by its name."""
    here, away = (user.folder / name for name in ("here", "away"))
    here.mkdir()
    user.keep_secrets()
    theirs = {f"AutoXero in {home}/smtp-password": "s3cr3t" for home in (here, away)}
    theirs |= {"AutoXero/homes": f"AutoXero in {here}\nAutoXero in {away}", "Mail/jo": "theirs"}
    (user.folder / "keys.json").write_text(json.dumps(user.secrets() | theirs))
    done = user.run("uninstall", "--yes", "--purge")
    assert done.returncode == 0, done.stderr
    assert f"run “autoxero uninstall” with AUTOXERO_HOME={here}." in done.stderr
    assert f"run “autoxero uninstall” with AUTOXERO_HOME={away}, also if that folder is gone for good." in done.stderr
    assert user.secrets() == theirs
    assert user.run("uninstall", "--yes", environment={"AUTOXERO_HOME": str(away)}).returncode == 0
    assert f"AutoXero in {away}/smtp-password" not in user.secrets()
    assert f"AutoXero in {here}/smtp-password" in user.secrets()


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


@pytest.mark.parametrize("loss", ["the file", "a column"])
def test_what_an_installation_makes_anew_has_what_was_typed_last(practice: Practice, loss: str) -> None:
    """No backup has what was typed since the last one: no money goes out by what was typed before."""
    for _ in range(2):
        practice.world.invoice("Kauri Legal", [support()])
        practice.sync()
    practice.type_settings({"Hold invoices dated on or before": date(2099, 1, 1)})
    practice.map("AccountMap", "Xero account", ("Remote Support", ""), "260")
    saved = read(practice.workbook)
    practice.sync()
    if loss == "the file":
        practice.workbook.unlink()
    else:
        drop_column(practice.workbook, "AccountMap", "Xero account")
    plan = plan_install(office_of(practice, "linux"), practice.workbook)
    told = "fresh where there is none, with Settings and Mappings as the agent last read them."
    assert any(step.text.endswith(told) for step in plan.steps) == (loss == "the file")
    carry_out(plan, print)
    held = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert practice.rows()[held]["status"] == "Waiting"
    now = read(practice.workbook)
    assert now.settings == saved.settings
    assert set(now.mappings.accounts) == set(saved.mappings.accounts)


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
        is_unknown = arguments[1] == "/Query"
        return (codes.pop(0) if codes else int(is_unknown)), "Zugriff verweigert."


def _no_key_store() -> object:
    from keyring.backends.fail import Keyring

    return Keyring()  # type: ignore[no-untyped-call] # the library's


def full(*_: object) -> None:
    """Stands in for what writes to the disk."""
    raise OSError(28, "No space left on device", "AutoXero.xlsm")


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
        ("schtasks", "/Query", "/TN", "AutoXero-OFFICE-jo"),
        ("schtasks", "/End", "/TN", "AutoXero-OFFICE-jo"),
        ("schtasks", "/Create", "/TN", "AutoXero-OFFICE-jo"),
        ("schtasks", "/Run", "/TN", "AutoXero-OFFICE-jo"),
    ]
    assert recorder.calls[2][4:] == ("/XML", str(task), "/F")
    assert "C:/AutoXero/.venv/Scripts/pythonw.exe" in [item.text for item in etree.fromstring(task.read_bytes()).iter()]
    sheet = load_workbook(office.documents / "AutoXero" / "AutoXero.xlsm")["xlwings.conf"]
    assert sheet["B1"].value == str(PYTHONS["win32"]), "the buttons start python, which says what went wrong"
    recorder.calls.clear()
    carry_out(plan_uninstall(office), print)
    assert [call[1] for call in recorder.calls] == ["/Query", "/End", "/Delete", "/Query"]
    assert not task.exists()


def test_a_task_that_windows_keeps_is_told(make: MakeOffice) -> None:
    """All else is done; the next call tries again."""
    office, recorder = make("win32")
    carry_out(plan_install(office, None), print)
    recorder.codes = {"/Delete": [1], "/Query": [0, 0]}
    with pytest.raises(PlainError) as caught:
        carry_out(plan_uninstall(office), print)
    assert "The task “AutoXero-OFFICE-jo” of the Task Scheduler is still there" in caught.value.message
    assert "Clear all secrets" in caught.value.message
    carry_out(plan_uninstall(office), print)


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
def test_another_home_that_starts_at_log_on_is_told_first(
    make: MakeOffice, tmp_path: Path, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installing takes its place, and says how to go back; uninstalling leaves it alone."""
    first, _ = make(platform)
    carry_out(plan_install(first, None), print)
    home = tmp_path / "100% <other>"
    home.mkdir()
    machine = replace(first.machine, home=home)
    second = replace(first, config=Config(home, {}), machine=machine)
    task = (first.config.home / "start-at-log-on.xml") if platform == "win32" else None

    def run(arguments: Sequence[str]) -> tuple[int, str]:
        return 0, task.read_text("utf-16") if task is not None and "/Query" in arguments else ""

    second, first = replace(second, run=run), replace(first, run=run)
    told = plan_install(second, tmp_path / "Second").warnings[0]
    assert f"the agent of the home {first.config.home} starts at log-on" in told
    assert f"AUTOXERO_HOME={first.config.home}" in told
    assert f"At log-on the agent of the home {first.config.home} starts; that stays." in plan_uninstall(second).warnings
    assert not any("log-on" in text for text in plan_install(first, None).warnings)
    monkeypatch.setattr("agent.install._make_inbox", lambda _config: [])  # macOS has one for both
    carry_out(plan_install(second, tmp_path / "Second"), print)
    task = home / "start-at-log-on.xml" if task is not None else None
    assert f"the agent of the home {home} starts" in plan_install(first, None).warnings[0]


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


@pytest.mark.parametrize("address", ["oracle+nothing://x", "no address"])
def test_a_ledger_elsewhere_that_cannot_be_reached_stops_no_uninstalling(make: MakeOffice, address: str) -> None:
    office, _ = make("linux")
    plan = plan_uninstall(replace(office, config=Config(office.config.home, {"AUTOXERO_DATABASE_URL": address})))
    assert [step.text for step in plan.steps if "secrets" in step.text]
    assert "not known which workbook" in plan.warnings[0]
    carry_out(plan, print)


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
    monkeypatch.setattr("agent.install.wire", full)
    office, _ = make("linux")
    with pytest.raises(PlainError, match="No space left"):
        carry_out(plan_install(office, None), print)
    assert list((office.documents / "AutoXero").iterdir()) == []


def test_a_fresh_copy_knows_the_place_that_it_gets(make: MakeOffice) -> None:
    """Not the passing name under which it was made."""
    office, _ = make("linux")
    carry_out(plan_install(office, None), print)
    path = office.documents / "AutoXero" / "AutoXero.xlsm"
    book = load_workbook(path)
    sheet, cell = next(iter(book.defined_names["AutoXeroPath"].destinations))
    assert book[sheet][cell].value == str(path)


# --- an installation that fails ---


def test_a_failure_does_not_leave_the_agent_stopped(make: MakeOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was registered before is started again, and it is said."""
    office, recorder = make("win32")
    carry_out(plan_install(office, None), print)
    recorder.calls.clear()
    monkeypatch.setattr("agent.install.wire", full)
    with pytest.raises(PlainError, match=r"No space left.*Start the agent again, by the task “AutoXero-OFFICE-jo”"):
        carry_out(plan_install(office, None), print)
    assert [call[1] for call in recorder.calls] == ["/Query", "/End", "/Run"]


def test_a_failure_starts_none_that_is_not_wanted(make: MakeOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """None was registered before, or none is to run in this session."""
    office, recorder = make("win32")
    with monkeypatch.context() as patch:
        patch.setattr("agent.install.wire", full)
        with pytest.raises(PlainError):
            carry_out(plan_install(office, None), print)
    carry_out(plan_install(office, None, starts=False), print)
    monkeypatch.setattr("agent.install.wire", full)
    with pytest.raises(PlainError):
        carry_out(plan_install(office, None, starts=False), print)
    assert "/Run" not in [call[1] for call in recorder.calls]


def test_ctrl_c_does_not_leave_the_agent_stopped(make: MakeOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    def left(*_: object) -> None:
        raise KeyboardInterrupt

    office, recorder = make("linux")
    carry_out(plan_install(office, None), print)
    recorder.calls.clear()
    monkeypatch.setattr("agent.install.wire", left)
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        carry_out(plan_install(office, None), told.append)
    assert [call[2] for call in recorder.calls] == ["stop", "restart"]
    assert "Start the agent again" in told[-1]


def test_an_agent_that_does_not_start_again_is_said_to(make: MakeOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    office, recorder = make("win32")
    carry_out(plan_install(office, None), print)
    monkeypatch.setattr("agent.install.wire", full)
    recorder.codes = {"/Run": [1]}
    with pytest.raises(PlainError, match=r"No space left.*Start the agent again.*did not work.*Zugriff verweigert"):
        carry_out(plan_install(office, None), print)


# --- letters that Excel's macros do not know ---


@pytest.fixture
def maori(make: MakeOffice, tmp_path: Path) -> Office:
    """A Windows of western Europe, and a user whose home has a letter that its code page lacks."""
    office, _ = make("win32")
    home = tmp_path / "Whānau"
    home.mkdir()
    config, machine = Config(home, {}), replace(office.machine, home=home)
    return replace(office, config=config, machine=machine, code_page="cp1252")


def test_buttons_write_to_the_short_name_of_a_folder(maori: Office, tmp_path: Path) -> None:
    """The workbook has a path that its macros can open, of the folder into which the agent looks."""
    short = tmp_path / "WHNAU~1"
    short.symlink_to(maori.config.home)
    office = replace(maori, shorten=lambda path: str(short) if path.samefile(short) else str(path))
    plan = plan_install(office, None)
    assert plan.warnings == ()
    carry_out(plan, print)
    path = office.documents / "AutoXero" / "AutoXero.xlsm"
    assert read_wiring(path).inbox == str(short / "inbox")
    (short / "inbox" / "1.request").touch()
    assert (office.config.inbox / "1.request").exists()


def test_a_short_name_is_the_same_place(maori: Office, tmp_path: Path) -> None:
    """Nobody is told that the workbook is another user's, whichever name it has, though the ledger is a new one."""
    short = tmp_path / "WHNAU~1"
    short.symlink_to(maori.config.home)
    office = replace(maori, shorten=lambda _path: str(short))
    for before, after in ((office, maori), (maori, office)):
        carry_out(plan_install(before, None), print)
        (office.config.home / "ledger.db").unlink()
        path = office.documents / "AutoXero" / "AutoXero.xlsm"
        carry_out(plan_install(after, path), print)
        assert read_wiring(path).inbox == after.inbox
        (office.config.home / "ledger.db").unlink()


@pytest.mark.parametrize("short", ["Whānau", "WHĀNAU~1"])
def test_a_home_that_macros_cannot_open_is_warned_of(maori: Office, tmp_path: Path, short: str) -> None:
    """Before anything is done: what it means, and what to do. The path stays as it is."""
    office = replace(maori, shorten=lambda _path: str(tmp_path / short))
    plan = plan_install(office, None)
    told = " ".join(plan.warnings)
    for words in ("buttons", str(office.config.home), "AUTOXERO_HOME", r"C:\AutoXero\home", "autoxero install"):
        assert words in told
    carry_out(plan, print)
    assert read_wiring(office.documents / "AutoXero" / "AutoXero.xlsm").inbox == str(office.config.inbox)


def test_letters_of_the_code_page_need_no_short_name(maori: Office, tmp_path: Path) -> None:
    home = tmp_path / "Zoë & Söhne"
    home.mkdir()
    office = replace(maori, config=Config(home, {}), shorten=lambda path: pytest.fail(str(path)))
    assert office.inbox == str(home / "inbox")
    assert plan_install(office, None).warnings == ()


@pytest.mark.parametrize(("known", "wanted"), [("C:\\WHNAU~1", "C:\\WHNAU~1"), ("", "C:\\Whānau")])
def test_windows_is_asked_for_the_short_name(monkeypatch: pytest.MonkeyPatch, known: str, wanted: str) -> None:
    """First for its length, then for itself; where it has none, the path stays."""

    def ask(_path: str, room: ctypes.Array[ctypes.c_wchar] | None, size: int) -> int:
        if room is None or not known:
            return len(known) and len(known) + 1
        assert size == len(known) + 1
        room.value = known
        return len(known)

    monkeypatch.setattr("agent.office.sys", SimpleNamespace(platform="win32"))
    library = SimpleNamespace(GetShortPathNameW=ask)
    monkeypatch.setattr(ctypes, "WinDLL", lambda _name: library, raising=False)
    assert short_path(cast("Path", PureWindowsPath("C:/Whānau"))) == wanted


def test_elsewhere_a_path_has_no_short_name(tmp_path: Path) -> None:
    if sys.platform != "win32":
        assert short_path(tmp_path) == str(tmp_path)


def test_what_a_program_says_is_read_in_the_letters_of_the_console() -> None:
    """Windows' schtasks names a home in the console's code page, which is seldom UTF-8."""
    said = "<WorkingDirectory>C:\\Jörg\\AutoXero</WorkingDirectory>".encode("cp850")
    program = [sys.executable, "-c", f"import sys; sys.stdout.buffer.write({said!r})"]
    assert home_of(run_program(program, "cp850")[1]) == r"C:\Jörg\AutoXero"
    assert (CONSOLE == "oem") == (sys.platform == "win32")
