"""The book of loans, borrowers, attempts, notices and money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.book import (
    Attempt,
    AuditEntry,
    BorrowerFile,
    DebitCard,
    Escalation,
    LedgerEntry,
    Line,
    LoanFile,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
)
from shared.domain.changes import Change


@dataclass(frozen=True, slots=True)
class Page:
    """Keys in order; `after` is where the next page starts, None after the last."""

    keys: tuple[str, ...]
    after: str | None


class Book(Protocol):
    """All reads are consistent but those of an index, which may lag and holds only keys: the agendas, what is open,
    `notice_by_ref`, `borrowers_at`."""

    def loan_file(self, loan_id: str, *, whole: bool = False) -> LoanFile | None:
        """The loan with its mandates and its instalments from `first_open` on; all of its instalments where `whole`,
        which only a reversal needs: it may reach those that were paid and told long ago."""

    def borrower_file(self, borrower_id: str) -> BorrowerFile | None: ...

    def attempt(self, loan_id: str, seq: int) -> Attempt | None: ...

    def notice(self, borrower_id: str, notice_key: str) -> NoticeRecord | None: ...

    def notices(self, borrower_id: str) -> Sequence[NoticeRecord]:
        """Every notice of a borrower, by key."""

    def notice_by_ref(self, provider_ref: str) -> tuple[str, str] | None:
        """The borrower and the key of the notice that a provider knows by its own reference; None: none yet.

        Read from an index, so it may lag: news that comes at once after the settlement may find nothing.
        """

    def borrowers_at(self, address_key: str) -> tuple[str, ...]:
        """The borrowers whose phone number has this `keys.address_key`, by id; from an index, so it may lag.

        By phone only, because only from phones borrowers write to us: what a provider says of an e-mail address or an
        app's endpoint comes as a receipt, which names its notice.
        """

    def entry(self, loan_id: str, source: str, external_id: str) -> LedgerEntry | None: ...

    def escalations(self, loan_id: str) -> Sequence[Escalation]: ...

    def attempts(self, loan_id: str) -> Sequence[Attempt]:
        """Every attempt of a loan, by number."""

    def entries(self, loan_id: str) -> Sequence[LedgerEntry]:
        """Every ledger entry of a loan (or of `keys.SUSPENSE`), by source and external id."""

    def money(self, source: str, external_id: str) -> MoneyMark | None:
        """Where this money was booked, if it was."""

    def debit_card(self, borrower_id: str) -> DebitCard:
        """The borrower's failures over all loans; a fresh one, revision 0, where none is stored."""

    def code(self, loan_id: str, purpose: str) -> OneTimeCode | None: ...

    def audit(self, subject: str) -> Sequence[AuditEntry]:
        """What was changed or asked about a subject, oldest first."""

    def agenda(self, line: Line, shard: str, until: datetime | None, limit: int, after: str | None = None) -> Page:
        """Hint keys of a line's rows in one shard whose step is at or before `until` (None: all), earliest first."""

    def open_attempts(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        """`keys.intent_key` of attempts that are not settled and whose `enquire_at` (else `claimed_at`) is at or before
        `until`, longest waiting first."""

    def open_notices(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        """`borrower_id#notice_key` of notices that are still claimed, claimed at or before `until`."""

    def commit(self, changes: Sequence[Change]) -> bool:
        """Makes all changes or none; False when one of them does not hold any more (a lost race).

        A repeat of this very call by the transport counts as made, not as lost. Raises StoreError when the store cannot
        say; the caller then knows nothing, and the claim's lease leads to an enquiry.
        """

    def note_failure(self, line: Line, key: str) -> int:
        """Counts an unexpected failure on an agenda row; the third takes it off the agenda into quarantine.

        Returns the count, 0 for a row that is on no agenda. Any later successful save of the row starts anew.
        """

    def shards(self) -> int:
        """The number of agenda partitions to read: the highest ever used."""
