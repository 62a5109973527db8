"""The real command and a real browser: from “autoxero connect xero” through Xero's page to the first invoice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from agent.pretend.troubles import Trouble
from agent.pretend.xero_records import Organisation
from tests.filekeys import VARIABLE
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
        return {name.rpartition("/")[2]: value for name, value in kept.items()}

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
def office(practice: Practice, tmp_path: Path) -> Office:
    office = at_home(practice, tmp_path)
    practice.set(Xero_client_ID=practice.cloud.xero.app.client_id)
    return office


@pytest.fixture
def signed_in(office: Office) -> Office:
    """With a sign-in to both systems."""
    user = office.practice.cloud.autotask.user
    typed = f"{user.secret}\n{user.integration_code}\n"
    done = office.run("connect", "autotask", "--user", user.username, "--from-stdin", typed=typed)
    assert done.returncode == 0, done.stderr
    code, told = office.consent()
    assert code == 0, told
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
    office.practice.set(Xero_client_ID="")
    code, told = office.consent("--client-id", office.practice.cloud.xero.app.client_id)
    assert code == 0, told
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


def test_a_choice_may_be_corrected_as_long_as_nothing_was_sent(signed_in: Office) -> None:
    xero = signed_in.practice.cloud.xero
    second = xero.add_organisation(Organisation(name="Second Ltd"))
    xero.sign_in.tenants[:] = [(second, "Second Ltd")]
    assert signed_in.consent("--organisation", "Second Ltd")[0] == 0
    assert signed_in.practice.desk().ledger.fact("xero_tenant") == second


def test_after_the_first_invoice_another_organisation_is_refused_and_the_sign_in_kept(signed_in: Office) -> None:
    practice = signed_in.practice
    practice.world.invoice("Kauri Legal", [support()])
    assert signed_in.run("sync").returncode == 0
    kept, xero = signed_in.keys, practice.cloud.xero
    second = xero.add_organisation(Organisation(name="Second Ltd"))
    xero.sign_in.connections.clear()
    xero.sign_in.tenants[:] = [(second, "Second Ltd")]
    code, told = signed_in.consent("--organisation", "Second Ltd")
    assert code == 2
    assert "This is another Xero organisation" in told
    assert "Invoices were sent to Pretend Company (NZ); this sign-in reaches Second Ltd." in told
    assert signed_in.keys == kept


def test_a_sign_in_that_reaches_another_organisation_only_sends_nothing(signed_in: Office) -> None:
    """Someone disconnected ours in Xero and connected another one."""
    practice = signed_in.practice
    xero = practice.cloud.xero
    xero.sign_in.connections.clear()
    xero.sign_in.connect(xero.add_organisation(Organisation(name="Second Ltd")), "Second Ltd")
    practice.world.invoice("Kauri Legal", [support()])
    done = signed_in.run("sync", "--json")
    error = msgspec.json.decode(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "AX-406")
    assert "reaches Second Ltd" in error["message"]
    assert practice.posts() == 0


# --- the months after ---


def test_every_sync_renews_the_sign_in_and_says_until_when_it_holds(signed_in: Office) -> None:
    before = signed_in.keys["xero-refresh-token"]
    assert signed_in.run("sync").returncode == 0
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
    assert practice.ask("status")["connections"]["xero"]["code"] == "AX-405"
    assert signed_in.consent()[0] == 0
    assert signed_in.run("sync").returncode == 0
    assert practice.ask("status")["connections"]["xero"]["ok"] is True
    assert [row["status"] for row in practice.rows().values()] == ["Synced"]


def test_a_key_store_that_was_locked_meanwhile_means_sign_in_needed_and_recovers_by_itself(signed_in: Office) -> None:
    signed_in.keep("!locked", "yes")
    done = signed_in.run("sync", "--json")
    error = msgspec.json.decode(done.stdout)["error"]
    assert done.returncode == 2
    assert "key store of this computer is locked" in error["message"]
    path = Path(signed_in.environment[VARIABLE])
    path.write_bytes(path.read_bytes().replace(b"!locked", b"!once"))
    assert signed_in.run("sync").returncode == 0


def test_a_sign_in_whose_successor_cannot_be_kept_is_told(signed_in: Office) -> None:
    signed_in.keep("!full", "yes")
    before = signed_in.keys["xero-refresh-token"]
    done = signed_in.run("sync", "--json")
    error = msgspec.json.decode(done.stdout)["error"]
    assert (done.returncode, error["code"]) == (2, "AX-405")
    assert "could not be kept" in error["message"]
    assert signed_in.keys["xero-refresh-token"] == before


# --- disconnecting, and the other way ---


def test_disconnecting_ends_it_in_xero_and_here(signed_in: Office) -> None:
    sign_in = signed_in.practice.cloud.xero.sign_in
    done = signed_in.run("connect", "xero", "--disconnect")
    assert done.returncode == 0, done.stderr
    assert "no longer signed in" in done.stderr
    assert sign_in.connections == {}
    assert signed_in.keys.keys() == {"autotask-secret", "autotask-integration-code"}
    again = signed_in.run("sync", "--json")
    assert msgspec.json.decode(again.stdout)["error"]["code"] == "AX-405"
    assert not signed_in.practice.desk().ledger.fact("xero_sign_in_ends")


def test_disconnecting_leaves_the_persons_other_organisation_alone(signed_in: Office) -> None:
    """Taking the sign-in back would end that of another office of theirs, too."""
    sign_in = signed_in.practice.cloud.xero.sign_in
    other = signed_in.practice.cloud.xero.add_organisation(Organisation(name="Second Ltd"))
    sign_in.connect(other, "Second Ltd")
    assert signed_in.run("connect", "xero", "--disconnect").returncode == 0
    assert [item.tenant_id for item in sign_in.connections.values()] == [other]
    assert "xero-refresh-token" not in signed_in.keys


@pytest.mark.parametrize("kind", ["400", "503"])
def test_disconnecting_here_works_also_where_xero_does_not(signed_in: Office, kind: str) -> None:
    signed_in.practice.cloud.troubles.add(Trouble(kind, system="login", times=None))
    signed_in.practice.cloud.stop()
    done = signed_in.run("connect", "xero", "--disconnect")
    assert done.returncode == 0, done.stderr
    assert "Connected apps" in done.stderr
    assert "xero-refresh-token" not in signed_in.keys


def test_a_custom_connection_and_back_to_a_person(signed_in: Office) -> None:
    app = signed_in.practice.cloud.xero.app
    done = signed_in.run("connect", "xero", "--custom", "--from-stdin", typed=f"{app.secret}\n")
    assert done.returncode == 0, done.stderr
    assert signed_in.keys["xero-client-secret"] == app.secret
    assert "xero-refresh-token" not in signed_in.keys
    assert signed_in.run("sync").returncode == 0
    assert not signed_in.practice.desk().ledger.fact("xero_sign_in_ends")
    assert signed_in.consent()[0] == 0
    assert "xero-client-secret" not in signed_in.keys
    assert signed_in.run("sync").returncode == 0


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
