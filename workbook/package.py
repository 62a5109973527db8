"""The workbook as a package of parts: read whole, changed in part, swapped in at one stroke."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from workbook.container import (
    DAMAGED,
    Member,
    Packed,
    damaged,
    end_record,
    members,
    moved_record,
    new_member,
    pack,
    unpack,
)
from workbook.errors import ExternallyChangedError, InUseError, NotAWorkbookError, PasswordError
from workbook.locks import locked_by

__all__ = ["DAMAGED", "Package"]

_LEFTOVER = 600
"""Seconds after which a temporary file must be one that a killed process left behind."""
_DATE = len("-20260901")
_COMPOUND = bytes.fromhex("D0CF11E0A1B11AE1")
"""The head of a compound file, into which Excel puts a workbook that it encrypts: [MS-OFFCRYPTO] 2.3.4.4."""
_CLOSE_IT = "Close it there."


def load(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        NotAWorkbookError: There is no such file.
        InUseError: The operating system refuses, as Windows does while another program writes.
        PasswordError: It is encrypted with a password for opening.
    """
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotAWorkbookError(
            f"There is no workbook at {path}. Check the place, or copy the AutoXero.xlsm of this program there."
        ) from error
    except PermissionError as error:
        raise InUseError(f"{path.name} cannot be read: another program holds it. {_CLOSE_IT}") from error
    if raw.startswith(_COMPOUND):
        raise PasswordError(f"{path.name} opens with a password only, so the agent cannot read it. It was left alone.")
    return raw


class Package:
    """The parts of one file, with the changes that `save` will make.

    Attributes:
        path: Where it was read from.
        digest: The SHA-256 of the file as read, in hexadecimal.
    """

    def __init__(self, path: Path, raw: bytes) -> None:
        self.path = path
        self.digest = hashlib.sha256(raw).hexdigest()
        self._raw = raw
        self._members, self._comment = members(raw, path.name)
        self._changed: dict[str, Packed] = {}
        self._removed: set[str] = set()

    @classmethod
    def read(cls, path: Path) -> Package:
        """Read a file whole.

        Raises:
            NotAWorkbookError: It is no zip, or it is damaged.
            InUseError: Another program holds it.
        """
        return cls(path, load(path))

    @property
    def names(self) -> list[str]:
        """The names of all parts as they will be saved."""
        kept = [name for name in self._members if name not in self._removed]
        return kept + [name for name in self._changed if name not in self._members]

    @property
    def is_changed(self) -> bool:
        """Whether saving would change anything."""
        return bool(self._changed or self._removed)

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return part in self._changed or (part in self._members and part not in self._removed)

    def part(self, name: str) -> bytes:
        """A part's bytes, uncompressed.

        Raises:
            NotAWorkbookError: It is missing or damaged.
        """
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """A part's bytes, uncompressed, a piece at a time.

        Raises:
            NotAWorkbookError: It is missing or damaged.
        """
        if not self.has(name):
            raise damaged(self.path.name)
        member = self._members.get(name)
        raw = self._raw
        if packed := self._changed.get(name):
            raw = packed.data
            member = Member(name, b"", 0, 0, 0, len(raw), packed.size, 8, packed.crc)
        assert member is not None
        try:
            yield from unpack(raw, member)
        except ValueError as error:
            raise damaged(self.path.name) from error

    def replace(self, part: str, data: bytes | Packed) -> None:
        """Give a part new bytes.

        Raises:
            KeyError: There is no such part.
        """
        if not self.has(part):
            raise KeyError(part)
        self._changed[part] = data if isinstance(data, Packed) else pack(data)

    def add(self, part: str, data: bytes) -> None:
        """Add a part.

        Raises:
            KeyError: There is one of that name.
        """
        if self.has(part):
            raise KeyError(part)
        self._removed.discard(part)
        self._changed[part] = pack(data)

    def remove(self, part: str) -> None:
        """Leave a part out.

        Raises:
            KeyError: There is no such part.
        """
        if not self.has(part):
            raise KeyError(part)
        self._changed.pop(part, None)
        if part in self._members:
            self._removed.add(part)

    def to_bytes(self) -> bytes:
        """The whole file as it will be saved; unchanged members are copied as they lie."""
        pieces: list[bytes] = []
        directory: list[bytes] = []
        at = 0
        for name, member in self._members.items():
            if name in self._removed:
                continue
            if packed := self._changed.get(name):
                local, central = new_member(name, packed, at)
            else:
                local, central = self._raw[member.start : member.end], moved_record(member, at)
            pieces.append(local)
            directory.append(central)
            at += len(local)
        for name, packed in self._changed.items():
            if name not in self._members:
                local, central = new_member(name, packed, at)
                pieces.append(local)
                directory.append(central)
                at += len(local)
        records = b"".join(directory)
        return b"".join([*pieces, records, end_record(len(directory), at, len(records), self._comment)])

    def save(
        self, path: Path, expected_digest: str, backups: Path | None = None, keep: int = 5, days: int = 7
    ) -> tuple[str, ...]:
        """Put the changed package in the place of a file, whole or not at all.

        Args:
            path: The file to replace.
            expected_digest: The digest that the file must still have.
            backups: The folder that gets a copy of the file as it was.
            keep: How many of the newest backups stay.
            days: Of how many days, the last that have any, the first one stays, too.

        Returns:
            What was noticed on the way, such as a stale lock that was ignored.

        Raises:
            ExternallyChangedError: The file was saved by someone else meanwhile.
            InUseError: Another program has the file open.
        """
        notes = check_free(path)
        if path.exists() and not path.stat().st_mode & stat.S_IWRITE:
            raise InUseError(f"{path.name} is read-only. Take that off in its properties; the sheets catch up then.")
        data = self.to_bytes()
        temporary = None
        try:
            _tidy(path.parent, f".{path.stem}-*.tmp")
            temporary = _write_beside(path, data)
            _check(temporary, data, self._changed)
            if backups is not None:
                _back_up(path, backups, keep, days)
            _expect(path, expected_digest)
            temporary.replace(path)
        except PermissionError as error:
            raise InUseError(f"{path.name} is open in another program or is read-only. {_CLOSE_IT}") from error
        finally:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        _flush_folder(path.parent)
        return notes


def check_free(path: Path) -> tuple[str, ...]:
    """Make sure that no other program has the file open.

    Returns:
        A note about each stale lock that was ignored.

    Raises:
        InUseError: Another program has it open.
    """
    owner, notes = locked_by(path)
    if owner is not None:
        by = f" by {owner}" if owner else ""
        raise InUseError(f"{path.name} is open{by}. {_CLOSE_IT}")
    return notes


def _expect(path: Path, digest: str) -> None:
    if hashlib.sha256(load(path)).hexdigest() != digest:
        raise ExternallyChangedError(
            f"{path.name} was saved meanwhile, so it was left as it is. Read it and try again."
        )


def _write_beside(path: Path, data: bytes) -> Path:
    number, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tmp", dir=path.parent)
    with os.fdopen(number, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    written = Path(name)
    written.chmod(stat.S_IMODE(path.stat().st_mode))
    return written


def _tidy(folder: Path, names: str) -> None:
    """Take away what killed processes left; whatever cannot be taken away now waits for the next time."""
    for left in folder.glob(names):
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - _LEFTOVER:
                left.unlink()


def _check(temporary: Path, data: bytes, changed: dict[str, Packed]) -> None:
    """Read back what the disk took, and find every changed part in it."""
    again = Package.read(temporary)
    if again.digest != hashlib.sha256(data).hexdigest() or not all(map(again.has, changed)):
        raise damaged(temporary.name)


def _back_up(path: Path, backups: Path, keep: int, days: int) -> None:
    """Keep a copy named by the time when the file was last saved.

    The newest few alone would reach back an hour or two: what went wrong yesterday is in the first one of a day.
    """
    backups.mkdir(parents=True, exist_ok=True)
    _tidy(backups, f"{path.stem}-*.partial")
    saved = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    copy = backups / f"{path.stem}-{saved:%Y%m%dT%H%M%S%fZ}{path.suffix}"
    if not copy.exists():
        partial = copy.with_suffix(".partial")
        partial.write_bytes(path.read_bytes())
        partial.replace(copy)
    copies = sorted(backups.glob(f"{path.stem}-*{path.suffix}"))
    firsts = {copy.name[: len(path.stem) + _DATE]: copy for copy in reversed(copies)}
    kept = {*copies[-keep:], *[firsts[day] for day in sorted(firsts)[-days:]]}
    for old in copies:
        if old not in kept:
            old.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make the renaming itself last; Windows has no such thing."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
