"""The tab itself: valid for Office, explained, and every control wired to its Sub."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from openxml_audit import OpenXmlValidator

from agent.domain.faults import CATALOGUE
from agent.inbox import VERBS
from workbook import layout
from workbook.build import MACROS, RIBBON, ROOT, TARGET, modules
from workbook.package import Package

NAMESPACE = "{http://schemas.microsoft.com/office/2006/01/customui}"
CONTROL = "control As IRibbonControl"
SIGNATURES = {
    ("customUI", "onLoad"): "ribbon As IRibbonUI",
    ("button", "onAction"): CONTROL,
    ("toggleButton", "onAction"): f"{CONTROL}, pressed As Boolean",
    ("dropDown", "onAction"): f"{CONTROL}, selectedId As String, selectedIndex As Integer",
    ("dropDown", "getItemLabel"): f"{CONTROL}, index As Integer, ByRef returned",
    ("dropDown", "getItemCount"): f"{CONTROL}, ByRef returned",
    ("dropDown", "getSelectedItemIndex"): f"{CONTROL}, ByRef returned",
    ("toggleButton", "getPressed"): f"{CONTROL}, ByRef returned",
    ("toggleButton", "getLabel"): f"{CONTROL}, ByRef returned",
}
"""What Office calls each callback with."""

ICONS = {
    "About", "AcceptInvitation", "AdpNewTable", "AdpPrimaryKey", "ApplicationOptionsDialog", "ApplyCurrencyFormat",
    "AppointmentOutOfOffice", "AssignTask", "AssignmentNotes", "AttachFile", "AutoPreview", "BlogCategoriesRefresh",
    "BlogHomePage", "BlogPublish", "ChartInsert", "DecimalsIncrease", "DeclineInvitation", "Help", "HighImportance",
    "HyperlinkInsert", "Info", "RecurrenceEdit", "Refresh", "RefreshAll", "ReviewNextComment", "SendStatusReport",
    "ServerConnection", "_1",
}  # fmt: skip
"""Names out of published lists of Office's own icons. Office shows nothing in place of a name that it does not know."""

GROUPS = {
    "Go to": ["Dashboard", "Faults", "Mappings", "Log"],
    "Sync": ["Sync now", "Preview", "GetPauseLabel", "Refresh"],
    "Selected invoices": ["Resync", "Why?", "Never send", "Send again", "Open in Xero", "Open in Autotask"],
    "Faults": ["Go to next", "Resync all like this", "Use suggested contact", "Create in Xero", "Send these"],
    "Settings": ["GetFourDecimalsLabel", "Currency", "GetAutotaskNumbersLabel", "All settings"],
    "Connections": ["Test", "Connect Autotask", "Connect Xero"],
    "Help": ["How to fix this", "Support bundle", "About"],
}


@pytest.fixture(scope="module")
def ribbon() -> ET.Element:
    return ET.parse(MACROS / "ribbon.xml").getroot()  # noqa: S314 - our own file


def controls(ribbon: ET.Element) -> list[ET.Element]:
    return [
        item for item in ribbon.iter() if item.tag.removeprefix(NAMESPACE) in {"button", "toggleButton", "dropDown"}
    ]


def callbacks(ribbon: ET.Element) -> list[tuple[str, str, str]]:
    """Every callback: its element, its attribute, and the Sub that it names."""
    return [
        (item.tag.removeprefix(NAMESPACE), name, value)
        for item in ribbon.iter()
        for name, value in item.attrib.items()
        if name == "onAction" or name.startswith(("get", "onLoad"))
    ]


def test_the_tab_has_its_groups_and_buttons(ribbon: ET.Element) -> None:
    found = {
        str(group.get("label")): [item.get("label") or item.get("getLabel") for item in controls(group)]
        for group in ribbon.iter(f"{NAMESPACE}group")
    }
    assert list(found.items()) == list(GROUPS.items())


def test_office_takes_the_elements(tmp_path: Path) -> None:
    """Elements, their order and their fixed words, by the rules of Microsoft that openxml-audit knows."""
    assert [str(error) for error in OpenXmlValidator().validate(TARGET).errors if "customUI" in str(error)] == []
    package = Package.read(TARGET)
    wrong = package.part(RIBBON).replace(b'size="large"', b'size="huge"', 1)
    package.replace(RIBBON, wrong.replace(b"</group>", b"<tab/></group>", 1))
    broken = tmp_path / "broken.xlsm"
    broken.write_bytes(package.to_bytes())
    errors = [str(error) for error in OpenXmlValidator().validate(broken).errors]
    assert any("'huge'" in error for error in errors)
    assert any("'tab'" in error for error in errors)


def allowed() -> dict[str, set[str]]:
    """Which attributes each element may have, by the same rules."""
    path = files("openxml_audit") / "data/openxml/schemas/schemas_microsoft_com_office_2006_01_customui.json"
    found: dict[str, set[str]] = {}
    for kind in json.loads(path.read_text(encoding="utf-8"))["Types"]:
        element = kind["Name"].rpartition(":")[2]
        found.setdefault(element, set()).update(item["QName"].lstrip(":") for item in kind.get("Attributes", ()))
    return found


def test_office_knows_the_attributes(ribbon: ET.Element) -> None:
    known = allowed()
    for item in ribbon.iter():
        assert set(item.attrib) <= known[item.tag.removeprefix(NAMESPACE)], item.attrib
    assert "nonsense" not in known["button"]


def test_of_attributes_that_exclude_each_other_there_is_one(ribbon: ET.Element) -> None:
    for item in controls(ribbon):
        assert ("label" in item.attrib) != ("getLabel" in item.attrib)
        assert not {"image", "getImage", "getSize"} & set(item.attrib)


def test_ids_are_unique(ribbon: ET.Element) -> None:
    ids = [item.get("id") for item in ribbon.iter() if item.get("id")]
    assert len(ids) == len(set(ids))
    assert all(str(name).startswith("AutoXero") for name in ids)


def test_every_control_explains_itself(ribbon: ET.Element) -> None:
    for item in controls(ribbon):
        assert 4 < len(item.get("screentip", "")) < 60, item.attrib
        assert 40 < len(item.get("supertip", "")) < 200, item.attrib
        assert item.get("supertip", "").endswith("."), item.attrib


def test_every_icon_is_offices_own(ribbon: ET.Element) -> None:
    used = {item.get("imageMso") for item in controls(ribbon)}
    assert used <= ICONS
    assert None not in used


def test_every_callback_has_its_sub(ribbon: ET.Element) -> None:
    """With exactly the parameters that Office passes: with others it says nothing and does nothing."""
    source = modules(MACROS / "vba")["AutoXeroRibbon"]
    for element, attribute, name in callbacks(ribbon):
        found = re.findall(rf"^Public Sub {name}\((.*)\)\r$", source, re.MULTILINE)
        assert found == [SIGNATURES[element, attribute]], name


def test_no_callback_is_left_over(ribbon: ET.Element) -> None:
    source = modules(MACROS / "vba")["AutoXeroRibbon"]
    written = set(re.findall(r"^Public Sub ((?:On|Get)\w+)\(", source, re.MULTILINE))
    assert written == {name for _, _, name in callbacks(ribbon)}


def test_no_control_shares_its_sub(ribbon: ET.Element) -> None:
    names = [name for _, _, name in callbacks(ribbon)]
    assert len(names) == len(set(names))


def test_every_callback_can_fail_softly() -> None:
    source = modules(MACROS / "vba")["AutoXeroRibbon"].replace("\r\n", "\n")
    bodies = re.findall(r"^Public Sub (\w+)\([^\n]*\)\n(.*?)^End Sub", source, re.MULTILINE | re.DOTALL)
    assert len(bodies) == source.count("End Sub")
    for name, body in bodies:
        assert body.startswith("    On Error GoTo Failed\n"), name
        handler = body.partition("\nFailed:\n")[2]
        wanted = {"Get": "", "Red": "    Set ribbonUi = Nothing\n"}.get(name[:3], "    TellFailure Err.Description\n")
        assert handler == wanted, name


def test_the_verbs_are_those_of_the_inbox() -> None:
    """What buttons ask for is what the agent takes; *Send now* is the column Do's word for *Send these*."""
    source = modules(MACROS / "vba")["AutoXeroRibbon"]
    asked = re.findall(r"^    (?:Ask|AskForSelected|AskForFault) (\S+)", source, re.MULTILINE)
    assert {item.strip('",') for item in asked} == VERBS - {"send-now", "bundle"}  # that asks first
    assert all(re.fullmatch(r'"[a-z-]+",?', item) for item in asked)


def test_the_catalogue_names_buttons_that_are_there(ribbon: ET.Element) -> None:
    """Or what the column Do calls them, or a sheet."""
    known = {item.get("label") for item in controls(ribbon)} | set(layout.DO) | set(layout.SHEETS)
    assert {kind.button.partition(":")[0] for kind in CATALOGUE.values() if kind.button} <= known


def test_the_page_tells_every_button(ribbon: ET.Element) -> None:
    page = (ROOT / "docs" / "ribbon.md").read_text(encoding="utf-8")
    changing = {
        "GetPauseLabel": "Pause / Go on",
        "GetFourDecimalsLabel": "Four decimals",
        "GetAutotaskNumbersLabel": "Autotask numbers",
    }
    for item in controls(ribbon):
        assert f"| **{item.get('label') or changing[item.get('getLabel', '')]}** |" in page
