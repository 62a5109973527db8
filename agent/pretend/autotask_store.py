"""The records of the pretend Autotask, its users and its limits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from threading import RLock

from agent.pretend.autotask_fields import MONEY, NUMBERS, Entity, Field, entities
from agent.pretend.wire import Clock, JsonObject, as_decimal, midnight, read_instant, real_clock, round_half_up

DATE_ONLY = frozenset({"invoiceDateTime", "dueDate", "fromDate", "toDate", "paidDate", "itemDate", "postedDate"})
"""Fields that the service keeps as a day: the time of day is dropped."""


@dataclass
class User:
    """An API user.

    Attributes:
        username: Its sign-in name.
        secret: Its password.
        integration_code: The tracking identifier that goes with it.
        is_locked: After too many wrong secrets, or by hand.
        failures: Wrong secrets in a row.
    """

    username: str
    secret: str
    integration_code: str
    is_locked: bool = False
    failures: int = 0


@dataclass
class Threshold:
    """The hourly limit of the whole database.

    Attributes:
        limit: Requests allowed in the last 60 minutes; None for no limit.
        minutes: The length of the window.
        has_latency: Whether answers slow down from half the limit on.
        refusal_status: The status of the refusal above the limit.
    """

    limit: int | None = 10_000
    minutes: int = 60
    has_latency: bool = False
    refusal_status: int = 500
    _times: deque[datetime] = field(default_factory=deque)

    def count(self, now: datetime) -> int:
        """Count the requests of the window."""
        while self._times and self._times[0] <= now - timedelta(minutes=self.minutes):
            self._times.popleft()
        return len(self._times)

    def note(self, now: datetime) -> None:
        """Count one more request."""
        self._times.append(now)

    def delay(self, now: datetime) -> float:
        """Give the seconds by which the service slows an answer at the present load."""
        if self.limit is None or not self.has_latency:
            return 0
        load = self.count(now) / self.limit
        return 1.0 if load >= 0.75 else 0.5 if load >= 0.5 else 0.0


class PretendAutotask:
    """The records of one Autotask database.

    Attributes:
        tables: Records by entity (plural name) and id; each holds every field of its entity.
        users: API users by lower-case name; one is there from the start.
        threshold: The hourly limit.
        concurrent_limit: Requests in flight per entity; None for no limit.
        lock_after: Wrong secrets in a row that lock a user; None for never.
        hide_lines_of_business: ``organizationalLevelAssociationID`` values whose billing items the user cannot see.
        moved_to: The host name of the zone that the database moved to, such as ``localhost``; the old zone's host is
            refused from then on. Empty: it never moved.
        moved_status: How the old zone refuses: 401, 404, or a redirect's status.
        finish_at: Instants at which invoices that are still being produced become complete, by invoice id.
        lock: Held during every change.
    """

    def __init__(self, *, now: Clock = real_clock) -> None:
        self.now = now
        self.lock = RLock()
        self.tables: dict[str, dict[int, JsonObject]] = {entity.name: {} for entity in entities().values()}
        first = User("api@pretend.example", "pretend-autotask-secret", "PRETENDINTEGRATIONCODE")
        self.users: dict[str, User] = {first.username: first}
        self.threshold = Threshold()
        self.concurrent_limit: int | None = 3
        self.lock_after: int | None = 5
        self.hide_lines_of_business: set[int] = set()
        self.moved_to = ""
        self.moved_status = 401
        self.finish_at: dict[int, datetime] = {}

    @property
    def user(self) -> User:
        """The user that is there from the start."""
        return next(iter(self.users.values()))

    def add(self, entity: str, **fields: object) -> int:
        """Add a record and give its id.

        Args:
            entity: The plural name, such as ``Invoices``.
            fields: Values by field name. Dates may be date, datetime or ISO text, money int, str or Decimal.
                ``finish_at`` (an instant) belongs to no field: until then an invoice has no number and no lines.

        Raises:
            ValueError: An unknown entity or field, or a value of the wrong type.
        """
        kind = entity_named(entity)
        finish_at = fields.pop("finish_at", None)
        with self.lock:
            table = self.tables[kind.name]
            record: JsonObject = {entry.name: None for entry in kind.fields.values()}
            if "userDefined" in kind.abilities:
                record["userDefinedFields"] = fields.pop("userDefinedFields", [])
            record |= self._defaults(kind)
            for name, value in fields.items():
                entry = field_named(kind, name)
                record[entry.name] = stored(entry, value)
            if record["id"] is None:
                record["id"] = max(table, default=0) + 1
            number = int(record["id"])
            table[number] = record
            if isinstance(finish_at, datetime):
                self.finish_at[number] = finish_at
            return number

    def change(self, entity: str, number: int, **fields: object) -> None:
        """Change fields of a record as a person would in Autotask, read-only for the API or not."""
        kind = entity_named(entity)
        with self.lock:
            for name, value in fields.items():
                entry = field_named(kind, name)
                self.tables[kind.name][number][entry.name] = stored(entry, value)

    def remove(self, entity: str, number: int) -> None:
        """Delete a record."""
        with self.lock:
            del self.tables[entity_named(entity).name][number]

    def void(self, invoice: int, *, moved_to: int | None = None) -> None:
        """Void an invoice as a person does: it stays, and its lines go back or onto a new invoice.

        Args:
            invoice: The id of the invoice.
            moved_to: The id of the invoice that takes the lines; None leaves them to be invoiced.
        """
        with self.lock:
            now = self.now()
            self.tables["Invoices"][invoice] |= {"isVoided": True, "voidedDate": now, "voidedByResourceID": 29682885}
            for line in self.tables["BillingItems"].values():
                if line["invoiceID"] == invoice:
                    line["invoiceID"] = moved_to

    def visible(self, entity: str) -> dict[int, JsonObject]:
        """Give the records that the API shows now, by ascending id."""
        with self.lock:
            table = self.tables[entity]
            return {
                number: self._shown(entity, table[number])
                for number in sorted(table)
                if self._is_seen(entity, table[number])
            }

    def _is_seen(self, entity: str, record: JsonObject) -> bool:
        line_of_business = record.get("organizationalLevelAssociationID")
        return entity != "BillingItems" or line_of_business not in self.hide_lines_of_business

    def _shown(self, entity: str, record: JsonObject) -> JsonObject:
        if entity == "Invoices" and self._is_unfinished(record["id"]):
            return record | {"invoiceNumber": None}
        if entity == "BillingItems" and self._is_unfinished(record["invoiceID"]):
            return record | {"invoiceID": None}
        return record

    def _is_unfinished(self, invoice: int | None) -> bool:
        return invoice is not None and invoice in self.finish_at and self.now() < self.finish_at[invoice]

    def _defaults(self, kind: Entity) -> JsonObject:
        now = self.now()
        defaults: dict[str, JsonObject] = {
            "Invoices": {
                "isVoided": False,
                "orderNumber": "",
                "invoiceTotal": Decimal("0.0000"),
                "totalTaxValue": Decimal("0.0000"),
                "createDateTime": now,
                "creatorResourceID": 29682885,
                "invoiceEditorTemplateID": 102,
                "invoiceStatus": 1,
            },
            "BillingItems": {
                "nonBillable": 0,
                "purchaseOrderNumber": "",
                "subType": 1,
                "billingItemType": 1,
                "sortOrderID": 0,
            },
            "Companies": {
                "isActive": True,
                "companyType": 1,
                "createDate": now,
                "isTaxExempt": False,
                "isSample": False,
            },
            "Contacts": {"isActive": 1, "primaryContact": False, "createDate": now},
            "Currencies": {"isInternalCurrency": False, "exchangeRate": Decimal("1.0000")},
            "BillingCodes": {"unitCost": Decimal("0.0000"), "unitPrice": Decimal("0.0000")},
            "Taxes": {"isCompounded": False},
        }
        active = {"isActive": True} if kind.name != "Contacts" and kind.find("isActive") else {}
        return active | defaults.get(kind.name, {})


def entity_named(name: str) -> Entity:
    """Look an entity up by its plural name in any case.

    Raises:
        ValueError: There is none of that name.
    """
    try:
        return entities()[name.lower()]
    except KeyError as error:
        raise ValueError(f"The pretend Autotask has no entity {name}") from error


def field_named(kind: Entity, name: str) -> Field:
    """Look a field up by its name in any case.

    Raises:
        ValueError: There is none of that name.
    """
    entry = kind.find(name)
    if entry is None:
        raise ValueError(f"{kind.name} has no field {name}")
    return entry


def stored(entry: Field, value: object) -> object:
    """Turn a value into the type in which the store keeps a field.

    Raises:
        ValueError: The value does not fit the field.
    """
    if value is None:
        return None
    if entry.type == "datetime":
        return _stored_instant(entry, value)
    if entry.type in MONEY:
        return round_half_up(as_decimal(value), 4)
    if entry.type in NUMBERS:
        return int(as_decimal(value))
    if entry.type == "boolean":
        if value not in {True, False}:
            raise ValueError(f"{entry.name} must be true or false")
        return bool(value)
    text = str(value)
    if entry.length and len(text) > entry.length:
        raise ValueError(f"{entry.name} is longer than {entry.length} characters")
    return text


def _stored_instant(entry: Field, value: object) -> datetime:
    if not isinstance(value, date):
        value = read_instant(str(value))
    if not isinstance(value, datetime) or entry.name in DATE_ONLY:
        return midnight(value)
    return value


def shown_value(value: object) -> object:
    """Write one stored value as JSON: instants in UTC with milliseconds, money with four decimals."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value
