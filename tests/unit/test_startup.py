"""What starts the agent at log-on: each file is read back by a reader of its kind, whatever the paths hold."""

from __future__ import annotations

import os
import plistlib
import re
import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest
from lxml import etree

from agent.errors import PlainError
from agent.startup import Machine, Platform, startup

TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"

SCHEMA = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"
  targetNamespace="http://schemas.microsoft.com/windows/2004/02/mit/task" elementFormDefault="qualified">
<xs:element name="Task"><xs:complexType><xs:all>
  <xs:element name="RegistrationInfo"><xs:complexType><xs:all><xs:element name="Description" type="xs:string"/>
    </xs:all></xs:complexType></xs:element>
  <xs:element name="Triggers"><xs:complexType><xs:choice maxOccurs="48">
    <xs:element name="LogonTrigger"><xs:complexType><xs:complexContent><xs:extension base="trigger"><xs:sequence>
      <xs:element name="UserId" type="filled" minOccurs="0"/>
      <xs:element name="Delay" type="xs:duration" minOccurs="0"/>
    </xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:element>
    <xs:element name="TimeTrigger"><xs:complexType><xs:complexContent><xs:extension base="trigger"><xs:sequence>
      <xs:element name="RandomDelay" type="xs:duration" minOccurs="0"/>
    </xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:element>
  </xs:choice></xs:complexType></xs:element>
  <xs:element name="Principals"><xs:complexType><xs:sequence><xs:element name="Principal"><xs:complexType><xs:all>
    <xs:element name="UserId" type="filled"/>
    <xs:element name="LogonType"><xs:simpleType><xs:restriction base="xs:string">
      <xs:enumeration value="InteractiveToken"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="RunLevel"><xs:simpleType><xs:restriction base="xs:string">
      <xs:enumeration value="LeastPrivilege"/><xs:enumeration value="HighestAvailable"/></xs:restriction>
      </xs:simpleType></xs:element></xs:all><xs:attribute name="id" type="xs:ID"/></xs:complexType></xs:element>
    </xs:sequence></xs:complexType></xs:element>
  <xs:element name="Settings"><xs:complexType><xs:all>
    <xs:element name="MultipleInstancesPolicy" type="xs:string"/>
    <xs:element name="DisallowStartIfOnBatteries" type="xs:boolean"/>
    <xs:element name="StopIfGoingOnBatteries" type="xs:boolean"/>
    <xs:element name="AllowHardTerminate" type="xs:boolean"/>
    <xs:element name="StartWhenAvailable" type="xs:boolean"/>
    <xs:element name="RunOnlyIfNetworkAvailable" type="xs:boolean"/>
    <xs:element name="IdleSettings"><xs:complexType><xs:all>
      <xs:element name="StopOnIdleEnd" type="xs:boolean"/><xs:element name="RestartOnIdle" type="xs:boolean"/>
      </xs:all></xs:complexType></xs:element>
    <xs:element name="AllowStartOnDemand" type="xs:boolean"/>
    <xs:element name="Enabled" type="xs:boolean"/>
    <xs:element name="Hidden" type="xs:boolean"/>
    <xs:element name="RunOnlyIfIdle" type="xs:boolean"/>
    <xs:element name="WakeToRun" type="xs:boolean"/>
    <xs:element name="ExecutionTimeLimit" type="xs:duration"/>
    <xs:element name="Priority"><xs:simpleType><xs:restriction base="xs:byte">
      <xs:minInclusive value="0"/><xs:maxInclusive value="10"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="RestartOnFailure"><xs:complexType><xs:all>
      <xs:element name="Interval"><xs:simpleType><xs:restriction base="xs:duration">
        <xs:minInclusive value="PT1M"/><xs:maxInclusive value="P31D"/></xs:restriction></xs:simpleType></xs:element>
      <xs:element name="Count"><xs:simpleType><xs:restriction base="xs:unsignedByte"><xs:minInclusive value="1"/>
        </xs:restriction></xs:simpleType></xs:element></xs:all></xs:complexType></xs:element>
  </xs:all></xs:complexType></xs:element>
  <xs:element name="Actions"><xs:complexType><xs:sequence><xs:element name="Exec"><xs:complexType><xs:all>
    <xs:element name="Command" type="filled"/><xs:element name="Arguments" type="xs:string"/>
    <xs:element name="WorkingDirectory" type="xs:string"/></xs:all></xs:complexType></xs:element></xs:sequence>
    <xs:attribute name="Context" type="xs:IDREF"/></xs:complexType></xs:element>
</xs:all><xs:attribute name="version"/></xs:complexType></xs:element>
<xs:complexType name="trigger"><xs:sequence>
  <xs:element name="Enabled" type="xs:boolean" minOccurs="0"/>
  <xs:element name="StartBoundary" type="xs:dateTime" minOccurs="0"/>
  <xs:element name="EndBoundary" type="xs:dateTime" minOccurs="0"/>
  <xs:element name="Repetition" minOccurs="0"><xs:complexType><xs:all>
    <xs:element name="Interval"><xs:simpleType><xs:restriction base="xs:duration">
      <xs:minInclusive value="PT1M"/><xs:maxInclusive value="P31D"/></xs:restriction></xs:simpleType></xs:element>
    <xs:element name="Duration" type="xs:duration" minOccurs="0"/>
    <xs:element name="StopAtDurationEnd" type="xs:boolean" minOccurs="0"/></xs:all></xs:complexType></xs:element>
  <xs:element name="ExecutionTimeLimit" type="xs:duration" minOccurs="0"/>
</xs:sequence></xs:complexType>
<xs:simpleType name="filled"><xs:restriction base="xs:string"><xs:minLength value="1"/></xs:restriction></xs:simpleType>
</xs:schema>
"""
"""What Microsoft's schema of tasks says about the elements that we use: a sequence within a trigger, sets elsewhere."""

FOLDERS = [
    "plain",
    "Zoë & Söhne <1>",
    'it\'s "quoted"',
    "100% sure",
    "$HOME `x`",
    "日本 語",
    "back\\slash",
    "[b] {c};d#",
]


def machine(platform: Platform, folder: str, **environment: str) -> Machine:
    """A user whose folder has that name."""
    if platform == "win32":
        folder = re.sub(r'[\\<>"]', "-", folder)  # Windows allows none of these
        home = PureWindowsPath("C:/Users") / folder
        python: PurePath = home / "AutoXero" / ".venv" / "Scripts" / "python.exe"
        return Machine("win32", f"OFFICE\\{folder}", 0, home, home / "AppData" / "Local" / "AutoXero", python)
    user = PurePosixPath("/Users") / folder
    return Machine(platform, folder, 501, user, user / "AutoXero home", user / ".venv" / "bin" / "python", environment)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_task_is_one_that_windows_takes(folder: str) -> None:
    """Read as UTF-16 and held against the schema; it says exactly what is to be started, and as whom."""
    office = machine("win32", folder)
    found = startup(office)
    assert found.content.startswith(b"\xff\xfe<\x00?\x00")
    root = etree.fromstring(found.content)
    etree.XMLSchema(etree.fromstring(SCHEMA.encode())).assertValid(root)

    def text(path: str) -> str | None:
        return root.findtext(TASK + path.replace("/", f"/{TASK}"))

    assert text("Actions/Exec/Command") == str(office.python.with_name("pythonw.exe"))
    assert text("Actions/Exec/Arguments") == "-m agent run"
    assert text("Actions/Exec/WorkingDirectory") == str(office.home)
    assert text("Triggers/LogonTrigger/UserId") == office.user == text("Principals/Principal/UserId")


def test_the_task_lasts_as_long_as_the_user_is_logged_on() -> None:
    """No time limit, batteries allowed, restarted on failure, one only, no window, no more rights than the user's."""
    root = etree.fromstring(startup(machine("win32", "Jo")).content)
    said = {element.tag.removeprefix(TASK): element.text for element in root.iter(etree.Element) if not len(element)}
    wanted = {
        "ExecutionTimeLimit": "PT0S", "DisallowStartIfOnBatteries": "false", "StopIfGoingOnBatteries": "false",
        "MultipleInstancesPolicy": "IgnoreNew", "Hidden": "true", "RunLevel": "LeastPrivilege", "Count": "255",
        "LogonType": "InteractiveToken", "RunOnlyIfIdle": "false", "StopOnIdleEnd": "false", "WakeToRun": "false",
        "RunOnlyIfNetworkAvailable": "false",
    }  # fmt: skip
    assert said["Priority"] in {"4", "5", "6"}, "as any program of the user; 7 and more are held back"
    assert said.items() >= wanted.items()
    assert root.find(f"{TASK}Settings/{TASK}RestartOnFailure/{TASK}Interval") is not None


def triggers(content: bytes) -> dict[str, dict[str, str | None]]:
    """What each trigger of a task says."""
    found = etree.fromstring(content).find(f"{TASK}Triggers")
    assert found is not None
    return {
        trigger.tag.removeprefix(TASK): {item.tag.removeprefix(TASK): item.text for item in trigger.iter()}
        for trigger in found
    }


def test_an_agent_that_ended_is_back_within_five_minutes() -> None:
    """After each log-on, and in the session of the installation already, which has seen none.

    Windows takes neither an end nor an exit code for a reason to start a program anew, so both triggers repeat
    themselves without end; the second one began long ago, on every clock.
    """
    found = triggers(startup(machine("win32", "Jo")).content)
    assert set(found) == {"LogonTrigger", "TimeTrigger"}
    assert {said["Interval"] for said in found.values()} == {"PT5M"}
    assert not [said for said in found.values() if "Duration" in said or "EndBoundary" in said]
    began = datetime.fromisoformat(str(found["TimeTrigger"]["StartBoundary"]))
    assert began < datetime(2024, 1, 1, tzinfo=UTC)


def test_an_agent_that_is_not_wanted_now_waits_for_the_log_on() -> None:
    """What looks in every five minutes would start it in this session."""
    assert set(triggers(startup(machine("win32", "Jo"), now=False).content)) == {"LogonTrigger"}


def test_windows_is_told_by_schtasks() -> None:
    found = startup(machine("win32", "Zoë & Co"))
    name = "AutoXero-OFFICE-Zoë & Co"
    assert [command.arguments for command in found.register] == [
        ("schtasks", "/Create", "/TN", name, "/XML", str(found.file), "/F")
    ]
    assert [command.arguments for command in found.start] == [("schtasks", "/Run", "/TN", name)]
    assert [command.arguments for command in found.stop] == [("schtasks", "/End", "/TN", name)]
    assert [command.arguments for command in found.remove] == [("schtasks", "/Delete", "/TN", name, "/F")]
    assert str(found.file) == r"C:\Users\Zoë & Co\AppData\Local\AutoXero\start-at-log-on.xml"


def test_two_users_of_a_computer_have_two_tasks() -> None:
    """All users share one list of tasks, and no name holds what that list does not allow."""
    one, other = (startup(machine("win32", folder)).register[0].arguments[3] for folder in ("Jo", "Ann"))
    assert one != other
    assert not set('\\/:*?"<>|') & set(one + other)


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_launch_agent_says_what_to_start(folder: str) -> None:
    office = machine("darwin", folder, AUTOXERO_HOME=f"/Users/{folder}/AutoXero home")
    found = startup(office)
    told = plistlib.loads(found.content)
    assert told["ProgramArguments"] == [str(office.python), "-m", "agent", "run"]
    assert told["WorkingDirectory"] == str(office.home)
    assert told["EnvironmentVariables"]["AUTOXERO_HOME"] == str(office.home)
    assert (told["RunAtLoad"], told["KeepAlive"], told["ProcessType"]) == (
        True,
        {"SuccessfulExit": False},
        "Interactive",
    ), "a button waits two seconds for it: nothing is to hold it back"
    assert told["StandardOutPath"] == told["StandardErrorPath"] == str(office.home / "start.log")
    assert str(found.file) == f"{office.folder}/Library/LaunchAgents/{told['Label']}.plist"


def test_macos_is_told_by_launchctl() -> None:
    found = startup(machine("darwin", "jo"))
    assert [command.arguments for command in (*found.stop, *found.register, *found.start)] == [
        ("launchctl", "bootout", "gui/501/autoxero.agent"),
        ("launchctl", "enable", "gui/501/autoxero.agent"),
        ("launchctl", "bootstrap", "gui/501", str(found.file)),
    ]
    assert found.start[0].tries > 1, "what was booted out just now may not be gone yet"


def unit(content: bytes) -> dict[str, str]:
    """The settings of a unit file; each occurs once."""
    pairs = [line.split("=", 1) for line in content.decode().splitlines() if "=" in line]
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(map(tuple, pairs))  # type: ignore[arg-type]


def words(text: str) -> list[str]:
    """A command line as systemd reads it, by its rules for quotes, then for “%”."""
    return [plain(word) for word in shlex.split(text, posix=True)]


def plain(text: str) -> str:
    """The text with its “%” as systemd takes them: one alone would stand for something."""
    assert "%" not in text.replace("%%", "")
    return text.replace("%%", "%")


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_unit_says_what_to_start(folder: str) -> None:
    office = machine("linux", folder, AUTOXERO_HOME=f"/Users/{folder}/AutoXero home")
    found = startup(office)
    told = unit(found.content)
    assert words(told["ExecStart"]) == [":/bin/sh", "-c", 'exec "$0" "$@"', str(office.python), "-m", "agent", "run"]
    assert plain(told["WorkingDirectory"]) == str(office.home)
    assert words(told["Environment"]) == [f"AUTOXERO_HOME={office.home}"]
    assert (told["Restart"], told["WantedBy"]) == ("on-failure", "default.target")
    assert found.file == office.folder / ".config" / "systemd" / "user" / "autoxero.service"


@pytest.mark.parametrize("folder", FOLDERS)
def test_systemd_itself_finds_nothing_wrong(tmp_path: Path, folder: str) -> None:
    """Where systemd is installed it reads the unit, and finds the program and the folder by it."""
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("this machine has no systemd; the tests above read the unit by its rules")
    python = tmp_path / folder / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(shutil.which("true") or "/bin/true")
    office = Machine("linux", "jo", 501, tmp_path, tmp_path / folder, python, {"AUTOXERO_HOME": f"{tmp_path}/{folder}"})
    file = tmp_path / "autoxero.service"
    file.write_bytes(startup(office).content)
    environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run([verify, "--user", "verify", str(file)], capture_output=True, text=True, env=environment,
                          check=False, timeout=60)  # fmt: skip
    assert str(file.name) not in done.stderr, done.stderr


def test_the_shell_hands_on_every_word(tmp_path: Path) -> None:
    """The line of the unit, run as systemd would run it, starts the program with its words as they are."""
    python = tmp_path / 'it\'s "$HOME" `x` & co'
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    office = Machine("linux", "jo", 501, tmp_path, tmp_path, python)
    command = words(unit(startup(office).content)["ExecStart"])
    command[0] = command[0].removeprefix(":")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["-m", "agent", "run"]


def test_linux_is_told_by_systemctl() -> None:
    found = startup(machine("linux", "jo"))
    told = [" ".join(command.arguments) for command in (*found.stop, *found.register, *found.start, *found.remove)]
    assert told == [
        "systemctl --user stop autoxero.service",
        "systemctl --user daemon-reload",
        "systemctl --user enable autoxero.service",
        "systemctl --user restart autoxero.service",
        "systemctl --user disable autoxero.service",
    ]


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
def test_what_may_not_be_there_may_fail_to_stop(platform: Platform) -> None:
    """The first installation has nothing to stop; but what registers and starts it must succeed."""
    found = startup(machine(platform, "jo"))
    assert all(command.may_fail for command in (*found.stop, *found.remove))
    assert not any(command.may_fail for command in (*found.register, *found.start))


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux"])
def test_a_line_end_in_a_path_is_refused(platform: Platform) -> None:
    """It would begin a new setting in a unit file."""
    with pytest.raises(PlainError, match="control character"):
        startup(machine(platform, "jo\nExecStartPre=rm"))
