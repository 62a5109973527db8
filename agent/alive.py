"""Whether the agent runs in a home, and what it is doing: for ``status``, from outside.

The lock says that it runs, and cannot lie: the operating system frees it with the process. The file beside it says
what it is doing; it is written when that changes and once a minute, so that an agent that hangs is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout

from agent.errors import BUSY, PlainError

LOCK = "service.lock"
_FILE = "agent.alive"
REFRESHED = timedelta(minutes=1)
"""So often the file is written though nothing changed."""
_HANGS = timedelta(minutes=5)


class State(msgspec.Struct, frozen=True):
    """What the agent is doing.

    Attributes:
        since: When it started.
        doing: In words; blank while it waits.
        next_run: When it syncs next; ``None`` where it does not know.
        trouble: What keeps it from working as it should, in words; blank where nothing does.
        at: When this was written.
    """

    since: datetime
    doing: str
    next_run: datetime | None
    trouble: str
    at: datetime


@contextmanager
def one_agent(home: Path) -> Iterator[None]:
    """Be the one agent of this home, for life.

    Raises:
        PlainError: There is one already (exit code 75).
    """
    lock = FileLock(home / LOCK)
    try:
        lock.acquire(timeout=1)  # somebody may just be asking whether an agent runs
    except Timeout:
        raise PlainError("The agent is running already.", "“autoxero status” says what it is doing.", BUSY) from None
    try:
        yield
    finally:
        lock.release()


def is_running(home: Path) -> bool:
    """Whether an agent runs in the home."""
    if not (home / LOCK).exists():
        return False
    lock = FileLock(home / LOCK)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def write_state(home: Path, state: State) -> None:
    """Write what the agent is doing, all of it at once.

    Raises:
        OSError: It cannot be written.
    """
    unfinished = home / f"{_FILE}.tmp"
    unfinished.write_bytes(msgspec.json.encode(state))
    unfinished.replace(home / _FILE)


def forget_state(home: Path) -> None:
    """The agent ends."""
    with suppress(OSError):
        (home / _FILE).unlink()


def read_state(home: Path) -> State | None:
    """What the agent was doing when it last said so."""
    try:
        return msgspec.json.decode((home / _FILE).read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None


def agent_json(home: Path, now: datetime | None = None) -> dict[str, Any]:
    """The key ``agent`` of ``status --json``; times in UTC."""
    runs = is_running(home)
    state = read_state(home) if runs else None
    if state is None:
        return {"running": runs, "since": None, "doing": "", "next_run": None, "trouble": ""}
    silent = (now or datetime.now(UTC)) - state.at
    hangs = "" if silent < _HANGS else f"It has given no sign since {_clock(state.at)}: stop it and start it again. "
    return {
        "running": True,
        "since": _iso(state.since),
        "doing": state.doing,
        "next_run": _iso(state.next_run),
        "trouble": (hangs + state.trouble).strip(),
    }


def agent_text(told: dict[str, Any]) -> str:
    """What the agent is doing, in a sentence or two; times are local."""
    if not told["running"]:
        return "The agent is not running: start it with “autoxero run”."
    if told["since"] is None:
        return "The agent is starting."
    doing = f"now: {told['doing']}" if told["doing"] else "waiting"
    coming = f", next sync at {_clock(_instant(told['next_run']))}" if told["next_run"] else ""
    line = f"The agent has been running since {_clock(_instant(told['since']))}; {doing}{coming}."
    return f"{line}\n{told['trouble']}".rstrip()


def _iso(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
