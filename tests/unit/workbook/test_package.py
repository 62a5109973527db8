"""The zip: what is not changed is copied as it lies, and a file is replaced whole or not at all."""

from __future__ import annotations

import io
import os
import struct
import time
import zipfile
from pathlib import Path

import pytest

from workbook import locks
from workbook.book import Book
from workbook.errors import ExternallyChangedError, InUseError, NotAWorkbookError, WorkbookError
from workbook.package import Package, check_free

SHEET = "xl/worksheets/sheet2.xml"


class Piped(io.BytesIO):
    """A stream that cannot seek, so that zipfile writes data descriptors."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise OSError


def raw_members(data: bytes) -> dict[str, bytes]:
    """The bytes of each member from its local header to the next."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        infos = sorted(file.infolist(), key=lambda info: info.header_offset)
        ends = [*[info.header_offset for info in infos[1:]], file.start_dir]
        return {info.filename: data[info.header_offset : end] for info, end in zip(infos, ends, strict=True)}


def test_unchanged_parts_are_copied_raw(fresh: Path) -> None:
    """After one part changed, all others lie in the file byte for byte, in the same order."""
    before = raw_members(fresh.read_bytes())
    package = Package.read(fresh)
    package.replace(SHEET, package.part(SHEET) + b"<!-- -->")
    package.save(fresh, package.digest)
    after = raw_members(fresh.read_bytes())
    assert list(after) == list(before)
    assert {name for name in before if before[name] != after[name]} == {SHEET}


def test_data_descriptors_and_comments_survive(tmp_path: Path) -> None:
    """A file written as a stream, with sizes behind the data, keeps them; so does the zip's comment."""
    stream = Piped()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.comment = b"kept"
        for number in range(3):
            file.writestr(f"part{number}.xml", b"<a/>" * 500)
    path = tmp_path / "piped.xlsm"
    path.write_bytes(stream.getvalue())
    before = raw_members(path.read_bytes())
    package = Package.read(path)
    package.replace("part0.xml", b"<b/>")
    package.save(path, package.digest)
    after = raw_members(path.read_bytes())
    assert b"PK\x07\x08" in after["part2.xml"]
    assert (after["part1.xml"], after["part2.xml"]) == (before["part1.xml"], before["part2.xml"])
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert file.comment == b"kept"


def test_zip64_members_survive(tmp_path: Path) -> None:
    """Members with 64-bit sizes are understood and kept."""
    path = tmp_path / "big.xlsm"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("first.xml", b"<a/>")
        with file.open("second.xml", "w", force_zip64=True) as member:
            member.write(b"<b/>" * 99)
    before = raw_members(path.read_bytes())
    package = Package.read(path)
    package.replace("first.xml", b"<aa/>" * 50)
    package.save(path, package.digest)
    assert raw_members(path.read_bytes())["second.xml"] == before["second.xml"]
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert file.read("second.xml") == b"<b/>" * 99


def test_parts_can_come_and_go(fresh: Path) -> None:
    """Parts are added and removed; doing it twice is the caller's slip."""
    package = Package.read(fresh)
    package.add("custom/mine.xml", b"<mine/>")
    package.remove("customUI/customUI.xml")
    with pytest.raises(KeyError):
        package.add("custom/mine.xml", b"")
    with pytest.raises(KeyError):
        package.remove("customUI/customUI.xml")
    package.save(fresh, package.digest)
    again = Package.read(fresh)
    assert again.part("custom/mine.xml") == b"<mine/>"
    assert not again.has("customUI/customUI.xml")


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"PK\x03\x04 cut", b"PK\x05\x06" + b"\x00" * 18], ids=["empty", "text", "cut", "no parts"]
)
def test_what_is_no_workbook_is_named_so(tmp_path: Path, data: bytes) -> None:
    """Anything else than a workbook ends in one sentence with a next step."""
    path = tmp_path / "AutoXero.xlsm"
    path.write_bytes(data)
    with pytest.raises(NotAWorkbookError, match=r"AutoXero\.xlsm .*\."):
        Book(Package.read(path))


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is said to be missing, with the place."""
    with pytest.raises(NotAWorkbookError, match="There is no workbook at"):
        Package.read(tmp_path / "gone.xlsm")


def test_damage_is_found(fresh: Path) -> None:
    """A flipped bit within a part is found when the part is read."""
    data = bytearray(fresh.read_bytes())
    package = Package.read(fresh)
    member = package._members[SHEET]
    data[member.data + member.packed // 2] ^= 0xFF
    fresh.write_bytes(data)
    with pytest.raises(NotAWorkbookError, match="damaged"):
        Package.read(fresh).part(SHEET)


def test_bombs_are_refused(tmp_path: Path) -> None:
    """A part that would unpack to an absurd size is not unpacked, whether it says so or hides it."""
    path = tmp_path / "bomb.xlsm"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.xml", b"\x00" * (80 << 20))
    data = path.read_bytes()
    with pytest.raises(NotAWorkbookError, match="absurd"):
        Package.read(path)
    path.write_bytes(data.replace(struct.pack("<L", 80 << 20), struct.pack("<L", 100)))
    with pytest.raises(NotAWorkbookError, match="damaged"):
        Package.read(path).part("a.xml")


def test_entities_are_refused(fresh: Path) -> None:
    """XML that declares entities is no workbook's."""
    package = Package.read(fresh)
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    package.replace("xl/workbook.xml", package.part("xl/workbook.xml").replace(b"<workbook ", bomb + b"<workbook ", 1))
    package.save(fresh, package.digest)
    with pytest.raises(NotAWorkbookError, match="entities"):
        Book(Package.read(fresh))


def test_a_save_by_someone_else_wins(fresh: Path) -> None:
    """A file that was saved since it was read is left alone."""
    package = Package.read(fresh)
    package.replace(SHEET, b"<x/>")
    other = fresh.read_bytes() + b""
    fresh.write_bytes(other[:-2] + b"\x01\x00x")
    theirs = fresh.read_bytes()
    with pytest.raises(ExternallyChangedError, match="saved meanwhile"):
        package.save(fresh, package.digest)
    assert fresh.read_bytes() == theirs
    assert list(fresh.parent.iterdir()) == [fresh]


def test_a_crash_leaves_the_old_file(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between writing and replacing leaves the old file whole and nothing beside it."""
    before = fresh.read_bytes()
    package = Package.read(fresh)
    package.replace(SHEET, b"<x/>")

    def crash(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt(self, target)

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        package.save(fresh, package.digest)
    assert fresh.read_bytes() == before
    assert list(fresh.parent.iterdir()) == [fresh]


def test_windows_refusal_means_later(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the operating system refuses the replacement, the file is in use."""
    package = Package.read(fresh)
    package.replace(SHEET, b"<x/>")

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "denied", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(InUseError, match="open in another program"):
        package.save(fresh, package.digest)


def test_backups_are_kept_and_thinned(fresh: Path, tmp_path: Path) -> None:
    """The file as it was goes to the backups; the newest few stay, and the first one of each of the last days."""
    backups = tmp_path / "backups"
    olds = []
    first, hour = 1_788_220_800, 3600  # midnight in UTC
    for number in range(12 * 24):
        os.utime(fresh, (first + number * hour, first + number * hour))
        olds.append(fresh.read_bytes())
        package = Package.read(fresh)
        package.replace("xl/styles.xml", b"<x>%d</x>" % number)
        package.save(fresh, package.digest, backups, keep=3, days=7)
    wanted = [olds[24 * day] for day in range(5, 12)] + olds[-3:]
    assert [copy.read_bytes() for copy in sorted(backups.iterdir())] == wanted


def test_permissions_stay(fresh: Path) -> None:
    """The new file can be read by those who could read the old one."""
    fresh.chmod(0o640)
    package = Package.read(fresh)
    package.replace(SHEET, b"<x/>")
    package.save(fresh, package.digest)
    assert fresh.stat().st_mode & 0o777 == 0o640


EXCEL = b"\x08Jane Doe" + b" " * 46 + b"\x08\x00" + "Jane Doe".encode("utf-16-le")


@pytest.mark.skipif(os.name == "nt", reason="on Windows the operating system itself tells")
def test_excel_has_it_open(fresh: Path) -> None:
    """Excel's owner file means later, and says who."""
    fresh.with_name("~$AutoXero.xlsm").write_bytes(EXCEL)
    with pytest.raises(InUseError, match="is open by Jane Doe"):
        check_free(fresh)


def test_libreoffice_elsewhere_has_it_open(fresh: Path) -> None:
    """LibreOffice's lock from another computer is believed."""
    fresh.with_name(".~lock.AutoXero.xlsm#").write_text(",jane,other-host,22.11.2026 10:00,file:///x;")
    with pytest.raises(InUseError, match="is open by jane"):
        check_free(fresh)


@pytest.mark.parametrize("programs", [{"bash"}, {"bash", "soffice.bin"}, None])
def test_libreoffice_here(fresh: Path, monkeypatch: pytest.MonkeyPatch, programs: set[str] | None) -> None:
    """LibreOffice's lock of this computer counts unless LibreOffice certainly does not run; it says where it is."""
    monkeypatch.setattr(locks, "running", lambda: programs)
    monkeypatch.setattr("platform.node", lambda: "here")
    fresh.with_name(".~lock.AutoXero.xlsm#").write_text("Jane,jane,HERE,22.11.2026 10:00,file:///x;")
    if programs == {"bash"}:
        assert "leftover" in check_free(fresh)[0]
        return
    with pytest.raises(InUseError, match="is open by Jane on HERE"):
        check_free(fresh)


@pytest.mark.parametrize(
    ("programs", "folder", "is_open"),
    [
        ({"Microsoft Excel"}, "own", True),
        ({"Finder"}, "own", False),
        ({"Finder"}, "Dropbox", True),
        (None, "own", True),
    ],
)
def test_excel_on_a_mac(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: set[str] | None, folder: str, *, is_open: bool
) -> None:
    """On a disk of its own the owner file of an Excel that does not run is ignored; a shared folder is another's."""
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(locks, "running", lambda: programs)
    path = tmp_path / folder / "AutoXero.xlsm"
    path.parent.mkdir()
    path.write_bytes(b"x")
    path.with_name("~$AutoXero.xlsm").write_bytes(EXCEL)
    assert (locks.locked_by(path)[0] is not None) == is_open


def test_what_cannot_be_looked_into_is_believed_for_a_day(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock of another computer is ignored after a day without a touch or a save, and after a week in any case."""
    monkeypatch.setattr(locks, "started", lambda: 0.0)
    lock = fresh.with_name(".~lock.AutoXero.xlsm#")
    lock.write_text(",jane,other-host,22.11.2026 10:00,file:///x;")
    hour, now = 3600, time.time()
    for touched, saved, is_open in ((23, 50, True), (25, 23, True), (25, 26, False), (169, 1, False)):
        os.utime(lock, (now - touched * hour, now - touched * hour))
        os.utime(fresh, (now - saved * hour, now - saved * hour))
        owner, notes = locks.locked_by(fresh)
        assert (owner == "jane on other-host") == is_open
        assert bool(notes) != is_open


def test_locks_from_before_the_start_are_stale(fresh: Path) -> None:
    """A lock older than the computer's last start is ignored, and that is said."""
    lock = fresh.with_name("~$AutoXero.xlsm")
    lock.write_bytes(EXCEL)
    old = locks.started() - 60
    os.utime(lock, (old, old))
    assert "leftover" in check_free(fresh)[0]


def test_the_start_lies_in_the_past() -> None:
    """The computer was started before now."""
    assert locks.started() < time.time()


def test_errors_are_one_family() -> None:
    """Whoever catches WorkbookError catches them all."""
    assert all(issubclass(kind, WorkbookError) for kind in (NotAWorkbookError, InUseError, ExternallyChangedError))
