"""A pretend provider for tests: its cloud, its workbook, its home; driven as a user would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import openpyxl
from click.testing import CliRunner
from openpyxl.utils.escape import unescape

from agent import overview
from agent.cli import main
from agent.config import Config
from agent.desk import Desk
from agent.ledger.database import open_database
from agent.pretend.cloud import Cloud
from agent.pretend.world import LABOR, LineOf, World, empty_world, mappings
from agent.sync import Report, sync
from agent.template import template
from agent.wire import Wire
from workbook.project import Projection, project

SETTINGS: Mapping[str, Any] = {
    "Sync mode": "Live",
    "Most invoices in one run": 100000,
    "Invoices in the first live run": 100000,
}


def support(quantity: str = "2", rate: str = "145.0000", net: str | None = None, **more: Any) -> LineOf:
    """A line of remote support."""
    return LineOf(
        more.pop("code", "Remote Support"), LABOR, more.pop("text", "Remote support"), quantity, rate, net, **more
    )


@dataclass
class Practice:
    """What a test drives.

    Attributes:
        world: Companies and invoices are added here.
        waits: Every wait that the agent asked for, in seconds; none of them is waited.
        timeout: Seconds to connect and to wait for an answer.
    """

    cloud: Cloud
    world: World
    home: Path
    workbook: Path
    waits: list[float] = field(default_factory=list)
    timeout: tuple[float, float] = (2.0, 2.0)

    def set(self, **settings: Any) -> None:
        """Type settings into the workbook; underscores stand for blanks."""
        self.type_settings({name.replace("_", " "): value for name, value in settings.items()})

    def type_settings(self, settings: Mapping[str, Any]) -> None:
        """Type settings into the workbook, by their full names."""
        project(self.workbook, Projection(edits={"Settings": {(name,): {"Value": v} for name, v in settings.items()}}))

    def map(self, table: str, column: str, key: tuple[str, ...], value: str) -> None:
        """Choose the target of a mapping row in the workbook."""
        project(self.workbook, Projection(edits={table: {key: {column: value}}}))

    def desk(self) -> Desk:
        """A desk as a fresh process would have it."""
        return Desk(
            Config(self.home, {"AUTOXERO_HOME": str(self.home), **self.cloud.environment}),
            self.workbook,
            lambda: Wire(self.timeout, self.waits.append),
        )

    def sync(self, **options: Any) -> Report:
        """One run, as a fresh process would do it."""
        return sync(self.desk(), **options)

    def rows(self) -> dict[int, dict[str, Any]]:
        """``status --json``, by Autotask id."""
        return {row["autotask_id"]: row for row in overview.status_json(self.desk().ledger)["invoices"]}

    def codes(self) -> dict[int, str]:
        """The open fault of each invoice."""
        return {key: (row["fault"] or {}).get("code", "") for key, row in self.rows().items()}

    def table(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table of the workbook, as openpyxl reads them; blank rows left out."""
        book = openpyxl.load_workbook(self.workbook, data_only=True)
        sheet, reference = next((ws, ws.tables[name].ref) for ws in book.worksheets if name in ws.tables)
        head, *body = [[cell.value for cell in row] for row in sheet[reference]]
        rows = [dict(zip(head, row, strict=True)) for row in body if any(value is not None for value in row)]
        return [{k: unescape(v) if isinstance(v, str) else v for k, v in row.items()} for row in rows]

    def in_xero(self) -> dict[str, Decimal]:
        """The sums of live documents by currency; credit notes count negative."""
        sums: dict[str, Decimal] = {}
        for document in self.cloud.xero.documents():
            sign = -1 if document.type == "ACCRECCREDIT" else 1
            sums[document.currency] = sums.get(document.currency, Decimal(0)) + sign * document.total
        return sums

    def posts(self) -> int:
        """How many requests asked Xero to create documents."""
        return sum(
            call.method == "PUT" and call.path.endswith(("/Invoices", "/CreditNotes")) for call in self.cloud.calls
        )

    def reprice(self, number: int, quantity: str = "3", rate: str = "145.0000") -> Decimal:
        """Someone changes an invoice's one line in Autotask, tax and sums with it; gives the new total."""
        tables = self.cloud.autotask.tables
        line = next(key for key, item in tables["BillingItems"].items() if item["invoiceID"] == number)
        net = Decimal(quantity) * Decimal(rate)
        tax = net * Decimal("0.15")
        change = self.cloud.autotask.change
        change("BillingItems", line, quantity=quantity, rate=rate, totalAmount=str(net), taxDollars=str(tax))
        change("Invoices", number, invoiceTotal=str(net), totalTaxValue=str(tax))
        return net + tax

    def command(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the real command in a process of its own."""
        variables = {
            **{name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ},
            "AUTOXERO_HOME": str(self.home),
            **self.cloud.environment,
            **(environment or {}),
        }
        return subprocess.run(
            [sys.executable, "-m", "agent", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env=variables,
            cwd=Path(__file__).parent.parent,
            timeout=120,
        )

    def ask(self, *arguments: str) -> Any:
        """Run the command with ``--json`` and give its answer; in this process, since starting one takes long."""
        variables = {"AUTOXERO_HOME": str(self.home), **self.cloud.environment}
        given = [*arguments, "--workbook", str(self.workbook), "--json"]
        done = CliRunner().invoke(main, given, env=variables)
        return msgspec.json.decode(done.stdout_bytes)


@cache
def _fresh_ledger() -> bytes:
    """A ledger in which nothing happened yet; made once, since making one takes as long as many a test."""
    with TemporaryDirectory() as folder:
        open_database(f"sqlite:///{folder}/ledger.db").dispose()
        return (Path(folder) / "ledger.db").read_bytes()


@contextmanager
def open_practice(folder: Path) -> Iterator[Practice]:
    """A pretend provider with the customer Kauri Legal, the demo's mappings, and nothing invoiced yet."""
    with Cloud() as cloud:
        cloud.xero.minute_limit = None
        practice = Practice(
            cloud, empty_world(cloud, datetime.now(UTC).date()), folder / "home", folder / "AutoXero.xlsm"
        )
        practice.home.mkdir(parents=True, exist_ok=True)
        (practice.home / "ledger.db").write_bytes(_fresh_ledger())
        shutil.copyfile(template(), practice.workbook)
        practice.type_settings({**SETTINGS, "Start date": practice.world.start})
        chosen = mappings()
        project(
            practice.workbook,
            Projection(
                edits={
                    "AccountMap": {(code, kind): {"Xero account": to} for code, kind, to in chosen["AccountMap"]},
                    "TaxMap": {(region, kind): {"Xero tax rate": to} for region, kind, to in chosen["TaxMap"]},
                }
            ),
        )
        practice.world.company("Kauri Legal")
        yield practice
