"""Text of every kind arrives in Xero and in the workbook as promised, and the file still opens."""

from __future__ import annotations

import pytest

from tests.support import Practice, support

KINDS = {
    "emoji": ("Support 🚀👩‍💻 done", "Support 🚀👩‍💻 done"),
    "right to left": ("تمديد الدعم الفني", "تمديد الدعم الفني"),
    "macrons": ("Āwhina ā-ringa", "Āwhina ā-ringa"),
    "markup": ("<b>5 & 6</b> \"quoted\" 'single'", "<b>5 & 6</b> \"quoted\" 'single'"),
    "formula": ('=HYPERLINK("http://example.com")', '=HYPERLINK("http://example.com")'),
    "signs": ("+1 -1 @home", "+1 -1 @home"),
    "control characters": ("A\x00B\x0bC\x1fD\ufffeE", "ABCDE"),
    "escape look-alike": ("_x0041_ stays", "_x0041_ stays"),
    "several lines": ("One\nTwo", "One\nTwo"),
    "blanks": ("  in the middle   too  ", "in the middle   too"),
}


@pytest.mark.parametrize("name", KINDS)
def test_text_arrives(practice: Practice, name: str) -> None:
    typed, wanted = KINDS[name]
    customer = wanted.replace("<", "(").replace(">", ")").replace("\n", " ")
    customer = " ".join(customer.split())
    practice.world.company(customer)
    number = practice.world.invoice(
        customer, [support(text=typed)], number=wanted[:40].replace("\n", " "), orderNumber="+64"
    )
    practice.sync(dry_run=True)
    line = next(row for row in practice.table("PreviewLines") if row["Autotask id"] == number)
    assert line["Description"] == wanted
    assert practice.sync().created == 1
    document = practice.cloud.xero.documents()[0]
    assert document.lines[0].description == wanted
    row = next(row for row in practice.table("Invoices") if row["Autotask id"] == number)
    assert row["Customer"] == customer
    assert row["Number"] == wanted[:40].replace("\n", " ").strip()
    assert row["Reference"].startswith("+64 / ")
    assert practice.sync().created == 0


def test_an_endless_description_is_cut_at_a_word(practice: Practice) -> None:
    text = "many words " * 180
    number = practice.world.invoice("Kauri Legal", [support(text=text[:255])])
    table = practice.cloud.autotask.tables["BillingItems"]
    line = next(row for row in table.values() if row["invoiceID"] == number)
    line["lineItemFullDescription"] = text * 3
    practice.sync()
    sent = practice.cloud.xero.documents()[0].lines[0].description or ""
    assert len(sent) <= 4000
    assert sent.endswith(("many…", "words…"))
    row = practice.rows()[number]
    assert row["status"] == "Synced with warnings"
    assert "cut" in row["warnings"][0]


def test_an_endless_log_line_fits_its_cell(practice: Practice) -> None:
    practice.world.invoice("Kauri Legal", [support()])
    practice.sync()
    practice.desk().ledger.log("Long", "word " * 10000)
    practice.ask("rebuild")
    assert max(len(row["Detail"] or "") for row in practice.table("Log")) <= 32767
