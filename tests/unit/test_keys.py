"""The key store: what it keeps is read back; what is wrong with it is said; it is never waited for."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, NoKeyringError

from agent.bugs import redacted
from agent.config import Config
from agent.errors import PlainError
from agent.keys import ENTRIES, Keys, _key


class InMemory(KeyringBackend):
    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # the library has no types here
        self.kept: dict[tuple[str, str], str] = {}
        self.trouble: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        self.open.wait(10)
        if self.trouble:
            raise self.trouble
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.trouble:
            raise self.trouble
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def store() -> Iterator[InMemory]:
    before = keyring.get_keyring()
    backend = InMemory()
    keyring.set_keyring(backend)
    yield backend
    backend.open.set()
    keyring.set_keyring(before)


@pytest.mark.parametrize("secret", ["x", "<a> & \"b\" 'c' %d", "  blanks  ", "tūī 🔑", "é" * 1280, "🔑" * 640])
def test_any_secret_is_kept_as_it_is(store: InMemory, secret: str) -> None:
    Keys().write("autotask-secret", secret)
    assert Keys().read("autotask-secret") == secret
    assert store.kept == {("AutoXero", "autotask-secret"): secret}


@pytest.mark.parametrize("secret", ["x" * 1281, "🔑" * 641])
def test_what_windows_would_not_keep_is_refused_everywhere(store: InMemory, secret: str) -> None:
    with pytest.raises(PlainError, match=r"too long .* 1,28[12] characters, of which 1,280 fit") as caught:
        Keys().write("autotask-secret", secret)
    assert secret not in str(caught.value)
    assert store.kept == {}


def test_a_bugs_report_leaves_out_what_came_from_the_key_store(store: InMemory) -> None:
    store.kept["AutoXero", "autotask-secret"] = "Pl4nted\\'one"
    Keys().read("autotask-secret")
    Keys().write("smtp-password", "Pl4nted two")
    found = (Keys().read("autotask-secret"), "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln", "Pl4nted two")
    text = redacted(f"{found} and {found[0]}, for INV-7")
    assert "Pl4nted" not in text
    assert "eyJ" not in text
    Keys().write("smtp-password", 'Pl4nted "three" \\ ü')
    assert "three" not in redacted(json.dumps({"said": 'it is Pl4nted "three" \\ ü'}))
    assert "three" not in redacted(json.dumps({"said": 'it is Pl4nted "three" \\ ü'}, ensure_ascii=False))
    assert text.endswith("for INV-7")
    assert store.kept


def test_entries_are_forgotten_and_need_not_be_there(store: InMemory) -> None:
    keys = Keys()
    keys.write("smtp-password", "p")
    keys.clear("smtp-password")
    keys.clear("smtp-password")
    assert keys.read("smtp-password") == ""
    assert store.kept == {}


@pytest.mark.usefixtures("store")
def test_homes_do_not_share_their_secrets() -> None:
    Keys("AutoXero").write("autotask-secret", "one")
    Keys("AutoXero in /b").write("autotask-secret", "two")
    assert Keys("AutoXero").read("autotask-secret") == "one"
    assert Keys("AutoXero in /b").read("autotask-secret") == "two"


def test_homes_are_known_by_their_secrets(store: InMemory) -> None:
    """Each home can tell of the others, as long as these have any."""
    usual, b, c = (Keys(name) for name in ("AutoXero", "AutoXero in /b", "AutoXero in /c"))
    for keys in (usual, b, c):
        keys.write("autotask-secret", keys.service)
    assert b.others() == ["AutoXero", "AutoXero in /c"]
    assert usual.others() == ["AutoXero in /b", "AutoXero in /c"]
    b.clear_all()
    assert usual.others() == ["AutoXero in /c"]
    c.clear_all()
    assert list(store.kept) == [("AutoXero", "autotask-secret")]


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_computer_without_a_key_store_is_told_the_other_way(entry: str) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call] # the library has no types here
    try:
        with pytest.raises(PlainError, match="has no key store") as caught:
            Keys().read(entry)
    finally:
        keyring.set_keyring(before)
    assert (ENTRIES[entry] or "custom connection") in caught.value.next_step
    assert "docs/connect.md" in caught.value.next_step


def test_a_key_store_that_only_pretends_to_keep_is_found_out() -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(null.Keyring())  # type: ignore[no-untyped-call] # the library has no types here
    try:
        assert Keys().read("smtp-password") == ""
        with pytest.raises(PlainError, match="keeps nothing"):
            Keys().write("smtp-password", "p")
    finally:
        keyring.set_keyring(before)


class PlatformError(Exception):
    """Each platform has errors of its own."""


@pytest.mark.parametrize(
    "trouble", [KeyringLocked("s3cret"), OSError("s3cret"), RuntimeError("s3cret"), PlatformError("s3cret")]
)
def test_a_locked_key_store_is_told_in_words(store: InMemory, trouble: Exception) -> None:
    store.trouble = trouble
    for act in (lambda: Keys().read("autotask-secret"), lambda: Keys().write("autotask-secret", "s3cret")):
        with pytest.raises(PlainError, match="locked or does not answer") as caught:
            act()
        assert "AUTOXERO_AUTOTASK_SECRET" in caught.value.next_step
        assert "s3cret" not in str(caught.value)


def test_a_missing_backend_and_a_locked_one_are_told_apart(store: InMemory) -> None:
    store.trouble = NoKeyringError("none")
    with pytest.raises(PlainError, match="has no key store"):
        Keys().read("autotask-secret")


def test_a_key_store_that_hangs_is_not_waited_for_nor_asked_again_and_again(store: InMemory) -> None:
    """A run every fifteen minutes for months must not leave a thread each time."""
    store.open.clear()
    begun = time.monotonic()
    for _ in range(20):
        with pytest.raises(PlainError, match="locked or does not answer"):
            Keys(seconds=0.2).read("autotask-secret")
    assert time.monotonic() - begun < 2
    assert store.calls == 1
    store.open.set()
    deadline = time.monotonic() + 5
    while any(thread.name == "key-store" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert Keys(seconds=2).read("autotask-secret") == ""


# --- a file in its place ---


def sealed(home: Path, opener: str = "open, sésame 🔑") -> Keys:
    """The secrets of a home as a fresh process finds them, on a computer without a key store."""
    _key.cache_clear()
    return Config(home, {"AUTOXERO_KEYS_PASSPHRASE": opener}).keys


@pytest.fixture
def bare() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call] # the library has no types here
    yield
    keyring.set_keyring(before)


@pytest.mark.usefixtures("bare")
def test_with_a_passphrase_a_file_stands_for_the_key_store(tmp_path: Path) -> None:
    """It keeps what a person's sign-in to Xero needs: a secret that is another one after each use."""
    sealed(tmp_path).write("autotask-secret", "Pl4nted \\ one")
    for token in ("Pl4nted-two", "Pl4nted-three"):
        sealed(tmp_path).write("xero-refresh-token", token)
    assert sealed(tmp_path).read("autotask-secret") == "Pl4nted \\ one"
    assert sealed(tmp_path).read("xero-refresh-token") == "Pl4nted-three"
    assert sealed(tmp_path).read("smtp-password") == ""
    path = tmp_path / "keys.sealed"
    assert b"Pl4nted" not in path.read_bytes()
    assert b"refresh" not in path.read_bytes()
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600
    for entry in ("autotask-secret", "xero-refresh-token", "smtp-password"):
        sealed(tmp_path).clear(entry)
    assert not path.exists()


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("damage", [None, b"", b"no line", b"salt\nnot sealed"])
def test_what_does_not_open_the_file_is_told_and_nothing_is_lost(tmp_path: Path, damage: bytes | None) -> None:
    sealed(tmp_path).write("autotask-secret", "Pl4nted")
    path = tmp_path / "keys.sealed"
    if damage is not None:
        path.write_bytes(damage)
    before = path.read_bytes()
    keys = sealed(tmp_path, "open, sésame 🔑" if damage is not None else "wr0ng")
    for act in (lambda: keys.read("autotask-secret"), lambda: keys.write("smtp-password", "p")):
        with pytest.raises(PlainError, match="AUTOXERO_KEYS_PASSPHRASE does not open") as caught:
            act()
        assert "wr0ng" not in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.usefixtures("bare")
def test_the_passphrase_is_shown_by_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOXERO_KEYS_PASSPHRASE", "Un1que-0pener")
    assert "Un1que" not in repr(sealed(tmp_path, "Un1que-0pener")) + redacted("so Un1que-0pener it is")


@pytest.mark.usefixtures("bare")
def test_threads_at_once_lose_none_of_each_others(tmp_path: Path) -> None:
    keys = sealed(tmp_path)
    threads = [threading.Thread(target=keys.write, args=(entry, entry.upper())) for entry in ENTRIES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [keys.read(entry) for entry in ENTRIES] == [entry.upper() for entry in ENTRIES]
