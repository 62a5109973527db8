"""The benchmark runs, and both sides end with the same rows; how fast is looked at where it is measured."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.projection import Size, compare


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource module to measure memory with")
def test_the_benchmark_compares_like_with_like() -> None:
    """A small run measures both sides and finds the same values in both files."""
    result = compare(Size(rows=60, others=20, changed=7))
    assert result["size"]["rows"] == 60
    assert min(result["ours"]["megabytes"], result["openpyxl"]["megabytes"]) > 1
    assert result["times_faster"] > 0
