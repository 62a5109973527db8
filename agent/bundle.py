"""The support bundle: what somebody who helps needs to see, without secrets, customers' names and addresses.

All of it is plain text. Names become ``Customer 1``, ``Person 1``, ``Address 1``, the same one everywhere, so that a
story can still be followed. What people wrote on invoices is left out; only its length stays.
"""

from __future__ import annotations

import json
import platform
import re
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from agent.alive import agent_json
from agent.bugs import redacted
from agent.desk import Desk
from agent.diary import NAME as DIARY
from agent.domain.books import Books
from agent.domain.settings import Settings
from agent.errors import PlainError
from agent.keys import ENTRIES
from agent.ledger import tables as t
from agent.views import connections, is_on_faults, iso
from workbook.errors import WorkbookError

LOG_ROWS = 500
_TAIL = 200_000
"""Characters of the agent's log that are taken, from its end."""
_BUGS = 5
_HIDDEN_SETTINGS = frozenset({"Autotask user name", "Xero client ID", "Alert these people", "Mail user", "Mail from"})
"""Of these it is told only whether they are filled."""
_WRITTEN = frozenset({"description", "reference", "order_number"})
"""What people wrote on an invoice."""
_NAMED = frozenset({"customer", "xero_contact", "contact_name"})
_ADDRESS = re.compile(r"[^\s<>()\[\]“”\"',;:=]+@[^\s<>()\[\]“”\"',;]*[^\s<>()\[\]“”\"',;.]")
_PEOPLE = (
    re.compile(r"(?<=Person: )[^,;\n]+"),
    re.compile(r"(?<=inactive ones: )[^.\n]+"),
    re.compile(r"(?<= active contacts: )[^.\n]+"),
    re.compile(r"(?<= of )[^,“”\n]+(?=, [^,\n]+, is no valid address)"),
)
"""Where our own messages name people."""
_BAD_ADDRESS = re.compile(r"“[^”]*”(?= of [^\n]+ is no valid address)")


@dataclass(frozen=True)
class Piece:
    """A file of the bundle.

    Attributes:
        name: Its name in the bundle.
        what: What it holds, in a line.
        text: Its content, as it will be written.
    """

    name: str
    what: str
    text: str

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.text.encode())


@dataclass
class Masks:
    """Names of others in place of the real ones, each always the same one."""

    _known: dict[str, str] = field(default_factory=dict)
    _by_first_word: defaultdict[str, list[tuple[re.Pattern[str], str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _counts: Counter[str] = field(default_factory=Counter)

    def name(self, kind: str, real: str) -> str:
        """The other name of a customer or person; blank stays blank."""
        real = " ".join(real.split())
        if not real:
            return ""
        key = real.casefold()
        if key not in self._known:
            self._counts[kind] += 1
            self._known[key] = f"{kind} {self._counts[kind]}"
            self._learn(real, self._known[key])
        return self._known[key]

    def _learn(self, real: str, other: str) -> None:
        first = re.search(r"\w+", real)
        if first is None or len(real) < 2:
            return
        words = r"\s+".join(re.escape(word) for word in real[first.start() :].split(" "))
        found = self._by_first_word[first[0].casefold()]
        found.append((re.compile(words + r"(?!\w)", re.IGNORECASE), other))
        found.sort(key=lambda item: -len(item[0].pattern))

    def text(self, text: str) -> str:
        """A text with every name that is known replaced, and everything that looks like an address."""
        text = _BAD_ADDRESS.sub(lambda found: f"“{self.name('Address', found[0][1:-1])}”", text)
        for pattern in _PEOPLE:
            text = pattern.sub(lambda found: ", ".join(self.name("Person", one) for one in found[0].split(", ")), text)
        text = _ADDRESS.sub(lambda found: self.name("Address", found[0]), text)
        return "".join(self._pieces(text))

    def _pieces(self, text: str) -> Iterator[str]:
        end = 0
        for word in re.finditer(r"\w+", text):
            if word.start() < end:
                continue
            for pattern, other in self._by_first_word.get(word[0].casefold(), ()):
                if found := pattern.match(text, word.start()):
                    yield text[end : found.start()] + other
                    end = found.end()
                    break
        yield text[end:]

    def value(self, value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON
        """Any JSON, masked throughout."""
        if isinstance(value, Mapping):
            return {name: self.value(item, name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, key) for item in value]
        if not isinstance(value, str):
            return value
        if key in _WRITTEN:
            return f"({len(value)} characters)" if value else ""
        return self.name("Customer", value) if key in _NAMED else self.text(value)


def gather(desk: Desk) -> list[Piece]:
    """Everything that goes into the bundle, ready to be looked at; what cannot be read says why."""
    for entry in ENTRIES:  # so that they are known, and left out should they stand anywhere
        with suppress(PlainError):
            desk.config.keys.read(entry)
    masks = Masks()
    with suppress(PlainError, SQLAlchemyError, msgspec.DecodeError):
        _meet(desk, masks)
    makers: Sequence[tuple[str, str, Callable[[], str]]] = (
        ("versions.txt", "versions of AutoXero, Python, the system and the libraries", _versions),
        ("settings.txt", "settings and mappings, without sign-ins and addresses", lambda: _settings(desk)),
        ("connections.json", "how the connections are, and the last test", lambda: _connections(desk, masks)),
        ("counts.json", "how many invoices stand where, and the last run", lambda: _counts(desk)),
        ("faults.json", "open faults with their documents, names masked", lambda: _faults(desk, masks)),
        ("log.json", f"the last {LOG_ROWS} rows of the log, names masked", lambda: _log(desk, masks)),
        ("agent.log", "the end of the agent's own log", lambda: _diary(desk)),
        ("bugs.txt", f"the last {_BUGS} reports of bugs", lambda: _bugs(desk)),
    )
    return [Piece(name, what, _made(make, masks)) for name, what, make in makers]


def write_bundle(pieces: Iterable[Piece], path: Path) -> None:
    """Write the bundle, all of it or nothing.

    Raises:
        PlainError: There is such a file already, or it cannot be written.
    """
    if path.exists():
        raise PlainError(f"{path} is there already.", "Give another name with --out.")
    try:
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as packed:
            for piece in pieces:
                packed.writestr(piece.name, piece.text)
    except OSError as error:
        raise PlainError(f"{path} cannot be written ({error.strerror}).", "Give another place with --out.") from error


def usual_path() -> Path:
    """Where the bundle goes unless it is said otherwise: the folder in which the command runs."""
    return Path.cwd() / f"AutoXero-support-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"


def _made(make: Callable[[], str], masks: Masks) -> str:
    try:
        text = make()
    except (PlainError, WorkbookError, SQLAlchemyError, OSError, ValueError) as error:
        text = f"This could not be read: {error}"
    return redacted(masks.text(text).replace(str(Path.home()), "~"))


def _meet(desk: Desk, masks: Masks) -> None:
    """Get to know all names: of the ledger's customers, of Xero's contacts and their people."""
    for row in desk.ledger.rows():
        masks.name("Customer", row["customer"])
        masks.name("Customer", row["xero_contact"])
    for other in desk.ledger.others():
        masks.name("Customer", other["contact"])
    if kept := desk.ledger.fact("books"):
        for contact in msgspec.json.decode(kept, type=Books).contacts:
            masks.name("Customer", contact.name)
            masks.name("Person", " ".join(contact.person[:2]))
    for name in json.loads(desk.ledger.fact("lists") or "{}").get("Contacts", ()):
        masks.name("Customer", name)
    for chosen in desk.reading.mappings.contacts:
        masks.name("Customer", chosen.company)
        masks.name("Customer", chosen.contact)


def _versions() -> str:
    lines = [f"AutoXero {_version('autoxero')}", f"Python {sys.version}", platform.platform(), platform.machine()]
    with suppress(PackageNotFoundError):
        named = [re.split(r"[^\w.-]", item, maxsplit=1)[0] for item in requires("autoxero") or ()]
        lines += [f"{name} {_version(name)}" for name in named]
    return "\n".join(lines)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _settings(desk: Desk) -> str:
    reading = desk.reading
    lines = []
    for item in fields(Settings):
        name, value = item.metadata["setting"].name, getattr(reading.settings, item.name)
        shown = "(filled)" if name in _HIDDEN_SETTINGS and value else "" if value is None else value
        lines.append(f"{name} = {shown}")
    lines += [f"Problem: {problem.where}: {problem.message}" for problem in reading.problems]
    mappings = reading.mappings
    lines += [f"AccountMap: {row.billing_code} · {row.line_type} = {row.account}" for row in mappings.accounts]
    lines += [f"TaxMap: {row.tax_region} · {row.tax_category} = {row.tax_rate}" for row in mappings.taxes]
    lines += [f"ContactMap: {row.company_id} = {row.contact or row.contact_id}" for row in mappings.contacts]
    return "\n".join(lines)


def _connections(desk: Desk, masks: Masks) -> str:
    told = {
        "connections": connections(desk.ledger),
        "checks": json.loads(desk.ledger.fact("checks") or "{}"),
        "agent": agent_json(desk.config.home),
    }
    return _json(masks.value(told))


def _counts(desk: Desk) -> str:
    counts = Counter(row["status"] for row in desk.ledger.rows())
    faults = Counter(row["fault_code"] for row in desk.ledger.rows() if is_on_faults(row))
    return _json({"invoices": counts, "open_faults": faults, "last_run": desk.ledger.last_run()})


def _faults(desk: Desk, masks: Masks) -> str:
    rows = [row for row in desk.ledger.rows() if is_on_faults(row)]
    documents = _documents(desk, {row["autotask_id"] for row in rows})
    return _json([masks.value({**row, "documents": documents.get(row["autotask_id"], [])}) for row in rows])


def _documents(desk: Desk, wanted: set[int]) -> dict[int, list[Any]]:
    """The documents of these invoices that were sent, or would be."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for item in json.loads(desk.ledger.fact("preview") or "[]"):
        if item["autotask_id"] in wanted and item["document"]:
            found[item["autotask_id"]].append(item["document"])
    query = (
        select(t.intent_item.c.autotask_id, t.intent_item.c.state, t.intent.c.documents)
        .join(t.intent, t.intent.c.key == t.intent_item.c.key)
        .where(t.intent_item.c.autotask_id.in_(wanted))
        .order_by(t.intent.c.made)
    )
    with desk.ledger.engine.begin() as connection:
        for row in connection.execute(query):
            for document in msgspec.json.decode(row.documents):
                if document["autotask_id"] == row.autotask_id:
                    found[row.autotask_id].append({"outcome": row.state, **document})
    return found


def _log(desk: Desk, masks: Masks) -> str:
    return _json([masks.value(row) for row in desk.ledger.log_rows(LOG_ROWS)])


def _diary(desk: Desk) -> str:
    path = desk.config.home / DIARY
    return path.read_text(encoding="utf-8", errors="replace")[-_TAIL:] if path.exists() else "There is none."


def _bugs(desk: Desk) -> str:
    reports = sorted(desk.config.home.glob("bug-*.txt"))[-_BUGS:]
    texts = [f"{path.name}\n{path.read_text(encoding='utf-8', errors='replace')}" for path in reports]
    return "\n\n".join(texts) or "There are none."


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain)


def _plain(value: object) -> str:
    return iso(value) or "" if isinstance(value, datetime) else str(value)
