"""Where each row is stored, and which rows a change touches: the same for every store."""

from typing import NamedTuple, assert_never

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AuditEntry,
    Borrower,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Line,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
)
from shared.domain.changes import (
    Change,
    HoldGate,
    HoldInstalment,
    LeaveEscalation,
    SaveHolds,
    SaveMandate,
    TakeSeq,
    WakeContact,
    WakeStage,
)
from shared.ports.portfolio import StoredRow


class RowKey(NamedTuple):
    """A stored row: the short name of its table, and its two keys there."""

    table: str
    owner: str
    entity: str


def loan_key(loan_id: str) -> RowKey:
    return RowKey("loans", loan_id, keys.LOAN)


def instalment_key(loan_id: str, number: int) -> RowKey:
    return RowKey("loans", loan_id, keys.instalment_entity(number))


def card_key(borrower_id: str) -> RowKey:
    return RowKey("borrowers", borrower_id, keys.CONTACT)


def escalation_key(loan_id: str, key: str) -> RowKey:
    return RowKey("loans", loan_id, keys.escalation_entity(key))


def row_key(row: StoredRow | OneTimeCode) -> RowKey:  # noqa: C901, PLR0912 - one case for each row
    match row:
        case Loan():
            return loan_key(row.loan_id)
        case Instalment():
            return instalment_key(row.loan_id, row.number)
        case Mandate():
            return RowKey("loans", row.loan_id, keys.mandate_entity(row.mandate_id))
        case Escalation():
            return escalation_key(row.loan_id, row.key)
        case Borrower():
            return RowKey("borrowers", row.borrower_id, keys.PROFILE)
        case ContactCard():
            return card_key(row.borrower_id)
        case Attempt():
            return RowKey("attempts", row.loan_id, keys.seq_entity(row.seq))
        case NoticeRecord():
            return RowKey("notices", row.borrower_id, row.notice_key)
        case LedgerEntry():
            return RowKey("ledger", row.loan_id, keys.ledger_entity(row.source, row.external_id))
        case MoneyMark():
            return RowKey("ledger", keys.money_owner(row.source, row.external_id), keys.MONEY)
        case DebitCard():
            return RowKey("borrowers", row.borrower_id, keys.DEBIT)
        case OneTimeCode():
            return RowKey("loans", row.loan_id, keys.code_entity(row.purpose))
        case AuditEntry():
            return RowKey("audit", row.subject, row.revision)
        case _:
            assert_never(row)


def rows_of(change: Change) -> tuple[RowKey, ...]:
    """The rows that a change writes or only checks."""
    match change:
        case SaveMandate():
            return row_key(change.row), loan_key(change.row.loan_id)
        case TakeSeq() | HoldGate() | WakeStage() | SaveHolds():
            return (loan_key(change.loan_id),)
        case HoldInstalment():
            return (instalment_key(change.loan_id, change.number),)
        case WakeContact():
            return (card_key(change.borrower_id),)
        case LeaveEscalation():
            return (escalation_key(change.loan_id, change.key),)
        case _:
            return (row_key(change.row),)


def hint_of(row: Loan | Instalment | ContactCard) -> tuple[Line, str]:
    """The line that asks about a row, and its key there."""
    match row:
        case Loan():
            return Line.STAGE, row.loan_id
        case Instalment():
            return Line.DEBIT, keys.debit_key(row.loan_id, row.number)
        case ContactCard():
            return Line.CONTACT, row.borrower_id
        case _:
            assert_never(row)


def hint_row(line: Line, hint: str) -> RowKey:
    """The row behind a line's hint; raises EventError for a key that is none."""
    keys.parse_hint_key(line, hint)
    match line:
        case Line.DEBIT:
            loan_id, number = keys.parse_debit_key(hint)
            return instalment_key(loan_id, number)
        case Line.STAGE:
            return loan_key(hint)
        case Line.CONTACT:
            return card_key(hint)
        case _:
            assert_never(line)
