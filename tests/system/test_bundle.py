"""The support bundle: what helps is in it; secrets, customers' names and addresses are planted, and are not."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agent import verbs
from agent.bundle import Masks, gather, usual_path, write_bundle
from agent.errors import PlainError
from agent.pretend.troubles import Trouble
from agent.sync import sync
from tests.support import Practice, support
from tests.system.test_sign_in import Office, at_home

NAMES = ["Zebra & Söhne (Tiefbau) GmbH", "Kōkako Cafe", "Quokka Ltd"]
PEOPLE = ["Persephone", "Ignatius"]
ADDRESSES = ["persephone@zebra.example", "ignatius(at)kokako.example", "boss@practice.example"]
SECRETS = ["Pl4nted-secret", "Pl4nted-code", "Pl4nted-client"]


@pytest.fixture
def office(practice: Practice, tmp_path: Path) -> Office:
    """A practice with every kind of name, address and secret in it, and with faults that tell of them."""
    user, app = practice.cloud.autotask.user, practice.cloud.xero.app
    user.secret, user.integration_code, app.secret = SECRETS
    found = at_home(practice, tmp_path)
    found.keep(f"AutoXero in {practice.home}/autotask-secret", SECRETS[0])
    found.keep(f"AutoXero in {practice.home}/autotask-integration-code", SECRETS[1])
    found.keep(f"AutoXero in {practice.home}/xero-client-secret", SECRETS[2])
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
    return found


def planted(office: Office, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Everything has happened; gives the unpacked bundle."""
    practice = office.practice
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    sync(practice.desk())
    verbs.test(practice.desk())
    practice.desk().ledger.log("Person", f"Person: {PEOPLE[0]} Example, Contact: {NAMES[0]}")
    (practice.home / "agent.log").write_text(f"secret={SECRETS[0]} for {NAMES[0].upper()} <{ADDRESSES[0]}>\n" * 9)
    (practice.home / "bug-20260101-000000.txt").write_text(f"RuntimeError: {SECRETS[1]} {NAMES[1]}\n")
    path = practice.home.parent / "bundle.zip"
    done = office.run("bundle", "--yes", "--out", str(path))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(path) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_what_is_secret_or_somebodys_is_not_in_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    files = planted(office, monkeypatch)
    user = office.practice.cloud.autotask.user
    whole = "\n".join(files.values())
    for word in (*NAMES, *PEOPLE, *ADDRESSES, *SECRETS, user.username, "kokako", "Kauri Legal", "@"):
        for form in (word, word.upper(), json.dumps(word)[1:-1], word.replace("&", "&amp;")):
            assert form not in whole, form
    assert "Customer 1" in whole
    assert re.search(r"Person: Person \d", whole)
    assert re.search(r"Address \d", whole)


def test_what_helps_is_in_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    files = planted(office, monkeypatch)
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


def test_one_customer_has_one_name_throughout(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    files = planted(office, monkeypatch)
    faults = {row["fault_code"]: row for row in json.loads(files["faults.json"])}
    mine = faults["AX-104"]["customer"]
    assert mine.startswith("Customer ")
    assert mine in faults["AX-104"]["fault_detail"]
    assert faults["AX-109"]["customer"] == faults["AX-299"]["customer"] != mine
    assert faults["AX-299"]["documents"][0]["contact_name"] == faults["AX-299"]["customer"]


def test_it_is_shown_before_it_is_written(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    done = office.run("bundle", "--out", str(path))
    assert done.returncode == 2
    assert not path.exists()
    for name in ("versions.txt", "faults.json", "agent.log"):
        assert name in done.stderr
    assert "bytes" in done.stderr
    assert "nobody was asked" in done.stderr
    told = json.loads(office.run("bundle", "--yes", "--json", "--out", str(path)).stdout)
    assert told["path"] == str(path)
    with zipfile.ZipFile(path) as packed:
        sizes = {info.filename: info.file_size for info in packed.infolist()}
    assert {row["name"] for row in told["files"]} == sizes.keys()
    again = office.run("bundle", "--yes", "--out", str(path))
    assert again.returncode == 2
    assert "is there already" in again.stderr


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
        ("X has 2 active contacts: Ana A, Ben B.", "X has 2 active contacts: Person 1, Person 2."),
        ("“a(at)b” of Ana A, Kauri Legal, is no valid address.", "“Address 1” of Person 1, Customer 1, is no valid"),
    ],
)
def test_masks(text: str, expected: str) -> None:
    masks = Masks()
    masks.name("Customer", "Kauri Legal")
    masks.name("Customer", "Kauri Legal Trust")
    assert masks.text(text).startswith(expected)
