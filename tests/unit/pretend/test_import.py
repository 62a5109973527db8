"""The package costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys


def test_importing_opens_nothing() -> None:
    """No server, no thread and no product code comes with the import."""
    script = (
        "import sys, threading, agent.pretend.cloud as c; "
        "assert threading.active_count() == 1; cloud = c.Cloud(); assert threading.active_count() == 1; "
        "assert not [n for n in sys.modules if n.startswith('agent.') and not n.startswith('agent.pretend')]; "
        "\ntry:\n    cloud.environment\nexcept RuntimeError:\n    print('fine')"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout == "fine\n"
