"""Reading what a client sent to Xero: names in any case, types checked as Xero's reader does."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from agent.pretend.wire import JsonObject, as_decimal, read_instant


class PostDataError(ValueError):
    """A body that Xero cannot read: HTTP 400 with ErrorNumber 14."""


class Sent:
    """One JSON object of a request.

    Args:
        value: The decoded JSON.
        path: Where in the body it stands, for messages.

    Raises:
        PostDataError: It is not an object.
    """

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise PostDataError(f"Error converting value {value!r}. Path '{path}'")
        self.path = path
        self.names: list[str] = [str(name) for name in value]
        self._values: JsonObject = {str(name).lower(): item for name, item in value.items()}

    def has(self, name: str) -> bool:
        """Tell whether a value was sent for a name; null counts as not sent."""
        return self._values.get(name.lower()) is not None

    def names_value(self, name: str) -> bool:
        """Tell whether a name was sent at all, even as null."""
        return name.lower() in self._values

    def raw(self, name: str) -> object:
        """Give a value as decoded, None when not sent."""
        return self._values.get(name.lower())

    def text(self, name: str) -> str | None:
        """Give a text, None when not sent."""
        value = self.raw(name)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool | int | Decimal):
            return str(value)
        raise self._bad(name, value)

    def number(self, name: str) -> Decimal | None:
        """Give a number, None when not sent."""
        value = self.raw(name)
        if value is None or value == "":
            return None
        try:
            return as_decimal(value)
        except ValueError:
            raise self._bad(name, value) from None

    def day(self, name: str) -> date | None:
        """Give a day, None when not sent."""
        value = self.raw(name)
        if value is None or value == "":
            return None
        try:
            return read_instant(str(value)).date()
        except ValueError:
            raise PostDataError(f"The string '{value}' is not a valid AllXsd value.") from None

    def flag(self, name: str) -> bool | None:
        """Give a truth value, None when not sent."""
        value = self.raw(name)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        raise self._bad(name, value)

    def choice(self, name: str, choices: frozenset[str]) -> str | None:
        """Give one of a set of words, in its usual spelling."""
        value = self.raw(name)
        if value is None or value == "":
            return None
        for choice in choices:
            if choice.lower() == str(value).lower():
                return choice
        raise self._bad(name, value)

    def one(self, name: str) -> Sent | None:
        """Give an object inside this one, None when not sent."""
        value = self.raw(name)
        return None if value is None else Sent(value, self._at(name))

    def many(self, name: str) -> list[Sent]:
        """Give the objects of a list inside this one."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._bad(name, value)
        return [Sent(item, f"{self._at(name)}[{place}]") for place, item in enumerate(value)]

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _bad(self, name: str, value: object) -> PostDataError:
        return PostDataError(f"Error converting value \"{value}\". Path '{self._at(name)}'")
