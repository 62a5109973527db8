"""Text on its way into Xero and the workbook: kept as it is, but for what XML cannot hold and what is too long."""

from __future__ import annotations

import re

LONGEST_DESCRIPTION = 4000
"""Characters of a line's description in Xero."""

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text without the characters that XML 1.0 forbids, and without blanks at its ends."""
    return _FORBIDDEN.sub("", text).strip()


def cut(text: str, longest: int) -> str:
    """The text, at most that long; what is longer ends at a word, in “…”."""
    if len(text) <= longest:
        return text
    head = text[: longest - 1]
    at_word = head.rstrip() if text[longest - 1].isspace() else re.sub(r"\s+\S*$", "", head)
    return (at_word if len(at_word) >= longest // 2 else head.rstrip()) + "…"


def counted(count: int, noun: str) -> str:
    """A count with its noun, such as ``1 line`` and ``2 lines``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
