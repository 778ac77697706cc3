"""A decision is a value with its reason: act now, look again later, or leave it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class Reason(Enum):
    """Why a line acts, waits or leaves; the value is the sentence shown to people, the name goes to logs and rows."""

    # act
    REMINDER_DUE = "the instalment falls due within the reminder's range"
    PRE_DEBIT_NOTICE_DUE = "the deduction must be announced before it may be attempted"
    DUE_TODAY = "the instalment is due today and no deduction will speak for it"
    DEDUCTION_FAILED = "the day's last deduction failed for certain"
    OVERDUE = "the instalment is overdue and this step of the reminders was not sent yet"
    DEDUCTION_RECEIVED = "the deduction succeeded and the borrower was not told yet"
    LOAN_REPAID = "nothing of the loan is outstanding any more"
    SLOT_OPEN = "a deduction slot is open and the instalment is outstanding under an active mandate"
    STAGE_REACHED = "the oldest unpaid instalment has reached the next stage"
    CURED = "payments moved the oldest unpaid instalment back below the stage"
    # defer
    NOTHING_DUE = "nothing is due for this borrower before then"
    OUTSIDE_CONTACT_HOURS = "the borrower's local time is outside contact hours"
    AWAITING_DEDUCTION = "a deduction of today will speak first"
    NOT_YET_DUE = "the instalment is not due yet"
    BEFORE_SLOT = "the next deduction slot has not opened yet"
    SLOT_USED = "this slot's one attempt was made"
    NOTICE_NOT_SENT = "the notice that must come first was not sent yet, or not early enough"
    STAGE_UNCHANGED = "the loan stays in its stage until then"
    POLICY_MISSING = "no valid policy pack: nothing is sent, debited or escalated"
    # drop
    ALREADY_PAID = "the instalment is paid"
    LOAN_CLOSED = "the loan is closed"
    NO_ACTIVE_MANDATE = "no active mandate covers the loan"
    ATTEMPT_OPEN = "an attempt on the instalment is still open"
    BUDGET_SPENT = "the instalment's attempts are used up"
    NOT_RETRIED = "the last answer is one that policy does not retry"
    CATCH_UP_OVER = "the days for catching up a missed deduction are over"
    EVIDENCE_CONFLICT = "money arrived that contradicts an earlier outcome; a person must look"
    NO_OPEN_LOAN = "the borrower has no open loan"
    UNKNOWN_KEY = "no row has this key"


@dataclass(frozen=True, slots=True)
class Act[T]:
    """Do it now."""

    do: T
    reason: Reason


@dataclass(frozen=True, slots=True)
class Defer:
    """Look again at `until` (aware, UTC), the first moment at which the decision could change."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave it; only a write by someone else can bring it back."""

    reason: Reason


type Decision[T] = Act[T] | Defer | Drop
