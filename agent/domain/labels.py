"""Codes and labels: drop-downs show labels that people understand, the agent works with codes; both may be typed."""

from __future__ import annotations

import re

_ACCOUNT = re.compile(r"(\S+) · .+")
_TAX_RATE = re.compile(r".*\S \(([A-Z][A-Z0-9]*)\)")


def account_label(code: str, name: str) -> str:
    """How the drop-down shows an account, such as ``200 · Sales``."""
    return f"{code} · {name}"


def tax_rate_label(code: str, name: str) -> str:
    """How the drop-down shows a tax rate, such as ``15% GST on Income (OUTPUT2)``."""
    return f"{name} ({code})"


def code_of(text: str) -> str:
    """The code in a label, or the text itself when it is no label."""
    text = text.strip()
    match = _ACCOUNT.fullmatch(text) or _TAX_RATE.fullmatch(text)
    return match[1] if match else text
