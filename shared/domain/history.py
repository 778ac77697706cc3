"""All that was ever written about a borrower: what the facts of an earlier instant are made of."""

from dataclasses import dataclass

from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    ContactCard,
    Escalation,
    LedgerEntry,
    LoanFile,
    NoticeRecord,
)


@dataclass(frozen=True, slots=True)
class LoanHistory:
    """A loan with all of its instalments, and all that was ever written about it."""

    file: LoanFile
    attempts: tuple[Attempt, ...] = ()
    entries: tuple[LedgerEntry, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    audit: tuple[AuditEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """A borrower with the loans that were ever followed, and every message."""

    borrower: Borrower
    card: ContactCard
    loans: tuple[LoanHistory, ...]
    notices: tuple[NoticeRecord, ...] = ()
