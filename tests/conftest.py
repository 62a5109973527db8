"""Guards for every test: no network but this machine, no real waiting, no real home."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import Practice, open_practice

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True)
def _guards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    connect, sleep = socket.socket.connect, time.sleep

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in _LOOPBACK:
            raise AssertionError(f"A test reached for {address}")
        connect(self, address)

    def hardly_sleep(seconds: float) -> None:
        assert seconds <= 0.2, f"A test slept for {seconds} s"
        sleep(seconds)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(time, "sleep", hardly_sleep)
    monkeypatch.setenv("AUTOXERO_HOME", str(tmp_path / "home"))
    for name in ("AUTOXERO_DATABASE_URL", "AUTOXERO_AUTOTASK_SECRET", "AUTOXERO_XERO_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def practice(tmp_path: Path) -> Iterator[Practice]:
    """A pretend provider with one customer, a workbook set to Live, and nothing invoiced yet."""
    with open_practice(tmp_path) as found:
        yield found
