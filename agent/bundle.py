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
from agent.domain.faults import CATALOGUE
from agent.domain.settings import Settings
from agent.errors import PlainError
from agent.keys import ENTRIES
from agent.ledger import tables as t
from agent.overview import connections
from agent.views import is_on_faults, iso
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
_BAD_ADDRESS = re.compile(r"“(.+?)” of (.+?)(?=, is no valid address)")
_LIKE = re.compile(r" \(\d+ %\)")
_OURS = frozenset({"xero", "autotask", "autoxero"})
"""Contacts may be called so, too; masked, no sentence could be read."""
_OTHER = re.compile(r"(?:Customer|Person|Address) \d+")


def _begins(code: str, end: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Where a fault's detail begins with a customer: all from the title on, or from the line's begin, is its name."""
    title = re.escape(CATALOGUE[code].title) + ": "
    yield "Customer", re.compile(rf"{title}(.+?)(?={end})")
    yield "Customer", re.compile(rf"^(?!.*{title})(?:Problem: [^:\n]+: )?(.+?)(?={end})", re.MULTILINE)


_TELLS = (
    ("Person", re.compile(r"\bPerson: ([^;\n]+)(?=, [^,;\n]+(?:;|$))", re.MULTILINE)),
    *_begins("AX-103", r" has no active contact in Autotask; inactive ones:"),
    *_begins("AX-107", r" has \d+ active contacts:"),
    *_begins("AX-206", r" is archived in Xero\."),
    (
        "Person",
        re.compile(
            r"(?:inactive ones|has \d+ active contacts): (?!none at all\.)(.+?)(?=\.? In Autotask (?:add|set) |\.?$)",
            re.MULTILINE,
        ),
    ),
    ("Person", re.compile(r"Correct the address of (.+?)(?= in Autotask and press Resync)")),
    ("Customer", re.compile(r"reactivate a contact of (.+?)(?=, then press Resync)")),
    ("Customer", re.compile(r"for one contact of (.+?)(?=, or tick Primary Contact)")),
    ("Customer", re.compile(r"Choose the Xero contact for (.+?)(?= in ContactMap on the sheet)")),
    ("Customer", re.compile(r"Restore the contact (.+?)(?= in Xero, or choose)")),
    ("Customer", re.compile(r"\bcontact “(.+?)”(?=\. (?:Nearest|Nothing) in Xero)")),
    ("Customer", re.compile(r"\bcontact “([^”]+)”")),
    ("Customer", re.compile(r"Account Name: (.+?)(?=: Xero has no | *$)", re.MULTILINE)),
    ("Customer", re.compile(r"Nearest in Xero: (.+? \(\d+ %\)(?:, .+? \(\d+ %\))*)")),
    ("Customer", re.compile(r"\bContact: (.+?)(?=, [a-z][\w ]*(?:[:;]|$)| is created in Xero|;|$)", re.MULTILINE)),
    ("Customer", re.compile(r"(?:chosen in ContactMap|same contact as before): (.+?)(?=;|$)", re.MULTILINE)),
    ("Customer", re.compile(r"(?<!chosen in )\bContactMap: (?!\d+ = )([^:\n]+)")),
)
"""Where our own messages name customers and people, who may be called otherwise by now. Each reaches from our words
before a name to our words behind it, for a name may have commas, full stops and quotation marks of its own; of several
people the whole list is masked as one."""
_PAIR = r"(?:number|date|due date|company id|currency|net|tax|lines|[a-z ]+ of line \d+|{})"
_TOLD = r"\b{0} (.+?) → (.+?)(?=, " + _PAIR.format("contact|reference|purchase order") + r" .+ → |$)"
_CONTACTS = re.compile(_TOLD.format("(contact)"), re.MULTILINE)
_CHANGED = re.compile(_TOLD.format(r"(reference|purchase order|text of line \d+)"), re.MULTILINE)
"""What was changed after it was sent, both versions side by side."""


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


class _Named(msgspec.Struct):
    """Of a document, whom it names."""

    contact_name: str = ""


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
        if not real or real.casefold() in _OURS:
            return real
        key = real.casefold()
        if key not in self._known:
            self._counts[kind] += 1
            self._known[key] = f"{kind} {self._counts[kind]}"
            self._learn(real, self._known[key])
        return self._known[key]

    def _learn(self, real: str, other: str) -> None:
        if len(real) < 2 and real.isascii():
            return
        first = re.search(r"\w+", real)
        begin = first.start() if first else 0
        words = r"\s+".join(re.escape(word) for word in real[begin:].split(" "))
        found = self._by_first_word[first[0].casefold() if first else ""]
        found.append((re.compile(words + (r"(?!\w)" if first else ""), re.IGNORECASE), other))
        found.sort(key=lambda item: -len(item[0].pattern))

    def text(self, text: str) -> str:
        """A text with secrets, names, addresses, and where this user's things are, replaced."""
        for home in {str(Path.home()), Path.home().as_posix()} - {"/"}:
            text = re.sub(re.escape(home), "~", text, flags=re.IGNORECASE)
        text = _CHANGED.sub(lambda found: f"{found[1]} {_length(found[2])} → {_length(found[3])}", redacted(text))
        text = _CONTACTS.sub(
            lambda found: f"contact {self.name('Customer', found[2])} → {self.name('Customer', found[3])}", text
        )
        text = _BAD_ADDRESS.sub(self._bad_address, text)
        for kind, pattern in _TELLS:
            text = pattern.sub(lambda found, kind=kind: self._named(kind, found), text)  # type: ignore[misc]
        text = _ADDRESS.sub(lambda found: self.name("Address", found[0]), text)
        for pattern, other in self._by_first_word[""]:
            text = pattern.sub(other, text)
        return "".join(self._pieces(text))

    def _bad_address(self, found: re.Match[str]) -> str:
        """Whose address is wrong: person and customer, or both as one where no customer is known by that name."""
        parts = found[2].split(", ")
        splits = ((", ".join(parts[:at]), ", ".join(parts[at:])) for at in range(1, len(parts)))
        whose = next((names for names in splits if names[1].casefold() in self._known), (found[2],))
        masked = ", ".join(self.name(kind, name) for kind, name in zip(("Person", "Customer"), whose, strict=False))
        return f"“{self.name('Address', found[1])}” of {masked}"

    def _named(self, kind: str, found: re.Match[str]) -> str:
        """A place where our own messages name somebody, with other names; several near ones stand behind each other."""
        before, after = found[0][: found.start(1) - found.start()], found[0][found.end(1) - found.start() :]
        names = _LIKE.sub("", found[1]).split(", ") if _LIKE.search(found[1]) else [found[1]]
        return before + ", ".join(one if _OTHER.fullmatch(one) else self.name(kind, one) for one in names) + after

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
        """Any JSON, masked throughout, before it is written: in JSON a path or a quotation mark looks otherwise."""
        if isinstance(value, Mapping):
            return {name: self.value(item, name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item, key) for item in value]
        if not isinstance(value, str):
            return value
        if key in _WRITTEN:
            return _length(value) if value else ""
        return self.name("Customer", value) if key in _NAMED else self.text(value)


def _length(text: str) -> str:
    return text if text == "(none)" else f"({len(text)} characters)"


def gather(desk: Desk) -> list[Piece]:
    """Everything that goes into the bundle, ready to be looked at; what cannot be read says why."""
    for entry in ENTRIES:  # so that they are known, and left out should they stand anywhere
        with suppress(PlainError):
            desk.config.keys.read(entry)
    masks = Masks()
    with suppress(PlainError, SQLAlchemyError, msgspec.DecodeError):
        _meet(desk, masks)
    makers: Sequence[tuple[str, str, Callable[[], str]]] = (
        ("versions.txt", "versions of AutoXero, Python, the system and the libraries", lambda: masks.text(_versions())),
        ("settings.txt", "settings and mappings, without sign-ins and addresses", lambda: masks.text(_settings(desk))),
        ("connections.json", "how the connections are, and the last test", lambda: _json(masks, _connections(desk))),
        ("counts.json", "how many invoices stand where, and the last run", lambda: _json(masks, _counts(desk))),
        ("faults.json", "open faults with their documents, names masked", lambda: _json(masks, _faults(desk))),
        ("log.json", f"the last {LOG_ROWS} rows of the log, names masked", lambda: _json(masks, _log(desk))),
        ("agent.log", "the end of the agent's own log", lambda: masks.text(_diary(desk))),
        ("bugs.txt", f"the last {_BUGS} reports of bugs", lambda: masks.text(_bugs(desk))),
    )
    for _ in range(2):  # a name that only the end tells is masked at the beginning, too
        pieces = [Piece(name, what, _made(make, masks)) for name, what, make in makers]
    return pieces


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
        return make()
    except (PlainError, WorkbookError, SQLAlchemyError, OSError, ValueError) as error:
        return masks.text(f"This could not be read: {error}")


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
    with desk.ledger.engine.begin() as connection:
        for sent in connection.execute(select(t.intent.c.documents)).scalars():  # as they were called then
            for document in msgspec.json.decode(sent, type=list[_Named]):
                masks.name("Customer", document.contact_name)


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


def _connections(desk: Desk) -> object:
    return {
        "connections": connections(desk.ledger),
        "checks": json.loads(desk.ledger.fact("checks") or "{}"),
        "agent": agent_json(desk.config.home),
    }


def _counts(desk: Desk) -> object:
    counts = Counter(row["status"] for row in desk.ledger.rows())
    faults = Counter(row["fault_code"] for row in desk.ledger.rows() if is_on_faults(row))
    return {"invoices": counts, "open_faults": faults, "last_run": desk.ledger.last_run()}


def _faults(desk: Desk) -> object:
    rows = [row for row in desk.ledger.rows() if is_on_faults(row)]
    documents = _documents(desk, {row["autotask_id"] for row in rows})
    return [{**row, "documents": documents.get(row["autotask_id"], [])} for row in rows]


def _documents(desk: Desk, wanted: set[int]) -> dict[int, list[Any]]:
    """The documents of these invoices that were sent, or would be."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for item in desk.ledger.previews():
        if item.autotask_id in wanted and item.document:
            found[item.autotask_id].append(msgspec.to_builtins(item.document))
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


def _log(desk: Desk) -> object:
    return desk.ledger.log_rows(LOG_ROWS)


def _diary(desk: Desk) -> str:
    path = desk.config.home / DIARY
    return path.read_text(encoding="utf-8", errors="replace")[-_TAIL:] if path.exists() else "There is none."


def _bugs(desk: Desk) -> str:
    reports = sorted(desk.config.home.glob("bug-*.txt"))[-_BUGS:]
    texts = [f"{path.name}\n{path.read_text(encoding='utf-8', errors='replace')}" for path in reports]
    return "\n\n".join(texts) or "There are none."


def _json(masks: Masks, value: object) -> str:
    return json.dumps(masks.value(value), ensure_ascii=False, indent=1, default=_plain)


def _plain(value: object) -> str:
    return iso(value) or "" if isinstance(value, datetime) else str(value)
