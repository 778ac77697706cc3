"""Everything that stands in the tables, as plain rows: what the picture, the report and the demo's JSON are made of."""

from dataclasses import dataclass
from typing import TypeVar

from shared.domain.book import (
    Attempt,
    Borrower,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    NoticeRecord,
)

R = TypeVar("R", Borrower, Loan, Instalment, Mandate, Attempt, NoticeRecord, Escalation, LedgerEntry)
"""One kind of row: by constraints, so that `type[R]` is the type of one of them."""

type Row = Borrower | Loan | Instalment | Mandate | Attempt | NoticeRecord | Escalation | LedgerEntry


@dataclass(frozen=True, slots=True)
class Records:
    borrowers: tuple[Borrower, ...]
    loans: tuple[Loan, ...]
    instalments: tuple[Instalment, ...]
    mandates: tuple[Mandate, ...]
    attempts: tuple[Attempt, ...]
    notices: tuple[NoticeRecord, ...]
    escalations: tuple[Escalation, ...]
    entries: tuple[LedgerEntry, ...]


def parse_tier_key(key: str) -> tuple[str, str, int]:
    """Tier, loan and instalment number of what a notice covers; number 0 is the loan as a whole."""
    tier, loan_id, number, _ = key.split("#")
    return tier, loan_id, int(number)
