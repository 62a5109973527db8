"""The support bundle: what helps is in it; secrets, customers' names and addresses are planted, and are not."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent import verbs
from agent.bugs import write_report
from agent.bundle import Masks, Piece, gather, usual_path, write_bundle
from agent.cli import _wants, main
from agent.domain.faults import CATALOGUE
from agent.errors import PlainError
from agent.keys import ENTRIES
from agent.pretend.troubles import Trouble
from agent.sync import sync
from tests.support import Practice, support
from tests.system.test_sign_in import Office, at_home, same_keys

NAMES = ["Zebra & Söhne (Tiefbau) GmbH", "Kōkako Cafe", "Quokka Ltd"]
PEOPLE = ["Persephone", "Ignatius"]
ADDRESSES = ["persephone@zebra.example", "ignatius(at)kokako.example", "boss@practice.example"]
SECRETS = ['Pl4nted-"secret"', "Pl4nted-code\\", "Pl4nted-client", "Pl4nted-refresh", "Pl4nted-sm7p"]
"""One for each entry of the key store; some look otherwise in JSON."""
SEVERAL = CATALOGUE["AX-107"].title
LIST = f"{SEVERAL}: Customer 3 has 2 active contacts: Person 1. In Autotask set the"


@pytest.fixture
def office(practice: Practice, tmp_path: Path) -> Iterator[Office]:
    """A practice with every kind of name, address and secret in it, and with faults that tell of them."""
    user, app = practice.cloud.autotask.user, practice.cloud.xero.app
    user.secret, user.integration_code, app.secret = SECRETS[:3]
    found = at_home(practice, tmp_path)
    for entry, secret in zip(ENTRIES, SECRETS, strict=True):
        found.keep(f"AutoXero in {practice.home}/{entry}", secret)
    world = practice.world
    world.company(NAMES[0], people=[(PEOPLE[0], ADDRESSES[0], 1)])
    world.company(NAMES[1], in_xero=False, people=[(PEOPLE[1], ADDRESSES[1], 1)])
    world.company(NAMES[2], in_xero=False, people=[(PEOPLE[0], ADDRESSES[0], 0)])
    practice.cloud.xero.add_contact(f"{NAMES[1]} (old)", EmailAddress="old@kokako.example")
    practice.set(
        Create_missing_contacts="Yes", Alert_these_people=ADDRESSES[2], Mail_from=ADDRESSES[2],
        Xero_client_ID=app.client_id, Autotask_user_name=user.username,
    )  # fmt: skip
    for name in NAMES:
        world.invoice(name, [support(text=f"For {PEOPLE[0]} of {name}")], orderNumber=f"PO {PEOPLE[1]}")
    world.invoice(NAMES[0], [support(code="Drone Survey")])
    refused = world.invoice(NAMES[0], [support("3")], number="AT-REFUSED")
    body = b'{"ErrorNumber":10,"Type":"ValidationException","Message":"No such period."}'
    trouble = Trouble("400", system="xero", method="PUT", body_contains=f"invoice={refused}", times=None, body=body)
    practice.cloud.troubles.add(trouble)
    with same_keys(found):
        yield found


def run(office: Office, *arguments: str) -> Result:
    """The command, in this process."""
    return CliRunner().invoke(
        main, ["bundle", *arguments, "--workbook", str(office.practice.workbook)], env=office.environment
    )


def planted(office: Office) -> dict[str, str]:
    """Everything has happened, and every secret stands where one could; gives the unpacked bundle."""
    practice = office.practice
    sync(office.desk())
    verbs.test(office.desk())
    ledger, all_of_them = practice.desk().ledger, " and ".join(SECRETS)
    ledger.log("Person", f"Person: {PEOPLE[0]} Example, Contact: {NAMES[0]}")
    ledger.log("Oops", all_of_them)
    ledger.remember(light_mail=json.dumps({"ok": False, "code": "AX-504", "detail": all_of_them}))
    (practice.home / "agent.log").write_text(f"secret={SECRETS[0]} for {NAMES[0].upper()} <{ADDRESSES[0]}>\n" * 9)
    (practice.home / "bug-20260101-000000.txt").write_text(f"RuntimeError: {all_of_them!r} {NAMES[1]}\n")
    path = practice.home.parent / "bundle.zip"
    done = run(office, "--yes", "--out", str(path))
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_what_is_secret_or_somebodys_is_not_in_it(office: Office) -> None:
    files = planted(office)
    user = office.practice.cloud.autotask.user
    whole = "\n".join(files.values())
    for word in (*NAMES, *PEOPLE, *ADDRESSES, *SECRETS, user.username, "kokako", "Kauri Legal", "@"):
        for form in (word, word.upper(), json.dumps(word)[1:-1], word.replace("&", "&amp;")):
            assert form not in whole, form
    assert "Customer 1" in whole
    assert re.search(r"Person: Person \d", whole)
    assert re.search(r"Address \d", whole)


def test_what_helps_is_in_it(office: Office) -> None:
    files = planted(office)
    assert list(files) == [
        "versions.txt", "settings.txt", "connections.json", "counts.json", "faults.json", "log.json", "agent.log",
        "bugs.txt",
    ]  # fmt: skip
    assert "sqlalchemy" in files["versions.txt"].lower()
    assert "Create missing contacts = True" in files["settings.txt"]
    assert "Alert these people = (filled)" in files["settings.txt"]
    assert "AccountMap: Remote Support ·  = 200" in files["settings.txt"]
    connections = json.loads(files["connections.json"])
    assert connections["connections"]["autotask"]["ok"] is True
    assert any(row["name"] == "Workbook" for row in connections["checks"]["checks"])
    faults: dict[str, Any] = {row["fault_code"]: row for row in json.loads(files["faults.json"])}
    assert {"AX-103", "AX-104", "AX-109", "AX-299"} <= faults.keys()
    (document,) = {json.dumps(item["lines"]) for item in faults["AX-299"]["documents"]}
    assert '"quantity": "3"' in document
    assert "characters)" in document
    assert json.loads(files["counts.json"])["open_faults"]["AX-109"] == 1
    assert len(json.loads(files["log.json"])) > 3
    assert "•••" in files["agent.log"]
    assert "RuntimeError" in files["bugs.txt"]


def test_one_customer_has_one_name_throughout(office: Office) -> None:
    files = planted(office)
    faults = {row["fault_code"]: row for row in json.loads(files["faults.json"])}
    mine = faults["AX-104"]["customer"]
    assert mine.startswith("Customer ")
    assert mine in faults["AX-104"]["fault_detail"]
    assert faults["AX-109"]["customer"] == faults["AX-299"]["customer"] != mine
    assert faults["AX-299"]["documents"][0]["contact_name"] == faults["AX-299"]["customer"]


def test_it_is_shown_before_it_is_written(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    done = run(office, "--out", str(path))
    assert done.exit_code == 2
    assert not path.exists()
    for name in ("versions.txt", "faults.json", "agent.log"):
        assert name in done.stderr
    assert "bytes" in done.stderr
    assert "nobody was asked" in done.stderr
    assert "--show" in done.stderr
    told = json.loads(run(office, "--yes", "--json", "--out", str(path)).stdout)
    assert told["path"] == str(path)
    with zipfile.ZipFile(path) as packed:
        sizes = {info.filename: info.file_size for info in packed.infolist()}
    assert {row["name"] for row in told["files"]} == sizes.keys()
    again = run(office, "--yes", "--out", str(path))
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_all_of_it_can_be_read_without_writing_it(office: Office, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    sync(office.desk())
    shown = run(office, "--show")
    told = json.loads(run(office, "--show", "--json").stdout)
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert not list(tmp_path.glob("*.zip"))
    for row in told["files"]:
        assert f"--- {row['name']}: {row['what']}" in shown.stderr
        assert row["text"][:30] in shown.stderr
    assert '"fault_code": "AX-109"' in shown.stderr


def test_at_a_terminal_a_part_can_be_read_before_it_is_decided() -> None:
    pieces = [Piece("faults.json", "faults", "what is in it"), Piece("bugs.txt", "bugs", "There are none.")]
    with CliRunner().isolation(input="faults\nFAULTS.json\ny\n") as (out, errors, _):
        assert _wants(pieces, Path("x.zip"))
        assert out.getvalue().decode().strip() == "what is in it"
        assert "“faults” is none of them: faults.json, bugs.txt." in errors.getvalue().decode()
    with CliRunner().isolation(input="\n"):
        assert not _wants(pieces, Path("x.zip"))


# --- what is called otherwise by now ---


def test_names_and_words_of_before_a_change_are_not_in_it(practice: Practice) -> None:
    """A customer renamed before anything was sent, a contact exchanged, an order number and a reference changed."""
    world, autotask, xero = practice.world, practice.cloud.autotask, practice.cloud.xero
    number = world.company("Quokka Holdings, Inc. (Perth)", in_xero=False)
    world.invoice("Quokka Holdings, Inc. (Perth)", [support()])
    sent = [world.invoice("Kauri Legal", [support(str(n))], orderNumber=f"For Ignatius {n}") for n in (1, 2, 3)]
    practice.sync()
    autotask.change("Companies", number, companyName="Wombat Ltd")
    xero.add_contact("Wombat Ltd")
    documents = {str(practice.rows()[item]["xero_number"]): item for item in sent}
    first, second, third = documents
    autotask.change("Invoices", documents[first], orderNumber="For Persephone, net")
    xero.change(second, reference="Private, for Tarquin", contact=xero.contact(xero.add_contact("Potoroo Partners")))
    xero.change(third, status="AUTHORISED")
    practice.sync(is_asked=True)
    practice.desk().ledger.log("Oops", "A call from Bilby")
    xero.add_contact("Xero")
    (practice.home / "agent.log").write_text(
        "WARNING AX-206 The Xero contact is archived: Bandicoot & Co is archived in Xero.\n"
        "INFO Resync: AT-9, Account Name: Bilby: Xero has no active contact “Bilby”. Nearest in Xero: Numbat (80 %).\n"
    )
    texts = {piece.name: piece.text for piece in gather(practice.desk())}
    whole = "\n".join(texts.values())
    rows = {row["number"] or row["autotask_id"]: row for row in practice.rows().values()}
    assert "→" in str(rows)
    assert "→" in whole
    old = ("Quokka", "Ignatius", "Persephone", "Tarquin", "Potoroo", "Wombat", "Bandicoot", "Bilby", "Numbat", "Kauri")
    assert [name for name in old if name in whole] == []
    assert "Deleted or edited in Xero after it was sent" in whole
    assert re.search(r"Account Name: Customer \d+\"", whole)
    for name in ("connections.json", "counts.json", "faults.json", "log.json"):
        json.loads(texts[name])


def test_people_and_customers_who_are_called_otherwise_by_now_are_not_in_it(practice: Practice) -> None:
    """Titles, initials and degrees have full stops and commas, companies colons; all of them were renamed since."""
    autotask, world = practice.cloud.autotask, practice.world
    people = {
        "Quokka: Sons, Ltd.": [("Dr. Wilhelmina", "Oberschlumpf", "w@q.example", 0)],
        "Ptarmigan, Inc.": [("J. R.", "Ewingsson", "j@p.example", 1), ("Sue", "Krumm, CPA", "s@p.example", 1)],
        "Axolotl (NZ) Ltd": [("Theodora", "Quibblesworth, MBA", "theo(at)axo.example", 1)],
    }
    numbers = []
    for name, found in people.items():
        numbers.append(world.company(name, people=[], in_xero=False))
        for first, last, mail, active in found:
            autotask.add(
                "Contacts", companyID=numbers[-1], firstName=first, lastName=last, emailAddress=mail, isActive=active
            )
        world.invoice(name, [support()])
    practice.set(Create_missing_contacts="Yes")
    practice.sync()
    assert set(practice.codes().values()) == {"AX-103", "AX-104", "AX-107"}
    for number in numbers:
        autotask.change("Companies", number, companyName=f"Renamed {number}")
    practice.sync()
    whole = "\n".join(piece.text for piece in gather(practice.desk()))
    words = re.findall(r"\w{3,}", " ".join([*people, *(" ".join(one[:3]) for some in people.values() for one in some)]))
    assert [word for word in words if re.search(rf"\b{word}\b", whole) and word not in {"Ltd", "Inc"}] == []
    assert re.search(r"Customer \d+ has no active contact in Autotask; inactive ones: Person \d+\.", whole)


def test_where_this_users_things_are_is_not_in_it_on_windows_either(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON doubles the backslashes of a path."""
    monkeypatch.setattr("agent.bundle.Path.home", lambda: PureWindowsPath(r"C:\Users\Zoe"))
    practice.desk().ledger.log("Oops", r"c:\users\zoe\Documents\AutoXero.xlsm and C:/Users/Zoe/x")
    (text,) = [piece.text for piece in gather(practice.desk()) if piece.name == "log.json"]
    assert json.loads(text)[0]["detail"] == r"~\Documents\AutoXero.xlsm and ~/x"


def test_a_bug_of_a_usual_install_is_in_it(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no home is named, the report goes to the usual one, and not to a folder that is emptied."""
    monkeypatch.delenv("AUTOXERO_HOME")
    monkeypatch.setattr("agent.config._usual_home", lambda: practice.home)
    path = write_report(RuntimeError("Oops"))
    assert path.parent == practice.home
    assert any(path.name in piece.text for piece in gather(practice.desk()))


def test_a_torn_workbook_and_no_key_store_still_give_a_bundle(
    practice: Practice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    practice.workbook.write_bytes(b"PK no zip")
    pieces = {piece.name: piece.text for piece in gather(practice.desk())}
    assert "could not be read" in pieces["settings.txt"]
    assert "AutoXero" in pieces["versions.txt"]
    with pytest.raises(PlainError, match="cannot be written"):
        write_bundle([], tmp_path / "nowhere" / "x.zip")


def test_the_usual_place_is_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert usual_path().parent == tmp_path
    assert usual_path().suffix == ".zip"
    assert os.path.basename(usual_path()).startswith("AutoXero-support-")  # noqa: PTH119


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kauri Legal owes; KAURI  LEGAL too", "Customer 1 owes; Customer 1 too"),
        ("the longer Kauri Legal Trust", "the longer Customer 2"),
        ("Kauri Legally is another word", "Kauri Legally is another word"),
        ("write to <a.b@c.example>, a.b@c.example.", "write to <Address 1>, Address 1."),
        ("Person: Ana Example, the only active contact", "Person: Person 1, the only active contact"),
        ("X has 2 active contacts: Ana A, Ben B.", "Customer 3 has 2 active contacts: Person 1."),
        ("Kauri Legal has no active contact in Autotask; inactive ones: Ana A.", "Customer 1 has no active contact in"),
        (
            "AX-206 The Xero contact is archived: X Ltd is archived in Xero.",
            "AX-206 The Xero contact is archived: Cust",
        ),
        ("Contact: Ana, Inc., same account number A-7/2; Account: 200", "Contact: Customer 3; Account: 200"),
        ("chosen in ContactMap: Foo, Bar; x", "chosen in ContactMap: Customer 3; x"),
        ("ContactMap: Foo & Co: Xero has no", "ContactMap: Customer 3: Xero has no"),
        ("reference (none) → Ana's, net 1.00 → 2.00", "reference (none) → (5 characters), net 1.00 → 2.00"),
        ("contact Kauri Legal → Foo, Ltd, date 1 → 2", "contact Customer 1 → Customer 3, date 1 → 2"),
        ("text of line 2 “For Ana…” → “x”, tax 1 → 2", "text of line 2 (10 characters) → (3 characters), tax 1 → 2"),
        ("for ★☆★ and ☕", "for Customer 3 and Customer 4"),
        ("“a(at)b” of Ana A, Kauri Legal, is no valid address.", "“Address 1” of Person 1, Customer 1, is no valid"),
        ("“a”b” of Ana A, MBA, Kauri Legal, is no valid address.", "“Address 1” of Person 1, Customer 1, is no valid"),
        ("“a(at)b” of Ana A, MBA, Foo, Inc., is no valid address.", "“Address 1” of Person 1, is no valid address."),
        ("Person: Dr. J. Ana, CPA, the primary contact; Account: 2", "Person: Person 1, the primary contact; Acc"),
        (f"{SEVERAL}: Foo: B, Ltd has 2 active contacts: J. R. A, Sue, CPA. In Autotask set the", LIST),
        (
            "to “Accounts” for one contact of Foo: B, Ltd, or tick Primary Contact",
            "to “Accounts” for one contact of Cu",
        ),
        (
            "Foo: Bar has no active contact in Autotask; inactive ones: Dr. Ana A.",
            "Customer 3 has no active contact in Autotask; inactive ones: Person 1.",
        ),
        (
            "Foo has no active contact in Autotask; inactive ones: none at all.",
            "Customer 3 has no active contact in Autotask; inactive ones: none at all.",
        ),
        ("Problem: ContactMap · 7: Foo: Bar is archived in Xero.", "Problem: ContactMap · 7: Customer 3 is archived"),
        (
            "Correct the address of Ana A, MBA in Autotask and press Resync; or",
            "Correct the address of Person 1 in Autotask and press Resync; or",
        ),
        (
            "Xero has no active contact “Foo “B” Co”. Nothing in Xero",
            "Xero has no active contact “Customer 3”. Nothing",
        ),
    ],
)
def test_masks(text: str, expected: str) -> None:
    masks = Masks()
    masks.name("Customer", "Kauri Legal")
    masks.name("Customer", "Kauri Legal Trust")
    if "☕" in text:
        masks.name("Customer", "★☆★")
        masks.name("Customer", "☕")
    assert masks.text(text).startswith(expected)
