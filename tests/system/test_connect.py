"""“autoxero connect autotask” and “connect mail”, as a person runs them; what is wrong is named, and nothing kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from click.testing import CliRunner

from agent import asking, checks
from agent.alerts import alert, in_words
from agent.connect import connect_mail, keep_signed_in
from agent.domain.settings import Settings
from agent.errors import PlainError, StopError
from agent.overview import next_step, sign_in_warning, status_json
from agent.pretend.troubles import Trouble
from agent.pretend.world import LineOf
from agent.rights import rights
from agent.tell import status_text, with_sign_in
from agent.xero.models import Connection
from tests.support import Practice, support
from tests.system.test_alerts import Post, mail_server
from tests.system.test_sign_in import TOP, Office, at_home, same_keys

ODD = " <a>% & \"b\" 'c' tūī 🔑 \\ x "


@pytest.fixture
def office(practice: Practice, tmp_path: Path) -> Office:
    return at_home(practice, tmp_path)


def sign_in(office: Office, secret: str = "", code: str = "", user: str = "", **more: str) -> Any:
    """Run the command with what is given, the rest as it is right."""
    right = office.practice.cloud.autotask.user
    typed = f"{secret or right.secret}\n{code or right.integration_code}\n"
    done = office.run(
        "connect", "autotask", "--user", user or right.username, "--from-stdin", "--json", typed=typed, **more
    )
    assert "Traceback" not in done.stderr
    return msgspec.json.decode(done.stdout) | {"code": done.returncode}


# --- Autotask ---


def test_what_was_seen_to_work_is_kept(office: Office) -> None:
    user = office.practice.cloud.autotask.user
    office.practice.world.invoice("Kauri Legal", [support()])
    answer = sign_in(office)
    assert (answer["code"], answer["good"]) == (0, True)
    assert user.username in answer["checks"][0]["message"]
    assert office.keys == {"autotask-secret": user.secret, "autotask-integration-code": user.integration_code}
    rows = {row["Setting"]: row["Value"] for row in office.practice.table("Settings")}
    assert rows["Autotask user name"] == user.username
    assert office.practice.ask("status")["connections"]["autotask"]["ok"] is True


@pytest.mark.parametrize("odd", [ODD, "<>", "%41&amp;=+", "ключ", "😀"])
def test_secrets_of_any_characters_go_through_as_they_are(office: Office, odd: str) -> None:
    user = office.practice.cloud.autotask.user
    user.secret, user.integration_code = odd, f"{odd}code"
    assert sign_in(office)["code"] == 0
    assert office.keys == {"autotask-secret": odd, "autotask-integration-code": f"{odd}code"}
    desk = office.practice.desk()
    assert desk.ledger.fact("autotask_ci") == "20264"


@pytest.mark.parametrize(
    ("wrong", "fault", "words"),
    [
        ({"user": "nobody@example.com"}, "AX-302", "does not know the user name “nobody@example.com”"),
        ({"secret": "Wr0ng-s3cret"}, "AX-301", "refused the secret: it is wrong, or the user is locked"),
        ({"code": "Wr0ng-c0de"}, "AX-302", "refused the integration code"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    office: Office, wrong: dict[str, str], fault: str, words: str
) -> None:
    answer = sign_in(office, **wrong)
    assert (answer["code"], answer["error"]["code"]) == (2, fault)
    assert words in answer["error"]["message"]
    assert "five minutes" in answer["error"]["message"]
    assert "autoxero connect autotask" in answer["error"]["next_step"]
    assert "Wr0ng" not in str(answer)
    assert office.keys == {}
    assert office.practice.cloud.autotask.user.failures <= 1


def test_a_locked_user_is_named(office: Office) -> None:
    office.practice.cloud.autotask.user.is_locked = True
    answer = sign_in(office)
    assert answer["error"]["code"] == "AX-301"
    assert "has been locked" in answer["error"]["message"]
    assert "unlock" in answer["error"]["next_step"]


def test_a_missing_right_is_named(office: Office) -> None:
    body = b'{"errors":["The logged in Resource does not have the adequate permissions to query this entity."]}'
    office.practice.cloud.troubles.add(Trouble("500", path_contains="BillingCodes/query", times=None, body=body))
    answer = sign_in(office)
    assert (answer["code"], answer["good"]) == (2, False)
    assert "may not read or change BillingCodes" in str(answer["checks"])
    assert "security level see billing codes" in str(answer["checks"]).lower()


def test_another_autotask_is_refused_once_invoices_are_known(office: Office) -> None:
    """Before that, a slip such as the sandbox's user can be put right."""
    practice = office.practice
    practice.desk().ledger.remember(autotask_ci="7")
    assert sign_in(office)["code"] == 0
    assert practice.desk().ledger.fact("autotask_ci") == "20264"
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.desk().ledger.remember(autotask_ci="7")
    kept = office.keys
    practice.cloud.autotask.user.secret = "another-s3cret"
    assert sign_in(office)["error"]["code"] == "AX-406"
    assert office.keys == kept


def test_a_line_that_is_missing_is_told(office: Office) -> None:
    done = office.run("connect", "autotask", "--user", "u", "--from-stdin", typed="only-one\n")
    assert done.returncode == 2
    assert "integration code" in done.stderr
    assert "only-one" not in done.stderr


def test_without_a_terminal_it_says_how_else(office: Office) -> None:
    done = office.run("connect", "autotask", "--user", "u")
    assert done.returncode == 2
    assert "no terminal" in done.stderr
    assert "docs/connect.md" in done.stderr


@pytest.mark.parametrize("entry", ["!locked", "!full"])
def test_a_key_store_that_keeps_nothing_is_told(office: Office, entry: str) -> None:
    office.keep(entry, "yes")
    answer = sign_in(office)
    assert answer["code"] == 2
    assert "AUTOXERO_AUTOTASK_SECRET" in answer["error"]["next_step"]


def test_a_variable_that_still_wins_is_named(office: Office) -> None:
    user = office.practice.cloud.autotask.user
    done = office.run(
        "connect", "autotask", "--from-stdin", typed=f"{user.secret}\n{user.integration_code}\n",
        AUTOXERO_AUTOTASK_USERNAME=user.username,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = sign_in(office, AUTOXERO_AUTOTASK_USERNAME="old@example.com")
    assert answer["code"] == 2
    assert "AUTOXERO_AUTOTASK_USERNAME is set in the environment" in str(answer["checks"])


def test_secrets_of_the_environment_are_taken_without_asking(office: Office) -> None:
    cloud = {name: value for name, value in office.practice.cloud.environment.items() if "AUTOTASK" in name}
    done = office.run("connect", "autotask", **cloud)
    assert done.returncode == 0, done.stderr
    assert set(office.keys) == {"autotask-secret", "autotask-integration-code"}


def test_with_the_workbook_open_the_secrets_are_kept_and_the_rest_is_said(office: Office) -> None:
    """It is open in another program: the user name has to be typed there."""
    workbook = office.practice.workbook
    (workbook.parent / f"~${workbook.name}").write_bytes(b"\x04Anna" + b" " * 160)
    answer = sign_in(office)
    told = str(answer["checks"])
    if "Type “" in told:
        assert "under “Autotask user name” on the sheet Settings" in told
    assert set(office.keys) == {"autotask-secret", "autotask-integration-code"}


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal of this kind is POSIX's")
def test_at_a_terminal_secrets_are_asked_for_and_stay_unseen(office: Office) -> None:
    user = office.practice.cloud.autotask.user
    keeper, terminal = os.openpty()
    environment = {**office.environment, "TERM": "dumb"}
    with subprocess.Popen(
        [sys.executable, "-m", "agent", "connect", "autotask", "--workbook", str(office.practice.workbook)],
        stdin=terminal, stdout=terminal, stderr=terminal, cwd=TOP, env=environment, start_new_session=True,
    ) as process:  # fmt: skip
        os.close(terminal)
        seen = b""
        for question, answer in (
            (b"User name", user.username), (b"Secret", user.secret), (b"Integration code", user.integration_code),
        ):  # fmt: skip
            while question not in seen:
                seen += os.read(keeper, 1000)
            os.write(keeper, f"{answer}\n".encode())
        seen += _rest(keeper)
        process.wait(30)
    os.close(keeper)
    assert process.returncode == 0, seen
    assert user.username.encode() in seen
    assert user.secret.encode() not in seen
    assert user.integration_code.encode() not in seen
    assert office.keys["autotask-secret"] == user.secret


def _rest(keeper: int) -> bytes:
    seen = b""
    try:
        while part := os.read(keeper, 1000):
            seen += part
    except OSError:
        pass  # the other side has closed it
    return seen


def test_at_a_terminal_enter_takes_the_default_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_is_terminal", lambda: True)
    ask = asking.asking(from_stdin=False)
    with CliRunner().isolation(input="\n\n\nneeded\n"):
        assert ask.text("port", default="587") == "587"
        assert ask.text("user name", is_needed=False) == ""
        assert ask.text("mail server") == "needed"


def test_at_a_terminal_one_of_several_organisations_is_chosen_by_its_number() -> None:
    found = [Connection(tenant_name="One Ltd"), Connection(tenant_name="Zwei & Söhne")]
    with CliRunner().isolation(input="7\n2\n") as (_, errors, _):
        assert asking._chosen(found).tenant_name == "Zwei & Söhne"
        shown = errors.getvalue().decode()
    assert "1  One Ltd" in shown
    assert "2  Zwei & Söhne" in shown


# --- a tenant that moved ---


@pytest.mark.parametrize("status", [401, 404, 302])
def test_a_tenant_that_moved_to_another_zone_is_found_again(practice: Practice, status: int) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    desk = practice.desk()
    assert desk.autotask.zone.url.startswith("http://127.0.0.1:")
    practice.cloud.autotask.moved_to, practice.cloud.autotask.moved_status = "localhost", status
    from agent.sync import sync

    practice.cloud.reset()
    assert sync(desk).created == 1
    asked = [call.path for call in practice.cloud.calls if "zoneinformation" in call.path.lower()]
    assert len(asked) == 1
    assert desk.autotask.zone.url.startswith("http://localhost:")


# --- rights ---


def test_rights_are_part_of_the_test(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    answer = practice.ask("test")
    (line,) = [check for check in answer["checks"] if check["name"] == "Autotask rights"]
    assert line["is_good"], line
    assert "invoice lines" in line["message"]


def test_lines_that_a_line_of_business_hides_are_noticed(practice: Practice) -> None:
    hidden = LineOf("Remote Support", 1, "Hidden", "1", "99.0000", line_of_business=77)
    practice.world.invoice("Kauri Legal", [support()], number="SEEN-1")
    practice.world.invoice("Kauri Legal", [support(), hidden], number="HID-7")
    desk = practice.desk()
    assert [check.is_good for check in rights(desk)] == [True]
    practice.cloud.autotask.hide_lines_of_business.add(77)
    (check,) = rights(desk)
    assert not check.is_good
    for words in ("HID-7", "389.00", "290.00"):
        assert words in check.message
    assert check.next_step == "Give the API user access to all lines of business."


def test_a_hidden_discount_is_noticed_and_an_odd_total_is_none(practice: Practice) -> None:
    discount = LineOf("Discount", 1, "Hidden", "1", "-99.0000", line_of_business=77)
    practice.world.invoice("Kauri Legal", [support(), discount], number="HID-8")
    practice.world.invoice("Kauri Legal", [support()], header_gap="-12.00", number="ODD-9")
    desk = practice.desk()
    assert [check.is_good for check in rights(desk)] == [True]
    practice.cloud.autotask.hide_lines_of_business.add(77)
    (check,) = rights(desk)
    for words in ("HID-8", "191.00", "290.00"):
        assert words in check.message


def test_hidden_lines_are_looked_for_in_the_newest_invoices(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy office has more in two months than Autotask gives in one answer."""
    monkeypatch.setattr("agent.autotask.client.PAGE", 20)
    practice.cloud.autotask.hide_lines_of_business.add(77)
    hidden = LineOf("Remote Support", 1, "Hidden", "1", "99.0000", line_of_business=77)
    for number in range(45):
        practice.world.invoice("Kauri Legal", [support()], number=f"SEEN-{number}")
    practice.world.invoice("Kauri Legal", [support(), hidden], number="HID-NEW")
    (check,) = rights(practice.desk())
    assert "HID-NEW" in check.message


def test_what_was_not_seen_is_not_said_to_be_read(practice: Practice) -> None:
    """Of no invoice nothing can be compared; older ones are looked at where there is none of late."""
    (check,) = rights(practice.desk())
    assert check.light == "warning"
    assert "invoices" not in check.message.partition(".")[0]
    assert "It saw no finished invoice of the last 400 days" in check.message
    assert "security level" in check.next_step
    practice.cloud.autotask.hide_lines_of_business.add(77)
    hidden = LineOf("Remote Support", 1, "Hidden", "1", "99.0000", line_of_business=77)
    old = practice.world.today - timedelta(days=100)
    practice.world.invoice("Kauri Legal", [support(), hidden], number="HID-OLD", day=old)
    (check,) = rights(practice.desk())
    assert (check.light, "HID-OLD" in check.message) == ("bad", True)


@pytest.mark.parametrize("entity", ["Companies", "BillingCodes"])
def test_a_table_that_shows_nothing_lacks_a_right(practice: Practice, entity: str) -> None:
    """Autotask hides what may not be seen, and says nothing."""
    practice.cloud.autotask.tables[entity].clear()
    (check,) = rights(practice.desk())
    assert not check.is_good
    assert "security level" in check.next_step


def test_the_right_to_mark_invoices_is_looked_for_where_a_setting_needs_it(practice: Practice) -> None:
    body = b'{"info":{"name":"Invoice","canUpdate":true,"userAccessForUpdate":"None"}}'
    trouble = Trouble("200", path_contains="Invoices/entityInformation", times=None, body=body)
    practice.cloud.troubles.add(trouble)
    (check,) = rights(practice.desk())
    assert "may not change invoices" in check.message
    assert "Mark invoices as sent in Autotask" in check.next_step
    practice.set(Mark_invoices_as_sent_in_Autotask="No")
    assert [check.is_good for check in rights(practice.desk())] == [True]


def test_an_outage_is_no_missing_right(practice: Practice) -> None:
    practice.cloud.troubles.add(Trouble("503", path_contains="Contacts", times=None))
    with pytest.raises(StopError) as stopped:
        rights(practice.desk())
    assert stopped.value.exit_code == 69


# --- what the test says where it cannot ask ---


def test_a_locked_key_store_is_not_called_autotasks_refusal(kept: Office) -> None:
    kept.keep("!locked", "yes")
    kept.practice.set(Autotask_user_name="u", Xero_client_ID="c")
    for desk in (kept.desk(), kept.desk()):
        told = {check.name: check for check in checks.test(desk)}
        for name, title in (("Autotask", "The sign-in to Autotask is not at hand"), ("Xero", "Xero sign-in needed")):
            assert title in told[name].message
            assert "locked or does not answer" in told[name].message
            assert told[name].next_step.startswith("Unlock it")
    assert kept.practice.cloud.calls == []


def test_a_wrong_secret_of_a_custom_connection_says_how_to_give_another(practice: Practice) -> None:
    practice.cloud.xero.app.secret = "changed in Xero"
    desk = practice.desk()
    practice.cloud.xero.app.secret = "another one"
    told = {check.name: check for check in checks.test(desk)}
    assert "its secret is wrong" in told["Xero"].message
    assert "autoxero connect xero --custom" in told["Xero"].next_step


def test_without_a_workbook_the_rest_is_tested_or_said_to_be_untested(practice: Practice, office: Office) -> None:
    practice.workbook.unlink()
    told = {check.name: check for check in checks.test(practice.desk())}
    assert [told[name].light for name in ("Workbook", "Autotask", "Xero", "Mail", "Clock")] == [
        "bad", "good", "good", "warning", "good",
    ]  # fmt: skip
    told = {check.name: check for check in checks.test(office.desk())}
    for name in ("Autotask", "Xero", "Mail"):
        assert "was not tested" in told[name].message
        assert "workbook" in told[name].next_step


# --- the end of a sign-in draws near ---


def ending_in(practice: Practice, **units: float) -> None:
    ends = datetime.now(UTC) + timedelta(**units)
    practice.desk().ledger.remember(xero_sign_in_ends=ends.isoformat())


@pytest.mark.parametrize(
    ("units", "due"),
    [
        ({"days": 14, "minutes": 1}, None),
        ({"days": 14}, 14),
        ({"days": 7, "minutes": 1}, 14),
        ({"days": 7}, 7),
        ({"days": 2, "minutes": 1}, 7),
        ({"days": 2}, 2),
        ({"days": -1}, 0),
    ],
)
def test_the_warnings_come_two_weeks_one_week_and_two_days_before(
    practice: Practice, units: dict[str, float], due: int | None
) -> None:
    ending_in(practice, **units)
    ledger = practice.desk().ledger
    warning = sign_in_warning(ledger)
    assert (warning[0] if warning else None) == due
    step = next_step([], ledger)
    assert ("sign-in to Xero end" in step) == (due is not None)
    assert ("any use renews it" in step) == bool(due)
    assert ("connect xero" in step) == (due == 0)


def test_each_warning_is_mailed_once_and_a_renewed_sign_in_is_none(practice: Practice) -> None:
    post = Post()
    with mail_server(post) as port:
        practice.type_settings({
            "Mail server": "127.0.0.1", "Mail port": port, "Mail security": "None",
            "Alert these people": "ann@kauri.example", "Alert within (minutes)": 5,
        })  # fmt: skip
        for passed, mails in ((0, 0), (46.5, 1), (47, 1), (53.5, 2), (57, 2), (58.5, 3), (59, 3), (60.5, 4), (62, 4)):
            desk = practice.desk()
            begun = datetime.now(UTC)
            desk.ledger.remember(xero_sign_in_ends=(begun + timedelta(days=60)).isoformat())
            desk.ledger.now = lambda begun=begun, passed=passed: begun + timedelta(days=passed)  # type: ignore[misc]
            assert alert(desk) == []
            assert len(post.accepted) == mails, passed
        assert "The Xero sign-in ends soon" in post.accepted[0]["Subject"]
        assert "The Xero sign-in has ended" in post.accepted[3]["Subject"]
        assert "any use renews" not in str(post.accepted[3].get_body(("plain",)))
        body = post.accepted[0].get_body(("plain",))
        assert body is not None
        assert "autoxero test" in body.get_content()


def test_a_custom_connection_has_no_end_to_warn_of(practice: Practice) -> None:
    ending_in(practice, days=1)
    desk = practice.desk()
    _ = desk.xero
    assert sign_in_warning(desk.ledger) is None


def test_until_when_the_sign_in_holds_is_told_by_status_and_test(practice: Practice) -> None:
    """Of a custom connection there is no end to tell."""
    told = practice.ask("status")["connections"]["xero"]
    assert told == {"ok": None, "sign_in_ends": None}
    ending_in(practice, days=60)
    ledger = practice.desk().ledger
    day = f"{datetime.now(UTC) + timedelta(days=60):%Y-%m-%d}"
    answer = with_sign_in(status_json(ledger), ledger)
    assert answer["connections"]["xero"]["sign_in_ends"].startswith(day)
    assert answer["connections"]["xero"]["sign_in_ends"].endswith("Z")
    assert f"Xero: not tried yet; the sign-in ends on {day} unless it is used" in status_text(answer)
    (line,) = checks._sign_in(practice.desk())
    assert (line.light, line.message) == ("good", f"It holds until {day}, and longer with every use.")
    ending_in(practice, days=2)
    (line,) = checks._sign_in(practice.desk())
    assert (line.light, line.next_step) == ("warning", "Run “autoxero connect xero”.")
    ending_in(practice, days=-1)
    told = status_text(with_sign_in(status_json(ledger), ledger))
    assert f"the sign-in ended on {datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}, for it was not used" in told
    assert "unless it is used" not in told


def test_while_nothing_is_synced_the_sign_in_is_used_once_a_day(practice: Practice) -> None:
    desk = practice.desk()
    keep_signed_in(desk)
    assert practice.cloud.count("login") == 0
    for hours, calls in ((23, 0), (25, 1), (23, 1), (-300, 2)):  # the last one by a clock that was fast
        desk = practice.desk()
        desk.ledger.remember(xero_renewed=(datetime.now(UTC) - timedelta(hours=hours)).isoformat())
        keep_signed_in(desk)
        assert practice.cloud.count("login") == calls


# --- mail ---


class Password:
    """A mail server's door: one user, one password, or a refusal in the words of a provider."""

    def __init__(self, password: str, refusal: str = "") -> None:
        self.password = password.encode()
        self.refusal = refusal

    def __call__(self, _server: Any, _session: Any, _envelope: Any, _mechanism: Any, data: Any) -> AuthResult:
        if self.refusal:
            return AuthResult(success=False, handled=False, message=self.refusal)
        return AuthResult(success=data.password == self.password, handled=False)


OPEN = {"auth_require_tls": False}
TYPED = {
    "Mail server": "127.0.0.1", "Mail security": "None", "Mail user": "bot@x.example",
    "Alert these people": "ann@kauri.example", "Mail from": "bot@x.example",
}  # fmt: skip


@pytest.fixture
def kept(office: Office) -> Iterator[Office]:
    """The same key store for this process, so that not every try needs a process of its own."""
    with same_keys(office):
        yield office


def mail(office: Office, port: int, password: str, **typed: str) -> list[str]:
    """Set up mail with these settings."""
    settings = TYPED | {"Mail port": str(port)} | {name.replace("_", " "): value for name, value in typed.items()}
    return connect_mail(office.practice.desk(), settings, password)


def refused(office: Office, port: int, password: str, **typed: str) -> str:
    """Why mail could not be set up; nothing was kept or changed."""
    before = office.practice.table("Settings")
    with pytest.raises((PlainError, StopError)) as caught:
        mail(office, port, password, **typed)
    assert getattr(caught.value, "exit_code", None) == 2
    assert office.keys == {}
    assert office.practice.table("Settings") == before
    assert password not in str(caught.value)
    return str(caught.value)


def test_a_test_mail_is_sent_and_everything_kept(office: Office) -> None:
    post = Post()
    with mail_server(post, authenticator=Password("s3cret <&> x"), **OPEN) as port:
        done = office.run(
            "connect", "mail", "--server", "127.0.0.1", "--port", str(port), "--security", "None",
            "--user", "bot@x.example", "--to", "ann@kauri.example", "--from-stdin", typed="s3cret <&> x\n",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ann@kauri.example" in done.stderr
    (sent,) = post.accepted
    assert (sent["To"], sent["From"]) == ("ann@kauri.example", "bot@x.example")
    assert "a test" in sent["Subject"]
    rows = {row["Setting"]: row["Value"] for row in office.practice.table("Settings")}
    assert (rows["Mail server"], rows["Mail port"], rows["Mail user"]) == ("127.0.0.1", port, "bot@x.example")
    assert office.keys == {"smtp-password": "s3cret <&> x"}


def test_alerts_use_the_password_of_the_key_store(kept: Office) -> None:
    post = Post()
    with mail_server(post, authenticator=Password("s3cret-9"), **OPEN) as port:
        mail(kept, port, "s3cret-9")
        desk = kept.practice.desk()
        desk.ledger.remember(xero_sign_in_ends=(datetime.now(UTC) + timedelta(days=1)).isoformat())
        assert alert(desk) == []
        assert len(post.accepted) == 2


def test_an_alert_waits_while_the_key_store_is_locked(kept: Office) -> None:
    post = Post()
    with mail_server(post, authenticator=Password("s3cret-9"), **OPEN) as port:
        mail(kept, port, "s3cret-9")
        ending_in(kept.practice, days=1)
        kept.keep("!locked", "yes")
        (trouble,) = alert(kept.practice.desk())
        assert "key store of this computer is locked" in trouble
        assert len(post.accepted) == 1


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ("", ["refused the user name or password"]),
        (
            "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [AB1 2026]",
            ["user name or the password is wrong", "autoxero connect mail", "(535 5.7.139)"],
        ),
        (
            "535 5.7.139 Authentication unsuccessful, basic authentication is disabled.",
            ["no longer takes passwords from programs", "relay"],
        ),
        ("550 5.7.30 Basic authentication is not supported for Client Submission.", ["no longer takes", "550 5.7.30"]),
        ("535 5.7.139 SmtpClientAuthentication is disabled for the Tenant. Visit x", ["any mailbox", "SMTP AUTH on"]),
        ("535 5.7.139 SmtpClientAuthentication is disabled for the Mailbox.", ["this mailbox", "“Authenticated SMTP”"]),
        (
            "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.",
            ["security rules", "Entra"],
        ),
        ("535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be", ["security rules"]),
        ("535 5.7.139 Something new.", ["does not let programs in", "SMTP AUTH"]),
        ("534 5.7.9 Application-specific password required.", ["Make an app password", "(534 5.7.9)"]),
        ("534 5.7.14 Please log in via your web browser and then try again.", ["in a browser once"]),
        ("535 5.7.8 Username and Password not accepted.", ["refused the user name or password"]),
        ("535 5.7.0 Basic authentication is no longer supported, please use OAuth2", ["no longer takes", "relay"]),
        ("535 5.7.1 Password authentication is not allowed; use OAuth", ["no longer takes passwords from programs"]),
        ("504 5.7.4 Unrecognized authentication type", ["on such a line", "STARTTLS or TLS", "(504 5.7.4)"]),
        ("454 4.7.0 Temporary authentication failure", ["could not check", "just now (454)", "try again later"]),
    ],
)
def test_a_refused_password_is_told_in_words_and_nothing_kept(kept: Office, refusal: str, words: list[str]) -> None:
    """Each case with its own next step: a wrong password is not a forbidden one."""
    with mail_server(Post(), authenticator=Password("right", refusal), **OPEN) as port:
        told = refused(kept, port, "wr0ng-s3cret")
    for word in words:
        assert word in told
    assert ("wrong" in told) == ("incorrect" in refusal)
    assert "Nothing was changed" in told


def test_a_server_without_a_sign_in_is_told(kept: Office) -> None:
    with mail_server(Post()) as port:
        assert "takes no user name and password on this port" in refused(kept, port, "s3cret-9")


class Modern(Post):
    """A mail server of a provider who takes tokens in place of passwords."""

    async def auth_XOAUTH2(self, _server: SMTP, _args: list[str]) -> AuthResult:  # noqa: N802 - its name
        return AuthResult(success=False)


def test_a_server_that_takes_no_passwords_at_all_is_told(kept: Office) -> None:
    options = {**OPEN, "auth_exclude_mechanism": ["PLAIN", "LOGIN"]}
    with mail_server(Modern(), authenticator=Password("s3cret-9"), **options) as port:
        assert "no longer takes passwords from programs" in refused(kept, port, "s3cret-9")


def test_an_address_that_is_refused_is_named_and_nothing_kept(kept: Office) -> None:
    """Although the other one would get its mails: whoever types them is there to correct it."""
    people = "gone@x.example, ann@kauri.example"
    with mail_server(Post(unknown="gone@x.example"), authenticator=Password("s3cret-9"), **OPEN) as port:
        told = refused(kept, port, "s3cret-9", Alert_these_people=people)
    assert "refused the address of gone@x.example (550 5.1.1 No such mailbox). Nothing was changed." in told


def test_a_server_that_is_not_there_is_told(kept: Office) -> None:
    with mail_server(Post()) as port:
        pass
    assert f"127.0.0.1:{port} could not be reached" in refused(kept, port, "s3cret-9")


def test_a_password_that_mail_servers_do_not_take_is_told_without_it(kept: Office) -> None:
    with mail_server(Post(), authenticator=Password("x"), **OPEN) as port:
        told = refused(kept, port, "gehëim-9")
    assert "plain letters" in told
    assert "ë" not in told


@pytest.mark.parametrize(
    "wrong", [{"Mail_port": "no"}, {"Mail_security": "SSL"}, {"Alert_these_people": "nobody"}, {"Mail_port": "0"}]
)
def test_a_setting_that_cannot_be_so_is_told(kept: Office, wrong: dict[str, str]) -> None:
    assert "Nothing was changed" in refused(kept, 1, "s3cret-9", **wrong)


def test_somebody_has_to_get_the_alerts(kept: Office) -> None:
    assert "--to" in refused(kept, 1, "s3cret-9", Alert_these_people="")


class Quoting:
    """A mail server that quotes the password back when it refuses a mail."""

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 - its name
        return "554 Refused: you signed in with s3cret-9 (czNjcmV0LTk=)"


def test_a_password_that_the_server_quotes_is_left_out(kept: Office) -> None:
    with mail_server(Quoting(), authenticator=Password("s3cret-9"), **OPEN) as port:  # type: ignore[arg-type]
        told = refused(kept, port, "s3cret-9")
    assert "554 Refused" in told
    assert "czNjcmV0LTk" not in told


def test_words_for_what_no_server_here_does() -> None:
    settings = Settings(mail_server="m", mail_port=587)
    assert in_words(TimeoutError("secret"), settings) == "m:587 could not be reached or secured (TimeoutError)."
