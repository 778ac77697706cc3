"""The contact line: what is the next message to this borrower, over all loans, and when may it go?"""

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, time, timedelta

from shared.domain import keys
from shared.domain.book import Borrower, ContactCard, LoanFile, LoanStatus
from shared.domain.calendar import at_local, business_date
from shared.domain.contact_rules import MessageClass, Stops
from shared.domain.contact_times import Asked, Ready, arrears, asked_for, timed
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.holds import held
from shared.domain.learned_hours import learned_arms
from shared.domain.money import Money
from shared.domain.notices import Notice, items_of
from shared.domain.policy import Policy
from shared.domain.reach import Reachable
from shared.domain.steps import Step, step_of, step_of_repaid, urgency
from shared.domain.tiers import NoticeKind

_REASONS = {
    NoticeKind.FAILED: Reason.DEDUCTION_FAILED,
    NoticeKind.SETTLED: Reason.LOAN_REPAID,
    NoticeKind.RECEIVED: Reason.DEDUCTION_RECEIVED,
    NoticeKind.OVERDUE: Reason.OVERDUE,
    NoticeKind.PRE_DEBIT: Reason.PRE_DEBIT_NOTICE_DUE,
    NoticeKind.DUE: Reason.DUE_TODAY,
    NoticeKind.REMIND: Reason.REMINDER_DUE,
}
_WEEK = timedelta(days=7)


def plan_contact(
    borrower: Borrower,
    card: ContactCard,
    files: Iterable[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
    without: Container[str] = (),
) -> Decision[Notice]:
    """The borrower's next message, or when to look again; `without` names steps that cannot be told now.

    Each instalment asks for at most one step, and all that ask for the same kind of message share one. Outcomes go as
    soon as windows and caps allow, all else from the policy's sending hour on. `policies` is keyed by product, each
    within the borrower's country. Of the channels by which the borrower can be reached the first one decides when.
    """
    followed = [f for f in files if f.loan.loan_id in card.loan_ids]
    if not followed:
        return Drop(Reason.NO_OPEN_LOAN)
    asked = [
        asked_for(found, file, followed, policies, now)
        for file in followed
        for found in _findings(file, borrower, card, policies[file.loan.product], now)
    ]
    learned = learned_arms(asked, borrower, card, now)
    found = [timed(one, borrower, card, learned, followed, policies, now) for one in _soonest(asked)]
    ready = [one for one in found if isinstance(one, Ready) and one.step.key not in without]
    waits = [one for one in found if isinstance(one, Defer)]
    if ready:
        return _message(borrower, ready, followed, policies, now)
    return min(waits, key=lambda w: w.until, default=Defer(now + _WEEK, Reason.NOTHING_DUE))


def _findings(
    file: LoanFile, borrower: Borrower, card: ContactCard, policy: Policy, now: datetime
) -> Iterable[Step | Defer]:
    today = business_date(now, policy.business_zone)
    if stopped := held(file.loan.holds, Stops.CONTACT, now, today, policy.business_zone):
        yield stopped
        return
    if not file.unpaid:
        yield step_of_repaid(file, today)
        return
    if file.loan.status is not LoanStatus.OPEN:
        return
    mandate = file.mandate_on(today)
    if day := file.taken_over_on(today):
        yield Defer(at_local(day, time.min, policy.business_zone), Reason.NOTHING_DUE)  # it may have to be announced
    rules = (policy.under(mandate.rail) if mandate else None) or policy
    lead_days = max(rules.notice_lead_days, rules.notice_lead_days_varied)
    horizon = today + timedelta(days=max(*policy.reminder_days, lead_days))
    is_beyond, reachable = False, Reachable(borrower, card.bars, policy)
    for instalment in file.instalments:
        if is_beyond and not instalment.is_paid:
            continue  # due later still than one that waits; but what was paid ahead is told now
        known = card.told.get(keys.told_key(instalment.loan_id, instalment.number, instalment.episode))
        found = step_of(instalment, mandate, known, policy, now, reachable=reachable, payday=borrower.payday)
        if found:
            yield found
            is_beyond = is_beyond or (isinstance(found, Defer) and instalment.due_on > horizon)


def _soonest(asked: list[Asked]) -> list[Asked]:
    """The steps, and of those that wait for one reason under one policy the first: the others' hours come later."""
    waits: dict[tuple[str, Reason], Asked] = {}
    for one in asked:
        if isinstance(one.found, Defer):
            key = one.policy.product, one.found.reason
            old = waits.get(key)
            if old is None or not isinstance(old.found, Defer) or one.found.until < old.found.until:
                waits[key] = one
    return [*(one for one in asked if isinstance(one.found, Step)), *waits.values()]


def _message(
    borrower: Borrower,
    ready: list[Ready],
    files: list[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> Act[Notice]:
    first = min(ready, key=lambda r: urgency(r.step))
    lead = first.step
    currency = lead.amount.currency
    same = [r for r in ready if r.step.kind is lead.kind and r.step.amount.currency == currency]
    group = [r for r in same if _joins(r, first)]
    group.sort(key=lambda r: (r is not first, r.step.date, r.step.loan_id, r.step.number))
    owed = [(r.file, r.step.amount.minor, r.step.date) for r in group]
    if lead.kind is NoticeKind.OVERDUE:  # speak of all arrears, also those whose step was told before
        owed = [(f, i.outstanding_minor, i.due_on) for f, i in arrears(files, currency, policies, now)]
    product = first.file.loan.product
    return Act(
        Notice(
            lead.kind,
            borrower.borrower_id,
            tuple(r.step for r in group),
            Money(sum(minor for _, minor, _ in owed), currency),
            min(day for _, _, day in owed),
            len(owed),
            product,
            lead.tone,
            policies[product].version,
            first.message_class,
            first.channels,
            first.ways,
            items_of(owed, currency),
            learned=first.learned,
        ),
        _REASONS[lead.kind],
    )


def _joins(ready: Ready, first: Ready) -> bool:
    """One message tells both: of one class and over the same channels. A legal notice, which speaks of all arrears,
    tells the lesser overdue notices that may go where it goes too, so that nobody hears twice of one day's arrears."""
    if ready.message_class is first.message_class:
        return ready.channels == first.channels
    is_legal = first.message_class is MessageClass.LEGAL_NOTICE and bool(first.channels)
    return is_legal and set(first.channels) <= set(ready.channels)
