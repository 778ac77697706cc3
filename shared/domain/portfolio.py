"""A portfolio in files: their columns, their lines as they come, and what the good ones say.

`shared.domain.portfolio_rules` tells which lines are good, `portfolio_rows` makes the book's rows of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.book import Borrower, Instalment, LedgerEntry, Loan, Mandate

BORROWERS, LOANS, INSTALMENTS = "borrowers.csv", "loans.csv", "instalments.csv"
MANDATES, PAYMENTS = "mandates.csv", "payments.csv"

COLUMNS: Mapping[str, tuple[str, ...]] = {
    BORROWERS: ("borrower_id", "name", "phone", "locale", "time_zone", "country"),
    LOANS: ("loan_id", "borrower_id", "product", "currency", "disbursed_on", "principal"),
    INSTALMENTS: ("loan_id", "number", "due_on", "principal", "interest", "fee"),
    MANDATES: ("mandate_id", "loan_id", "rail", "account_ref", "signed_on", "status"),
    PAYMENTS: ("payment_id", "loan_id", "amount", "paid_on"),
}
"""The files of a portfolio and their columns, in the order in which they refer to each other."""

MORE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    BORROWERS: ("payday", "email", "push", "other_zones"),
    INSTALMENTS: ("penalty",),
    MANDATES: ("expires_on", "funding"),
}
"""Columns that a file may lack, and fields that may be empty; an export has all of them."""


def columns_of(file: str) -> tuple[str, ...]:
    """All columns that a file of a portfolio or of an export may have, in order."""
    return (*COLUMNS[file], *MORE_COLUMNS.get(file, ())) if file in COLUMNS else EXPORT_ONLY[file]


EXPORT_ONLY: Mapping[str, tuple[str, ...]] = {
    "attempts.csv": (
        "loan_id",
        "seq",
        "instalments",
        "amount",
        "currency",
        "mandate_id",
        "rail",
        "account_ref",
        "slot",
        "claimed_at",
        "policy_version",
        "state",
        "outcome",
        "gateway_ref",
        "settled_at",
        "presented",
        "owner",
        "funding",
        "first_claimed_at",
        "enquire_at",
        "stuck",
        "refunds",
    ),
    "notices.csv": (
        "borrower_id",
        "notice_key",
        "kind",
        "covers",
        "amount",
        "currency",
        "channel",
        "business_date",
        "claimed_at",
        "policy_version",
        "state",
        "sends",
        "provider_ref",
        "settled_at",
        "detail",
        "message_class",
        "tried",
        "delivery",
        "delivery_code",
        "delivery_at",
        "opened_at",
        "clicked_at",
    ),
    "escalations.csv": ("loan_id", "key", "stage", "entered_on", "dpd", "number", "consequences", "left_on"),
    "ledger.csv": (
        "loan_id",
        "source",
        "external_id",
        "amount",
        "currency",
        "booked_on",
        "split",
        "credit",
        "detail",
        "kind",
        "undoes",
        "parts",
    ),
    "audit.csv": ("subject", "revision", "at", "actor", "what", "reason", "detail"),
}
"""The files that an export has besides; an import leaves them alone."""

OPTIONAL = frozenset({MANDATES, PAYMENTS})
IMPORT = "import"
"""The ledger's source of payments that came with a portfolio."""


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A row of a file by column; `line` is where it begins, the header being line 1."""

    line: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """What is wrong with a line. `reason` never repeats what stands there: it may be a name or a phone number."""

    file: str
    line: int
    column: str  # empty where the line as a whole is meant
    reason: str


@dataclass(frozen=True, slots=True)
class Read[T]:
    """A good line: where it begins and what it says."""

    line: int
    row: T


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Good lines, consistent with each other, in the order of their files. Payments are not allocated yet.

    `warnings` are about lines that are good, and will not do what they seem to.
    """

    borrowers: tuple[Read[Borrower], ...]
    loans: tuple[Read[Loan], ...]
    instalments: tuple[Read[Instalment], ...]
    mandates: tuple[Read[Mandate], ...]
    payments: tuple[Read[LedgerEntry], ...]
    warnings: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, (self.borrowers, self.loans, self.instalments, self.mandates, self.payments)))
