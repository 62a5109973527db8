"""The small language of Xero's ``where`` parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from agent.pretend.wire import midnight

Facts = Mapping[str, object]
"""The fields of an element by Xero's names; nested objects are mappings; absent values are None."""

Test = Callable[[Facts], bool]
Value = Callable[[Facts], object]

_TOKENS = re.compile(
    r"""\s*(?:
        (?P<text>"[^"]*")
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<operator>==|!=|<>|>=|<=|&&|\|\||[=<>!(),.])
      | (?P<word>[A-Za-z_]\w*)
    )""",
    re.VERBOSE,
)


class WhereError(ValueError):
    """An expression that Xero refuses, with its words."""


def read_where(text: str, kind: str, known: Facts) -> Test:
    """Turn an expression into a test.

    Args:
        text: The expression.
        kind: The name of the type in error messages, such as ``Contact``.
        known: An element that holds every known field, to tell unknown ones.

    Raises:
        WhereError: The expression has a fault.
    """
    parser = _Parser(_split(text), kind, known)
    test = parser.alternatives()
    if parser.peek():
        raise WhereError("Syntax error")
    return test


def _split(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    text = text.strip()
    while place < len(text):
        match = _TOKENS.match(text, place)
        if match is None:
            # A stray quote after a value is a fault of grammar; one where a value should start never ends.
            is_open = text[place:].lstrip().startswith('"') and not re.fullmatch(
                r'".*"|[\w.]+', tokens[-1] if tokens else ""
            )
            raise WhereError("Unterminated string literal" if is_open else "Syntax error")
        tokens.append(match[0].strip())
        place = match.end()
    return tokens


class _Parser:
    """Reads one expression by recursive descent."""

    def __init__(self, tokens: list[str], kind: str, known: Facts) -> None:
        self._tokens = tokens
        self._place = 0
        self._kind = kind
        self._known = known

    def peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if not token or (expected is not None and token != expected):
            raise WhereError("Syntax error")
        self._place += 1
        return token

    def alternatives(self) -> Test:
        tests = [self._conjunction()]
        while self.peek().upper() in {"OR", "||"}:
            self.take()
            tests.append(self._conjunction())
        return lambda facts: any(test(facts) for test in tests)

    def _conjunction(self) -> Test:
        tests = [self._condition()]
        while self.peek().upper() in {"AND", "&&"}:
            self.take()
            tests.append(self._condition())
        return lambda facts: all(test(facts) for test in tests)

    def _condition(self) -> Test:
        if self.peek() in {"!", "not", "NOT"}:
            self.take()
            inner = self._condition()
            return lambda facts: not inner(facts)
        if self.peek() == "(":
            self.take()
            inner = self.alternatives()
            self.take(")")
            return inner
        left = self._value()
        if self.peek() not in {"=", "==", "!=", "<>", ">", "<", ">=", "<="}:
            return lambda facts: left(facts) is True
        operator, right = self.take(), self._value()
        return lambda facts: _compare(operator, left(facts), right(facts))

    def _value(self) -> Value:
        token = self.take()
        if token.startswith('"'):
            return self._methods(_constant(token[1:-1]))
        if re.fullmatch(r"-?[\d.]+", token):
            return _constant(Decimal(token))
        lowered = token.lower()
        if lowered in {"true", "false", "null"}:
            return _constant({"true": True, "false": False, "null": None}[lowered])
        if lowered in {"guid", "datetime"} and self.peek() in {"(", "."}:
            return self._literal(lowered)
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise WhereError("Syntax error")
        return self._field(token)

    def _literal(self, name: str) -> Value:
        if self.peek() == ".":
            self.take()
            self.take()  # DateTime.Parse("…")
        arguments = self._arguments()
        if not arguments:
            raise WhereError("Syntax error")
        if name == "guid":
            return _constant(str(arguments[0]).lower())
        if isinstance(arguments[0], str):
            return _constant(_day(arguments[0]))
        return _constant(_instant([int(part) for part in arguments if isinstance(part, Decimal)]))

    def _arguments(self) -> list[object]:
        self.take("(")
        arguments: list[object] = []
        while self.peek() != ")":
            arguments.append(self._value()({}))
            if self.peek() == ",":
                self.take()
        self.take(")")
        return arguments

    def _field(self, name: str) -> Value:
        path, known = [self._known_name(name, self._known, self._kind)], self._known
        while self.peek() == ".":
            deeper = known.get(path[-1])
            following = self._tokens[self._place + 1] if self._place + 1 < len(self._tokens) else ""
            if not isinstance(deeper, Mapping) or following in {"Value", "HasValue"}:
                break
            self.take()
            known = deeper
            path.append(self._known_name(self.take(), known, path[-1]))
        return self._methods(lambda facts: _follow(facts, path))

    def _known_name(self, name: str, known: Facts, kind: str) -> str:
        for candidate in known:
            if candidate.lower() == name.lower():
                return candidate
        raise WhereError(f"No property or field '{name}' exists in type '{kind}'")

    def _methods(self, value: Value) -> Value:
        while self.peek() == ".":
            self.take()
            name = self.take().lower()
            if name == "value":
                continue
            if name == "hasvalue":
                value = _called(value, lambda held: held is not None)
                continue
            if name not in METHODS:
                raise WhereError("Syntax error")
            arguments = self._arguments()
            value = _text_called(value, METHODS[name], str(arguments[0]) if arguments else "")
        return value


METHODS: dict[str, Callable[[str, str], object]] = {
    "contains": lambda held, wanted: wanted.casefold() in held.casefold(),
    "startswith": lambda held, wanted: held.casefold().startswith(wanted.casefold()),
    "endswith": lambda held, wanted: held.casefold().endswith(wanted.casefold()),
    "tolower": lambda held, _: held.lower(),
    "toupper": lambda held, _: held.upper(),
    "trim": lambda held, _: held.strip(),
    "tostring": lambda held, _: held,
}


def _day(text: str) -> datetime:
    try:
        return midnight(date.fromisoformat(text[:10]))
    except ValueError:
        raise WhereError("String was not recognized as a valid DateTime.") from None


def _instant(parts: list[int]) -> datetime:
    """Build ``DateTime(year, month, day[, hour, minute, second])``."""
    try:
        year, month, day, hour, minute, second = (*parts, 0, 0, 0)[:6]
        return midnight(date(year, month, day)) + timedelta(hours=hour, minutes=minute, seconds=second)
    except ValueError:
        raise WhereError("Syntax error") from None


def _constant(value: object) -> Value:
    return lambda _: value


def _called(value: Value, method: Callable[[object], object]) -> Value:
    return lambda facts: method(value(facts))


def _text_called(value: Value, method: Callable[[str, str], object], argument: str) -> Value:
    def call(facts: Facts) -> object:
        held = value(facts)
        return None if held is None else method(str(held), argument)

    return call


def _follow(facts: Facts, path: list[str]) -> object:
    value: object = facts
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _compare(operator: str, left: object, right: object) -> bool:
    left, right = _comparable(left), _comparable(right)
    if operator in {"=", "=="}:
        return left == right
    if operator in {"!=", "<>"}:
        return left != right
    order = compare(left, right)
    if order is None:
        return False
    return {">": order > 0, "<": order < 0, ">=": order >= 0, "<=": order <= 0}[operator]


def compare(left: object, right: object) -> int | None:
    """Order two values of one kind (-1, 0, 1); None when they cannot be ordered."""
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return (left > right) - (left < right)
    if isinstance(left, datetime) and isinstance(right, datetime):
        return (left > right) - (left < right)
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    return None


def _comparable(value: object) -> object:
    """Give the form in which values compare: text ignores case, days are instants."""
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return midnight(value)
    return value


def read_order(text: str, kind: str, known: Facts) -> list[tuple[list[str], bool]]:
    """Read an ``order`` parameter: paths of fields, each with whether it runs downwards.

    Raises:
        WhereError: An unknown field.
    """
    parser = _Parser([], kind, known)
    result = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        path: list[str] = []
        facts = known
        for step in name.split("."):
            path.append(parser._known_name(step, facts, kind))  # noqa: SLF001 (same module)
            deeper = facts.get(path[-1])
            facts = deeper if isinstance(deeper, Mapping) else {}
        result.append((path, direction.strip().upper().startswith("DESC")))
    return result


def sort_key(facts: Facts, path: list[str]) -> tuple[bool, object]:
    """Give a key that sorts elements by a field, empty ones first."""
    value = _comparable(_follow(facts, path))
    return (value is not None, "" if value is None else value)
