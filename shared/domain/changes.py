"""What a workflow wants written: a list of changes that a store makes all at once or not at all.

A `Save` carries the row as it shall stand, its revision one above the one that was read; it holds only while the stored
revision is still that one. `Insert` holds only while the key is free. So the same list handed in twice is written once.
"""

from dataclasses import dataclass
from datetime import date, datetime

from shared.domain.book import (
    Attempt,
    AuditEntry,
    ContactCard,
    DebitCard,
    Escalation,
    Instalment,
    LedgerEntry,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
    OneTimeCode,
)
from shared.domain.holds import Hold


@dataclass(frozen=True, slots=True)
class Insert:
    """Put a row whose key is free. A released notice counts as free: it certainly was not sent."""

    row: Attempt | NoticeRecord | LedgerEntry | Escalation | MoneyMark | AuditEntry


@dataclass(frozen=True, slots=True)
class SaveInstalment:
    """Requires `rev - 1`; writes balances, state, attempts and the debit step."""

    row: Instalment


@dataclass(frozen=True, slots=True)
class SaveCard:
    """Requires `rev - 1`; writes what was told, the loans followed and the contact step."""

    row: ContactCard


@dataclass(frozen=True, slots=True)
class SaveStage:
    """Requires `stage_rev - 1`; writes the stage line's fields of a loan: status, escalations, first_open, step."""

    row: Loan


@dataclass(frozen=True, slots=True)
class TakeSeq:
    """Takes the loan's next intent number; requires `seq - 1` and an unchanged gate."""

    loan_id: str
    seq: int
    gate_rev: int


@dataclass(frozen=True, slots=True)
class SaveAttempt:
    """Requires that the attempt is not settled, and was presented as often as `was_presented`, where that is given."""

    row: Attempt
    was_presented: int | None = None


@dataclass(frozen=True, slots=True)
class SaveNotice:
    """Requires that the notice is still claimed, by the same send (or unknown: a receipt may come late)."""

    row: NoticeRecord


@dataclass(frozen=True, slots=True)
class SaveMandate:
    """Writes a mandate's status and raises the loan's gate, which must still be `gate_rev`."""

    row: Mandate
    gate_rev: int


@dataclass(frozen=True, slots=True)
class SaveHolds:
    """Writes a loan's holds and raises its gate, which must still be `gate_rev`. Sets the stage step to `at` as
    `WakeStage` does, so that a stage worker who decided before loses."""

    loan_id: str
    holds: tuple[Hold, ...]
    gate_rev: int
    at: datetime


@dataclass(frozen=True, slots=True)
class SaveReceipt:
    """Writes what a notice's receipts say (`delivery`, `delivery_code`, `delivery_at`, `opened_at`, `clicked_at`), and
    SENT where its end was not known or still claimed, with `provider_ref` and `settled_at` where it had none.
    Requires that `delivery` is still `was`, the same send, and no released notice."""

    row: NoticeRecord
    was: str | None


@dataclass(frozen=True, slots=True)
class SaveDebitCard:
    """Requires `rev - 1`, or that none is stored where `rev` is 1."""

    row: DebitCard


@dataclass(frozen=True, slots=True)
class SaveCode:
    """Requires `rev - 1`, or that none is stored where `rev` is 1."""

    row: OneTimeCode


@dataclass(frozen=True, slots=True)
class HoldGate:
    """Requires that the loan's gate is still `gate_rev`; writes nothing."""

    loan_id: str
    gate_rev: int


@dataclass(frozen=True, slots=True)
class HoldInstalment:
    """Requires that the instalment's revision is still `rev`; writes nothing."""

    loan_id: str
    number: int
    rev: int


@dataclass(frozen=True, slots=True)
class LeaveEscalation:
    loan_id: str
    key: str
    left_on: date


@dataclass(frozen=True, slots=True)
class WakeStage:
    """Sets the stage step of a loan to `at`, the present instant, and raises `stage_rev`.

    An earlier step is as due as one of now; a worker who decided before the wake loses against it.
    """

    loan_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WakeContact:
    """Sets the contact step of a borrower to `at`, the present instant, and raises the card's `rev`: as `WakeStage`."""

    borrower_id: str
    at: datetime


type Change = (
    Insert
    | SaveInstalment
    | SaveCard
    | SaveStage
    | TakeSeq
    | SaveAttempt
    | SaveNotice
    | SaveMandate
    | SaveHolds
    | SaveReceipt
    | SaveDebitCard
    | SaveCode
    | HoldGate
    | HoldInstalment
    | LeaveEscalation
    | WakeStage
    | WakeContact
)
