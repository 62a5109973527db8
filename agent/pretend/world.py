"""A pretend provider: its customers, its invoices, and one live example of every fault that one invoice can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from agent.pretend.cloud import Cloud
from agent.pretend.troubles import Call, Trouble
from agent.pretend.wire import round_half_up

HOME_CUSTOMERS = (
    "Kauri Legal", "Harbour Dental Group", "Tūī Accountants", "Southern Freight Ltd", "Rimu Veterinary Clinic",
    "Ponsonby Bakehouse", "Waikato Steel & Pipe", "Mānuka Health Stores", "Northshore Physio", "Lakeside Lodge",
    "Coastal Surveyors", "Greenstone Jewellers", "Fernhill School", "Otago Wine Merchants", "Pacific Print Works",
    "Silverdale Motors",
)  # fmt: skip
ABROAD_CUSTOMERS = ("Barossa Estates Pty", "Bondi Design Studio", "Yarra Logistics", "Sunshine Coast Clinics")

LABOR, PRODUCT, RECURRING, RETAINER, DISCOUNT = 1, 3, 8, 15, 2
"""The line types of the pretend Autotask that the demo uses."""

_GST, _EXEMPT = 1, 2
_HIDDEN_LINE_OF_BUSINESS = 77


@dataclass(frozen=True)
class Codes:
    """Ids of the tables that invoices refer to."""

    billing: dict[str, int]
    currency: dict[str, int]


@dataclass(frozen=True)
class LineOf:
    """A line to be invoiced; ``net`` differs from quantity times rate for covered work."""

    code: str
    line_type: int
    text: str
    quantity: str
    rate: str
    net: str | None = None
    is_taxed: bool = True
    line_of_business: int | None = None

    @property
    def amount(self) -> Decimal:
        """What is billed before tax."""
        return (
            Decimal(self.net) if self.net is not None else round_half_up(Decimal(self.quantity) * Decimal(self.rate), 2)
        )


@dataclass
class World:
    """The pretend provider.

    Attributes:
        cloud: Where it lives.
        start: The first day of its three months.
        today: The present day.
        expected: The fault code that each example ends with, by invoice id.
    """

    cloud: Cloud
    start: date
    today: date
    codes: Codes
    random: Random = field(default_factory=lambda: Random(20))  # noqa: S311 - the same world every time
    expected: dict[int, str] = field(default_factory=dict)
    companies: dict[str, int] = field(default_factory=dict)
    next_number: int = 1001

    def company(
        self,
        name: str,
        currency: str = "NZD",
        *,
        in_xero: bool = True,
        people: Sequence[tuple[str, str, int]] | None = None,
    ) -> int:
        """Add a company with its contact people, given as (first name, address, is active), and its Xero contact."""
        autotask = self.cloud.autotask
        number = autotask.add(
            "Companies", companyName=name, currencyID=self.codes.currency[currency], phone="+64 9 555 0100",
            companyNumber=f"C{len(self.companies) + 100}", address1="1 Queen Street", city="Auckland",
        )  # fmt: skip
        if people is None:
            people = [("Aroha", f"accounts@{_domain(name)}", 1)]
        for first, address, is_active in people:
            autotask.add(
                "Contacts", companyID=number, firstName=first, lastName="Example", emailAddress=address,
                isActive=is_active, phone="+64 9 555 0101",
            )  # fmt: skip
        if in_xero:
            self.cloud.xero.add_contact(name)
        self.companies[name] = number
        return number

    def invoice(  # noqa: PLR0913 - the fields of an invoice, all but two with defaults
        self,
        company: str,
        lines: Sequence[LineOf],
        *,
        day: date | None = None,
        number: str | None = "",
        region: str = "NZ GST",
        header_gap: str = "0",
        expected: str = "",
        **fields: object,
    ) -> int:
        """Add an invoice with its lines and give its id; ``header_gap`` is added to its total before tax."""
        autotask = self.cloud.autotask
        if number == "":
            number = f"AT-{self.next_number}"
            self.next_number += 1
        rate = (
            Decimal("0.15")
            if region in {"NZ GST", "Northland special rate", "NZ GST (old)", "Chatham Islands"}
            else Decimal(0)
        )
        net = sum((line.amount for line in lines), Decimal(0))
        taxes = [round_half_up(line.amount * rate, 4) if line.is_taxed else Decimal(0) for line in lines]
        tax = sum((round_half_up(tax, 2) for tax in taxes), Decimal(0))
        day = day or self.today - timedelta(days=5)
        values: dict[str, object] = {
            "companyID": self.companies[company],
            "invoiceNumber": number,
            "invoiceDateTime": day,
            "dueDate": day + timedelta(days=20),
            "createDateTime": datetime(day.year, day.month, day.day, 3, 30, tzinfo=UTC),
            "invoiceTotal": net + Decimal(header_gap),
            "totalTaxValue": tax,
            "taxRegionName": region,
            **fields,
        }
        invoice = autotask.add("Invoices", finish_at=None, **values)
        for order, (line, line_tax) in enumerate(zip(lines, taxes, strict=True)):
            autotask.add(
                "BillingItems", invoiceID=invoice, companyID=self.companies[company], sortOrderID=order,
                billingCodeID=self.codes.billing.get(line.code), billingItemType=line.line_type, itemName=line.text,
                description="", quantity=line.quantity, rate=line.rate, extendedPrice=line.amount,
                totalAmount=line.amount, taxDollars=line_tax, itemDate=day,
                taxCategoryID=_GST if line.is_taxed else _EXEMPT,
                organizationalLevelAssociationID=line.line_of_business,
            )  # fmt: skip
        if expected:
            self.expected[invoice] = expected
        return invoice


def empty_world(cloud: Cloud, today: date) -> World:
    """The tables that invoices refer to, and neither companies nor invoices yet."""
    start = (today.replace(day=1) - timedelta(days=62)).replace(day=1)
    return World(cloud, start, today, _tables(cloud))


def build_world(cloud: Cloud, invoices: int, today: date) -> World:
    """Fill the pretend cloud: at least 64 invoices of 20 customers over three months in two currencies.

    Args:
        cloud: An empty one.
        invoices: How many invoices in all, roughly; the faults are among them.
        today: The present day; the three months end with it.
    """
    world = empty_world(cloud, today)
    start = world.start
    cloud.xero.rename("Kōwhai IT Services (Demo)")
    cloud.xero.minute_limit = None  # the demo's four syncs follow each other within seconds
    cloud.xero.set_lock_dates(period=start + timedelta(days=9))
    cloud.xero.add_tax_rate("TAX001", "Northland special rate", "15")
    for name in HOME_CUSTOMERS:
        world.company(name)
    for name in ABROAD_CUSTOMERS:
        world.company(name, "AUD")
    _good_invoices(world, invoices - 30)
    _special_invoices(world)
    _faults(world)
    return world


def in_between(world: World) -> str:
    """What the office does in Xero after the first sync; gives the id of a payment that is undone later."""
    xero, autotask = world.cloud.xero, world.cloud.autotask
    sent = [number for number in sorted(autotask.tables["Invoices"]) if number not in world.expected][20:25]
    numbers = [_number(world, invoice) for invoice in sent]
    for number in numbers[:4]:
        xero.change(number, status="AUTHORISED")
    payment = xero.pay(numbers[0])
    xero.pay(numbers[1])
    xero.pay(numbers[2])
    world.expected[sent[0]] = "AX-214"
    autotask.change("Invoices", sent[1], invoiceNumber=f"{numbers[1]}-B")
    world.expected[sent[1]] = "AX-208"
    autotask.void(sent[2])
    world.expected[sent[2]] = "AX-209"
    xero.change(numbers[4], date=world.today)
    world.expected[sent[4]] = "AX-213"
    return payment


def next_day(world: World) -> None:
    """What comes in after the first three syncs: the invoices of the customers abroad."""
    for index in range(10):
        name = ABROAD_CUSTOMERS[index % len(ABROAD_CUSTOMERS)]
        day = world.start + timedelta(days=12 + index * 7)
        world.invoice(name, _usual_lines(world, index, is_taxed=False), day=min(day, world.today), region="Overseas")


def _tables(cloud: Cloud) -> Codes:
    autotask = cloud.autotask
    currency = {
        "NZD": autotask.add("Currencies", name="NZD", description="New Zealand dollar", isInternalCurrency=True),
        "AUD": autotask.add("Currencies", name="AUD", description="Australian dollar", exchangeRate="0.92"),
        "EUR": autotask.add("Currencies", name="EUR", description="Euro", exchangeRate="0.55"),
    }
    autotask.add("TaxCategories", id=_GST, name="Standard")
    autotask.add("TaxCategories", id=_EXEMPT, name="Exempt")
    for region in ("NZ GST", "NZ GST (old)", "Overseas", "Chatham Islands", "Northland special rate"):
        autotask.add("TaxRegions", name=region)
    names = (
        "Remote Support", "On-site Support", "Managed Workplace", "Cloud Backup", "Hardware", "Discount",
        "Prepaid Hours", "Consulting", "Legacy Hosting", "Drone Survey",
    )  # fmt: skip
    billing = {name: autotask.add("BillingCodes", name=name, taxCategoryID=_GST) for name in names}
    return Codes(billing, currency)


def mappings() -> dict[str, list[tuple[str, str, str]]]:
    """What the demo's accountant has mapped: rows of AccountMap and TaxMap. Drone Survey is left to do."""
    accounts = [
        (code, "", "260 · Other Revenue" if code in {"Hardware", "Discount"} else "200 · Sales")
        for code in (
            "Remote Support", "On-site Support", "Managed Workplace", "Cloud Backup", "Hardware", "Discount",
            "Prepaid Hours", "Consulting",
        )
    ]  # fmt: skip
    accounts.append(("Legacy Hosting", "", "280 · Old Sales"))
    accounts.append(("(no billing code)", "", "200 · Sales"))
    taxes = [
        ("NZ GST", "", "15% GST on Income (OUTPUT2)"),
        ("NZ GST", "(line without tax)", "Exempt Income (EXEMPTOUTPUT)"),
        ("NZ GST (old)", "", "GST on Income 12.5% (OUTPUT)"),
        ("Northland special rate", "", "Northland special rate (TAX001)"),
        ("Overseas", "", "Zero Rated (ZERORATED)"),
        ("Overseas", "(line without tax)", "Zero Rated (ZERORATED)"),
    ]
    return {"AccountMap": accounts, "TaxMap": taxes}


def _usual_lines(world: World, index: int, *, is_taxed: bool = True) -> list[LineOf]:
    random = world.random
    hours = str(Decimal(random.randint(2, 48)) / 4)
    seats = random.randint(3, 60)
    lines = [
        LineOf(
            "Managed Workplace",
            RECURRING,
            f"Managed workplace, {seats} seats",
            str(seats),
            "38.5000",
            is_taxed=is_taxed,
        ),
        LineOf("Remote Support", LABOR, "Remote support, see ticket summary", hours, "145.0000", is_taxed=is_taxed),
    ]
    if index % 3 == 0:
        lines.append(LineOf("Hardware", PRODUCT, "Wireless access point", "2", "312.4500", is_taxed=is_taxed))
    if index % 4 == 1:
        covered = LineOf("On-site Support", LABOR, "On-site support (covered by contract)", "3.175", "100.0000", "0")
        lines.append(covered)
    if index % 5 == 2:
        lines.append(
            LineOf("Cloud Backup", RECURRING, "Cloud backup, per GB", str(100 + index), "0.1234", is_taxed=is_taxed)
        )
    if index % 7 == 3:
        lines.append(LineOf("Discount", DISCOUNT, "Loyalty discount", "1", "-50.0000", is_taxed=is_taxed))
    return lines


def _good_invoices(world: World, count: int) -> None:
    days = (world.today - world.start).days - 12
    for index in range(count):
        name = HOME_CUSTOMERS[index % len(HOME_CUSTOMERS)]
        day = world.start + timedelta(days=11 + index * days // max(count, 1))
        order = f"PO {7000 + index}" if index % 4 == 0 else ""
        world.invoice(name, _usual_lines(world, index), day=day, orderNumber=order)


def _special_invoices(world: World) -> None:
    retainer = [LineOf("Prepaid Hours", RETAINER, "Prepaid support hours, October", "20", "120.0000")]
    world.invoice("Kauri Legal", retainer, day=world.start + timedelta(days=31))
    refund = [LineOf("Consulting", LABOR, "Credit for the outage of 3 October", "1", "-480.0000")]
    world.invoice("Harbour Dental Group", refund, day=world.start + timedelta(days=36))
    exempt = [LineOf("Consulting", LABOR, "Training abroad", "4", "160.0000", is_taxed=False)]
    world.invoice("Fernhill School", exempt, day=world.start + timedelta(days=40))
    seven = [LineOf("Cloud Backup", RECURRING, "Cloud archive", "1234.5", "0.0123457")]
    world.invoice("Otago Wine Merchants", seven, day=world.start + timedelta(days=44))


def _faults(world: World) -> None:
    one = [LineOf("Remote Support", LABOR, "Remote support", "2", "145.0000")]
    world.cloud.autotask.hide_lines_of_business.add(_HIDDEN_LINE_OF_BUSINESS)

    world.invoice("Kauri Legal", one, number=None, expected="AX-101")
    voided = world.invoice("Southern Freight Ltd", one, expected="AX-102")
    world.cloud.autotask.void(voided)
    world.company("Ghost Town Motel", in_xero=False, people=[("Former", "former@ghost.example", 0)])
    world.invoice("Ghost Town Motel", one, expected="AX-103")
    world.company("Comma Catering", in_xero=False, people=[("Chris", "accounts(at)comma.example", 1)])
    world.invoice("Comma Catering", one, expected="AX-104")
    world.company("KAURI CABINETS LIMITED", in_xero=False)
    world.cloud.xero.add_contact("Kauri Cabinets Limited")
    world.invoice("KAURI CABINETS LIMITED", one, expected="AX-105")
    world.invoice("Lakeside Lodge", one, header_gap="-12.00", expected="AX-106")
    several = [("Ana", "ana@many.example", 1), ("Ben", "ben@many.example", 1)]
    world.company("Many Hands Cooperative", in_xero=False, people=several)
    world.invoice("Many Hands Cooperative", one, expected="AX-107")
    now = world.cloud.now()
    world.invoice("Coastal Surveyors", one, number=None, day=world.today, createDateTime=now, expected="AX-108")
    drone = [LineOf("Drone Survey", LABOR, "Roof survey by drone", "1", "950.0000")]
    world.invoice("Coastal Surveyors", drone, expected="AX-109")
    world.invoice("Greenstone Jewellers", one, region="Chatham Islands", expected="AX-110")
    marked = datetime(world.today.year, world.today.month, 1, tzinfo=UTC)
    world.invoice("Pacific Print Works", one, webServiceDate=marked, expected="AX-111")
    hidden = LineOf("Hardware", PRODUCT, "Firewall", "1", "1890.0000", line_of_business=_HIDDEN_LINE_OF_BUSINESS)
    world.invoice("Silverdale Motors", [*one, hidden], expected="AX-112")
    world.invoice("Rimu Veterinary Clinic", one, number="AT-SAME", expected="AX-113")
    world.invoice("Ponsonby Bakehouse", one, number="AT-SAME", expected="AX-113")
    abroad = [LineOf("Consulting", LABOR, "Network review", "6", "180.0000", is_taxed=False)]
    world.invoice("Barossa Estates Pty", abroad, region="Overseas", expected="AX-114")

    world.cloud.xero.add_invoice(
        "Waikato Steel & Pipe",
        [{"Description": "Raised by hand", "Quantity": 1, "UnitAmount": 75, "AccountCode": "200"}],
        InvoiceNumber="AT-HAND", Date=str(world.today - timedelta(days=20)),
    )  # fmt: skip
    world.invoice("Waikato Steel & Pipe", one, number="AT-HAND", expected="AX-201")
    world.company("Berlin Robotik GmbH", "EUR")
    world.invoice("Berlin Robotik GmbH", abroad, region="Overseas", expected="AX-202")
    legacy = [LineOf("Legacy Hosting", RECURRING, "Web hosting", "1", "89.0000")]
    world.invoice("Northshore Physio", legacy, expected="AX-203")
    world.invoice("Mānuka Health Stores", one, region="NZ GST (old)", expected="AX-204")
    world.invoice("Tūī Accountants", one, day=world.start + timedelta(days=4), expected="AX-205")
    world.company("Archived Antiques", in_xero=False)
    world.cloud.xero.add_contact("Archived Antiques", ContactStatus="ARCHIVED")
    world.invoice("Archived Antiques", one, expected="AX-206")
    special = world.invoice("Fernhill School", one, region="Northland special rate", expected="AX-207")
    _change_rate_on_posting(world, special)
    twin = world.company("Twin Peaks Trading", in_xero=False)
    world.cloud.xero.add_contact("Twin Peaks Trading (old)", ContactNumber=str(twin))
    world.invoice("Twin Peaks Trading", one, expected="AX-211")
    odd = world.invoice("Harbour Dental Group", one, expected="AX-299")
    _refuse(world, odd, "Document could not be assigned to a ledger period group.")
    limited = world.invoice("Lakeside Lodge", one, expected="AX-210")
    _refuse(world, limited, "You have reached the limit of invoices you can approve")


def _number(world: World, invoice: int) -> str:
    return str(world.cloud.autotask.tables["Invoices"][invoice]["invoiceNumber"])


def _change_rate_on_posting(world: World, invoice: int) -> None:
    """Someone edits the tax rate in Xero between our reading it and our posting: then Xero's total differs."""
    mark = f'"{_number(world, invoice)}"'.encode()

    def edit(call: Call) -> None:
        if call.method == "PUT" and mark in call.body:
            world.cloud.xero.add_tax_rate("TAX001", "Northland special rate", "12.5")

    world.cloud.troubles.on_request = edit


def _refuse(world: World, invoice: int, words: str) -> None:
    """Xero refuses every request that holds this invoice, in these words."""
    body = f'{{"ErrorNumber":10,"Type":"ValidationException","Message":"{words}"}}'.encode()
    world.cloud.troubles.add(
        Trouble("400", system="xero", method="PUT", body_contains=f'"{_number(world, invoice)}"', times=None, body=body)
    )


def _domain(name: str) -> str:
    letters = "".join(char for char in name.casefold() if char.isascii() and char.isalnum())
    return f"{letters}.example"
