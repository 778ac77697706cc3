"""The contact line: what is the next message to this borrower, over all loans, and when may it go?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from shared.domain import keys
from shared.domain.book import Borrower, ContactCard, Instalment, LoanFile, LoanStatus, Stage, Told
from shared.domain.calendar import business_date, opening
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.money import Money
from shared.domain.policy import Policy
from shared.domain.stage import days_past_due
from shared.domain.steps import Step, step_of, step_of_repaid
from shared.domain.tiers import NoticeKind, rank

_REASONS = {
    NoticeKind.FAILED: Reason.DEDUCTION_FAILED,
    NoticeKind.SETTLED: Reason.LOAN_REPAID,
    NoticeKind.RECEIVED: Reason.DEDUCTION_RECEIVED,
    NoticeKind.OVERDUE: Reason.OVERDUE,
    NoticeKind.PRE_DEBIT: Reason.PRE_DEBIT_NOTICE_DUE,
    NoticeKind.DUE: Reason.DUE_TODAY,
    NoticeKind.REMIND: Reason.REMINDER_DUE,
}
_URGENCY = {kind: place for place, kind in enumerate(NoticeKind)}
_WEEK = timedelta(days=7)
_REMEMBERED = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: the steps that it tells, and what its text says. Its key is that of the first step."""

    kind: NoticeKind
    borrower_id: str
    covers: tuple[Step, ...]
    amount: Money
    date: date
    count: int  # of instalments (or loans) that the amount is made of
    product: str
    tone: Stage  # how firm: CURRENT up to the due date
    policy_version: str
    has_address: bool  # False: nobody can be reached, so the notice is recorded as undeliverable

    @property
    def key(self) -> str:
        return self.covers[0].key


def plan_contact(
    borrower: Borrower,
    card: ContactCard,
    files: Iterable[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> Decision[Notice]:
    """The borrower's next message, or when to look again.

    Each instalment asks for at most one step, and all that ask for the same kind of message share one. Outcomes go as
    soon as contact hours allow, all else from the policy's sending hour on. `policies` is keyed by product.
    """
    followed = [f for f in files if f.loan.loan_id in card.loan_ids]
    if not followed:
        return Drop(Reason.NO_OPEN_LOAN)
    ready: list[tuple[Step, LoanFile]] = []
    waits: list[Defer] = []
    for file in followed:
        policy = policies[file.loan.product]
        for found in _findings(file, borrower, card.told, policy, now):
            at_once = found.kind.at_once if isinstance(found, Step) else found.reason is Reason.AWAITING_DEDUCTION
            start = policy.window_start if at_once else max(policy.window_start, policy.send_from)
            moment = now if isinstance(found, Step) else found.until
            opens = opening(moment, start, policy.window_end, borrower.time_zone)
            if isinstance(found, Defer):
                waits.append(Defer(opens, found.reason))
            elif opens == now:
                ready.append((found, file))
            else:
                waits.append(Defer(opens, Reason.OUTSIDE_CONTACT_HOURS))
    if ready:
        return _message(borrower, ready, followed, policies, now)
    return min(waits, key=lambda w: w.until, default=Defer(now + _WEEK, Reason.NOTHING_DUE))


def _findings(
    file: LoanFile, borrower: Borrower, told: Mapping[str, Told], policy: Policy, now: datetime
) -> Iterable[Step | Defer]:
    today = business_date(now, policy.business_zone)
    if not file.unpaid:
        yield step_of_repaid(file, today)
        return
    if file.loan.status is not LoanStatus.OPEN:
        return
    mandate = file.mandate_on(today)
    rules = (policy.under(mandate.rail) if mandate else None) or policy
    horizon = today + timedelta(days=max(*policy.reminder_days, rules.notice_lead_days))
    for instalment in file.instalments:
        known = told.get(keys.told_key(instalment.loan_id, instalment.number, instalment.episode))
        found = step_of(
            instalment, mandate, known, policy, now, has_address=borrower.phone is not None, payday=borrower.payday
        )
        if found:
            yield found
            if instalment.due_on > horizon:
                return  # the others are due later still


def _message(
    borrower: Borrower,
    ready: list[tuple[Step, LoanFile]],
    files: list[LoanFile],
    policies: Mapping[str, Policy],
    now: datetime,
) -> Act[Notice]:
    lead, lead_file = min(
        ready, key=lambda r: (_URGENCY[r[0].kind], -r[0].tone.rank, r[0].date, r[0].loan_id, r[0].number)
    )
    currency = lead.amount.currency
    group = [s for s, _ in ready if s.kind is lead.kind and s.amount.currency == currency]
    group.sort(key=lambda s: (s is not lead, s.date, s.loan_id, s.number))
    owed = [(s.amount.minor, s.date) for s in group]
    if lead.kind is NoticeKind.OVERDUE:  # speak of all arrears, also those whose step was told before
        owed = [
            (i.outstanding_minor, i.due_on)
            for f in files
            for i in f.unpaid
            if i.currency == currency and _is_overdue(i, policies[f.loan.product], now)
        ]
    product = lead_file.loan.product
    return Act(
        Notice(
            lead.kind,
            borrower.borrower_id,
            tuple(group),
            Money(sum(minor for minor, _ in owed), currency),
            min(day for _, day in owed),
            len(owed),
            product,
            lead.tone,
            policies[product].version,
            borrower.phone is not None,
        ),
        _REASONS[lead.kind],
    )


def _is_overdue(instalment: Instalment, policy: Policy, now: datetime) -> bool:
    today = business_date(now, policy.business_zone)
    return days_past_due(instalment.due_on, today, policy.dpd_origin) > 0


def told_after(card: ContactCard, notice: Notice, files: Iterable[LoanFile], today: date) -> ContactCard:
    """The card once the notice is on its way: its steps are told, and a loan told as settled is followed no longer.

    What was told a month ago about an instalment that is paid by now is forgotten.
    """
    told = dict(card.told)
    for step in notice.covers:
        old = told.get(step.told_key)
        tier = max(step.tier, old.tier, key=rank) if old else step.tier
        if step.kind is NoticeKind.PRE_DEBIT:
            told[step.told_key] = Told(tier, today, today, step.amount.minor)
        elif old is not None:
            told[step.told_key] = replace(old, tier=tier, on=today)
        else:
            told[step.told_key] = Told(tier, today)
    gone = {step.loan_id for step in notice.covers if step.kind is NoticeKind.SETTLED}
    unpaid = {keys.told_key(i.loan_id, i.number, i.episode) for f in files for i in f.unpaid}
    kept = {
        key: value
        for key, value in told.items()
        if key.partition("#")[0] not in gone and (key in unpaid or value.on >= today - _REMEMBERED)
    }
    return replace(card, told=kept, loan_ids=tuple(i for i in card.loan_ids if i not in gone))
