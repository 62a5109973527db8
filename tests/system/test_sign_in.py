"""The real command and a real browser: from “autoxero connect xero” through Xero's page to the first invoice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keyring
import msgspec
import pytest
import requests

from agent import connect
from agent.autotask.client import Credentials
from agent.config import Config
from agent.connect import connect_autotask, connect_custom, connect_xero, disconnect_xero
from agent.desk import Desk
from agent.errors import PlainError, StopError
from agent.overview import connections
from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Trouble
from agent.pretend.world import build_world
from agent.pretend.xero_records import Organisation
from agent.sync import sync
from agent.wire import Wire
from tests.filekeys import VARIABLE, FileKeys
from tests.support import Practice, support
from tests.unit.xero.test_login_browser import free_port

TOP = Path(__file__).parents[2]


@dataclass
class Window:
    """A window of a browser, driven as the standard for it (WebDriver) says."""

    address: str

    def call(self, method: str, path: str, **body: Any) -> Any:
        sent = body if method == "POST" else None
        answer = requests.request(method, self.address + path, json=sent, timeout=60).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def go(self, address: str) -> None:
        self.call("POST", "/url", url=address)

    def click(self, text: str) -> None:
        found = self.call("POST", "/element", using="xpath", value=f"//button[normalize-space()='{text}']")
        self.call("POST", f"/element/{next(iter(found.values()))}/click")

    def shows(self, words: str) -> bool:
        """Whether the person reads these words, as soon as the page is there."""
        script = "return document.body ? document.body.innerText : ''"
        deadline = time.monotonic() + 30
        while words not in (text := str(self.call("POST", "/execute/sync", script=script, args=[]))):
            assert time.monotonic() < deadline, text
            time.sleep(0.05)
        return True

    @property
    def here(self) -> str:
        return str(self.call("GET", "/url"))


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    """Debian's chromium without a screen; a profile of its own."""
    driver, browser = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("google-chrome")
    if driver is None or browser is None:
        assert not os.environ.get("CI"), "CI needs chromium and chromium-driver"
        pytest.skip("chromium and chromium-driver are not installed")
    command = [driver, "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            begun = (re.search(r"successfully on port (\d+)", line) for line in process.stdout)
            port = next(found[1] for found in begun if found)
            flags = "headless=new no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
            flags += " disable-component-update disable-sync disable-dev-shm-usage"
            arguments = [f"--{flag}" for flag in flags.split(" ")] + [f"--user-data-dir={tmp_path / 'profile'}"]
            options = {"binary": browser, "args": arguments}
            wanted = {"alwaysMatch": {"goog:chromeOptions": options, "timeouts": {"implicit": 10_000}}}
            base = f"http://127.0.0.1:{port}/session"
            made = requests.post(base, json={"capabilities": wanted}, timeout=60).json()["value"]
            window = Window(f"{base}/{made['sessionId']}")
            yield window
            window.call("DELETE", "")
        finally:
            process.terminate()


@dataclass
class Office:
    """A practice whose secrets are in a key store, and nobody is signed in yet."""

    practice: Practice
    environment: Mapping[str, str]

    @property
    def keys(self) -> dict[str, str]:
        """What the key store holds of this home, by entry."""
        path = Path(self.environment[VARIABLE])
        kept: dict[str, str] = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        return {name.rpartition("/")[2]: value for name, value in kept.items() if name != "AutoXero/homes"}

    def keep(self, entry: str, value: str) -> None:
        path = Path(self.environment[VARIABLE])
        kept = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
        path.write_bytes(msgspec.json.encode(kept | {entry: value}))

    def run(self, *arguments: str, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """The real command, to its end."""
        return subprocess.run(
            [sys.executable, "-m", "agent", *arguments, "--workbook", str(self.practice.workbook)],
            input=typed, capture_output=True, text=True, encoding="utf-8", check=False, timeout=120, cwd=TOP,
            env={**self.environment, **more},
        )  # fmt: skip

    @contextmanager
    def connecting(self, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
        """The real command while it waits for the browser: the address that it printed, and the process."""
        with subprocess.Popen(
            [sys.executable, "-m", "agent", "connect", "xero", *arguments, "--workbook", str(self.practice.workbook)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
            cwd=TOP, env=self.environment,
        ) as process:  # fmt: skip
            try:
                assert process.stderr is not None
                address = next((line.strip() for line in process.stderr if line.startswith("http")), "")
                assert address, process.stderr.read()
                yield address, process
            finally:
                process.kill()

    def consent(self, *arguments: str) -> tuple[int, str]:
        """Sign in as a browser would that shows nothing; gives exit code and what was told."""
        with self.connecting(*arguments) as (address, process):
            requests.get(address, timeout=30)
            _, told = process.communicate(timeout=60)
        return process.returncode, told

    def desk(self, **more: str) -> Desk:
        """A desk as a fresh process of this person would have it."""
        practice = self.practice
        config = Config(practice.home, {**self.environment, **more})
        return Desk(config, practice.workbook, lambda: Wire(practice.timeout, practice.waits.append))

    def sign_in(self, client_id: str = "", organisation: str = "") -> list[str]:
        """Sign in to Xero in this process, as :meth:`consent` does it in one of its own; gives what was told."""
        return connect_xero(self.desk(), client_id, organisation, open_page=visit)


def visit(address: str) -> None:
    """What a browser does that nobody sees."""
    threading.Thread(target=lambda: requests.get(address, timeout=30), daemon=True).start()


@contextmanager
def same_keys(office: Office) -> Iterator[None]:
    """This process uses the office's key store, too, so that not every step needs a process of its own."""
    before = keyring.get_keyring()
    keyring.set_keyring(FileKeys())  # type: ignore[no-untyped-call] # the library has no types here
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, office.environment[VARIABLE])
        patch.setattr(connect, "PATIENCE", 20.0)
        yield
    keyring.set_keyring(before)


def at_home(practice: Practice, folder: Path) -> Office:
    """The environment of a person: addresses of the pretend cloud, no secrets, a key store."""
    cloud = {name: value for name, value in practice.cloud.environment.items() if name.endswith("_URL")}
    return Office(
        practice,
        {
            "PATH": os.environ["PATH"],
            "AUTOXERO_HOME": str(practice.home),
            "AUTOXERO_XERO_CALLBACK_PORT": str(free_port()),
            "PYTHON_KEYRING_BACKEND": "tests.filekeys.FileKeys",
            VARIABLE: str(folder / "keys.json"),
            **cloud,
        },
    )


@pytest.fixture
def office(practice: Practice, tmp_path: Path) -> Iterator[Office]:
    office = at_home(practice, tmp_path)
    practice.set(Xero_client_ID=practice.cloud.xero.app.client_id)
    with same_keys(office):
        yield office


@pytest.fixture
def signed_in(office: Office) -> Office:
    """With a sign-in to both systems."""
    user = office.practice.cloud.autotask.user
    checks = connect_autotask(office.desk(), Credentials(user.username, user.secret, user.integration_code))
    assert all(check.is_good for check in checks), checks
    assert office.sign_in() == ["Signed in to Xero: Pretend Company (NZ), books in NZD."]
    return office


# --- in a real browser ---


def test_from_the_command_through_xeros_page_to_the_first_invoice(office: Office, window: Window) -> None:
    practice, user = office.practice, office.practice.cloud.autotask.user
    practice.cloud.xero.sign_in.consent = "ask"
    with office.connecting() as (address, process):
        window.go(address)
        assert window.shows("wants access to Pretend Company (NZ)")
        window.click("Allow access")
        assert window.shows("You are signed in")
        assert window.shows("close this page")
        assert window.here.startswith(f"http://localhost:{office.environment['AUTOXERO_XERO_CALLBACK_PORT']}/callback?")
        out, told = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "Signed in to Xero: Pretend Company (NZ), books in NZD." in told
    assert set(office.keys) == {"xero-refresh-token"}
    assert {row["Setting"]: row["Value"] for row in practice.table("Settings")}["Xero organisation"] == (
        "Pretend Company (NZ)"
    )
    typed = f"{user.secret}\n{user.integration_code}\n"
    assert office.run("connect", "autotask", "--user", user.username, "--from-stdin", typed=typed).returncode == 0
    practice.world.invoice("Kauri Legal", [support()])
    done = office.run("sync")
    assert done.returncode == 0, done.stderr
    assert [row["status"] for row in practice.rows().values()] == ["Synced"]


def test_cancel_on_xeros_page(office: Office, window: Window) -> None:
    office.practice.cloud.xero.sign_in.consent = "ask"
    with office.connecting() as (address, process):
        window.go(address)
        window.click("Cancel")
        assert window.shows("You are not signed in")
        assert window.shows("You pressed Cancel")
        _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "You pressed Cancel on Xero's page; nothing was changed." in told
    assert office.keys == {}


def test_a_code_that_xero_does_not_take_is_told_on_the_page(office: Office, window: Window) -> None:
    office.practice.cloud.troubles.add(Trouble("400", system="login", method="POST", body=b'{"error":"invalid_grant"}'))
    with office.connecting() as (address, process):
        window.go(address)
        assert window.shows("You are not signed in")
        assert window.shows("Xero sign-in needed again")
        process.communicate(timeout=60)
    assert process.returncode == 2
    assert office.keys == {}


# --- without one ---


def test_the_browser_of_the_environment_is_opened(office: Office, tmp_path: Path) -> None:
    """As a screen would: the program is called with the address, and nothing secret is in it."""
    opener = tmp_path / "browser.py"
    opener.write_text(
        "import sys, urllib.request\n"
        f"open({str(tmp_path / 'opened')!r}, 'w').write(sys.argv[1])\n"
        "urllib.request.urlopen(sys.argv[1]).read()\n",
        encoding="utf-8",
    )
    done = office.run("connect", "xero", BROWSER=f"{sys.executable} {opener} %s")
    assert done.returncode == 0, done.stderr
    opened = (tmp_path / "opened").read_text(encoding="utf-8")
    assert "code_challenge=" in opened
    assert "verifier" not in opened


def test_interrupting_the_wait_changes_nothing(office: Office) -> None:
    with office.connecting() as (_, process):
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert office.keys == {}


def test_a_port_that_is_taken(office: Office) -> None:
    with office.connecting():
        second = office.run("connect", "xero", "--no-browser")
    assert second.returncode == 2
    assert "is in use" in second.stderr


def test_json_prints_one_object_and_the_address_goes_to_people(office: Office) -> None:
    with office.connecting("--json") as (address, process):
        requests.get(address, timeout=30)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert msgspec.json.decode(out)["messages"][0].startswith("Signed in to Xero: Pretend Company (NZ)")


def test_without_a_client_id_nothing_is_opened(office: Office) -> None:
    office.practice.set(Xero_client_ID="")
    done = office.run("connect", "xero")
    assert done.returncode == 2
    assert "client ID is missing" in done.stderr
    assert "--help" in done.stderr


def test_a_client_id_that_is_given_is_remembered_in_the_workbook(office: Office) -> None:
    """Blanks that were copied with it are no part of it."""
    office.practice.set(Xero_client_ID="")
    office.sign_in(f" {office.practice.cloud.xero.app.client_id} ")
    rows = {row["Setting"]: row["Value"] for row in office.practice.table("Settings")}
    assert rows["Xero client ID"] == office.practice.cloud.xero.app.client_id


def test_a_locked_key_store_is_told_before_anybody_signs_in(office: Office) -> None:
    office.keep("!locked", "yes")
    done = office.run("connect", "xero")
    assert done.returncode == 2
    assert "key store of this computer is locked" in done.stderr
    assert office.practice.cloud.count("login") == 0


# --- several organisations, another one, none ---


def test_one_of_several_organisations_is_chosen_by_name(office: Office) -> None:
    xero = office.practice.cloud.xero
    second = xero.add_organisation(Organisation(name="Second & Söhne Ltd"))
    xero.sign_in.tenants.append((second, "Second & Söhne Ltd"))
    code, told = office.consent()
    assert code == 2
    assert "several Xero organisations: Pretend Company (NZ), Second & Söhne Ltd" in told
    assert "--organisation" in told
    assert office.keys == {}
    code, told = office.consent("--organisation", "second & söhne ltd")
    assert code == 0, told
    assert "Signed in to Xero: Second & Söhne Ltd" in told
    assert office.practice.desk().ledger.fact("xero_tenant") == second


def test_one_of_two_organisations_of_the_same_name_is_chosen_by_its_id(office: Office) -> None:
    xero = office.practice.cloud.xero
    name = xero.organisation.name
    second = xero.add_organisation(Organisation(name=name))
    xero.sign_in.tenants.append((second, name))
    for wanted in ("", name):
        with pytest.raises(PlainError, match=re.escape(f"{name} ({second})")) as caught:
            office.sign_in(organisation=wanted)
        assert "id with --organisation" in caught.value.next_step
    office.sign_in(organisation=f" {second.upper()} ")
    assert office.practice.desk().ledger.fact("xero_tenant") == second
    office.sign_in()
    assert office.practice.desk().ledger.fact("xero_tenant") == second


def test_in_the_demo_one_can_sign_in_again_and_again(practice: Practice, tmp_path: Path) -> None:
    """Its organisation goes by one name, in its books and at the sign-in."""
    with Cloud() as cloud:
        world = build_world(cloud, 64, practice.world.today)
        office = at_home(replace(practice, cloud=cloud, world=world), tmp_path)
        with same_keys(office):
            for _ in range(2):
                told = office.sign_in(cloud.xero.app.client_id)
                assert told == ["Signed in to Xero: Kōwhai IT Services (Demo), books in NZD."]


def test_a_choice_may_be_corrected_as_long_as_nothing_was_sent(signed_in: Office) -> None:
    xero = signed_in.practice.cloud.xero
    second = xero.add_organisation(Organisation(name="Second Ltd"))
    xero.sign_in.tenants[:] = [(second, "Second Ltd")]
    signed_in.sign_in(organisation="Second Ltd")
    assert signed_in.practice.desk().ledger.fact("xero_tenant") == second


def test_an_organisation_that_does_not_answer_leaves_all_as_it_was(signed_in: Office) -> None:
    """After the consent, too: nothing is half done, and with the next try all of it is."""
    practice, kept = signed_in.practice, signed_in.keys
    second = practice.cloud.xero.add_organisation(Organisation(name="Second Ltd"))
    practice.cloud.xero.sign_in.tenants[:] = [(second, "Second Ltd")]
    practice.cloud.troubles.add(Trouble("503", path_contains="Organisation", times=None))
    before = practice.table("Settings"), practice.desk().ledger.fact("xero_tenant")
    with pytest.raises(StopError, match="503"):
        signed_in.sign_in(organisation="Second Ltd")
    assert (practice.table("Settings"), practice.desk().ledger.fact("xero_tenant")) == before
    assert signed_in.keys == kept
    practice.cloud.troubles.clear()
    signed_in.sign_in(organisation="Second Ltd")
    assert practice.desk().ledger.fact("xero_tenant") == second


def test_a_custom_connection_whose_organisation_does_not_answer_keeps_nothing(office: Office) -> None:
    office.practice.cloud.troubles.add(Trouble("503", path_contains="Organisation", times=None))
    app = office.practice.cloud.xero.app
    with pytest.raises(StopError, match="503"):
        connect_custom(office.desk(), app.client_id, app.secret)
    assert office.keys == {}
    assert office.practice.desk().ledger.fact("xero_tenant") == ""


def test_after_the_first_invoice_another_organisation_is_refused_and_the_sign_in_kept(signed_in: Office) -> None:
    practice = signed_in.practice
    practice.world.invoice("Kauri Legal", [support()])
    sync(signed_in.desk())
    kept, xero = signed_in.keys, practice.cloud.xero
    second = xero.add_organisation(Organisation(name="Second Ltd"))
    xero.sign_in.connections.clear()
    xero.sign_in.tenants[:] = [(second, "Second Ltd")]
    with pytest.raises(StopError) as stopped:
        signed_in.sign_in(organisation="Second Ltd")
    told = stopped.value.fault
    assert told.title.startswith("This is another Xero organisation")
    assert told.detail == "Invoices were sent to Pretend Company (NZ); this sign-in reaches Second Ltd."
    assert signed_in.keys == kept


def test_a_sign_in_that_reaches_another_organisation_only_sends_nothing(signed_in: Office) -> None:
    """Someone disconnected ours in Xero and connected another one."""
    practice = signed_in.practice
    xero = practice.cloud.xero
    xero.sign_in.connections.clear()
    xero.sign_in.connect(xero.add_organisation(Organisation(name="Second Ltd")), "Second Ltd")
    practice.world.invoice("Kauri Legal", [support()])
    with pytest.raises(StopError, match="reaches Second Ltd") as stopped:
        sync(signed_in.desk())
    assert stopped.value.fault.code == "AX-406"
    assert practice.posts() == 0


# --- the months after ---


def test_every_sync_renews_the_sign_in_and_says_until_when_it_holds(signed_in: Office) -> None:
    before = signed_in.keys["xero-refresh-token"]
    sync(signed_in.desk())
    assert signed_in.keys["xero-refresh-token"] != before
    assert signed_in.practice.desk().ledger.fact("xero_sign_in_ends")


def test_a_sign_in_that_was_taken_back_asks_for_a_new_one_everywhere(signed_in: Office) -> None:
    practice = signed_in.practice
    practice.cloud.xero.sign_in.revoke(signed_in.keys["xero-refresh-token"])
    practice.world.invoice("Kauri Legal", [support()])
    done = signed_in.run("sync", "--json")
    error = msgspec.json.decode(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "AX-405")
    assert "autoxero connect xero" in error["next_step"]
    assert connections(practice.desk().ledger)["xero"]["code"] == "AX-405"
    signed_in.sign_in()
    sync(signed_in.desk())
    assert connections(practice.desk().ledger)["xero"]["ok"] is True
    assert [row["status"] for row in practice.rows().values()] == ["Synced"]


def test_a_key_store_that_was_locked_meanwhile_means_sign_in_needed_and_recovers_by_itself(signed_in: Office) -> None:
    signed_in.keep("!locked", "yes")
    with pytest.raises(StopError, match="key store of this computer is locked") as stopped:
        sync(signed_in.desk())
    assert stopped.value.exit_code == 2
    path = Path(signed_in.environment[VARIABLE])
    path.write_bytes(path.read_bytes().replace(b"!locked", b"!once"))
    sync(signed_in.desk())


def test_a_sign_in_whose_successor_cannot_be_kept_is_told(signed_in: Office) -> None:
    signed_in.keep("!full", "yes")
    before = signed_in.keys["xero-refresh-token"]
    with pytest.raises(StopError, match="could not be kept") as stopped:
        sync(signed_in.desk())
    assert (stopped.value.exit_code, stopped.value.fault.code) == (2, "AX-405")
    assert signed_in.keys["xero-refresh-token"] == before


def test_without_a_key_store_a_person_can_sign_in_where_an_encrypted_file_stands_for_it(office: Office) -> None:
    practice = office.practice
    user = practice.cloud.autotask.user
    office.keep("!locked", "yes")
    opened = replace(office, environment={**office.environment, "AUTOXERO_KEYS_PASSPHRASE": "open sesame"})
    connect_autotask(opened.desk(), Credentials(user.username, user.secret, user.integration_code))
    opened.sign_in()
    practice.world.invoice("Kauri Legal", [support()])
    before = opened.desk().config.keys.read("xero-refresh-token")
    for _ in range(2):
        sync(opened.desk())
    assert [row["status"] for row in practice.rows().values()] == ["Synced"]
    assert opened.desk().config.keys.read("xero-refresh-token") != before
    with pytest.raises(StopError, match="key store of this computer is locked"):
        sync(office.desk())


# --- disconnecting, and the other way ---


def test_disconnecting_ends_it_in_xero_and_here(signed_in: Office) -> None:
    sign_in = signed_in.practice.cloud.xero.sign_in
    done = signed_in.run("connect", "xero", "--disconnect")
    assert done.returncode == 0, done.stderr
    assert "no longer signed in" in done.stderr
    assert sign_in.connections == {}
    assert signed_in.keys.keys() == {"autotask-secret", "autotask-integration-code"}
    with pytest.raises(StopError) as stopped:
        sync(signed_in.desk())
    assert stopped.value.fault.code == "AX-405"
    assert not signed_in.practice.desk().ledger.fact("xero_sign_in_ends")


def test_disconnecting_leaves_the_persons_other_organisation_alone(signed_in: Office) -> None:
    """Taking the sign-in back would end that of another office of theirs, too."""
    sign_in = signed_in.practice.cloud.xero.sign_in
    other = signed_in.practice.cloud.xero.add_organisation(Organisation(name="Second Ltd"))
    sign_in.connect(other, "Second Ltd")
    disconnect_xero(signed_in.desk())
    assert [item.tenant_id for item in sign_in.connections.values()] == [other]
    assert "xero-refresh-token" not in signed_in.keys


def deletes(office: Office) -> int:
    return sum(call.method == "DELETE" and "/connections/" in call.path for call in office.practice.cloud.calls)


@pytest.mark.parametrize(
    ("kind", "code"), [("500", 69), ("503", 69), ("429-minute", 69), ("cut_before", 69), ("403", 2), ("400", 2)]
)
def test_disconnecting_is_not_told_where_xero_does_not_let_go(signed_in: Office, kind: str, code: int) -> None:
    """The connection still stands: the sign-in is kept, for with it alone it can be ended from here."""
    cloud, kept = signed_in.practice.cloud, signed_in.keys
    cloud.troubles.add(Trouble(kind, system="xero", method="DELETE", times=None))
    with pytest.raises(PlainError, match="AutoXero is still signed in to Xero") as caught:
        disconnect_xero(signed_in.desk())
    assert caught.value.exit_code == code
    assert "Connected apps" in caught.value.next_step
    assert deletes(signed_in) == 1
    assert len(cloud.xero.sign_in.connections) == 1
    assert signed_in.keys.keys() == kept.keys()
    assert signed_in.desk().ledger.fact("xero_sign_in_ends")
    cloud.troubles.clear()
    assert disconnect_xero(signed_in.desk())[0].startswith("AutoXero is no longer signed in")
    assert cloud.xero.sign_in.connections == {}


@pytest.mark.parametrize(
    "trouble", [Trouble("404", method="DELETE"), Trouble("503", "login", path_contains="revocation", times=None)]
)
def test_disconnecting_here_works_also_where_xero_does_not(signed_in: Office, trouble: Trouble) -> None:
    """It was ended there already, or only the empty sign-in is not taken back: nothing is reached any more."""
    signed_in.practice.cloud.troubles.add(trouble)
    assert disconnect_xero(signed_in.desk()) == ["AutoXero is no longer signed in to Xero; what was sent stays there."]
    assert deletes(signed_in) == 1
    assert "xero-refresh-token" not in signed_in.keys


def test_a_sign_in_that_is_dead_already_is_forgotten(signed_in: Office) -> None:
    signed_in.practice.cloud.xero.sign_in.revoke(signed_in.keys["xero-refresh-token"])
    told = disconnect_xero(signed_in.desk())
    assert "expired or was taken back. In Xero it can be removed under Settings, Connected apps." in told[1]
    assert "xero-refresh-token" not in signed_in.keys


def test_disconnecting_names_what_stays_where_the_ledger_knows_of_no_connection(signed_in: Office) -> None:
    signed_in.desk().ledger.remember(xero_tenant="")
    told = disconnect_xero(signed_in.desk())
    assert told[1].startswith("It reached Pretend Company (NZ). In Xero it can be removed")
    assert "xero-refresh-token" not in signed_in.keys


def test_a_custom_connection_and_back_to_a_person(signed_in: Office) -> None:
    app = signed_in.practice.cloud.xero.app
    done = signed_in.run("connect", "xero", "--custom", "--from-stdin", typed=f"{app.secret}\n")
    assert done.returncode == 0, done.stderr
    assert signed_in.keys["xero-client-secret"] == app.secret
    assert "xero-refresh-token" not in signed_in.keys
    sync(signed_in.desk())
    assert not signed_in.practice.desk().ledger.fact("xero_sign_in_ends")
    signed_in.sign_in()
    assert "xero-client-secret" not in signed_in.keys
    sync(signed_in.desk())


def test_a_custom_connection_with_a_wrong_secret_keeps_nothing(signed_in: Office) -> None:
    kept = signed_in.keys
    done = signed_in.run("connect", "xero", "--custom", "--from-stdin", typed="wrong-s3cret\n")
    assert done.returncode == 2
    assert "its secret is wrong" in done.stderr
    assert "wrong-s3cret" not in done.stderr
    assert signed_in.keys == kept


def test_a_secret_of_the_environment_keeps_a_person_from_signing_in_for_nothing(office: Office) -> None:
    done = office.run("connect", "xero", AUTOXERO_XERO_CLIENT_SECRET="x" * 20)
    assert done.returncode == 2
    assert "AUTOXERO_XERO_CLIENT_SECRET" in done.stderr
    assert "x" * 20 not in done.stderr


def test_what_is_chosen_on_xeros_page_counts_until_something_was_sent(office: Office) -> None:
    """Tried with another organisation first, whose connection Xero keeps; then what was sent decides."""
    practice = office.practice
    user = practice.cloud.autotask.user
    connect_autotask(office.desk(), Credentials(user.username, user.secret, user.integration_code))
    xero = practice.cloud.xero
    client = xero.sign_in.app.client_id
    xero.rename("Demo Company (NZ)")
    assert "Demo Company" in office.sign_in(client)[0]
    second = xero.add_organisation(Organisation(name="Real Books Ltd"))
    xero.sign_in.tenants[:] = [(second, "Real Books Ltd")]
    told = " ".join(office.sign_in(client))
    assert "Signed in to Xero: Real Books Ltd" in told
    assert "“Xero organisation” said Demo Company (NZ)" in told
    assert office.desk().settings.organisation == "Real Books Ltd"
    xero.sign_in.tenants[:] = [(xero.tenant_id, "Demo Company (NZ)")]
    assert "Demo Company" in office.sign_in(client)[0]
    practice.world.invoice("Kauri Legal", [support()])
    sync(office.desk())
    xero.sign_in.tenants[:] = [(second, "Real Books Ltd")]
    assert "Demo Company" in office.sign_in(client)[0]
