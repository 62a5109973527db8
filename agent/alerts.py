"""Who is mailed about what, and when: the first new fault at once, then one mail within the time of the setting.

A mail gathers all that is new, with names, causes and cures. What the mail server does not take is kept and tried
again with the next run.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from html import escape
from typing import Any

from agent.desk import Desk
from agent.domain.faults import CATALOGUE
from agent.domain.hidden import without
from agent.domain.settings import Settings
from agent.errors import PlainError, stop
from agent.ledger.outbox import Mail, Outbox
from agent.overview import connections, sign_in_warning
from agent.views import total_of

_LONG = timedelta(hours=24)
"""How long an invoice may wait, and syncs may fail, before people are told."""
_NEEDS_A_PERSON = frozenset({"AX-111", "AX-201", "AX-505"})
"""What waits for a person from the start."""
_SIGN_INS = frozenset({"AX-301", "AX-302", "AX-401", "AX-405", "AX-406"})
_TIMEOUT = 30.0
_TAKEN, _FORWARDED = 250, 251
"""What a mail server answers where it takes an address."""
Refused = dict[str, tuple[int, bytes]]
"""Addresses that a mail server does not take, each with its code and words."""
_RELAY = "or take a mail server for programs: your provider's relay, or a mail-sending service."
_NO_PASSWORDS = f"no longer takes passwords from programs. Ask your administrator whether that may be allowed, {_RELAY}"
_FOR_GOOD = 500
"""From this code on a mail server's no is no passing trouble."""
_REFUSALS = {
    r"credentials were incorrect": (
        "says that the user name or the password is wrong. The user name is the whole address; give both again with "
        "“autoxero connect mail”. With two-step sign-in an ordinary password never works: then an app password does."
    ),
    r"SmtpClientAuth\w* is disabled for the mailbox": (
        "does not let programs send from this mailbox. Let your administrator switch on “Authenticated SMTP” for it "
        f"(Microsoft 365 admin center, the user, Mail, Manage email apps), {_RELAY}"
    ),
    r"SmtpClientAuth\w* is disabled for the tenant": (
        "does not let programs send from any mailbox of your organisation. Let your administrator switch SMTP AUTH on "
        f"(Exchange admin center, Settings, Mail flow), {_RELAY}"
    ),
    r"security defaults|did not meet the criteria": (
        "keeps programs out by your organisation's security rules. Let your administrator except this mailbox "
        f"(Microsoft Entra, security defaults or Conditional Access), {_RELAY}"
    ),
    r"basic authentication is (?:disabled|not supported|no longer supported)|5\.7\.30\b|\boauth": (_NO_PASSWORDS),
    r"5\.7\.4\b|unrecognized authentication type": (
        "takes no user name and password on such a line. Where “Mail security” is None, choose STARTTLS or TLS; else "
        f"ask your administrator whether passwords may be allowed, {_RELAY}"
    ),
    r"5\.7\.9\b|application-specific password|app password": (
        "takes no ordinary password. Make an app password in the mailbox's account, under security, and give that one "
        "to “autoxero connect mail”."
    ),
    r"5\.7\.14\b|log in (?:via|with) your web browser": (
        "wants to see a person first. Sign in to the mailbox in a browser once, confirm what it asks, and try again; "
        "or make an app password there, under security."
    ),
    r"5\.7\.139\b|5\.7\.57\b": (
        f"does not let programs in as they are. Ask your administrator about SMTP AUTH for this mailbox, {_RELAY}"
    ),
}
"""What providers say when they refuse a sign-in, the plainest first, and what it means."""


@dataclass(frozen=True)
class News:
    """One thing to tell.

    Attributes:
        key: By which it is known that it was told.
        title: What happened, with code and name.
        cause: Why.
        detail: The facts of the case.
        cure: What to do now.
        is_for_preview: It is told although nothing is sent.
    """

    key: str
    title: str
    cause: str
    detail: str
    cure: str
    is_for_preview: bool = False


def alert(desk: Desk, *, is_dry: bool = False) -> list[str]:
    """Tell people what is new, if it is time to; and try again what was not taken.

    In Preview and after a dry run nobody is mailed about invoices and runs. That the sign-in to Xero draws to its end
    is told all the same: it is the agent's, and going live would begin with the search for whoever may sign in.

    Returns:
        What went wrong, in words.
    """
    settings = desk.settings
    is_live = settings.sync_mode == "Live" and not is_dry
    if not settings.alert_people:
        return []
    outbox = Outbox(desk.ledger)
    now = desk.ledger.now()
    news = gather(desk, now)
    known = outbox.told()
    outbox.forget(known - {item.key for item in news})
    fresh = [item for item in news if item.key not in known and (is_live or item.is_for_preview)]
    last = outbox.last_made()
    is_early = last is not None and last <= now < last + timedelta(minutes=settings.alert_within)
    if fresh and not is_early:  # of a mail dated ahead nobody knows when it was made: our clock was fast then
        subject, text, html = compose(fresh, desk.ledger.fact("organisation"))
        outbox.put(subject, text, html, [item.key for item in fresh])
    return _deliver(desk, outbox)


def gather(desk: Desk, now: datetime) -> list[News]:
    """All that people should know as things stand."""
    news = [item for row in desk.ledger.rows() if (item := _of_invoice(row, now))]
    for system, light in connections(desk.ledger).items():
        if light.get("code") in _SIGN_INS:
            news.append(_of_fault(f"{system} {light['code']}", light["code"], light["detail"]))
    if ending := sign_in_warning(desk.ledger):
        cause = "A person's sign-in to Xero holds for 60 days after it was last used."
        cure = ending.cure + (" If that does not help, run “autoxero connect xero”." if ending.days else "")
        title = f"The Xero sign-in {'ends soon' if ending.days else 'has ended'}"
        news.append(News(f"xero sign-in {ending.days}", title, cause, ending.words, cure, is_for_preview=True))
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
    problems: list[str] = []
    for mail in outbox.queued():
        password = ""
        try:
            password = mail_password(desk)
            refused = send(mail, desk.settings, password)
        except (OSError, smtplib.SMTPException, ValueError, PlainError) as error:
            reason = str(error) if isinstance(error, PlainError) else in_words(error, desk.settings, password)
            outbox.refused(mail, reason)
            return [_refused(desk, reason)]
        later = [address for address, (code, _) in refused.items() if code < _FOR_GOOD]
        outbox.sent(mail, later)
        if got := [address for address in mail.left or _people(desk.settings) if address not in refused]:
            desk.ledger.log("Alert sent", f"{mail.subject} to {', '.join(got)}")
        if refused:
            again = f" For {', '.join(later)} it is tried again with the next sync." if later else ""
            reason = in_words(smtplib.SMTPRecipientsRefused(refused), desk.settings)
            problems = [_refused(desk, f"{reason} The others got the mail.{again}")]
        else:
            desk.light("mail")
            problems = []
    return problems


def _refused(desk: Desk, reason: str) -> str:
    """Show that a mail, or one of those who were to get it, was refused; gives the words for it."""
    if connections(desk.ledger)["mail"].get("detail") != reason:
        desk.ledger.log("AX-504 The mail server refused an alert", reason, level="Warning")
    desk.light("mail", stop("AX-504", reason))
    return f"AX-504 {reason} {CATALOGUE['AX-504'].cure}"


def mail_password(desk: Desk) -> str:
    """The password of the mail server; blank where no user is set.

    Raises:
        PlainError: The key store cannot be used.
    """
    return desk.config.secret("AUTOXERO_SMTP_PASSWORD", "smtp-password") if desk.settings.mail_user else ""


def send(mail: Mail, settings: Settings, password: str) -> Refused:
    """Hand a mail over to the mail server.

    Returns:
        Who does not get it although others do, or did before.

    Raises:
        OSError, smtplib.SMTPException, ValueError: It was not taken for anybody.
    """
    message = EmailMessage()
    message["Subject"] = mail.subject
    message["From"] = _sender(settings)
    message["To"] = settings.alert_people
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    with signed_in(settings, password) as server:
        try:
            return server.send_message(message, to_addrs=mail.left or _people(settings))
        except smtplib.SMTPRecipientsRefused as error:
            if not mail.left:
                raise
            return error.recipients


def _people(settings: Settings) -> list[str]:
    """The addresses of those to be told."""
    return [address for _, address in getaddresses([settings.alert_people])]


def _sender(settings: Settings) -> str:
    return settings.mail_from or settings.mail_user or f"autoxero@{settings.mail_server}"


def turned_away(server: smtplib.SMTP, settings: Settings) -> Refused:
    """Who of those to be told would not get a mail; the server is asked, and none is sent.

    Raises:
        OSError, smtplib.SMTPException, ValueError: It takes no mail from this sender.
    """
    server.ehlo_or_helo_if_needed()
    sender, people = parseaddr(_sender(settings))[1], _people(settings)
    is_plain = "".join([sender, *people]).isascii()
    code, words = server.mail(sender, () if is_plain else ("SMTPUTF8",))
    if code != _TAKEN:
        raise smtplib.SMTPResponseException(code, words)
    answers = {address: server.rcpt(address) for address in people}
    server.rset()
    return {address: answer for address, answer in answers.items() if answer[0] not in {_TAKEN, _FORWARDED}}


@contextmanager
def signed_in(settings: Settings, password: str) -> Iterator[smtplib.SMTP]:
    """The mail server of the settings, secured and signed in.

    Raises:
        OSError, smtplib.SMTPException, ValueError: It cannot be used so.
    """
    if not settings.mail_server:
        raise ValueError("“Mail server” is blank.")
    if settings.mail_security == "None" and settings.mail_server not in {"127.0.0.1", "localhost", "::1"}:
        raise ValueError("“Mail security” may be None only for a mail server on this computer.")
    context = ssl.create_default_context()
    is_tls = settings.mail_security == "TLS"
    connect = smtplib.SMTP_SSL if is_tls else smtplib.SMTP
    extra: dict[str, Any] = {"context": context} if is_tls else {}
    with connect(settings.mail_server, settings.mail_port, timeout=_TIMEOUT, **extra) as server:
        if settings.mail_security == "STARTTLS":
            server.starttls(context=context)
        if settings.mail_user:
            server.login(settings.mail_user, password)
        yield server


def in_words(error: Exception, settings: Settings, password: str = "") -> str:  # noqa: PLR0911 - a row for each kind
    """Why a mail was not taken; the password is left out should the server quote it."""
    server = f"{settings.mail_server}:{settings.mail_port}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{server} {_answered(error, settings, password)}"
    if isinstance(error, smtplib.SMTPNotSupportedError) and "SMTPUTF8" in str(error):
        odd = [address for address in (_sender(settings), *_people(settings)) if not address.isascii()]
        return f"{server} takes addresses of plain letters and digits only, not {', '.join(odd)}; give another address."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"{server} takes no user name and password on this port; try port 587 with STARTTLS, or 465 with TLS."
    if isinstance(error, UnicodeError):
        return _unwritable(settings, password)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        told = [f"{who} ({code} {_text(words)})" for who, (code, words) in error.recipients.items()]
        return f"{server} refused the address of {', '.join(told)}."
    if type(error) is smtplib.SMTPException and "authentication method" in str(error):
        return f"{server} {_NO_PASSWORDS}"
    if isinstance(error, ValueError):
        return str(error)
    return f"{server} could not be reached or secured ({type(error).__name__})."


def _unwritable(settings: Settings, password: str) -> str:
    """Which of what is sent to sign in has characters beyond the plain ones."""
    if not password.isascii():
        return "The mail password has characters that mail servers do not take; choose one of plain letters and digits."
    name = "Mail server" if settings.mail_user.isascii() else "Mail user"
    return f"“{name}” has characters that mail servers do not take; give it as your provider writes it."


def _answered(error: smtplib.SMTPResponseException, settings: Settings, password: str) -> str:
    """What a mail server's refusal means; where that is not known, its own words."""
    words = _text(error.smtp_error)
    if known := _refused_sign_in(f"{error.smtp_code} {words}"):
        return known
    if isinstance(error, smtplib.SMTPAuthenticationError):
        if error.smtp_code < _FOR_GOOD:
            return f"could not check the user name and password just now ({error.smtp_code}); try again later."
        return "refused the user name or password; some providers take app passwords only."
    for form in (password, f"\0{settings.mail_user}\0{password}") if password else ():
        words = without(words, (form, b64encode(form.encode()).decode()))
    return f"answered {error.smtp_code} {words}"


def _text(said: bytes | str) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else said


def _refused_sign_in(said: str) -> str:
    """Why a provider refused the user, and what to do; blank where its words are not known."""
    found = next((words for pattern, words in _REFUSALS.items() if re.search(pattern, said, re.IGNORECASE)), "")
    code = re.match(r"\d{3}[ -]\d\.\d+\.\d+", said)
    return f"{found} ({code[0]})" if found and code else found
