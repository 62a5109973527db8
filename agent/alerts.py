"""Who is mailed about what, and when: the first new fault at once, then one mail within the time of the setting.

A mail gathers all that is new, with names, causes and cures. What the mail server does not take is kept and tried
again with the next run.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from html import escape
from typing import Any

from agent.desk import Desk
from agent.domain.faults import CATALOGUE
from agent.domain.settings import Settings
from agent.errors import stop
from agent.ledger.outbox import Mail, Outbox
from agent.views import connections, total_of

_LONG = timedelta(hours=24)
"""How long an invoice may wait, and syncs may fail, before people are told."""
_NEEDS_A_PERSON = frozenset({"AX-111", "AX-201", "AX-505"})
"""What waits for a person from the start."""
_SIGN_INS = frozenset({"AX-301", "AX-302", "AX-401", "AX-405", "AX-406"})
_TIMEOUT = 30.0


@dataclass(frozen=True)
class News:
    """One thing to tell.

    Attributes:
        key: By which it is known that it was told.
        title: What happened, with code and name.
        cause: Why.
        detail: The facts of the case.
        cure: What to do now.
    """

    key: str
    title: str
    cause: str
    detail: str
    cure: str


def alert(desk: Desk) -> list[str]:
    """Tell people what is new, if it is time to; and try again what was not taken.

    Returns:
        What went wrong, in words.
    """
    settings = desk.settings
    if settings.sync_mode != "Live" or not settings.alert_people:
        return []
    outbox = Outbox(desk.ledger)
    now = desk.ledger.now()
    news = gather(desk, now)
    known = outbox.told()
    outbox.forget(known - {item.key for item in news})
    fresh = [item for item in news if item.key not in known]
    last = outbox.last_made()
    if fresh and (last is None or now - last >= timedelta(minutes=settings.alert_within)):
        subject, text, html = compose(fresh, desk.ledger.fact("organisation"))
        outbox.put(subject, text, html, [item.key for item in fresh])
    return _deliver(desk, outbox)


def gather(desk: Desk, now: datetime) -> list[News]:
    """All that people should know as things stand."""
    news = [item for row in desk.ledger.rows() if (item := _of_invoice(row, now))]
    for system, light in connections(desk.ledger).items():
        if light.get("code") in _SIGN_INS:
            news.append(_of_fault(f"{system} {light['code']}", light["code"], light["detail"]))
    well = desk.ledger.last_run(finished_well=True)
    last = desk.ledger.last_run()
    if last and last["fault_code"] and now - (well or last)["started"] > _LONG:
        since = f"No sync has ended well since {(well or last)['started']:%Y-%m-%d %H:%M} UTC."
        news.append(_of_fault("no sync", last["fault_code"], f"{since} {last['fault_detail']}"))
    return news


def _of_invoice(row: Mapping[str, Any], now: datetime) -> News | None:
    """The news of an invoice: it is in fault, it waits for a person, or it has waited for a day."""
    is_long = row["status"] == "Waiting" and now - row["since"] > _LONG
    asks = row["status"] == "Waiting" and row["fault_code"] in _NEEDS_A_PERSON
    if row["status"] != "Fault" and not is_long and not asks:
        return None
    kind = CATALOGUE.get(row["fault_code"])
    name = f"{row['number'] or row['autotask_id']}, {row['customer']}, {row['currency']} {total_of(row):,}"
    waits = f"It has waited since {row['since']:%Y-%m-%d %H:%M} UTC. " if is_long else ""
    return News(
        f"{row['autotask_id']} {row['fault_code']} {row['status']}",
        f"{row['fault_code']} {row['fault_title'] or row['why']}: invoice {name}".strip(),
        kind.cause if kind else "",
        waits + (row["fault_detail"] or row["why"]),
        row["fault_cure"] or "See the sheet Invoices.",
    )


def _of_fault(key: str, code: str, detail: str) -> News:
    kind = CATALOGUE[code]
    return News(f"{key} {code}", f"{code} {kind.title}", kind.cause, detail, kind.cure)


def compose(news: Sequence[News], organisation: str) -> tuple[str, str, str]:
    """Subject, text and HTML of a mail that tells the news."""
    first = news[0].title if len(news) == 1 else f"{len(news)} things need you"
    subject = f"AutoXero, {organisation or 'not connected'}: {first}"[:200].replace("\n", " ")
    text = "\n\n".join(
        f"{item.title}\nWhy: {item.cause}\nWhat was found: {item.detail}\nWhat to do: {item.cure}" for item in news
    )
    ending = "The sheet Faults of AutoXero.xlsm shows all of it. Nothing is lost: what failed is kept and can be sent."
    rows = "".join(
        f"<h3>{escape(item.title)}</h3><p>{escape(item.cause)}</p><p>{escape(item.detail)}</p>"
        f"<p><b>What to do:</b> {escape(item.cure)}</p>"
        for item in news
    )
    html = f"<html><body style='font-family:sans-serif'>{rows}<hr><p>{escape(ending)}</p></body></html>"
    return subject, f"{text}\n\n{ending}\n", html


def _deliver(desk: Desk, outbox: Outbox) -> list[str]:
    for mail in outbox.queued():
        try:
            send(mail, desk.settings, desk.config.secret("AUTOXERO_SMTP_PASSWORD", "smtp-password"))
        except (OSError, smtplib.SMTPException, ValueError) as error:
            reason = in_words(error, desk.settings)
            outbox.refused(mail, reason)
            if connections(desk.ledger)["mail"].get("detail") != reason:
                desk.ledger.log("AX-504 The mail server refused an alert", reason, level="Warning")
            desk.light("mail", stop("AX-504", reason))
            return [f"AX-504 {reason} {CATALOGUE['AX-504'].cure}"]
        outbox.sent(mail)
        desk.light("mail")
        desk.ledger.log("Alert sent", f"{mail.subject} to {desk.settings.alert_people}")
    return []


def send(mail: Mail, settings: Settings, password: str) -> None:
    """Hand a mail over to the mail server.

    Raises:
        OSError, smtplib.SMTPException, ValueError: It was not taken.
    """
    if not settings.mail_server:
        raise ValueError("“Mail server” is blank.")
    if settings.mail_security == "None" and settings.mail_server not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError("“Mail security” may be None only for a mail server on this computer.")
    message = EmailMessage()
    message["Subject"] = mail.subject
    message["From"] = settings.mail_from or settings.mail_user or f"autoxero@{settings.mail_server}"
    message["To"] = settings.alert_people
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    context = ssl.create_default_context()
    is_tls = settings.mail_security == "TLS"
    connect = smtplib.SMTP_SSL if is_tls else smtplib.SMTP
    extra: dict[str, Any] = {"context": context} if is_tls else {}
    with connect(settings.mail_server, settings.mail_port, timeout=_TIMEOUT, **extra) as server:
        if settings.mail_security == "STARTTLS":
            server.starttls(context=context)
        if settings.mail_user:
            server.login(settings.mail_user, password)
        server.send_message(message)


def in_words(error: Exception, settings: Settings) -> str:
    """Why a mail was not taken."""
    server = f"{settings.mail_server}:{settings.mail_port}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{server} refused the user name or password; some providers take app passwords only."
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"{server} answered {error.smtp_code} {words}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"{server} refused the address of {', '.join(error.recipients)}."
    if isinstance(error, ValueError):
        return str(error)
    return f"{server} could not be reached or secured ({type(error).__name__})."
