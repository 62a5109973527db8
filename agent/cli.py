"""The door: commands, exit codes, progress. Each command imports what it needs, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from agent.desk import Desk

Command = Callable[..., Any]


def workbook_option(command: Command) -> Command:
    """``--workbook PATH``, for every command that concerns a workbook."""
    return click.option(
        "--workbook", type=click.Path(path_type=Path), help="The workbook; without it the one that was last used, "
        "else AutoXero.xlsm in this folder.",
    )(command)  # fmt: skip


def json_option(command: Command) -> Command:
    """``--json``, for every command that answers."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")(command)


class _Door(click.Group):
    """The one place where errors become sentences and exit codes."""

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        as_json = "--json" in (extra.get("args") or (args[0] if args and args[0] else sys.argv[1:]))
        extra["standalone_mode"] = False
        try:
            code = super().main(*args, **extra)
        except click.exceptions.Exit as error:
            code = error.exit_code
        except click.ClickException as error:
            text = error.format_message()
            code = _told(as_json, "usage", text, "Run “autoxero --help” for the commands and options.", 2)
        except (KeyboardInterrupt, click.Abort):
            code = _told(as_json, "interrupted", "Interrupted; nothing is lost.", "Run it again to go on.", 130)
        except Exception as error:  # noqa: BLE001 - the last line before a stack trace
            code = _explained(error, as_json=as_json)
        sys.exit(code if isinstance(code, int) else 0)


def _explained(error: Exception, *, as_json: bool) -> int:
    from agent.errors import PlainError, StopError, disk_trouble

    error = disk_trouble(error) or error
    if isinstance(error, StopError):
        fault = error.fault
        return _told(as_json, fault.code, f"{fault.title}: {fault.detail}", fault.cure, error.exit_code)
    if isinstance(error, PlainError):
        return _told(
            as_json, "AX-503" if "AX-503" in error.message else "plain", error.message, error.next_step, error.exit_code
        )
    from agent.bugs import write_report

    path = write_report(error)
    return _told(
        as_json,
        "bug",
        f"Something went wrong inside AutoXero ({type(error).__name__}).",
        f"Please send the report {path} to support; it holds no secrets.",
        3,
    )


def _told(as_json: bool, code: str, message: str, next_step: str, exit_code: int) -> int:  # noqa: FBT001
    if as_json:
        _print_json({"error": {"code": code, "message": message, "next_step": next_step}})
    else:
        click.echo(f"{message}\n{next_step}".rstrip(), err=True)
    return exit_code


def _print_json(answer: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(answer))  # bytes: a pipe of Windows knows no macrons


def _say(text: str) -> None:
    click.echo(text, err=True)


def _desk(workbook: Path | None, *, quiet: bool = False) -> Desk:
    from agent.config import read_config
    from agent.desk import Desk
    from agent.errors import PlainError

    if workbook is not None and not workbook.is_file():
        raise PlainError(f"There is no workbook at {workbook}.", "Give the path of your AutoXero.xlsm with --workbook.")
    config = read_config()
    desk = Desk(config, workbook or Path("AutoXero.xlsm"), tell=(lambda _text: None) if quiet else _say)
    if workbook is None:
        desk.workbook = Path(desk.ledger.fact("workbook_path") or "AutoXero.xlsm")
    return desk


@click.group(cls=_Door, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="autoxero")
def main() -> None:
    """AutoXero copies invoices from Autotask PSA to Xero and shows every one of them in AutoXero.xlsm.

    Exit codes: 0 done; 1 done, and an invoice failed because of this call; 2 settings or sign-in must be mended first;
    3 a bug; 69 a system could not be reached, nothing is lost; 75 another run is under way; 130 interrupted.
    """


@main.command()
@click.option("--dry-run", is_flag=True, help="Send nothing; show on the sheet Preview what would be sent.")
@workbook_option
@json_option
def sync(workbook: Path | None, *, dry_run: bool, as_json: bool) -> int:
    """Do one run: read Autotask, send what is ready to Xero, show it in the workbook."""
    from agent.sync import sync as run

    report = run(_desk(workbook, quiet=as_json), dry_run=dry_run)
    _answer_report(report, as_json=as_json)
    return report.exit_code


def _answer_report(report: Any, *, as_json: bool, told: list[Any] | None = None) -> None:
    from agent.tell import report_json, report_text

    if as_json:
        _print_json(report_json(report) | ({} if told is None else {"answers": told}))
    else:
        for item in told or ():
            _say(item.message)
        _say(report_text(report))


@main.command()
@click.argument("invoice", required=False)
@workbook_option
@json_option
def status(invoice: str | None, workbook: Path | None, *, as_json: bool) -> int:
    """Show connections, every invoice and open faults; or one invoice's whole story."""
    from agent.ledger.ledger import find_invoice
    from agent.tell import status_text, story_text
    from agent.views import log, status_json

    ledger = _desk(workbook, quiet=True).ledger
    only = find_invoice(ledger, invoice) if invoice else None
    answer = status_json(ledger, only)
    if as_json:
        story = {"log": log(ledger.log_rows(1000, only))} if only is not None else {}
        _print_json(answer | story)
    elif only is None:
        _say(status_text(answer))
    else:
        _say(story_text(answer["invoices"][0], ledger.log_rows(1000, only)))
    return 0


@main.command()
@workbook_option
@json_option
def test(workbook: Path | None, *, as_json: bool) -> int:
    """Test both connections, the settings and the mappings."""
    from agent.verbs import test as check

    checks = check(_desk(workbook, quiet=True))
    is_good = all(item.is_good for item in checks)
    if as_json:
        _print_json({"good": is_good, "checks": checks})
    for item in () if as_json else checks:
        _say(f"{'OK     ' if item.is_good else 'PROBLEM'}  {item.name}: {item.message}")
    return 0 if is_good else 2


@main.command(name="set", context_settings={"ignore_unknown_options": True})
@click.argument("setting")
@click.argument("value")
@workbook_option
@json_option
def set_(setting: str, value: str, workbook: Path | None, *, as_json: bool) -> int:
    """Change a setting in the workbook, checked like a typed one: autoxero set "Sync mode" Live."""
    from agent.verbs import set_value

    _answer(set_value(_desk(workbook, quiet=True), setting, value), as_json=as_json)
    return 0


def _answer(sentence: str, *, as_json: bool) -> None:
    if as_json:
        _print_json({"message": sentence})
    else:
        _say(sentence)


@main.command(name="map")
@click.argument("table", type=click.Choice(["account", "tax", "contact"]))
@click.argument("key")
@click.argument("value")
@workbook_option
@json_option
def map_(table: str, key: str, value: str, workbook: Path | None, *, as_json: bool) -> int:
    """Choose what an Autotask code becomes in Xero: autoxero map account "Remote Support · Labor" 200."""
    from agent.verbs import map_value

    _answer(map_value(_desk(workbook, quiet=True), table, key, value), as_json=as_json)
    return 0


@main.command()
@click.argument("invoices", nargs=-1)
@click.option("--fault", "fault_code", default="", help="All invoices with this open fault, such as AX-105.")
@click.option("--all", "everything", is_flag=True, help="All invoices that failed or wait.")
@workbook_option
@json_option
def resync(
    invoices: tuple[str, ...], fault_code: str, workbook: Path | None, *, everything: bool, as_json: bool
) -> int:
    """Try invoices again from scratch, by number or Autotask id."""
    from agent.verbs import resync as again

    if not (invoices or fault_code or everything):
        raise click.UsageError("Say which invoices: numbers or ids, --fault CODE, or --all.")
    report, told = again(_desk(workbook, quiet=as_json), invoices, fault_code, everything=everything)
    _answer_report(report, as_json=as_json, told=told)
    return int(report.exit_code)


@main.command(name="send-these")
@click.argument("invoices", nargs=-1)
@workbook_option
@json_option
def send_these(invoices: tuple[str, ...], workbook: Path | None, *, as_json: bool) -> int:
    """Confirm what waits for you: more than usual, already in Xero, or marked as sent."""
    from agent.verbs import send_these as confirm

    report, told = confirm(_desk(workbook, quiet=as_json), invoices)
    _answer_report(report, as_json=as_json, told=told)
    return int(report.exit_code)


@main.command(name="send-again")
@click.argument("invoices", nargs=-1, required=True)
@workbook_option
@json_option
def send_again(invoices: tuple[str, ...], workbook: Path | None, *, as_json: bool) -> int:
    """Send invoices anew whose document was deleted or voided in Xero."""
    from agent.verbs import send_again as anew

    report, told = anew(_desk(workbook, quiet=as_json), invoices)
    _answer_report(report, as_json=as_json, told=told)
    return int(report.exit_code)


@main.command(name="never-send")
@click.argument("invoices", nargs=-1, required=True)
@click.option("--because", required=True, help="Why, for the record.")
@workbook_option
@json_option
def never_send(invoices: tuple[str, ...], because: str, workbook: Path | None, *, as_json: bool) -> int:
    """Leave invoices out for good."""
    from agent.verbs import never_send as leave_out

    if not because.strip():
        raise click.UsageError("Say why, for the record: --because “paid in cash”.")
    told = leave_out(_desk(workbook, quiet=True), invoices, because)
    if as_json:
        _print_json({"answers": told})
    for item in () if as_json else told:
        _say(item.message)
    return 0


@main.command()
@workbook_option
@json_option
def rebuild(workbook: Path | None, *, as_json: bool) -> int:
    """Write every status sheet anew from the ledger."""
    from agent.verbs import rebuild as show

    notes = show(_desk(workbook, quiet=True))
    if as_json:
        _print_json({"problems": notes})
    for note in () if as_json else notes or ["The sheets show what the ledger says."]:
        _say(note)
    return 0


@main.command(name="rebuild-ledger")
@workbook_option
@json_option
def rebuild_ledger(workbook: Path | None, *, as_json: bool) -> int:
    """Make the ledger anew from Autotask, Xero and the workbook, when it was lost or damaged; sends nothing."""
    from agent.errors import PlainError
    from agent.rebuilding import rebuild_ledger as anew
    from agent.tell import rebuilt_text

    try:
        desk = _desk(workbook, quiet=as_json)
    except PlainError:
        if workbook is not None:
            raise
        desk = _desk(Path("AutoXero.xlsm"), quiet=as_json)  # the ledger that knows the path cannot be read
    rebuilt = anew(desk)
    if as_json:
        _print_json(rebuilt)
    else:
        _say(rebuilt_text(rebuilt))
    return 0


@main.command()
@click.argument("credit_note")
@click.argument("invoice")
@click.option("--amount", help="How much of the credit; without it as much as both allow.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@workbook_option
@json_option
def allocate(
    credit_note: str, invoice: str, amount: str | None, workbook: Path | None, *, yes: bool, as_json: bool
) -> int:
    """Use a credit note in Xero for an invoice of the same customer: autoxero allocate CN-12 INV-34."""
    from agent.crediting import allocate as use
    from agent.crediting import find_credit

    credit = find_credit(_desk(workbook, quiet=True), credit_note, invoice, amount)
    if not yes:
        if as_json:
            raise click.UsageError("With --json say --yes: nobody can be asked.")
        click.confirm(f"{credit.question}?", abort=True, err=True)
    _answer(use(credit), as_json=as_json)
    return 0


@main.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Where to put it; without it a new folder.")
@click.option("--invoices", default=64, show_default=True, type=click.IntRange(64, 100_000), help="How many invoices.")
@click.option("--keep", is_flag=True, help="Keep the pretend cloud up, for trying other commands against it.")
@json_option
def demo(folder: Path | None, invoices: int, *, keep: bool, as_json: bool) -> int:
    """Show it all: a pretend Autotask and Xero, three real syncs over HTTP, a finished workbook."""
    from agent.demo import run_demo

    return run_demo(folder, invoices, keep=keep, as_json=as_json)
