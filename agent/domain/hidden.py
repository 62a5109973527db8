"""Secrets left out of what others quote, in whatever form they write them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html.entities import codepoint2name
from urllib.parse import quote

MASK = "•••"


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with a mask in place of every secret: as it is, or as JSON, HTML, an address or Python writes it.

    It goes before any cutting of the text: of a secret that is cut in two no half can be found.
    """
    for secret in sorted(set(secrets) - {""}, key=len, reverse=True):
        text = re.sub("".join(map(_written, secret)), MASK, text)
    return text


def _written(char: str) -> str:
    """A pattern for one character in all its forms."""
    if char.isascii() and char.isalnum():
        return char
    code = ord(char)
    name = codepoint2name.get(code) or ("apos" if char == "'" else "")
    plain = {char, json.dumps(char, ensure_ascii=False)[1:-1], repr(char)[1:-1], f"\\{char}"}
    coded = {json.dumps(char)[1:-1], f"\\u{code:04x}", quote(char, safe="", errors="replace")}
    coded |= {"+"} if char == " " else {f"&{name};"} if name else set()
    forms = [*map(re.escape, sorted(plain, key=len, reverse=True)), rf"(?i:&#0*{code};|&#x0*{code:x};)"]
    forms += [f"(?i:{re.escape(form)})" for form in sorted(coded)]
    return f"(?:{'|'.join(forms)})"
