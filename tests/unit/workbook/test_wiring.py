"""Wiring a workbook: xlwings' macros and ours in, exactly; everything else in the file as it was."""

from __future__ import annotations

import re
import shutil
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from openpyxl import load_workbook
from openxml_audit import OpenXmlValidator
from pyopenvba import ExcelFile
from pyopenvba.cfb import CFB
from pyopenvba.vba import normalize_class_source

from workbook.book import Book
from workbook.build import MACROS, TARGET, modules
from workbook.errors import WorkbookError
from workbook.package import Package
from workbook.project import Projection, project
from workbook.read import read
from workbook.wiring import Wiring, read_wiring, unwire, wire, xlwings_modules

Edit = Callable[[str, Callable[[bytes], bytes]], None]

PYTHON = r"C:\Users\Zoë & Söhne\AutoXero\.venv\Scripts\python.exe"
WIRING = Wiring("w-1", r"C:\Users\Zoë & Söhne\AppData\Local\AutoXero\inbox", "0.1.0", "win32", PYTHON)
MAC = Wiring("w-1", "/Users/jo/inbox", "0.1.0", "darwin", "/Users/jo/.venv/bin/python")


def macros(path: Path) -> dict[str, str]:
    """Every module's source, as pyOpenVBA reads it."""
    with ExcelFile(path) as file:
        return dict(file.vba_modules())


def as_olevba_reads(path: Path) -> dict[str, str]:
    """Every module's source, as olevba reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it uses old names of its parser
        from oletools.olevba import VBA_Parser

        parser = VBA_Parser(str(path))
        found = {Path(name).stem: code for _, _, name, code in parser.extract_macros()}
        parser.close()
    return found


def change(path: Path, how: Callable[[ExcelFile], object]) -> None:
    """Change the macros as the accountant, or an older version, did."""
    with ExcelFile(path) as file:
        how(file)
        file.save()


def conf(path: Path) -> dict[str, object]:
    """What xlwings reads from its sheet."""
    rows = load_workbook(path)["xlwings.conf"].iter_rows(max_col=2, values_only=True)
    return {str(key): value for key, value in rows if key}


def place(path: Path) -> object:
    """Where the workbook says that it is kept."""
    book = load_workbook(path)
    sheet, cell = next(iter(book.defined_names["AutoXeroPath"].destinations))
    return book[sheet][cell].value


def parts(path: Path) -> dict[str, bytes]:
    package = Package.read(path)
    return {name: package.part(name) for name in package.names}


def test_both_readers_find_every_source_exactly(fresh: Path) -> None:
    """pyOpenVBA and olevba, which know nothing of each other, read back what xlwings ships and what is ours."""
    wire(fresh, WIRING)
    wanted = {name: source for name, source in modules(MACROS / "vba").items() if source.startswith("Attribute ")}
    wanted |= xlwings_modules("win32")
    assert "RunPython" in wanted["xlwings"]
    assert macros(fresh).items() >= wanted.items()
    told = as_olevba_reads(fresh)
    assert {name: told[name].split() for name in wanted} == {name: text.split() for name, text in wanted.items()}


def test_the_macros_are_those_of_the_installed_xlwings() -> None:
    """The version in them is the one that Python imports, so the two agree."""
    from importlib.metadata import version

    assert f'XLWINGS_VERSION As String = "{version("xlwings")}"' in xlwings_modules("win32")["xlwings"]


def test_xlwings_is_told_which_python_and_nothing_that_costs(fresh: Path) -> None:
    """The interpreter stands in its sheet; no folder of the workbook is trusted with code; no licence key."""
    wire(fresh, WIRING)
    told = conf(fresh)
    assert told["Interpreter_Win"] == PYTHON
    assert told["Interpreter_Mac"] is None
    assert str(told["ADD_WORKBOOK_TO_PYTHONPATH"]) == "False"
    assert str(told["Use UDF Server"]) == "False"
    assert not any(told[key] for key in ("PYTHONPATH", "Conda Path", "Conda Env", "UDF Modules"))
    assert not [key for key in told if "LICEN" in key.upper()]
    assert not [name for name in load_workbook(fresh).sheetnames if name.endswith(".py")]


def test_macos_gets_its_own_python_and_the_class_it_lacks(fresh: Path) -> None:
    wire(fresh, MAC)
    assert (conf(fresh)["Interpreter_Mac"], conf(fresh)["Interpreter_Win"]) == (MAC.python, None)
    assert macros(fresh)["Dictionary"] == normalize_class_source(xlwings_modules("darwin")["Dictionary"])
    assert "Dictionary" not in xlwings_modules("win32")


def test_the_workbook_says_what_it_is_wired_to(fresh: Path) -> None:
    assert read_wiring(fresh) == Wiring("", "", "")
    wire(fresh, WIRING)
    assert read_wiring(fresh) == Wiring(WIRING.workbook_id, WIRING.inbox, WIRING.version)
    assert read(fresh).workbook_id == "w-1"


def test_the_workbook_says_where_it_is_kept(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a whole path; one that is wired before it is in its place says the place. Taken apart it says none."""
    assert place(fresh) is None
    monkeypatch.chdir(tmp_path)
    wire(Path(fresh.name), WIRING)
    assert place(fresh) == str(fresh)
    wire(fresh, replace(WIRING, path="/home/jo/AutoXero.xlsm"))
    assert place(fresh) == "/home/jo/AutoXero.xlsm"
    unwire(fresh)
    assert place(fresh) is None


def cache(path: Path) -> bytes:
    """What the project keeps compiled."""
    return bytes(CFB.from_bytes(parts(path)["xl/vbaProject.bin"]).get_stream_in_storage("VBA", "_VBA_PROJECT"))


def test_no_office_believes_what_is_left_of_a_cache(fresh: Path) -> None:
    """A project that was written anew is compiled anew; one whose macros stay as they are stays byte for byte."""
    wire(fresh, WIRING)
    assert cache(fresh).hex() == "cc61ffff000000"
    change(fresh, lambda file: file.vba_project().add_module("MyOffice", 'Attribute VB_Name = "MyOffice"\r\n'))
    package = Package.read(fresh)
    container = CFB.from_bytes(package.part("xl/vbaProject.bin"))
    container.write_stream_in_storage("VBA", "_VBA_PROJECT", b"\xcc\x61\xb5\x00\x00 compiled by Excel")
    package.replace("xl/vbaProject.bin", container.to_bytes())
    package.save(fresh, package.digest)
    before = parts(fresh)["xl/vbaProject.bin"]
    assert wire(fresh, replace(WIRING, inbox="elsewhere")).changed
    assert parts(fresh)["xl/vbaProject.bin"] == before
    unwire(fresh)
    assert cache(fresh).hex() == "cc61ffff000000"
    assert "MyOffice" in macros(fresh)


def test_all_other_parts_stay_as_they_lie(fresh: Path) -> None:
    before = parts(fresh)
    wire(fresh, WIRING)
    after = parts(fresh)
    sheets = Book(Package.read(fresh)).sheets
    assert set(before) == set(after)
    assert {name for name in before if before[name] != after[name]} == {
        "xl/vbaProject.bin", sheets["_lists"], sheets["xlwings.conf"],
    }  # fmt: skip


def test_the_wired_workbook_is_valid(fresh: Path) -> None:
    wire(fresh, MAC)
    assert [str(error) for error in OpenXmlValidator().validate(fresh).errors] == []
    with ExcelFile(fresh) as file:
        assert file.validate() == []


def test_wiring_twice_touches_the_file_once(fresh: Path) -> None:
    assert wire(fresh, WIRING).changed
    once = fresh.read_bytes()
    assert not wire(fresh, WIRING).changed
    assert fresh.read_bytes() == once


def test_an_update_replaces_ours_and_leaves_the_accountants(fresh: Path, tmp_path: Path) -> None:
    """Macros and ribbon of an older version go; the accountant's modules, settings and sheets stay; a copy is kept."""
    own = 'Attribute VB_Name = "MyOffice"\r\nSub Hello()\r\n    MsgBox "Kia ora"\r\nEnd Sub\r\n'
    old = 'Attribute VB_Name = "{}"\r\nSub Old()\r\nEnd Sub\r\n'
    project(fresh, Projection(edits={"Settings": {("Autotask user name",): {"Value": "api@kauri.example"}}}))
    change(fresh, lambda file: file.vba_project().add_module("MyOffice", own))
    change(fresh, lambda file: file.vba_project().add_module("AutoXeroGone", old.format("AutoXeroGone")))
    change(fresh, lambda file: file.vba_project().add_module("xlwings", old.format("xlwings")))
    change(fresh, lambda file: file.set_module("AutoXeroRibbon", old.format("AutoXeroRibbon")))
    package = Package.read(fresh)
    package.replace("customUI/customUI.xml", b"<old/>")
    package.save(fresh, package.digest)
    before = fresh.read_bytes()
    outcome = wire(fresh, WIRING, tmp_path / "backups")
    found = macros(fresh)
    assert outcome.changed
    assert found["MyOffice"] == own
    assert "AutoXeroGone" not in found
    assert found["xlwings"] == xlwings_modules("win32")["xlwings"]
    assert found["AutoXeroRibbon"] == modules(MACROS / "vba")["AutoXeroRibbon"]
    assert parts(fresh)["customUI/customUI.xml"] == (MACROS / "ribbon.xml").read_bytes()
    assert read(fresh).settings.autotask_user == "api@kauri.example"
    assert [copy.read_bytes() for copy in (tmp_path / "backups").iterdir()] == [before]


def test_the_accountants_own_dictionary_stays(fresh: Path) -> None:
    """A class under the name of the one that xlwings ships is kept when wired, and when taken apart again."""
    own = 'Attribute VB_Name = "Dictionary"\r\nPublic Mine As Long\r\n'
    change(fresh, lambda file: file.vba_project().add_module("Dictionary", own))
    wire(fresh, MAC)
    unwire(fresh)
    assert macros(fresh)["Dictionary"] == own


def test_unwiring_leaves_the_accountant_the_file(fresh: Path) -> None:
    """Nothing of xlwings, of this computer's paths or of the inbox is left; ours, the sheets and the id are."""
    before = macros(fresh)
    wire(fresh, MAC)
    unwire(fresh)
    assert macros(fresh) == before
    assert read_wiring(fresh) == Wiring("w-1", "", "0.1.0")
    assert not any(conf(fresh)[key] for key in ("Interpreter_Win", "Interpreter_Mac"))
    assert not [name for name, data in parts(fresh).items() if b"/Users/jo" in data]
    assert not unwire(fresh).changed


def test_a_missing_ribbon_and_missing_macros_come_back(fresh: Path) -> None:
    """Some program dropped them; afterwards the file has both again and is valid."""
    package = Package.read(fresh)
    package.remove("customUI/customUI.xml")
    package.remove("xl/vbaProject.bin")
    for part, pattern in (
        ("_rels/.rels", rb"<Relationship [^>]*customUI[^>]*/>"),
        ("xl/_rels/workbook.xml.rels", rb"<Relationship [^>]*vbaProject[^>]*/>"),
        ("[Content_Types].xml", rb"<(?:Default|Override) [^>]*vbaProject[^>]*/>"),
    ):
        left = re.sub(pattern, b"", package.part(part))
        assert left != package.part(part)
        package.replace(part, left)
    package.save(fresh, package.digest)
    wire(fresh, WIRING)
    assert parts(fresh)["customUI/customUI.xml"] == (MACROS / "ribbon.xml").read_bytes()
    assert {"xlwings", "AutoXeroRibbon", "ThisWorkbook", "SheetSettings"} <= set(macros(fresh))
    assert [str(error) for error in OpenXmlValidator().validate(fresh).errors] == []


def test_macros_locked_with_a_password_are_said_to_be(fresh: Path) -> None:
    package = Package.read(fresh)
    container = CFB.from_bytes(package.part("xl/vbaProject.bin"))
    open_project = container.get_stream("PROJECT")
    container.write_stream("PROJECT", re.sub(rb'DPB="[^"]*"', b'DPB="%b"' % (b"0E" * 36), open_project))
    package.replace("xl/vbaProject.bin", container.to_bytes())
    package.save(fresh, package.digest)
    before = fresh.read_bytes()
    with pytest.raises(WorkbookError, match="locked with a password"):
        wire(fresh, WIRING)
    assert fresh.read_bytes() == before


def sign(path: Path) -> None:
    """Sign the macros, as the office's IT may have done."""
    package = Package.read(path)
    kind = "http://schemas.microsoft.com/office/2006/relationships/vbaProjectSignature"
    namespace = "http://schemas.openxmlformats.org/package/2006/relationships"
    package.add("xl/vbaProjectSignature.bin", b"signed")
    package.add(
        "xl/_rels/vbaProject.bin.rels",
        f'<Relationships xmlns="{namespace}"><Relationship Id="rId1" Type="{kind}" '
        'Target="vbaProjectSignature.bin"/></Relationships>'.encode(),
    )
    types = package.part("[Content_Types].xml").replace(
        b"</Types>",
        b'<Override PartName="/xl/vbaProjectSignature.bin" '
        b'ContentType="application/vnd.ms-office.vbaProjectSignature"/></Types>',
    )
    package.replace("[Content_Types].xml", types)
    package.save(path, package.digest)


def test_a_signature_that_no_longer_holds_is_taken_out_and_told(fresh: Path) -> None:
    """Excel would call the file damaged or unsafe: the office signs anew."""
    sign(fresh)
    outcome = wire(fresh, WIRING)
    assert "were signed" in " ".join(outcome.notes)
    assert "xl/vbaProjectSignature.bin" not in parts(fresh)
    assert b"Signature" not in parts(fresh)["[Content_Types].xml"]


def test_a_signature_stays_where_no_macro_changes(fresh: Path) -> None:
    """The office signed the wired workbook; a later call that has only the paths to change leaves it signed."""
    wire(fresh, WIRING)
    sign(fresh)
    outcome = wire(fresh, replace(WIRING, inbox="elsewhere"))
    assert outcome.changed
    assert outcome.notes == ()
    assert parts(fresh)["xl/vbaProjectSignature.bin"] == b"signed"


def test_an_open_workbook_is_not_touched(fresh: Path) -> None:
    shutil.copy(fresh, fresh.with_name("before"))
    fresh.with_name("~$AutoXero.xlsm").write_bytes(bytes([2]) + b"Jo" + bytes(50))
    for attempt in (lambda: wire(fresh, WIRING), lambda: unwire(fresh), lambda: read_wiring(fresh)):
        with pytest.raises(WorkbookError, match="open by Jo"):
            attempt()
    assert fresh.read_bytes() == fresh.with_name("before").read_bytes()


def test_another_workbook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "theirs.xlsm"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("hello.txt", "hello")
    with pytest.raises(WorkbookError):
        wire(path, WIRING)


def test_the_shipped_workbook_holds_no_xlwings_and_no_place() -> None:
    """It is wired in the user's copy only."""
    assert "xlwings" not in macros(TARGET)
    assert read_wiring(TARGET) == Wiring("", "", "")
    assert etree.fromstring(parts(TARGET)["xl/workbook.xml"]) is not None
