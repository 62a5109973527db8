"""Updates some rows of a big workbook with our projection and with openpyxl, side by side.

    uv run python -m tests.benchmarks.projection [--json]

Each side works on a copy of the same file in a process of its own; measured are the whole process's wall time, its
start included, and the most memory it held. Afterwards both files are read and must show the same.
"""

# ruff: noqa: T201, DTZ001 - it prints its answer; a cell holds local time without a zone

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

COLUMNS = (
    "Do", "Status", "Type", "Number", "Xero number", "In Xero as", "Customer", "Xero contact", "Date", "Due",
    "Reference", "Currency", "Net", "Tax", "Total", "Xero total", "Tries", "Fault", "Sent on", "Autotask id",
)  # fmt: skip
STATUS, TOTAL, FAULT, KEY = (COLUMNS.index(name) for name in ("Status", "Xero total", "Fault", "Autotask id"))
HEADING = 4
LEAST_SPEED, MOST_MEMORY = 20.0, 0.25
_BORN = date(2026, 1, 1)


@dataclass(frozen=True)
class Size:
    """How big the file is.

    Attributes:
        rows: The rows of Invoices.
        others: The rows on a sheet of the accountant's.
        changed: How many rows of Invoices change.
    """

    rows: int = 50_000
    others: int = 100_000
    changed: int = 500

    def changes(self) -> range:
        """The rows that change, spread over the table."""
        return range(0, self.rows, max(self.rows // self.changed, 1))


@dataclass(frozen=True)
class Measured:
    """What one side took: wall time and the most memory."""

    seconds: float
    megabytes: float


def invoice(number: int) -> list[Any]:
    """A row of Invoices."""
    day = _BORN + timedelta(days=number % 330)
    net = Decimal(10_000 + number * 37 % 900_000) / 100
    tax = (net * 15 / 100).quantize(Decimal("0.01"))
    customer = f"Customer {number % 400} & Sons"
    return [
        None, "Synced", "Invoice", f"T2026.{number:05d}", f"INV-{number:05d}", "Approved", customer, customer,
        day, day + timedelta(days=20), f"PO {number % 5000}", "NZD", net, tax, net + tax, net + tax, None, None,
        datetime(2026, 11, 1, 8, 0) + timedelta(minutes=number), 29_000_000 + number,
    ]  # fmt: skip


def make(path: Path, size: Size) -> None:
    """Write the file as Excel would have saved it: texts shared, a style to each column."""
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": False}) as book:
        looks = {date: book.add_format({"num_format": "yyyy-mm-dd"}),
                 datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
                 Decimal: book.add_format({"num_format": "#,##0.00"}),
                 str: book.add_format({"font_size": 10})}  # fmt: skip
        sheet = book.add_worksheet("Invoices")
        for row in range(size.rows):
            for column, value in enumerate(invoice(row)):
                sheet.write(HEADING + row, column, value, looks.get(type(value)))
        area = (HEADING - 1, 0, HEADING + size.rows - 1, len(COLUMNS) - 1)
        sheet.add_table(*area, {"name": "Invoices", "columns": [{"header": name} for name in COLUMNS]})
        other = book.add_worksheet("Bank")
        for row in range(size.others):
            other.write_row(row, 0, (row, f"Payment {row}", f"Customer {row % 400}", row / 100, "NZD", "cleared"))


def ours(path: Path, size: Size) -> None:
    """Change the rows with our projection."""
    from workbook.project import Projection, Row, project

    rows: list[Row] = [
        {"Status": "Voided", "Xero total": Decimal(0), "Fault": "AX-213", "Autotask id": 29_000_000 + number}
        for number in size.changes()
    ]
    outcome = project(path, Projection({"Invoices": rows}))
    assert outcome.changed


def theirs(path: Path, size: Size) -> None:
    """Change the rows with openpyxl: load, change, save."""
    from openpyxl import load_workbook

    book = load_workbook(path)
    sheet = book["Invoices"]
    places = {sheet.cell(row, KEY + 1).value: row for row in range(HEADING + 1, HEADING + size.rows + 1)}
    for number in size.changes():
        row = places[29_000_000 + number]
        for column, value in ((STATUS, "Voided"), (TOTAL, 0), (FAULT, "AX-213")):
            sheet.cell(row, column + 1).value = value
    book.save(path)


def shown(path: Path) -> Iterator[tuple[object, ...]]:
    """What a reader sees in Invoices."""
    from openpyxl import load_workbook

    book = load_workbook(path, read_only=True, data_only=True)
    yield from book["Invoices"].iter_rows(min_row=HEADING, values_only=True)
    book.close()


def measure(side: str, path: Path, size: Size) -> Measured:
    """Let one side do its work in a process of its own."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "tests.benchmarks.projection", "--side", side, "--file", str(path),
               "--size", json.dumps(asdict(size))]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return Measured(time.perf_counter() - begun, json.loads(done.stdout))


def compare(size: Size) -> dict[str, Any]:
    """Both sides' measures, and how many times faster and smaller ours is.

    Raises:
        AssertionError: The two files show different things.
    """
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "made.xlsx"
        measure("make", made, size)  # not here: Linux counts what a parent held towards its children
        found = {}
        for side in ("ours", "theirs"):
            path = Path(shutil.copy(made, Path(scratch) / f"{side}.xlsx"))
            found[side] = measure(side, path, size)
        assert list(shown(Path(scratch) / "ours.xlsx")) == list(shown(Path(scratch) / "theirs.xlsx"))
        megabytes = made.stat().st_size / 1e6
    mine, other = found["ours"], found["theirs"]
    return {
        "size": {**asdict(size), "file_megabytes": round(megabytes, 1)},
        "ours": asdict(mine),
        "openpyxl": asdict(other),
        "times_faster": other.seconds / mine.seconds,
        "share_of_memory": mine.megabytes / other.megabytes,
    }


def peak() -> float:
    """The most memory this process held, in megabytes."""
    import resource  # Windows has none

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main() -> int:
    """The command; 1 when we are slower or bigger than promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--side", choices=("make", "ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=json.loads, default={}, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    size = Size(**asked.size)
    if asked.side:
        {"make": make, "ours": ours, "theirs": theirs}[asked.side](asked.file, size)
        print(peak())
        return 0
    result = compare(size)
    if asked.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{size.changed} of {size.rows} rows changed, {size.others} other rows in the file")
        for name in ("ours", "openpyxl"):
            print(f"{name:9} {result[name]['seconds']:7.2f} s {result[name]['megabytes']:7.0f} MB")
        print(f"{result['times_faster']:.1f} times faster, {result['share_of_memory']:.0%} of the memory")
    return int(result["times_faster"] < LEAST_SPEED or result["share_of_memory"] > MOST_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
