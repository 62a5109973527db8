"""The door: commands, exit codes, JSON, and one clear sentence for whatever is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from agent.cli import main
from agent.errors import StopError
from tests.support import Practice, support

KEYS = {
    "run", "started", "finished", "mode", "pulled", "created", "updated", "voided", "skipped", "waiting", "retrying",
    "faulted", "calls", "problems",
}  # fmt: skip


def test_help_answers_at_once() -> None:
    """Within 200 ms of Python's own start: it imports nothing but the parser."""
    command = [sys.executable, "-X", "importtime", "-m", "agent", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    for heavy in ("sqlalchemy", "requests", "openpyxl", "lxml", "msgspec", "alembic", "rich", "keyring"):
        assert f" {heavy}\n" not in done.stderr, heavy
    assert "sync" in done.stdout


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(main.commands[name], ["--help"])
    assert (done.exit_code, "Usage:" in done.output) == (0, True)
    assert name in (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_sync_answers_with_one_json_object(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    done = practice.command("sync", "--workbook", str(practice.workbook), "--json")
    assert done.returncode == 0, done.stderr
    answer = msgspec.json.decode(done.stdout)
    assert answer.keys() >= KEYS
    assert (answer["created"], answer["mode"]) == (1, "Live")
    assert answer["started"].endswith("Z")
    assert answer["calls"].keys() == {"autotask", "xero"}
    assert done.stderr == ""


def test_exit_code_1_where_an_invoice_failed(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    done = practice.command("sync", "--workbook", str(practice.workbook))
    assert done.returncode == 1
    assert done.stdout == ""
    assert "1 failed, to be tried again" in done.stderr


def test_status_tells_one_invoices_story(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support()], number="AT-7")
    practice.sync()
    answer = practice.ask("status")
    assert answer["connections"]["xero"]["ok"] is True
    assert answer["open_faults"] == 0
    row = answer["invoices"][0]
    assert (row["autotask_id"], row["number"], row["total"], row["status"]) == (number, "AT-7", "333.50", "Synced")
    story = practice.command("status", "AT-7", "--workbook", str(practice.workbook))
    assert "Contact: Kauri Legal, same name" in story.stderr
    assert "Account: 200 Sales for Remote Support · Labor" in story.stderr
    assert "Created in Xero" in story.stderr


def test_test_names_the_organisation(practice: Practice) -> None:
    """And every mapping that leads nowhere."""
    lines = {line["name"]: line for line in practice.ask("test")["checks"]}
    assert lines["Autotask"]["is_good"] is True
    assert lines["Xero"]["is_good"] is True
    assert practice.cloud.xero.organisation.name in lines["Xero"]["message"]
    assert "no active account 280" in lines["AccountMap: Legacy Hosting"]["message"]
    assert lines["TaxMap: NZ GST (old)"]["is_good"] is False


def test_set_and_map_know_what_xero_has(practice: Practice) -> None:
    """Once Xero's lists have been read, what is not there is refused with the nearest that is."""
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    for command in (("set", "Default sales account", "201"), ("map", "account", "Consulting", "999")):
        done = practice.command(*command, "--workbook", str(practice.workbook))
        assert done.returncode == 2
        assert "Nothing was changed." in done.stderr
    assert practice.command("map", "contact", "1", "Kauri Legl", "--workbook", str(practice.workbook)).returncode == 2
    done = practice.command("map", "contact", "kauri  LEGAL", "Kauri Legal", "--workbook", str(practice.workbook))
    assert done.returncode == 0, done.stderr
    assert practice.desk().reading.mappings.contacts[0].company_id == 1
    assert (
        practice.command("map", "contact", "Nobody", "Kauri Legal", "--workbook", str(practice.workbook)).returncode
        == 2
    )
    assert practice.command("map", "account", "", "200", "--workbook", str(practice.workbook)).returncode == 2
    done = practice.command("map", "account", "Remote Suport", "200", "--workbook", str(practice.workbook))
    assert "Autotask has no “Remote Suport”: did you mean “Remote Support”?" in done.stderr
    assert practice.command("set", "Default sales account", "260", "--workbook", str(practice.workbook)).returncode == 0


def test_set_is_checked_like_a_typed_value(practice: Practice) -> None:
    assert practice.command("set", "sync MODE", "preview", "--workbook", str(practice.workbook)).returncode == 0
    assert practice.desk().settings.sync_mode == "Preview"
    done = practice.command("set", "Sync every (minutes)", "often", "--workbook", str(practice.workbook))
    assert done.returncode == 2
    assert "a whole number from 5 to 1440" in done.stderr
    done = practice.command("set", "Sinc mode", "Live", "--workbook", str(practice.workbook))
    assert done.returncode == 2
    assert "Did you mean “Sync mode”?" in done.stderr


def test_rebuild_puts_right_what_was_typed_over(practice: Practice) -> None:
    from workbook.project import Projection, project

    number = practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    project(practice.workbook, Projection(edits={"Invoices": {(str(number),): {"Status": "Whatever"}}}))
    assert practice.table("Invoices")[0]["Status"] == "Whatever"
    practice.ask("rebuild")
    assert practice.table("Invoices")[0]["Status"] == "Synced"


def test_never_send(practice: Practice) -> None:
    number = practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    practice.sync()
    practice.ask("never-send", str(number), "--because", "paid in cash")
    practice.map("AccountMap", "Xero account", ("Drone Survey", "Labor"), "200")
    practice.sync()
    row = practice.rows()[number]
    assert (row["status"], row["why"], practice.posts()) == ("Never send", "paid in cash", 0)
    done = practice.command("send-these", str(number), "--workbook", str(practice.workbook))
    assert "is never sent (paid in cash). Resync takes that back." in done.stderr
    assert practice.posts() == 0
    practice.ask("resync", str(number))
    assert practice.rows()[number]["status"] == "Synced"


def no_workbook(practice: Practice) -> dict[str, str]:
    practice.workbook.unlink()
    return {}


def torn_workbook(practice: Practice) -> dict[str, str]:
    practice.workbook.write_bytes(b"PK not really a zip")
    return {}


def no_start_date(practice: Practice) -> dict[str, str]:
    practice.type_settings({"Start date": None})
    return {}


def wrong_secret(_practice: Practice) -> dict[str, str]:
    return {"AUTOXERO_AUTOTASK_SECRET": "wrong"}


def wrong_user(_practice: Practice) -> dict[str, str]:
    return {"AUTOXERO_AUTOTASK_USERNAME": "nobody@example.com"}


def wrong_code(_practice: Practice) -> dict[str, str]:
    return {"AUTOXERO_AUTOTASK_INTEGRATION_CODE": "WRONG"}


def wrong_client(_practice: Practice) -> dict[str, str]:
    return {"AUTOXERO_XERO_CLIENT_SECRET": "wrong"}


def no_secret(_practice: Practice) -> dict[str, str]:
    return {"AUTOXERO_XERO_CLIENT_SECRET": "", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}


def wrong_organisation(practice: Practice) -> dict[str, str]:
    practice.type_settings({"Xero organisation": "Somebody Else Ltd"})
    return {}


def insecure_address(_practice: Practice) -> dict[str, str]:
    return {"AUTOXERO_XERO_API_URL": "http://api.example.com"}


def synced_home(practice: Practice) -> dict[str, str]:
    return {"AUTOXERO_HOME": str(practice.home / "OneDrive - Office" / "AutoXero")}


def home_below_a_file(practice: Practice) -> dict[str, str]:
    (practice.home / "file").write_text("in the way", encoding="utf-8")
    return {"AUTOXERO_HOME": str(practice.home / "file" / "home")}


def torn_ledger(practice: Practice) -> dict[str, str]:
    (practice.home / "ledger.db").write_bytes(b"not a database at all, but long enough to be taken for one" * 50)
    return {}


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (no_workbook, 2, ["AutoXero.xlsm", "--workbook"]),
        (torn_workbook, 2, ["AutoXero.xlsm"]),
        (no_start_date, 2, ["Start date", "2026"]),
        (wrong_secret, 2, ["locked", "autoxero connect autotask"]),
        (wrong_user, 2, ["nobody@example.com", "autoxero connect autotask"]),
        (wrong_code, 2, ["integration code"]),
        (wrong_client, 2, ["client ID", "secret", "autoxero connect xero"]),
        (no_secret, 2, ["Nobody is signed in to Xero", "autoxero connect xero"]),
        (wrong_organisation, 2, ["Somebody Else Ltd"]),
        (insecure_address, 2, ["https://"]),
        (synced_home, 2, ["synced folder", "AUTOXERO_HOME"]),
        (home_below_a_file, 2, ["cannot be written to", "AUTOXERO_HOME"]),
        (torn_ledger, 2, ["damaged", "rebuild-ledger"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_whatever_is_wrong_is_said_with_its_next_step(
    practice: Practice, wrong: Any, code: int, words: list[str]
) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    environment = wrong(practice)
    done = practice.command("sync", "--workbook", str(practice.workbook), environment=environment)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    as_json = practice.command("sync", "--workbook", str(practice.workbook), "--json", environment=environment)
    error = msgspec.json.decode(as_json.stdout)["error"]
    assert error.keys() == {"code", "message", "next_step"}
    assert error["message"]
    assert error["next_step"]
    assert practice.posts() == 0
    for secret in (*practice.cloud.environment.values(), "wrong"):
        if secret.startswith("pretend") and "@" not in secret:
            assert secret not in done.stderr + as_json.stdout


def test_a_system_that_is_not_there_ends_with_69(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.stop()
    with pytest.raises(StopError) as stopped:
        practice.sync()
    assert (stopped.value.fault.code, stopped.value.exit_code) == ("AX-303", 69)
    assert practice.waits == [1.0, 2.0, 4.0]
    assert practice.ask("status")["connections"]["autotask"]["code"] == "AX-303"
    practice.cloud.start()
    assert practice.sync().created == 1


def test_a_bug_leaves_a_report_without_secrets(practice: Practice) -> None:
    """A wrong kind of answer from deep inside ends in exit code 3 and a file to send, never in a stack trace."""
    script = (
        "import os, sys, agent.sync\n"
        "def broken(*_, **__): raise RuntimeError('secret is ' + os.environ['AUTOXERO_AUTOTASK_SECRET'])\n"
        "agent.sync.sync = broken\n"
        "from agent.cli import main\n"
        "main(['sync', '--workbook', sys.argv[1]])\n"
    )
    environment = {"AUTOXERO_HOME": str(practice.home), "PATH": os.environ["PATH"], **practice.cloud.environment}
    done = subprocess.run(
        [sys.executable, "-c", script, str(practice.workbook)],
        capture_output=True, text=True, check=False, env=environment, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 3
    report = next(practice.home.glob("bug-*.txt"))
    assert str(report) in done.stderr
    text = report.read_text(encoding="utf-8")
    assert "RuntimeError" in text
    assert practice.cloud.environment["AUTOXERO_AUTOTASK_SECRET"] not in text + done.stderr


def test_interrupting_loses_nothing(practice: Practice) -> None:
    from agent.pretend.troubles import Trouble

    practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("stall", system="xero", method="PUT", seconds=30))
    environment = {"AUTOXERO_HOME": str(practice.home), "PATH": os.environ["PATH"], **practice.cloud.environment}
    with subprocess.Popen(
        [sys.executable, "-m", "agent", "sync", "--workbook", str(practice.workbook)],
        stderr=subprocess.PIPE, text=True, env=environment, cwd=Path(__file__).parents[2],
    ) as started:  # fmt: skip
        deadline = time.monotonic() + 20
        while not any(call.method == "PUT" for call in practice.cloud.calls) and time.monotonic() < deadline:
            time.sleep(0.02)
        started.send_signal(2)
        practice.cloud.troubles.released.set()
        _out, told = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "nothing is lost" in told
    practice.cloud.troubles.released.clear()
    practice.sync()
    assert len(practice.cloud.xero.documents()) == 1


@pytest.fixture
def beside(practice: Practice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's own folder as the one in which commands run, with the workbook that copies are made from."""
    own = tmp_path / "program" / "AutoXero.xlsm"
    own.parent.mkdir()
    shutil.copyfile(practice.workbook, own)
    monkeypatch.setattr("agent.template.template", lambda: own)
    monkeypatch.setattr("agent.service.Service.run", lambda _self: 0)
    monkeypatch.chdir(own.parent)
    for name, value in practice.cloud.environment.items():
        monkeypatch.setenv(name, value)
    return own


@pytest.mark.parametrize(
    "command",
    [
        "sync", "sync --dry-run", "run", "set Paused Yes", "map account Consulting 200", "rebuild", "test",
        "connect autotask", "resync --all", "install", "rebuild-ledger", "setup --answers answers.toml",
    ],
)  # fmt: skip
def test_the_shipped_workbook_is_no_bodys(beside: Path, command: str) -> None:
    """Without --workbook the one in this folder is taken; there it is the one from which every copy is made."""
    before = beside.read_bytes()
    (beside.parent / "answers.toml").write_text("go_live = false\n", encoding="utf-8")
    path = ["--workbook", str(beside)] if command.startswith(("install", "setup")) else []
    done = CliRunner().invoke(main, [*command.split(" "), *path])
    assert done.exit_code == 2, done.output
    assert "is the workbook that comes with AutoXero, from which copies are made" in done.stderr
    assert "--workbook" in done.stderr
    assert beside.read_bytes() == before


@pytest.mark.usefixtures("beside")
def test_what_only_reads_works_in_the_programs_folder() -> None:
    assert CliRunner().invoke(main, ["status"]).exit_code == 0
    assert CliRunner().invoke(main, ["bundle", "--show"]).exit_code == 0


def test_a_copy_of_it_in_this_folder_is_taken(
    practice: Practice, beside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine" / beside.name
    mine.parent.mkdir()
    shutil.copyfile(beside, mine)
    monkeypatch.chdir(mine.parent)
    done = CliRunner().invoke(main, ["set", "Paused", "Yes"])
    assert done.exit_code == 0, done.output
    practice.workbook = mine
    assert practice.desk().settings.paused
