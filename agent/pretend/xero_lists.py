"""Filtering, ordering and paging of Xero's lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from werkzeug import Response

from agent.pretend.wire import JsonObject, read_instant
from agent.pretend.xero_ask import Ask, exception_answer
from agent.pretend.xero_shapes import envelope
from agent.pretend.xero_where import WhereError, read_order, read_where, sort_key

LARGEST_PAGE = 1000


@dataclass
class Listing:
    """How one endpoint lists its elements.

    Attributes:
        name: The plural name of the elements.
        kind: The type name in error messages.
        id_name: The field that breaks ties of the order.
        known: An element with every field, for the checks of ``where`` and ``order``.
        search: The fields that ``searchTerm`` looks into.
        full: Gives the facts of an element with everything.
        summary: Gives the facts of an element for lists without pages.
    """

    name: str
    kind: str
    id_name: str
    known: JsonObject
    search: tuple[str, ...]
    full: Callable[[int], JsonObject]
    summary: Callable[[int], JsonObject]


def answer_list(ask: Ask, listing: Listing, count: int, wanted: Callable[[JsonObject], bool]) -> Response:
    """Answer a list request.

    Args:
        ask: The request.
        listing: How to show elements; they are numbered from 0.
        count: How many elements there are before any filter.
        wanted: The endpoint's own filters, on the full facts.
    """
    try:
        chosen = _chosen(ask, listing, count, wanted)
    except WhereError as error:
        return exception_answer(16, "QueryParseException", str(error))
    pagination = None
    if ask.text("page"):
        chosen, pagination = _page(ask, chosen)
    is_full = pagination is not None and not ask.is_on("summaryOnly")
    shown = [(listing.full if is_full else listing.summary)(place) for place, _ in chosen]
    return envelope(ask.books, listing.name, shown, pagination)


def _chosen(
    ask: Ask, listing: Listing, count: int, wanted: Callable[[JsonObject], bool]
) -> list[tuple[int, JsonObject]]:
    where = ask.text("where")
    test = read_where(where, listing.kind, listing.known) if where else None
    since, term = modified_since(ask), ask.text("searchTerm").casefold()
    chosen = []
    for place in range(count):
        facts = listing.full(place)
        is_new = since is None or facts["UpdatedDateUTC"].replace(microsecond=0) >= since
        is_named = not term or any(term in str(facts.get(name) or "").casefold() for name in listing.search)
        if is_new and is_named and wanted(facts) and (test is None or test(facts)):
            chosen.append((place, facts))
    return _sorted(ask, listing, chosen)


def _sorted(ask: Ask, listing: Listing, chosen: list[tuple[int, JsonObject]]) -> list[tuple[int, JsonObject]]:
    chosen.sort(
        key=lambda entry: (
            entry[1].get("UpdatedDateUTC") is None,
            entry[1].get("UpdatedDateUTC"),
            entry[1][listing.id_name],
        )
    )
    if ask.text("order"):
        for path, is_down in reversed(read_order(ask.text("order"), listing.kind, listing.known)):
            chosen.sort(key=lambda entry: sort_key(entry[1], path), reverse=is_down)
    return chosen


def _page(ask: Ask, chosen: list[tuple[int, JsonObject]]) -> tuple[list[tuple[int, JsonObject]], JsonObject]:
    page = max(_whole(ask.text("page"), 1), 1)
    size = min(max(_whole(ask.text("pageSize"), 100), 1), LARGEST_PAGE)
    pagination = {
        "page": page,
        "pageSize": size,
        "pageCount": -(-len(chosen) // size),
        "itemCount": len(chosen),
    }
    return chosen[(page - 1) * size : page * size], pagination


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isdecimal() else otherwise


def modified_since(ask: Ask) -> datetime | None:
    """Read If-Modified-Since, which may be an ISO instant in UTC or an HTTP date."""
    text = ask.request.headers.get("If-Modified-Since", "").strip()
    if not text:
        return None
    try:
        return read_instant(text).replace(microsecond=0)
    except ValueError:
        pass
    try:
        return read_instant(parsedate_to_datetime(text).isoformat())
    except (ValueError, TypeError):
        return None
