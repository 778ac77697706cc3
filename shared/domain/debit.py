"""The debit line: when is the next attempt on an instalment, for how much, from which account?"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shared.domain.book import (
    DebitCard,
    Instalment,
    InstalmentState,
    LastAttempt,
    Loan,
    LoanStatus,
    Mandate,
    Outcome,
    Owner,
    Source,
    Told,
)
from shared.domain.calendar import at_local, business_date, zone
from shared.domain.contact_rules import Stops
from shared.domain.debit_days import (
    LONGEST_CLOSURE,
    DebitDay,
    debit_day,
    first_debit_day,
    is_announced,
    knows_paydays,
    may_go_on,
)
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.holds import held
from shared.domain.mandates import is_stopped
from shared.domain.money import Money
from shared.domain.outcomes import RULES
from shared.domain.policy import Policy
from shared.domain.rail import Rail

UNRULED = timedelta(hours=1)
"""How soon a debit looks again for the policy pack, the rail's pack or the calendar that it lacks."""

OTHERS_OPEN = timedelta(minutes=15)
"""How soon a debit looks again when another one of the borrower could be the failure that forbids it."""


@dataclass(frozen=True, slots=True)
class Presentment:
    """What to present under the mandate: an amount on one or more instalments of a loan, in one slot, from one account
    or, where the rail takes an order in one call, from the first of `funding` that suffices."""

    loan_id: str
    numbers: tuple[int, ...]
    amount: Money
    mandate_id: str
    rail: str
    account_ref: str
    slot: str
    source: int = 0  # place of the account in the mandate's order
    funding: tuple[str, ...] = ()
    owner: Owner = Owner.SCHEDULE


def plan_debit(  # noqa: C901 - one line for each thing that stands before an attempt
    instalment: Instalment,
    loan: Loan,
    mandate: Mandate | None,
    told: Told | None,
    policy: Policy,
    now: datetime,
    *,
    payday: int | None = None,
    debits: DebitCard | None = None,
) -> Decision[Presentment]:
    """The next attempt on one instalment.

    `mandate` is the loan's one of today, `payday` the borrower's day of the month, `debits` the borrower's failures
    over all loans; both may be None where they are not known or no rule asks. Slots are ranges: a slot is open until
    the next one opens, and takes one attempt for each account in order. The pre-debit notice must be old enough and
    have announced at least this amount.
    """
    refusal = _refusal(instalment, loan)
    if refusal or mandate is None:
        return Drop(refusal or Reason.NO_ACTIVE_MANDATE)
    rules, rail = policy.under(mandate.rail), policy.rails.get(mandate.rail)
    today = business_date(now, policy.business_zone)
    if on_hold := held(loan.holds, Stops.DEBIT, now, today, policy.business_zone):
        return on_hold
    if rules is None or rail is None:
        return Defer(now + UNRULED, Reason.RAIL_UNKNOWN)
    if refusal := standing_refusal(instalment, rules, rail) or funding_refusal(mandate, rules):
        return Drop(refusal)
    if stopped := stop_over_loans(mandate, debits, rail, now):
        return stopped
    if today < instalment.due_on:
        return Defer(slot_opens(instalment.due_on, policy.slots[0], policy), Reason.NOT_YET_DUE)
    plan = debit_day(instalment, told, rules, rail, today, payday)
    more = further_try(instalment, mandate, told, rules, rail, now)
    if plan is None and more is None:
        if not rail.knows(today + LONGEST_CLOSURE):
            return Defer(now + UNRULED, Reason.RAIL_CALENDAR_ENDED)
        spent = instalment.attempts >= rules.due_day_attempts
        if spent and not knows_paydays(instalment, rules, today, payday):
            return Defer(now + UNRULED, Reason.CALENDAR_ENDED)
        return Drop(Reason.RETRY_DAYS_OVER if spent else Reason.CATCH_UP_OVER)
    if rules.notice_required and not is_announced(instalment, told, rules, today):
        return Defer(now + policy.notice_wait, Reason.NOTICE_NOT_SENT)
    if more is None and plan and plan.day > today:
        return Defer(
            slot_opens(plan.day, plan.slots[0], policy), _wait_reason(instalment, told, rules, rail, plan, today)
        )
    return _try(instalment, mandate, rules, rail, plan, more, now)


def _refusal(instalment: Instalment, loan: Loan) -> Reason | None:
    if instalment.is_paid:
        return Reason.ALREADY_PAID
    if loan.status is not LoanStatus.OPEN:
        return Reason.LOAN_CLOSED
    if instalment.state is InstalmentState.CLAIMED:
        return Reason.ATTEMPT_OPEN
    return None


def standing_refusal(instalment: Instalment, rules: Policy, rail: Rail) -> Reason | None:
    """Why no further attempt may be made whatever the day, or None; `rules` are the policy's under the rail."""
    if instalment.blocked:
        return Reason.EVIDENCE_CONFLICT
    if instalment.attempts >= rules.max_attempts:
        return Reason.BUDGET_SPENT
    last = instalment.last_attempt
    if last is None or last.outcome is None or not last.outcome.is_failure or last.together:
        return None
    rule = RULES[last.outcome]
    if rule.ends_mandate is None and last.outcome not in rules.retry_outcomes:
        return Reason.NOT_RETRIED
    if rail.same_amount and rule.counts and last.amount_minor != instalment.outstanding_minor:
        return Reason.AMOUNT_CHANGED
    return None


def funding_refusal(mandate: Mandate, rules: Policy) -> Reason | None:
    """No account of the mandate may repay a loan."""
    return None if usable(mandate, rules) else Reason.NO_FUNDING_SOURCE


def usable(mandate: Mandate, rules: Policy) -> tuple[tuple[int, Source], ...]:
    """The mandate's accounts that are alive and that policy allows, each with its place in the borrower's order."""
    return tuple((n, s) for n, s in enumerate(mandate.sources) if not s.is_dead and s.kind not in rules.funding_deny)


def stop_over_loans(mandate: Mandate, debits: DebitCard | None, rail: Rail, now: datetime) -> Defer | Drop | None:
    """What a rule over all of a borrower's loans says: after so many failures in a row, none without a newer
    authorisation; and while an open attempt could be the last failure, none beside it."""
    if rail.failures_in_row is None or debits is None:
        return None
    if is_stopped(mandate, debits, rail.failures_in_row):
        return Drop(Reason.REAUTHORISATION_NEEDED)
    if debits.failures + debits.open >= rail.failures_in_row:
        return Defer(now + OTHERS_OPEN, Reason.OTHER_ATTEMPTS_OPEN)
    return None


def further_try(
    instalment: Instalment, mandate: Mandate, told: Told | None, rules: Policy, rail: Rail, now: datetime
) -> Presentment | None:
    """What remains to be tried in the slot of the last attempt after its definite answer: the next account in order of
    the same mandate, and after the last of them a lower amount, where rail and policy take one; on a day that the rail
    and the notice allow."""
    last = instalment.last_attempt
    slot = _slot_of(rules.slots, rules, now)
    if last is None or slot is None or last.slot != slot or last.outcome is None:
        return None
    today = business_date(now, rules.business_zone)
    if last.together or last.mandate_id != mandate.mandate_id or not may_go_on(instalment, told, rules, rail, today):
        return None
    owed = instalment.outstanding_minor
    following = account_after(last, mandate, rules, rail)
    if following is not None and last.amount_minor >= owed:  # a lower amount comes after the last account
        return _presentment(instalment, mandate, rules, rail, owed, slot, following)
    if last.outcome is Outcome.INSUFFICIENT and last.amount_minor == owed and rules.partial_percent:
        lower = owed * rules.partial_percent // 100
        first = next((n for n, _ in usable(mandate, rules)), None)
        if lower and first is not None:
            return _presentment(instalment, mandate, rules, rail, lower, slot, first)
    return None


_NEXT_ACCOUNT = (Outcome.INSUFFICIENT, Outcome.LIMIT, Outcome.ACCOUNT_DEAD)


def account_after(last: LastAttempt, mandate: Mandate, rules: Policy, rail: Rail) -> int | None:
    """The place of the account that follows in the borrower's order after an attempt's definite answer; None where the
    answer leads to no other account, or none is left. A mandate that was changed since begins its order anew."""
    if last.outcome not in _NEXT_ACCOUNT or last.mandate_id != mandate.mandate_id or rail.order_in_one_call:
        return None
    if mandate.since is not None and last.claimed_at < mandate.since:
        return None
    return next((n for n, _ in usable(mandate, rules) if n > last.source), None)


def _try(
    instalment: Instalment,
    mandate: Mandate,
    rules: Policy,
    rail: Rail,
    plan: DebitDay | None,
    more: Presentment | None,
    now: datetime,
) -> Decision[Presentment]:
    """The slot that is open and unused, or when the next one opens."""
    slots = plan.slots if plan and not more else rules.slots
    slot = _slot_of(slots, rules, now)
    following = _next_slot(slots, rules, now)
    if slot is None:
        return Defer(following, Reason.BEFORE_SLOT)
    reason = plan.reason if plan else Reason.SLOT_OPEN
    if more:
        reason = Reason.NEXT_ACCOUNT if more.amount == instalment.outstanding else Reason.LOWER_AMOUNT
    elif slot_used(instalment, slot):
        return Defer(following, Reason.SLOT_USED)
    opens = rail.opens(now)
    if opens > now:
        return Defer(min(opens, following), Reason.RAIL_CLOSED)
    first, _ = usable(mandate, rules)[0]
    owed = instalment.outstanding_minor
    return Act(more or _presentment(instalment, mandate, rules, rail, owed, slot, first), reason)


def _presentment(
    instalment: Instalment, mandate: Mandate, rules: Policy, rail: Rail, minor: int, slot: str, source: int
) -> Presentment:
    order = tuple(s.account_ref for _, s in usable(mandate, rules)) if rail.order_in_one_call else ()
    return Presentment(
        instalment.loan_id,
        (instalment.number,),
        Money(minor, instalment.currency),
        mandate.mandate_id,
        mandate.rail,
        mandate.sources[source].account_ref,
        slot,
        source,
        order if len(order) > 1 else (),
    )


def _wait_reason(
    instalment: Instalment, told: Told | None, rules: Policy, rail: Rail, plan: DebitDay, today: date
) -> Reason:
    """Why the attempt is not for today."""
    if first_debit_day(instalment, told, rules, today) > today:
        return Reason.NOTICE_NOT_SENT
    if plan.reason is not Reason.SLOT_OPEN:
        return Reason.WAITS_FOR_PAYDAY if plan.reason is Reason.PAYDAY else Reason.WAITS_FOR_RETRY_DAY
    return Reason.ANOTHER_DAY if rail.settles_on(today) else Reason.RAIL_DOES_NOT_SETTLE


def _slot_of(slots: tuple[time, ...], policy: Policy, now: datetime) -> str | None:
    """The slot that is open at an instant."""
    local = now.astimezone(zone(policy.business_zone))
    opened = [slot for slot in slots if slot <= local.time()]
    return f"{local.date()}T{opened[-1]:%H:%M}" if opened and local.time() < policy.debit_end else None


def _next_slot(slots: tuple[time, ...], policy: Policy, now: datetime) -> datetime:
    """The UTC instant at which the next slot opens, today or tomorrow."""
    local = now.astimezone(zone(policy.business_zone))
    ahead = [slot for slot in slots if slot > local.time()]
    day = local.date() if ahead else local.date() + timedelta(days=1)
    return slot_opens(day, (ahead or slots)[0], policy)


def is_deductible(
    instalment: Instalment, mandate: Mandate | None, told: Told | None, policy: Policy, today: date, payday: int | None
) -> bool:
    """A deduction may still be attempted, today or later, given a notice today where none was given yet."""
    return next_debit_day(instalment, mandate, told, policy, today, payday) is not None


def next_debit_day(
    instalment: Instalment, mandate: Mandate | None, told: Told | None, policy: Policy, today: date, payday: int | None
) -> date | None:
    """The business date of the next attempt, today's included; None where none is left."""
    plan = _planned(instalment, mandate, told, policy, today, payday)
    return plan.day if plan else None


def awaited_slots(
    instalment: Instalment,
    mandate: Mandate | None,
    told: Told | None,
    policy: Policy,
    now: datetime,
    payday: int | None,
) -> tuple[time, ...]:
    """The slots of today in which a deduction is still to be attempted, of which the borrower was told in time."""
    today = business_date(now, policy.business_zone)
    plan = _planned(instalment, mandate, told, policy, today, payday)
    rules = policy.under(mandate.rail) if mandate else None
    if plan is None or rules is None or plan.day != today:
        return ()
    if rules.notice_required and not is_announced(instalment, told, rules, today):
        return ()
    return tuple(slot for slot in plan.slots if not slot_used(instalment, f"{today}T{slot:%H:%M}"))


def has_further_try(
    instalment: Instalment, mandate: Mandate | None, told: Told | None, policy: Policy, now: datetime
) -> bool:
    """The answer of the last attempt leaves another account or a lower amount for its slot."""
    if mandate is None:
        return False
    rules, rail = policy.under(mandate.rail), policy.rails.get(mandate.rail)
    if rules is None or rail is None or standing_refusal(instalment, rules, rail):
        return False
    return further_try(instalment, mandate, told, rules, rail, now) is not None


def _planned(
    instalment: Instalment, mandate: Mandate | None, told: Told | None, policy: Policy, today: date, payday: int | None
) -> DebitDay | None:
    if mandate is None:
        return None
    rules, rail = policy.under(mandate.rail), policy.rails.get(mandate.rail)
    if rules is None or rail is None:
        return None
    if standing_refusal(instalment, rules, rail) or funding_refusal(mandate, rules):
        return None
    return debit_day(instalment, told, rules, rail, today, payday)


def slot_used(instalment: Instalment, slot: str) -> bool:
    """An attempt was presented for this slot or a later one."""
    last = instalment.last_attempt
    return last is not None and last.outcome is not Outcome.VOID and last.slot >= slot


def slot_after(before: LastAttempt | None, slot: str) -> str:
    """The slot that an attempt uses up: never one before that of the attempt before it, whatever its clock says."""
    return max(slot, before.slot) if before else slot


def slot_opens(day: date, slot: time, policy: Policy) -> datetime:
    """The UTC instant at which a slot of a business date opens."""
    return at_local(day, slot, policy.business_zone)
