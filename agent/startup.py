"""What starts the agent when its user logs on: a file and a few commands, by operating system.

Windows: a task of the Task Scheduler. macOS: a launch agent. Linux: a systemd user unit. All of them run
``python -m agent run`` as that user, without more rights, for as long as the user is logged on, and again when it
ended by a failure. Nothing here touches the computer: the functions make bytes and command lines.
"""

from __future__ import annotations

import codecs
import plistlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal
from xml.etree import ElementTree as ET
from xml.sax.saxutils import unescape

from agent.errors import PlainError

Platform = Literal["win32", "darwin", "linux"]

LABEL = "autoxero.agent"
"""The launch agent's name on macOS."""
UNIT = "autoxero.service"
"""The unit's name on Linux."""

Tree = Mapping[str, "str | Tree"]
"""Elements of XML by name, each with its text or its own elements."""

_TASK = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_RESTART_SECONDS = 60
_RESTARTS = 255
"""The most that the Task Scheduler's schema allows."""
_LOOK_AGAIN: Tree = {"Interval": "PT5M"}
"""How often Windows makes sure that the agent runs; a second one is never started."""
_LONG_AGO = "2020-01-01T00:00:00Z"


@dataclass(frozen=True)
class Machine:
    r"""The user and the computer for whom the agent is installed.

    Attributes:
        platform: As ``sys.platform`` says it.
        user: The user's name; on Windows with its domain, ``OFFICE\jo``.
        uid: The user's number; macOS addresses the user's session by it.
        folder: The user's own folder.
        home: Where the agent keeps everything.
        python: The Python that AutoXero is installed in.
        environment: Variables that the agent must be started with; never a secret.
        units: The folder of the user's systemd units; blank for the usual one.
    """

    platform: Platform
    user: str
    uid: int
    folder: PurePath
    home: PurePath
    python: PurePath
    environment: Mapping[str, str] = field(default_factory=dict)
    units: str = ""


@dataclass(frozen=True)
class Command:
    """One command line.

    Attributes:
        arguments: The program and its arguments.
        may_fail: Whether it is fine when it fails: there was nothing to stop, for example.
        tries: How often it is tried, a second apart.
    """

    arguments: tuple[str, ...]
    may_fail: bool = False
    tries: int = 1


@dataclass(frozen=True)
class Startup:
    """What starts the agent at log-on.

    Attributes:
        what: What it is, for people.
        file: The file that describes it.
        content: What is in the file.
        stop: Stops the agent where it runs; all may fail.
        register: Makes the system know the file.
        start: Starts the agent now.
        remove: Makes the system forget it.
        ask: Whether the system knows it, and as what, where the file does not tell; ``None`` where the file does.
    """

    what: str
    file: PurePath
    content: bytes
    stop: tuple[Command, ...]
    register: tuple[Command, ...]
    start: tuple[Command, ...]
    remove: tuple[Command, ...]
    ask: Command | None = None


def startup(machine: Machine, *, now: bool = True) -> Startup:
    """What starts the agent on this machine.

    Args:
        machine: The user and the computer.
        now: Whether it is to run in this session already, not only from the next log-on.

    Raises:
        PlainError: A path holds a character that no such file can hold.
    """
    for text in (machine.python, machine.home, machine.user, *machine.environment.values()):
        if re.search(r"[\x00-\x1f\x7f]", str(text)):
            raise PlainError(f"“{text!r}” holds a control character.", "Install AutoXero in a folder without it.")
    if machine.platform == "win32":
        return _windows(machine, now=now)
    return _macos(machine) if machine.platform == "darwin" else _linux(machine)


def _windows(machine: Machine, *, now: bool) -> Startup:
    """A task named for its user: all users of a computer share one list of tasks."""
    name = "AutoXero-" + re.sub(r'[\\/:*?"<>|]', "-", machine.user)
    file = machine.home / "start-at-log-on.xml"
    return Startup(
        what=f"the task “{name}” of the Task Scheduler",
        file=file,
        content=_task(machine, now=now),
        stop=(Command(("schtasks", "/End", "/TN", name), may_fail=True),),
        register=(Command(("schtasks", "/Create", "/TN", name, "/XML", str(file), "/F")),),
        start=(Command(("schtasks", "/Run", "/TN", name)),),
        remove=(Command(("schtasks", "/Delete", "/TN", name, "/F"), may_fail=True),),
        ask=Command(("schtasks", "/Query", "/TN", name, "/XML")),
    )


def _task(machine: Machine, *, now: bool) -> bytes:
    """The task, in UTF-16 as ``schtasks`` wants it.

    Windows starts a program anew neither for its exit code nor for its end, so each trigger repeats itself. The one of
    the log-on sleeps until the next log-on; in the session of the installation it is the one that counts from a moment
    long past.

    The order within triggers is the schema's; elsewhere it is the one that Windows itself writes.
    https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema
    """
    root = ET.Element("Task", {"version": "1.2", "xmlns": _TASK})
    _add(root, {"RegistrationInfo": {"Description": "AutoXero: copies invoices from Autotask to Xero."}})
    triggers: dict[str, str | Tree] = {
        "LogonTrigger": {"Enabled": "true", "Repetition": _LOOK_AGAIN, "UserId": machine.user}
    }
    if now:
        triggers["TimeTrigger"] = {"Enabled": "true", "StartBoundary": _LONG_AGO, "Repetition": _LOOK_AGAIN}
    _add(root, {"Triggers": triggers})
    principal = ET.SubElement(ET.SubElement(root, "Principals"), "Principal", {"id": "Author"})
    _add(principal, {"UserId": machine.user, "LogonType": "InteractiveToken", "RunLevel": "LeastPrivilege"})
    settings: Tree = {
        "MultipleInstancesPolicy": "IgnoreNew",
        "DisallowStartIfOnBatteries": "false",
        "StopIfGoingOnBatteries": "false",
        "AllowHardTerminate": "true",
        "StartWhenAvailable": "true",
        "RunOnlyIfNetworkAvailable": "false",
        "IdleSettings": {"StopOnIdleEnd": "false", "RestartOnIdle": "false"},
        "AllowStartOnDemand": "true",
        "Enabled": "true",
        "Hidden": "true",
        "RunOnlyIfIdle": "false",
        "WakeToRun": "false",
        "ExecutionTimeLimit": "PT0S",
        # As a program that its user started: the usual 7 makes processor and disk wait, and a button waits two seconds.
        "Priority": "5",
        "RestartOnFailure": {"Interval": f"PT{_RESTART_SECONDS // 60}M", "Count": str(_RESTARTS)},
    }
    _add(root, {"Settings": settings})
    actions = ET.SubElement(root, "Actions", {"Context": "Author"})
    windowless = machine.python.with_name("pythonw.exe")
    _add(actions, {"Exec": {
        "Command": str(windowless), "Arguments": "-m agent run", "WorkingDirectory": str(machine.home),
    }})  # fmt: skip
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return codecs.BOM_UTF16_LE + f'<?xml version="1.0" encoding="UTF-16"?>\n{text}\n'.encode("utf-16-le")


def _add(parent: ET.Element, tree: Tree) -> ET.Element:
    """Add elements by name, each with its text or its own elements; gives the last one."""
    element = parent
    for name, content in tree.items():
        element = ET.SubElement(parent, name)
        if isinstance(content, str):
            element.text = content
        else:
            _add(element, content)
    return element


def _macos(machine: Machine) -> Startup:
    file = machine.folder / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    log = str(machine.home / "start.log")
    content = {
        "Label": LABEL,
        "ProgramArguments": [str(machine.python), "-m", "agent", "run"],
        "WorkingDirectory": str(machine.home),
        "EnvironmentVariables": {"PYTHONUTF8": "1", **machine.environment},
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": _RESTART_SECONDS,
        # Not held back: a button waits two seconds for it. “Adaptive” goes by XPC, which it does not speak.
        "ProcessType": "Interactive",
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    session = f"gui/{machine.uid}"
    service = f"{session}/{LABEL}"
    return Startup(
        what=f"the launch agent “{LABEL}”",
        file=file,
        content=plistlib.dumps(content, sort_keys=False),
        stop=(Command(("launchctl", "bootout", service), may_fail=True),),
        register=(Command(("launchctl", "enable", service)),),
        # What was booted out just now may take a moment to be gone.
        start=(Command(("launchctl", "bootstrap", session, str(file)), tries=10),),
        remove=(),
    )


def _linux(machine: Machine) -> Startup:
    folder = PurePath(machine.units) if machine.units else machine.folder / ".config" / "systemd" / "user"
    # By way of the shell, since systemd takes no program with a quote in its path; the colon: “$” is the shell's.
    shell = (":/bin/sh", "-c", 'exec "$0" "$@"')
    command = " ".join(_quoted(text) for text in (*shell, str(machine.python), "-m", "agent", "run"))
    home = str(machine.home).replace("%", "%%")
    variables = [f"Environment={_quoted(f'{name}={value}')}" for name, value in machine.environment.items()]
    lines = [
        "[Unit]",
        "Description=AutoXero: copies invoices from Autotask to Xero",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        f"ExecStart={command}",
        f"WorkingDirectory={home}",
        *variables,
        "Restart=on-failure",
        "SuccessExitStatus=130",
        f"RestartSec={_RESTART_SECONDS}",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    systemctl = ("systemctl", "--user")
    return Startup(
        what=f"the systemd user unit “{UNIT}”",
        file=folder / UNIT,
        content="\n".join(lines).encode(),
        stop=(Command((*systemctl, "stop", UNIT), may_fail=True),),
        register=(Command((*systemctl, "daemon-reload")), Command((*systemctl, "enable", UNIT))),
        start=(Command((*systemctl, "restart", UNIT)),),
        remove=(Command((*systemctl, "disable", UNIT), may_fail=True),),
    )


_HOME_OF = re.compile(
    r"^WorkingDirectory=(?P<unit>.+)$|<WorkingDirectory>(?P<task>[^<]+)<"
    r"|<key>WorkingDirectory</key>\s*<string>(?P<plist>[^<]+)<",
    re.MULTILINE,
)


def home_of(content: str) -> str:
    """The home for which the agent is started, by what starts it; blank where that does not tell."""
    found = _HOME_OF.search(content)
    if found is None:
        return ""
    return (found["unit"] or "").replace("%%", "%") or unescape(found["task"] or found["plist"])


def _quoted(text: str) -> str:
    """A word of a unit file: quoted, and its ``%`` and backslashes meant as they stand."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
