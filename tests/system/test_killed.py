"""Killed at any moment while it writes: the old or the new workbook stands there, whole, and nothing piles up."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.template import template
from workbook.errors import InUseError
from workbook.package import Package
from workbook.project import Projection, project
from workbook.restore import is_wrecked

CHILD = '''
import os, signal, sys, time
from pathlib import Path

path, last = Path(sys.argv[1]), int(sys.argv[2])
steps = 0

def step(name):
    global steps
    steps += 1
    if steps == last:
        print(name, flush=True)
        os.kill(os.getpid(), signal.SIGKILL) if hasattr(signal, "SIGKILL") else os._exit(9)

class Slow:
    """A file that is killed before, amid and after what is written."""

    def __init__(self, file):
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, data):
        step("before the first half")
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        step("amid the writing")
        self.file.write(data[len(data) // 2 :])

def after(module, name):
    function = getattr(module, name)
    def wrapped(*arguments, **options):
        step("before " + name)
        result = function(*arguments, **options)
        step("after " + name)
        return Slow(result) if name == "fdopen" else result
    setattr(module, name, wrapped)

from workbook.project import Projection, project
import io, workbook.session

opened = io.open

def slow_open(file, mode="r", *arguments, **options):
    found = opened(file, mode, *arguments, **options)
    return Slow(found) if "w" in mode and str(path.parent) in str(file) else found

io.open = slow_open
for name in ("fdopen", "fsync", "replace", "unlink", "rename"):
    after(os, name)

def hook(event, arguments):
    if event in {"open", "os.rename", "os.remove", "os.chmod", "os.mkdir"} and str(path.parent) in str(arguments[0]):
        step(event)

sys.addaudithook(hook)
outcome = project(path, Projection({"Log": [{"Run": "R9"}]}), backups=path.parent / "backups")
assert outcome.changed
'''


def kill_at(path: Path, step: int) -> tuple[int, str]:
    """Project in a child that is killed at a step; gives how it ended and where."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), str(step)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    assert done.returncode in {0, 9, -9}, done.stderr
    return done.returncode, done.stdout.strip()


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """At every step of the writing: the file is the old one or the new one to the byte, and so is each backup."""
    shutil.copy(template(), tmp_path / "old.xlsm")
    project(tmp_path / "old.xlsm", Projection({"Log": [{"Run": "R1"}]}))
    old = (tmp_path / "old.xlsm").read_bytes()
    shutil.copy(tmp_path / "old.xlsm", tmp_path / "new.xlsm")
    project(tmp_path / "new.xlsm", Projection({"Log": [{"Run": "R9"}]}))
    new = (tmp_path / "new.xlsm").read_bytes()
    folder = tmp_path / "work"
    folder.mkdir()
    path = folder / "AutoXero.xlsm"
    found: dict[str, bytes] = {}
    for number in range(1, 100):
        path.write_bytes(old)
        code, place = kill_at(path, number)
        now = path.read_bytes()
        assert now in {old, new}, place
        assert not is_wrecked(path, ours=True)
        assert all(backup.read_bytes() in {old, new} for backup in (folder / "backups").glob("*.xlsm"))
        if code == 0:
            break
        found[place] = now
        check_tidied(folder, path)
    else:
        pytest.fail("the writing never came to its end")
    assert {"amid the writing", "before fsync", "after fsync", "os.rename"} <= set(found)
    assert set(found.values()) == {old, new}


def check_tidied(folder: Path, path: Path) -> None:
    """The next run, some time later, takes away what the killed one left."""
    for left in [*folder.glob(".*.tmp"), *folder.glob("backups/*.partial")]:
        os.utime(left, (1_000_000_000, 1_000_000_000))
    project(path, Projection({"Log": [{"Run": "again"}]}), backups=folder / "backups")
    assert sorted(item.name for item in folder.iterdir()) == ["AutoXero.xlsm", "backups"]
    assert not list(folder.glob("backups/*.partial"))


def test_a_write_at_work_is_left_alone(tmp_path: Path) -> None:
    """A temporary file of just now may be another process's: it is not taken away."""
    path = Path(shutil.copy(template(), tmp_path / "AutoXero.xlsm"))
    other = tmp_path / ".AutoXero-x1.tmp"
    other.write_bytes(b"at work")
    project(path, Projection({"Log": [{"Run": "R1"}]}))
    assert other.exists()


def test_a_killed_excel_never_stops_the_sheet_for_good(tmp_path: Path) -> None:
    """The owner files that a crash left are ignored once the computer started anew, and that is told each time."""
    path = Path(shutil.copy(template(), tmp_path / "AutoXero.xlsm"))
    locks = leave_locks(path)
    with pytest.raises(InUseError):
        project(path, Projection({"Log": [{"Run": "R1"}]}))
    for lock in locks:
        os.utime(lock, (1_000_000_000, 1_000_000_000))
    check_ignored(path)


def test_a_crash_since_the_computer_started_stops_the_sheet_for_a_day_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other computers left cannot be looked into: after a day without a sign of life it is ignored and told."""
    path = Path(shutil.copy(template(), tmp_path / "AutoXero.xlsm"))
    locks = leave_locks(path)
    monkeypatch.setattr("workbook.locks.started", lambda: 0.0)
    now = time.time()
    for lock in locks:
        os.utime(lock, (now - 90_000, now - 90_000))
    os.utime(path, (now - 80_000, now - 80_000))  # saved since, so somebody works on it
    locks[0].unlink()
    with pytest.raises(InUseError, match="open by ann on elsewhere"):
        project(path, Projection({"Log": [{"Run": "R1"}]}))
    leave_locks(path)
    for file in (path, *locks):
        os.utime(file, (now - 90_000, now - 90_000))
    check_ignored(path)


def leave_locks(path: Path) -> tuple[Path, Path]:
    """The owner files of programs of other computers."""
    office, libre = path.with_name("~$AutoXero.xlsm"), path.with_name(".~lock.AutoXero.xlsm#")
    office.write_bytes(b"\x03ann" + b" " * 161)
    libre.write_text(",ann,elsewhere,22.11.2026 10:00,file:///x;", encoding="utf-8")
    return office, libre


def check_ignored(path: Path) -> None:
    outcome = project(path, Projection({"Log": [{"Run": "R1"}]}))
    assert outcome.changed
    assert len(outcome.notes) >= 2
    assert all("leftover" in note for note in outcome.notes)
    assert Package.read(path).names
