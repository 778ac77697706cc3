"""The whole book in memory: rows in dicts behind one lock."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from threading import RLock

from shared.adapters.folding import folded
from shared.adapters.memory.rows import Rows
from shared.adapters.row_keys import RowKey, hint_of, row_key
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AuditEntry,
    BorrowerFile,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    LoanFile,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
)
from shared.domain.changes import (
    Change,
)
from shared.domain.errors import BookError
from shared.ports.book import Page
from shared.ports.portfolio import Imported, StoredRow

_FAILURES_TO_QUARANTINE = 3


class MemoryBook:
    """`Book` and `PortfolioStore`. Rows are the domain's own frozen values, so nothing is mapped.

    Every call is atomic under one lock, and what is open or on an agenda is seen at once.
    """

    def __init__(self, shards: int = 1) -> None:
        self._shards = shards
        self._lock = RLock()
        self._rows = Rows(shards)
        self._fingerprints: dict[RowKey, str] = {}
        self._opened: dict[tuple[Line, str], datetime] = {}

    # reads

    def loan_file(self, loan_id: str, *, whole: bool = False) -> LoanFile | None:
        with self._lock:
            loan = self._rows.loans.get(loan_id)
            if loan is None:
                return None
            instalments = self._rows.instalments.get(loan_id, {})
            first = 0 if whole else loan.first_open
            wanted = tuple([instalments[number] for number in sorted(instalments) if number >= first])
            mandates = self._rows.mandates.get(loan_id, {})
            return LoanFile(loan, wanted, tuple([mandates[key] for key in sorted(mandates)]))

    def borrower_file(self, borrower_id: str) -> BorrowerFile | None:
        with self._lock:
            borrower, card = self._rows.borrowers.get(borrower_id), self._rows.cards.get(borrower_id)
            return BorrowerFile(borrower, card) if borrower and card else None

    def attempt(self, loan_id: str, seq: int) -> Attempt | None:
        return self._rows.attempts.get((loan_id, seq))

    def notice(self, borrower_id: str, notice_key: str) -> NoticeRecord | None:
        return self._rows.notices.get((borrower_id, notice_key))

    def notices(self, borrower_id: str) -> Sequence[NoticeRecord]:
        with self._lock:
            return tuple(row for (owner, _), row in sorted(self._rows.notices.items()) if owner == borrower_id)

    def notice_by_ref(self, provider_ref: str) -> tuple[str, str] | None:
        with self._lock:
            return self._rows.by_ref.get(provider_ref)

    def borrowers_at(self, address_key: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(sorted(self._rows.by_phone.get(address_key, ())))

    def entry(self, loan_id: str, source: str, external_id: str) -> LedgerEntry | None:
        return self._rows.ledger.get((loan_id, source, external_id))

    def escalations(self, loan_id: str) -> Sequence[Escalation]:
        with self._lock:
            found = self._rows.escalations.get(loan_id, {})
            return tuple(found[key] for key in sorted(found))

    def attempts(self, loan_id: str) -> Sequence[Attempt]:
        with self._lock:
            return tuple(row for (owner, _), row in sorted(self._rows.attempts.items()) if owner == loan_id)

    def entries(self, loan_id: str) -> Sequence[LedgerEntry]:
        with self._lock:
            return tuple(row for (owner, _, _), row in sorted(self._rows.ledger.items()) if owner == loan_id)

    def money(self, source: str, external_id: str) -> MoneyMark | None:
        return self._rows.money.get((source, external_id))

    def debit_card(self, borrower_id: str) -> DebitCard:
        return self._rows.debit_cards.get(borrower_id) or DebitCard(borrower_id)

    def code(self, loan_id: str, purpose: str) -> OneTimeCode | None:
        return self._rows.codes.get((loan_id, purpose))

    def audit(self, subject: str) -> Sequence[AuditEntry]:
        with self._lock:
            found = self._rows.audit.get(subject, {})
            return tuple(found[revision] for revision in sorted(found))

    def agenda(self, line: Line, shard: str, until: datetime | None, limit: int, after: str | None = None) -> Page:
        with self._lock:
            return self._rows.agendas[line].page(shard, until, limit, after)

    def open_attempts(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        with self._lock:
            return self._rows.open_attempts.page(shard, until, limit, after)

    def open_notices(self, shard: str, until: datetime, limit: int, after: str | None = None) -> Page:
        with self._lock:
            return self._rows.open_notices.page(shard, until, limit, after)

    def shards(self) -> int:
        return self._shards

    # writes

    def commit(self, changes: Sequence[Change]) -> bool:
        """Checks every change against the rows as they stand, then makes all of them."""
        changes = folded(changes)
        with self._lock:
            if not all(self._rows.holds(change) for change in changes):
                return False
            for change in changes:
                self._rows.make(change)
        return True

    def note_failure(self, line: Line, key: str) -> int:
        with self._lock:
            if self._rows.agendas[line].partition_of(key) is None:
                return 0
            count = self._rows.failures[line, key] = self._rows.failures.get((line, key), 0) + 1
            if count >= _FAILURES_TO_QUARANTINE:
                self._rows.agendas[line].move(key, keys.QUARANTINE)
            return count

    # a portfolio comes and goes

    def fingerprints(self, rows: Sequence[Imported]) -> Mapping[int, str]:
        """A row that was never imported but has the key has no fingerprint: an empty text, equal to none."""
        with self._lock:
            taken = {
                place: row_key(row.row) for place, row in enumerate(rows) if self._rows.stored(row.row) is not None
            }
            return {place: self._fingerprints.get(key, "") for place, key in taken.items()}

    def write(self, rows: Sequence[Imported]) -> int:
        put = 0
        with self._lock:
            for imported in rows:
                if self._rows.stored(imported.row) is None:
                    self._rows.keep_imported(imported.row)
                    self._fingerprints[row_key(imported.row)] = imported.fingerprint
                    put += 1
        return put

    def unopened(self, loan_ids: Sequence[str]) -> frozenset[str]:
        with self._lock:
            return frozenset(i for i in loan_ids if i in self._rows.loans and (Line.STAGE, i) not in self._opened)

    def open(self, rows: Sequence[Loan | Instalment], at: datetime) -> int:
        """Raises the row's revision, so that a save that was decided before loses."""
        with self._lock:
            return sum(self._open(row, row.step, at) for row in rows if row.step is not None)

    def scan(self, kind: type[StoredRow]) -> Iterator[StoredRow]:
        """The rows as they stood at the first one."""
        with self._lock:
            rows = list(self._rows.of_kind(kind))
        yield from rows

    def stand(self, rows: Iterable[StoredRow], quarantined: Mapping[Line, Iterable[str]]) -> None:
        """Takes rows over from another store as they stand there: their revisions, and on the agendas their steps.

        `quarantined` are keys of agenda rows, by line, that wait there for a person.
        """
        with self._lock:
            for row in rows:
                self._rows.keep_stored(row)
            for line, found in quarantined.items():
                for key in found:
                    if self._rows.agendas[line].partition_of(key) is not None:
                        self._rows.agendas[line].move(key, keys.QUARANTINE)

    def wake_all(self, at: datetime) -> None:
        """Has every line look at all of its rows again at an instant, as new packs want it; quarantine stays."""
        with self._lock:
            self._rows.wake_all(at)

    def _open(self, row: Loan | Instalment, step: datetime, at: datetime) -> bool:
        """Opens a row that stands and never was opened; one that has a step by now keeps it."""
        line, key = hint_of(row)
        stored = self._rows.stored(row)
        if stored is None or (line, key) in self._opened:
            return False
        if isinstance(stored, Loan):
            self._follow(stored, at)
            step = stored.step or step
            self._rows.loans[key] = replace(stored, step=step, stage_rev=stored.stage_rev + 1)
        elif isinstance(stored, Instalment):
            step = stored.step or step
            self._rows.instalments[row.loan_id][stored.number] = replace(stored, step=step, rev=stored.rev + 1)
        self._opened[line, key] = at
        self._rows.woken(line, key, row.loan_id, step)
        return True

    def _follow(self, loan: Loan, at: datetime) -> None:
        card = self._rows.cards.get(loan.borrower_id)
        if card is None:
            raise BookError(f"borrower {loan.borrower_id} has no contact card")
        step = min(card.step or at, at)
        loan_ids = tuple(dict.fromkeys((*card.loan_ids, loan.loan_id)))
        self._rows.cards[card.borrower_id] = replace(card, loan_ids=loan_ids, step=step, rev=card.rev + 1)
        self._rows.woken(Line.CONTACT, card.borrower_id, card.borrower_id, step)
