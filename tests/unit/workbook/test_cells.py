"""One cell: what goes in comes out, in our reader and in openpyxl's."""

# ruff: noqa: DTZ001 - a cell holds local time without a zone

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbook.cells import (
    EPOCH,
    EPOCH_1904,
    MOST_TEXT,
    Cell,
    ErrorValue,
    clean,
    column_number,
    encode,
    fold,
    has_formula,
    is_as_made,
    letters,
    make,
    moment,
    serial,
    shows,
    value_of,
    with_cached_value,
)


def no_strings(number: int) -> str:
    raise AssertionError(number)


@given(st.text())
def test_text_comes_back(text: str) -> None:
    """Any text that a cell can hold comes back to the letter, whatever it starts with or looks like."""
    raw = make(b"B7", b"3", text)
    assert (value_of(raw, no_strings) or "") == clean(text)
    assert shows(raw, text, no_strings)
    assert not has_formula(raw)


@pytest.mark.parametrize(
    "text", ["=1+1", "+64 21", "-5", "@home", "_x0041_", "_x000D_", " two  blanks ", "a\nb", "&<>\"'", "🎉 שלום"]
)
def test_awkward_text(text: str) -> None:
    """Text stays text."""
    assert value_of(make(b"A1", b"", text), no_strings) == text


def test_forbidden_characters_go() -> None:
    """Characters that XML 1.0 forbids are left out, and half of an emoji too."""
    assert clean("a\x00b\x0bc\ufffe\ud83dd") == "abcd"
    assert b"\x00" not in make(b"A1", b"", "a\x00b")


@pytest.mark.parametrize("letter", ["x", "ä", "🎉"])
def test_long_text_is_cut(letter: str) -> None:
    """A cell holds 32,767 UTF-16 units; more ends in an ellipsis and never in half a character."""
    kept = clean(letter * 40_000)
    assert len(kept.encode("utf-16-le")) // 2 <= MOST_TEXT
    assert kept.endswith(letter + "…")
    assert clean(letter * 100) == letter * 100


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_money_is_exact(amount: Decimal) -> None:
    """Money is written digit for digit, never through a binary number."""
    assert encode(amount)[1] == f"<v>{amount:f}</v>".encode()


@given(st.datetimes(datetime(1901, 1, 1), datetime(2200, 1, 1)), st.sampled_from([EPOCH, EPOCH_1904]))
def test_moments_keep_their_second(when: datetime, epoch: datetime) -> None:
    """A moment comes back to the second in both of Excel's calendars."""
    if when > datetime(1904, 1, 2):
        assert moment(float(serial(when, epoch)), epoch) == when.replace(microsecond=0)


def test_dates_are_whole_numbers() -> None:
    """A date is the serial number that Excel shows for it."""
    assert serial(date(2026, 9, 30)) == "46295"


def test_infinite_money_is_refused() -> None:
    """A sum that is no number never reaches the sheet."""
    with pytest.raises(ValueError, match="cannot hold"):
        encode(Decimal("NaN"))


RUNS = b'<c t="inlineStr"><is><r><t>a</t></r><r><t xml:space="preserve"> b</t></r><rPh><t>no</t></rPh></is></c>'


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'<c r="A1" t="s"><v>4</v></c>', "shared 4"),
        (b'<c r="A1" t="b"><v>1</v></c>', True),
        (b'<c r="A1" t="e"><f>X</f><v>#REF!</v></c>', ErrorValue("#REF!")),
        (b'<c r="A1" t="str"><f>B1</f><v>a&amp;b</v></c>', "a&b"),
        (b'<c r="A1"><v>1.5</v></c>', 1.5),
        (b'<c r="A1"><v>7</v></c>', 7),
        (b'<c r="A1" s="3"/>', None),
        (RUNS, "a b"),
    ],
)
def test_reads_what_others_write(raw: bytes, value: object) -> None:
    """Shared strings, formatted runs, booleans, errors and results of formulas are understood."""
    assert value_of(raw, lambda number: f"shared {number}") == value


@pytest.mark.parametrize("value", ["text", Decimal("1.5"), 3, True, "", datetime(2026, 1, 2, 3, 4, 5)])
def test_formulas_stay(value: Cell) -> None:
    """A formula cell keeps its formula and style, and shows the new result."""
    raw = b'<c r="C3" s="9" t="str"><f>SUM(A1:A2)</f><v>old</v></c>'
    new = with_cached_value(raw, value)
    assert b"<f>SUM(A1:A2)</f>" in new
    assert b's="9"' in new
    assert shows(new, value, no_strings) or value == ""
    assert with_cached_value(new, value) == new


@given(st.integers(1, 16_384))
def test_column_letters(column: int) -> None:
    """Letters and numbers of columns are two ways to say the same."""
    assert column_number(letters(column)) == column


def test_keys_are_compared_as_people_see_them() -> None:
    """A key typed as text, with blanks or in another case is still the same key."""
    assert fold("  Managed   Services ") == fold("managed services")
    assert fold(1001.0) == fold("1001") == fold(1001)


def test_a_seventeen_digit_number_is_the_same_number() -> None:
    """Excel stores 1234.56 as 1234.5599999999999: that is no change."""
    assert shows(b'<c r="A1"><v>1234.5599999999999</v></c>', Decimal("1234.56"), no_strings)


@pytest.mark.parametrize("value", [2, Decimal(2), "2", "", None, True, datetime(2026, 1, 2), "a"])
@pytest.mark.parametrize(
    "raw",
    [b'<c r="A1" t="s"><v>2</v></c>', b'<c r="A1"><v>2</v></c>', b'<c r="A1"><f>1+1</f><v>2</v></c>',
     b'<c r="A1" t="str"><f>B1</f><v>2</v></c>', b'<c r="A1" s="2"/>', b'<c r="A1" t="b"><v>1</v></c>',
     b'<c r="A1" t="inlineStr"><is><t>2</t></is></c>', b'<c r="A1" t="inlineStr"><is><t>a</t></is></c>'],
)  # fmt: skip
def test_the_quick_look_never_errs(raw: bytes, value: Cell) -> None:
    """A cell that the quick look takes for the value's own shows just that value, and is no formula."""
    if is_as_made(raw, value):
        assert shows(raw, value, lambda number: f"shared {number}")
        assert not has_formula(raw)
    assert is_as_made(make(b"A1", b"7", value), value)
