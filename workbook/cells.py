"""One cell: a value to bytes of XML and back.

Text is written inline (``t="inlineStr"``), so that the part with the shared strings stays untouched; Excel moves it
there at its next save. Read are both, and booleans, numbers, errors and the cached values of formulas.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from html import unescape


@dataclass(frozen=True)
class Link:
    """Text that opens an address when it is clicked, as the formula ``HYPERLINK`` that needs no part of its own.

    Attributes:
        text: What the cell shows.
        url: What it opens.
    """

    text: str
    url: str

    def __str__(self) -> str:
        return self.text


Cell = str | int | Decimal | date | datetime | bool | Link | None
"""What may be written to a cell; a ``datetime`` is naive local time."""

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - spreadsheets know local time only
EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001
MOST_TEXT = 32_767
"""What a cell holds, in UTF-16 units."""

MOST_LITERAL = 255
"""What a text within a formula holds; a `Link` with more is written as its text alone."""

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_TEXTS = re.compile(rb"<t(?:\s[^>/]*)?>(.*?)</t>|<rPh\b.*?</rPh>", re.DOTALL)
_VALUE = re.compile(rb"<v(?:\s[^>]*)?>(.*?)</v>", re.DOTALL)
_FORMULA = re.compile(rb"<f(?:\s[^>]*)?>(.*?)</f>", re.DOTALL)
_TYPE = re.compile(rb'\st="([^"]*)"')
_STYLE = re.compile(rb'\ss="(\d+)"')
_REF = re.compile(rb'\sr="([A-Z]+)(\d+)"')


@dataclass(frozen=True)
class ErrorValue:
    """An error that a cell shows, such as ``#REF!``."""

    text: str


Read = str | int | float | bool | ErrorValue | None
"""What is read from a cell; dates are read as their serial numbers."""


def letters(column: int) -> str:
    """The letters of a column counted from 1."""
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


@cache
def column_number(text: bytes | str) -> int:
    """The column, counted from 1, that letters name."""
    number = 0
    for letter in text if isinstance(text, bytes) else text.encode():
        number = number * 26 + letter - 64
    return number


def fold(value: Cell | Read) -> str:
    """A key's value as it is compared: case, blanks and the way a number is stored do not count."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else " ".join(str(value).split()).casefold()


def clean(text: str) -> str:
    """The text as a cell can hold it: no characters that XML forbids, not too long, line ends as Excel has them."""
    text = _FORBIDDEN.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) * 2 > MOST_TEXT and (units := text.encode("utf-16-le")) and len(units) > 2 * MOST_TEXT:
        text = units[: 2 * (MOST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"
    return text


def escape(text: str) -> bytes:
    """The text as XML character data, with Excel's own ``_x0041_`` pattern kept from being taken for an escape."""
    text = _LOOKS_ESCAPED.sub("_x005F_", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()


def plain(data: bytes) -> str:
    """The text that character data stands for; the reverse of `escape`."""
    text = data.decode("utf-8")
    if "&" in text:
        text = unescape(text)
    text = text.replace("\r\n", "\n")
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text


def joined_texts(data: bytes) -> str:
    """The text of a string item, its formatted runs joined and its phonetic hints left out."""
    return plain(b"".join(match[1] or b"" for match in _TEXTS.finditer(data)))


def serial(value: date, epoch: datetime = EPOCH) -> str:
    """The number by which a spreadsheet stores a date or a moment."""
    if not isinstance(value, datetime):
        return str((value - epoch.date()).days)
    passed = value.replace(microsecond=0, tzinfo=None) - epoch
    if not passed.seconds:
        return str(passed.days)
    return repr(passed.days + passed.seconds / 86400)


def moment(number: float, epoch: datetime = EPOCH) -> datetime:
    """The moment, to the second, that a serial number stands for."""
    return epoch + timedelta(seconds=round(number * 86400))


def link_formula(link: Link) -> str:
    """The formula behind a link, or nothing when its texts are too long or blank for one."""
    text, url = clean(link.text), clean(link.url)
    if not (text and url) or max(len(item.encode("utf-16-le")) for item in (text, url)) > 2 * MOST_LITERAL:
        return ""
    quoted = (item.replace('"', '""') for item in (url, text))
    return 'HYPERLINK("{}","{}")'.format(*quoted)


def is_link(raw: bytes) -> bool:
    """Whether the cell's formula is a link, as `make` writes them."""
    return raw.find(b">HYPERLINK(&quot;") > 0 or raw.find(b'>HYPERLINK("') > 0


def formula_of(raw: bytes) -> str:
    """The cell's formula without its equals sign, or nothing."""
    found = _FORMULA.search(raw)
    return plain(found[1]) if found else ""


def encode(value: Cell, epoch: datetime = EPOCH) -> tuple[bytes, bytes]:
    """The cell's type attribute and its content.

    Args:
        value: What to write; ``None`` and empty text leave the cell blank.
        epoch: Day 0 of the workbook's dates.
    """
    if isinstance(value, Link):
        if formula := link_formula(value):
            return b' t="str"', b"<f>%b</f><v>%b</v>" % (escape(formula), escape(clean(value.text)))
        value = value.text
    if value is None or value == "":
        return b"", b""
    if isinstance(value, bool):
        return b' t="b"', b"<v>%d</v>" % value
    if isinstance(value, str):
        text = clean(value)
        space = b' xml:space="preserve"' if text != text.strip() or "\n" in text or "  " in text else b""
        return (b' t="inlineStr"', b"<is><t%b>%b</t></is>" % (space, escape(text))) if text else (b"", b"")
    if isinstance(value, date):
        return b"", b"<v>%b</v>" % serial(value, epoch).encode()
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"a cell cannot hold {value}")
    return b"", b"<v>%b</v>" % (format(value, "f") if isinstance(value, Decimal) else str(value)).encode()


@lru_cache(maxsize=8192, typed=True)
def _encoded(value: Cell, epoch: datetime) -> tuple[bytes, bytes]:
    return encode(value, epoch)


def is_as_made(raw: bytes, value: Cell, epoch: datetime = EPOCH) -> bool:
    """Whether a cell is written as `make` writes the value; quicker than `shows`, which knows other ways, too."""
    kind, content = _encoded(value, epoch)
    if not content:
        return raw.endswith(b"/>")
    if not raw.endswith(b"%b>%b</c>" % (kind, content)):
        return False
    return (bool(kind) or b' t="' not in raw) and (b"<f" not in raw or content.startswith(b"<f"))


def make(ref: bytes, style: bytes, value: Cell, epoch: datetime = EPOCH) -> bytes:
    """A whole cell.

    Args:
        ref: Its place, such as ``B7``.
        style: The number of its style, or empty.
        value: What it holds.
        epoch: Day 0 of the workbook's dates.
    """
    kind, content = encode(value, epoch)
    look = b' s="%b"' % style if style else b""
    if not content:
        return b'<c r="%b"%b/>' % (ref, look)
    return b'<c r="%b"%b%b>%b</c>' % (ref, look, kind, content)


def with_cached_value(raw: bytes, value: Cell, epoch: datetime = EPOCH) -> bytes:
    """A formula cell that keeps its formula and shows a new result."""
    start = raw.index(b"<f")
    end = raw.index(b"/>", start) + 2 if b"</f>" not in raw else raw.index(b"</f>") + 4
    kind, content = encode(value, epoch)
    if isinstance(value, str):
        kind, content = b' t="str"', b"<v>%b</v>" % escape(clean(value))
    head = _TYPE.sub(b"", raw[: raw.index(b">") + 1])
    return head[:-1] + kind + b">" + raw[start:end] + content + b"</c>"


def moved(raw: bytes, ref: bytes) -> bytes:
    """The cell at another place."""
    return _REF.sub(b' r="%b"' % ref, raw, count=1)


def style_of(raw: bytes) -> bytes:
    """The number of the cell's style, or empty."""
    match = _STYLE.search(raw, 0, raw.index(b">") + 1)
    return match[1] if match else b""


def has_formula(raw: bytes) -> bool:
    """Whether the cell calculates its value."""
    return b"<f>" in raw or b"<f " in raw or b"<f/" in raw


def value_of(raw: bytes, shared: Callable[[int], str]) -> Read:
    """What the cell shows.

    Args:
        raw: The whole cell.
        shared: Gives a shared string by its number.
    """
    end = raw.index(b">") + 1
    if raw[end - 2 : end - 1] == b"/":
        return None
    match = _TYPE.search(raw, 0, end)
    kind = match[1] if match else b"n"
    if kind == b"inlineStr":
        return joined_texts(raw[end:])
    found = _VALUE.search(raw, end)
    if found is None:
        return None
    return _typed(kind, found[1], shared)


def _typed(kind: bytes, data: bytes, shared: Callable[[int], str]) -> Read:
    if kind == b"s":
        return shared(int(data))
    if kind in {b"str", b"d"}:
        return plain(data)
    if kind == b"b":
        return data.strip() == b"1"
    if kind == b"e":
        return ErrorValue(plain(data))
    if not data.strip():
        return None
    number = float(data)
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def shows(raw: bytes | None, value: Cell, shared: Callable[[int], str], epoch: datetime = EPOCH) -> bool:
    """Whether the cell already shows the value, so that it need not be written."""
    old = None if raw is None else value_of(raw, shared)
    if isinstance(value, Link):
        formula, value = link_formula(value), value.text
        if (formula_of(raw) if raw else "") != formula:
            return False
    if isinstance(value, str):
        value = clean(value)
    if value is None or value == "":
        return old is None or (old == "" and raw is not None and not has_formula(raw))
    if isinstance(value, bool):
        return old is value
    if isinstance(value, str):
        return isinstance(old, str) and old == value
    if isinstance(old, bool) or not isinstance(old, int | float):
        return False
    new = serial(value, epoch) if isinstance(value, date) else str(value)
    return float(old) == float(new)
