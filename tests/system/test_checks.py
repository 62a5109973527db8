"""“autoxero test”: a line each, with a light and the next step; nothing is sent by it."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.alive import one_agent
from agent.checks import as_text, test, worst
from agent.config import Config
from agent.desk import Desk
from agent.overview import connections
from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Trouble
from agent.pretend.world import empty_world
from agent.rights import Check
from tests.support import Practice, support
from tests.system.test_alerts import Post, mail_server
from tests.system.test_connect import OPEN, Password

test.__test__ = False  # type: ignore[attr-defined] # it is a verb, not a test


def lines(practice: Practice) -> dict[str, Check]:
    """The lines of one call, by name."""
    return {check.name: check for check in test(practice.desk())}


def light(practice: Practice, name: str) -> tuple[str, str]:
    """The light of a line, and all that it says."""
    check = lines(practice)[name]
    assert (check.next_step != "") == (check.light != "good"), "what is not good has a next step"
    return check.light, f"{check.message} {check.next_step}"


def settled(practice: Practice) -> None:
    """What the demo's accountant left wrong is put right."""
    practice.map("AccountMap", "Xero account", ("Legacy Hosting", ""), "200")
    practice.map("TaxMap", "Xero tax rate", ("NZ GST (old)", ""), "OUTPUT2")
    practice.map("TaxMap", "Xero tax rate", ("Northland special rate", ""), "OUTPUT2")


def test_all_is_well(practice: Practice) -> None:
    settled(practice)
    practice.world.invoice("Kauri Legal", [support()])
    post = Post()
    with mail_server(post) as port, one_agent(practice.home):
        practice.set(Alert_these_people="a@x.example", Mail_server="127.0.0.1", Mail_port=port, Mail_security="None")
        found = test(practice.desk())
        assert {check.light for check in found} == {"good"}, [as_text(check) for check in found]
        assert worst(found) == "All is well."
    names = ["Workbook", "Autotask", "Autotask rights", "Xero", "Currencies", "Closed period", "Rounding account",
             "Settings and mappings", "Mail", "Clock", "Disk", "Key store", "Agent"]  # fmt: skip
    assert [check.name for check in found] == names
    assert post.accepted == []
    assert not any(call.method in {"PUT", "PATCH"} for call in practice.cloud.calls)
    told = {check.name: check.message for check in found}
    assert "books in NZD" in told["Xero"]
    assert told["Currencies"] == "Xero has AUD, NZD."
    assert told["Rounding account"].startswith("860")
    assert str(practice.workbook) in told["Workbook"]


def test_the_answer_keeps_its_shape_and_the_code_says_the_worst(practice: Practice) -> None:
    answer = practice.ask("test")
    assert answer["good"] is False
    assert all(row.keys() == {"name", "is_good", "message", "light", "next_step"} for row in answer["checks"])
    assert {row["light"] for row in answer["checks"] if not row["is_good"]} == {"bad"}
    assert practice.command("test", "--workbook", str(practice.workbook)).returncode == 2
    settled(practice)
    practice.world.invoice("Kauri Legal", [support()])
    done = practice.command("test", "--workbook", str(practice.workbook))
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "WARNING  Mail: Nobody is told" in done.stderr
    assert done.stderr.rstrip().endswith("All is well, 2 warnings.")


def test_the_outcome_is_kept_for_the_dashboard(practice: Practice) -> None:
    found = test(practice.desk())
    kept = json.loads(practice.desk().ledger.fact("checks"))
    assert [row["name"] for row in kept["checks"]] == [check.name for check in found]
    assert datetime.fromisoformat(kept["at"]).tzinfo is not None
    lights = connections(practice.desk().ledger)
    assert (lights["autotask"]["ok"], lights["xero"]["ok"]) == (True, True)


@pytest.mark.parametrize(
    ("setting", "name", "expected", "words"),
    [
        ({"Default sales account": "280"}, "Default sales account", "bad", "280: Old Sales is archived. Nearest: 200"),
        ({"Default sales account": "090"}, "Default sales account", "bad", "takes no sales"),
        ({"Rounding account": "999"}, "Rounding account", "bad", "Xero has no account 999."),
        ({"Default tax rate": "NOPE"}, "Default tax rate", "bad", "Xero has no tax rate NOPE."),
        ({"Branding theme": "Blue"}, "Branding theme", "warning", "no branding theme “Blue”"),
        ({"Currency": "USD"}, "Currency", "bad", "Xero does not have USD"),
        ({"Xero organisation": "Somebody Else"}, "Xero", "bad", "Somebody Else"),
        ({"Sync every (minutes)": "often"}, "Sync every (minutes)", "bad", "Until then nothing is sent"),
    ],
)
def test_every_setting_that_names_what_xero_has_not(
    practice: Practice, setting: dict[str, Any], name: str, expected: str, words: str
) -> None:
    practice.type_settings(setting)
    found, told = light(practice, name)
    assert found == expected
    assert words in told


def test_every_mapping_that_leads_nowhere(practice: Practice) -> None:
    company = practice.world.companies["Kauri Legal"]
    practice.map("ContactMap", "Xero contact", (str(company),), "Nobody Ltd")
    practice.map("TrackingMap", "Tracking category", ("Consulting", "Labor"), "Region")
    practice.map("TrackingMap", "Tracking option", ("Consulting", "Labor"), "Moon")
    found = lines(practice)
    assert found[f"ContactMap: {company}"].light == "bad"
    assert "no active contact “Nobody Ltd”" in found[f"ContactMap: {company}"].message
    assert found["TrackingMap: Consulting · Labor"].light == "warning"
    assert found["AccountMap: Legacy Hosting"].light == "bad"
    assert found["TaxMap: NZ GST (old)"].light == "bad"
    assert "sheet Mappings" in found["TaxMap: NZ GST (old)"].next_step


def test_what_only_xero_could_tell_is_said_to_be_untested(practice: Practice) -> None:
    practice.cloud.troubles.add(Trouble("503", system="xero", times=None))
    found = lines(practice)
    for name in ("Currencies", "Closed period", "Rounding account", "Settings and mappings"):
        assert (found[name].light, "was not tested" in found[name].message) == ("warning", True)
        assert found[name].next_step


def test_currencies_of_customers_that_xero_has_not(practice: Practice) -> None:
    practice.world.company("Berlin Robotik GmbH", "EUR")
    practice.world.invoice("Berlin Robotik GmbH", [support()])
    practice.sync()
    found, told = light(practice, "Currencies")
    assert found == "warning"
    assert "invoices in EUR; Xero has AUD, NZD only" in told


def test_a_closed_period_after_the_start_date(practice: Practice) -> None:
    practice.cloud.xero.set_lock_dates(period=practice.world.start + timedelta(days=9))
    assert light(practice, "Closed period")[0] == "warning"
    practice.set(Start_date=practice.world.start + timedelta(days=20))
    found, told = light(practice, "Closed period")
    assert (found, str(practice.world.start + timedelta(days=9)) in told) == ("good", True)


# --- the two systems, mail ---


@pytest.mark.parametrize(("system", "name"), [("autotask", "Autotask"), ("xero", "Xero")])
def test_a_system_that_is_down_is_one_line_and_its_light(practice: Practice, system: str, name: str) -> None:
    practice.cloud.troubles.add(Trouble("503", system=system, times=None))
    found, told = light(practice, name)
    assert found == "bad"
    assert "503" in told
    assert connections(practice.desk().ledger)[system]["ok"] is False


def test_a_wrong_mail_password_is_named_and_nothing_is_sent(practice: Practice) -> None:
    post = Post()
    with mail_server(post, authenticator=Password("right"), **OPEN) as port:
        practice.set(
            Alert_these_people="a@x.example", Mail_server="127.0.0.1", Mail_port=port, Mail_security="None",
            Mail_user="bot@x.example",
        )  # fmt: skip
        environment = {**practice.desk().config.environment, "AUTOXERO_SMTP_PASSWORD": "Wr0ng-one"}
        desk = Desk(Config(practice.home, environment), practice.workbook, practice.desk().make_wire)
        (mail,) = [check for check in test(desk) if check.name == "Mail"]
        assert mail.light == "bad"
        assert "refused the user name or password" in mail.message
        assert "Wr0ng" not in as_text(mail)
        assert connections(desk.ledger)["mail"]["code"] == "AX-504"
        right = Desk(Config(practice.home, {**environment, "AUTOXERO_SMTP_PASSWORD": "right"}), practice.workbook)
        assert [check.light for check in test(right) if check.name == "Mail"] == ["good"]
    assert post.accepted == []
    assert connections(desk.ledger)["mail"]["ok"] is True


def test_a_mail_server_that_is_not_there(practice: Practice) -> None:
    practice.set(Alert_these_people="a@x.example", Mail_server="127.0.0.1", Mail_port=1, Mail_security="None")
    found, told = light(practice, "Mail")
    assert found == "bad"
    assert "127.0.0.1:1 could not be reached" in told


# --- this computer ---


def test_a_workbook_that_is_open_is_a_warning_that_names_who(practice: Practice) -> None:
    (practice.workbook.parent / f"~${practice.workbook.name}").write_bytes(b"\x04Anna" + b" " * 160)
    found, told = light(practice, "Workbook")
    assert found == "warning"
    assert "is open by Anna" in told


def test_a_workbook_in_a_synced_folder_is_a_warning(practice: Practice) -> None:
    folder = practice.workbook.parent / "OneDrive - Office"
    folder.mkdir()
    practice.workbook = practice.workbook.rename(folder / "AutoXero.xlsm")
    found, told = light(practice, "Workbook's folder")
    assert found == "warning"
    assert "OneDrive - Office" in told


def test_a_workbook_that_is_not_there_leaves_the_other_lines(practice: Practice) -> None:
    practice.workbook.unlink()
    found = lines(practice)
    assert found["Workbook"].light == found["Settings and mappings"].light == "bad"
    assert found["Disk"].light == "good"


@pytest.mark.parametrize(("layout", "words"), [("1", "an older AutoXero"), ("99", "a newer AutoXero")])
def test_another_layout_is_told(practice: Practice, monkeypatch: pytest.MonkeyPatch, layout: str, words: str) -> None:
    monkeypatch.setattr("agent.checks.read_layout", lambda _path: layout)
    found, told = light(practice, "Workbook")
    assert found == "warning"
    assert words in told


@pytest.mark.parametrize(("minutes", "expected"), [(1, "good"), (7, "warning"), (-7, "warning")])
def test_a_clock_that_is_off(tmp_path: Path, minutes: int, expected: str) -> None:
    """Both systems' clocks are moved; that of this computer is the one that differs from both."""
    moved = timedelta(minutes=minutes)
    with Cloud(now=lambda: datetime.now(UTC) + moved) as cloud:
        practice = Practice(cloud, empty_world(cloud, datetime.now(UTC).date()), tmp_path, tmp_path / "AutoXero.xlsm")
        from agent.template import template

        shutil.copyfile(template(), practice.workbook)
        practice.type_settings({"Start date": practice.world.start})
        found, told = light(practice, "Clock")
    assert found == expected
    if expected == "warning":
        behind = "behind" if minutes > 0 else "ahead of"
        assert f"7 minutes {behind} that of Autotask and 7 minutes {behind} that of Xero" in told
        assert "Sync now" in told


@pytest.mark.parametrize(("free", "expected"), [(2e9, "good"), (5e8, "warning"), (1e7, "bad")])
def test_a_disk_that_is_full(practice: Practice, monkeypatch: pytest.MonkeyPatch, free: float, expected: str) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as the standard library's
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(0, 0, int(free)))
    assert light(practice, "Disk")[0] == expected


def test_a_key_store_is_asked_only_where_it_is_needed(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    assert light(practice, "Key store") == ("good", "Not needed: the environment gives the secrets. ")
    done = practice.command(
        "test", "--workbook", str(practice.workbook), "--json",
        environment={"AUTOXERO_XERO_CLIENT_SECRET": "", "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
    )  # fmt: skip
    (row,) = [row for row in json.loads(done.stdout)["checks"] if row["name"] == "Key store"]
    assert row["light"] == "bad"
    assert "no key store" in row["message"]


def test_whether_the_agent_runs(practice: Practice) -> None:
    assert light(practice, "Agent")[0] == "warning"
    with one_agent(practice.home):
        assert light(practice, "Agent")[0] == "good"
