"""The demonstration: a pretend provider, real syncs over HTTP, and a finished workbook."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console
from rich.table import Table

from agent.config import Config, check_home
from agent.desk import Desk
from agent.errors import DONE, SOME_FAULTS, PlainError
from agent.pretend.cloud import Cloud
from agent.pretend.world import World, build_world, in_between, mappings, next_day
from agent.sync import Report, sync
from agent.tell import report_json
from agent.template import template
from agent.verbs import test
from agent.wire import Wire
from workbook.project import Projection, project

_SETTINGS: Mapping[str, str] = {
    "Sync mode": "Live",
    "Most invoices in one run": "100000",
    "Invoices in the first live run": "100000",
    "Use Autotask Numbers": "Number",
    "Create missing contacts": "Yes",
}


@dataclass
class Demo:
    """What a demonstration works with."""

    folder: Path
    cloud: Cloud
    world: World
    console: Console

    @property
    def home(self) -> Path:
        """Where its agent keeps everything."""
        return self.folder / "home"

    @property
    def workbook(self) -> Path:
        """Its workbook."""
        return self.folder / "AutoXero.xlsm"

    @property
    def environment(self) -> dict[str, str]:
        """With these variables another shell can go on."""
        return {"AUTOXERO_HOME": str(self.home), **self.cloud.environment}

    def desk(self) -> Desk:
        """A desk as the command line would have it, but that hardly waits between tries."""
        wire = lambda: Wire(sleep=lambda seconds: time.sleep(min(seconds, 0.02)))  # noqa: E731
        return Desk(
            Config(self.home, self.environment), self.workbook, wire, lambda text: self.console.print(f"  {text}")
        )


def run_demo(folder: Path | None, invoices: int, *, keep: bool, as_json: bool) -> int:
    """Run the demonstration and tell about it.

    Returns:
        0 when everything ran as designed, the faults included.
    """
    console = Console(stderr=True, highlight=False)
    folder = _new_folder(folder)
    with Cloud() as cloud:
        demo = Demo(folder, cloud, build_world(cloud, invoices, datetime.now(UTC).date()), console)
        _prepare(demo)
        reports = _syncs(demo)
        test(demo.desk())
        surprises = _surprises(demo)
        _summary(demo, reports, surprises)
        if as_json:
            _print_json(demo, reports)
        if keep:
            _keep(demo, f"autoxero sync --workbook {demo.workbook}")
    return SOME_FAULTS if surprises else DONE


def hold_cloud(folder: Path | None, invoices: int, *, as_json: bool) -> int:
    """Hold the pretend cloud up with nothing sent, for trying the setup from nothing, until interrupted."""
    console = Console(stderr=True, highlight=False)
    folder = _new_folder(folder)
    with Cloud() as cloud:
        demo = Demo(folder, cloud, build_world(cloud, invoices, datetime.now(UTC).date()), console)
        if as_json:
            _print_json(demo, [])
        _keep(demo, f"autoxero setup --workbook {demo.workbook}")
    return DONE


def _new_folder(folder: Path | None) -> Path:
    if folder is None:
        folder = Path.cwd() / f"AutoXero-demo-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    folder = folder.absolute()
    if (folder / "home").exists() or (folder / "AutoXero.xlsm").exists():
        raise PlainError(
            f"{folder} already holds a demonstration.", "Give another folder with --dir, or remove this one."
        )
    check_home(folder / "home")
    return folder


def _prepare(demo: Demo) -> None:
    """A copy of the workbook with the settings and mappings that the pretend provider's accountant chose."""
    shutil.copyfile(template(), demo.workbook)
    settings: dict[tuple[str, ...], Any] = {(name,): {"Value": value} for name, value in _SETTINGS.items()}
    settings["Start date",] = {"Value": demo.world.start}
    settings["Most invoices in one run",] = {"Value": 100000}
    settings["Invoices in the first live run",] = {"Value": 100000}
    chosen = mappings()
    edits: dict[str, dict[tuple[str, ...], dict[str, Any]]] = {
        "Settings": settings,
        "AccountMap": {(code, kind): {"Xero account": account} for code, kind, account in chosen["AccountMap"]},
        "TaxMap": {(region, category): {"Xero tax rate": rate} for region, category, rate in chosen["TaxMap"]},
    }
    project(demo.workbook, Projection(edits=edits))
    desk = demo.desk()
    desk.ledger.remember(workbook_path=str(demo.workbook))


def _syncs(demo: Demo) -> list[Report]:
    """Three syncs, and a fourth on the next day, when other currencies are allowed."""
    reports = []
    payment = ""
    for number in range(1, 5):
        if number == 2:
            demo.console.print("In Xero someone approves and edits invoices, and books payments")
            payment = in_between(demo.world)
        if number == 4:
            demo.console.print(
                "[bold]The next day[/]: invoices in Australian dollars; other currencies are now allowed"
            )
            next_day(demo.world)
            demo.cloud.xero.unpay(payment)
            project(demo.workbook, Projection(edits={"Settings": {("Other currencies",): {"Value": "Allow"}}}))
        demo.console.print(f"[bold]Sync {number}[/]")
        reports.append(sync(demo.desk(), is_asked=True))
    return reports


def _surprises(demo: Demo) -> list[str]:
    """What did not end as designed."""
    rows = {row["autotask_id"]: row for row in demo.desk().ledger.rows()}
    found = []
    for number, code in demo.world.expected.items():
        got = rows.get(number, {}).get("fault_code", "")
        if got != code:
            found.append(f"Invoice {number} should show {code} and shows {got or 'no fault'}.")
    for number, row in rows.items():
        if number not in demo.world.expected and row["status"] not in {"Synced", "Synced with warnings"}:
            found.append(f"Invoice {number} should be synced and is {row['status']}: {row['fault_detail']}")
    return found


def _summary(demo: Demo, reports: list[Report], surprises: list[str]) -> None:
    ledger = demo.desk().ledger
    counts = Counter(row["status"] for row in ledger.rows())
    sums: Counter[str] = Counter()
    for row in ledger.rows():
        if row["xero_id"]:
            sums[row["currency"]] += row["xero_total"]
    table = Table(title="What the workbook shows", show_header=True)
    table.add_column("Status")
    table.add_column("Invoices", justify="right")
    for status, count in sorted(counts.items()):
        table.add_row(status, str(count))
    demo.console.print(table)
    calls = sum(report.calls["xero"] for report in reports)
    money = ", ".join(f"{currency} {value:,.2f}" for currency, value in sorted(sums.items()))
    demo.console.print(f"In Xero: {money}; {calls} calls to Xero in {len(reports)} syncs.")
    for surprise in surprises:
        demo.console.print(f"[red]Not as designed:[/] {surprise}")
    demo.console.print("Open this workbook:")
    demo.console.print(str(demo.workbook), soft_wrap=True)


def _print_json(demo: Demo, reports: list[Report]) -> None:
    import msgspec  # noqa: PLC0415 - only for --json

    answer = (report_json(reports[-1]) if reports else {}) | {
        "syncs": [report_json(report) for report in reports],
        "workbook": str(demo.workbook),
        "home": str(demo.home),
        "environment": demo.environment,
    }
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.flush()


def _keep(demo: Demo, command: str) -> None:
    """Hold the pretend cloud up until interrupted; another terminal may run the command meanwhile."""
    windows = sys.platform == "win32"
    try:
        demo.console.print("The pretend cloud stays up until you press Ctrl+C. In another terminal:")
        for name, value in demo.environment.items():
            line = f"  $env:{name} = '{value}'" if windows else f"  export {name}='{value}'"
            demo.console.print(line, soft_wrap=True)
        demo.console.print(f"  {command}", soft_wrap=True)
        while not Event().wait(3600):
            pass
    except KeyboardInterrupt:
        demo.console.print("The pretend cloud is down.")
