"""What was done about a loan on a day, as its rows say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from shared.domain import keys
from shared.domain.book import Attempt, LedgerEntry
from shared.domain.calendar import business_date
from shared.domain.history import History, LoanHistory


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was written; `at` is None where only its date is kept, `policy_version` where none decided it."""

    kind: str  # message, attempt, refund, answer, money, stage-entered, stage-left, change
    key: str
    at: datetime | None
    what: Mapping[str, object] = field(default_factory=dict)
    policy_version: str | None = None


def done_on(history: History, loan_id: str, on: date, business_zone: str) -> tuple[Event, ...]:
    """Messages to the borrower, and all else of the one loan; in order, what has no hour last."""
    loan = next(h for h in history.loans if h.file.loan.loan_id == loan_id)
    found = [*_messages(history), *_attempts(loan), *_money(loan, on), *_stages(loan, on), *_changes(loan)]
    today = [e for e in found if e.at is None or business_date(e.at, business_zone) == on]
    return tuple(sorted(today, key=lambda e: (e.at is None, e.at.timestamp() if e.at else 0.0, e.kind, e.key)))


def _messages(history: History) -> Iterator[Event]:
    for notice in history.notices:
        what = {
            "covers": list(notice.covers),
            "channel": notice.channel,
            "tried": list(notice.tried),
            "state": notice.state.value,
            "detail": notice.detail,
            "delivery": notice.delivery,
        }
        yield Event("message", notice.notice_key, notice.claimed_at, what, notice.policy_version)


def _attempts(loan: LoanHistory) -> Iterator[Event]:
    for attempt in loan.attempts:
        key = keys.intent_key(attempt.loan_id, attempt.seq)
        kind = "attempt" if attempt.refunds is None else "refund"
        yield Event(kind, key, attempt.born_at, _asked(attempt), attempt.policy_version)
        if attempt.settled_at is not None:
            yield Event("answer", key, attempt.settled_at, {"outcome": attempt.outcome and attempt.outcome.value})


def _asked(attempt: Attempt) -> dict[str, object]:
    return {
        "numbers": list(attempt.numbers),
        "slot": attempt.slot,
        "owner": attempt.owner.value,
        "amount": attempt.amount.decimal(),
        "currency": attempt.amount.currency,
    }


def _money(loan: LoanHistory, on: date) -> Iterator[Event]:
    for entry in loan.entries:
        if entry.booked_on == on:
            yield Event("money", keys.ledger_entity(entry.source, entry.external_id), None, _booked(entry))


def _booked(entry: LedgerEntry) -> dict[str, object]:
    return {
        "kind": entry.kind.value,
        "amount": entry.amount.decimal(),
        "currency": entry.amount.currency,
        "numbers": [number for number, _ in entry.split],
    }


def _stages(loan: LoanHistory, on: date) -> Iterator[Event]:
    for row in loan.escalations:
        if row.entered_on == on:
            what = {"stage": row.stage.value, "dpd": row.dpd, "number": row.number, "does": list(row.consequences)}
            yield Event("stage-entered", row.key, None, what)
        if row.left_on == on:
            yield Event("stage-left", row.key, None, {"stage": row.stage.value})


def _changes(loan: LoanHistory) -> Iterator[Event]:
    for entry in loan.audit:
        what = {"what": entry.what, "actor": entry.actor, "reason": entry.reason, "detail": dict(entry.detail)}
        yield Event("change", entry.revision, entry.at, what)
