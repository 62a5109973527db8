"""The zip container by hand: every member's bytes where they lie, so that unchanged ones are copied as they are.

The standard library's ``zipfile`` can read members but not copy them raw; it would compress all of them anew and
lose extra fields. Records and field places are those of PKWARE's APPNOTE 6.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from workbook.errors import NotAWorkbookError

MOST_MEMBERS = 10_000
MOST_BYTES = 1 << 31
"""Beyond these a file is refused: no workbook of ours gets there, a zip bomb does."""
MOST_RATIO = 1_000
_RATIO_COUNTS_FROM = 64 << 20
_CHUNK = 1 << 20
_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_FULL = 0xFFFFFFFF
_DEFLATED = 8
_DOS_DATE = 0x0021  # 1980-01-01, the first a zip can hold
DAMAGED = (
    "The file {name} is damaged. Take the newest copy from the folder “workbook-backups” in the agent's home, or copy "
    "a fresh AutoXero.xlsm there."
)


@dataclass(frozen=True)
class Member:
    """One member of the zip.

    Attributes:
        name: Its path inside the zip.
        central: Its whole record in the central directory.
        start: Where its local header starts.
        end: Where the next thing starts, so that data descriptors are included.
        data: Where its compressed bytes start.
        packed: How many compressed bytes there are.
        size: How many there are uncompressed.
        method: 0 stored, 8 deflated.
        crc: The checksum of the uncompressed bytes.
    """

    name: str
    central: bytes
    start: int
    end: int
    data: int
    packed: int
    size: int
    method: int
    crc: int


@dataclass(frozen=True)
class Packed:
    """A new member's bytes, compressed already."""

    data: bytes
    size: int
    crc: int


class Deflater:
    """Compresses a part piece by piece, so that a big sheet never stands in memory whole."""

    def __init__(self, level: int = 6) -> None:
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
        self._parts: list[bytes] = []
        self._size = 0
        self._crc = 0

    def write(self, data: bytes) -> None:
        """Take the next piece."""
        self._size += len(data)
        self._crc = zlib.crc32(data, self._crc)
        self._parts.append(self._deflate.compress(data))

    def finish(self) -> Packed:
        """The whole, compressed."""
        self._parts.append(self._deflate.flush())
        return Packed(b"".join(self._parts), self._size, self._crc)


def pack(data: bytes) -> Packed:
    """Compress a part at once."""
    deflater = Deflater()
    deflater.write(data)
    return deflater.finish()


def damaged(name: str) -> NotAWorkbookError:
    """The error for a file whose inside does not hold together."""
    return NotAWorkbookError(DAMAGED.format(name=name))


def members(raw: bytes, name: str) -> tuple[dict[str, Member], bytes]:
    """All members in the order in which they lie, and the zip's comment.

    Args:
        raw: The whole file.
        name: The file's name for messages.

    Raises:
        NotAWorkbookError: It is no zip, it is damaged, or it would unpack to an absurd size.
    """
    if not raw.startswith(b"PK"):
        raise NotAWorkbookError(f"The file {name} is not an Excel workbook. Choose the AutoXero.xlsm that you set up.")
    try:
        found, comment = _directory(raw)
        listed = _members(raw, *found)
    except (struct.error, ValueError, UnicodeDecodeError) as error:
        raise damaged(name) from error
    for member in listed:
        absurd = member.size > _RATIO_COUNTS_FROM and member.size > MOST_RATIO * max(member.packed, 1)
        if absurd or member.size > MOST_BYTES:
            raise NotAWorkbookError(f"The file {name} would unpack to an absurd size, so it was not opened.")
    if len(listed) != len({member.name for member in listed}):
        raise damaged(name)
    return {member.name: member for member in listed}, comment


def _directory(raw: bytes) -> tuple[tuple[int, int, int], bytes]:
    """Where the central directory starts, how many records it has, where it ends; and the comment."""
    at = raw.rfind(b"PK\x05\x06", max(0, len(raw) - 65_557))
    if at < 0:
        raise ValueError("no end record")
    _, _, _, _, count, size, start, comment = _END.unpack_from(raw, at)
    end = at
    if raw[at - 20 : at - 16] == b"PK\x06\x07" and (count == 0xFFFF or _FULL in {size, start}):
        (far,) = struct.unpack_from("<Q", raw, at - 12)
        if raw[far : far + 4] != b"PK\x06\x06":
            raise ValueError("no zip64 end record")
        count, size, start = struct.unpack_from("<QQQ", raw, far + 32)
        end = far
    if start + size > end or count > MOST_MEMBERS:
        raise ValueError("bad directory")
    return (start, count, start + size), raw[at + 22 : at + 22 + comment]


def _members(raw: bytes, start: int, count: int, end: int) -> list[Member]:
    records = []
    at = start
    for _ in range(count):
        fields = _CENTRAL.unpack_from(raw, at)
        if fields[0] != b"PK\x01\x02" or fields[3] & 1:
            raise ValueError("bad record")
        length = _CENTRAL.size + fields[10] + fields[11] + fields[12]
        record = raw[at : at + length]
        records.append((fields, record, _sizes(fields, record)))
        at += length
    if at > end:
        raise ValueError("directory too long")
    order = sorted(records, key=lambda item: item[2][2])
    ends = [item[2][2] for item in order[1:]] + [start]
    return [_member(raw, *item, stop) for item, stop in zip(order, ends, strict=True)]


def _sizes(fields: tuple[int, ...], record: bytes) -> tuple[int, int, int]:
    """Uncompressed size, compressed size and place, from the zip64 field where the short ones are full."""
    values = [fields[9], fields[8], fields[16]]
    if _FULL in values:
        extra = zip64_extra(record, fields)
        for place, value in enumerate(values):
            if value == _FULL:
                (values[place],) = struct.unpack_from("<Q", record, extra)
                extra += 8
    return values[0], values[1], values[2]


def zip64_extra(record: bytes, fields: tuple[int, ...]) -> int:
    """Where the zip64 field's content starts within a central record."""
    at = _CENTRAL.size + fields[10]
    end = at + fields[11]
    while at + 4 <= end:
        kind, size = struct.unpack_from("<HH", record, at)
        if kind == 1:
            return at + 4
        at += 4 + size
    raise ValueError("no zip64 field")


def _member(raw: bytes, fields: tuple[int, ...], record: bytes, sizes: tuple[int, int, int], stop: int) -> Member:
    size, packed, start = sizes
    local = _LOCAL.unpack_from(raw, start)
    if local[0] != b"PK\x03\x04" or fields[4] not in {0, _DEFLATED}:
        raise ValueError("bad local header")
    data = start + _LOCAL.size + local[9] + local[10]
    if data + packed > stop:
        raise ValueError("members overlap")
    name = record[_CENTRAL.size : _CENTRAL.size + fields[10]]
    if raw[start + _LOCAL.size : start + _LOCAL.size + local[9]] != name:
        raise ValueError("two names")
    text = name.decode("utf-8" if fields[3] & 0x800 else "cp437")
    return Member(text, record, start, stop, data, packed, size, fields[4], fields[7])


def unpack(raw: bytes, member: Member) -> Iterator[bytes]:
    """A member's uncompressed bytes, in pieces.

    Raises:
        ValueError: The bytes do not agree with the directory.
    """
    body = memoryview(raw)[member.data : member.data + member.packed]
    crc = size = 0
    for piece in _pieces(body, member.method):
        crc = zlib.crc32(piece, crc)
        size += len(piece)
        if size > member.size:
            break
        yield piece
    if size != member.size or crc != member.crc:
        raise ValueError(f"{member.name} does not agree with its checksum")


def _pieces(body: memoryview, method: int) -> Iterator[bytes]:
    if method != _DEFLATED:
        for at in range(0, len(body), _CHUNK):
            yield bytes(body[at : at + _CHUNK])
        return
    inflate = zlib.decompressobj(-15)
    try:
        for at in range(0, len(body), _CHUNK):
            rest: bytes | memoryview = body[at : at + _CHUNK]
            while len(rest):
                yield inflate.decompress(rest, _CHUNK)
                rest = inflate.unconsumed_tail
        while piece := inflate.decompress(inflate.unconsumed_tail, _CHUNK):
            yield piece
        yield inflate.flush()
    except zlib.error as error:
        raise ValueError(str(error)) from error


def moved_record(member: Member, start: int) -> bytes:
    """The member's central record for another place in the file."""
    record = bytearray(member.central)
    fields = _CENTRAL.unpack_from(record, 0)
    if fields[16] != _FULL:
        struct.pack_into("<L", record, 42, start)
        return bytes(record)
    at = zip64_extra(bytes(record), fields) + 8 * [fields[9], fields[8]].count(_FULL)
    struct.pack_into("<Q", record, at, start)
    return bytes(record)


def new_member(name: str, packed: Packed, start: int) -> tuple[bytes, bytes]:
    """A new member's local part and its central record; its date is fixed, so that builds repeat."""
    encoded = name.encode()
    flags = 0 if name.isascii() else 0x800
    common = (20, flags, _DEFLATED, 0, _DOS_DATE, packed.crc, len(packed.data), packed.size, len(encoded), 0)
    local = _LOCAL.pack(b"PK\x03\x04", *common) + encoded + packed.data
    central = _CENTRAL.pack(b"PK\x01\x02", 20, *common, 0, 0, 0, 0, start) + encoded
    return local, central


def end_record(count: int, start: int, size: int, comment: bytes) -> bytes:
    """The record that ends a zip."""
    return _END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, len(comment)) + comment
