"""Random edits on both sides, random failures, random user actions: after settling, the promises hold."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.errors import PlainError, StopError
from agent.pretend.troubles import Trouble
from agent.rebuilding import rebuild_ledger
from agent.verbs import never_send, resync, send_these
from tests.support import Practice, open_practice, support
from tests.system.test_exactly_once import age_ledger

KINDS = ("cut_before", "cut_after", "500", "502", "503", "504", "429-minute", "expire_token")


class OneOffice(RuleBasedStateMachine):
    """An office over some days, hard on its software."""

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.invoices: list[int] = []
        self.touched: set[int] = set()
        self.changed: set[int] = set()
        self.worked_on: set[int] = set()
        self.kept: set[int] = set()
        self.voided: set[int] = set()
        self.unclear: set[int] = set()

    @initialize(numbers=st.sampled_from(["No", "Number", "Id"]), shows=st.booleans())
    def begin(self, numbers: str, *, shows: bool) -> None:
        folder = self.open.enter_context(tempfile.TemporaryDirectory())
        self.practice: Practice = self.open.enter_context(open_practice(Path(folder)))
        self.practice.type_settings({"Use Autotask Numbers": numbers})
        self.practice.cloud.xero.rules.lists_url = shows

    @rule(quantity=st.integers(1, 3), sign=st.sampled_from(["145", "-145"]), count=st.integers(1, 3))
    def invoices_come_in(self, quantity: int, sign: str, count: int) -> None:
        for _ in range(count):
            self.invoices.append(self.practice.world.invoice("Kauri Legal", [support(str(quantity), sign)]))

    @rule(kind=st.sampled_from(KINDS), times=st.integers(1, 5), late=st.booleans(), writes=st.booleans())
    def the_line_is_bad(self, kind: str, times: int, *, late: bool, writes: bool) -> None:
        after = late and kind in {"500", "502", "503", "504"}
        method = "PUT" if writes else None
        self.practice.cloud.troubles.add(
            Trouble(kind, system="xero", method=method, times=times, is_after_commit=after, retry_after=1)
        )

    @rule(kind=st.sampled_from(["cut_before", "cut_after"]), sign=st.sampled_from(["145", "-145"]))
    def an_answer_is_lost_for_a_whole_run(self, kind: str, sign: str) -> None:
        self.invoices_come_in(2, sign, 2)
        self.practice.cloud.troubles.add(Trouble(kind, system="xero", method="PUT", times=8))
        self.a_run()

    @rule()
    def a_run(self) -> None:
        try:
            self.practice.sync()
        except StopError as stopped:
            if stopped.exit_code != 69 and stopped.fault.code != "AX-401":  # expired twice in a row
                raise

    @rule(minutes=st.sampled_from([3, 10]))
    def time_goes_by(self, minutes: int) -> None:
        age_ledger(self.practice, minutes)

    @rule(days=st.sampled_from([-3, 400]))
    def the_clock_was_set(self, days: int) -> None:
        """The last look at changes was noted for next year, or seems long ago."""
        moment = datetime.now(UTC) + timedelta(days=days)
        self.practice.desk().ledger.remember(watched=moment.isoformat())

    @rule()
    def all_is_well_for_a_while(self) -> None:
        """Not only in the end."""
        self.check()

    @precondition(lambda self: self.invoices)
    @rule(data=st.data())
    def autotask_voids(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.invoices))
        self.touched.add(number)
        self.voided.add(number)
        self.practice.cloud.autotask.void(number)

    @precondition(lambda self: any(d.status == "DRAFT" for d in self.practice.cloud.xero.documents()))
    @rule(data=st.data())
    def someone_deletes_a_draft(self, data: st.DataObject) -> None:
        drafts = [item for item in self.practice.cloud.xero.documents() if item.status == "DRAFT"]
        document = data.draw(st.sampled_from(drafts))
        self.touched |= {number for number in self.invoices if self.is_of(document.id, number)}
        self.practice.cloud.xero.change(document.id, status="DELETED")

    @precondition(lambda self: self.invoices)
    @rule(data=st.data(), days=st.integers(1, 20), quantity=st.integers(1, 9))
    def autotask_changes(self, data: st.DataObject, days: int, quantity: int) -> None:
        """Re-dated and priced anew; a refund stays one."""
        number = data.draw(st.sampled_from(self.invoices))
        record = self.practice.cloud.autotask.tables["Invoices"][number]
        if number in self.touched or record["isVoided"]:
            return
        self.practice.reprice(number, str(quantity), "145" if record["invoiceTotal"] > 0 else "-145")
        day = self.practice.world.today - timedelta(days=days)
        self.practice.cloud.autotask.change("Invoices", number, invoiceDateTime=day.isoformat())
        self.changed.add(number)

    @precondition(lambda self: any(d.status == "DRAFT" for d in self.practice.cloud.xero.documents()))
    @rule(data=st.data(), edits=st.booleans())
    def someone_works_in_xero(self, data: st.DataObject, *, edits: bool) -> None:
        """A document is approved, or its reference edited."""
        drafts = [item for item in self.practice.cloud.xero.documents() if item.status == "DRAFT"]
        document = data.draw(st.sampled_from(drafts))
        self.worked_on |= {number for number in self.invoices if self.is_of(document.id, number)}
        change = {"reference": "see me"} if edits else {"status": "AUTHORISED"}
        self.practice.cloud.xero.change(document.id, **change)

    @precondition(lambda self: any(d.status == "AUTHORISED" for d in self.practice.cloud.xero.documents()))
    @rule(data=st.data(), wholly=st.booleans())
    def someone_pays(self, data: st.DataObject, *, wholly: bool) -> None:
        found = [item for item in self.practice.cloud.xero.documents() if item.status == "AUTHORISED"]
        document = data.draw(st.sampled_from(found))
        self.worked_on |= {number for number in self.invoices if self.is_of(document.id, number)}
        if document.type == "ACCREC" and self.practice.cloud.xero.organisation.due(document) > 1:
            self.practice.cloud.xero.pay(document.id, None if wholly else Decimal(1))

    @rule(decides=st.sampled_from(["send", "keep"]))
    def someone_decides(self, decides: str) -> None:
        """About all that changed since it was sent."""
        desk = self.practice.desk()
        changed = [record for record in desk.ledger.records().values() if record.status == "Changed since sent"]
        ids = [str(record.autotask_id) for record in changed if not record.is_in_flight]
        if not ids:
            return
        if decides == "keep":
            never_send(desk, ids, "agreed")
            self.kept |= {int(item) for item in ids}
        else:
            with suppress(StopError):
                send_these(desk, ids)

    @rule()
    def the_ledger_is_lost_and_made_anew(self) -> None:
        self.unclear |= set(self.invoices)  # nobody knows any more who wrote what: of what changes a person chooses
        with suppress(StopError):
            rebuild_ledger(self.practice.desk())

    def is_of(self, document_id: str, number: int) -> bool:
        document = self.practice.cloud.xero.document(document_id)
        return (document.url or "").endswith(f"={number}") or document.number == f"CN-{number}"

    @rule()
    def someone_is_impatient(self) -> None:
        for asks in (True, False):
            try:
                if asks:
                    resync(self.practice.desk(), everything=True)
                else:
                    send_these(self.practice.desk())
            except (PlainError, StopError):
                continue

    def teardown(self) -> None:
        try:
            if hasattr(self, "practice"):
                self.check()
        finally:
            self.open.close()

    def check(self) -> None:
        """The line is good again: a few runs later every invoice is there once, with its amount."""
        practice = self.practice
        practice.cloud.troubles.clear()
        for _ in range(3):
            age_ledger(practice, 10)
            practice.sync(is_asked=True)
        live = {item.id: item for item in practice.cloud.xero.documents()}
        owners = Counter(number for item in live for number in self.invoices if self.is_of(item, number))
        assert all(count == 1 for count in owners.values()), owners
        assert not practice.desk().ledger.open_intents()
        rows = practice.rows()
        for number in self.invoices:
            row = rows[number]
            if number in self.voided - self.kept and owners[number]:  # what still stands is told, and never forgotten
                assert row["status"] in {"Changed since sent", "Waiting"}, row
            if number in self.touched:
                continue
            if number in self.changed & (self.worked_on | self.unclear) or number in self.kept:
                assert row["status"] in {"Synced", "Synced with warnings", "Changed since sent"}, row
                continue
            if number in self.worked_on:
                assert row["status"] in {"Synced", "Synced with warnings"}, row
            else:
                assert row["status"] == "Synced", row
            document = live[row["xero_invoice_id"]]
            sign = -1 if document.type == "ACCRECCREDIT" else 1
            assert sign * document.total == Decimal(row["total"])
            assert self.is_of(document.id, number), (number, document.url, document.number)


TestOneOffice = OneOffice.TestCase
TestOneOffice.settings = settings(
    max_examples=int(os.environ.get("AUTOXERO_TEST_EXAMPLES", "12")),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
