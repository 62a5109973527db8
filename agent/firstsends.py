"""The setup's last steps: what is in Xero already, the preview, a few drafts to be looked at, and going live."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from agent import verbs
from agent.answers import Question, yes
from agent.autotask.models import instant
from agent.domain.document import DocumentKind
from agent.domain.faults import CATALOGUE
from agent.domain.invoice import AutotaskId
from agent.domain.money import ZERO
from agent.domain.plan import Limits
from agent.domain.preview import Preview
from agent.domain.record import Record
from agent.domain.text import counted
from agent.errors import PlainError
from agent.guide import Guide, left, named
from agent.sync import sync
from agent.views import sums

_SIGNS: Mapping[DocumentKind, int] = {"Invoice": 1, "Credit note": -1}
_ACTIONS = {
    "Wait": "wait",
    "Skip": "are skipped",
    "Fault": "cannot be sent",
    "Keep": "are left as they are",
    "Take over": "in Xero already, sent by AutoXero before",
}


def look_up(guide: Guide) -> str:
    """Look for every invoice in Xero before anything is sent."""
    guide.preview()
    groups: defaultdict[str, list[Preview]] = defaultdict(list)
    for row in guide.desk.ledger.previews():
        groups["marked" if row.code == "AX-111" else row.verdict].append(row)
    absent, equal = groups["absent"], [row.autotask_id for row in groups["equal"]]
    for title, group in (
        ("not in Xero: they are sent when you say so", absent),
        ("in Xero, equal to the cent: nothing is sent", groups["equal"]),
        ("in Xero, sent by AutoXero before: they are taken over by themselves", groups["ours"]),
        ("in Xero under their number, but over another sum: AX-201 says what to do", groups["similar"]),
        ("another document has their number: AX-201 says what to do", groups["different"]),
        ("marked as sent in Autotask, but not found in Xero: they wait as AX-111", groups["marked"]),
    ):  # fmt: skip
        if group or group is absent:
            names = named([row.number for row in group])
            guide.say(f"  {len(group):>5}  {title}{': ' + names if names else ''}")
    declined = [row.autotask_id for row in groups["similar"]]
    if equal:
        text = "yes: AutoXero takes these documents for theirs and follows them. no: they wait, and nothing is sent."
        if not yes(guide.talk, Question("take_over", f"Take over these {len(equal)}?", "yes", text)):
            declined, equal = equal + declined, []
    guide.state.take_over, guide.state.declined = equal, declined
    return f"{len(absent)} to be sent, {len(equal)} to be taken over"


def _marked(guide: Guide, ids: Sequence[AutotaskId]) -> set[AutotaskId]:
    """Those of which Autotask says that they were sent, though not by us."""
    ours = guide.desk.ledger.marked_by_us()
    said = [row for row in guide.headers(ids) if instant(row.web_service_date) is not None]
    return {AutotaskId(row.id) for row in said} - ours


def preview(guide: Guide) -> str:
    """Show what would be sent."""
    rows = guide.desk.ledger.previews()
    guide.say(f"  What would be sent, in {guide.desk.settings.invoice_status.lower()} state:")
    documents = [row.document for row in rows if row.document is not None and row.action == "Send"]
    for currency in sorted({document.currency for document in documents}):
        some = [document for document in documents if document.currency == currency]
        net = sum((_SIGNS[item.kind] * item.expected.net for item in some), ZERO)
        tax = sum((_SIGNS[item.kind] * item.expected.tax for item in some), ZERO)
        guide.say(f"    {len(some):>5}  {currency} {net:,.2f} + tax {tax:,.2f} = {net + tax:,.2f}")
    stops = Counter(row.code or row.action for row in rows if row.action != "Send")
    for code, count in stops.most_common():
        title = f"{code} {CATALOGUE[code].short_title}" if code in CATALOGUE else _ACTIONS.get(code, code)
        guide.say(f"    {count:>5}  {title}")
    text = "The sheet Preview shows each of them with its lines. no: leave now; go on with “autoxero setup” later."
    guide.go_on(Question("preview", "Does that look right?", "yes", text))
    return f"{counted(len(documents), 'invoice')} would be sent, {sum(stops.values())} not yet"


def drafts(guide: Guide) -> str:
    """Send a few as drafts, to be looked at in Xero."""
    state, ledger = guide.state, guide.desk.ledger
    _let_go(guide)
    guide.preview()
    if not state.drafts:
        ready = [row.autotask_id for row in ledger.previews() if row.action == "Send"]
        held = [AutotaskId(row["autotask_id"]) for row in _rest(guide)]  # where an earlier live run left them
        free = list(dict.fromkeys(ready + held))
        state.drafts = free[: _how_many(guide, len(free))]
        guide.save()
    known = ledger.records()
    few, taken = ([item for item in group if _is_open(known, item)] for group in (state.drafts, state.take_over))
    if few or taken:
        _try_out(guide, few, taken)
    rows = {row["autotask_id"]: row for row in ledger.rows()}
    sent = [rows[item] for item in state.drafts if rows[item]["xero_id"]]
    if state.drafts and not sent:
        state.drafts = []
        guide.save()
        raise PlainError(
            "None of them has arrived in Xero, so it is too early to go live.",
            "The sheet Faults says why, and what to do. Then “autoxero setup” goes on from here.",
        )
    for row in sent:
        guide.say(f"  {row['xero_number']}  {row['xero_contact']}  {row['currency']} {row['xero_total']:,.2f}")
    if sent:
        text = "Look at them in Xero: they are drafts, and can be deleted there. no: leave, mend, and come back."
        question = Question("drafts_are_right", "Are they as they should be?", "no", text, must=True)
        if not yes(guide.talk, question):
            state.rejected, state.drafts = state.rejected + state.drafts, []  # others are sent the next time
            guide.save()
            raise left()
    return f"{counted(len(sent), 'invoice')} sent as drafts, {len(taken)} taken over"


def _is_open(known: Mapping[AutotaskId, Record], item: AutotaskId) -> bool:
    return known.get(item, Record(item)).xero_id is None


def _let_go(guide: Guide) -> None:
    """Drafts that were not right, and that the person deleted in Xero since, may be sent anew."""
    ledger = guide.desk.ledger
    rows = {row["autotask_id"]: row for row in ledger.rows()}
    gone = []
    if guide.state.rejected:
        guide.desk.reach_xero()
    for item in guide.state.rejected:
        row = rows[item]
        if row["xero_id"] and not guide.desk.xero.one(row["xero_kind"], row["xero_id"]).is_live:
            gone.append(item)
    if gone:
        ledger.release(gone)
        guide.say(f"  {named([rows[item]['number'] for item in gone])}: deleted in Xero, so sent anew with the others.")
    guide.state.rejected = [item for item in guide.state.rejected if item not in gone]
    guide.save()


def _how_many(guide: Guide, most: int) -> int:
    if not most:
        guide.say("  There is nothing to send at present.")
        return 0
    text = "So many are sent to Xero now, as drafts, for you to look at; 0 sends none. The others wait."
    question = Question("first_drafts", f"How many of {most} invoices?", str(min(3, most)), text, must=True)
    picked: list[int] = []

    def take(answer: str) -> str:
        if not answer.isdecimal():
            raise PlainError(f"“{answer}” is no number.", f"Type one from 0 to {most}.")
        picked.append(min(int(answer), most))
        return answer

    guide.ask_until(question, take)
    return picked[-1]


def _try_out(guide: Guide, few: Sequence[AutotaskId], taken: Sequence[AutotaskId]) -> None:
    """Send these invoices and no others, as drafts; mode and settings stay as they are."""
    guide.desk.ledger.wish(taken, "adopt")
    guide.desk.ledger.wish(few, "send")
    sync(guide.desk, is_asked=True, trial={*few, *taken})
    for item in verbs.tell(guide.desk, [*few, *taken]):
        if not item.status.startswith("Synced"):
            guide.say(f"  {item.message}")


def live(guide: Guide) -> str:
    """Let the agent send by itself."""
    settings = guide.desk.settings
    text = "Draft: an accountant approves each in Xero. Approved: it is booked at once. The sheet Settings has more."
    question = Question("invoice_status", "In which state do invoices arrive?", settings.invoice_status, text)
    guide.ask_until(question, lambda answer: _status(guide, answer))
    text = (
        f"yes: every {settings.sync_every} minutes new invoices go to Xero while the agent runs. no: nothing is "
        "sent; “autoxero setup” asks again."
    )
    guide.go_on(Question("go_live", "Go live?", "no", text, must=True))
    guide.put("Sync mode", "Live")
    sync(guide.desk, is_asked=True, limits=Limits(0, "as AutoXero goes live"))
    if rest := _rest(guide):
        text = "yes: they go now. no: they wait for “Send these”, on the sheet Faults or by “autoxero send-these”."
        what = f"Send the other {len(rest)}, {sums(rest)}, now?"
        if yes(guide.talk, Question("send_rest", what, "no", text)):
            verbs.send_these(guide.desk, [AutotaskId(row["autotask_id"]) for row in rest])
    rows = guide.desk.ledger.rows()
    counts = Counter(row["status"] for row in rows)
    if any(row["fault_code"] for row in rows if row["xero_id"] is None):
        guide.say("  The sheet Faults says of every invoice that is not in Xero yet why, and what to do.")
    return "Live: " + ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))


def _rest(guide: Guide) -> list[Mapping[str, Any]]:
    """What waits only because it was more than a first run sends."""
    rows = guide.desk.ledger.rows()
    held = [row for row in rows if (row["status"], row["fault_code"]) == ("Waiting", "AX-505")]
    barred = {*guide.state.declined, *_marked(guide, [AutotaskId(row["autotask_id"]) for row in held])}
    return [row for row in held if row["autotask_id"] not in barred]


def _status(guide: Guide, answer: str) -> str:
    if answer != guide.desk.settings.invoice_status:
        guide.put("Invoice status in Xero", answer)
    return answer
