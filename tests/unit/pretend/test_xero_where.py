"""The where and order expressions, without any HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from agent.pretend.xero_where import WhereError, read_order, read_where

FACTS = {
    "Name": "Kōwhai Ltd",
    "Total": Decimal("10.50"),
    "Count": 3,
    "IsCustomer": True,
    "Date": date(2026, 11, 20),
    "UpdatedDateUTC": datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC),
    "Reference": None,
    "Contact": {"ContactID": "abc", "Name": "Ana"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Name=="kōwhai LTD"', True),
        ('Name<>"x"', True),
        ("IsCustomer", True),
        ("IsCustomer==true", True),
        ("!(IsCustomer==true)", False),
        ("Total==10.5", True),
        ("Total>10.5", False),
        ("Total<=10.5 AND Count=3", True),
        ("Count>2 OR Nothing==1", None),
        ('Reference.Contains("x")', False),
        ("Reference==null", True),
        ("Reference>1", False),
        ("Date.HasValue", True),
        ("Reference.HasValue==false", True),
        ("Date.Value==DateTime(2026,11,20)", True),
        ("UpdatedDateUTC>=DateTime(2026,11,20,1,2,3)", True),
        ("UpdatedDateUTC>DateTime(2026,11,20,1,2,3)", False),
        ('Contact.ContactID==Guid("ABC")', True),
        ('Contact.Name.ToUpper()=="ANA"', True),
        ('Name.StartsWith("KŌ")&&Name.EndsWith("ltd")', True),
        ("Total>-1", True),
        ("(Count==3 OR Count==4) AND (Total==1 OR Total==10.50)", True),
        ("Count==3 OR Count==4 AND Total==1", True),
    ],
)
def test_expressions(text: str, *, expected: bool | None) -> None:
    """Text ignores case, null compares with nothing, AND binds before OR; None expects a refusal."""
    if expected is None:
        with pytest.raises(WhereError, match="No property or field 'Nothing'"):
            read_where(text, "Thing", FACTS)
    else:
        assert read_where(text, "Thing", FACTS)(FACTS) is expected


@pytest.mark.parametrize(
    "text", ['Name=="a" Name=="b"', "Name==", "==1", ")", 'Guid("a"', "Name.Contains", "a.b.c", 'Name=="a"x']
)
def test_faults(text: str) -> None:
    """Every fault of grammar is a WhereError and nothing else."""
    with pytest.raises(WhereError):
        read_where(text, "Thing", FACTS)


def test_order() -> None:
    """Paths with a direction each; unknown fields are refused."""
    assert read_order("contact.name DESC, Total", "Thing", FACTS) == [(["Contact", "Name"], True), (["Total"], False)]
    with pytest.raises(WhereError):
        read_order("Nothing", "Thing", FACTS)
