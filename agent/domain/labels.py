"""Labels: drop-downs show what people understand, the agent works with codes; both may be typed."""

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


def account_code(text: str) -> str:
    """The code in an account's label, or the text itself when it looks like none.

    A name may look like a label, too (``Fees · Other``): look for the whole text first.
    """
    return _part(_ACCOUNT, text)


def tax_type(text: str) -> str:
    """The TaxType in a tax rate's label, or the text itself when it looks like none.

    A name may look like a label, too (``Reduced rate (GST)``): look for the whole text first.
    """
    return _part(_TAX_RATE, text)


def _part(label: re.Pattern[str], text: str) -> str:
    text = text.strip()
    match = label.fullmatch(text)
    return match[1] if match else text
