"""Signing in to Autotask, Xero and the mail server; secrets go to the key store, once they were seen to work."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from datetime import datetime, timedelta

from agent.alerts import in_words, send
from agent.asking import is_called, labels
from agent.autotask.client import Credentials
from agent.desk import Desk
from agent.domain import settings as declared
from agent.domain.books import Organisation
from agent.domain.settings import Settings
from agent.errors import PlainError, StopError, stop
from agent.ledger.outbox import Mail
from agent.rights import Check, rights
from agent.sync import LONGEST_SYNC, one_at_a_time
from agent.verbs import set_value
from agent.wire import NoAnswerError
from agent.xero.browser import PATIENCE, Callback, Page, Question, browse
from agent.xero.client import Xero
from agent.xero.login import CustomConnection, UserSignIn
from agent.xero.models import Connection

Pick = Callable[[Sequence[Connection]], Connection]

_RENEW_AFTER = timedelta(days=1)
_STILL = "AutoXero is still signed in to Xero."
_REMOVE = "In Xero it can be removed under Settings, Connected apps."


# --- Autotask --------------------------------------------------------------------------------------------------------


def connect_autotask(desk: Desk, sign_in: Credentials) -> list[Check]:
    """Sign in to Autotask as its API user.

    Returns:
        What it may do.

    Raises:
        StopError: Autotask refuses the sign-in, or it is another Autotask than before; nothing was changed.
        PlainError: The key store cannot be used.
    """
    keys = desk.config.keys
    keys.read("autotask-secret")  # a key store that cannot be used is told before anything else
    autotask = desk.autotask_as(sign_in)
    try:
        zone = autotask.zone
        autotask.read("ThresholdInformation")
    except StopError as error:
        if error.fault.code in {"AX-301", "AX-302"}:
            detail = f"{error.fault.detail} Nothing was changed. A new API user takes about five minutes to work."
            raise stop(error.fault.code, detail) from None
        raise
    tenant = "" if zone.ci is None else str(zone.ci)
    if tenant and desk.ledger.records():
        desk.ledger.belongs_to("autotask_ci", tenant, "Autotask")
    keys.write("autotask-secret", sign_in.secret)
    keys.write("autotask-integration-code", sign_in.integration_code)
    told = _type(desk, "Autotask user name", desk.settings.autotask_user, sign_in.username)
    desk.autotask = autotask
    desk.ledger.remember(autotask_ci=tenant)
    desk.forget_refusal()
    desk.light("autotask")
    desk.ledger.log("Autotask connected", f"Signed in as {sign_in.username} at {zone.web_url}", who="Person")
    told += _still_set(
        desk,
        {
            "AUTOXERO_AUTOTASK_USERNAME": sign_in.username,
            "AUTOXERO_AUTOTASK_SECRET": sign_in.secret,
            "AUTOXERO_AUTOTASK_INTEGRATION_CODE": sign_in.integration_code,
        },
    )
    good = Check("Autotask", is_good=True, message=f"Signed in as {sign_in.username} at {zone.web_url}.")
    return [good, *(Check("Autotask", is_good=False, message=text) for text in told), *rights(desk)]


# --- Xero ------------------------------------------------------------------------------------------------------------


def connect_xero(
    desk: Desk,
    client_id: str = "",
    organisation: str = "",
    *,
    open_page: Callable[[str], object] = browse,
    pick: Pick | None = None,
) -> list[str]:
    """Sign in to Xero in the user's browser.

    Args:
        desk: What it works with; the address is told through it, and its wires know when to stop.
        client_id: The Xero app; blank takes that of the settings.
        organisation: Which organisation, by name or id; blank takes that of the settings.
        open_page: Opens an address in a browser.
        pick: Chooses one of several organisations; None where nobody can be asked.

    Returns:
        What was done, in sentences.

    Raises:
        PlainError: The sign-in was not finished, or the key store cannot be used; nothing was changed.
        StopError: Xero refuses, or does not reach the organisation; nothing was changed.
        KeyboardInterrupt: The program is to end; nothing was changed.
    """
    client_id = client_id.strip() or _client_id(desk)
    if desk.config.environment.get("AUTOXERO_XERO_CLIENT_SECRET"):
        raise PlainError(
            "The environment variable AUTOXERO_XERO_CLIENT_SECRET is set, so that AutoXero uses a custom connection.",
            "Remove it to sign in as a person, or run “autoxero connect xero --custom”.",
        )
    keys = desk.config.keys
    keys.read("xero-refresh-token")  # a key store that cannot be used is told before anybody signs in
    login = desk.user_sign_in(client_id)
    question = Question(client_id, desk.config.callback_port, desk.login_url)
    with Callback(question) as callback:
        desk.tell(
            f"Sign in to Xero in your browser and choose the organisation. If no page opens, go to this address:\n"
            f"{question.address}\nWaiting {PATIENCE / 60:.0f} minutes; Ctrl+C gives up."
        )
        open_page(question.address)
        code = callback.wait(PATIENCE, is_stopped=login.wire.is_stopped)
        try:
            fresh = login.take(code, question.verifier, question.redirect)
            xero = desk.xero_as(login)
            reached = xero.connections()
            now = [item for item in reached if item.auth_event_id and item.auth_event_id == fresh.auth_event]
            fitting = _fitting(desk, reached, organisation, now)
        except (StopError, PlainError) as error:
            callback.show(Page("You are not signed in", str(error), 400))
            raise
        callback.show(
            Page(
                "You are signed in",
                "Xero lets AutoXero in. You can close this page; the window where you started says what is next.",
            )
        )
    picked = _picked(fitting, pick)
    with one_at_a_time(desk, LONGEST_SYNC):  # a sync under way ends in the organisation in which it began
        _check_before(desk, [picked], organisation)
        found = _organisation(xero, picked)
        login.keep(fresh)
        keys.clear("xero-client-secret")
        return _connected(desk, xero, found, client_id)


def connect_custom(desk: Desk, client_id: str, client_secret: str) -> list[str]:
    """Sign in to Xero as a custom connection: an app that belongs to one organisation.

    Raises:
        PlainError: The key store cannot be used.
        StopError: Xero refuses, or it is another organisation than before; nothing was changed.
    """
    client_id = client_id.strip()
    keys = desk.config.keys
    keys.read("xero-client-secret")
    xero = desk.xero_as(CustomConnection(client_id, client_secret, desk.make_wire(), desk.login_url))
    found = _organisation(xero, _fitting(desk, xero.connections(), "")[0])
    keys.write("xero-client-secret", client_secret)
    keys.clear("xero-refresh-token")
    desk.forget_sign_in()
    told = _still_set(desk, {"AUTOXERO_XERO_CLIENT_SECRET": client_secret})
    return _connected(desk, xero, found, client_id) + told


def disconnect_xero(desk: Desk) -> list[str]:
    """Take the sign-in to Xero back, there and here.

    Returns:
        What was done, in sentences.

    Raises:
        PlainError: The key store cannot be used, or Xero did not let go: then the sign-in was kept.
    """
    keys = desk.config.keys
    told = []
    if not isinstance(desk.xero.login, UserSignIn):
        told = ["The custom connection itself stays until it is ended in Xero, under Settings, Connected apps."]
    elif keys.read("xero-refresh-token"):
        told = _end(desk, desk.xero, desk.xero.login)
    keys.clear("xero-refresh-token")
    keys.clear("xero-client-secret")
    desk.forget_sign_in()
    desk.light("xero", stop("AX-405", "Disconnected."))
    desk.ledger.log("Xero disconnected", "The sign-in was taken back.", who="Person")
    return [
        "AutoXero is no longer signed in to Xero; what was sent stays there.",
        *told,
        *_still_set(desk, {"AUTOXERO_XERO_CLIENT_SECRET": ""}),
    ]


def keep_signed_in(desk: Desk) -> None:
    """Use the sign-in to Xero where no sync has done so for a day, such as while Paused: unused it would end.

    Raises:
        StopError: Xero refuses or does not answer.
    """
    renewed = desk.ledger.fact("xero_renewed")
    if not renewed:
        return
    passed = desk.ledger.now() - datetime.fromisoformat(renewed)
    if not timedelta(0) <= passed <= _RENEW_AFTER:  # or our clock was fast then: nobody knows when that was
        desk.xero.login.token()


def _end(desk: Desk, xero: Xero, login: UserSignIn) -> list[str]:
    """End this organisation's connection; and the person's sign-in, where it reaches no other one.

    Returns:
        What is left to do in Xero, in sentences.

    Raises:
        PlainError: Xero did not let go.
    """
    tenant = desk.ledger.fact("xero_tenant")
    try:
        reached = xero.connections()
        ours = [item for item in reached if item.tenant_id == tenant]
        for item in ours:
            _end_one(xero, login, item)
    except StopError as error:
        if error.fault.code == "AX-405":  # it is good for nothing any more
            return [f"{error.fault.detail} {_REMOVE}"]
        raise PlainError(f"{error.fault.detail} {_STILL}", f"Run it again. {_REMOVE}", error.exit_code) from None
    if len(ours) == len(reached):
        with suppress(StopError):  # it reaches nothing any more
            login.end()
    return [] if ours or not reached else [f"It reached {', '.join(labels(reached))}. {_REMOVE}"]


def _end_one(xero: Xero, login: UserSignIn, item: Connection) -> None:
    url = f"{xero.url.rstrip('/')}/connections/{item.id}"
    try:
        answer = xero.wire.send("DELETE", url, headers={"Authorization": f"Bearer {login.token()}"})
    except NoAnswerError as error:
        raise stop("AX-402", f"Xero did not answer ({error}).") from None
    told = f"Xero answered HTTP {answer.status_code} when it was to end the connection."
    if answer.status_code >= 500 or answer.status_code == 429:
        raise stop("AX-403", told)
    if answer.status_code not in {200, 204, 404}:  # 404: it is ended already
        raise PlainError(f"{told} {_STILL}", _REMOVE)


def _client_id(desk: Desk) -> str:
    found = _client_id_or(desk, desk.settings)
    if not found:
        raise PlainError(
            "The client ID of your Xero app is missing.",
            "Give it with --client-id, or type it under “Xero client ID” on the sheet Settings.",
        )
    return found


def _fitting(
    desk: Desk, reached: Sequence[Connection], organisation: str, now: Sequence[Connection] = ()
) -> Sequence[Connection]:
    """The organisations that may be meant: the one named, else the one known, else all that are reached.

    As long as nothing was sent, what a person chose on Xero's page just now counts before what was chosen earlier.

    Args:
        desk: What it works with.
        reached: All that the sign-in reaches; Xero keeps those of earlier consents.
        organisation: The one named with the command; blank where none was.
        now: Those that were chosen in this consent.

    Raises:
        StopError: None of them may.
    """
    wanted = organisation.strip() or desk.settings.organisation
    names = ", ".join(labels(reached)) or "none"
    named = [item for item in reached if not wanted or is_called(item, wanted)]
    if not named:
        raise stop("AX-406", f"This sign-in reaches these Xero organisations: {names}; not {wanted}.")
    if now and not organisation.strip() and not _has_sent(desk):
        named = [item for item in named if item in now] or [*now]
    return _check_before(desk, named, organisation)


def _check_before(desk: Desk, named: Sequence[Connection], organisation: str) -> Sequence[Connection]:
    """Of the organisations that may be meant the one that the ledger knows; all where it knows none of them.

    Raises:
        StopError: Invoices were sent to another one.
    """
    known = desk.ledger.fact("xero_tenant") if _has_sent(desk) or not organisation else ""
    same = [item for item in named if item.tenant_id == known]
    if not same and known and _has_sent(desk):
        before = desk.ledger.fact("organisation") or known
        raise stop("AX-406", f"Invoices were sent to {before}; this sign-in reaches {', '.join(labels(named))}.")
    return same or named


def _has_sent(desk: Desk) -> bool:
    return any(record.xero_id is not None or record.is_in_flight for record in desk.ledger.records().values())


def _picked(fitting: Sequence[Connection], pick: Pick | None) -> Connection:
    if len(fitting) == 1:
        return fitting[0]
    if pick is None:
        raise PlainError(
            f"This sign-in reaches several Xero organisations: {', '.join(labels(fitting))}.",
            "Type one under “Xero organisation” on the sheet Settings, or give its name or id with --organisation, and "
            "try again.",
        )
    return pick(fitting)


def _organisation(xero: Xero, chosen: Connection) -> Organisation:
    """The organisation as Xero has it; read before anything is kept, for Xero may not answer."""
    xero.tenant_id = chosen.tenant_id
    return xero.organisation()


def _connected(desk: Desk, xero: Xero, organisation: Organisation, client_id: str) -> list[str]:
    """Remember organisation and app."""
    ledger = desk.ledger
    if ledger.fact("xero_tenant") != organisation.tenant_id:
        ledger.remember(xero_tenant=organisation.tenant_id, books="", books_at="", lists="")  # nothing was sent before
    ledger.remember(organisation=organisation.name, base_currency=organisation.base_currency)
    settings = desk.settings
    told = []
    if settings.organisation and settings.organisation.casefold() != organisation.name.casefold():
        told = [f"“Xero organisation” said {settings.organisation}; nothing was sent there, so this one counts now."]
    told += _type(desk, "Xero client ID", _client_id_or(desk, settings), client_id)
    told += _type(desk, "Xero organisation", settings.organisation, organisation.name)
    desk.xero = xero
    desk.light("xero")
    ledger.log("Xero connected", organisation.name, who="Person")
    return [f"Signed in to Xero: {organisation.name}, books in {organisation.base_currency}.", *told]


def _client_id_or(desk: Desk, settings: Settings) -> str:
    """The client ID as it is now: where the environment gives it, the sheet need not."""
    return desk.config.environment.get("AUTOXERO_XERO_CLIENT_ID", "").strip() or settings.xero_client_id


# --- mail ------------------------------------------------------------------------------------------------------------


def connect_mail(desk: Desk, typed: Mapping[str, str], password: str) -> list[str]:
    """Send a test mail, and keep the mail server's settings and password if it was taken.

    Args:
        desk: What it works with.
        typed: Settings by name, as a person types them.
        password: Of the mail user; blank where there is none.

    Raises:
        StopError: The mail server did not take the mail, or not for everybody; nothing was changed.
        PlainError: A setting cannot be so, or the key store cannot be used.
    """
    settings = _with(desk.settings, typed)
    if not settings.alert_people:
        raise PlainError("It is not said who is to get alerts.", "Give their addresses with --to.")
    if settings.mail_user:
        desk.config.keys.read("smtp-password")
    try:
        if refused := send(_test_mail(desk), settings, password):
            raise smtplib.SMTPRecipientsRefused(refused)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise stop("AX-504", f"{in_words(error, settings, password)} Nothing was changed.") from None
    if settings.mail_user:
        desk.config.keys.write("smtp-password", password)
    before = desk.settings
    told = [
        line
        for name, value in typed.items()
        for line in _type(desk, name, _text_of(before, name), _text_of(settings, name) or value)
    ]
    desk.light("mail")
    told += _still_set(desk, {"AUTOXERO_SMTP_PASSWORD": password})
    return [f"A test mail is on its way to {settings.alert_people}: look whether it arrives.", *told]


def _test_mail(desk: Desk) -> Mail:
    name = desk.ledger.fact("organisation") or "not connected yet"
    text = "This is a test. AutoXero can send mail: alerts about invoices will come to this address."
    return Mail(0, f"AutoXero, {name}: a test", f"{text}\n", f"<html><body><p>{text}</p></body></html>")


def _with(settings: Settings, typed: Mapping[str, str]) -> Settings:
    try:
        values = {_field(name): declared.read_value(declared.find(name), value) for name, value in typed.items()}
    except declared.NotReadableError as error:
        raise PlainError(str(error), "Nothing was changed.") from error
    return replace(settings, **{name: "" if value is None else value for name, value in values.items()})  # type: ignore[arg-type]


def _field(name: str) -> str:
    return next(item.name for item in fields(Settings) if item.metadata["setting"].name == name)


def _text_of(settings: Settings, name: str) -> str:
    return str(getattr(settings, _field(name)))


# --- shared ----------------------------------------------------------------------------------------------------------


def _type(desk: Desk, name: str, before: str, value: str) -> list[str]:
    """Type a setting into the workbook where it differs; told is what the person has to type instead."""
    if before == value:
        return []
    try:
        set_value(desk, name, value)
    except PlainError as error:
        return [f"Type “{value}” under “{name}” on the sheet Settings. {error.message}"]
    vars(desk).pop("reading", None)  # it is read anew
    return []


def _still_set(desk: Desk, given: Mapping[str, str]) -> list[str]:
    """Which variables of the environment win over what was given now."""
    names = [name for name, value in given.items() if desk.config.environment.get(name, value) not in {"", value}]
    if not names:
        return []
    verb = "is" if len(names) == 1 else "are"
    return [f"{', '.join(names)} {verb} set in the environment and counts before what was given now: remove it there."]
