"""Two agents on one home, both impatient: one at a time, no duplicate, nothing lost."""

from __future__ import annotations

import os
import random
import subprocess
import time

from agent.pretend.troubles import Trouble
from tests.support import Practice, support
from tests.system.test_exactly_once import assert_all_there_once, start_sync, until_calls

SECONDS = float(os.environ.get("AUTOXERO_TEST_SECONDS", "10"))
"""How long they go on; minutes in the long form."""
ROUNDS = 4
"""How often they start at least, however slow the machine is."""


def test_two_agents_with_kills(practice: Practice) -> None:
    """Invoices keep coming in, processes are killed at random moments, two always try at once."""
    expected: list[int] = []
    dice = random.Random(7)
    begun = time.monotonic()
    rounds = 0
    while rounds < ROUNDS or time.monotonic() - begun < SECONDS:
        rounds += 1
        expected += [practice.world.invoice("Kauri Legal", [support(str(dice.randint(1, 9)))]) for _ in range(2)]
        before = len(practice.cloud.calls)
        pair = [start_sync(practice), start_sync(practice)]
        until_calls(practice, before + dice.randint(1, 12), pair)
        end_within(dice.uniform(0, 0.5), pair)
    practice.sync()
    practice.sync()
    assert_all_there_once(practice, expected)


def test_the_second_of_two_agents_is_told_to_wait(practice: Practice) -> None:
    """One hangs in the middle of sending: the other sends nothing, says so, and ends with 75."""
    number = practice.world.invoice("Kauri Legal", [support()])
    practice.cloud.troubles.add(Trouble("stall", system="xero", method="PUT", seconds=60))
    with start_sync(practice) as first:
        while not practice.posts():
            until_calls(practice, len(practice.cloud.calls) + 1, [first])
            assert first.poll() is None
        with start_sync(practice) as second:
            _out, told = second.communicate(timeout=60)
        practice.cloud.troubles.released.set()
        first.communicate(timeout=60)
    assert second.returncode == 75, told
    assert "under way" in told
    practice.cloud.troubles.released.clear()
    practice.sync()
    assert_all_there_once(practice, [number])


def end_within(seconds: float, pair: list[subprocess.Popen[str]]) -> None:
    """Let both go on for a moment, then kill what still runs."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(process.poll() is None for process in pair):
        time.sleep(0.01)
    for process in pair:
        process.kill()
        process.communicate(timeout=30)
