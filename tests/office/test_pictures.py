"""The pictures of the docs: every sheet, the tab and the buttons have theirs, each is shown, and no link is dead."""

from __future__ import annotations

import re
from pathlib import Path

from lxml import etree

from tests.office.pictures import ACTIONS, PICTURES, TARGET, tab_html, usual_label
from workbook.build import MACROS
from workbook.layout import SHEETS

TOP = Path(__file__).parents[2]
PAGES = (TOP / "README.md", *sorted((TOP / "docs").glob("*.md")))
MADE = {f"{picture.name}.png" for picture in (*PICTURES, *(action.picture for action in ACTIONS))} | {"tab.png"}


def linked() -> set[Path]:
    """The pictures that the pages show."""
    links = ((page, link) for page in PAGES for link in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text("utf-8")))
    return {(page.parent / link).resolve() for page, link in links}


def test_every_sheet_the_tab_and_the_buttons_have_a_picture() -> None:
    assert {picture.sheet for picture in PICTURES} == set(SHEETS)
    assert {path.name for path in TARGET.glob("*.png")} == MADE
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in TARGET.glob("*.png"))


def test_every_picture_is_shown_and_every_link_leads_to_one() -> None:
    assert linked() == {TARGET / name for name in MADE}


def test_the_drawing_of_the_tab_names_every_control() -> None:
    drawn, ribbon = tab_html(), etree.fromstring((MACROS / "ribbon.xml").read_bytes())
    controls = [item for item in ribbon.iter("{*}*") if item.get("id")]
    assert len(controls) > 30
    missing = [item.get("id") for item in controls if f'id="{item.get("id")}"' not in drawn]
    missing += [item.get("label") for item in controls if item.get("label", "") not in drawn]
    assert missing == []
    assert ">Pause<" in drawn
    assert ">Four decimals<" in drawn


def test_the_buttons_pictured_are_on_the_tab() -> None:
    ribbon = etree.fromstring((MACROS / "ribbon.xml").read_bytes())
    macros = {
        item.get("onAction"): item.get("label") or usual_label(item.get("getLabel", ""))
        for item in ribbon.iter("{*}button", "{*}toggleButton", "{*}dropDown")
    }
    assert {action.macro: action.label for action in ACTIONS}.items() <= macros.items()
