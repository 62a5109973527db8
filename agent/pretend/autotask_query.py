"""The query language of the pretend Autotask, with its odd corners."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from agent.pretend.autotask_fields import MONEY, NUMBERS, Entity, Field
from agent.pretend.wire import JsonObject, as_decimal, read_instant

PAGE = 500
"""The largest page, and the largest number of alternatives in one query."""

Test = Callable[[JsonObject], bool]
COMPARISONS: dict[str, Callable[[object, object], bool]] = {
    "eq": lambda left, right: left == right,
    "noteq": lambda left, right: left != right,
    "gt": lambda left, right: _order(left, right) > 0,
    "gte": lambda left, right: _order(left, right) >= 0,
    "lt": lambda left, right: _order(left, right) < 0,
    "lte": lambda left, right: _order(left, right) <= 0,
    "beginswith": lambda left, right: str(left).startswith(str(right)),
    "endswith": lambda left, right: str(left).endswith(str(right)),
    "contains": lambda left, right: str(right) in str(left),
}
TOO_MANY = "Invalid query syntax. Queries are limited to 500 or fewer 'OR' conditions."


class QueryError(ValueError):
    """A query that the service refuses, with its own words."""


@dataclass
class Query:
    """A query ready to run.

    Attributes:
        test: Tells whether a record is wanted.
        page: The largest number of records in one answer.
        only: The fields to give; None for all.
    """

    test: Test
    page: int
    only: tuple[str, ...] | None


def read_query(entity: Entity, body: object) -> Query:
    """Read a query from its JSON.

    Raises:
        QueryError: The service would refuse it.
    """
    if not isinstance(body, dict):
        raise QueryError("The query is not valid JSON.")
    parts = {str(name).lower(): value for name, value in body.items()}
    conditions = parts.get("filter")
    if not isinstance(conditions, list) or not conditions:
        raise QueryError("Query must include at least one filter condition.")
    if _alternatives(conditions) > PAGE:
        raise QueryError(TOO_MANY)
    if _user_defined(conditions) > 1:
        raise QueryError("Only one user-defined field may be used in a query.")
    page = parts.get("maxrecords") or PAGE
    if not isinstance(page, int) or page < 1:
        raise QueryError("MaxRecords must be between 1 and 500.")
    return Query(_all_of(entity, conditions), min(page, PAGE), _included(entity, parts.get("includefields")))


def find_field(entity: Entity, name: object) -> Field:
    """Look up a field that a query names.

    Raises:
        QueryError: It does not exist.
    """
    entry = entity.find(str(name))
    if entry is None:
        raise QueryError(f"Unable to find {name} in the {entity.singular} Entity")
    return entry


def _included(entity: Entity, names: object) -> tuple[str, ...] | None:
    if not names:
        return None
    if not isinstance(names, list):
        raise QueryError("IncludeFields must be a list.")
    if "userDefined" in entity.abilities:
        names = [name for name in names if str(name).lower() != "userdefinedfields"]
    return tuple(find_field(entity, name).name for name in names)


def _lowered(condition: object) -> JsonObject:
    if not isinstance(condition, dict):
        raise QueryError("A filter condition must be an object.")
    return {str(name).lower(): value for name, value in condition.items()}


def _alternatives(conditions: Iterable[object], *, is_or: bool = False) -> int:
    """Count the alternatives of a query; the values of an ``in`` list are alternatives too."""
    count = 0
    for condition in conditions:
        parts = _lowered(condition)
        operator = str(parts.get("op", "")).lower()
        if operator in {"and", "or"}:
            count += _alternatives(parts.get("items") or [], is_or=operator == "or")
        elif operator in {"in", "notin"} and isinstance(parts.get("value"), list):
            count += len(parts["value"])
        elif is_or:
            count += 1
    return count


def _user_defined(conditions: Iterable[object]) -> int:
    count = 0
    for condition in conditions:
        parts = _lowered(condition)
        count += _user_defined(parts.get("items") or []) if "items" in parts else parts.get("udf") is True
    return count


def _all_of(entity: Entity, conditions: Iterable[object]) -> Test:
    tests = [test for test in (_test(entity, condition) for condition in conditions) if test]
    return lambda record: all(test(record) for test in tests)


def _any_of(entity: Entity, conditions: Iterable[object]) -> Test | None:
    tests = [test for test in (_test(entity, condition) for condition in conditions) if test]
    return (lambda record: any(test(record) for test in tests)) if tests else None


def _test(entity: Entity, condition: object) -> Test | None:
    """Build the test of one condition; None for an operator that the service does not know and drops."""
    parts = _lowered(condition)
    operator = str(parts.get("op", "")).lower()
    if operator == "and":
        return _all_of(entity, parts.get("items") or [])
    if operator == "or":
        return _any_of(entity, parts.get("items") or [])
    if parts.get("udf") is True:
        return _user_defined_test(str(parts.get("field")), operator, parts.get("value"))
    entry = find_field(entity, parts.get("field"))
    if not entry.is_queryable:
        raise QueryError(f"{entry.name} is not a queryable field in the {entity.singular} Entity")
    return _field_test(entry, operator, parts.get("value"))


def _field_test(entry: Field, operator: str, value: object) -> Test | None:
    name = entry.name
    if operator == "exist":
        return lambda record: record[name] is not None
    if operator == "notexist":
        return lambda record: record[name] is None
    if operator in {"in", "notin"}:
        if not isinstance(value, list):
            raise QueryError(f"The value of {name} must be a list.")
        wanted = {_wanted(entry, item) for item in value}
        is_in = operator == "in"
        return lambda record: record[name] is not None and (_plain(record[name]) in wanted) == is_in
    if operator not in COMPARISONS:
        return None
    compare, right = COMPARISONS[operator], _wanted(entry, value)
    # A comparison with null is never true, as in the database behind the service.
    return lambda record: record[name] is not None and compare(_plain(record[name]), right)


def _user_defined_test(name: str, operator: str, value: object) -> Test | None:
    if operator not in {*COMPARISONS, "exist", "notexist", "in", "notin"}:
        return None

    def test(record: JsonObject) -> bool:
        found = [item["value"] for item in record.get("userDefinedFields") or [] if item["name"] == name]
        held = found[0] if found else None
        if operator in {"exist", "notexist"}:
            return (held is not None) == (operator == "exist")
        if held is None:
            return False
        if operator in {"in", "notin"} and isinstance(value, list):
            return (_plain(held) in {_plain(str(item)) for item in value}) == (operator == "in")
        return COMPARISONS[operator](_plain(held), _plain(str(value)))

    return test


def _wanted(entry: Field, value: object) -> object:
    """Convert a value of a condition to the type of its field, with the errors that leak from the database."""
    if entry.type == "boolean":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        raise QueryError(f"The value of {entry.name} must be true or false.")
    if value is None:
        raise QueryError(f"The value of {entry.name} cannot be null.")
    if entry.type in NUMBERS | MONEY:
        try:
            return as_decimal(value)
        except ValueError:
            raise QueryError(f"Conversion failed when converting varchar '{value}' to data type int") from None
    if entry.type == "datetime":
        try:
            return read_instant(str(value))
        except ValueError:
            raise QueryError("Conversion failed when converting date and/or time from character string.") from None
    return _plain(str(value))


def _plain(value: object) -> object:
    """Give the form in which values compare: text without case, numbers as Decimal."""
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def _order(left: object, right: object) -> int:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return (left > right) - (left < right)
    if isinstance(left, datetime) and isinstance(right, datetime):
        return (left > right) - (left < right)
    return (str(left) > str(right)) - (str(left) < str(right))
