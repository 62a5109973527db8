"""What commands tell, in words and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.domain.text import counted
from agent.ledger.ledger import Ledger
from agent.rebuilding import Rebuilt
from agent.sync import Report
from agent.views import iso


def report_json(report: Report) -> dict[str, Any]:
    """The answer of ``sync --json``. ``calls`` are those of reading and posting; write-backs are counted apart."""
    return {
        "run": report.run,
        "started": iso(report.started),
        "finished": iso(report.finished),
        "mode": report.mode,
        "pulled": report.pulled,
        "created": report.created,
        "taken_over": report.taken_over,
        "updated": report.updated,
        "voided": report.voided,
        "skipped": report.skipped,
        "waiting": report.waiting,
        "retrying": report.retrying,
        "faulted": report.faulted,
        "would_create": report.would_create,
        "calls": report.calls,
        "write_backs": report.write_backs,
        "problems": report.problems,
    }


def report_text(report: Report) -> str:
    """A run in a few words."""
    if report.would_create:
        first = f"{report.mode}: {report.would_create} invoices would be sent; the sheet Preview shows them."
    else:
        first = f"{report.mode}: {report.pulled} invoices looked at, {report.created} sent to Xero."
    parts = {
        "taken over as they are in Xero": report.taken_over,
        "updated in Xero": report.updated,
        "voided or deleted in Xero": report.voided,
        "waiting": report.waiting - report.would_create,
        "failed, to be tried again": report.retrying,
        "in fault": report.faulted,
        "skipped": report.skipped,
    }
    rest = ", ".join(f"{count} {words}" for words, count in parts.items() if count > 0)
    lines = [first, *([f"{rest}."] if rest else []), *report.problems]
    return "\n".join(lines)


def status_text(answer: Mapping[str, Any]) -> str:
    """Connections, counts, and every open fault with its cure."""
    lines = [_light(name, light) for name, light in answer["connections"].items()]
    counts = Counter(row["status"] for row in answer["invoices"])
    lines += [f"{count:>6}  {status}" for status, count in sorted(counts.items())] or ["No invoices yet."]
    for row in answer["invoices"]:
        if row["status"] == "Changed since sent" and not row["fault"]:
            lines.append(f"{row['number'] or row['autotask_id']}  {row['customer']}  {row['status']}")
            lines.append(f"    {row['why']}")
        if row["fault"] and row["status"] not in {"Skipped", "Never send"}:
            fault = row["fault"]
            lines.append(f"{row['number'] or row['autotask_id']}  {row['customer']}  {row['status']}")
            lines.append(f"    {fault['code']} {fault['title']}: {fault['detail']}")
            lines.append(f"    {fault['cure']}")
    return "\n".join(lines)


def with_sign_in(answer: dict[str, Any], ledger: Ledger) -> dict[str, Any]:
    """The answer of ``status`` with the end of a person's sign-in to Xero; ``null`` where nobody's is used."""
    answer["connections"]["xero"]["sign_in_ends"] = ledger.fact("xero_sign_in_ends").replace("+00:00", "Z") or None
    return answer


def _light(name: str, light: Mapping[str, Any]) -> str:
    words = {True: "connected", False: f"{light.get('code')} {light.get('detail')}", None: "not tried yet"}[light["ok"]]
    ends = light.get("sign_in_ends")
    if not ends:
        told = ""
    elif datetime.fromisoformat(ends) > datetime.now(UTC):
        told = f"; the sign-in ends on {ends[:10]} unless it is used"
    else:
        told = f"; the sign-in ended on {ends[:10]}, for it was not used: run “autoxero connect xero”"
    return f"{name.capitalize()}: {words}{told}"


def story_text(row: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> str:
    """One invoice's whole story, oldest first."""
    head = (
        f"{row['number'] or row['autotask_id']}  {row['customer']}  {row['currency']} {row['total']}: {row['status']}"
    )
    lines = [head, *([row["why"]] if row["why"] else []), *row["warnings"]]
    if row["xero_number"]:
        lines.append(f"In Xero as {row['xero_number']}, {row['currency']} {row['xero_total']}")
    if row["fault"]:
        lines += [f"{row['fault']['code']} {row['fault']['title']}: {row['fault']['detail']}", row["fault"]["cure"]]
    lines += [f"{iso(item['at'])}  {item['event']}: {item['detail']}" for item in reversed(log)]
    return "\n".join(lines)


def rebuilt_text(rebuilt: Rebuilt) -> str:
    """What became of the invoices when the ledger was made anew."""
    first = f"{rebuilt.found} found in Xero, {rebuilt.voided} voided there, {rebuilt.never_send} never sent"
    rest = f"{rebuilt.left} are left to the next sync, which looks in Xero again before it sends anything."
    lines = [f"{first}; {rest}"]
    if rebuilt.undecided:
        lines.append(f"{counted(len(rebuilt.undecided), 'invoice')} could not be decided and wait for you:")
        lines += [f"{item['number']}  {item['why']}\n    {item['cure']}" for item in rebuilt.undecided]
    if rebuilt.kept_as:
        lines.append(f"The old ledger is kept as {rebuilt.kept_as}.")
    return "\n".join(lines)
