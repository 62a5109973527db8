"""From a fault to an accepted mail, over real SMTP servers and with a moved clock."""

from __future__ import annotations

import email
import email.policy
import ssl
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from agent.alerts import alert, in_words
from agent.domain.settings import Settings
from agent.errors import PlainError, StopError
from agent.pretend.troubles import Trouble
from agent.sync import sync
from tests.support import Practice, support


@dataclass
class Post:
    """A mail server's hands: what it accepted, and whether it accepts."""

    accepted: list[EmailMessage] = field(default_factory=list)
    taken: list[tuple[str, list[str]]] = field(default_factory=list)  # their subjects, and for whom
    answer: str = "250 OK"
    unknown: str = ""  # an address that it does not take
    refusal: str = "550 5.1.1 No such mailbox"

    async def handle_RCPT(  # noqa: N802 - its name and shape
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == self.unknown:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        if self.answer.startswith("250"):
            message = email.message_from_bytes(cast("bytes", envelope.content), policy=email.policy.default)
            self.accepted.append(message)
            self.taken.append((str(message["Subject"]), list(envelope.rcpt_tos)))
        return self.answer


class AnyPort(Controller):
    """A controller that asks the system for a free port."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call] # the library has no types here


@contextmanager
def mail_server(post: Post, **options: Any) -> Iterator[int]:
    """A real SMTP server on a free port of this machine."""
    controller = AnyPort(post, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.stop()


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def mailing(practice: Practice, post: Post) -> Iterator[Practice]:
    """A practice whose accountants are mailed without encryption on this machine."""
    with mail_server(post) as port:
        people = "ann@kauri.example, bob@kauri.example"
        settings = {
            "Mail server": "127.0.0.1",
            "Mail port": port,
            "Mail security": "None",
            "Alert these people": people,
        }
        practice.type_settings(settings)
        yield practice


def run_at(practice: Practice, moment: datetime) -> None:
    """One run with the agent's clock at that moment."""
    desk = practice.desk()
    desk.ledger.now = lambda: moment
    sync(desk)


def test_the_first_fault_is_mailed_at_once_and_well_within_the_hour(mailing: Practice, post: Post) -> None:
    """Every fifteen minutes a run: three strikes take half an hour; the mail goes out with the third."""
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")], number="AT-7")
    begun = datetime.now(UTC)
    for number in range(4):
        run_at(mailing, begun + timedelta(minutes=15 * number))
        assert len(post.accepted) == (1 if number >= 2 else 0)
    mail = post.accepted[0]
    assert mail["To"] == "ann@kauri.example, bob@kauri.example"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    for part in (text, html):
        for word in ("AX-109", "AT-7", "Kauri Legal", "Drone Survey", "AccountMap", "333.50"):
            assert word in part.get_content()


def test_later_faults_are_gathered(mailing: Practice, post: Post) -> None:
    """Never one mail per invoice, and none twice: what is new comes together when the hour is over."""
    begun = datetime.now(UTC)
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for number in range(3):
        run_at(mailing, begun + timedelta(minutes=number))
    for number in range(5):
        mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")], number=f"LATER-{number}")
    for number in range(3, 50):
        run_at(mailing, begun + timedelta(minutes=number))
    assert len(post.accepted) == 1
    run_at(mailing, begun + timedelta(minutes=63))
    assert len(post.accepted) == 2
    body = post.accepted[1].get_body(("plain",))
    assert body is not None
    assert body.get_content().count("LATER-") == 5
    for hour in range(2, 6):
        run_at(mailing, begun + timedelta(hours=hour))
    assert len(post.accepted) == 2


def test_a_mail_that_is_refused_is_kept_and_tried_again(mailing: Practice, post: Post) -> None:
    post.answer = "451 Come back later"
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    begun = datetime.now(UTC)
    for number in range(3):
        run_at(mailing, begun + timedelta(minutes=number))
    assert post.accepted == []
    assert mailing.ask("status")["connections"]["mail"]["code"] == "AX-504"
    assert "Come back later" in str(mailing.table("Log"))
    post.answer = "250 OK"
    run_at(mailing, begun + timedelta(minutes=20))
    assert len(post.accepted) == 1
    assert mailing.ask("status")["connections"]["mail"]["ok"] is True


def test_who_is_turned_away_is_named_while_the_others_are_told_once(mailing: Practice, post: Post) -> None:
    post.unknown = "ann@kauri.example"
    mailing.type_settings({"Tries before a fault": 1})
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    (problem,) = [line for line in mailing.sync().problems if "AX-504" in line]
    assert "refused the address of ann@kauri.example (550 5.1.1 No such mailbox). The others got the mail." in problem
    light = mailing.ask("status")["connections"]["mail"]
    assert (light["ok"], light["code"]) == (False, "AX-504")
    assert "ann@kauri.example" in light["detail"]
    mailing.sync()
    assert len(post.accepted) == 1
    line = next(check for check in mailing.ask("test")["checks"] if check["name"] == "Mail")
    assert (line["light"], "ann@kauri.example (550" in line["message"]) == ("bad", True)
    assert len(post.accepted) == 1, "a test sends nothing"
    post.unknown = ""
    assert next(check for check in mailing.ask("test")["checks"] if check["name"] == "Mail")["light"] == "good"
    assert mailing.ask("status")["connections"]["mail"]["ok"] is True


def test_who_is_turned_away_for_the_moment_gets_the_mail_later(mailing: Practice, post: Post) -> None:
    """Once, and the others not again; who is turned away for long holds no later mail up."""
    post.unknown, post.refusal = "ann@kauri.example", "450 4.2.0 Greylisted, try again in 300 seconds"
    mailing.type_settings({"Tries before a fault": 1, "Alert within (minutes)": 5})
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    begun = datetime.now(UTC)
    run_at(mailing, begun)
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    run_at(mailing, begun + timedelta(minutes=6))
    assert [to for _, to in post.taken] == [["bob@kauri.example"]] * 2
    light = mailing.ask("status")["connections"]["mail"]
    assert "For ann@kauri.example it is tried again with the next sync." in light["detail"]
    post.unknown = ""
    for minutes in (10, 15):
        run_at(mailing, begun + timedelta(minutes=minutes))
    assert [to for _, to in post.taken[2:]] == [["ann@kauri.example"]] * 2
    assert [subject for subject, _ in post.taken[2:]] == [subject for subject, _ in post.taken[:2]]
    assert mailing.ask("status")["connections"]["mail"]["ok"] is True
    sent = [row["Detail"].rpartition(" to ")[2] for row in mailing.table("Log") if row["Event"] == "Alert sent"]
    assert sorted(sent) == ["ann@kauri.example"] * 2 + ["bob@kauri.example"] * 2


def test_addresses_in_any_letters_are_tested_as_they_are_mailed(mailing: Practice, post: Post) -> None:
    mailing.type_settings({"Tries before a fault": 1, "Alert these people": "jörg@kauri.example"})
    assert next(check for check in mailing.ask("test")["checks"] if check["name"] == "Mail")["light"] == "good"
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    mailing.sync()
    assert [to for _, to in post.taken] == [["jörg@kauri.example"]]


def test_a_server_that_takes_plain_addresses_only_is_told_so(practice: Practice, post: Post) -> None:
    with mail_server(post, enable_SMTPUTF8=False) as port:
        practice.type_settings(
            {
                "Mail server": "127.0.0.1", "Mail port": port, "Mail security": "None",
                "Alert these people": "jörg@kauri.example", "Tries before a fault": 1,
            }
        )  # fmt: skip
        line = next(check for check in practice.ask("test")["checks"] if check["name"] == "Mail")
        practice.world.invoice("Kauri Legal", [support(code="Drone Survey")])
        (problem,) = practice.sync().problems
    for said in (line["message"], problem):
        assert "takes addresses of plain letters and digits only, not jörg@kauri.example" in said


@pytest.mark.parametrize(
    ("user", "password", "said"),
    [
        ("ann", "pässword", "The mail password has"),
        ("änn", "s3cr3t", "“Mail user” has"),
        ("ann", "", "“Mail server” has"),
    ],
)
def test_what_cannot_be_written_is_named(user: str, password: str, said: str) -> None:
    settings = replace(Settings(), mail_user=user)
    assert in_words(UnicodeEncodeError("ascii", "ä", 0, 1, ""), settings, password).startswith(said)


def test_a_cured_fault_that_returns_is_told_again(mailing: Practice, post: Post) -> None:
    begun = datetime.now(UTC)
    number = mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for minute in range(3):
        run_at(mailing, begun + timedelta(minutes=minute))
    mailing.desk().ledger.wish([number], "resync")  # type: ignore[list-item] # a plain number will do
    for hour in (2, 3, 4, 5):
        run_at(mailing, begun + timedelta(hours=hour))
    assert len(post.accepted) == 2


def test_waiting_for_a_day_is_told(mailing: Practice, post: Post) -> None:
    day = mailing.world.start + timedelta(days=2)
    mailing.cloud.xero.set_lock_dates(period=day)
    mailing.world.invoice("Kauri Legal", [support()], day=day)
    begun = datetime.now(UTC)
    run_at(mailing, begun)
    run_at(mailing, begun + timedelta(hours=23))
    assert post.accepted == []
    run_at(mailing, begun + timedelta(hours=25))
    assert "waited since" in str(post.accepted[0])


def test_a_refused_sign_in_is_told(mailing: Practice, post: Post) -> None:
    mailing.cloud.autotask.user.is_locked = True
    with pytest.raises(Exception, match="locked"):
        mailing.sync()
    assert "AX-301" in post.accepted[0]["Subject"]


def test_preview_mails_nobody(mailing: Practice, post: Post) -> None:
    mailing.type_settings({"Sync mode": "Preview"})
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    for hour in range(0, 50, 5):
        run_at(mailing, datetime.now(UTC) + timedelta(hours=hour))
    assert post.accepted == []


@pytest.mark.parametrize("security", ["STARTTLS", "TLS"])
def test_encrypted_lines_with_a_password(
    practice: Practice, post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: str
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    seen: list[Any] = []

    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        seen.append(data)
        return AuthResult(success=data.password == b"mail-secret", handled=False)

    options: dict[str, Any] = {"authenticator": check}
    options |= {"ssl_context": context, "auth_require_tls": False} if security == "TLS" else {"tls_context": context}
    with mail_server(post, **options) as port:
        practice.type_settings(
            {
                "Mail server": "localhost", "Mail port": port, "Mail security": security, "Mail user": "autoxero",
                "Alert these people": "ann@kauri.example",
            }
        )  # fmt: skip
        practice.cloud.autotask.user.is_locked = True
        desk = practice.desk()
        environment = dict(desk.config.environment)
        object.__setattr__(desk.config, "environment", {**environment, "AUTOXERO_SMTP_PASSWORD": "wrong"})
        with pytest.raises(Exception, match="locked"):
            sync(desk)
        assert post.accepted == []
        assert "user name or password" in practice.ask("status")["connections"]["mail"]["detail"]
        object.__setattr__(desk.config, "environment", {**environment, "AUTOXERO_SMTP_PASSWORD": "mail-secret"})
        assert alert(desk) == []
    assert len(post.accepted) == 1
    assert "mail-secret" not in str(practice.table("Log"))


def test_an_open_line_to_another_machine_is_refused(practice: Practice) -> None:
    practice.type_settings(
        {"Mail server": "mail.example.com", "Mail security": "None", "Alert these people": "ann@kauri.example"}
    )
    practice.cloud.autotask.user.is_locked = True
    with pytest.raises(Exception, match="locked"):
        practice.sync()
    assert "only for a mail server on this computer" in practice.ask("status")["connections"]["mail"]["detail"]


def test_no_good_sync_for_a_day_is_told(mailing: Practice, post: Post) -> None:
    """An outage strikes nobody; when it has lasted for a day people hear of it, once."""
    begun = datetime.now(UTC)
    run_at(mailing, begun)
    mailing.cloud.troubles.add(Trouble("503", system="xero", times=None))
    for hours in (1, 12, 23, 26, 27, 30):
        with pytest.raises(Exception, match="503"):
            run_at(mailing, begun + timedelta(hours=hours))
    assert len(post.accepted) == 1
    assert "No sync has ended well since" in str(post.accepted[0].get_body(("plain",)))


def test_a_clock_that_was_fast_once_keeps_nothing_from_being_told(mailing: Practice, post: Post) -> None:
    """Neither the next fault, nor that no sync has ended well for a day since."""
    mailing.type_settings({"Tries before a fault": 1})
    begun = datetime.now(UTC)
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    run_at(mailing, begun + timedelta(days=300))
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")], number="LATER")
    run_at(mailing, begun)
    assert ["LATER" in mail["Subject"] for mail in post.accepted] == [False, True]
    mailing.cloud.troubles.add(Trouble("503", system="xero", times=None))
    for hours in (1, 26):
        with pytest.raises(Exception, match="503"):
            run_at(mailing, begun + timedelta(hours=hours))
    assert f"No sync has ended well since {begun:%Y-%m-%d}" in str(post.accepted[-1].get_body(("plain",)))


def titles(post: Post) -> list[str]:
    return [str(mail["Subject"]).partition(": ")[2] for mail in post.accepted]


@pytest.mark.parametrize("why", [{"Sync mode": "Preview"}, {"Start date": None}, {"Paused": "Yes"}])
def test_that_the_sign_in_ends_reaches_people_whatever_keeps_the_agent_from_sending(
    mailing: Practice, post: Post, why: dict[str, str | None]
) -> None:
    """A wrong setting, Preview, Paused: just then it is not used, and runs out."""
    mailing.type_settings(why)
    mailing.cloud.autotask.user.is_locked = True
    ends = datetime.now(UTC) + timedelta(days=6)
    mailing.desk().ledger.remember(xero_sign_in_ends=ends.isoformat())
    for _ in range(2):
        with suppress(PlainError, StopError):
            mailing.sync()
    assert titles(post) == ["The Xero sign-in ends soon"]
    assert f"{ends:%Y-%m-%d}" in str(post.accepted[0].get_body(("plain",)))


def test_nobody_is_mailed_about_invoices_by_a_preview_or_a_dry_run(mailing: Practice, post: Post) -> None:
    """Not even about those that failed before; once it is live again people hear of them."""
    mailing.type_settings({"Tries before a fault": 1, "Alert these people": None})
    mailing.world.invoice("Kauri Legal", [support(code="Drone Survey")])
    mailing.sync()
    assert set(mailing.codes().values()) == {"AX-109"}
    mailing.type_settings({"Alert these people": "ann@kauri.example"})
    mailing.sync(dry_run=True)
    mailing.type_settings({"Sync mode": "Preview"})
    mailing.sync()
    assert post.accepted == []
    mailing.type_settings({"Sync mode": "Live"})
    mailing.sync()
    assert len(post.accepted) == 1
