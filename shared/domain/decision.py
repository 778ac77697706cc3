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
    RETRY_DAY = "it is a day on which policy tries again after the due day's attempts"
    PAYDAY = "wages come today, the borrower's own or as usual in the country"
    NEXT_ACCOUNT = "the account tried before did not suffice; the next one in the borrower's order is tried"
    LOWER_AMOUNT = "the whole amount was not there; a part of it is tried"
    PAYMENT_ORDERED = "the borrower or an operator ordered this payment now"
    REFUND_ORDERED = "an operator ordered this money to be given back"
    STAGE_REACHED = "the oldest unpaid instalment has reached the next stage"
    CURED = "payments moved the oldest unpaid instalment back below the stage"
    # defer
    NOTHING_DUE = "nothing is due for this borrower before then"
    ON_HOLD = "a hold stops this until it ends"
    CONTACT_CAP = "the borrower was contacted as often as the caps allow"
    NO_CONTACT_WINDOW = "no time is known at which this borrower may be contacted: a zone or the packs are wrong"
    NO_PROVIDER = "no provider of a valid pack carries messages to this borrower's country"
    OUTSIDE_CONTACT_HOURS = "the borrower's local time is outside contact hours"
    LEARNED_HOUR = "nothing waits for this message, and a later hour of the day was drawn for it"
    TEXT_REFUSED = "the text breaks a rule of its packs, so it is not sent: a person must change the wording"
    AWAITING_DEDUCTION = "a deduction of today will speak first"
    NOT_YET_DUE = "the instalment is not due yet"
    BEFORE_SLOT = "the next deduction slot has not opened yet"
    SLOT_USED = "this slot's one attempt was made"
    WAITS_FOR_RETRY_DAY = "the due day's attempts are over; the next one is on a later day of the policy"
    WAITS_FOR_PAYDAY = "the due day's attempts are over; the next one is on a payday"
    ANOTHER_DAY = "the last answer or the rail's daily limit leaves no further attempt today"
    RAIL_DOES_NOT_SETTLE = "the rail does not settle today"
    RAIL_CLOSED = "the rail takes no debits at this hour"
    RAIL_UNKNOWN = "no valid pack of the mandate's rail: nothing is debited over it"
    CALENDAR_ENDED = "the calendar of the borrower's country ends before the paydays ahead: nothing waits on a guess"
    RAIL_CALENDAR_ENDED = "the rail's calendar is not known for that day: nothing is debited over it"
    OTHER_ATTEMPTS_OPEN = "another open attempt could be the failure after which none may follow"
    SWITCHED_OFF = "an operator switched this off"
    NOTICE_NOT_SENT = "the notice that must come first was not sent yet, or not early enough"
    STAGE_UNCHANGED = "the loan stays in its stage until then"
    POLICY_MISSING = "no valid policy pack: nothing is sent, debited or escalated"
    # drop
    ALREADY_PAID = "the instalment is paid"
    LOAN_CLOSED = "the loan is closed"
    NO_ACTIVE_MANDATE = "no active mandate covers the loan"
    ORDER_KNOWN = "this order was carried out before"
    ATTEMPT_OPEN = "an attempt on the instalment is still open"
    BUDGET_SPENT = "the instalment's attempts are used up"
    NOT_RETRIED = "the last answer is one that policy does not retry"
    AMOUNT_CHANGED = "the rail repeats an attempt only for the same amount"
    NO_FUNDING_SOURCE = "no account of the mandate may repay a loan"
    REAUTHORISATION_NEEDED = "after so many failures in a row only a newer authorisation may be debited"
    RETRY_DAYS_OVER = "no day for another attempt is left"
    TOO_MANY_INSTALMENTS = "one payment covers at most 80 instalments"
    AMOUNT_OUT_OF_RANGE = "the amount is nothing, or more than what is left of it"
    NOTHING_TO_REFUND = "the attempt brought no money, or all of it was given back"
    IN_SUSPENSE = "the money stands in suspense; where it belongs is decided first"
    ATTEMPT_SETTLED = "the attempt has another definite outcome already"
    NOTHING_CLOSED = "none of the attempt's instalments is closed to debits"
    ATTEMPT_FRESH = "the attempt was claimed minutes ago and may still be on its way"
    CATCH_UP_OVER = "the days for catching up a missed deduction are over"
    EVIDENCE_CONFLICT = "its money was taken back, or contradicts an earlier outcome; a person must look"
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
