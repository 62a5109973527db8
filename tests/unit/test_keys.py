"""The key store: what it keeps is read back; what is wrong with it is said; it is never waited for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, NoKeyringError

from agent.bugs import redacted
from agent.errors import PlainError
from agent.keys import ENTRIES, Keys


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
    assert text.endswith("for INV-7")
    assert store.kept


def test_entries_are_forgotten_and_need_not_be_there(store: InMemory) -> None:
    keys = Keys()
    keys.write("smtp-password", "p")
    keys.clear("smtp-password")
    keys.clear("smtp-password")
    assert keys.read("smtp-password") == ""
    assert store.kept == {}


def test_homes_do_not_share_their_secrets(store: InMemory) -> None:
    Keys("AutoXero").write("autotask-secret", "one")
    Keys("AutoXero in /b").write("autotask-secret", "two")
    assert len(store.kept) == 2
    assert Keys("AutoXero").read("autotask-secret") == "one"


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
