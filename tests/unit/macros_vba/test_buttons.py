"""What each button does and says, with the real VBA in pyOpenVBA's Excel."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pyopenvba.apps.excel import Workbook

from macros import actions
from tests.unit.macros_vba.conftest import NO, YES, Excel, LostRibbon, Opener, RibbonUi
from workbook.build import TARGET

ON_SELECTED = {
    "OnResync": ("resync", ()),
    "OnNeverSend": ("never-send", (YES,)),
    "OnSendAgain": ("send-again", (YES,)),
    "OnUseSuggested": ("use-suggested", (YES,)),
    "OnCreateInXero": ("create-in-xero", (YES,)),
    "OnSendThese": ("send-these", (YES,)),
}
ON_NOTHING = {
    "OnSyncNow": "sync",
    "OnPreview": "preview",
    "OnRefresh": "refresh",
    "OnTest": "test",
    "OnConnectAutotask": "connect-autotask",
    "OnConnectXero": "connect-xero",
}


# --- requests -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("button", ON_SELECTED)
def test_a_button_asks_for_the_selected_invoices(excel: Excel, button: str) -> None:
    verb, answers = ON_SELECTED[button]
    excel.with_agent()
    excel.select("Invoices", "B6:C7,A9:A10")
    if answers:
        excel.press(button, answers=(NO,))
        assert excel.sent == []
    excel.press(button, answers=answers)
    assert excel.sent == ["/inbox of Zoe", f"verb={verb}", "workbook=wb-1", "ids=102,103,105,106"]
    assert excel.bar == "AutoXero: AutoXero has taken it; the sheet Invoices shows the result."
    assert ("4 invoices" in excel.told) == bool(answers)
    excel.select("Invoices", "A6")
    excel.press(button, answers=answers)
    assert ("1 invoice" in excel.told) == bool(answers)


def test_a_button_asks_for_what_needs_no_selection(excel: Excel) -> None:
    excel.with_agent()
    excel.select("Log", "A1")
    for button, verb in ON_NOTHING.items():
        excel.press(button)
        assert excel.sent[-3:] == ["/inbox of Zoe", f"verb={verb}", "workbook=wb-1"]
        assert excel.told == ""
        assert "has taken it" in excel.bar


def test_a_bundle_is_made_once_it_is_said_what_is_in_it(excel: Excel) -> None:
    excel.with_agent()
    excel.press("OnBundle", answers=(NO,))
    assert excel.sent == []
    assert "without secrets" in excel.told
    excel.press("OnBundle", answers=(YES,))
    assert excel.sent == ["/inbox of Zoe", "verb=bundle", "workbook=wb-1"]


@pytest.mark.parametrize(("sheet", "place", "code"), [("Faults", "D6", "AX-106"), ("Invoices", "D6", "AX-105")])
def test_all_like_this_asks_for_the_fault_of_the_active_row(excel: Excel, sheet: str, place: str, code: str) -> None:
    excel.with_agent()
    excel.select(sheet, place)
    excel.press("OnResyncFault")
    assert excel.sent == ["/inbox of Zoe", "verb=resync-fault", "workbook=wb-1", f"fault={code}"]


def test_a_fault_that_is_none_is_not_asked_for(excel: Excel) -> None:
    excel.with_agent()
    for text in ("AX-10x", "", "AX-1055", "ax-105", '=HYPERLINK("https://x","AX")'):
        excel.do("Write", "Faults", "C6", text)
        excel.do("Write", "Faults", "D6", "")
        excel.select("Faults", "C6")
        excel.press("OnResyncFault")
        assert excel.told == "The selected row has no fault."
    assert excel.sent == []


# --- the second door ------------------------------------------------------------------------------------------------


def test_python_does_what_no_agent_takes(with_xlwings: Excel) -> None:
    """The command names the request that was confirmed, and holds nothing of what is selected."""
    with_xlwings.select("Invoices", "A6")
    with_xlwings.press("OnNeverSend", answers=(YES,))
    assert with_xlwings.sent[1:] == ["verb=never-send", "workbook=wb-1", "ids=102"]
    assert with_xlwings.ran == "import macros.actions as a; a.do('1a2b3c4d-0000-1111-2222-333344445555')"
    assert callable(actions.do)
    assert with_xlwings.told.count("?") == 1


def test_an_inbox_that_takes_nothing_is_told(with_xlwings: Excel) -> None:
    """It is another user's, or gone: then Python could not do it for this workbook either."""
    with_xlwings.do("Put", "AutoXeroInbox", "/nobody's")
    with_xlwings.press("OnSyncNow")
    assert "takes nothing from you; nothing was done: /nobody's" in with_xlwings.told
    assert "autoxero install" in with_xlwings.told
    assert with_xlwings.ran == ""


def test_the_agent_is_asked_first(with_xlwings: Excel) -> None:
    with_xlwings.with_agent()
    with_xlwings.press("OnSyncNow")
    assert with_xlwings.ran == ""


def test_words_where_there_is_neither_agent_nor_python(excel: Excel) -> None:
    excel.press("OnSyncNow")
    assert "nothing was done" in excel.told
    assert "autoxero run" in excel.told
    assert "autoxero install" in excel.told


def test_a_button_works_again_after_all_that(excel: Excel) -> None:
    excel.press("OnSyncNow")
    excel.with_agent()
    excel.press("OnSyncNow")
    assert excel.sent.count("verb=sync") == 2


def test_a_second_button_waits_for_the_first(with_xlwings: Excel) -> None:
    """While Excel waits for the agent it lets the user press on."""
    with_xlwings.app.add_module(
        "Public Ran As String\n"
        "Public Sub RunPython(ByVal command As String)\n OnSyncNow Nothing\n Ran = Application.StatusBar\nEnd Sub",
        name="xlwings",
    )
    with_xlwings.press("OnSyncNow")
    assert with_xlwings.sent.count("verb=sync") == 1
    assert "The last button is not done yet" in with_xlwings.ran


# --- selections -----------------------------------------------------------------------------------------------------


def asked(excel: Excel) -> str:
    """The ids that Resync asks for now."""
    excel.with_agent()
    excel.press("OnResync")
    return next((line.removeprefix("ids=") for line in excel.sent if line.startswith("ids=")), "")


def test_hidden_rows_are_not_selected(excel: Excel) -> None:
    excel.do("Hide", "Invoices", "A6:A8")
    excel.select("Invoices", "A5:A10")
    assert asked(excel) == "101,105,106"


def test_a_whole_column_means_the_table(excel: Excel) -> None:
    excel.select("Invoices", "C:C")
    assert asked(excel) == ",".join(map(str, range(101, 121)))


def test_the_whole_sheet_means_the_table(excel: Excel) -> None:
    excel.select("Invoices", "1:1048576")
    assert len(asked(excel).split(",")) == 20


def test_an_invoice_is_asked_for_once(excel: Excel) -> None:
    excel.select("Invoices", "A5:A6,C6:D7,B5")
    assert asked(excel) == "101,102,103"


def test_only_digits_are_ids(excel: Excel) -> None:
    for place, text in {
        "Z5": "7; rm",
        "Z6": "-3",
        "Z7": "1e5x",
        "Z8": "=1/0",
        "Z9": "",
        "Z10": "0",
        "Z11": 12.5,
    }.items():
        excel.do("Write", "Invoices", place, text)
    excel.select("Invoices", "A5:A12")
    assert asked(excel) == "108"


def test_the_lines_of_preview_are_their_own_invoices(excel: Excel) -> None:
    """Preview has two tables side by side: a line is not the document that happens to stand in its row."""
    excel.select("Preview", "O5")
    assert asked(excel) == "120"


def test_rows_of_preview_count(excel: Excel) -> None:
    excel.select("Preview", "C5:C6")
    assert asked(excel) == "118,117"


@pytest.mark.parametrize("area", ["Log!A5", "Settings!A5", "Invoices!AB6", "Dashboard!A:A"])
def test_the_wrong_place_is_told(excel: Excel, area: str) -> None:
    excel.with_agent()
    excel.select(*area.split("!"))
    for button in ("OnResync", "OnWhy", "OnHowToFix", "OnResyncFault", "OnOpenInXero"):
        excel.press(button)
        assert excel.told == "Select rows of the sheet Invoices, Faults or Preview first, then press the button again."
    assert excel.sent == []


def test_rows_without_invoices_are_told(excel: Excel) -> None:
    excel.with_agent()
    excel.select("Invoices", "A4")
    excel.press("OnResync")
    assert excel.told == "The selected rows hold no invoice. Select rows with an Autotask id."
    assert excel.sent == []


def test_another_workbook_in_front_is_told(excel: Excel) -> None:
    excel.app.add_workbook()
    excel.app.add_module(
        'Sub Rename()\n ActiveSheet.Name = "Invoices"\n Range("A5:A6").Select\nEnd Sub', name="Renaming"
    )
    excel.do("Rename")
    excel.press("OnResync")
    assert "Select rows" in excel.told


# --- workbooks ------------------------------------------------------------------------------------------------------


def test_a_workbook_that_was_never_saved_is_told(excel: Excel) -> None:
    excel.with_agent()
    excel.app.workbook.path = ""
    excel.press("OnSyncNow")
    assert "has never been saved" in excel.told
    excel.press("OnPause", True)  # noqa: FBT003 - as Excel calls it
    assert "has never been saved" in excel.told
    assert excel.sent == []
    assert excel.do("Setting", "Paused") == "No"


def test_a_copy_that_was_not_installed_is_told(excel: Excel) -> None:
    excel.app.evaluate('ThisWorkbook.Names("AutoXeroInbox").RefersToRange.ClearContents')
    excel.press("OnSyncNow")
    assert "is not set up yet" in excel.told
    assert "autoxero install" in excel.told
    assert excel.sent == []


def kept_at(excel: Excel, path: str) -> None:
    excel.do("Put", "AutoXeroPath", path)


def test_a_copy_does_nothing_and_names_the_workbook(excel: Excel) -> None:
    """It has the same id and inbox: its buttons would act on what the agent's own workbook shows."""
    excel.with_agent()
    kept_at(excel, "/books/AutoXero.xlsm")
    excel.select("Invoices", "A6")
    for button, more in (
        ("OnSyncNow", ()), ("OnResync", ()), ("OnPause", (True,)), ("OnFourDecimals", (False,)),
    ):  # fmt: skip
        excel.press(button, *more)
        assert "This is a copy of the workbook that the agent keeps" in excel.told
        assert "/books/AutoXero.xlsm" in excel.told
    assert excel.sent == []
    assert excel.do("Setting", "Paused") == "No"
    assert excel.do("Setting", "Four decimal places") == "Yes"


def test_the_workbook_that_is_kept_is_no_copy(excel: Excel) -> None:
    excel.with_agent()
    kept_at(excel, f"{excel.app.evaluate('ThisWorkbook.Path')}/AutoXero.xlsm")
    excel.press("OnPause", True)  # noqa: FBT003 - as Excel calls it
    assert "Paused and saved" in excel.bar
    excel.press("OnSyncNow")
    assert "verb=sync" in excel.sent


def test_onedrive_goes_by_the_name(excel: Excel) -> None:
    excel.with_agent()
    kept_at(excel, "/books/autoxero.xlsm")
    excel.app.workbook.path = "https://contoso.sharepoint.com/sites/books"
    excel.press("OnSyncNow")
    assert "verb=sync" in excel.sent
    kept_at(excel, "/books/Other.xlsm")
    excel.press("OnSyncNow")
    assert "This is a copy" in excel.told


def test_onedrive_asks_the_agent_all_the_same(excel: Excel) -> None:
    excel.with_agent()
    excel.app.workbook.path = "https://contoso.sharepoint.com/sites/books"
    excel.press("OnSyncNow")
    assert "verb=sync" in excel.sent
    assert "OneDrive or SharePoint" in excel.bar


def test_onedrive_never_starts_python(with_xlwings: Excel) -> None:
    with_xlwings.app.workbook.path = "HTTPS://d.docs.live.net/1234"
    with_xlwings.press("OnSyncNow")
    assert "can only ask the agent" in with_xlwings.told
    assert with_xlwings.ran == ""


# --- what is typed and not saved ---


def test_what_is_typed_must_be_saved_before_anything_is_sent_by_it(excel: Excel) -> None:
    """As by the other door; what needs no settings is done, and what the agent wrote into the sheets stops nothing."""
    excel.with_agent()
    excel.select("Invoices", "A6")
    excel.do("Write", "Invoices", "C6", "Retrying")
    excel.press("OnResync")
    assert "has taken it" in excel.bar
    excel.press("OnFourDecimals", False)  # noqa: FBT003 - as Excel calls it
    for button in ("OnResync", "OnSyncNow", "OnPreview"):
        excel.press(button)
        assert excel.told.startswith("Save the workbook first: a setting or a mapping was changed")
    assert excel.sent.count("verb=resync") == 1
    excel.press("OnNeverSend", answers=(YES,))
    assert "verb=never-send" in excel.sent
    excel.do("SaveLast")
    excel.press("OnResync")
    assert excel.sent.count("verb=resync") == 2


@pytest.mark.parametrize(
    ("sheet", "table", "heading"),
    [
        ("Settings", "Settings", "Value"), ("Mappings", "AccountMap", "Xero account"),
        ("Mappings", "TaxMap", "Xero tax rate"), ("Mappings", "ContactMap", "Xero contact"),
        ("Mappings", "ContactMap", "Xero contact id"), ("Mappings", "TrackingMap", "Tracking category"),
        ("Mappings", "TrackingMap", "Tracking option"),
    ],
)  # fmt: skip
def test_typing_into_any_of_these_columns_counts(excel: Excel, sheet: str, table: str, heading: str) -> None:
    place = excel.do("PlaceOf", table, heading)
    excel.do("Write", sheet, place, "210")
    excel.press("OnSyncNow")
    assert excel.told.startswith("Save the workbook first")


def test_the_agents_own_columns_do_not_count(excel: Excel) -> None:
    place = excel.do("PlaceOf", "Settings", "Problem")
    excel.do("Write", "Settings", place, "It is wrong.")
    excel.with_agent()
    excel.press("OnSyncNow")
    assert "verb=sync" in excel.sent


# --- showing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sheet", ["Dashboard", "Faults", "Mappings", "Log"])
def test_a_button_goes_to_its_sheet(excel: Excel, sheet: str) -> None:
    excel.select("Help", "A1")
    excel.press(f"OnGoTo{sheet}")
    assert excel.do("Place").startswith(f"{sheet}!")


def test_all_settings_goes_to_the_settings(excel: Excel) -> None:
    excel.press("OnAllSettings")
    assert excel.do("Place").startswith("Settings!")


def test_a_missing_sheet_is_told(excel: Excel) -> None:
    excel.do("Delete", "Log")
    excel.press("OnGoToLog")
    assert "There is no sheet called Log" in excel.told


def test_why_tells_the_story_of_the_active_row(excel: Excel) -> None:
    excel.select("Invoices", "C8")
    excel.press("OnWhy")
    assert excel.told.splitlines() == [
        "Number: A104",
        "Customer: Tui & Co",
        "Status: Fault",
        "Fault: AX-105 Can't find Xero Contact",
        "What to do: Choose the contact.",
    ]
    excel.select("Preview", "C5")
    excel.press("OnWhy")
    assert excel.told.splitlines() == ["Number: A118", "Action: Create", "Why: New"]
    excel.select("Invoices", "A4")
    excel.press("OnWhy")
    assert excel.told == "This row is blank."


def test_a_long_story_is_cut_for_the_box(excel: Excel) -> None:
    excel.do("Write", "Invoices", "V5", "x" * 3000)
    excel.select("Invoices", "A5")
    excel.press("OnWhy")
    assert len(excel.told) == 1000
    assert len(excel.bar) < 255


def test_help_explains_the_fault(excel: Excel) -> None:
    excel.select("Faults", "D6")
    excel.press("OnHowToFix")
    place = excel.do("Place")
    assert place.startswith("Help!$B$")
    assert excel.app.evaluate("ActiveCell.Value") == "AX-106"


def test_a_fault_that_help_does_not_know_is_told(excel: Excel) -> None:
    excel.do("Write", "Faults", "C6", "AX-999")
    excel.select("Faults", "C6")
    excel.press("OnHowToFix")
    assert excel.told == "The sheet Help does not explain AX-999."


def test_next_goes_round_the_faults_that_are_shown(excel: Excel) -> None:
    excel.do("Hide", "Faults", "A6")
    excel.select("Dashboard", "A9")
    found = []
    for _ in range(3):
        excel.press("OnNextFault")
        found.append(excel.do("Place"))
    assert found == ["Faults!$C$5", "Faults!$C$7", "Faults!$C$5"]


def test_next_says_when_there_is_none(open_excel: Opener) -> None:
    excel = open_excel(TARGET)
    excel.press("OnNextFault")
    assert excel.told == "There are no open faults."
    excel.do("Write", "Faults", "C4", "Kode")
    excel.press("OnNextFault")
    assert "is missing" in excel.told


def test_about_says_what_it_belongs_to(excel: Excel) -> None:
    excel.press("OnAbout")
    assert "Organisation: Kauri Legal" in excel.told
    assert "Requests go to: /inbox of Zoe" in excel.told


# --- opening in the browser -----------------------------------------------------------------------------------------


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that Excel is told to open, which pyOpenVBA does not."""
    found: list[str] = []
    get = Workbook.vba_get

    def spy(
        self: Workbook, name: str, arguments: Sequence[object] = (), named: dict[str, object] | None = None
    ) -> object:
        if name.lower() != "followhyperlink":
            return get(self, name, arguments, named)
        found.append(str(arguments[0]))
        return None

    monkeypatch.setattr(Workbook, "vba_get", spy)
    return found


@pytest.mark.parametrize(("sheet", "area"), [("Invoices", "B24"), ("Preview", "O5")])
def test_the_invoice_opens_in_xero(excel: Excel, opened: list[str], sheet: str, area: str) -> None:
    excel.select(sheet, area)
    excel.press("OnOpenInXero")
    assert opened == ["https://go.xero.com/app/abc/invoicing/view/120"]
    assert excel.told == ""


def test_the_customer_opens_in_autotask(excel: Excel, opened: list[str]) -> None:
    excel.select("Faults", "E5")
    excel.press("OnOpenInAutotask")
    assert opened == ["https://ww5.autotask.net/Autotask/AutotaskExtend?id=7"]


def test_no_link_is_told(excel: Excel, opened: list[str]) -> None:
    excel.select("Invoices", "B8")
    excel.press("OnOpenInXero")
    assert "There is no link to Xero for this row" in excel.told
    excel.press("OnOpenInAutotask")
    assert "There is no link to Autotask for this row" in excel.told
    assert opened == []


BAD_IN_XERO = (
    "http://go.xero.com/a",
    "https://go.xero.com.evil.example/a",
    "https://go.xero.com@evil.example/a",
    "https://evil.example/go.xero.com/a",
    "https://x.go.xero.com/a",
    "https://go.xero.com",
    "file:///c:/windows/system32/calc.exe",
    "javascript:alert(1)//go.xero.com/",
)
BAD_IN_AUTOTASK = (
    "https://evil.example\\.autotask.net/a",
    "https://evil.example?.autotask.net/a",
    "https://evil.example#.autotask.net/a",
    "https://evil.example%2f.autotask.net/a",
    "https://evilautotask.net/a",
    "https://user@ww5.autotask.net/a",
    "https://ww5.autotask.net:8443/a",
)


def test_only_the_two_systems_are_opened(excel: Excel, opened: list[str]) -> None:
    """A cell is foreign input: whatever address somebody put there, the browser only goes to Xero and Autotask."""
    excel.select("Invoices", "B24")
    for column, button, bad in (("E", "OnOpenInXero", BAD_IN_XERO), ("G", "OnOpenInAutotask", BAD_IN_AUTOTASK)):
        for address in bad:
            excel.do("Write", "Invoices", f"{column}24", f'=HYPERLINK("{address}","A120")')
            excel.press(button)
            assert "There is no link" in excel.told
    assert opened == []


# --- settings -------------------------------------------------------------------------------------------------------


def test_pause_is_written_and_saved(excel: Excel) -> None:
    excel.press("OnPause", True)  # noqa: FBT003 - as Excel calls it
    assert excel.do("Setting", "Paused") == "Yes"
    assert excel.app.workbook.saved
    assert "Paused and saved" in excel.bar
    assert (excel.shown("GetPaused"), excel.shown("GetPauseLabel")) == (True, "Go on")
    excel.press("OnPause", False)  # noqa: FBT003
    assert excel.do("Setting", "Paused") == "No"
    assert (excel.shown("GetPaused"), excel.shown("GetPauseLabel")) == (False, "Pause")


def test_a_read_only_workbook_is_not_paused(excel: Excel) -> None:
    excel.app.add_module("Public Sub LockIt()\n IsLocked = True\nEnd Sub", name="Locking")
    excel.do("LockIt")
    excel.press("OnPause", True)  # noqa: FBT003
    assert "for reading only" in excel.told
    assert excel.do("Setting", "Paused") == "No"
    excel.press("OnFourDecimals", False)  # noqa: FBT003
    assert "for reading only" in excel.told
    assert excel.do("Setting", "Four decimal places") == "Yes"


@pytest.mark.parametrize(("typed", "shown"), [("yes", True), ("TRUE", True), ("on", True), ("No", False), ("", False)])
def test_a_toggle_shows_what_the_agent_reads(excel: Excel, typed: str, shown: bool) -> None:  # noqa: FBT001
    for name, callback in (("Paused", "GetPaused"), ("Four decimal places", "GetFourDecimals")):
        row = excel.app.evaluate(f'CellBeside(TableRange("Settings"), "Setting", "{name}", "Value").Row')
        excel.do("Write", "Settings", f"C{row}", typed)
        assert excel.shown(callback) is shown


def test_four_decimals_is_a_toggle(excel: Excel) -> None:
    assert (excel.shown("GetFourDecimals"), excel.shown("GetFourDecimalsLabel")) == (True, "Four decimals: Yes")
    excel.press("OnFourDecimals", False)  # noqa: FBT003
    assert excel.do("Setting", "Four decimal places") == "No"
    assert "counts once the workbook is saved" in excel.bar
    assert (excel.shown("GetFourDecimals"), excel.shown("GetFourDecimalsLabel")) == (False, "Four decimals: No")
    assert excel.told == ""


def test_numbers_are_asked_about(excel: Excel) -> None:
    assert (excel.shown("GetAutotaskNumbers"), excel.shown("GetAutotaskNumbersLabel")) == (
        False,
        "Autotask numbers: No",
    )
    excel.press("OnAutotaskNumbers", True, answers=(NO,))  # noqa: FBT003
    assert excel.do("Setting", "Use Autotask Numbers") == "No"
    excel.press("OnAutotaskNumbers", True, answers=(YES,))  # noqa: FBT003
    assert "keep their numbers" in excel.told
    assert excel.do("Setting", "Use Autotask Numbers") == "Number"
    assert excel.shown("GetAutotaskNumbers") is True
    excel.press("OnAutotaskNumbers", False, answers=(YES,))  # noqa: FBT003
    assert excel.do("Setting", "Use Autotask Numbers") == "No"


def choices(excel: Excel) -> list[str]:
    return [excel.shown("GetCurrencyLabel", place) for place in range(excel.shown("GetCurrencyCount"))]


def test_the_currency_is_chosen_from_what_xero_has(excel: Excel) -> None:
    assert choices(excel) == ["(the books' own)", "AUD", "NZD"]
    assert excel.shown("GetCurrencyIndex") == 0
    excel.press("OnCurrency", "", 2, answers=(NO,))
    assert excel.do("Setting", "Currency") == ""
    excel.press("OnCurrency", "", 2, answers=(YES,))
    assert "Nothing is converted" in excel.told
    assert excel.do("Setting", "Currency") == "NZD"
    assert excel.shown("GetCurrencyIndex") == 2
    excel.press("OnCurrency", "", 2)
    assert excel.told == ""
    excel.press("OnCurrency", "", 0, answers=(YES,))
    assert excel.do("Setting", "Currency") == ""
    assert excel.shown("GetCurrencyIndex") == 0


def test_a_currency_that_xero_lacks_is_shown_too(excel: Excel) -> None:
    row = excel.app.evaluate('CellBeside(TableRange("Settings"), "Setting", "Currency", "Value").Row')
    excel.do("Write", "Settings", f"C{row}", "XPF")
    assert choices(excel) == ["(the books' own)", "AUD", "NZD", "XPF"]
    assert excel.shown("GetCurrencyIndex") == 3


def test_a_protected_sheet_is_told(excel: Excel) -> None:
    excel.do("Protect", "Settings")
    excel.press("OnFourDecimals", False)  # noqa: FBT003
    assert "is protected" in excel.told
    assert excel.do("Setting", "Four decimal places") == "Yes"


def test_a_missing_setting_is_told(excel: Excel) -> None:
    row = excel.app.evaluate('CellBeside(TableRange("Settings"), "Setting", "Four decimal places", "Setting").Row')
    excel.do("Write", "Settings", f"B{row}", "Six decimal places")
    excel.press("OnFourDecimals", False)  # noqa: FBT003
    assert "has no row 'Four decimal places'" in excel.told
    assert excel.shown("GetFourDecimals") is False


def test_the_ribbon_is_drawn_anew_when_a_setting_changes(excel: Excel) -> None:
    ribbon = RibbonUi()
    excel.do("OnLoadRibbon", ribbon)
    excel.press("OnFourDecimals", False)  # noqa: FBT003
    after_button = ribbon.redrawn
    excel.do("Write", "Settings", "C5", "Preview")
    assert 0 < after_button < ribbon.redrawn


def test_a_lost_ribbon_is_no_error(excel: Excel) -> None:
    excel.do("OnLoadRibbon", LostRibbon())
    excel.do("RedrawRibbon")
    excel.press("OnFourDecimals", False)  # noqa: FBT003
    assert excel.told == ""
    assert excel.shown("GetFourDecimals") is False


def test_an_error_is_a_sentence(excel: Excel) -> None:
    """Whatever goes wrong, no user sees the VBA debugger."""
    excel.do("Delete", "Help")
    excel.select("Faults", "D6")
    excel.press("OnHowToFix")
    assert excel.told.startswith("This did not work: ")
    assert "support bundle" in excel.told
