"""Whatever people type into Settings and Mappings, and however a program stores it: nothing crashes or is misread."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Collection
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.domain.settings import SETTINGS, read_settings
from workbook.book import Book
from workbook.cells import Cell, clean
from workbook.package import Package
from workbook.project import Projection, Row, project
from workbook.read import read

DATES = [setting.name for setting in SETTINGS if setting.kind == "date"]
OTHERS = [setting.name for setting in SETTINGS if setting.kind != "date"]
WORDS = sorted({word for setting in SETTINGS for word in (*setting.choices, str(setting.default or ""))})
NUMBERS = [
    "1,5",
    "1.5",
    "1.234,50",
    "1,234.50",
    "1,234",
    " 7 ",
    "\uff11\uff12",
    "\u0663",
    "1e3",
    "0x10",
    "-0",
    "1\u00a0000",
    "∞",
    "NaN",
]
DATED = ["1.9.2026", "9/30/2026", "30/9/2026", "1/2/2026", "2026-9-1", "1 Sep 2026", "yesterday", "2026-13-01"]
texts = st.text(st.characters(codec="utf-8"), max_size=20)
typed = st.one_of(
    st.sampled_from([*WORDS, *(word.upper() + " " for word in WORDS), *NUMBERS, *DATED, "#REF!", "=1+1", "_x0041_"]),
    texts,
    st.integers(-(10**9), 10**9),
    st.decimals(-(10**6), 10**6, places=3, allow_nan=False),
    st.booleans(),
)
days = st.one_of(st.dates(date(2000, 1, 1), date(2099, 12, 31)), typed)
quick = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def store(path: Path, sheet: str, how: str) -> None:
    """Store the sheet's cells as other programs do: texts shared, or every value as the result of a formula."""
    package = Package.read(path)
    part = Book(package).sheets[sheet]
    data = package.part(part)
    items: list[bytes] = []
    strings = package.part("xl/sharedStrings.xml")
    count = strings.count(b"<si>") + strings.count(b"<si/>")

    def shared(match: re.Match[bytes]) -> bytes:
        items.append(match[1])
        return b't="s"><v>%d</v>' % (count + len(items) - 1)

    if how == "shared":
        data = re.sub(rb't="inlineStr"><is>(.*?)</is>', shared, data, flags=re.DOTALL)
        added = b"".join(b"<si>%b</si>" % item for item in items)
        package.replace("xl/sharedStrings.xml", strings.replace(b"</sst>", added + b"</sst>"))
    elif how == "formula":
        text = rb't="str"><f>A1</f><v>\1</v>'
        data = re.sub(rb't="inlineStr"><is><t[^>]*>([^<]*)</t></is>', text, data, flags=re.DOTALL)
    package.replace(part, data)
    package.save(path, package.digest)


def as_read(value: Cell) -> object:
    """What a cell gives back: text without what XML forbids, blanks as nothing, whole decimals as whole numbers."""
    if isinstance(value, str):
        text = clean(value)
        return text if text.strip() else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


@quick
@given(
    st.dictionaries(st.sampled_from(OTHERS), typed, max_size=12),
    st.dictionaries(st.sampled_from(DATES), days, max_size=2),
    st.sampled_from(["inline", "shared", "formula"]),
)
@example({"Mail port": Decimal("2525.0"), "Rounding line up to": "0,07"}, {"Start date": date(2026, 9, 1)}, "shared")
def test_settings(fresh: Path, cells: dict[str, Cell], dated: dict[str, Cell], how: str) -> None:
    """The file changes nothing about what was typed: it is understood, or refused, as the settings themselves say."""
    wanted = {**{setting.name: None for setting in SETTINGS}, **cells, **dated}
    project(fresh, Projection(edits={"Settings": {(name,): {"Value": value} for name, value in wanted.items()}}))
    store(fresh, "Settings", how)
    reading = read(fresh)
    expected, problems = read_settings({name: as_read(value) for name, value in wanted.items()})
    assert reading.settings == expected
    assert {problem.where for problem in reading.problems} == {problem.where for problem in problems}


# --- the same, by an oracle of its own: what a text means to those who write so ---

MARKS = {
    "English": (",", "."),
    "German": (".", ","),
    "French": ("\u202f", ","),
    "Swiss": ("\u2019", "."),
    "none": ("", "."),
}
MONTHS = tuple(calendar.month_name)[1:]
WRITTEN: dict[str, Callable[[date], str]] = {
    "ISO": lambda day: f"{day:%Y-%m-%d}",
    "Japanese": lambda day: f"{day.year}/{day.month}/{day.day}",
    "German": lambda day: f"{day.day}.{day.month}.{day.year}",
    "British": lambda day: f"{day:%d/%m/%Y}",
    "American": lambda day: f"{day.month}/{day.day}/{day.year}",
    "Dutch": lambda day: f"{day.day}-{day.month}-{day.year}",
    "in words": lambda day: f"{day.day} {MONTHS[day.month - 1]} {day.year}",
    "American words": lambda day: f"{MONTHS[day.month - 1][:3]} {day.day}, {day.year}",
    "short": lambda day: f"{day.day}/{day.month}/{day.year % 100:02}",
}
YES_NO: dict[Cell, bool | None] = {
    "Yes": True, "YES": True, " y ": True, "true": True, "on": True, True: True, "1": True,
    "No": False, "n": False, "FALSE": False, "off": False, False: False, "0": False,
    "Ja": None, "Nein": None, "Oui": None, "Non": None, "Sí": None, "WAHR": None, "Vrai": None, "2": None, "x": None,
}  # fmt: skip
"""What it means in English, which the settings speak; to take another language's word for one would be a guess."""


def number_text(value: Decimal, country: str) -> str:
    """A number as people of a country write it, with marks between the thousands."""
    group, mark = MARKS[country]
    whole, _, rest = f"{value:f}".partition(".")
    head = len(whole) % 3 or 3
    groups = [whole[:head], *(whole[place : place + 3] for place in range(head, len(whole), 3))]
    return group.join(groups) + (mark + rest if rest else "")


def meanings(text: str) -> set[Decimal]:
    """Every number that the text is in any country."""
    found = set()
    for group, mark in MARKS.values():
        whole, cut, rest = text.partition(mark)
        parts = whole.split(group) if group else [whole]
        is_grouped = len(parts) == 1 or (
            0 < len(parts[0]) <= 3 and parts[0][0] != "0" and all(len(part) == 3 for part in parts[1:])
        )
        if is_grouped and "".join([*parts, rest]).isdecimal() and (rest or not cut):
            found.add(Decimal("".join(parts) + "." + (rest or "0")))
    return found


def readings(day: date, country: str) -> set[date]:
    """Every day that a date, written as in a country, is in any country."""
    if country == "short":
        return set()  # of which century, and in which order?
    if country in {"German", "British", "American", "Dutch"} and day.day <= 12:
        return {day, date(day.year, day.day, day.month)}
    return {day}


def meant(found: Collection[date | Decimal]) -> date | Decimal | None:
    """The one meaning; nothing where there are several or none."""
    return next(iter(found)) if len(found) == 1 else None


amounts = st.integers(0, 4).flatmap(lambda places: st.decimals(0, 999_999, places=places))


countries = st.sampled_from(sorted(MARKS))


@quick
@given(
    amount=st.tuples(amounts, countries),
    rows=st.tuples(st.integers(100, 100_000), countries),
    day=st.tuples(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.sampled_from(sorted(WRITTEN))),
    word=st.sampled_from(list(YES_NO)),
    how=st.sampled_from(["inline", "shared", "formula"]),
)
@example(
    amount=(Decimal("1.234"), "German"),
    rows=(5000, "German"),
    day=(date(2026, 2, 1), "British"),
    word="Ja",
    how="shared",
)
@example(
    amount=(Decimal("0.123"), "English"),
    rows=(5000, "French"),
    day=(date(2026, 2, 2), "British"),
    word=True,
    how="inline",
)
def test_settings_typed_in_any_country(
    fresh: Path, *, amount: tuple[Decimal, str], rows: tuple[int, str], day: tuple[date, str], word: Cell, how: str
) -> None:
    """A text with one meaning is understood, one with two or none is refused, and none is taken for another."""
    text = number_text(*amount)
    wanted = {
        "Skip invoices smaller than": text,
        "Log rows to show": number_text(Decimal(rows[0]), rows[1]),
        "Start date": WRITTEN[day[1]](day[0]),
        "Paused": word,
    }
    project(fresh, Projection(edits={"Settings": {(name,): {"Value": value} for name, value in wanted.items()}}))
    store(fresh, "Settings", how)
    reading = read(fresh)
    found = reading.settings
    assert found.skip_smaller_than == meant(meanings(text))
    assert found.log_rows == rows[0]
    assert found.start_date == meant(readings(*day))
    assert found.paused is bool(YES_NO[word])
    refused = {
        "Skip invoices smaller than": len(meanings(text)) != 1,
        "Start date": len(readings(*day)) != 1,
        "Paused": YES_NO[word] is None,
    }
    assert {problem.where for problem in reading.problems} == {name for name, is_so in refused.items() if is_so}


@given(st.dates(date(2000, 1, 2), date(2099, 12, 30)))
@quick
def test_dates_of_1904(fresh: Path, day: date) -> None:
    """In a workbook that counts its days from 1904 the Start date is the same day."""
    package = Package.read(fresh)
    old = rb'<workbookPr (?:date1904="1" )?'
    data = re.sub(old, b'<workbookPr date1904="1" ', package.part("xl/workbook.xml"))
    package.replace("xl/workbook.xml", data)
    package.save(fresh, package.digest)
    project(fresh, Projection(edits={"Settings": {("Start date",): {"Value": day}}}))
    assert read(fresh).settings.start_date == day


keys = st.one_of(st.sampled_from(["Support", "support ", "Hardware", "(no billing code)", "1.0", "_x0041_"]), texts)
marks = st.sampled_from(["200 · Sales", "200", "#N/A", "  "])
targets = st.one_of(st.none(), marks, texts, st.integers(0, 999), st.booleans())


@quick
@given(
    st.lists(st.tuples(keys, st.sampled_from(["", "Labor", "labor"]), targets), max_size=8),
    st.sampled_from(["inline", "shared", "formula"]),
)
def test_mappings(fresh: Path, rows: list[tuple[str, str, Cell]], how: str) -> None:
    """Each row with a target is either read as it was typed, or told; none is lost, none is turned into another."""
    path = fresh.with_name("again.xlsm")
    path.write_bytes(fresh.read_bytes())
    put_rows(path, rows)
    store(path, "Mappings", how)
    reading = read(path)
    read_rows = {(row.billing_code, row.line_type): row.account for row in reading.mappings.accounts}
    told = " ".join(f"{problem.where} {problem.message}" for problem in reading.problems)
    for code, kind, target in rows:
        key = (" ".join(clean(code).split()), kind)
        shown = "" if target is None or isinstance(target, bool) else " ".join(clean(str(target)).split())
        if isinstance(target, bool):
            assert key not in read_rows or key[0] in told
        elif key in read_rows and rows_alike(rows, key) == 1:
            assert read_rows[key] == shown
        elif shown:
            assert not key[0] or key in read_rows or key[0].casefold() in told.casefold()
    assert all(account for account in read_rows.values())


def rows_alike(rows: list[tuple[str, str, Cell]], key: tuple[str, str]) -> int:
    return sum((" ".join(clean(code).split()), kind) == key for code, kind, _ in rows)


def put_rows(path: Path, rows: list[tuple[str, str, Cell]]) -> None:
    """Type rows under each other, as a person would, twins and all."""
    from workbook.cells import make
    from workbook.splice import Edits, SheetReader, write

    package = Package.read(path)
    book = Book(package)
    grid = book.grids["AccountMap"]
    edits = Edits()
    for number, row in enumerate(rows, grid.first):
        for name, value in zip(("Billing code", "Line type", "Xero account"), row, strict=True):
            column = grid.columns[name]
            edits.put(number, column, make(b"%c%d" % (64 + column, number), b"", value))
    reader = SheetReader(package.pieces(grid.sheet))
    for _ in reader.rows():
        pass
    pieces: list[bytes] = []
    write(reader, package.pieces(grid.sheet), edits, pieces.append)
    package.replace(grid.sheet, b"".join(pieces))
    last = max(grid.last, grid.first + len(rows) - 1)
    package.replace(grid.part, re.sub(rb'ref="A4:([A-Z]+)\d+"', rb'ref="A4:\g<1>%d"' % last, package.part(grid.part)))
    package.save(path, package.digest)


@pytest.mark.parametrize("value", ["#REF!", "#N/A"])
def test_an_errors_text_typed_as_text_is_no_error(fresh: Path, value: str) -> None:
    """A cell with the text of an error is text; what a setting makes of it is told by the setting."""
    rows: dict[tuple[str, ...], Row] = {("Mail user",): {"Value": value}}
    project(fresh, Projection(edits={"Settings": rows}))
    assert read(fresh).settings.mail_user == value
