from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.memory_excel import Excel, running_excel


@pytest.fixture
def excel() -> Iterator[Excel]:
    """An Excel in memory that xlwings finds."""
    with running_excel() as found:
        yield found
