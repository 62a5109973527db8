"""How the pretend systems read and write JSON, numbers and dates."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec
from werkzeug import Response

JsonObject = dict[str, Any]
"""One JSON object as decoded: numbers with a point are Decimal, the others int."""

Clock = Callable[[], datetime]
"""Gives the present instant as an aware datetime in UTC."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_xero_date = re.compile(r"^/Date\((-?\d+)(?:[+-]\d{4})?\)/$")


class NotJsonError(ValueError):
    """A request body that is not JSON."""


def real_clock() -> datetime:
    """Give the present instant in UTC."""
    return datetime.now(UTC)


def encode(value: object) -> bytes:
    """Write JSON; Decimals become JSON numbers with exactly their digits."""
    return _encoder.encode(value)


def decode(body: bytes) -> object:
    """Read JSON; numbers with a point become Decimal.

    Raises:
        NotJsonError: The body is not JSON.
    """
    try:
        value: object = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError) as error:
        raise NotJsonError(str(error)) from error
    return value


def json_answer(value: object, status: int = 200) -> Response:
    """Wrap a value as a JSON response."""
    return Response(encode(value), status, content_type="application/json; charset=utf-8")


def round_half_up(value: Decimal, places: int) -> Decimal:
    """Round to so many decimal places, halves away from zero."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def plain_number(value: Decimal) -> Decimal:
    """Drop needless zeros but keep one decimal, as Xero writes 21.0 and 3.15."""
    places = -int(value.normalize().as_tuple().exponent)
    return round_half_up(value, max(places, 1))


def as_decimal(value: object) -> Decimal:
    """Read a number as a client sends it: a JSON number or a string of digits.

    Raises:
        ValueError: It is neither.
    """
    number = None
    if isinstance(value, int | str | Decimal) and not isinstance(value, bool):
        with suppress(ArithmeticError):
            number = Decimal(value)
    if number is None or not number.is_finite():
        raise ValueError(f"{value!r} is not a number")
    return number


def midnight(day: date) -> datetime:
    """Give the start of a day in UTC, the form in which both systems carry plain dates."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def read_instant(text: str) -> datetime:
    """Read an ISO date or instant, or Xero's ``/Date(milliseconds)/``; without a zone it is UTC.

    Raises:
        ValueError: It is none of these.
    """
    match = _xero_date.match(text.strip())
    if match:
        return EPOCH + timedelta(milliseconds=int(match[1]))
    instant = datetime.fromisoformat(text.strip())
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def milliseconds(instant: datetime) -> int:
    """Count the milliseconds from 1970 to an instant."""
    return (instant - EPOCH) // timedelta(milliseconds=1)
