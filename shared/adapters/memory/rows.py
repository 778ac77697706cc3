"""The rows in memory: what stands, which changes hold, and where each row is on its agenda. One thread at a time."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import chain
from typing import assert_never

from shared.adapters.memory.index import SparseIndex
from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    InstalmentState,
    LedgerEntry,
    Line,
    Loan,
    LoanStatus,
    Mandate,
    MoneyMark,
    NoticeRecord,
    NoticeState,
    OneTimeCode,
)
from shared.domain.changes import (
    Change,
    HoldGate,
    HoldInstalment,
    Insert,
    LeaveEscalation,
    SaveAttempt,
    SaveCard,
    SaveCode,
    SaveDebitCard,
    SaveHolds,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    SaveReceipt,
    SaveStage,
    TakeSeq,
    WakeContact,
    WakeStage,
)
from shared.ports.portfolio import ImportedRow, StoredRow


class Rows:
    """The domain's own frozen values, by their keys."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self.borrowers: dict[str, Borrower] = {}
        self.cards: dict[str, ContactCard] = {}
        self.loans: dict[str, Loan] = {}
        self.instalments: dict[str, dict[int, Instalment]] = defaultdict(dict)
        self.mandates: dict[str, dict[str, Mandate]] = defaultdict(dict)
        self.escalations: dict[str, dict[str, Escalation]] = defaultdict(dict)
        self.attempts: dict[tuple[str, int], Attempt] = {}
        self.notices: dict[tuple[str, str], NoticeRecord] = {}
        self.ledger: dict[tuple[str, str, str], LedgerEntry] = {}
        self.money: dict[tuple[str, str], MoneyMark] = {}
        self.debit_cards: dict[str, DebitCard] = {}
        self.codes: dict[tuple[str, str], OneTimeCode] = {}
        self.audit: dict[str, dict[str, AuditEntry]] = defaultdict(dict)
        self.agendas = {line: SparseIndex() for line in Line}
        self.open_attempts = SparseIndex()
        self.open_notices = SparseIndex()
        self.by_ref: dict[str, tuple[str, str]] = {}
        self.by_phone: dict[str, set[str]] = defaultdict(set)
        self.failures: dict[tuple[Line, str], int] = {}

    def holds(self, change: Change) -> bool:  # noqa: C901, PLR0912 - one case for each change
        match change:
            case Insert():
                return self._is_free(change.row)
            case SaveInstalment(row):
                return self._instalment_is(row.loan_id, row.number, row.rev - 1)
            case SaveCard(row):
                card = self.cards.get(row.borrower_id)
                return card is not None and card.rev == row.rev - 1
            case SaveStage(row):
                loan = self.loans.get(row.loan_id)
                return loan is not None and loan.stage_rev == row.stage_rev - 1
            case TakeSeq():
                loan = self.loans.get(change.loan_id)
                return loan is not None and (loan.last_seq, loan.gate_rev) == (change.seq - 1, change.gate_rev)
            case SaveAttempt(row, was_presented):
                attempt = self.attempts.get((row.loan_id, row.seq))
                return (
                    attempt is not None
                    and attempt.state is not AttemptState.SETTLED
                    and was_presented in (None, attempt.presented)
                )
            case SaveNotice(row):
                notice = self.notices.get((row.borrower_id, row.notice_key))
                return (
                    notice is not None
                    and notice.state in (NoticeState.CLAIMED, NoticeState.UNKNOWN)
                    and notice.sends == row.sends
                )
            case SaveReceipt(row, was):
                return self._takes_receipt(row, was)
            case SaveMandate(row):
                return self._gate_is(row.loan_id, change.gate_rev)
            case SaveDebitCard(row):
                debits = self.debit_cards.get(row.borrower_id)
                return row.rev - 1 == (debits.rev if debits else 0)
            case SaveCode(row):
                code = self.codes.get((row.loan_id, row.purpose))
                return row.rev - 1 == (code.rev if code else 0)
            case HoldGate() | SaveHolds():
                return self._gate_is(change.loan_id, change.gate_rev)
            case HoldInstalment():
                return self._instalment_is(change.loan_id, change.number, change.rev)
            case LeaveEscalation():
                escalation = self.escalations.get(change.loan_id, {}).get(change.key)
                return escalation is not None and escalation.left_on is None
            case WakeStage():
                return change.loan_id in self.loans
            case WakeContact():
                return change.borrower_id in self.cards
            case _:
                assert_never(change)

    def _is_free(self, row: Attempt | NoticeRecord | LedgerEntry | Escalation | MoneyMark | AuditEntry) -> bool:
        match row:
            case Attempt():
                return (row.loan_id, row.seq) not in self.attempts
            case NoticeRecord():
                notice = self.notices.get((row.borrower_id, row.notice_key))
                return notice is None or notice.state is NoticeState.RELEASED
            case LedgerEntry():
                return (row.loan_id, row.source, row.external_id) not in self.ledger
            case Escalation():
                return row.key not in self.escalations.get(row.loan_id, {})
            case MoneyMark():
                return (row.source, row.external_id) not in self.money
            case AuditEntry():
                return row.revision not in self.audit.get(row.subject, {})
            case _:
                assert_never(row)

    def _takes_receipt(self, row: NoticeRecord, was: str | None) -> bool:
        """A settled state is written over an open one; any other must be the one that stands."""
        notice = self.notices.get((row.borrower_id, row.notice_key))
        if notice is None or (notice.delivery, notice.sends) != (was, row.sends):
            return False
        was_open = notice.state in (NoticeState.CLAIMED, NoticeState.UNKNOWN)
        if was_open and row.state in (NoticeState.SENT, NoticeState.UNDELIVERABLE):
            return True
        return notice.state is row.state and row.state is not NoticeState.RELEASED

    def _instalment_is(self, loan_id: str, number: int, rev: int) -> bool:
        instalment = self.instalments.get(loan_id, {}).get(number)
        return instalment is not None and instalment.rev == rev

    def _gate_is(self, loan_id: str, gate_rev: int) -> bool:
        loan = self.loans.get(loan_id)
        return loan is not None and loan.gate_rev == gate_rev

    def make(self, change: Change) -> None:  # noqa: C901, PLR0912 - one case for each change
        match change:
            case Insert(row) | SaveAttempt(row):
                self._keep(row)
            case SaveNotice(row):
                self._keep(_with_receipts(row, self.notices[row.borrower_id, row.notice_key]))
            case SaveReceipt(row):
                stands = self.notices[row.borrower_id, row.notice_key]
                if row.state in (NoticeState.SENT, NoticeState.UNDELIVERABLE):
                    ref, at = stands.provider_ref or row.provider_ref, stands.settled_at or row.settled_at
                    stands = replace(stands, state=row.state, provider_ref=ref, settled_at=at)
                self._keep(_with_receipts(stands, row))
            case SaveInstalment(row):
                self.instalments[row.loan_id][row.number] = row
                self._saved(Line.DEBIT, row.loan_id, keys.debit_key(row.loan_id, row.number), row.step)
            case SaveCard(row):
                self.cards[row.borrower_id] = row
                self._saved(Line.CONTACT, row.borrower_id, row.borrower_id, row.step)
            case SaveStage(row):
                self.loans[row.loan_id] = replace(
                    self.loans[row.loan_id],
                    status=row.status,
                    entered=row.entered,
                    episode=row.episode,
                    first_open=row.first_open,
                    stage_rev=row.stage_rev,
                    step=row.step,
                )
                self._saved(Line.STAGE, row.loan_id, row.loan_id, row.step)
            case TakeSeq():
                self.loans[change.loan_id] = replace(self.loans[change.loan_id], last_seq=change.seq)
            case SaveMandate(row, gate_rev):
                self.mandates[row.loan_id][row.mandate_id] = row
                self.loans[row.loan_id] = replace(self.loans[row.loan_id], gate_rev=gate_rev + 1)
            case SaveHolds(loan_id, holds, gate_rev, at):
                self.loans[loan_id] = replace(self.loans[loan_id], holds=holds, gate_rev=gate_rev + 1)
                self._wake_stage(loan_id, at)
            case SaveDebitCard(row):
                self.debit_cards[row.borrower_id] = row
            case SaveCode(row):
                self.codes[row.loan_id, row.purpose] = row
            case HoldGate() | HoldInstalment():
                pass
            case LeaveEscalation():
                escalations = self.escalations[change.loan_id]
                escalations[change.key] = replace(escalations[change.key], left_on=change.left_on)
            case WakeStage(loan_id, at):
                self._wake_stage(loan_id, at)
            case WakeContact(borrower_id, at):
                card = self.cards[borrower_id]
                self.cards[borrower_id] = replace(card, step=at, rev=card.rev + 1)
                self.woken(Line.CONTACT, borrower_id, borrower_id, at)
            case _:
                assert_never(change)

    def _keep(self, row: Attempt | NoticeRecord | LedgerEntry | Escalation | MoneyMark | AuditEntry) -> None:
        match row:
            case Attempt():
                self.attempts[row.loan_id, row.seq] = row
                key = keys.intent_key(row.loan_id, row.seq)
                if row.state is AttemptState.SETTLED:
                    self.open_attempts.remove(key)
                else:
                    self.open_attempts.place(key, self._shard(row.loan_id), row.enquire_at or row.claimed_at)
            case NoticeRecord():
                self._refer(row)
                self.notices[row.borrower_id, row.notice_key] = row
                key = keys.notice_hint(row.borrower_id, row.notice_key)
                if row.state is NoticeState.CLAIMED:
                    self.open_notices.place(key, self._shard(row.borrower_id), row.claimed_at)
                else:
                    self.open_notices.remove(key)
            case LedgerEntry():
                self.ledger[row.loan_id, row.source, row.external_id] = row
            case Escalation():
                self.escalations[row.loan_id][row.key] = row
            case MoneyMark():
                self.money[row.source, row.external_id] = row
            case AuditEntry():
                self.audit[row.subject][row.revision] = row
            case _:
                assert_never(row)

    def _refer(self, row: NoticeRecord) -> None:
        place = row.borrower_id, row.notice_key
        before = self.notices.get(place)
        if before and before.provider_ref and self.by_ref.get(before.provider_ref) == place:
            self.by_ref.pop(before.provider_ref, None)
        if row.provider_ref:
            self.by_ref[row.provider_ref] = place

    def _wake_stage(self, loan_id: str, at: datetime) -> None:
        loan = self.loans[loan_id]
        self.loans[loan_id] = replace(loan, step=at, stage_rev=loan.stage_rev + 1)
        self.woken(Line.STAGE, loan_id, loan_id, at)

    def _saved(self, line: Line, owner: str, key: str, step: datetime | None) -> None:
        self.failures.pop((line, key), None)
        if step is None:
            self.agendas[line].remove(key)
        else:
            self.agendas[line].place(key, self._shard(owner), step)

    def woken(self, line: Line, key: str, owner: str, at: datetime) -> None:
        """A row in quarantine stays there: waking it does not mend it."""
        self.agendas[line].place(key, self.agendas[line].partition_of(key) or self._shard(owner), at)

    def _shard(self, owner: str) -> str:
        return keys.shard(owner, self._shards)

    def stored(self, row: ImportedRow) -> ImportedRow | None:
        """The row that stands under the same key."""
        match row:
            case Borrower():
                return self.borrowers.get(row.borrower_id)
            case ContactCard():
                return self.cards.get(row.borrower_id)
            case Loan():
                return self.loans.get(row.loan_id)
            case Instalment():
                return self.instalments.get(row.loan_id, {}).get(row.number)
            case Mandate():
                return self.mandates.get(row.loan_id, {}).get(row.mandate_id)
            case LedgerEntry():
                return self.ledger.get((row.loan_id, row.source, row.external_id))
            case _:
                assert_never(row)

    def keep_imported(self, row: ImportedRow) -> None:
        """Keeps a row off every agenda."""
        match row:
            case Borrower():
                self.borrowers[row.borrower_id] = row
                if row.phone:
                    self.by_phone[keys.address_key(row.phone)].add(row.borrower_id)
            case ContactCard():
                self.cards[row.borrower_id] = replace(row, step=None)
            case Loan():
                self.loans[row.loan_id] = replace(row, step=None)
            case Instalment():
                self.instalments[row.loan_id][row.number] = replace(row, step=None)
            case Mandate():
                self.mandates[row.loan_id][row.mandate_id] = row
            case LedgerEntry():
                self._keep(row)
            case _:
                assert_never(row)

    def keep_stored(self, row: StoredRow) -> None:
        """Keeps a row as it stands in another store, on its agenda at its step."""
        match row:
            case Borrower() | Mandate():
                self.keep_imported(row)
            case ContactCard():
                self.cards[row.borrower_id] = row
                self._saved(Line.CONTACT, row.borrower_id, row.borrower_id, row.step)
            case Loan():
                self.loans[row.loan_id] = row
                self._saved(Line.STAGE, row.loan_id, row.loan_id, row.step)
            case Instalment():
                self.instalments[row.loan_id][row.number] = row
                self._saved(Line.DEBIT, row.loan_id, keys.debit_key(row.loan_id, row.number), row.step)
            case DebitCard():
                self.debit_cards[row.borrower_id] = row
            case _:
                self._keep(row)

    def wake_all(self, at: datetime) -> None:
        """Brings whatever a line may still decide on before it at an instant, but for what is in quarantine."""
        open_loans = {i: row for i, row in self.loans.items() if row.status is LoanStatus.OPEN and row.step is not None}
        for loan_id in open_loans:
            self._wake_stage(loan_id, at)
            for number, row in self.instalments[loan_id].items():
                if row.state is InstalmentState.OPEN:
                    self.instalments[loan_id][number] = replace(row, step=at, rev=row.rev + 1)
                    self.woken(Line.DEBIT, keys.debit_key(loan_id, number), loan_id, at)
        for borrower_id, card in self.cards.items():
            if card.loan_ids:
                self.cards[borrower_id] = replace(card, step=at, rev=card.rev + 1)
                self.woken(Line.CONTACT, borrower_id, borrower_id, at)

    def of_kind(self, kind: type[StoredRow]) -> Iterable[StoredRow]:
        rows: dict[type[StoredRow], Iterable[StoredRow]] = {
            Borrower: self.borrowers.values(),
            ContactCard: self.cards.values(),
            Loan: self.loans.values(),
            Instalment: _flat(self.instalments),
            Mandate: _flat(self.mandates),
            Escalation: _flat(self.escalations),
            Attempt: self.attempts.values(),
            NoticeRecord: self.notices.values(),
            LedgerEntry: self.ledger.values(),
            DebitCard: self.debit_cards.values(),
            MoneyMark: self.money.values(),
            AuditEntry: _flat(self.audit),
        }
        return rows[kind]


def _with_receipts(row: NoticeRecord, said: NoticeRecord) -> NoticeRecord:
    """A notice with what its receipts said."""
    return replace(
        row,
        delivery=said.delivery,
        delivery_code=said.delivery_code,
        delivery_at=said.delivery_at,
        opened_at=said.opened_at or row.opened_at,
        clicked_at=said.clicked_at or row.clicked_at,
    )


def _flat[K, R](rows: Mapping[str, Mapping[K, R]]) -> Iterator[R]:
    return chain.from_iterable(of_owner.values() for of_owner in rows.values())
