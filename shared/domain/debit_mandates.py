"""The debit line over all mandates of a loan: what today's one leaves for good, the one after it may still debit."""

from datetime import datetime, time

from shared.domain.book import DebitCard, Instalment, LoanFile, Told
from shared.domain.calendar import at_local, business_date
from shared.domain.debit import Presentment, plan_debit
from shared.domain.decision import Decision, Defer, Drop
from shared.domain.policy import Policy


def plan_under_mandates(
    file: LoanFile,
    instalment: Instalment,
    told: Told | None,
    policy: Policy,
    now: datetime,
    *,
    payday: int | None = None,
    debits: DebitCard | None = None,
) -> Decision[Presentment]:
    """`plan_debit` under the mandate of today.

    Where that one will never debit the instalment, and another one that will takes over by itself because this one
    expires, the decision waits for the day on which it does: nobody writes anything on that day. The reason stays the
    one for which today's mandate does not debit. `file` is the loan's, with the mandates as they stand.
    """
    today = business_date(now, policy.business_zone)
    mandate, loan = file.mandate_on(today), file.loan
    decision = plan_debit(instalment, loan, mandate, told, policy, now, payday=payday, debits=debits)
    day = file.taken_over_on(today)
    while isinstance(decision, Drop) and day:
        at, following = at_local(day, time.min, policy.business_zone), file.mandate_on(day)
        then = plan_debit(instalment, loan, following, told, policy, at, payday=payday, debits=debits)
        if not isinstance(then, Drop):
            return Defer(at, decision.reason)
        day = file.taken_over_on(day)
    return decision
