"""Text goes through as it is, but for what XML cannot hold and what is too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agent.domain.text import LONGEST_DESCRIPTION, clean, cut

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    "text",
    [
        "Support 🚀👩🏽‍💻 for Ōtautahi",
        "חשבונית מס \u200f(עברית)\u200f",
        "فاتورة رقم ١٢",
        "日本語の明細",
        "tab\there, line\nhere",
        "= 1 + 1, @home, -5, +64",
        "soft\u00adhyphen, no\u00a0break, zero\u200bwidth",
    ],
)
def test_every_script_and_sign_is_kept(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "bad", ["\x00", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\ufffe", "\uffff", chr(0xD800), chr(0xDFFF)]
)
def test_what_xml_forbids_is_removed(bad: str) -> None:
    assert clean(f"Sup{bad}port{bad}") == "Support"


def test_blanks_at_the_ends_go() -> None:
    assert clean(" \n two  words \t") == "two  words"
    assert clean("\x00 \x01") == ""


@given(ANY_TEXT)
def test_whatever_comes_in_xml_can_hold_it_afterwards(text: str) -> None:
    cleaned = clean(text)
    element = etree.Element("t")
    element.text = cleaned
    assert etree.tostring(element, encoding="utf-8")
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("text", "longest", "wanted"),
    [
        ("short", 5, "short"),
        ("", 5, ""),
        ("remote support", 14, "remote support"),
        ("remote support today", 17, "remote support…"),
        ("remote support today", 15, "remote support…"),
        ("remote support today", 13, "remote…"),
        ("remote  support", 12, "remote…"),
        ("Donaudampfschifffahrt", 10, "Donaudamp…"),
        ("a Donaudampfschifffahrt", 12, "a Donaudamp…"),
        ("word", 1, "…"),
    ],
)
def test_what_is_too_long_ends_at_a_word(text: str, longest: int, wanted: str) -> None:
    assert cut(text, longest) == wanted


@given(st.text(), st.integers(1, 60))
def test_never_longer_than_the_limit_and_never_reworded(text: str, longest: int) -> None:
    short = cut(text, longest)
    assert len(short) <= longest
    if len(text) <= longest:
        assert short == text
    else:
        assert short.endswith("…")
        assert text.startswith(short[:-1])


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=1, max_size=40), st.integers(22, 80))
def test_words_of_usual_length_stay_whole(words: list[str], longest: int) -> None:
    text = " ".join(words)
    kept = cut(text, longest).removesuffix("…").split()
    assert kept == words[: len(kept)]


def test_the_limits_of_both_sides() -> None:
    assert len(cut("word " * 9000, LONGEST_DESCRIPTION)) <= 4000
    assert len(cut("x" * 40000, 32767)) == 32767
