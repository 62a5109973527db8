"""What the pretend Autotask knows about the fields of its entities, and how it serves that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources

from agent.pretend.wire import JsonObject

BILLING_ITEM_TYPES: dict[int, str] = {
    1: "Labor",
    2: "Project Cost",
    3: "Ticket Cost",
    4: "Expense",
    5: "Subscription",
    6: "Setup Fee",
    8: "Recurring Services",
    9: "Recurring Services Adjustment",
    10: "Recurring Service Bundle",
    11: "Recurring Service Bundle Adjustment",
    12: "Milestone",
    14: "Contract Block",
    15: "Contract Retainer",
    16: "Contract Cost",
    17: "Contract Incident",
}
"""Numbers and labels of BillingItems.billingItemType. Only 1 is known from a real tenant; the gaps are deliberate,
because a client has to look the numbers up."""

SUB_TYPES: dict[int, str] = {
    1: "Labor",
    2: "Milestone Labor",
    3: "Project Cost Deductions",
    4: "Project Cost",
    5: "Ticket Cost Deductions",
    6: "Ticket Cost",
    7: "Expense",
    8: "Expense Deductions",
    9: "Subscription",
    10: "Subscription Cost",
    11: "Setup Fee",
    12: "Recurring Services",
    13: "Recurring Services Adjustment",
    14: "Recurring Service Bundle",
    15: "Recurring Service Bundle Adjustment",
    16: "Milestones",
    17: "Block Purchase",
    18: "Retainer Purchase",
}

PICK_LISTS: dict[tuple[str, str], dict[int, str]] = {
    ("BillingItems", "billingItemType"): BILLING_ITEM_TYPES,
    ("BillingItems", "subType"): SUB_TYPES,
    ("Companies", "companyType"): dict(
        enumerate(("Customer", "Lead", "Prospect", "Dead", "Cancellation", "Vendor", "Partner"), start=1)
    ),
    ("Companies", "invoiceMethod"): {0: "None", 1: "Print", 2: "Email", 3: "PrintAndEmail"},
    ("BillingCodes", "billingCodeType"): {0: "Normal", 1: "System", 2: "Non-Billable"},
    ("BillingCodes", "useType"): dict(
        enumerate(
            (
                "General Allocation Code",
                "Expense Code",
                "Internal Allocation Code",
                "Material Cost Code",
                "Recurring Contract Service Code",
                "Milestone Code",
                "Product Code",
            ),
            start=1,
        )
    ),
    ("BillingCodes", "generalLedgerAccount"): {1: "4000 Services", 2: "4100 Hardware", 3: "4200 Software"},
}

NUMBERS = frozenset({"integer", "long", "short"})
MONEY = frozenset({"double", "decimal"})


@dataclass(frozen=True)
class Field:
    """One field of an entity.

    Attributes:
        name: As the API spells it.
        type: ``integer``, ``long``, ``short``, ``string``, ``double``, ``decimal``, ``boolean`` or ``datetime``.
        length: The longest text, 0 for other types.
        target: The singular name of the entity it refers to, or empty.
    """

    name: str
    type: str
    length: int = 0
    is_required: bool = False
    is_read_only: bool = False
    is_queryable: bool = True
    is_pick_list: bool = False
    target: str = ""


@dataclass(frozen=True)
class Entity:
    """One entity.

    Attributes:
        name: Its plural name, the one in addresses.
        singular: The name that messages and ``entityInformation`` use.
        abilities: Which of ``create``, ``update``, ``delete`` and ``userDefined`` it has.
        fields: By lower-case name, ``id`` first.
    """

    name: str
    singular: str
    abilities: frozenset[str]
    fields: dict[str, Field] = field(default_factory=dict)

    def find(self, name: str) -> Field | None:
        """Look a field up by its name in any case."""
        return self.fields.get(name.lower())


@cache
def entities() -> dict[str, Entity]:
    """Read the table of entities, by lower-case plural name."""
    text = resources.files("agent.pretend").joinpath("autotask_fields.txt").read_text(encoding="utf-8")
    found: dict[str, Entity] = {}
    current: Entity | None = None
    for line in text.splitlines():
        if line.startswith("["):
            name, _, rest = line[1:].partition("] ")
            singular, *abilities = rest.split()
            current = Entity(name, singular, frozenset(abilities))
            found[name.lower()] = current
        elif current is not None and line and not line.startswith("#"):
            entry = _read_field(line)
            current.fields[entry.name.lower()] = entry
    return found


def _read_field(line: str) -> Field:
    name, kind, *flags = line.split()
    entry = Field(
        name,
        kind,
        is_required="required" in flags,
        is_read_only="readOnly" in flags,
        is_queryable="notQueryable" not in flags,
        is_pick_list="pickList" in flags,
    )
    for flag in flags:
        if flag.startswith("length="):
            entry = replace(entry, length=int(flag[7:]))
        elif flag.startswith("to="):
            entry = replace(entry, target=flag[3:])
    return entry


def entity_information(entity: Entity) -> JsonObject:
    """Build the answer of ``/entityInformation``."""
    access = {
        name: "All" if ability in entity.abilities else "None"
        for name, ability in (("Create", "create"), ("Update", "update"), ("Delete", "delete"))
    }
    return {
        "info": {
            "name": entity.singular,
            "canCreate": "create" in entity.abilities,
            "canUpdate": "update" in entity.abilities,
            "canDelete": "delete" in entity.abilities,
            "canQuery": True,
            "hasUserDefinedFields": "userDefined" in entity.abilities,
            "supportsWebhookCallouts": entity.name in {"Companies", "Contacts"},
            "userAccessForQuery": "All",
            **{f"userAccessFor{name}": value for name, value in access.items()},
        }
    }


def field_information(entity: Entity, payment_terms: dict[int, str]) -> JsonObject:
    """Build the answer of ``/entityInformation/fields``.

    Args:
        entity: The entity asked about.
        payment_terms: Names of the payment terms by id: the pick list of Invoices.paymentTerm.
    """
    return {"fields": [_describe(entity, entry, payment_terms) for entry in entity.fields.values()]}


def _describe(entity: Entity, entry: Field, payment_terms: dict[int, str]) -> JsonObject:
    values = PICK_LISTS.get((entity.name, entry.name), {})
    if entry.name == "paymentTerm":
        values = payment_terms
    return {
        "name": entry.name,
        "dataType": entry.type,
        "length": entry.length,
        "isRequired": entry.is_required,
        "isReadOnly": entry.is_read_only,
        "isQueryable": entry.is_queryable,
        "isReference": bool(entry.target),
        "referenceEntityType": entry.target,
        "isPickList": entry.is_pick_list,
        "picklistValues": [_choice(*item) for item in values.items()] if entry.is_pick_list else None,
        "picklistParentValueField": "",
        "isSupportedWebhookField": False,
    }


def _choice(value: int, label: str) -> JsonObject:
    # The value is text here although records carry it as a number: that is how the real service does it.
    return {
        "value": str(value),
        "label": label,
        "isDefaultValue": False,
        "sortOrder": value,
        "parentValue": "",
        "isActive": True,
        "isSystem": True,
    }
