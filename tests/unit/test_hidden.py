"""Secrets are left out of what others quote, however they write them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.hidden import without

SECRET = "Tr0ub4dor&3<c>'h\"b \\ é+%/€"
WAYS: list[Callable[[str], str]] = [
    str,
    repr,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    html.escape,
    lambda text: html.escape(text, quote=False),
    lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    lambda text: "".join(f"&#{ord(char)};" if not char.isalnum() else char for char in text),
    quote,
    quote_plus,
    lambda text: re.sub(r"%..", lambda found: found[0].lower(), quote(text, safe="")),
]


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_found_in_every_form(way: Callable[[str], str]) -> None:
    assert without(f"before {way(SECRET)} after", [SECRET]).replace('"', "").replace("'", "") == "before ••• after"


@given(st.text(min_size=1, max_size=12), st.sampled_from(WAYS))
def test_no_secret_whatever_stays(secret: str, way: Callable[[str], str]) -> None:
    assert "•••" in without(f"[{way(secret)}]", [secret])


def test_what_is_not_the_secret_stays() -> None:
    assert without("s3cret and S3CRET", ["s3cret", ""]) == "••• and S3CRET"
    assert without("of \udce9 half a character", ["\udce9"]) == "of ••• half a character"
    assert without("the longer s3cret-9 first", ["s3cret", "s3cret-9"]) == "the longer ••• first"
