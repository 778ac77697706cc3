"""Where an import writes a portfolio, and an export reads one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
)

type ImportedRow = Borrower | ContactCard | Loan | Instalment | Mandate | LedgerEntry
type StoredRow = ImportedRow | Attempt | NoticeRecord | Escalation | DebitCard | MoneyMark | AuditEntry


@dataclass(frozen=True, slots=True)
class Imported:
    """A row to import with the fingerprint of the source line that it came from."""

    row: ImportedRow
    fingerprint: str


class PortfolioStore(Protocol):
    def fingerprints(self, rows: Sequence[Imported]) -> Mapping[int, str]:
        """Of the rows (by their place in the sequence) whose key is taken already: the fingerprint stored there."""

    def write(self, rows: Sequence[Imported]) -> int:
        """Puts the rows whose key is free, off every agenda; returns how many. A row that exists is left alone."""

    def unopened(self, loan_ids: Sequence[str]) -> frozenset[str]:
        """Of these loans, those that stand in the book and that no import has opened yet."""

    def open(self, rows: Sequence[Loan | Instalment], at: datetime) -> int:
        """Puts rows that were never opened on their agenda at their `step`; returns how many. Safe to run again.

        The one transaction that opens a loan also adds it to its borrower's contact card, which exists, under the
        card's `rev`, and brings the card's step to `at`, or leaves it where that is earlier. So a loan is followed
        once, for ever, and a borrower's later loans join a card that works already. Raises StoreError when the race
        for a card is lost again and again; what is not open by then is opened by the next run.
        """

    def scan(self, kind: type[StoredRow]) -> Iterator[StoredRow]:
        """Every stored row of a kind, in no order; for exports and checks, never on a worker's path."""
