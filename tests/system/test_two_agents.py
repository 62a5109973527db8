"""Two agents on one home, both impatient: one at a time, no duplicate, nothing lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support import Practice, support
from tests.system.test_exactly_once import assert_all_there_once

TOP = Path(__file__).parents[2]
SECONDS = float(os.environ.get("AUTOXERO_TEST_SECONDS", "10"))
"""How long they go on; minutes in the long form."""


def start(practice: Practice) -> subprocess.Popen[bytes]:
    """A sync in a process of its own."""
    environment = {"AUTOXERO_HOME": str(practice.home), "PATH": os.environ["PATH"], **practice.cloud.environment}
    command = [sys.executable, "-m", "agent", "sync", "--workbook", str(practice.workbook), "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=TOP)


def test_two_agents_with_kills(practice: Practice) -> None:
    """Invoices keep coming in, processes are killed at random moments, two always try at once."""
    expected: list[int] = []
    dice = random.Random(7)
    ends: list[int | None] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        expected += [practice.world.invoice("Kauri Legal", [support(str(dice.randint(1, 9)))]) for _ in range(2)]
        pair = [start(practice), start(practice)]
        deadline = time.monotonic() + dice.uniform(0.5, 2.0)
        while time.monotonic() < deadline and any(process.poll() is None for process in pair):
            time.sleep(0.02)
        for process in pair:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            ends.append(process.wait(30))
    practice.sync()
    practice.sync()
    assert_all_there_once(practice, expected)
    assert 75 in ends
    assert len(expected) >= 6
