"""The rows of a loan's own partition as attributes, and back: the loan, its instalments and stages."""

from shared.adapters.dynamodb.attributes import (
    Item,
    Values,
    above_zero,
    flag,
    get_count,
    get_day,
    get_moment,
    get_number,
    get_outcome,
    get_text,
    get_texts,
    maybe,
    maybe_day,
    maybe_number,
    maybe_text,
    moment,
    number,
    present,
    text,
    texts,
)
from shared.adapters.dynamodb.hold_rows import HOLDS, hold_values, read_holds
from shared.domain import keys
from shared.domain.book import (
    Escalation,
    Instalment,
    InstalmentState,
    LastAttempt,
    Loan,
    LoanStatus,
    Stage,
)

_FIRST_OF_DAY = 1
"""The usual place of an attempt among those of its day: absent in a row."""


def loan_values(row: Loan) -> Values:
    return stage_values(row) | {
        "borrower_id": text(row.borrower_id),
        "product": text(row.product),
        "currency": text(row.currency),
        "disbursed_on": maybe_day(row.disbursed_on),
        "principal_minor": number(row.principal_minor),
        "last_seq": number(row.last_seq),
        "gate_rev": number(row.gate_rev),
        HOLDS: hold_values(row.holds),
    }


def stage_values(row: Loan) -> Values:
    """The part of a loan's row that the stage line writes."""
    return {
        "status": text(row.status),
        "entered": texts(row.entered),
        "episode": number(row.episode),
        "first_open": number(row.first_open),
        "stage_rev": number(row.stage_rev),
    }


def read_loan(item: Item) -> Loan:
    return Loan(
        get_text(item, "loan_id"),
        get_text(item, "borrower_id"),
        get_text(item, "product"),
        get_text(item, "currency"),
        get_day(item, "disbursed_on"),
        get_number(item, "principal_minor"),
        LoanStatus(get_text(item, "status")),
        get_texts(item, "entered"),
        get_number(item, "episode"),
        get_number(item, "first_open"),
        get_number(item, "last_seq"),
        get_number(item, "gate_rev"),
        get_number(item, "stage_rev"),
        maybe(get_moment, item, "step"),
        read_holds(item[HOLDS]) if HOLDS in item else (),
    )


def instalment_values(row: Instalment) -> Values:
    last = row.last_attempt
    return {
        "due_on": maybe_day(row.due_on),
        "principal_minor": number(row.principal_minor),
        "interest_minor": number(row.interest_minor),
        "fee_minor": number(row.fee_minor),
        "penalty_minor": above_zero(row.penalty_minor),
        "currency": text(row.currency),
        "paid_minor": number(row.paid_minor),
        "fee_paid_minor": above_zero(row.fee_paid_minor),
        "penalty_paid_minor": above_zero(row.penalty_paid_minor),
        "interest_paid_minor": above_zero(row.interest_paid_minor),
        "state": text(row.state),
        "episode": number(row.episode),
        "attempts": number(row.attempts),
        "first_attempt_on": maybe_day(row.first_attempt_on),
        "last_attempt": {"M": _last_attempt_values(last)} if last else None,
        "paid_on": maybe_day(row.paid_on),
        "paid_by": maybe_number(row.paid_by),
        "blocked": flag(row.blocked),
        "varies": flag(row.varies),
        "rev": number(row.rev),
    }


def read_instalment(item: Item) -> Instalment:
    return Instalment(
        get_text(item, "loan_id"),
        int(get_text(item, "entity").removeprefix(keys.INSTALMENT)),
        get_day(item, "due_on"),
        get_number(item, "principal_minor"),
        get_number(item, "interest_minor"),
        get_number(item, "fee_minor"),
        get_text(item, "currency"),
        get_number(item, "paid_minor"),
        InstalmentState(get_text(item, "state")),
        get_number(item, "episode"),
        get_number(item, "attempts"),
        _read_last_attempt(item["last_attempt"]["M"]) if "last_attempt" in item else None,
        maybe(get_day, item, "paid_on"),
        maybe(get_number, item, "paid_by"),
        "blocked" in item,
        get_number(item, "rev"),
        maybe(get_moment, item, "step"),
        first_attempt_on=maybe(get_day, item, "first_attempt_on"),
        penalty_minor=get_count(item, "penalty_minor"),
        fee_paid_minor=get_count(item, "fee_paid_minor"),
        penalty_paid_minor=get_count(item, "penalty_paid_minor"),
        interest_paid_minor=get_count(item, "interest_paid_minor"),
        varies="varies" in item,
    )


def _last_attempt_values(last: LastAttempt) -> Item:
    return present(
        {
            "seq": number(last.seq),
            "slot": text(last.slot),
            "claimed_at": moment(last.claimed_at),
            "outcome": maybe_text(last.outcome),
            "settled_on": maybe_day(last.settled_on),
            "amount_minor": number(last.amount_minor),
            "source": above_zero(last.source),
            "of_day": number(last.of_day) if last.of_day != _FIRST_OF_DAY else None,
            "together": flag(last.together),
            "mandate_id": maybe_text(last.mandate_id or None),
            "before": {"M": _last_attempt_values(last.before)} if last.before else None,
        }
    )


def _read_last_attempt(item: Item) -> LastAttempt:
    return LastAttempt(
        get_number(item, "seq"),
        get_text(item, "slot"),
        get_moment(item, "claimed_at"),
        get_outcome(item),
        maybe(get_day, item, "settled_on"),
        get_number(item, "amount_minor"),
        source=get_count(item, "source"),
        of_day=get_count(item, "of_day") or _FIRST_OF_DAY,
        mandate_id=maybe(get_text, item, "mandate_id") or "",
        together="together" in item,
        before=_read_last_attempt(item["before"]["M"]) if "before" in item else None,
    )


def escalation_values(row: Escalation) -> Values:
    return {
        "stage": text(row.stage),
        "entered_on": maybe_day(row.entered_on),
        "dpd": number(row.dpd),
        "number": number(row.number),
        "consequences": texts(row.consequences),
        "left_on": maybe_day(row.left_on),
    }


def read_escalation(item: Item) -> Escalation:
    return Escalation(
        get_text(item, "loan_id"),
        get_text(item, "entity").removeprefix(keys.ESCALATION),
        Stage(get_text(item, "stage")),
        get_day(item, "entered_on"),
        get_number(item, "dpd"),
        get_number(item, "number"),
        get_texts(item, "consequences"),
        maybe(get_day, item, "left_on"),
    )
