"""Steps: which tier one instalment, or one repaid loan, asks the contact line for at an instant.

Found by range, never by equality: the newest tier that holds today, if its borrower was not told it or a later one.
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from shared.domain import keys, tiers
from shared.domain.book import Instalment, InstalmentState, LoanFile, Mandate, Stage, Told
from shared.domain.calendar import at_local, business_date, days_past_due
from shared.domain.contact_rules import MessageClass, class_of
from shared.domain.debit import awaited_slots, has_further_try, is_deductible, next_debit_day, slot_opens
from shared.domain.debit_days import is_announced
from shared.domain.decision import Defer, Reason
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.tiers import NoticeKind, rank

_URGENCY = {kind: place for place, kind in enumerate(NoticeKind)}


@dataclass(frozen=True, slots=True)
class Step:
    """One tier that should be told now. `number` 0 is the loan as a whole."""

    kind: NoticeKind
    tier: str
    loan_id: str
    number: int
    episode: int
    amount: Money
    date: date
    mandatory: bool = True  # an optional step is left out where the borrower cannot be reached
    tone: Stage = Stage.CURRENT

    @property
    def told_key(self) -> str:
        return keys.told_key(self.loan_id, self.number, self.episode)

    @property
    def key(self) -> str:
        return keys.tier_key(self.tier, self.loan_id, self.number, self.episode)


def urgency(step: Step) -> tuple[int, int, date, str, int]:
    """By which the steps of one borrower are told, the least first."""
    return _URGENCY[step.kind], -step.tone.rank, step.date, step.loan_id, step.number


def step_of_repaid(file: LoanFile, today: date) -> Step:
    """The end of a loan: told once, instead of the receipt for its last instalment."""
    loan = file.loan
    episode = max(i.episode for i in file.instalments)
    amount = Money(loan.principal_minor, loan.currency)
    repaid_on = max((i.paid_on for i in file.instalments if i.paid_on), default=today)
    return Step(NoticeKind.SETTLED, tiers.SETTLED, loan.loan_id, 0, episode, amount, repaid_on)


def step_of(
    instalment: Instalment,
    mandate: Mandate | None,
    told: Told | None,
    policy: Policy,
    now: datetime,
    *,
    reachable: Container[MessageClass],
    payday: int | None = None,
) -> Step | Defer | None:
    """The instalment's step of now, or when to look again; None for good.

    `mandate` is the loan's active one. While a deduction of today is still to come, its outcome speaks first. Where
    the borrower cannot be reached with messages of a class, optional steps of it are left out.
    """
    today = business_date(now, policy.business_zone)
    if instalment.blocked:
        return None  # its money may have come: nobody is asked for it until a person has looked
    if instalment.is_paid:
        step = _receipt(instalment, policy, today)
    elif until := _awaited_until(instalment, mandate, told, policy, now, payday):
        return Defer(until, Reason.AWAITING_DEDUCTION)
    else:
        step = _tier(instalment, mandate, told, policy, today, payday)
    if step and (step.mandatory or class_of(step.kind) in reachable) and _is_news(step, told):
        return step
    if instalment.is_paid:
        return None
    day = next_change(instalment, mandate, told, policy, today, payday)
    return Defer(at_local(day, time.min, policy.business_zone), Reason.NOTHING_DUE) if day else None


def _is_news(step: Step, told: Told | None) -> bool:
    """Later in the order than what was told; a deduction may be announced again, for another amount or mandate."""
    return told is None or rank(step.tier) > rank(told.tier) or step.kind is NoticeKind.PRE_DEBIT


def _receipt(instalment: Instalment, policy: Policy, today: date) -> Step | None:
    last = instalment.last_attempt
    if instalment.paid_by is None or instalment.paid_on is None or last is None:
        return None
    if (today - instalment.paid_on).days > policy.received_valid_days:
        return None
    amount = Money(last.amount_minor, instalment.currency)
    return _step(instalment, NoticeKind.RECEIVED, tiers.RECEIVED, amount, instalment.paid_on, mandatory=False)


def _tier(
    instalment: Instalment, mandate: Mandate | None, told: Told | None, policy: Policy, today: date, payday: int | None
) -> Step | None:
    rules = (policy.under(mandate.rail) if mandate else None) or policy
    owed, due_on = instalment.outstanding, instalment.due_on
    days_left, dpd = (due_on - today).days, days_past_due(due_on, today, policy.dpd_origin)
    announced = is_announced(instalment, told, rules, today)
    deductible = is_deductible(instalment, mandate, told, policy, today, payday)
    failed_today = _failed_on(instalment, today)
    overdue = [d for d in policy.overdue_from_dpd if d <= dpd]
    if failed_today and days_left <= 0 and not overdue:  # who ordered a debit earlier has his answer from there
        return _step(instalment, NoticeKind.FAILED, tiers.FAILED, owed, due_on)
    if told and told.on == today and not failed_today:
        return None  # one planned message a day about one instalment
    if deductible and rules.notice_required and not announced and days_left <= rules.lead_days(instalment):
        return _step(instalment, NoticeKind.PRE_DEBIT, tiers.PRE_DEBIT, owed, due_on)
    if days_left > 0:
        reached = [d for d in policy.reminder_days if d >= days_left]
        if not reached or announced:
            return None
        return _step(instalment, NoticeKind.REMIND, tiers.remind(reached[-1]), owed, due_on, mandatory=False)
    if overdue:
        telling = [r for r in policy.stages if r.notice_from_dpd <= overdue[-1]]
        firmest = max(telling, key=lambda r: (r.notice_from_dpd, -r.stage.rank), default=None)
        tone = firmest.stage if firmest else Stage.CURRENT
        before = tiers.overdue_from(told.tier) if told else None
        mandatory = any(before is None or before < r.notice_from_dpd for r in telling)  # missed on its day, and owed
        return _step(instalment, NoticeKind.OVERDUE, tiers.overdue(overdue[-1]), owed, due_on, mandatory, tone)
    if days_left == 0 and not deductible and instalment.state is not InstalmentState.CLAIMED:
        return _step(instalment, NoticeKind.DUE, tiers.DUE, owed, due_on)
    return None


def _step(
    instalment: Instalment,
    kind: NoticeKind,
    tier: str,
    amount: Money,
    day: date,
    mandatory: bool = True,
    tone: Stage = Stage.CURRENT,
) -> Step:
    return Step(kind, tier, instalment.loan_id, instalment.number, instalment.episode, amount, day, mandatory, tone)


def _failed_on(instalment: Instalment, day: date) -> bool:
    last = instalment.last_attempt
    return last is not None and last.settled_on == day and last.outcome is not None and last.outcome.is_failure


def _awaited_until(
    instalment: Instalment,
    mandate: Mandate | None,
    told: Told | None,
    policy: Policy,
    now: datetime,
    payday: int | None,
) -> datetime | None:
    """How long to wait for a deduction of today: its slot and the grace in which its answer is expected."""
    today = business_date(now, policy.business_zone)
    if today < instalment.due_on:
        return None
    last = instalment.last_attempt
    is_claimed = instalment.state is InstalmentState.CLAIMED
    if last and (is_claimed or has_further_try(instalment, mandate, told, policy, now)):
        until = last.claimed_at + policy.outcome_grace
        if now < until:
            return until
        if is_claimed:
            return None
    opens = [slot_opens(today, slot, policy) for slot in awaited_slots(instalment, mandate, told, policy, now, payday)]
    return next((at + policy.outcome_grace for at in opens if now < at + policy.outcome_grace), None)


def next_change(
    instalment: Instalment, mandate: Mandate | None, told: Told | None, policy: Policy, today: date, payday: int | None
) -> date | None:
    """The next business date on which another tier may hold, or a deduction of the day speak first."""
    rules = (policy.under(mandate.rail) if mandate else None) or policy
    debited_on = next_debit_day(instalment, mandate, told, policy, today, payday)
    due_on, tomorrow = instalment.due_on, today + timedelta(days=1)
    if debited_on == today and due_on <= today:
        return tomorrow
    gone, lead_days = (today - due_on).days, rules.lead_days(instalment)
    is_announcing = rules.notice_required and debited_on is not None and gone >= -lead_days
    if is_announcing or (told and told.on == today):  # what today's message kept back, if anything
        step = _tier(instalment, mandate, told, policy, tomorrow, payday)
        if step and _is_news(step, told):
            return tomorrow
    before = [-days for days in (*policy.reminder_days, lead_days, 0)]
    after = [days - policy.dpd_origin for days in policy.overdue_from_dpd]
    debited = [(debited_on - due_on).days] if debited_on else []
    ahead = min((days for days in (*before, *after, *debited) if days > gone), default=None)
    return None if ahead is None else due_on + timedelta(days=ahead)
