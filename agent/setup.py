"""The guided setup: from nothing to the first invoices in Xero, step by step, all by the verbs that everybody uses.

What is done is remembered after every step: it can be left at any point and taken up again where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from agent.answers import Question, refuse, yes
from agent.asking import is_called, labels
from agent.autotask.client import Credentials
from agent.checks import as_text
from agent.choosing import accounts, contacts, taxes
from agent.connect import connect_autotask, connect_custom, connect_xero
from agent.errors import PlainError, StopError
from agent.firstsends import drafts, live, look_up, preview
from agent.guide import FACT, Guide, State
from agent.install import plan_install, plan_workbook
from agent.rights import Check, rights
from agent.steps import carry_out
from agent.template import refuse_template
from agent.xero.models import Connection

_GIVEN_AUTOTASK = ("AUTOXERO_AUTOTASK_USERNAME", "AUTOXERO_AUTOTASK_SECRET", "AUTOXERO_AUTOTASK_INTEGRATION_CODE")
_GIVEN_XERO = ("AUTOXERO_XERO_CLIENT_ID", "AUTOXERO_XERO_CLIENT_SECRET")


def set_up(guide: Guide, wanted: Path | None = None, *, again: bool = False) -> None:
    """Go through all steps that are not done yet.

    Args:
        guide: Whom it asks, and what it works with.
        wanted: The workbook, or the folder for it.
        again: Ask everything again.

    Raises:
        PlainError, StopError: It cannot go on now; what is done is kept.
        KeyboardInterrupt: The person left; what is done is kept.
    """
    kept = "" if again else guide.desk.ledger.fact(FACT)
    guide.state = msgspec.json.decode(kept, type=State) if kept else State()
    if wanted is not None and not _is_here(guide, wanted):
        guide.state.done.pop("workbook", None)
    elif guide.state.done.get("workbook"):
        guide.desk.workbook = Path(guide.desk.ledger.fact("workbook_path"))
    guide.wanted = wanted
    guide.say("Ctrl+C leaves at any point; “autoxero setup” goes on where you were. Enter takes what is in brackets.")
    for number, (name, title, act) in enumerate(_STEPS, 1):
        head = f"{number}/{len(_STEPS)} {title}"
        if (told := _told(guide, name)) and not guide.talk.table(_TABLES.get(name, "")):
            guide.say(f"{head}: {told}")
            continue
        guide.say(f"\n{head}")
        _keep(guide, name, act(guide))
    guide.say("\nThe setup is done. “autoxero status” shows how things are, the workbook's sheet Help what to do when.")


def _told(guide: Guide, name: str) -> str:
    """How a step that is done went; blank where it is to be gone through."""
    is_over = name in _BY_INVOICES and "live" in guide.state.done
    return guide.state.done.get(name, "There was no invoice to go by." if is_over else "")


def _keep(guide: Guide, name: str, told: str) -> None:
    """Remember a step; one that had no invoice to go by is asked again, until it is live."""
    if name not in _BY_INVOICES or any(row["status"] != "Skipped" for row in guide.desk.ledger.rows()):
        guide.state.done[name] = told
        guide.save()
    guide.say(f"  {told}")


def _is_here(guide: Guide, wanted: Path) -> bool:
    known = guide.desk.ledger.fact("workbook_path")
    return bool(known) and wanted.expanduser().absolute() in {Path(known), Path(known).parent}


def workbook(guide: Guide) -> str:
    """Put a copy of the workbook in its place and wire its buttons."""
    office = guide.office()
    known = guide.desk.ledger.fact("workbook_path")
    wanted = guide.wanted
    if wanted is None and not known:
        usual = str(plan_workbook(office, None).facts["workbook"])
        help_text = "A folder or a file name. Your own disk is best; a folder that OneDrive syncs works, too."
        wanted = Path(guide.talk.ask(Question("workbook", "Where is the workbook to be?", usual, help_text)))
    plan = plan_workbook(office, wanted)
    refuse_template(Path(plan.facts["workbook"]))
    for text in carry_out(plan, lambda _text: None).notes:
        guide.say(f"  {text}")
    guide.desk.workbook = Path(plan.facts["workbook"])
    guide.fresh()
    return str(guide.desk.workbook)


def autotask(guide: Guide) -> str:
    """Sign in to Autotask, and look at the user's rights."""
    environment = guide.desk.config.environment
    if all(environment.get(name) for name in _GIVEN_AUTOTASK):
        guide.desk.forget_refusal()
        guide.desk.reach_autotask()
        checks = rights(guide.desk)
    else:
        checks = _tried(guide, partial(_sign_in_to_autotask, guide))
    guide.desk.light("autotask")
    _show(guide, [check for check in checks if check.light != "good"])
    return f"Signed in at {guide.desk.autotask.zone.web_url}"


def _sign_in_to_autotask(guide: Guide) -> list[Check]:
    given, talk = guide.desk.config.environment.get, guide.talk
    text = "The API user's name in Autotask; docs/forward-to-autotask-admin.md says how to make one."
    default = given("AUTOXERO_AUTOTASK_USERNAME") or guide.desk.settings.autotask_user
    user = talk.ask(Question("autotask_user", "Autotask user name?", default, text))
    secret = talk.secret("autotask_secret", "Autotask secret", given("AUTOXERO_AUTOTASK_SECRET", ""))
    known = given("AUTOXERO_AUTOTASK_INTEGRATION_CODE", "")
    code = talk.secret("autotask_integration_code", "Autotask integration code", known)
    checks = connect_autotask(guide.desk, Credentials(user, secret, code))
    guide.fresh()
    return checks


def _tried(guide: Guide, act: Callable[[], list[Check]]) -> list[Check]:
    """What a sign-in gives; one that is refused is asked for again."""
    while True:
        try:
            return act()
        except (PlainError, StopError) as error:
            plain = error if isinstance(error, PlainError) else None
            words = f"{error.fault.title}: {error.fault.detail}" if isinstance(error, StopError) else ""
            if isinstance(error, StopError) and not guide.talk.asks_again:
                raise
            refuse(guide.talk, plain or PlainError(words, "Try again, or leave with Ctrl+C."))


def _show(guide: Guide, checks: Iterable[Check]) -> None:
    for check in checks:
        guide.say("  " + as_text(check).replace("\n", "\n  "))


def xero(guide: Guide) -> str:
    """Sign in to Xero and settle which organisation it is."""
    environment = guide.desk.config.environment
    if not all(environment.get(name) for name in _GIVEN_XERO):
        _tried(guide, partial(_sign_in_to_xero, guide))
    elif not (guide.desk.settings.organisation or guide.desk.ledger.fact("xero_tenant")):
        chosen = _pick(guide, guide.desk.xero.connections())
        guide.put("Xero organisation", chosen.tenant_name)
    organisation = guide.desk.reach_xero()
    if guide.desk.settings.organisation != organisation.name:
        guide.put("Xero organisation", organisation.name)  # from now on another one is refused
    guide.desk.light("xero")
    locked = f", closed until {organisation.locked_until}" if organisation.locked_until else ""
    return f"{organisation.name}, books in {organisation.base_currency}{locked}"


def _sign_in_to_xero(guide: Guide) -> list[Check]:
    given, talk = guide.desk.config.environment.get, guide.talk
    text = "The client ID of your own Xero app; docs/forward-to-bookkeeper.md says how to make one."
    default = given("AUTOXERO_XERO_CLIENT_ID") or guide.desk.settings.xero_client_id
    client = talk.ask(Question("xero_client_id", "Xero client ID?", default, text))
    text = "“browser”: you sign in on Xero's own page. “custom”: the app is a custom connection and has a secret."
    kind = Question("xero_sign_in", "Which kind of sign-in?", "browser", text)
    if guide.ask_until(kind, _kind_of_sign_in) == "custom":
        secret = talk.secret("xero_client_secret", "Xero client secret", given("AUTOXERO_XERO_CLIENT_SECRET", ""))
        told = connect_custom(guide.desk, client, secret)
    else:
        told = connect_xero(guide.desk, client, open_page=guide.open_page, pick=partial(_pick, guide))
    guide.fresh()
    for sentence in told:
        guide.say(f"  {sentence}")
    return []


def _kind_of_sign_in(answer: str) -> str:
    if (kind := answer.casefold()) not in {"browser", "custom"}:
        raise PlainError(f"“{answer}” is no kind of sign-in.", "Type browser or custom.")
    return kind


def _pick(guide: Guide, found: Sequence[Connection]) -> Connection:
    """Which organisation of several."""
    if len(found) == 1:
        return found[0]
    names = ", ".join(labels(found))
    question = Question("organisation", f"Which organisation ({names})?", "", "Invoices go to this one only.")
    picked: list[Connection] = []

    def take(answer: str) -> str:
        picked[:] = [item for item in found if is_called(item, answer)]
        if not picked:
            raise PlainError(f"This sign-in does not reach “{answer}”.", "Type the name as it stands in Xero.")
        if len(picked) > 1:
            raise PlainError(f"{len(picked)} organisations are called “{answer}”.", "Type the id of the one you mean.")
        return answer

    guide.ask_until(question, take)
    return picked[0]


def start(guide: Guide) -> str:
    """Settle from which day on invoices are AutoXero's."""
    first = guide.desk.ledger.now().astimezone().date().replace(day=1)
    now = guide.desk.settings.start_date
    text = (
        "Invoices dated on or after this day are AutoXero's; earlier ones are never sent. The usual choice is the "
        "first day of the month in which it takes over."
    )
    question = Question("start_date", "From which date on?", (now or first).isoformat(), text)
    guide.ask_until(question, lambda answer: guide.put("Start date", answer))
    return f"From {guide.desk.settings.start_date} on"


def start_up(guide: Guide) -> str:
    """Offer to start the agent at log-on."""
    passing = [name for name in (*_GIVEN_AUTOTASK, *_GIVEN_XERO) if guide.desk.config.environment.get(name)]
    usual = "no" if passing or not guide.talk.asks_again else "yes"
    text = "yes: the agent starts now and whenever you log on. no: “autoxero run” in a window does the same work."
    if not yes(guide.talk, Question("start_at_log_on", "Start the agent with this computer?", usual, text)):
        return "The agent is started by hand: “autoxero run”. “autoxero install” changes that."
    plan = plan_install(guide.office(), guide.desk.workbook)
    for warning in plan.warnings:
        guide.say(f"  {warning}")
    carry_out(plan, lambda done: guide.say(f"  {done}"))
    return "The agent starts at log-on"


_STEPS: tuple[tuple[str, str, Callable[[Guide], str]], ...] = (
    ("workbook", "The workbook", workbook),
    ("autotask", "Autotask", autotask),
    ("xero", "Xero", xero),
    ("start", "The first day", start),
    ("accounts", "Accounts", accounts),
    ("taxes", "Tax rates", taxes),
    ("contacts", "Contacts", contacts),
    ("look_up", "What is in Xero already", look_up),
    ("preview", "Preview", preview),
    ("drafts", "The first drafts", drafts),
    ("live", "Going live", live),
    ("start_up", "The start at log-on", start_up),
)
"""The steps in their order: under what they are remembered, their titles, and what they do."""
_BY_INVOICES = frozenset({"accounts", "taxes", "contacts", "look_up", "preview", "drafts"})
"""The steps that go by the invoices on hand."""
_TABLES = {"accounts": "account", "taxes": "tax", "contacts": "contact"}
"""Where a file of answers gives single rows, the step that carries them out is gone through each time."""
