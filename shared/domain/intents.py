"""Payment intents that people order: one debit over several instalments of a loan, or money given back.

They go by the same limits as the schedule's debits: one budget, one rail, one open attempt for an instalment.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from shared.domain import keys
from shared.domain.book import (
    Attempt,
    AttemptState,
    DebitCard,
    Instalment,
    InstalmentState,
    LedgerEntry,
    Loan,
    LoanFile,
    LoanStatus,
    Mandate,
    Owner,
    Told,
)
from shared.domain.calendar import at_local, business_date, zone
from shared.domain.contact_rules import Stops
from shared.domain.debit import (
    UNRULED,
    Presentment,
    account_after,
    funding_refusal,
    standing_refusal,
    stop_over_loans,
    usable,
)
from shared.domain.debit_days import day_after_last, first_debit_day, is_announced, last_rail_day, settling_day
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.holds import held
from shared.domain.money import Money
from shared.domain.outcomes import RULES
from shared.domain.policy import Policy
from shared.domain.rail import Rail
from shared.domain.switches import Switches

MOST_INSTALMENTS = 80
"""What one intent may cover: with its loan, attempt, card and ledger rows a transaction stays below 100 rows."""

SWITCH_RETRY = timedelta(minutes=15)
"""How soon an order that a switch stopped may be tried again."""


def plan_pay_now(
    file: LoanFile,
    numbers: Sequence[int] | None,
    amount: Money | None,
    mandate: Mandate | None,
    policy: Policy,
    now: datetime,
    board: Switches,
    *,
    owner: Owner = Owner.BORROWER,
    told: Mapping[int, Told] | None = None,
    debits: DebitCard | None = None,
) -> Decision[Presentment]:
    """One debit over the named instalments, or over all that are unpaid (the loan's payoff).

    `amount` None is all that is outstanding of them; a lower one pays the oldest first. The borrower who orders a
    debit on the spot needs no notice of it, which would tell him what he is just doing (own design); an operator's
    order is a debit like the schedule's, never before the due date and only after its notice. `told` is by instalment.
    A hold that stops debits stops an operator's too; the borrower pays of his own will what nobody may take from him.
    Where a rail takes one account in a request, an order goes to the account after the one that did not suffice.
    """
    chosen = _chosen(file, numbers)
    refusal = _unknown(file.loan, numbers, chosen) or _refusal(file.loan, chosen)
    if refusal or mandate is None:
        return Drop(refusal or Reason.NO_ACTIVE_MANDATE)
    owed = Money(sum(i.outstanding_minor for i in chosen), file.loan.currency)
    asked = owed if amount is None else amount
    if asked.currency != owed.currency or not 0 < asked.minor <= owed.minor:
        return Drop(Reason.AMOUNT_OUT_OF_RANGE)
    if board.stops_debits(mandate.rail, file.loan.product):
        return Defer(now + SWITCH_RETRY, Reason.SWITCHED_OFF)
    if owner is not Owner.BORROWER and (on_hold := _on_hold(file.loan, policy, now)):
        return on_hold
    rules, rail = policy.under(mandate.rail), policy.rails.get(mandate.rail)
    if rules is None or rail is None:
        return Defer(now + UNRULED, Reason.RAIL_UNKNOWN)
    stopped = _spent(chosen, asked, mandate, rules, rail) or stop_over_loans(mandate, debits, rail, now)
    following = _following(chosen, mandate, rules, rail)
    stopped = stopped or _not_today(chosen, following, rules, rail, now)
    if owner is not Owner.BORROWER:
        stopped = stopped or _unannounced(chosen, told or {}, rules, now)
    if stopped:
        return stopped
    place = usable(mandate, rules)[0][0] if following is None else following
    reason = Reason.PAYMENT_ORDERED if following is None else Reason.NEXT_ACCOUNT
    return Act(_presentment(file.loan, chosen, asked, mandate, rules, rail, owner, now, place), reason)


def _chosen(file: LoanFile, numbers: Sequence[int] | None) -> tuple[Instalment, ...]:
    """Those of the instalments that stand in the file, in the order in which they are due."""
    found = file.unpaid if numbers is None else tuple(i for i in file.instalments if i.number in numbers)
    return tuple(sorted(found, key=lambda i: (i.due_on, i.number)))


def _unknown(loan: Loan, numbers: Sequence[int] | None, chosen: Sequence[Instalment]) -> Reason | None:
    """What is missing in the file is paid where it stands below `first_open`, and else does not exist."""
    if numbers is None:
        return None if chosen else Reason.ALREADY_PAID
    missing = set(numbers) - {i.number for i in chosen}
    if any(not 0 < number < loan.first_open for number in missing):
        return Reason.UNKNOWN_KEY
    return Reason.ALREADY_PAID if missing or not numbers else None


def _refusal(loan: Loan, chosen: Sequence[Instalment]) -> Reason | None:
    if loan.status is not LoanStatus.OPEN:
        return Reason.LOAN_CLOSED
    if len(chosen) > MOST_INSTALMENTS:
        return Reason.TOO_MANY_INSTALMENTS
    if any(i.is_paid for i in chosen):
        return Reason.ALREADY_PAID
    if any(i.state is InstalmentState.CLAIMED for i in chosen):
        return Reason.ATTEMPT_OPEN
    return None


def _on_hold(loan: Loan, policy: Policy, now: datetime) -> Defer | None:
    today = business_date(now, policy.business_zone)
    return held(loan.holds, Stops.DEBIT, now, today, policy.business_zone)


def _spent(chosen: Sequence[Instalment], asked: Money, mandate: Mandate, rules: Policy, rail: Rail) -> Drop | None:
    """What no later time would change: the budget, the last answer, the amount that a rail repeats, the accounts."""
    own = [_repeats_amount(i, asked, len(chosen), rail) or _standing(i, rules, rail) for i in chosen]
    refusal = next((reason for reason in own if reason), None) or funding_refusal(mandate, rules)
    return Drop(refusal) if refusal else None


def _standing(instalment: Instalment, rules: Policy, rail: Rail) -> Reason | None:
    """As for the schedule; what a rail says of amounts is said of this order's own."""
    found = standing_refusal(instalment, rules, rail)
    return None if found is Reason.AMOUNT_CHANGED else found


def _repeats_amount(instalment: Instalment, asked: Money, together: int, rail: Rail) -> Reason | None:
    last = instalment.last_attempt
    if not rail.same_amount or last is None or last.outcome is None or not RULES[last.outcome].counts:
        return None
    if not last.outcome.is_failure:
        return None  # money that came is not presented again: what is left is a debit of its own
    return None if together == 1 and last.amount_minor == asked.minor else Reason.AMOUNT_CHANGED


def _not_today(
    chosen: Sequence[Instalment], following: int | None, rules: Policy, rail: Rail, now: datetime
) -> Defer | Drop | None:
    """The rail's days and hours, and what the last answer leaves for today, also where another account follows."""
    today = business_date(now, rules.business_zone)
    ends = [end for i in chosen if (end := last_rail_day(i, rail))]
    if any(today > end for end in ends):
        return Drop(Reason.CATCH_UP_OVER)
    takes_from = max(i.due_on for i in chosen) - timedelta(days=rail.days_before_due)
    if today < takes_from:
        return _on(takes_from, Reason.NOT_YET_DUE, rules)
    if not rail.knows(today):
        return Defer(now + UNRULED, Reason.RAIL_CALENDAR_ENDED)
    free = max(day_after_last(i, rail, from_another=_is_before(i, following)) for i in chosen)
    if today < free:
        return _on(free, Reason.ANOTHER_DAY, rules)
    if not rail.settles_on(today):
        return _on(settling_day(today, rail) or today + timedelta(days=1), Reason.RAIL_DOES_NOT_SETTLE, rules)
    opens = rail.opens(now)
    return Defer(opens, Reason.RAIL_CLOSED) if opens > now else None


def _unannounced(chosen: Sequence[Instalment], told: Mapping[int, Told], rules: Policy, now: datetime) -> Defer | None:
    today = business_date(now, rules.business_zone)
    if today < (due_on := max(i.due_on for i in chosen)):
        return _on(due_on, Reason.NOT_YET_DUE, rules)
    if not rules.notice_required:
        return None
    if not all(is_announced(i, told.get(i.number), rules, today) for i in chosen):
        return Defer(now + rules.notice_wait, Reason.NOTICE_NOT_SENT)
    first = max(first_debit_day(i, told.get(i.number), rules, today) for i in chosen)
    return _on(first, Reason.NOTICE_NOT_SENT, rules) if today < first else None


def _following(chosen: Sequence[Instalment], mandate: Mandate, rules: Policy, rail: Rail) -> int | None:
    """The account after the one that the newest attempt on any of the instalments tried in vain, by the schedule's rule
    (`account_after`) though in another slot; None where an order begins with the first account, as after the last."""
    attempts = [i.last_attempt for i in chosen if i.last_attempt]
    newest = max(attempts, key=lambda last: last.seq, default=None)
    return account_after(newest, mandate, rules, rail) if newest else None


def _is_before(instalment: Instalment, following: int | None) -> bool:
    """Its last attempt was from an account that stands before the following one in the borrower's order."""
    last = instalment.last_attempt
    return following is not None and last is not None and last.source < following


def _on(day: date, reason: Reason, policy: Policy) -> Defer:
    return Defer(at_local(day, time.min, policy.business_zone), reason)


def _presentment(
    loan: Loan,
    chosen: Sequence[Instalment],
    asked: Money,
    mandate: Mandate,
    rules: Policy,
    rail: Rail,
    owner: Owner,
    now: datetime,
    place: int,
) -> Presentment:
    """Under a slot of its own, the minute in which it was ordered: the schedule's slot of that time is used with it."""
    order = tuple(source.account_ref for _, source in usable(mandate, rules)) if rail.order_in_one_call else ()
    return Presentment(
        loan.loan_id,
        tuple(i.number for i in chosen),
        asked,
        mandate.mandate_id,
        mandate.rail,
        mandate.sources[place].account_ref,
        f"{now.astimezone(zone(rules.business_zone)):%Y-%m-%dT%H:%M}",
        place,
        order if len(order) > 1 else (),
        owner,
    )


def plan_refund(
    attempt: Attempt,
    captured: LedgerEntry | None,
    attempts: Iterable[Attempt],
    taken: Iterable[LedgerEntry],
    amount: Money | None,
) -> Decision[Money]:
    """How much of an attempt's money is given back; `amount` None is all that is left of it.

    `captured` is the ledger entry of its money, `attempts` are those of the loan, and `taken` holds every entry that
    took any of it back. A refund counts from its claim on until it is known to have failed: two refunds at once,
    or one that nobody knows the end of, can never give back more than came.
    """
    if captured is None or captured.amount.minor <= 0 or attempt.refunds is not None:
        return Drop(Reason.NOTHING_TO_REFUND)
    entity = keys.ledger_entity(captured.source, captured.external_id)
    gone = sum(-e.amount.minor for e in taken if e.undoes == entity)
    going = sum(a.amount.minor for a in attempts if a.refunds == attempt.seq and a.state is not AttemptState.SETTLED)
    left = captured.amount.minor - gone - going
    asked = Money(left, captured.amount.currency) if amount is None else amount
    if left <= 0:
        return Drop(Reason.NOTHING_TO_REFUND)
    if asked.currency != captured.amount.currency or not 0 < asked.minor <= left:
        return Drop(Reason.AMOUNT_OUT_OF_RANGE)
    return Act(asked, Reason.REFUND_ORDERED)
