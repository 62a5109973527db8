"""Requests from the workbook's buttons: small files in a folder, read as what they are, foreign input.

A button writes ``<uuid>.request``; renaming it to ``<uuid>.taken`` claims it and tells the button that the agent
lives. One that no agent takes the button renames to ``<uuid>.asked``, and the Python that Excel starts claims that as
``<uuid>.doing``. The answer is one sentence in ``<uuid>.answer``. Nothing here knows the ledger: refusals are values;
what becomes of a request, and that none is carried out twice, is decided elsewhere.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from agent.domain.faults import CATALOGUE
from agent.domain.invoice import AutotaskId

LARGEST = 64 * 1024
"""Bytes of a request."""
MOST_IDS = 5000
FRESH = timedelta(minutes=10)
"""How far a request's time may be from now, either way."""
KEEP = timedelta(hours=1)
"""How long the taken and the answered are kept."""
_AT_ONCE = 200
"""So many are taken in one look; the rest with the next."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_READ_TRIES = 20
"""How often a claimed file that something else holds (a virus scanner) is tried."""

ON_INVOICES = frozenset({"resync", "never-send", "send-again", "send-now", "use-suggested", "create-in-xero"})
"""The verbs that need invoices."""
VERBS = ON_INVOICES | {
    "sync", "preview", "refresh", "send-these", "resync-fault", "test", "connect-autotask", "connect-xero", "bundle",
}  # fmt: skip
"""All that a button may ask for; ``send-these`` takes invoices, or all that wait."""

_KEYS = frozenset({"verb", "ids", "fault", "workbook", "time"})
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_IDS = re.compile(r"[1-9][0-9]{0,17}(,[1-9][0-9]{0,17})*")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class Request:
    """What a button asks for.

    Attributes:
        name: The file's name without its ending: a UUID.
        verb: One of :data:`VERBS`.
        ids: The invoices, each once.
        fault: The code for ``resync-fault``.
        workbook: The id of the workbook that the button is in.
        time: When the button was pressed.
    """

    name: str
    verb: str
    ids: tuple[AutotaskId, ...] = ()
    fault: str = ""
    workbook: str = ""
    time: datetime = _LONG_AGO

    @property
    def asks(self) -> tuple[str, tuple[AutotaskId, ...], str]:
        """What is asked for: requests in which this is equal are one."""
        return self.verb, self.ids, self.fault


@dataclass(frozen=True)
class Refusal:
    """A request that is not carried out; ``why`` is a sentence for the person who pressed the button."""

    name: str
    why: str


def parse(name: str, content: bytes, written: datetime) -> Request | Refusal:
    """Read a request strictly: whatever is not in the contract is refused, in words.

    Args:
        name: The file's name without its ending.
        content: The file, or as much of it as shows that it is too large.
        written: When the file was written; stands in for a missing ``time``.
    """
    if not _NAME.fullmatch(name):
        return Refusal(name, "The request's name is not one that a button gives.")
    if len(content) > LARGEST:
        return Refusal(name, "The request is larger than a button writes. Select fewer invoices.")
    pairs = _pairs(content)
    if isinstance(pairs, str):
        return Refusal(name, pairs)
    if wrong := _wrong(pairs):
        return Refusal(name, wrong)
    try:
        time = datetime.fromisoformat(pairs["time"]) if pairs.get("time") else written
    except ValueError:
        return Refusal(name, "The request's time is no time.")
    ids = dict.fromkeys(AutotaskId(int(item)) for item in pairs.get("ids", "").split(",") if item)
    return Request(name, pairs["verb"], tuple(ids), pairs.get("fault", ""), pairs.get("workbook", ""), time)


def _pairs(content: bytes) -> dict[str, str] | str:
    """The lines as keys and values, or what is wrong with them."""
    try:
        text = content.decode("ascii").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return "The request holds characters that a button does not write."
    found: dict[str, str] = {}
    for line in filter(None, text.split("\n")):
        key, is_pair, value = line.partition("=")
        if not is_pair or not line.isprintable():
            return "A line of the request cannot be read."
        if key not in _KEYS or key in found:
            return f"The request holds “{key[:20]}” where it should not."
        found[key] = value
    return found


def _wrong(pairs: Mapping[str, str]) -> str:  # noqa: PLR0911 - a return a rule
    """Which value is none of the contract's; blank where all are."""
    verb, ids, fault = (pairs.get(key, "") for key in ("verb", "ids", "fault"))
    if verb not in VERBS:
        return f"The agent does not know “{verb[:40]}”. The workbook may be newer or older than it."
    if ids and not _IDS.fullmatch(ids):
        return "The request names invoices by something that is no Autotask id."
    if ids.count(",") >= MOST_IDS:
        return f"The request names more than {MOST_IDS} invoices. Select fewer."
    if verb in ON_INVOICES and not ids:
        return "No invoice was selected. Select rows on the sheet Invoices or Faults, and press the button again."
    if ids and verb not in ON_INVOICES | {"send-these"}:
        return f"The request names invoices, which “{verb}” does not take."
    if (fault != "") != (verb == "resync-fault") or (fault and fault not in CATALOGUE):
        return f"The request names the fault “{fault[:20]}” where it should not."
    if pairs.get("time") and not _TIME.fullmatch(pairs["time"]):
        return "The request's time is no time."
    return ""


@dataclass
class Inbox:
    """The folder.

    Attributes:
        folder: Where the buttons put their requests.
    """

    folder: Path
    _held: dict[Path, int] = field(default_factory=dict)

    def take(self, now: datetime, workbook: str) -> list[Request | Refusal]:
        """Claim what is there and read it.

        Args:
            now: The present instant.
            workbook: The id of the workbook whose requests are carried out.

        Raises:
            OSError: The folder cannot be made or listed.
        """
        claimed = [*self._held, *self._claim()]
        found = [item for path in claimed if (item := self._read(path)) is not None]
        return [self._checked(item, now, workbook) for item in found]

    def take_asked(self, name: str, now: datetime, workbook: str) -> Request | Refusal:
        """Claim and read the one request that its button left to Excel's own Python; nobody else claims it then.

        Args:
            name: Of the request.
            now: The present instant.
            workbook: The id of the workbook whose requests are carried out.
        """
        claimed = self.folder / f"{name}.doing"  # an agent that starts meanwhile answers what was taken by one
        try:
            if not _NAME.fullmatch(name):
                raise FileNotFoundError
            claimed.with_suffix(".asked").replace(claimed)
        except OSError:
            return Refusal(name, "The request is not there any more; nothing was done. Press the button again.")
        found = self._read(claimed) or Refusal(name, "Another program holds the request. Press the button again.")
        return self._checked(found, now, workbook)

    def _claim(self) -> list[Path]:
        """Rename what is there, oldest first. Whoever renames first has it; what is still held is left for later."""
        waiting = []
        try:
            with os.scandir(self.folder) as entries:
                for entry in islice((entry for entry in entries if entry.name.endswith(".request")), _AT_ONCE):
                    with suppress(OSError):  # withdrawn by its button
                        waiting.append((entry.stat(follow_symlinks=False).st_mtime_ns, Path(entry.path)))
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True)
        claimed = []
        for _, path in sorted(waiting):
            with suppress(OSError):
                claimed.append(path.replace(path.with_suffix(".taken")))
        return claimed

    def _read(self, path: Path) -> Request | Refusal | None:
        """One claimed file; ``None`` where something else holds it for a moment."""
        name = path.stem
        try:
            is_file = stat.S_ISREG(path.lstat().st_mode)
            if not is_file:
                return Refusal(name, "The request is no plain file.")
            flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:  # noqa: PTH123 - from a handle
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    return Refusal(name, "The request is no plain file.")
                content = file.read(LARGEST + 1)
        except OSError as error:
            self._held[path] = self._held.get(path, 0) + 1
            if isinstance(error, PermissionError) and self._held[path] < _READ_TRIES:
                return None
            del self._held[path]
            return Refusal(name, f"The request cannot be read ({error.strerror or type(error).__name__}).")
        self._held.pop(path, None)
        return parse(name, content, _instant(status.st_mtime))

    def _checked(self, item: Request | Refusal, now: datetime, workbook: str) -> Request | Refusal:
        """Refuse what comes too late or from elsewhere."""
        if isinstance(item, Refusal):
            return item
        if abs(now - item.time) > FRESH:
            return Refusal(
                item.name,
                f"The request is of {item.time:%Y-%m-%d %H:%M} UTC, not of now; nothing was done. Press the button "
                "again. If that does not help, check the computer's clock.",
            )
        if item.workbook != workbook:
            return Refusal(
                item.name, "The request comes from another workbook than the agent's: use the one that it keeps."
            )
        return item

    def answer(self, name: str, sentence: str, *, anew: bool = True) -> None:
        """Give the answer, all of it at once.

        Args:
            name: Of the request.
            sentence: For the person who pressed the button.
            anew: In place of an answer that is there.

        Raises:
            OSError: It cannot be written.
        """
        target = self.folder / f"{name}.answer"
        if not anew and target.exists():
            return
        unfinished = self.folder / f"{name}.answer.tmp"
        unfinished.write_text(sentence, encoding="utf-8")
        unfinished.replace(target)

    def unanswered(self) -> list[str]:
        """What was taken and never answered: by an agent that was stopped."""
        with suppress(OSError):
            return [path.stem for path in self.folder.glob("*.taken") if not path.with_suffix(".answer").exists()]
        return []

    def reread(self, name: str) -> Request | Refusal:
        """What was taken before, as it was asked for."""
        path = self.folder / f"{name}.taken"
        found = self._read(path)
        self._held.pop(path, None)  # it is not to be taken once more
        return found or Refusal(name, "Another program holds the request.")

    def tidy(self, now: datetime) -> None:
        """Delete what nobody waits for any more; other files are left alone."""
        keep = {".taken": KEEP, ".doing": KEEP, ".answer": KEEP, ".request": FRESH, ".asked": FRESH, ".tmp": FRESH}
        with suppress(OSError):
            for path in list(self.folder.iterdir()):
                if path.suffix in keep:
                    with suppress(OSError):  # a folder, or held by somebody
                        if abs(now - _instant(path.lstat().st_mtime)) > keep[path.suffix]:
                            path.unlink()


def _instant(seconds: float) -> datetime:
    """An instant of the file system's; a nonsensical one is long ago."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return _LONG_AGO
