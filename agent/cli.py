"""The door: commands, exit codes, progress. Each command imports what it needs, so that ``--help`` answers at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from agent.desk import Desk
    from agent.steps import Plan

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


def _desk(workbook: Path | None, *, quiet: bool = False, only_reads: bool = False, waits: bool = False) -> Desk:
    """What a command works with; one that ``waits`` is begun when a run under way has ended."""
    from agent.desk import open_desk
    from agent.template import refuse_template

    desk = open_desk(workbook, (lambda _text: None) if quiet else _say)
    if not only_reads:
        refuse_template(desk.workbook)
        desk.refuse_others()
    if waits:
        from agent.sync import A_WHILE

        desk.patience = A_WHILE
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
@workbook_option
def run(workbook: Path | None) -> int:
    """Keep going until stopped: sync by the clock, and do what the workbook's buttons and its column Do ask for.

    Ends with 0 when stopped, 2 when its home is gone, 4 when AutoXero was updated (start it again), 75 when it runs
    already.
    """
    import os

    from agent.config import read_config
    from agent.desk import Desk
    from agent.service import Service, stop_on_signals
    from agent.template import refuse_template

    config = read_config()
    if workbook is None:
        workbook = _desk(None, quiet=True).workbook
    path = workbook.absolute()
    refuse_template(path)
    Desk(config, path).refuse_others()
    service = Service(config, path, lambda make_wire, tell: Desk(config, path, make_wire, tell))
    stop_on_signals(service)
    code = service.run()
    if service.is_stuck:
        os._exit(code)  # it waits for an answer that the next start settles; as after a kill, nothing is lost
    return code


@main.command()
@click.argument("invoice", required=False)
@workbook_option
@json_option
def status(invoice: str | None, workbook: Path | None, *, as_json: bool) -> int:
    """Show what the agent is doing, connections, every invoice and open faults; or one invoice's whole story."""
    from agent.alive import agent_json, agent_text
    from agent.ledger.ledger import find_invoice
    from agent.overview import status_json
    from agent.tell import status_text, story_text, with_sign_in
    from agent.views import log

    desk = _desk(workbook, quiet=True, only_reads=True)
    ledger, agent = desk.ledger, agent_json(desk.config.home)
    only = find_invoice(ledger, invoice) if invoice else None
    answer = {"agent": agent} | with_sign_in(status_json(ledger, only), ledger)
    if as_json:
        story = {"log": log(ledger.log_rows(1000, only))} if only is not None else {}
        _print_json(answer | story)
    elif only is None:
        _say(f"{agent_text(agent)}\n{status_text(answer)}")
    else:
        _say(story_text(answer["invoices"][0], ledger.log_rows(1000, only)))
    return 0


@main.command()
@workbook_option
@json_option
def test(workbook: Path | None, *, as_json: bool) -> int:
    """Test both connections, settings, mappings, mail, the workbook and this computer; sends nothing."""
    from agent.checks import worst
    from agent.verbs import test as check

    found = check(_desk(workbook, quiet=True))
    code = _answer_checks(found, as_json=as_json)
    if not as_json:
        _say(worst(found))
    return code


@main.group()
def connect() -> None:
    """Sign in to Autotask or Xero, or set up mail. Secrets go to this computer's key store, never into a command."""


stdin_option = click.option("--from-stdin", is_flag=True, help="Read secrets from standard input, a line each.")


@connect.command(name="autotask")
@click.option("--user", default="", help="The API user's name.")
@stdin_option
@workbook_option
@json_option
def connect_autotask(user: str, workbook: Path | None, *, from_stdin: bool, as_json: bool) -> int:
    """Sign in to Autotask.

    Asks for user name, secret and integration code; from standard input: the secret, then the code.
    """
    from agent.asking import asking
    from agent.autotask.client import Credentials
    from agent.connect import connect_autotask as sign_in

    desk, ask = _desk(workbook, quiet=True), asking(from_stdin=from_stdin)
    given = desk.config.environment.get
    checks = sign_in(
        desk,
        Credentials(
            ask.text("user name", user or given("AUTOXERO_AUTOTASK_USERNAME", ""), desk.settings.autotask_user),
            ask.secret("secret", given("AUTOXERO_AUTOTASK_SECRET", "")),
            ask.secret("integration code", given("AUTOXERO_AUTOTASK_INTEGRATION_CODE", "")),
        ),
    )
    return _answer_checks(checks, as_json=as_json)


@connect.command(name="xero")
@click.option("--client-id", default="", help="The client ID of your Xero app.")
@click.option(
    "--organisation", default="", help="Which organisation, by name or id, where the sign-in reaches several."
)
@click.option("--custom", is_flag=True, help="The app is a custom connection: asks for its client secret.")
@click.option("--no-browser", is_flag=True, help="Only print the address of Xero's page.")
@click.option("--disconnect", is_flag=True, help="Take the sign-in back, in Xero and here.")
@stdin_option
@workbook_option
@json_option
def connect_xero(  # noqa: PLR0913 - its options
    client_id: str, organisation: str, workbook: Path | None, *, custom: bool, no_browser: bool, disconnect: bool,
    from_stdin: bool, as_json: bool,
) -> int:  # fmt: skip
    """Sign in to Xero in your browser (again)."""
    from agent import connect as door
    from agent.asking import asking, choose
    from agent.xero.browser import browse

    desk, ask = _desk(workbook), asking(from_stdin=from_stdin)
    if disconnect:
        return _answer_all(door.disconnect_xero(desk), as_json=as_json)
    given = desk.config.environment.get
    app = ask.text("client ID", client_id or given("AUTOXERO_XERO_CLIENT_ID", ""), desk.settings.xero_client_id)
    if custom:
        secret = ask.secret("client secret", given("AUTOXERO_XERO_CLIENT_SECRET", ""))
        return _answer_all(door.connect_custom(desk, app, secret), as_json=as_json)
    quietly = no_browser or as_json  # some browsers write to standard output
    told = door.connect_xero(
        desk, app, organisation, open_page=(lambda _address: None) if quietly else browse, pick=choose()
    )
    return _answer_all(told, as_json=as_json)


@connect.command(name="mail")
@click.option("--server", default="", help="The mail server's name.")
@click.option("--port", default="", help="Its port, mostly 587 or 465.")
@click.option("--security", default="", help="STARTTLS (port 587), TLS (port 465) or None (this computer only).")
@click.option("--user", default=None, help="The user name there; '' for none.")
@click.option("--from", "sender", default="", help="The sender's address.")
@click.option("--to", "people", default="", help="Who gets alerts: addresses with commas between them.")
@stdin_option
@workbook_option
@json_option
def connect_mail(  # noqa: PLR0913, PLR0917 - its options
    server: str, port: str, security: str, user: str | None, sender: str, people: str, workbook: Path | None, *,
    from_stdin: bool, as_json: bool,
) -> int:  # fmt: skip
    """Set up mail for alerts.

    Asks for what is not given, and sends a test mail.
    """
    from agent.asking import asking
    from agent.connect import connect_mail as sign_in

    desk, ask = _desk(workbook, quiet=True), asking(from_stdin=from_stdin)
    now = desk.settings
    typed = {
        "Mail server": ask.text("mail server", server, now.mail_server),
        "Mail port": ask.text("port", port, str(now.mail_port)),
        "Mail security": ask.text("security", security, now.mail_security),
        "Mail user": ask.text("user name", default=now.mail_user, is_needed=False) if user is None else user,
        "Alert these people": ask.text("addresses that get alerts", people, now.alert_people),
    }
    typed["Mail from"] = sender or now.mail_from or (typed["Mail user"] if "@" in typed["Mail user"] else "")
    given = desk.config.environment.get("AUTOXERO_SMTP_PASSWORD", "")
    password = ask.secret("password", given) if typed["Mail user"] else ""
    return _answer_all(sign_in(desk, typed, password), as_json=as_json)


def _answer_all(sentences: list[str], *, as_json: bool) -> int:
    if as_json:
        _print_json({"messages": sentences})
    for sentence in () if as_json else sentences:
        _say(sentence)
    return 0


def _answer_checks(checks: list[Any], *, as_json: bool) -> int:
    from agent.checks import as_json as row
    from agent.checks import as_text

    is_good = all(item.is_good for item in checks)
    if as_json:
        _print_json({"good": is_good, "checks": [row(item) for item in checks]})
    for item in () if as_json else checks:
        _say(as_text(item))
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
    report, told = again(_desk(workbook, quiet=as_json, waits=True), invoices, fault_code, everything=everything)
    _answer_report(report, as_json=as_json, told=told)
    return int(report.exit_code)


@main.command(name="send-these")
@click.argument("invoices", nargs=-1)
@workbook_option
@json_option
def send_these(invoices: tuple[str, ...], workbook: Path | None, *, as_json: bool) -> int:
    """Confirm what waits for you: more than usual, already in Xero, or marked as sent."""
    from agent.verbs import send_these as confirm

    report, told = confirm(_desk(workbook, quiet=as_json, waits=True), invoices)
    _answer_report(report, as_json=as_json, told=told)
    return int(report.exit_code)


@main.command(name="send-again")
@click.argument("invoices", nargs=-1, required=True)
@workbook_option
@json_option
def send_again(invoices: tuple[str, ...], workbook: Path | None, *, as_json: bool) -> int:
    """Send invoices anew whose document was deleted or voided in Xero."""
    from agent.verbs import send_again as anew

    report, told = anew(_desk(workbook, quiet=as_json, waits=True), invoices)
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
    told = leave_out(_desk(workbook, quiet=as_json, waits=True), invoices, because)
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


yes_option = click.option("--yes", is_flag=True, help="Do not ask first.")


@main.command()
@click.option(
    "--workbook", type=click.Path(path_type=Path), help="The workbook, or the folder for it; without it where it is "
    "already, else AutoXero in your documents.",
)  # fmt: skip
@click.option("--no-start", is_flag=True, help="Do not start the agent now; it starts at the next log-on.")
@yes_option
@json_option
def install(workbook: Path | None, *, no_start: bool, yes: bool, as_json: bool) -> int:
    """Put the workbook in its place, wire its buttons, start the agent at log-on. Also brings a newer AutoXero in."""
    from agent.config import read_config
    from agent.install import plan_install
    from agent.office import this_office
    from agent.template import refuse_template

    plan = plan_install(this_office(read_config()), workbook, starts=not no_start)
    refuse_template(Path(plan.facts["workbook"]))
    return _carry_out(plan, yes=yes, as_json=as_json)


@main.command()
@click.option("--answers", type=click.Path(path_type=Path), help="Ask this file, not you; docs/setup.md shows one.")
@click.option("--again", is_flag=True, help="Ask everything again, also what is done.")
@click.option("--from-stdin", is_flag=True, help="Read secrets from standard input, a line each, in the order asked.")
@click.option(
    "--workbook", type=click.Path(path_type=Path), help="The workbook, or the folder for it; it may not be there yet."
)
def setup(answers: Path | None, workbook: Path | None, *, again: bool, from_stdin: bool) -> int:
    """Go from nothing to the first invoices in Xero, step by step; can be left at any point and taken up again."""
    import os

    from agent.answers import Terminal, read_answers
    from agent.asking import asking
    from agent.config import read_config
    from agent.desk import Desk
    from agent.errors import PlainError
    from agent.guide import Guide
    from agent.office import this_office
    from agent.setup import set_up
    from agent.sync import LONGEST_SYNC

    if answers is None and not sys.stdin.isatty():
        raise PlainError("There is no terminal to ask at.", "Give a file with --answers, as docs/setup.md shows.")
    config, ask = read_config(), asking(from_stdin=from_stdin)
    talk = Terminal(ask) if answers is None else read_answers(answers, os.environ, ask)
    desk = Desk(
        config,
        Path("AutoXero.xlsm"),
        tell=lambda text: talk.say("  " + text.replace("\n", "\n  ")),
        patience=LONGEST_SYNC,
    )
    guide = Guide(desk, lambda: this_office(config), talk)
    set_up(guide, workbook, again=again)
    return 0


@main.command()
@click.option("--purge", is_flag=True, help="Remove the ledger too: what was sent is then known to Xero only.")
@yes_option
@json_option
def uninstall(*, purge: bool, yes: bool, as_json: bool) -> int:
    """Take back what install did, and clear all secrets; the workbook and the ledger stay."""
    from agent.config import find_config
    from agent.office import this_office
    from agent.uninstall import plan_uninstall

    plan = plan_uninstall(this_office(find_config()), purge=purge)
    sure = ("Remove the ledger for good?",) if purge else ()
    return _carry_out(plan, yes=yes, as_json=as_json, sure=sure)


def _carry_out(plan: Plan, *, yes: bool, as_json: bool, sure: tuple[str, ...] = ()) -> int:
    """Say what will be done, ask, do it, and answer."""
    from agent.errors import INTERRUPTED, PlainError
    from agent.steps import carry_out

    if not as_json:
        _say("\n".join(["This will be done:", *(f"  {step.text}" for step in plan.steps), *plan.warnings]))
    if not yes and (as_json or not sys.stdin.isatty()):
        raise PlainError("Nothing was done: nobody was asked.", f"Run “{plan.again} --yes”.")
    if not yes and not all(click.confirm(question, err=True) for question in ("Go on?", *sure)):
        raise PlainError("Nothing was done.", f"Run “{plan.again}” again when you are ready.", INTERRUPTED)
    report = carry_out(plan, (lambda _text: None) if as_json else _say)
    if as_json:
        _print_json({**plan.facts, "done": report.done, "notes": report.notes, "warnings": plan.warnings,
                     "next_step": plan.next_step})  # fmt: skip
    else:
        _say(plan.next_step)
    return 0


@main.command()
@click.option("--out", type=click.Path(path_type=Path), help="Where to write it; without it, in this folder.")
@click.option("--show", is_flag=True, help="Only show what would be in it, all of it; nothing is written.")
@yes_option
@workbook_option
@json_option
def bundle(out: Path | None, workbook: Path | None, *, show: bool, yes: bool, as_json: bool) -> int:
    """Collect what support needs in one file, without secrets, names and addresses; shows first what is in it."""
    from agent.bundle import gather, usual_path, write_bundle
    from agent.errors import INTERRUPTED, PlainError

    pieces, path = gather(_desk(workbook, quiet=True, only_reads=True)), out or usual_path()
    listed = [{"name": item.name, "bytes": item.size, "what": item.what} for item in pieces]
    if show:
        if as_json:
            _print_json({"files": [row | {"text": item.text} for row, item in zip(listed, pieces, strict=True)]})
        for piece in () if as_json else pieces:
            _say(f"--- {piece.name}: {piece.what}\n{piece.text}\n")
        return 0
    if not as_json:
        _say("\n".join(["This is in it, all of it plain text:",
                        *(f"  {piece.name:17}{piece.size:>9,} bytes  {piece.what}" for piece in pieces)]))  # fmt: skip
    if not yes and (as_json or not sys.stdin.isatty()):
        raise PlainError(
            "Nothing was written: nobody was asked.",
            "Run “autoxero bundle --show” to read all of it, and “autoxero bundle --yes” to write it.",
        )
    if not yes and not _wants(pieces, path):
        raise PlainError("Nothing was written.", "Run “autoxero bundle” again when you are ready.", INTERRUPTED)
    write_bundle(pieces, path)
    if as_json:
        _print_json({"path": str(path), "files": listed})
    else:
        _say(f"{path} is written. Look into it if you like, and send it to whoever helps you.")
    return 0


def _wants(pieces: list[Any], path: Path) -> bool:
    """Whether the person wants it to be written, once they have read what they like of it."""
    texts = {piece.name: piece.text for piece in pieces}
    while True:
        question = f"Write it to {path}? y or n; or the name of a part, to read it first"
        answer = str(click.prompt(question, default="n", err=True)).strip().casefold()
        if answer in {"y", "yes", "n", "no"}:
            return answer.startswith("y")
        if answer in texts:
            click.echo_via_pager(texts[answer])
        else:
            _say(f"“{answer}” is none of them: {', '.join(texts)}.")


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
@click.option("--unsent", is_flag=True, help="Send nothing and keep the pretend cloud up, for trying “autoxero setup”.")
@json_option
def demo(folder: Path | None, invoices: int, *, keep: bool, unsent: bool, as_json: bool) -> int:
    """Show it all: a pretend Autotask and Xero, three real syncs over HTTP, a finished workbook."""
    from agent.demo import hold_cloud, run_demo

    if unsent:
        return hold_cloud(folder, invoices, as_json=as_json)
    return run_demo(folder, invoices, keep=keep, as_json=as_json)
