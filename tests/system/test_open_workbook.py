"""A workbook that is open in Excel while the agent works, and what an idle run costs."""

from __future__ import annotations

import inspect
import io
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl.utils.cell import get_column_letter

from agent import projecting
from agent.ledger.ledger import Ledger
from macros import refresh
from tests.memory_excel import Excel, Workbook, running_excel
from tests.support import Practice, support
from workbook.project import Outcome, Projection, project


@pytest.fixture
def excel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Excel]:
    """An Excel on this computer; the short-lived process runs within this one, for only here it can be found."""

    def here(command: list[str], *, env: dict[str, str], **more: Any) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "macros.refresh", "--workbook"]
        with pytest.MonkeyPatch.context() as patch:
            for name in ("AUTOXERO_HOME", "AUTOXERO_DATABASE_URL"):
                if name in env:
                    patch.setenv(name, env[name])
            said: list[str] = []
            patch.setattr("sys.stdin", io.StringIO(more["input"]))
            patch.setattr("builtins.print", said.append)
            return subprocess.CompletedProcess(command, refresh.main(command[3:]), "\n".join(said))

    monkeypatch.setattr("subprocess.run", here)
    with running_excel() as found:
        yield found


def hold(practice: Practice, name: str = "ann") -> Path:
    """The owner file that an Excel leaves beside a workbook as long as it has it open."""
    owner = practice.workbook.with_name(f"~${practice.workbook.name}")
    owner.write_bytes(bytes([len(name)]) + name.encode().ljust(163))
    return owner


def open_in(excel: Excel, practice: Practice) -> Workbook:
    hold(practice)
    return excel.open(practice.workbook)


def statuses(book: Workbook) -> dict[int, str]:
    return {int(row["Autotask id"]): row["Status"] for row in book.rows("Invoices") if row["Autotask id"]}


def test_an_open_workbook_is_brought_up_to_date_by_a_process_of_its_own(practice: Practice, excel: Excel) -> None:
    first = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    book = open_in(excel, practice)
    before = practice.workbook.read_bytes()
    second = practice.world.invoice("Kauri Legal", [support("3")])
    assert practice.sync().problems == []
    assert statuses(book) == {first: "Synced", second: "Synced"}
    assert practice.workbook.read_bytes() == before
    assert not book.is_saved


def test_closed_without_saving_the_file_catches_up(practice: Practice, excel: Excel) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    open_in(excel, practice)
    practice.sync()
    excel.books.clear()
    practice.workbook.with_name(f"~${practice.workbook.name}").unlink()
    practice.sync()
    assert [row["Autotask id"] for row in practice.table("Invoices")] == [number]


def test_an_idle_run_leaves_an_open_workbook_alone(practice: Practice, excel: Excel) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    open_in(excel, practice)
    practice.sync()
    practice.sync()
    excel.writes.clear()
    assert practice.sync().problems == []
    assert excel.writes == []


def test_a_cell_being_edited_is_waited_for(practice: Practice, excel: Excel) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    book = open_in(excel, practice)
    excel.editing = 2
    assert practice.sync().problems == []
    assert statuses(book) == {number: "Synced"}


def test_an_excel_that_stays_busy_is_told_once_in_the_log_and_caught_up_with(
    practice: Practice, excel: Excel, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    book = open_in(excel, practice)
    excel.editing = 1_000_000
    monkeypatch.setattr(refresh, "_LONGEST", 0.3)
    for _ in range(2):
        (problem,) = practice.sync().problems
        assert re.search("AX-501 .*open by ann.*being edited.*catch up by themselves", problem)
    told = [row for row in practice.desk().ledger.log_rows(100) if row["event"].startswith("AX-501")]
    assert len(told) == 1
    excel.editing = 0
    monkeypatch.setattr(refresh, "_LONGEST", 60)
    assert practice.sync().problems == []
    assert statuses(book) == {number: "Synced"}


def test_where_no_excel_here_has_it_open_it_is_told_by_whom(practice: Practice, excel: Excel) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    hold(practice, "Ben")
    assert excel.books == []
    (problem,) = practice.sync().problems
    assert "open by Ben" in problem
    assert "No Excel on this computer has AutoXero.xlsm open." in problem


def test_choices_are_cleared_in_the_open_workbook_and_can_be_chosen_again(practice: Practice, excel: Excel) -> None:
    """Acted on once, cleared on the screen; the same choice counts again once it was made and saved anew."""
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.map("Invoices", "Do", (str(number),), "Resync")
    book = open_in(excel, practice)
    assert book.rows("Invoices")[0]["Do"] == "Resync"
    practice.sync()
    assert book.rows("Invoices")[0]["Do"] is None
    place = book.list_object("Invoices")
    place.sheet.values[place.top + 1, place.left] = "Resync"  # chosen again, not saved yet
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    assert book.rows("Invoices")[0]["Do"] == "Resync"
    excel.books.clear()
    practice.workbook.with_name(f"~${practice.workbook.name}").unlink()
    practice.set(Days_to_look_back=15)  # as saved by hand: it holds the choice, and is another file
    practice.sync()
    asked = [row for row in practice.desk().ledger.log_rows(100) if row["event"] == "Do: Resync"]
    assert len(asked) == 2
    assert all(row.get("Do") is None for row in practice.table("Invoices"))


def test_the_light_of_an_open_workbook_does_not_go_out(practice: Practice, excel: Excel) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    book = open_in(excel, practice)
    practice.sync()
    practice.sync()
    ledger = practice.desk().ledger
    ledger.remember(told_open=re.sub(r"\d{4}-\d\d-\d\dT", "2020-01-01T", ledger.fact("told_open")))
    grid, row, column = book.place("AutoXeroLastSeen")
    grid.values.pop((row, column))
    practice.sync()
    assert book.named("AutoXeroLastSeen") is not None


def test_the_real_process_ends_soon_where_there_is_no_excel(practice: Practice) -> None:
    begun = time.monotonic()
    said, _ = projecting.refresh_open(practice.desk())
    assert time.monotonic() - begun < 20
    if sys.platform == "linux":
        assert said == "There is no Excel on this computer that could be asked."
    else:
        assert said


def test_a_process_that_hangs_is_ended(practice: Practice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "python"
    hanging.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n", encoding="utf-8")
    hanging.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(hanging))
    monkeypatch.setattr(projecting, "_LONGEST", 0.2)
    assert "did not answer" in projecting.refresh_open(practice.desk())[0]


def test_the_process_gets_no_secret(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, str] = {}
    monkeypatch.setenv("AUTOXERO_SMTP_PASSWORD", "hunter2")

    def note(command: list[str], *, env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:
        given.update(env)
        return subprocess.CompletedProcess(command, 0, "")

    monkeypatch.setattr("subprocess.run", note)
    assert projecting.refresh_open(practice.desk()) == ("", "")
    assert [name for name in given if name.startswith("AUTOXERO_")] == ["AUTOXERO_HOME"]


# --- idle runs ------------------------------------------------------------------------------------------------------


def test_an_idle_run_works_nothing_out(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.sync()
    before = practice.workbook.read_bytes()
    worked: list[str] = []

    def projection(*_: object) -> None:
        worked.append("rows")

    def file(*_: object, **__: object) -> None:
        worked.append("file")

    monkeypatch.setattr(projecting, "_projection", projection)
    monkeypatch.setattr(projecting, "_into_file", file)
    practice.sync()
    assert worked == []
    assert practice.workbook.read_bytes() == before


@pytest.mark.parametrize("change", ["file", "ledger", "light", "setting", "fact"])
def test_whatever_the_sheets_show_is_noticed(practice: Practice, change: str) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.sync()
    desk = practice.desk()
    before = projecting._mark(desk)
    if change == "file":
        practice.map("Invoices", "Status", (str(number),), "typed over")
    elif change == "ledger":
        desk.ledger.log("Something happened")
    elif change == "light":
        desk.ledger.remember(light_xero='{"ok": false, "code": "AX-402", "detail": "no", "at": ""}')
    elif change == "setting":
        practice.set(Log_rows_to_show=100)
    else:
        desk.ledger.remember(organisation="Another name")
    desk = practice.desk()
    assert (projecting._mark(desk) == before) == (change == "file")
    fresh = projecting._mark(desk) + projecting._state(desk)
    assert fresh != desk.ledger.fact("projected")
    told = projecting.project_all(desk)
    assert bool(told) == (change == "file")
    assert projecting.project_all(practice.desk()) == []  # the log now shows what was told
    desk = practice.desk()
    assert projecting._mark(desk) + projecting._state(desk) == desk.ledger.fact("projected")
    assert practice.table("Invoices")[0]["Status"] == "Synced"


def test_the_light_of_the_file_does_not_go_out(practice: Practice) -> None:
    """After two syncs' time with nothing new the moments are written, and nothing else is worked out."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.sync()
    ledger = practice.desk().ledger
    ledger.remember(stamps=re.sub(r"\d{4}-\d\d-\d\dT", "2020-01-01T", ledger.fact("stamps")))
    before = practice.workbook.read_bytes()
    practice.sync()
    assert practice.workbook.read_bytes() != before
    assert "2020-01-01" not in practice.desk().ledger.fact("stamps")
    before = practice.workbook.read_bytes()
    practice.sync()
    assert practice.workbook.read_bytes() == before


def test_every_fact_that_the_sheets_show_is_part_of_the_mark() -> None:
    """What the views read of the ledger's facts is looked up in their sources."""
    folder = Path(projecting.__file__).parent
    sources = [(folder / name).read_text(encoding="utf-8") for name in ("views.py", "overview.py", "reconciliation.py")]
    sources.append(inspect.getsource(Ledger.previews))
    shown = Path(projecting.__file__).read_text(encoding="utf-8")
    sources += [
        part[0] for part in re.finditer(r"\ndef (_projection|_asked|_chosen)\(.*?(?=\n\ndef |\Z)", shown, re.DOTALL)
    ]
    read = {name for source in sources for name in re.findall(r'\.fact\(f?"([^"]+)"\)', source)}
    assert len(read) > 5
    assert read - {"light_{name}"} == set(projecting.SHOWN_FACTS)


def test_only_rows_that_changed_are_compared_with_a_file_that_is_as_we_left_it(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    given: list[list[object]] = []

    def noted(path: Path, shown: Projection, **more: Any) -> Outcome:
        given.append([row["Autotask id"] for row in shown.tables["Invoices"]])
        return project(path, shown, **more)

    monkeypatch.setattr("agent.projecting.project", noted)
    second = practice.world.invoice("Kauri Legal", [support("3")])
    practice.sync()
    assert given[-1] == [second]
    practice.map("Invoices", "Status", (str(first),), "typed over")  # now it is not as we left it
    practice.sync()
    assert given[-1] == [first, second]
    assert {row["Status"] for row in practice.table("Invoices")} == {"Synced"}
    projecting.project_all(practice.desk(), anew=True)
    assert given[-1] == [first, second]


def test_the_open_workbook_and_the_closed_file_show_the_same(practice: Practice, excel: Excel) -> None:
    """What the file shows after a projection is what an Excel that opens it need not be told."""
    practice.world.invoice("Kauri Legal", [support(text="=1+1 \u2603 & co")])
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.world.invoice("Kauri Legal", [support("-1")])
    practice.sync()
    open_in(excel, practice)
    desk = practice.desk()
    assert projecting.refresh_open(desk) == ("", "")
    seen = [excel.books[0].place(name) for name in ("AutoXeroLastSeen", "AutoXeroLastRun", "AutoXeroNextRun")]
    moments = {f"{get_column_letter(column)}{row}" for _, row, column in seen}
    assert {address.split(":")[0] for _, address, _ in excel.writes} <= moments


def test_a_workbook_that_is_gone_or_wrecked_is_made_anew(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    for harm in (practice.workbook.unlink, lambda: practice.workbook.write_bytes(b"PK wrecked")):
        harm()
        practice.sync()
        assert [row["Autotask id"] for row in practice.table("Invoices")] == [number]
    told = [row for row in practice.desk().ledger.log_rows(100) if row["event"].startswith("AX-502")]
    assert len(told) >= 2
    done = practice.command("sync", "--workbook", str(practice.workbook.with_name("Mistyped.xlsm")))
    assert "There is no workbook at" in done.stderr
