"""Where the agent lives and how it signs in: safe places only, and no secret in anything that is shown."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import keyring
import pytest
from keyring.errors import KeyringError, NoKeyringError
from platformdirs import user_data_path

from agent.config import Config, check_home, read_config
from agent.domain.settings import Settings
from agent.errors import MEND_FIRST, PlainError
from agent.wire import Wire
from agent.xero.login import CustomConnection

SECRETS = {
    "AUTOXERO_AUTOTASK_SECRET": "s3cr3t-one",
    "AUTOXERO_AUTOTASK_INTEGRATION_CODE": "s3cr3t-two",
    "AUTOXERO_XERO_CLIENT_SECRET": "s3cr3t-three",
}


def refused(home: Path) -> PlainError:
    with pytest.raises(PlainError) as caught:
        check_home(home)
    assert caught.value.exit_code == MEND_FIRST
    assert "AUTOXERO_HOME" in caught.value.next_step
    return caught.value


# --- the home ---


@pytest.mark.parametrize(
    "folder",
    [
        "OneDrive",
        "OneDrive - Kowhai IT Limited",
        "onedrive",
        "Dropbox",
        "Dropbox (Personal)",
        "Google Drive",
        "GoogleDrive-me@x.example",
        "iCloudDrive",
        "iCloud Drive",
        "Nextcloud",
        "Box Sync",
        "Library/Mobile Documents/com~apple~CloudDocs",
        "Library/CloudStorage/OneDrive-Personal",
        "Library/CloudStorage/Box-Box",
    ],
)
def test_a_synced_folder_is_refused_and_nothing_is_made_there(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder / "AutoXero"
    error = refused(home)
    assert str(home) in error.message
    assert "synced" in error.message
    assert not home.exists()


def test_a_link_into_a_synced_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "OneDrive").mkdir()
    try:
        (tmp_path / "link").symlink_to(tmp_path / "OneDrive", target_is_directory=True)
    except OSError:
        pytest.skip("this user may not make links")
    assert "synced" in refused(tmp_path / "link" / "AutoXero").message


@pytest.mark.parametrize("folder", ["My OneDrive notes", "AutoXero", "Boxes", "données ümlaut 日本"])
def test_other_folders_are_taken(tmp_path: Path, folder: str) -> None:
    check_home(tmp_path / folder)
    assert (tmp_path / folder).is_dir()


@pytest.mark.parametrize("home", ["\\\\server\\share\\AutoXero", "//server/share/AutoXero"])
def test_a_network_drive_is_refused(home: str) -> None:
    assert "network" in refused(Path(home)).message


def test_an_unwritable_home_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    error = refused(tmp_path / "file" / "AutoXero")
    assert "cannot be written to" in error.message
    assert str(tmp_path / "file") in error.message


@pytest.mark.parametrize(
    ("number", "step"),
    [(errno.ENOSPC, "Free some space"), (errno.EROFS, "Let this user write"), (errno.EACCES, "Let this user write")],
)
def test_for_a_home_in_use_no_other_one_is_advised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    """A full disk, or one that may only be read: another home would mean an empty ledger."""

    def fail(_path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "touch", fail)
    with pytest.raises(PlainError) as caught:
        check_home(tmp_path)
    assert os.strerror(number) in caught.value.message
    assert caught.value.next_step.startswith(step)
    assert "Take no other folder" in caught.value.next_step
    assert "AUTOXERO_HOME" not in caught.value.next_step


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert "cannot be written to" in refused(tmp_path / "file").message


def test_a_good_home_is_made_and_left_empty(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "down" / "AutoXero"
    for _ in range(2):
        check_home(home)
    assert list(home.iterdir()) == []


def test_the_environment_names_the_home(tmp_path: Path) -> None:
    config = read_config({"AUTOXERO_HOME": str(tmp_path / "here")})
    assert config.home == tmp_path / "here"
    assert config.database_url == f"sqlite:///{tmp_path / 'here' / 'ledger.db'}"


def test_a_tilde_is_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert read_config({"AUTOXERO_HOME": "~/AutoXero"}).home == tmp_path / "AutoXero"


def test_without_a_name_the_home_is_the_systems_place_for_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path / "AutoXero")
    assert read_config({}).home == tmp_path / "AutoXero"
    assert read_config({"AUTOXERO_HOME": ""}).home == tmp_path / "AutoXero"


def test_a_bad_home_is_refused_when_the_configuration_is_read(tmp_path: Path) -> None:
    with pytest.raises(PlainError):
        read_config({"AUTOXERO_HOME": str(tmp_path / "Dropbox")})


# --- the environment wins ---


def test_the_environment_replaces_addresses(tmp_path: Path) -> None:
    config = Config(
        tmp_path, {"AUTOXERO_XERO_API_URL": "http://127.0.0.1:1", "AUTOXERO_DATABASE_URL": "sqlite:///x.db"}
    )
    assert config.url("AUTOXERO_XERO_API_URL", "https://api.xero.com") == "http://127.0.0.1:1"
    assert config.url("AUTOXERO_XERO_LOGIN_URL", "https://identity.xero.com") == "https://identity.xero.com"
    assert config.database_url == "sqlite:///x.db"


def test_the_environment_wins_over_settings_and_key_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_password", lambda *_: "from the key store")
    settings = Settings(autotask_user="from the sheet", xero_client_id="from the sheet")
    environment = {"AUTOXERO_AUTOTASK_USERNAME": "user", "AUTOXERO_XERO_CLIENT_ID": " client ", **SECRETS}
    config = Config(tmp_path, environment)
    assert config.autotask_sign_in(settings) == ("user", "s3cr3t-one", "s3cr3t-two")
    assert config.xero_sign_in(settings) == ("client", "s3cr3t-three")
    bare = Config(tmp_path, {})
    assert bare.autotask_sign_in(settings) == ("from the sheet", "from the key store", "from the key store")
    assert bare.xero_sign_in(settings) == ("from the sheet", "from the key store")


def test_each_secret_has_a_place_of_its_own_in_the_key_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def get(service: str, entry: str) -> str:
        asked.append((service, entry))
        return "x"

    monkeypatch.setattr(keyring, "get_password", get)
    settings = Settings(autotask_user="u", xero_client_id="c")
    for home in (user_data_path("AutoXero", appauthor=False), tmp_path):
        Config(home, {}).autotask_sign_in(settings)
        Config(home, {}).xero_sign_in(settings)
    assert {service for service, _ in asked} == {"AutoXero", f"AutoXero in {tmp_path}"}
    assert len({entry for _, entry in asked}) == 3


@pytest.mark.parametrize("trouble", [NoKeyringError, KeyringError, OSError, RuntimeError])
def test_a_locked_key_store_ends_in_sign_in_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: type[Exception]
) -> None:
    def locked(*_: str) -> str:
        raise trouble("locked")

    monkeypatch.setattr(keyring, "get_password", locked)
    with pytest.raises(PlainError, match=r"docs/connect\.md"):
        Config(tmp_path, {}).autotask_sign_in(Settings(autotask_user="u"))
    with pytest.raises(PlainError, match=r"docs/connect\.md"):
        Config(tmp_path, {}).xero_sign_in(Settings(xero_client_id="c"))


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ("AUTOXERO_AUTOTASK_USERNAME", "Autotask user name is missing"),
        ("AUTOXERO_AUTOTASK_SECRET", "Autotask secret is missing"),
        ("AUTOXERO_AUTOTASK_INTEGRATION_CODE", "Autotask integration code is missing"),
        ("AUTOXERO_XERO_CLIENT_ID", "Xero client ID is missing"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str, words: str) -> None:
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    whole = {"AUTOXERO_AUTOTASK_USERNAME": "user", "AUTOXERO_XERO_CLIENT_ID": "client", **SECRETS}
    config = Config(tmp_path, {name: value for name, value in whole.items() if name != lacking})
    sign_in: Callable[[Settings], object] = config.autotask_sign_in if "AUTOTASK" in lacking else config.xero_sign_in
    with pytest.raises(PlainError) as caught:
        sign_in(Settings())
    assert words in caught.value.message
    assert not any(secret in str(caught.value) for secret in SECRETS.values())


def test_an_app_without_a_secret_is_a_persons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    assert Config(tmp_path, {}).xero_sign_in(Settings(xero_client_id="c")) == ("c", "")


@pytest.mark.parametrize(("given", "port"), [("", 18742), ("28742", 28742)])
def test_the_browser_comes_back_to_a_fixed_port(tmp_path: Path, given: str, port: int) -> None:
    """It is registered with the Xero app to the letter, and below the ports that systems lend out."""
    assert Config(tmp_path, {"AUTOXERO_XERO_CALLBACK_PORT": given}).callback_port == port
    assert port < 32768


@pytest.mark.parametrize("given", ["no", "80", "65536", "-1", "¹²³⁴"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, given: str) -> None:
    with pytest.raises(PlainError, match="AUTOXERO_XERO_CALLBACK_PORT"):
        _ = Config(tmp_path, {"AUTOXERO_XERO_CALLBACK_PORT": given}).callback_port


# --- nothing secret is shown ---


def test_secrets_are_in_no_description(tmp_path: Path) -> None:
    config = Config(tmp_path, SECRETS)
    login = CustomConnection("client", "s3cr3t-three", Wire(), "https://identity.xero.com")
    login._token = "s3cr3t-token"
    shown = f"{config!r} {config} {login!r}"
    assert str(tmp_path) in shown
    assert "client" in shown
    assert "s3cr3t" not in shown
