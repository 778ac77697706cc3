"""Which business day the next attempt on an instalment belongs to, and why that one.

The slots of the due day come first, and a day that was missed is caught up. After them an attempt waits for a retry day
of the policy, or for a payday. No day is one on which the rail does not settle.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta

from shared.domain.book import Instalment, Told
from shared.domain.business_days import Roll
from shared.domain.decision import Reason
from shared.domain.errors import PolicyError
from shared.domain.outcomes import RULES, Retry
from shared.domain.policy import Policy
from shared.domain.rail import Rail

_DAY = timedelta(days=1)
LONGEST_CLOSURE = timedelta(days=14)
"""No rail closes for longer; past its calendar no day is found."""


@dataclass(frozen=True, slots=True)
class DebitDay:
    """A business date, the slots of it that may be used, and the reason for the choice."""

    day: date
    slots: tuple[time, ...]
    reason: Reason


def debit_day(
    instalment: Instalment, told: Told | None, rules: Policy, rail: Rail, today: date, payday: int | None
) -> DebitDay | None:
    """The first day from `today` on, for which another attempt may be made; None where there is none left.

    `rules` are the policy's under the rail; `payday` is the borrower's day of the month, where known. A notice that was
    not given yet counts as given today.
    """
    earliest = max(today, first_debit_day(instalment, told, rules, today), day_after_last(instalment, rail))
    limit = last_rail_day(instalment, rail)
    if instalment.attempts < rules.due_day_attempts:
        day = settling_day(earliest, rail)
        latest = settling_day(instalment.due_on + timedelta(days=rules.catch_up_days), rail)
        if day and latest and day <= latest and _within(day, limit):
            return DebitDay(day, rules.slots, Reason.SLOT_OPEN)
        if instalment.attempts == 0:
            return None
    if not knows_paydays(instalment, rules, today, payday):
        return None  # nothing is planned on a guess
    tried_on = instalment.last_attempt.on if instalment.last_attempt else instalment.due_on
    for chosen in sorted(_retry_days(instalment, rules, rail, payday), key=lambda c: (c.day, c.reason.name)):
        latest = settling_day(chosen.day + timedelta(days=rules.catch_up_days), rail)
        day = settling_day(max(earliest, chosen.day), rail)
        if chosen.day > tried_on and day and latest and day <= latest and _within(day, limit):
            return DebitDay(day, chosen.slots, chosen.reason)
    return None


def first_debit_day(instalment: Instalment, told: Told | None, rules: Policy, today: date) -> date:
    """The first business date that the pre-debit notice allows: one given today, where none was given yet."""
    if not rules.notice_required:
        return instalment.due_on
    announced_on = told.announced_on if told and is_announced(instalment, told, rules, today) else None
    return max(instalment.due_on, (announced_on or today) + timedelta(days=rules.lead_days(instalment)))


def is_announced(instalment: Instalment, told: Told | None, rules: Policy, today: date) -> bool:
    """A pre-debit notice of at least the outstanding amount was sent and still holds; a debit never exceeds it."""
    if told is None or told.announced_on is None or told.announced_minor < instalment.outstanding_minor:
        return False
    if rules.notice_valid_days is None:
        return True
    return today <= told.announced_on + timedelta(days=rules.lead_days(instalment) + rules.notice_valid_days)


def may_go_on(instalment: Instalment, told: Told | None, rules: Policy, rail: Rail, today: date) -> bool:
    """The rail and the notice allow one more attempt on the day of the last one."""
    last = instalment.last_attempt
    full = rail.max_per_day is not None and last is not None and last.on == today and last.of_day >= rail.max_per_day
    limit = last_rail_day(instalment, rail)
    return (
        not full
        and first_debit_day(instalment, told, rules, today) <= today
        and rail.settles_on(today)
        and _within(today, limit)
    )


def settling_day(day: date, rail: Rail) -> date | None:
    """The day itself or the next one on which the rail settles; None where its calendar does not reach that far."""
    ahead = (day + timedelta(days=n) for n in range(LONGEST_CLOSURE.days))
    return next((d for d in ahead if rail.settles_on(d)), None)


def day_after_last(instalment: Instalment, rail: Rail, *, from_another: bool = False) -> date:
    """The first day that the last attempt leaves: another one where its answer or the rail's daily limit says so. Its
    answer is of its own account, and binds no attempt `from_another`."""
    last = instalment.last_attempt
    if last is None or last.outcome is None or not RULES[last.outcome].counts:
        return date.min
    full = rail.max_per_day is not None and last.of_day >= rail.max_per_day
    waits = RULES[last.outcome].retry is Retry.NEXT_DAY and not from_another
    return last.on + _DAY if full or waits else date.min


def last_rail_day(instalment: Instalment, rail: Rail) -> date | None:
    """The last day on which the rail takes this debit; None where it sets no end."""
    ends = []
    if rail.days_after_due is not None:
        ends.append(instalment.due_on + timedelta(days=rail.days_after_due))
    if rail.attempts_within_days is not None and instalment.first_attempt_on is not None:
        ends.append(instalment.first_attempt_on + timedelta(days=rail.attempts_within_days))
    return min(ends, default=None)


def _within(day: date, limit: date | None) -> bool:
    return limit is None or day <= limit


def _retry_days(instalment: Instalment, rules: Policy, rail: Rail, payday: int | None) -> Iterator[DebitDay]:
    """Retry days and paydays after the due date, on days when the rail settles.

    Where the borrower's own payday is near, the policy's days before it are left out: they would spend the budget on an
    account that waits for its wages. On a payday the last slot is used, when wages have usually arrived.
    """
    due_on = instalment.due_on
    own = _paydays(due_on, (payday,), rules) if payday else []
    for day in own if payday else _paydays(due_on, rules.usual_paydays, rules):
        if settles := settling_day(day, rail):
            yield DebitDay(settles, rules.slots[-1:], Reason.PAYDAY)
    for offset in rules.retry_days:
        day = due_on + timedelta(days=offset)
        if (settles := settling_day(day, rail)) and not (own and day < own[0]):
            yield DebitDay(settles, rules.slots, Reason.RETRY_DAY)


def _paydays(due_on: date, days_of_month: tuple[int, ...], rules: Policy) -> list[date]:
    """The days within `payday_within_days` after the due date on which wages come; a month that is too short pays on
    its last day."""
    last = due_on + timedelta(days=rules.payday_within_days)
    paid_on = {_wages_come(day, rules) for day in _nominal_paydays(due_on, days_of_month, rules)}
    return sorted(day for day in paid_on if day and due_on < day <= last)


def _nominal_paydays(due_on: date, days_of_month: tuple[int, ...], rules: Policy) -> Iterator[date]:
    """The paydays whose wages may come within `payday_within_days`, days off included."""
    span = rules.payday_within_days + LONGEST_CLOSURE.days if rules.payday_within_days else 0
    return (day for n in range(1, span) if _is_payday(day := due_on + timedelta(days=n), days_of_month))


def _wages_come(payday: date, rules: Policy) -> date | None:
    """Wages of a day off come on the working day before it (in China by law: 工资支付暂行规定, article 7), where the
    country's calendar is loaded; None on a day of which it does not say whether people work."""
    if rules.calendar is None:
        return payday
    try:
        return rules.calendar.rolled(payday, Roll.PRECEDING)
    except PolicyError:
        return None


def knows_paydays(instalment: Instalment, rules: Policy, today: date, payday: int | None) -> bool:
    """The country's calendar says when all wages come for which an attempt may still wait."""
    last = instalment.due_on + timedelta(days=rules.payday_within_days + rules.catch_up_days)
    ahead = _nominal_paydays(instalment.due_on, (payday,) if payday else rules.usual_paydays, rules)
    return today > last or all(_wages_come(day, rules) for day in ahead)


def _is_payday(day: date, days_of_month: tuple[int, ...]) -> bool:
    ends_month = (day + _DAY).month != day.month
    return day.day in days_of_month or (ends_month and max(days_of_month, default=0) > day.day)
