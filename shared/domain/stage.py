"""Days past due, buckets and stages: functions of due dates, of what is unpaid, and of the date, so replay agrees."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.domain import keys
from shared.domain.book import Escalation, Loan, LoanFile, LoanStatus, Stage, Told, stage_entered
from shared.domain.calendar import at_local, business_date, days_past_due
from shared.domain.contact_rules import Stops
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.holds import held
from shared.domain.policy import Policy
from shared.domain.tiers import overdue_from

_MIDNIGHT = datetime.min.time()
_UNTIL_WOKEN = timedelta(days=7)
"""A person opens the instalment and wakes the line; until then there is nothing to look at."""


def bucket_for(dpd: int, policy: Policy) -> Stage:
    """The delinquency bucket of a dpd by the policy's stage starts; current below the first."""
    reached = [rule.stage for rule in policy.stages if rule.from_dpd <= dpd]
    return reached[-1] if reached else Stage.CURRENT


@dataclass(frozen=True, slots=True)
class StageMove:
    """What one pass changes: escalations to leave (in the order of undoing), to enter (lowest first), or closing."""

    leave: tuple[str, ...] = ()
    enter: tuple[Escalation, ...] = ()
    close: bool = False


def plan_stage(file: LoanFile, told: Told | None, policy: Policy, now: datetime) -> Decision[StageMove]:
    """The loan's next stage. `told` is what the oldest unpaid instalment's borrower was told about it.

    Stages are entered one by one and in order, each only after its mandatory overdue notice (invariant 7), and left in
    the reverse order; a loan without anything unpaid leaves all of them and closes.
    """
    loan = file.loan
    if loan.status is LoanStatus.SETTLED:
        return Drop(Reason.LOAN_CLOSED)
    oldest = file.oldest_unpaid
    if oldest is None:
        return Act(StageMove(leave=loan.entered[::-1], close=True), Reason.LOAN_REPAID)
    today = business_date(now, policy.business_zone)
    dpd = days_past_due(oldest.due_on, today, policy.dpd_origin)
    target = bucket_for(dpd, policy)
    if target.rank < loan.stage.rank:
        above = tuple(key for key in loan.entered if stage_entered(key).rank > target.rank)
        return Act(StageMove(leave=above[::-1]), Reason.CURED)
    if target.rank > loan.stage.rank:
        if stopped := held(loan.holds, Stops.ESCALATION, now, today, policy.business_zone):
            return stopped
        if oldest.blocked:
            return Defer(now + _UNTIL_WOKEN, Reason.EVIDENCE_CONFLICT)
        ahead = [r for r in policy.stages if loan.stage.rank < r.stage.rank <= target.rank]
        told_from = overdue_from(told.tier) if told else None
        ready = [r for r in ahead if told_from is not None and told_from >= r.notice_from_dpd]
        if not ready:
            return Defer(now + policy.notice_wait, Reason.NOTICE_NOT_SENT)
        enter = tuple(
            Escalation(
                loan.loan_id,
                keys.escalation_key(loan.episode, rule.stage),
                rule.stage,
                today,
                dpd,
                oldest.number,
                rule.consequences,
            )
            for rule in ready
        )
        return Act(StageMove(enter=enter), Reason.STAGE_REACHED)
    return Defer(_next_change(loan, oldest.due_on, policy, now), Reason.STAGE_UNCHANGED)


def _next_change(loan: Loan, due_on: date, policy: Policy, now: datetime) -> datetime:
    ahead = [rule.from_dpd for rule in policy.stages if rule.stage.rank > loan.stage.rank]
    if not ahead:
        return now + timedelta(days=7)
    day = due_on + timedelta(days=ahead[0] - policy.dpd_origin)
    return at_local(day, _MIDNIGHT, policy.business_zone)
