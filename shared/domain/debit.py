"""The debit line: when is the next attempt on an instalment, for how much, from which account?"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shared.domain.book import Instalment, InstalmentState, Loan, LoanStatus, Mandate, Outcome, Told
from shared.domain.calendar import at_local, business_date, zone
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.money import Money
from shared.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Presentment:
    """What to present under the mandate: one instalment's whole outstanding amount, for one slot."""

    loan_id: str
    numbers: tuple[int, ...]
    amount: Money
    mandate_id: str
    rail: str
    account_ref: str
    slot: str


def plan_debit(
    instalment: Instalment,
    loan: Loan,
    mandate: Mandate | None,
    told: Told | None,
    policy: Policy,
    now: datetime,
) -> Decision[Presentment]:
    """The next attempt on one instalment; `mandate` is the loan's active one.

    Slots are ranges: a slot is open until the next one opens, and takes one attempt. A day that was missed is caught up
    for `catch_up_days`. The pre-debit notice must be `notice_lead_days` old and have announced at least this amount.
    """
    refusal = _refusal(instalment, loan, policy)
    if refusal or mandate is None:
        return Drop(refusal or Reason.NO_ACTIVE_MANDATE)
    today = business_date(now, policy.business_zone)
    first, last = first_debit_day(instalment, told, policy, today), last_debit_day(instalment, policy)
    if today > last or first > last:
        return Drop(Reason.CATCH_UP_OVER)
    if today < instalment.due_on:
        return Defer(slot_opens(instalment.due_on, policy.slots[0], policy), Reason.NOT_YET_DUE)
    if policy.notice_required and not is_announced(instalment, told):
        return Defer(now + policy.notice_wait, Reason.NOTICE_NOT_SENT)
    if first > today:
        return Defer(slot_opens(first, policy.slots[0], policy), Reason.NOTICE_NOT_SENT)
    slot = _open_slot(instalment, policy, today, now)
    if isinstance(slot, Defer):
        return slot
    return Act(
        Presentment(
            loan.loan_id,
            (instalment.number,),
            instalment.outstanding,
            mandate.mandate_id,
            mandate.rail,
            mandate.account_ref,
            slot,
        ),
        Reason.SLOT_OPEN,
    )


def _refusal(instalment: Instalment, loan: Loan, policy: Policy) -> Reason | None:
    if instalment.is_paid:
        return Reason.ALREADY_PAID
    if loan.status is not LoanStatus.OPEN:
        return Reason.LOAN_CLOSED
    if instalment.state is InstalmentState.CLAIMED:
        return Reason.ATTEMPT_OPEN
    return standing_refusal(instalment, policy)


def _open_slot(instalment: Instalment, policy: Policy, today: date, now: datetime) -> str | Defer:
    """The slot that is open and unused, or when the next one opens."""
    clock = now.astimezone(zone(policy.business_zone)).time()
    opened = [slot for slot in policy.slots if slot <= clock]
    ahead = [slot for slot in policy.slots if slot > clock]
    following = slot_opens(today if ahead else today + timedelta(days=1), (ahead or policy.slots)[0], policy)
    if not opened or clock >= policy.debit_end:
        return Defer(following, Reason.BEFORE_SLOT)
    slot = f"{today}T{opened[-1]:%H:%M}"
    return Defer(following, Reason.SLOT_USED) if slot_used(instalment, slot) else slot


def standing_refusal(instalment: Instalment, policy: Policy) -> Reason | None:
    """Why no further attempt may be made whatever the day and the mandate, or None."""
    if instalment.blocked:
        return Reason.EVIDENCE_CONFLICT
    if instalment.attempts >= policy.max_attempts:
        return Reason.BUDGET_SPENT
    last = instalment.last_attempt.outcome if instalment.last_attempt else None
    if last and last.is_failure and last.ends_mandate is None and last not in policy.retry_outcomes:
        return Reason.NOT_RETRIED
    return None


def last_debit_day(instalment: Instalment, policy: Policy) -> date:
    """The business date on which catching up a missed deduction ends."""
    return instalment.due_on + timedelta(days=policy.catch_up_days)


def first_debit_day(instalment: Instalment, told: Told | None, policy: Policy, today: date) -> date:
    """The first business date that the pre-debit notice allows: one given today, where none was given yet."""
    if not policy.notice_required:
        return instalment.due_on
    announced_on = told.announced_on if told and is_announced(instalment, told) else None
    return max(instalment.due_on, (announced_on or today) + timedelta(days=policy.notice_lead_days))


def is_deductible(
    instalment: Instalment, mandate: Mandate | None, told: Told | None, policy: Policy, today: date
) -> bool:
    """A deduction may still be attempted, today or later, given a notice today where none was given yet."""
    if mandate is None or standing_refusal(instalment, policy):
        return False
    return max(today, first_debit_day(instalment, told, policy, today)) <= last_debit_day(instalment, policy)


def may_debit_on(today: date, instalment: Instalment, told: Told | None, policy: Policy) -> bool:
    """The pre-debit notice was given, and long enough ago."""
    if policy.notice_required and not is_announced(instalment, told):
        return False
    return first_debit_day(instalment, told, policy, today) <= today


def slot_used(instalment: Instalment, slot: str) -> bool:
    """An attempt was presented for this slot or a later one."""
    last = instalment.last_attempt
    return last is not None and last.outcome is not Outcome.VOID and last.slot >= slot


def is_announced(instalment: Instalment, told: Told | None) -> bool:
    """A pre-debit notice of at least the outstanding amount was sent; a debit never exceeds what was announced."""
    return bool(told and told.announced_on and told.announced_minor >= instalment.outstanding_minor)


def slot_opens(day: date, slot: time, policy: Policy) -> datetime:
    """The UTC instant at which a slot of a business date opens."""
    return at_local(day, slot, policy.business_zone)
