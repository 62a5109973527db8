"""A person's sign-in to Xero: renewed one at a time, kept before it is used, never lost in silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from filelock import FileLock

from agent.errors import PlainError, StopError
from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Call, Trouble
from agent.wire import Wire
from agent.xero.browser import Question
from agent.xero.login import USER_SCOPES, UserSignIn
from tests.filekeys import VARIABLE

TOP = Path(__file__).parents[3]


@dataclass
class Slot:
    """A place for a refresh token; says what happened to it, and can refuse to keep, after so many that it keeps."""

    token: str = ""
    events: list[str] = field(default_factory=list)
    trouble: str = ""
    works: int = 0

    def read(self) -> str:
        self.events.append("read")
        return self.token

    def write(self, token: str) -> None:
        self.events.append("write")
        self.works -= 1
        if self.trouble and self.works < 0:
            raise PlainError(self.trouble, "Unlock it.")
        self.token = token

    def clear(self) -> None:
        self.token = ""


@dataclass
class Office:
    """A pretend Xero in which a person has let the app in."""

    cloud: Cloud
    now: list[datetime]
    folder: Path
    slot: Slot = field(default_factory=Slot)
    waits: list[float] = field(default_factory=list)
    renewals: list[str] = field(default_factory=list)

    def login(self) -> UserSignIn:
        """The sign-in as a fresh process has it."""
        return UserSignIn(
            self.cloud.xero.app.client_id,
            self.slot,
            self.folder / "xero-sign-in.lock",
            lambda: self.renewals.append("renewed"),
            Wire((2, 2), self.waits.append),
            self.cloud.url,
        )

    def forward(self, **units: float) -> None:
        self.now[0] += timedelta(**units)

    def refreshes(self) -> list[Call]:
        return [call for call in self.cloud.calls if b"grant_type=refresh_token" in call.body]


def consent(question: Question) -> str:
    """The code that a person's consent gives, without a browser."""
    answer = requests.get(question.address, allow_redirects=False, timeout=5)
    return answer.headers["Location"].partition("code=")[2].partition("&")[0]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    now = [datetime(2026, 11, 20, 1, 0, tzinfo=UTC)]
    with Cloud(now=lambda: now[0]) as cloud:
        office = Office(cloud, now, tmp_path)
        login = office.login()
        question = Question(cloud.xero.app.client_id, 18742, cloud.url)
        login.keep(login.take(consent(question), question.verifier, question.redirect))
        office.slot.events.clear()
        office.renewals.clear()
        cloud.reset()
        yield office


def refused(act: Callable[[], object]) -> StopError:
    with pytest.raises(StopError) as caught:
        act()
    return caught.value


# --- renewing ---


def test_a_fresh_process_renews_once_and_keeps_the_new_token_before_it_uses_it(office: Office) -> None:
    before = office.slot.token
    login = office.login()
    assert login.token() == login.token()
    assert office.slot.events == ["read", "write", "write"]
    assert office.slot.token != before
    assert len(office.refreshes()) == 1
    assert office.renewals == ["renewed"]


def test_the_access_token_stays_in_memory_and_is_shown_by_nothing(office: Office) -> None:
    login = office.login()
    token = login.token()
    assert token not in repr(login)
    assert office.slot.token not in repr(login)
    assert not any(token.encode() in path.read_bytes() for path in office.folder.rglob("*") if path.is_file())


def test_a_token_that_xero_refuses_is_renewed(office: Office) -> None:
    login = office.login()
    first = login.token()
    login.forget("another")
    assert login.token() == first
    login.forget(first)
    assert login.token() != first


def test_no_secret_of_an_app_goes_with_it(office: Office) -> None:
    office.login().token()
    (call,) = office.refreshes()
    assert "authorization" not in call.headers
    assert b"client_secret" not in call.body


def test_the_scopes_are_granular_and_hold_on() -> None:
    asked = USER_SCOPES.split()
    assert "offline_access" in asked
    assert {"accounting.invoices", "accounting.contacts"} <= set(asked)
    assert not {"accounting.transactions", "accounting.settings"} & set(asked)


@pytest.mark.parametrize("kind", ["cut_after", "cut_before", "503"])
def test_where_the_answer_was_lost_the_old_token_is_tried_again(office: Office, kind: str) -> None:
    office.cloud.troubles.add(Trouble(kind, system="login", is_after_commit=kind != "cut_before"))
    before = office.slot.token
    assert office.login().token()
    assert [before.encode() in call.body or before in _form(call) for call in office.refreshes()] == [True, True]
    assert office.slot.token != before
    assert office.waits == [2.0]


def _form(call: Call) -> str:
    from urllib.parse import parse_qs

    return parse_qs(call.body.decode())["refresh_token"][0]


def test_a_process_that_died_before_it_kept_the_answer_is_followed_within_the_half_hour(office: Office) -> None:
    """The new token is lost for ever; the old one works for thirty minutes more."""
    office.cloud.troubles.add(Trouble("cut_after", system="login", times=3))
    error = refused(office.login().token)
    assert (error.fault.code, error.exit_code) == ("AX-402", 69)
    assert 0 < error.after < 1800  # the agent does not wait for its next sync, which may be a day away
    office.forward(minutes=29)
    assert office.login().token()
    office.forward(minutes=29)
    assert office.login().token()


def test_after_the_half_hour_a_new_sign_in_is_asked_for(office: Office) -> None:
    office.cloud.troubles.add(Trouble("cut_after", system="login", times=3))
    refused(office.login().token)
    office.forward(minutes=31)
    error = refused(office.login().token)
    assert (error.fault.code, error.exit_code) == ("AX-405", 2)
    assert "autoxero connect xero" in error.fault.cure


def test_a_sign_in_that_was_taken_back_says_what_to_do(office: Office) -> None:
    office.cloud.xero.sign_in.revoke(office.slot.token)
    kept = office.slot.token
    error = refused(office.login().token)
    assert (error.fault.code, error.exit_code) == ("AX-405", 2)
    assert "taken back" in error.fault.detail
    assert "autoxero connect xero" in error.fault.cure
    assert len(office.refreshes()) == 1
    assert kept not in str(error)


def test_unused_for_sixty_days_it_is_over(office: Office) -> None:
    office.forward(days=60)
    assert refused(office.login().token).fault.code == "AX-405"


def test_used_every_month_it_holds_for_years(office: Office) -> None:
    for _ in range(24):
        office.forward(days=30)
        assert office.login().token()


def test_where_nobody_is_signed_in_xero_is_not_asked(office: Office) -> None:
    office.slot.token = ""
    error = refused(office.login().token)
    assert error.fault.code == "AX-405"
    assert "Nobody is signed in" in error.fault.detail
    assert office.cloud.calls == []


def test_where_a_new_token_could_not_be_kept_xero_is_not_asked(office: Office) -> None:
    """So the one kept does not begin to die: it still helps after days, once the key store can be written to."""
    office.slot.trouble = "The key store is full."
    for _ in range(3):
        error = refused(office.login().token)
        assert error.fault.code == "AX-405"
        assert "was not renewed" in error.fault.detail
        assert "The key store is full. Unlock it." in error.fault.detail
        office.forward(days=3)
    assert office.refreshes() == []
    office.slot.trouble = ""
    assert office.login().token()


def test_a_key_store_that_keeps_nothing_any_more_loses_no_sign_in_in_silence(office: Office) -> None:
    """The token is not used, what to do is said, and the one before it helps once the key store is open again."""
    login = office.login()
    before = office.slot.token
    office.slot.trouble, office.slot.works = "The key store is locked.", 1
    error = refused(login.token)
    assert error.fault.code == "AX-405"
    assert "could not be kept" in error.fault.detail
    assert "The key store is locked. Unlock it." in error.fault.detail
    assert "half an hour" in error.fault.detail
    assert office.slot.token == before
    office.slot.trouble = ""
    assert login.token()


def test_a_locked_key_store_means_sign_in_needed(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked() -> str:
        raise PlainError("The key store is locked.", "Unlock it.")

    monkeypatch.setattr(office.slot, "read", locked)
    error = refused(office.login().token)
    assert (error.fault.code, error.fault.detail) == ("AX-405", "The key store is locked. Unlock it.")


def test_a_lock_that_is_never_given_back_ends_in_words(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.xero.login._LONGEST_TURN", 0.1)
    with FileLock(office.folder / "xero-sign-in.lock"):
        error = refused(office.login().token)
    assert error.fault.code == "AX-402"
    assert office.cloud.calls == []


def test_nothing_is_kept_of_a_sign_in_without_a_refresh_token(office: Office) -> None:
    office.cloud.troubles.add(Trouble("200", system="login", path_contains="token", body=b'{"access_token":"x"}'))
    assert "half an hour" in refused(lambda: office.login().take("code", "v", "r")).fault.detail


def test_a_token_that_an_answer_quotes_is_left_out(office: Office) -> None:
    """Xero's words are told to people, and kept in the ledger."""
    login = office.login()
    token = login.token()
    body = f'{{"Title":"Bad","Detail":"you sent {token}"}}'.encode()
    office.cloud.troubles.add(Trouble("403", system="xero", body=body))
    answer = login.wire.send("GET", f"{office.cloud.url}/connections", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"Title": "Bad", "Detail": "you sent ..."}


# --- several at once ---


def test_threads_of_one_process_renew_once(office: Office) -> None:
    login = office.login()
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(login.token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(office.refreshes()) == 1


_RENEW = """
import sys
from pathlib import Path
from agent.desk import KeyPlace
from agent.keys import Keys
from agent.xero.login import UserSignIn
login = UserSignIn(sys.argv[1], KeyPlace(Keys()), Path(sys.argv[2]) / "xero-sign-in.lock", url=sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5):
    login.forget(login.token())
print("done")
"""


def test_processes_at_once_take_turns_and_none_loses_the_sign_in(office: Office) -> None:
    """Even where Xero gives no grace at all: each uses the token that the one before it kept, and each only once."""
    store = office.folder / "keys.json"
    store.write_text(json.dumps({"AutoXero/xero-refresh-token": office.slot.token}), encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"],
        VARIABLE: str(store),
        "PYTHON_KEYRING_BACKEND": "tests.filekeys.FileKeys",
    }
    command = [sys.executable, "-c", _RENEW, office.cloud.xero.app.client_id, str(office.folder), office.cloud.url]
    begun = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TOP, env=environment)
        for _ in range(3)
    ]
    for process in begun:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    told = [process.communicate("go\n", timeout=60)[0] for process in begun]
    assert told == ["done\n"] * 3
    used = [_form(call) for call in office.refreshes()]
    assert len(used) == 15
    assert len(set(used)) == 15
    kept = json.loads(store.read_text(encoding="utf-8"))["AutoXero/xero-refresh-token"]
    assert kept not in used
    assert kept in office.cloud.xero.sign_in.refresh


# --- the end ---


def test_ending_takes_it_back_in_xero_and_here(office: Office) -> None:
    office.login().end()
    assert office.slot.token == ""
    assert office.cloud.xero.sign_in.connections == {}


@pytest.mark.parametrize(("kind", "code"), [("cut_before", "AX-402"), ("400", "AX-405")])
def test_an_ending_that_xero_did_not_take_is_told(office: Office, kind: str, code: str) -> None:
    office.cloud.troubles.add(Trouble(kind, system="login"))
    assert refused(office.login().end).fault.code == code
    assert office.slot.token


def test_the_clock_that_jumps_does_not_keep_an_old_token(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its life is measured by a clock that never jumps, and ends a minute early."""
    login = office.login()
    first = login.token()
    begun = time.monotonic()
    monkeypatch.setattr("agent.xero.login.time.monotonic", lambda: begun + 1735)
    assert login.token() == first
    monkeypatch.setattr("agent.xero.login.time.monotonic", lambda: begun + 1745)
    assert login.token() != first
