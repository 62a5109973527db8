"""The catalogue is whole, keeps the words people know, and never shows an empty place."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

from agent.domain.faults import CATALOGUE, Effect, Kind, fault

TOP = Path(__file__).parents[3]

CODES = [
    *(f"AX-{number}" for number in range(101, 115)),
    *(f"AX-{number}" for number in range(201, 215)),
    "AX-299",
    *(f"AX-{number}" for number in range(301, 306)),
    *(f"AX-{number}" for number in range(401, 407)),
    *(f"AX-{number}" for number in range(501, 506)),
]

KNOWN_WORDS = {
    "AX-101": "Autotask Invoice number is empty",
    "AX-102": "Invoice contains no line items skipping over",
    "AX-103": "Unable to sync Invoice. No valid contact for the invoice",
    "AX-104": "Invalid email address can't sync invoice",
    "AX-105": "Can't find Xero Contact with Account Name: ",
    "AX-106": "Invoice Amounts do not match",
    "AX-201": "Invoice not of valid status for modification",
    "AX-202": "Organisation is not subscribed to currency ",
    "AX-208": "Invoice not of valid status for modification",
    "AX-301": "The user account has been locked. Please see your Autotask Administrator for details.",
    "AX-303": "Timeout Expired error when connecting to Autotask",
    "AX-304": "HTTP Error 503. The service is unavailable.",
    "AX-401": "The access token has expired",
    "AX-402": "Error connecting to Xero",
    "AX-403": "HTTP Error 503. The service is unavailable.",
}
"""The words that users of the older product know, by code."""

EFFECTS: dict[Effect, set[str]] = {
    "skip": {"AX-102"},
    "wait": {"AX-108", "AX-111", "AX-205", "AX-212", "AX-505"},
    "warn": {"AX-207", "AX-208", "AX-209", "AX-213", "AX-214", "AX-501", "AX-502", "AX-504"},
    "stop": {*(code for code in CODES if code[:4] in {"AX-3", "AX-4"}), "AX-503"},
}
"""What does not strike, by what it does; all else strikes."""


def places(kind: Kind) -> set[str]:
    """The names of the places to fill in a title and a cure."""
    return {name for text in (kind.title, kind.cure) for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_code_is_there_and_no_other() -> None:
    assert list(CATALOGUE) == CODES
    assert all(code == kind.code for code, kind in CATALOGUE.items())


@pytest.mark.parametrize("code", CODES)
def test_each_has_title_cause_and_cure(code: str) -> None:
    kind = CATALOGUE[code]
    assert kind.title.strip()
    assert kind.cause.endswith((".", "!"))
    assert kind.cure == "{cure}" or kind.cure.endswith(".")
    assert "…" not in kind.title + kind.cause + kind.cure


@pytest.mark.parametrize("code", sorted(KNOWN_WORDS))
def test_known_titles_are_kept_to_the_letter(code: str) -> None:
    assert KNOWN_WORDS[code] in CATALOGUE[code].title


def test_titles_tell_the_faults_apart() -> None:
    assert len({kind.title for kind in CATALOGUE.values()}) == len(CATALOGUE)


@pytest.mark.parametrize("code", CODES)
def test_what_strikes_and_what_does_not(code: str) -> None:
    wanted = next((effect for effect, codes in EFFECTS.items() if code in codes), "strike")
    assert CATALOGUE[code].effect == wanted
    assert fault(code, "").is_strike == (wanted == "strike")
    assert not fault(code, "", waits=True).is_strike


def test_facts_fill_title_and_cure() -> None:
    found = fault("AX-105", "detail", name="Kauri {Legal} 100 %")
    assert found.title == "Can't find Xero Contact with Account Name: Kauri {Legal} 100 %"
    assert "Choose the Xero contact for Kauri {Legal} 100 % in" in found.cure
    assert (found.code, found.detail) == ("AX-105", "detail")


def raised() -> list[tuple[str, str, set[str]]]:
    """Every place in the agent that names a code: where, the code, and the facts passed."""
    found = []
    for path in sorted((TOP / "agent").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            code = node.args[0]
            if node.func.id in {"fault", "stop"} and isinstance(code, ast.Constant) and isinstance(code.value, str):
                facts = {keyword.arg for keyword in node.keywords if keyword.arg}
                found.append((f"{path.relative_to(TOP)}:{node.lineno}", code.value, facts))
    return found


def test_the_agent_fills_every_place() -> None:
    """Whoever raises a fault passes all that its title and cure need: nobody reads «…» where a name should be."""
    calls = raised()
    assert len(calls) > 20
    lacking = [(where, code, places(CATALOGUE[code]) - facts) for where, code, facts in calls]
    assert [entry for entry in lacking if entry[2]] == []
