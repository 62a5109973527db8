"""Settings are read as people type them, wherever they live; what cannot be read is said in words, all at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.domain.settings import SETTINGS, NotReadableError, Setting, Settings, find, read_settings, read_value

D = Decimal
START = {"Start date": dt.date(2026, 9, 1)}
MONTH_END = dt.date(2026, 9, 30)

PROMISED: dict[str, object] = {
    "Sync mode": "Preview",
    "Sync every (minutes)": 15,
    "Start date": None,
    "Days to look back": 14,
    "Settle time (minutes)": 10,
    "Most invoices in one run": 500,
    "Invoices in the first live run": 10,
    "Paused": "No",
    "Autotask user name": "",
    "Mark invoices as sent in Autotask": "Yes",
    "Write Xero number back to Autotask": "No",
    "Xero organisation": "",
    "Xero client ID": "",
    "Invoice status in Xero": "Draft",
    "Branding theme": "",
    "Note in Xero's history": "No",
    "Use Autotask Numbers": "No",
    "Invoice number prefix": "",
    "Reference": "Both",
    "Due date from": "Autotask",
    "Attach Autotask PDF": "No",
    "Skip invoices smaller than": None,
    "Zero invoices": "Skip",
    "Zero lines": "Show",
    "When Autotask is voided": "Tell me",
    "Four decimal places": "Yes",
    "Currency": "",
    "Other currencies": "Refuse",
    "Exchange rate from": "Xero's daily rate",
    "Tax comes from": "Xero, must agree with Autotask",
    "Rounding line up to": D("0.05"),
    "Rounding account": "",
    "Match Xero contact by": "Name",
    "Exact upper and lower case": "Yes",
    "Create missing contacts": "No",
    "Update existing contacts": "No",
    "Accounts contact field": "Position",
    "Accounts contact value": "Accounts",
    "Send without a bad email address": "No",
    "Default sales account": "",
    "Unmapped billing code": "Stop",
    "Unmapped tax region": "Stop",
    "Default tax rate": "",
    "Closed period": "Hold",
    "Hold invoices dated on or before": None,
    "Tries before a fault": 3,
    "Alert these people": "",
    "Alert within (minutes)": 60,
    "Mail server": "",
    "Mail port": 587,
    "Mail security": "STARTTLS",
    "Mail user": "",
    "Mail from": "",
    "Copy payments back to Autotask": "No",
    "Log rows to show": 5000,
}
"""Every setting that people rely on, in order, with the value of a fresh workbook."""


def read(name: str, raw: object) -> object:
    return read_value(find(name), raw)


def refusal(name: str, raw: object) -> str:
    with pytest.raises(NotReadableError) as caught:
        read(name, raw)
    return str(caught.value)


# --- the declarations ---


def test_names_order_and_defaults() -> None:
    assert {setting.name: setting.default for setting in SETTINGS} == PROMISED
    assert [setting.name for setting in SETTINGS] == list(PROMISED)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_each_default_is_valid_by_its_own_declaration(setting: Setting) -> None:
    attribute = next(item.name for item in fields(Settings) if item.metadata["setting"] is setting)
    assert read_value(setting, setting.default) == getattr(Settings(), attribute)
    assert setting.help.endswith(".")
    assert len(setting.help) <= 255


@pytest.mark.parametrize("setting", [item for item in SETTINGS if item.choices], ids=lambda setting: setting.name)
def test_every_choice_can_be_chosen_in_any_case(setting: Setting) -> None:
    for choice in setting.choices:
        wanted = {"Yes": True, "No": False}[choice] if setting.kind == "yes or no" else choice
        assert [read_value(setting, text) for text in (choice, choice.upper(), f"  {choice.lower()} ")] == [wanted] * 3


@pytest.mark.parametrize("setting", [s for s in SETTINGS if s.low is not None], ids=lambda setting: setting.name)
def test_ranges_hold_at_both_ends(setting: Setting) -> None:
    assert setting.low is not None
    assert setting.high is not None
    assert read_value(setting, setting.low) == setting.low
    assert read_value(setting, setting.high) == setting.high
    for outside in (setting.low - 1, setting.high + 1):
        with pytest.raises(NotReadableError, match=f"from {setting.low} to {setting.high}"):
            read_value(setting, outside)


# --- choices, yes and no ---


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [("Yes", "Number"), ("yes", "Number"), (True, "Number"), (False, "No"), ("id", "Id"), ("NUMBER", "Number")],
)
def test_yes_for_use_autotask_numbers_means_number(raw: object, wanted: str) -> None:
    assert read("Use Autotask Numbers", raw) == wanted


def test_a_wrong_choice_is_told_the_right_ones() -> None:
    assert "“Perhaps” cannot be used for “Sync mode”. Type one of “Preview”, “Live”." in refusal("Sync mode", "Perhaps")
    assert "“STARTTLS”, “TLS”, “None”" in refusal("Mail security", "SSL")


def test_a_choice_may_hold_commas_and_two_blanks() -> None:
    assert read("Tax comes from", "xero,  ignore autotask's tax") == "Xero, ignore Autotask's tax"


@pytest.mark.parametrize("raw", [True, "Yes", "YES", " y ", "true", "TRUE", "on", 1, 1.0, "1"])
def test_yes(raw: object) -> None:
    assert read("Paused", raw) is True


@pytest.mark.parametrize("raw", [False, "No", "NO", "n", "false", "off", 0, 0.0, "0"])
def test_no(raw: object) -> None:
    assert read("Paused", raw) is False


@pytest.mark.parametrize("raw", ["maybe", 2, -1, "yess", 0.5])
def test_neither_yes_nor_no(raw: object) -> None:
    assert "“Yes”, “No”" in refusal("Paused", raw)


# --- numbers ---


@pytest.mark.parametrize(
    "raw",
    [
        "5000",
        5000,
        5000.0,
        D(5000),
        "5,000",
        "5.000",
        "5 000",
        "5\u00a0000",
        "5\u202f000",
        "5'000",
        "5\u2019000",
        "+5000",
    ],
)
def test_a_whole_number_with_any_mark_between_the_thousands(raw: object) -> None:
    assert read("Log rows to show", raw) == 5000


@pytest.mark.parametrize("raw", ["1,000", "1.000"])
def test_a_thousand_is_never_read_as_one(raw: str) -> None:
    """One, which the range allows too, would hold nearly every invoice back and say nothing."""
    assert read("Most invoices in one run", raw) == 1000


@pytest.mark.parametrize(
    "raw", ["ten", "10 min", "10.5", 10.5, "1e3", "--3", "", "NaN", "inf", float("nan"), True, "5-"]
)
def test_what_is_no_whole_number(raw: object) -> None:
    assert "a whole number from 5 to 1440" in refusal("Sync every (minutes)", raw)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("0.05", "0.05"),
        ("0,05", "0.05"),
        (0.05, "0.05"),
        (D("0.05"), "0.05"),
        (".5", "0.5"),
        (",5", "0.5"),
        (1, "1"),
        ("1,00", "1"),
        ("0,050", "0.05"),
        ("0.125", "0.125"),
        (",125", "0.125"),
    ],
)
def test_small_amounts_in_either_decimal_mark(raw: object, wanted: str) -> None:
    assert read("Rounding line up to", raw) == D(wanted)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("1,234.50", "1234.50"),
        ("1.234,50", "1234.50"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,50", "1234.50"),
        ("1\u202f234,50", "1234.50"),
        ("1'234.50", "1234.50"),
        ("1\u2019234.50", "1234.50"),
        ("123,456.7", "123456.7"),
        ("1.000.000", "1000000"),
        ("1,000,000", "1000000"),
        (0, "0"),
        (1.234, "1.234"),
        ("1234.5", "1234.5"),
        ("1234,5", "1234.5"),
    ],
)
def test_large_amounts_as_typed_in_different_countries(raw: object, wanted: str) -> None:
    assert read("Skip invoices smaller than", raw) == D(wanted)


@pytest.mark.parametrize("raw", ["1,234", "1.234", "123,456"])
def test_an_amount_that_can_be_read_in_two_ways_is_refused(raw: str) -> None:
    """A thousand in one country, one and a bit in the other: nobody's money is guessed."""
    assert raw in refusal("Skip invoices smaller than", raw)


@pytest.mark.parametrize(
    "raw", ["1.234.5", "1,234,56", "12.34.56", "1,,2", "$5", "5 NZD", "1_000", "(5)", "-1", "five"]
)
def test_what_is_no_amount(raw: str) -> None:
    assert "a number from 0 to 1000000" in refusal("Skip invoices smaller than", raw)


@given(st.decimals(0, 1000000, places=2), st.sampled_from(["", ",", ".", " ", "\u00a0", "\u202f", "'", "\u2019"]))
def test_money_with_cents_is_the_same_in_every_country(amount: Decimal, between: str) -> None:
    text = f"{amount:,.2f}".replace(",", "T").replace(".", "," if between == "." else ".").replace("T", between)
    assert read("Skip invoices smaller than", text) == amount
    if between not in {",", "."}:
        assert read("Skip invoices smaller than", text.replace(".", ",")) == amount


# --- dates ---


@pytest.mark.parametrize(
    "raw",
    [
        MONTH_END,
        dt.datetime(2026, 9, 30),  # noqa: DTZ001 - as spreadsheets give it
        dt.datetime(2026, 9, 30, 23, 59),  # noqa: DTZ001
        46295,
        46295.0,
        46295.75,
        "2026-09-30",
        "2026-9-30",
        "2026/09/30",
        "2026.09.30",
        "2026-09-30 00:00:00",
        "2026-09-30T00:00",
        "30/09/2026",
        "09/30/2026",
        "9/30/2026",
        "30.9.2026",
        "30-09-2026",
        "30 Sep 2026",
        "30-Sep-2026",
        "30 september 2026",
        "30 Sept. 2026",
        "30sep2026",
        " 30  September,  2026 ",
    ],
)
def test_a_date_however_it_is_typed(raw: object) -> None:
    assert read("Start date", raw) == MONTH_END


@pytest.mark.parametrize(
    ("raw", "one", "other"), [("1/2/2026", "2026-02-01", "2026-01-02"), ("12.11.2026", "2026-11-12", "2026-12-11")]
)
def test_a_date_that_can_be_read_in_two_ways_is_refused_with_both(raw: str, one: str, other: str) -> None:
    said = refusal("Start date", raw)
    assert raw in said
    assert one in said
    assert other in said


@pytest.mark.parametrize(("raw", "wanted"), [("5/5/2026", dt.date(2026, 5, 5)), ("2026-02-01", dt.date(2026, 2, 1))])
def test_a_date_that_has_one_reading_only(raw: str, wanted: dt.date) -> None:
    assert read("Start date", raw) == wanted


@pytest.mark.parametrize(
    "raw",
    [
        "31/4/2026",
        "2026-02-29",
        "13/13/2026",
        "30/9/26",
        "tomorrow",
        "2026",
        "30 Foo 2026",
        5,
        -1,
        99999,
        True,
        "46295x",
    ],
)
def test_what_is_no_date(raw: object) -> None:
    assert "a date such as 2026-09-30" in refusal("Start date", raw)


@pytest.mark.parametrize(
    "raw", ["0226-09-01", "2226-09-01", "1 Sep 1999", dt.date(2100, 1, 1), 36525, 73051, "1/1/1900"]
)
def test_a_year_that_must_be_a_slip_is_refused(raw: object) -> None:
    """The same span however it is typed: Excel keeps days before 1900 as text."""
    assert "from 2000 to 2099" in refusal("Start date", raw)


@given(st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)))
def test_every_day_is_read_back_or_asked_about(day: dt.date) -> None:
    assert read("Start date", day.isoformat()) == day
    assert read("Start date", f"{day.day} {day:%b} {day.year}") == day
    assert read("Start date", (day - dt.date(1899, 12, 30)).days) == day
    for typed in (f"{day.day}/{day.month}/{day.year}", f"{day.month}/{day.day}/{day.year}"):
        try:
            found = str(read("Start date", typed))
        except NotReadableError as error:
            found = str(error)
        assert str(day) in found


# --- text, people ---


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (200, "200"),
        (200.0, "200"),
        ("090", "090"),
        ("  Very   orange\u00a0invoice! ", "Very orange invoice!"),
        ("=1+1", "=1+1"),
    ],
)
def test_text_is_kept_but_for_needless_blanks(raw: object, wanted: str) -> None:
    assert read("Default sales account", raw) == wanted


def test_text_is_at_most_255_characters() -> None:
    assert read("Mail user", "x" * 255) == "x" * 255
    assert "255" in refusal("Mail user", "x" * 256)


@pytest.mark.parametrize("raw", ["a@x.example,b@y.example", "a@x.example; b@y.example", "a@x.example\nb@y.example"])
def test_people_with_any_mark_between(raw: str) -> None:
    assert read("Alert these people", raw) == "a@x.example, b@y.example"


def test_the_wrong_address_is_named() -> None:
    assert "“bob(at)x.example”" in refusal("Alert these people", "a@x.example, bob(at)x.example")


# --- blanks ---


@pytest.mark.parametrize("raw", [None, "", "   ", "\u00a0"])
@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Start date", None),
        ("Skip invoices smaller than", None),
        ("Currency", ""),
        ("Alert these people", ""),
    ],
)
def test_what_may_be_blank(name: str, wanted: object, raw: object) -> None:
    assert read(name, raw) == wanted


@pytest.mark.parametrize(
    "name", ["Sync mode", "Paused", "Sync every (minutes)", "Rounding line up to", "Mail security"]
)
def test_what_may_not_be_blank_says_what_belongs_there(name: str) -> None:
    said = refusal(name, None)
    assert f"“{name}” is blank" in said
    assert find(name).allowed in said


# --- names ---


@pytest.mark.parametrize("typed", ["Sync mode", "sync MODE", "  Sync   mode "])
def test_names_in_any_case_and_with_any_blanks(typed: str) -> None:
    assert find(typed).name == "Sync mode"


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("Sync mod", "Sync mode"),
        ("Startdate", "Start date"),
        ("four decimals", "Four decimal places"),
        ("Curency", "Currency"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(typed: str, nearest: str) -> None:
    with pytest.raises(NotReadableError, match=f"“{typed}”.*Did you mean “{nearest}”"):
        find(typed)


def test_a_name_like_nothing_points_to_the_sheet() -> None:
    with pytest.raises(NotReadableError, match="The Settings sheet lists them all"):
        find("Zzzzzz")


# --- all at once ---


def test_a_fresh_sheet_lacks_only_the_start_date() -> None:
    settings, problems = read_settings({setting.name: setting.default for setting in SETTINGS})
    assert [problem.where for problem in problems] == ["Start date"]
    assert settings == Settings()
    assert read_settings(START) == (Settings(start_date=dt.date(2026, 9, 1)), [])


def test_all_problems_come_at_once_and_defaults_stand_in() -> None:
    settings, problems = read_settings(
        {
            "Sync mode": "Perhaps",
            "Start date": "1/2/2026",
            "Mail port": 0,
            "Alert these people": "nobody",
            "Sink mode": "Live",
            "Paused": "yes",
            "Unmapped billing code": "Use default",
            "Unmapped tax region": "Use default",
        }
    )
    assert [problem.where for problem in problems] == [
        "Sync mode",
        "Start date",
        "Mail port",
        "Alert these people",
        "Sink mode",
        "Default sales account",
        "Default tax rate",
    ]
    assert (settings.sync_mode, settings.start_date, settings.mail_port, settings.alert_people) == (
        "Preview",
        None,
        587,
        "",
    )
    assert settings.paused


def test_a_default_that_is_used_must_be_there() -> None:
    cells = {**START, "Unmapped billing code": "Use default", "Unmapped tax region": "Use default"}
    assert read_settings({**cells, "Default sales account": 200, "Default tax rate": "OUTPUT2"})[1] == []
    assert [problem.where for problem in read_settings({**cells, "Default sales account": 200})[1]] == [
        "Default tax rate"
    ]


def test_a_problem_is_told_once_and_under_the_name_on_the_sheet() -> None:
    problems = read_settings({"start  date": "1/2/2026"})[1]
    assert [problem.where for problem in problems] == ["Start date"]


CELLS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(),
    st.text("0123456789.,'/- "),
    st.dates(),
    st.datetimes(),
)


@given(st.sampled_from(SETTINGS), CELLS)
def test_any_cell_is_read_or_refused_in_words(setting: Setting, raw: Any) -> None:
    """No cell breaks the reading; what is read fits the declaration and is read the same again."""
    try:
        value = read_value(setting, raw)
    except NotReadableError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert said.endswith((".", "?"))
        return
    assert read_value(setting, value) == value
    if setting.low is not None and value is not None:
        assert isinstance(value, int | Decimal)
        assert setting.high is not None
        assert setting.low <= value <= setting.high


@given(st.text())
def test_any_name_is_found_or_refused_in_words(name: str) -> None:
    assume(" ".join(name.split()).casefold() not in {setting.name.casefold() for setting in SETTINGS})
    with pytest.raises(NotReadableError, match="There is no setting named"):
        find(name)
