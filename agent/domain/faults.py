"""The catalogue of faults: what each is called, why it happens, and what to do about it.

The Help and Faults sheets, the log, the mails and ``--json`` all take their words from here. A fault is a value:
it stops one invoice, never the run. Titles in the words of the product that users come from are kept to the letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Effect = Literal["strike", "wait", "skip", "warn", "stop"]
"""What a fault does: ``strike`` counts a failed try; ``wait`` holds the invoice without one; ``skip`` leaves it
out for good; ``warn`` lets it through and shows; ``stop`` ends the run and strikes nobody."""


@dataclass(frozen=True)
class Kind:
    """One entry of the catalogue.

    Attributes:
        code: The code people quote, such as ``AX-105``.
        title: The short name; ``{…}`` is filled from the facts of the case.
        cause: Why it happens, in plain words.
        cure: What to do now, as a step; ``{…}`` is filled from the facts of the case.
        effect: What it does to the invoice or the run.
        button: The ribbon button or the cell that cures it, where there is one.
        settings: The settings that can cure it.
    """

    code: str
    title: str
    cause: str
    cure: str
    effect: Effect = "strike"
    button: str = ""
    settings: tuple[str, ...] = ()

    @property
    def short_title(self) -> str:
        """The title without what is filled in from the case: the same for all invoices with this fault."""
        return self.title.partition("{")[0].rstrip(" :·")


@dataclass(frozen=True)
class Fault:
    """A fault that happened, with the facts of its case.

    Attributes:
        kind: The catalogue's entry.
        detail: What exactly was found: names, sums, Xero's own words.
        facts: Values by name; they fill the title and the cure.
        waits: Holds the invoice without a strike although the kind strikes.
    """

    kind: Kind
    detail: str
    facts: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False

    @property
    def code(self) -> str:
        """The code people quote."""
        return self.kind.code

    @property
    def title(self) -> str:
        """The short name, filled in."""
        return _fill(self.kind.title, self.facts)

    @property
    def cure(self) -> str:
        """What to do now: the case's own cure where it has one, else the kind's, filled in."""
        return self.facts.get("instead") or _fill(self.kind.cure, self.facts)

    @property
    def is_strike(self) -> bool:
        """Whether a try that ended so counts towards ``Tries before a fault``."""
        return self.kind.effect == "strike" and not self.waits


def fault(code: str, detail: str, *, waits: bool = False, **facts: str) -> Fault:
    """The fault of that code with the facts of its case.

    Args:
        code: A code of the catalogue.
        detail: What exactly was found.
        waits: Hold the invoice without a strike.
        facts: Fill the title's and the cure's ``{…}``.
    """
    return Fault(CATALOGUE[code], detail, facts, waits)


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


def _fill(text: str, facts: Mapping[str, str]) -> str:
    return text.format_map(_Facts(facts))


_KINDS = (
    Kind(
        "AX-101",
        "Autotask Invoice number is empty",
        "“Use Autotask Numbers” is on, and Autotask has not given this invoice a number.",
        "Give the invoice a number in Autotask and press Resync; or set “Use Autotask Numbers” to No or Id.",
        button="Resync",
        settings=("Use Autotask Numbers",),
    ),
    Kind(
        "AX-102",
        "Invoice contains no line items skipping over",
        "Autotask lists no lines for this invoice: it was voided, or it is worth nothing.",
        "Nothing to do. If the invoice should have lines, check it in Autotask and press Resync.",
        "skip",
        "Resync",
    ),
    Kind(
        "AX-103",
        "Unable to sync Invoice. No valid contact for the invoice",
        "The company has no active contact in Autotask, and a contact person should be written to Xero.",
        "In Autotask add or reactivate a contact of {company}, then press Resync.",
        button="Resync",
        settings=("Create missing contacts", "Update existing contacts"),
    ),
    Kind(
        "AX-104",
        "Invalid email address can't sync invoice",
        "Autotask holds an e-mail address that Xero does not accept.",
        "Correct the address of {contact} in Autotask and press Resync; or set “Send without a bad email address” "
        "to Yes.",
        button="Resync",
        settings=("Send without a bad email address", "Create missing contacts", "Update existing contacts"),
    ),
    Kind(
        "AX-105",
        "Can't find Xero Contact with Account Name: {name}",
        "No active contact in Xero has exactly this name; upper and lower case count unless a setting says not.",
        "Choose the Xero contact for {name} in ContactMap on the sheet Mappings, or add one of exactly this name in "
        "Xero; then press Resync.",
        button="Mappings: ContactMap",
        settings=("Create missing contacts", "Exact upper and lower case", "Match Xero contact by"),
    ),
    Kind(
        "AX-106",
        "Invoice Amounts do not match",
        "The lines as Xero adds them up do not give Autotask's total. Nothing was sent, so the books stay right.",
        "{cure}",
        button="Resync",
        settings=("Four decimal places", "Tax comes from", "Rounding line up to"),
    ),
    Kind(
        "AX-107",
        "Several active contacts and none is marked for accounts",
        "The company has several active contacts, and nothing says which one gets invoices.",
        "In Autotask set the field “{field}” to “{value}” for one contact of {company}, or tick Primary Contact; then "
        "press Resync.",
        button="Resync",
        settings=(
            "Accounts contact field",
            "Accounts contact value",
            "Create missing contacts",
            "Update existing contacts",
        ),
    ),
    Kind(
        "AX-108",
        "Invoice not finished in Autotask",
        "Autotask shows invoices before it has finished them: the number or some lines are still missing.",
        "Nothing to do: it is looked at again in the next sync.",
        "wait",
    ),
    Kind(
        "AX-109",
        "No Xero account for billing code {billing_code}",
        "The billing code has no row with a Xero account on the sheet Mappings.",
        "On the sheet Mappings choose the Xero account beside “{billing_code}” in AccountMap, save, and press Resync.",
        button="Mappings: AccountMap",
        settings=("Unmapped billing code", "Default sales account"),
    ),
    Kind(
        "AX-110",
        "No Xero tax rate for tax region {tax_region}",
        "The tax region and category have no row with a Xero tax rate on the sheet Mappings.",
        "On the sheet Mappings choose the Xero tax rate beside “{tax_region}” in TaxMap, save, and press Resync.",
        button="Mappings: TaxMap",
        settings=("Unmapped tax region", "Default tax rate"),
    ),
    Kind(
        "AX-111",
        "Marked as sent in Autotask, but not found in Xero",
        "Another tool or person marked the invoice as sent, but Xero has no such document.",
        "If it should go to Xero, choose Send now in the column Do; if not, choose Never send.",
        "wait",
        "Send now",
    ),
    Kind(
        "AX-112",
        "Lines are hidden from the API user",
        "The invoice's total in Autotask contains lines that the API user may not see.",
        "In Autotask give the API user access to all lines of business{lines}, then press Resync.",
        button="Resync",
    ),
    Kind(
        "AX-113",
        "Two Autotask invoices have the same number",
        "Xero takes every number only once, so only one of the two can be sent.",
        "Renumber one of the two in Autotask and press Resync.",
        button="Resync",
    ),
    Kind(
        "AX-114",
        "Currency is not allowed by the setting",
        "The invoice is in another currency than the books, and “Other currencies” is Refuse.",
        "Set “Other currencies” to Allow and press Resync; or choose Never send.",
        button="Settings: Other currencies",
        settings=("Other currencies", "Currency"),
    ),
    Kind(
        "AX-201",
        "Number already used in Xero (Invoice not of valid status for modification)",
        "Xero already has a document with this number that is not this invoice.",
        "Change the invoice number in Autotask and press Resync; or give the document in Xero another number; or set "
        "an “Invoice number prefix”.",
        button="Resync",
        settings=("Invoice number prefix", "Use Autotask Numbers"),
    ),
    Kind(
        "AX-202",
        "Organisation is not subscribed to currency {currency}",
        "The Xero organisation does not have this currency.",
        "In Xero add {currency} under Currencies and press Resync; or correct the company's currency in Autotask.",
        button="Resync",
    ),
    Kind(
        "AX-203",
        "Xero refuses the account code",
        "The account is missing, archived, or not one that sales may use.",
        "On the sheet Mappings choose another account in AccountMap, or restore it in Xero; then press Resync.",
        button="Mappings: AccountMap",
        settings=("Default sales account", "Rounding account"),
    ),
    Kind(
        "AX-204",
        "Xero refuses the tax rate for this account",
        "The tax rate is missing, deleted, or not allowed on this account.",
        "On the sheet Mappings choose another tax rate in TaxMap, or correct it in Xero; then press Resync.",
        button="Mappings: TaxMap",
        settings=("Default tax rate",),
    ),
    Kind(
        "AX-205",
        "The period is closed in Xero",
        "The invoice's date lies in a period that is locked in Xero, or that you hold.",
        "Move the lock date in Xero, or set “Closed period” to Re-date or Leave as draft; then press Resync.",
        "wait",
        "Settings: Closed period",
        settings=("Closed period", "Hold invoices dated on or before"),
    ),
    Kind(
        "AX-206",
        "The Xero contact is archived",
        "Xero takes no invoices for an archived contact.",
        "Restore the contact {name} in Xero, or choose another one in ContactMap; then press Resync.",
        button="Mappings: ContactMap",
    ),
    Kind(
        "AX-207",
        "Xero's total differs from ours after posting",
        "The document is in Xero, but its total is not the one that was sent.",
        "Open the document in Xero and compare it with Autotask before you approve it.",
        "warn",
        "Open in Xero",
    ),
    Kind(
        "AX-208",
        "Xero will not let this document be changed (Invoice not of valid status for modification)",
        "The document was paid, credited, voided or locked in Xero after it was sent.",
        "Change it in Xero by hand, or choose Never send in the column Do to leave it as it is.",
        "warn",
        "Open in Xero",
    ),
    Kind(
        "AX-209",
        "Cannot be voided in Xero",
        "The document is paid, credited or in a closed period.",
        "Raise a credit note for it in Xero; then choose Never send in the column Do, and it is settled.",
        "warn",
        "Open in Xero",
    ),
    Kind(
        "AX-210",
        "Xero's plan allows no more approved invoices",
        "The organisation's Xero plan limits how many invoices may be approved.",
        "Set “Invoice status in Xero” to Draft, or upgrade the plan in Xero; then press Resync.",
        button="Settings: Invoice status in Xero",
        settings=("Invoice status in Xero",),
    ),
    Kind(
        "AX-211",
        "Another contact has this name or number",
        "Xero already has a contact with this name or contact number.",
        "Choose that contact in ContactMap on the sheet Mappings, then press Resync.",
        button="Mappings: ContactMap",
    ),
    Kind(
        "AX-212",
        "Sent, answer lost: checking Xero",
        "The line broke before Xero answered; whether the invoice arrived is looked up before anything is sent again.",
        "Nothing to do: it is settled by itself in the next sync.",
        "wait",
    ),
    Kind(
        "AX-213",
        "Deleted or edited in Xero after it was sent",
        "The document in Xero is no longer as it was sent.",
        "If that is right, nothing to do. If it was deleted or voided and should be in Xero, choose Send again.",
        "warn",
        "Send again",
    ),
    Kind(
        "AX-214",
        "The payment was undone in Xero",
        "The invoice had been paid in Xero, and the payment was removed.",
        "Check the payment in Xero. Where payments are copied back, the paid date in Autotask is cleared.",
        "warn",
        "Open in Xero",
    ),
    Kind(
        "AX-299",
        "Xero refused the invoice",
        "Xero gave a reason that AutoXero does not know.",
        "Read Xero's words in the detail, mend what they name, and press Resync.",
        button="Resync",
    ),
    Kind(
        "AX-301",
        "The user account has been locked. Please see your Autotask Administrator for details.",
        "Autotask refused the secret: it is wrong, or the API user is locked after wrong tries.",
        "Ask your Autotask administrator to unlock the API user or to give a new secret, then run “autoxero connect "
        "autotask”.",
        "stop",
        "Connect Autotask",
    ),
    Kind(
        "AX-302",
        "Autotask refused the sign-in",
        "The user name, the secret or the integration code is not right, or the API user lacks a right.",
        "Check the API user in Autotask, then run “autoxero connect autotask”.",
        "stop",
        "Connect Autotask",
    ),
    Kind(
        "AX-303",
        "Timeout Expired error when connecting to Autotask",
        "Autotask did not answer in time.",
        "Nothing to do: the next sync tries again. If it lasts, check the internet connection.",
        "stop",
    ),
    Kind(
        "AX-304",
        "HTTP Error 503. The service is unavailable. (Autotask)",
        "Autotask is overloaded or under maintenance.",
        "Nothing to do: the next sync tries again.",
        "stop",
    ),
    Kind(
        "AX-305",
        "Autotask's hourly limit is reached",
        "All programs that use this Autotask together made too many calls in the last hour.",
        "Nothing to do: the sync goes on when the count has fallen.",
        "stop",
    ),
    Kind(
        "AX-401",
        "The access token has expired",
        "Xero's access lasts 30 minutes and is renewed by itself; renewing it failed.",
        "Run “autoxero connect xero”.",
        "stop",
        "Connect Xero",
    ),
    Kind(
        "AX-402",
        "Error connecting to Xero",
        "Xero did not answer.",
        "Nothing to do: the next sync tries again. If it lasts, check the internet connection.",
        "stop",
    ),
    Kind(
        "AX-403",
        "HTTP Error 503. The service is unavailable. (Xero)",
        "Xero is overloaded or under maintenance.",
        "Nothing to do: the next sync tries again.",
        "stop",
    ),
    Kind(
        "AX-404",
        "Xero's minute or day limit is reached",
        "Xero allows 60 calls a minute and a fixed number a day.",
        "Nothing to do: the sync goes on when Xero allows it.",
        "stop",
    ),
    Kind(
        "AX-405",
        "Xero sign-in needed again",
        "Xero no longer accepts the sign-in: it expired, was taken back, or lacks a right.",
        "Run “autoxero connect xero”, and check there the Xero app's client ID and rights; for a custom connection its "
        "secret too.",
        "stop",
        "Connect Xero",
    ),
    Kind(
        "AX-406",
        "This is another Xero organisation, Autotask or workbook than before",
        "The agent's records belong to another one; mixing them would send invoices twice or to the wrong books.",
        "Sign in to the one named in the detail, or correct “Xero organisation” on the sheet Settings; two "
        "organisations need a home each (AUTOXERO_HOME).",
        "stop",
    ),
    Kind(
        "AX-501",
        "The workbook is open elsewhere or read-only",
        "The file cannot be written while a program holds it.",
        "Nothing to do: work goes on, and the sheets catch up when the file is closed. You can also press Refresh.",
        "warn",
        "Refresh",
    ),
    Kind(
        "AX-502",
        "Something on a status sheet was changed by hand",
        "The status sheets belong to the agent; it has put them right.",
        "Nothing to do. Put your own notes into columns of your own; those are kept.",
        "warn",
    ),
    Kind(
        "AX-503",
        "A setting or mapping is wrong",
        "A value on the sheet Settings or Mappings cannot be used.",
        "Mend what stands in the column Problem beside it, and save.",
        "stop",
        "Settings",
    ),
    Kind(
        "AX-504",
        "The mail server refused an alert",
        "The mail could not be handed over; it is kept and tried again.",
        "Check the mail settings on the sheet Settings, group Faults.",
        "warn",
        "Settings: Mail server",
    ),
    Kind(
        "AX-505",
        "More than usual: waiting for Send these",
        "This run would create more invoices than the setting allows at once.",
        "Look at them on the sheet Invoices; if they are right, choose Send now in the column Do, or run "
        "“autoxero send-these” for all of them.",
        "wait",
        "Send these",
    ),
)

CATALOGUE: dict[str, Kind] = {kind.code: kind for kind in _KINDS}
"""The catalogue by code."""
