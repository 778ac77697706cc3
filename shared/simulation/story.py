"""The story of a seed: every call over a boundary, by what it is, with what it was about and the fault that met it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    AuditEntry,
    ContactCard,
    EntryKind,
    LedgerEntry,
    Loan,
    Mandate,
    MoneyMark,
    NoticeRecord,
    Outcome,
    Owner,
)
from shared.domain.changes import (
    Change,
    Insert,
    SaveAttempt,
    SaveCard,
    SaveCode,
    SaveHolds,
    SaveInstalment,
    SaveMandate,
    SaveNotice,
    SaveReceipt,
    SaveStage,
    TakeSeq,
    WakeStage,
)
from shared.domain.money import Money
from shared.simulation.faults import Fault

_CLAIMS = {
    Owner.SCHEDULE: "commit claim",
    Owner.BORROWER: "commit claim of a borrower",
    Owner.OPERATOR: "commit claim of an operator",
}


_NAMED = (
    (SaveMandate, "commit mandate"),
    (SaveCode, "commit code"),
    (SaveNotice, "commit notice settle"),
    (SaveStage, "commit stage"),
    (WakeStage, "commit stage"),
    (SaveCard, "commit contact deferral"),
    (SaveInstalment, "commit deferral"),
)


def commit_name(changes: Sequence[Change]) -> str:
    """What a commit is, by what it writes."""
    kinds = {type(change) for change in changes}
    rows = [change.row for change in changes if isinstance(change, Insert)]
    if TakeSeq in kinds:
        return next((_CLAIMS[row.owner] for row in rows if isinstance(row, Attempt)), "commit claim")
    if answer := next((change for change in changes if isinstance(change, SaveAttempt)), None):
        return _answer_name(answer)
    if SaveHolds in kinds or SaveReceipt in kinds:
        return "commit hold" if SaveHolds in kinds else "commit receipt"
    if entry := next((row for row in rows if isinstance(row, LedgerEntry)), None):
        return _entry_name(entry)
    if len(rows) == len(changes) and all(isinstance(row, MoneyMark) for row in rows):
        return "commit taking back"  # told of by another channel before
    if any(isinstance(row, AuditEntry) and row.what.startswith("consent.") for row in rows):
        return "commit a borrower's word"
    if any(isinstance(row, NoticeRecord) for row in rows):
        return "commit notice claim"
    if len(rows) == len(changes) and all(isinstance(row, AuditEntry) for row in rows):
        return "commit note"
    return next((name for kind, name in _NAMED if kind in kinds), "commit other")


def _entry_name(entry: LedgerEntry) -> str:
    if entry.kind is EntryKind.RESOLUTION:
        return "commit resolution"
    if entry.kind is EntryKind.REINSTATEMENT:
        return "commit money come again"
    if entry.amount.minor < 0:
        return "commit taking back"
    return "commit late money" if entry.loan_id == keys.SUSPENSE else "commit repayment"


def _answer_name(change: SaveAttempt) -> str:
    if change.row.state is AttemptState.CLAIMED and change.was_presented != change.row.presented:
        return "commit re-claim"
    if change.row.state is not AttemptState.SETTLED:
        return "commit unknown"
    return "commit void" if change.row.outcome is Outcome.VOID else "commit settle"


@dataclass(frozen=True, slots=True)
class Step:
    """One call over a boundary, for the story of a breach."""

    at: datetime
    job: str
    call: str
    detail: object
    fault: Fault | None = None
    place: str | None = None  # of the fault, where the plan drew it

    def __str__(self) -> str:
        fault = f"  <- {self.fault}" if self.fault else ""
        return f"{self.at:%m-%d %H:%M:%S} {self.job:<28} {self.call:<26} {_told(self.detail)}{fault}"


def _told(detail: object) -> str:  # noqa: C901, PLR0912 - one case for each kind of row
    match detail:
        case tuple():
            return " ".join(_told(part) for part in detail)
        case (
            Insert(row)
            | SaveAttempt(row)
            | SaveNotice(row)
            | SaveReceipt(row)
            | SaveStage(row)
            | SaveMandate(row)
            | SaveCard(row)
        ):
            return _told(row)
        case Attempt():
            key, state = keys.intent_key(detail.loan_id, detail.seq), detail.outcome or detail.state
            account = ",".join(detail.funding) or detail.account_ref
            return f"attempt {key} {detail.amount.minor} {state} {account} by {detail.owner} for {detail.slot}"
        case LedgerEntry():
            return f"{detail.kind} {detail.loan_id} {detail.external_id} {detail.amount.minor} {detail.split}"
        case SaveInstalment(row):
            key, block = keys.debit_key(row.loan_id, row.number), " blocked" if row.blocked else ""
            return f"{key} {row.state}{block} paid {row.paid_minor} step {_at(row.step)}"
        case NoticeRecord():
            said = f"{detail.state} {detail.delivery or ''}"
            return f"notice {detail.borrower_id} {detail.notice_key} over {detail.channel} {said}"
        case Loan():
            return f"loan {detail.loan_id} {detail.status} {detail.stage} step {_at(detail.step)}"
        case ContactCard():
            return f"card {detail.borrower_id} of {','.join(detail.loan_ids)} step {_at(detail.step)}"
        case SaveHolds(loan_id, holds):
            return f"holds of {loan_id}: {', '.join(h.hold_id for h in holds) or 'none'}"
        case Mandate():
            return f"mandate {detail.mandate_id} {detail.status}"
        case AuditEntry():
            return f"audit {detail.subject} {detail.what}"
        case Money():
            return f"{detail.minor} {detail.currency}"
        case _:
            return str(detail)


def _at(step: datetime | None) -> str:
    return f"{step:%m-%dT%H:%M}" if step else "-"


_NAMES = re.compile(r"\b[lb]-\d{3,}\b")
_LOAN = re.compile(r"\bl-\d{3,}\b")
_TOO_MANY = ("commit contact deferral", "commit deferral", "read book")
"""Calls of which a story tells only those that a fault met."""


def named_in(subject: str) -> str:
    """The loan, or else the borrower, that a breach is about; empty where it names none."""
    found = _LOAN.findall(subject) or _NAMES.findall(subject)
    return found[0] if found else ""


def of_subject(story: Sequence[Step], subject: str) -> Iterator[Step]:
    """The steps that name a loan or a borrower, with the faults that met them."""
    named = re.compile(rf"\b{re.escape(subject)}\b")
    for step in story:
        if step.fault is None and (step.detail is None or step.call in _TOO_MANY):
            continue
        if named.search(_told(step.detail)) or named.search(step.job):
            yield step
