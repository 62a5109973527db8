"""What a button asks for, carried out by the verbs; the answer is one sentence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from operator import itemgetter

from agent import verbs
from agent.desk import Desk
from agent.domain.text import counted
from agent.errors import PlainError, StopError
from agent.inbox import Request
from agent.projecting import project_all
from agent.sync import Report, sync
from agent.tell import report_text
from agent.verbs import Told

_IN_WORDS = {
    "sync": "Sync now",
    "send-now": "Send now",
    "resync-fault": "Resync all like this",
    "use-suggested": "Use suggested contact",
    "create-in-xero": "Create in Xero",
    "connect-autotask": "Connect Autotask",
    "connect-xero": "Connect Xero",
    "bundle": "Support bundle",
}
AGAIN = "This request was carried out before; it is not done twice."
REMEMBERED = timedelta(days=30)
"""How long the names of requests are remembered, for none is carried out twice: a copy may get a fresh time."""
MOST_REMEMBERED = 2000
_MANY = 3
"""More answers than this are counted, not told one by one."""


def words(verb: str) -> str:
    """A verb as its button calls it."""
    return _IN_WORDS.get(verb, verb.replace("-", " ").capitalize())


def answer(desk: Desk, request: Request) -> str:
    """Carry out a request.

    Returns:
        A sentence or two that say what happened.

    Raises:
        PlainError, StopError: As the verb does.
    """
    return _ANSWERS[request.verb](desk, request)


def note(desk: Desk, request: Request, told: str) -> None:
    """Write an answer down, and show it: on the sheet Log, and in the status bar of an Excel that has it open."""
    desk.ledger.log(f"Button: {words(request.verb)}", told, who="Ribbon")
    show(desk, told)


def show(desk: Desk, told: str) -> None:
    """Show what was written down of a button."""
    with suppress(PlainError, StopError):
        project_all(desk, told=told)


def done_before(desk: Desk, names: Sequence[str], now: datetime) -> list[str]:
    """Write down that requests are carried out now; gives those that were before, by whichever door."""
    kept = json.loads(desk.ledger.fact("inbox_seen") or "[]")
    known = {name: at for name, at in kept if abs(now - datetime.fromisoformat(at)) <= REMEMBERED}
    seen = known | {name.lower(): now.isoformat() for name in names}
    desk.ledger.remember(inbox_seen=json.dumps(sorted(seen.items(), key=itemgetter(1))[-MOST_REMEMBERED:]))
    return [name for name in names if name.lower() in known]


def _sync(desk: Desk, _request: Request) -> str:
    return _reported(sync(desk, is_asked=True))


def _preview(desk: Desk, _request: Request) -> str:
    return _reported(sync(desk, dry_run=True))


def _refresh(desk: Desk, _request: Request) -> str:
    return " ".join(verbs.rebuild(desk)) or "The sheets show what the ledger says."


def _resync(desk: Desk, request: Request) -> str:
    return _done(*verbs.resync(desk, request.ids))


def _resync_fault(desk: Desk, request: Request) -> str:
    return _done(*verbs.resync(desk, fault_code=request.fault))


def _send_these(desk: Desk, request: Request) -> str:
    return _done(*verbs.send_these(desk, request.ids))


def _send_again(desk: Desk, request: Request) -> str:
    return _done(*verbs.send_again(desk, request.ids))


def _never_send(desk: Desk, request: Request) -> str:
    return _told(verbs.never_send(desk, request.ids, "chosen in the workbook"))


def _use_suggested(desk: Desk, request: Request) -> str:
    return _done(*verbs.use_suggested(desk, request.ids))


def _create_in_xero(desk: Desk, request: Request) -> str:
    return _done(*verbs.create_in_xero(desk, request.ids))


def _test(desk: Desk, _request: Request) -> str:
    found = verbs.test(desk)
    told = [
        f"{check.name}: {check.message} {check.next_step}"
        for light in ("bad", "warning")
        for check in found
        if check.light == light
    ]
    return " ".join(told) or f"All is well: {counted(len(found), 'thing')} were looked at."


def _connect_xero(desk: Desk, _request: Request) -> str:
    """In the browser of whoever pressed the button: the agent runs in that person's session."""
    from agent.connect import connect_xero  # noqa: PLC0415 - only where it is asked for

    return " ".join(connect_xero(desk))


def _bundle(desk: Desk, _request: Request) -> str:
    """Beside the workbook; the button has said what is in it, and asked."""
    from agent.bundle import gather, usual_path, write_bundle  # noqa: PLC0415 - only where it is asked for

    desk.tell("Gathering what support needs")
    path = desk.workbook.absolute().with_name(usual_path().name)
    write_bundle(gather(desk), path)
    return f"The support bundle is {path}. It holds no secrets, names or addresses; look into it before you send it."


def _by_hand(_desk: Desk, request: Request) -> str:
    """What asks for a secret needs a window of its own."""
    command = request.verb.replace("-", " ")
    return f"This needs a window of its own: type “autoxero {command}” in a terminal (Windows: PowerShell)."


_ANSWERS: Mapping[str, Callable[[Desk, Request], str]] = {
    "sync": _sync,
    "preview": _preview,
    "refresh": _refresh,
    "resync": _resync,
    "resync-fault": _resync_fault,
    "send-now": _send_these,
    "send-these": _send_these,
    "send-again": _send_again,
    "never-send": _never_send,
    "use-suggested": _use_suggested,
    "create-in-xero": _create_in_xero,
    "test": _test,
    "connect-autotask": _by_hand,
    "connect-xero": _connect_xero,
    "bundle": _bundle,
}


def _reported(report: Report) -> str:
    return report_text(report).replace("\n", " ")


def _done(report: Report, told: Sequence[Told]) -> str:
    """What became of the invoices, and what else the run wants to be known."""
    return " ".join([_told(told), *report.problems])


def _told(told: Sequence[Told]) -> str:
    """What was done, counted where it is much; and what was left as it is, each with its reason."""
    done, left = ([item for item in told if item.is_done == is_done] for is_done in (True, False))
    text = " ".join(item.message for item in done)
    if len(done) > _MANY:
        counts = Counter(item.status for item in done)
        parts = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        text = f"{counted(len(done), 'invoice')}: {parts}. The sheet Invoices shows each of them."
    return f"{text} {verbs.reasons(left)}".strip()
