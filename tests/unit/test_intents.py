"""A payment that a person orders: what it covers, and every limit that it shares with the schedule."""

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.book import (
    Attempt,
    AttemptState,
    DebitCard,
    EntryKind,
    Instalment,
    InstalmentState,
    LedgerEntry,
    LoanStatus,
    Outcome,
    Owner,
    Source,
    SourceKind,
)
from shared.domain.debit import Presentment
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.intents import plan_pay_now, plan_refund
from shared.domain.money import Money
from shared.domain.switches import ALL_ON, NEVER_WRITTEN, Switches
from tests.unit.builders import (
    DUE,
    a_file,
    a_loan,
    a_mandate,
    a_policy,
    a_policy_over,
    a_rail,
    an_instalment,
    announced,
    at,
    attempted,
    day,
)

FIRST, SECOND = an_instalment(), an_instalment(number=2, due_on=date(2026, 4, 10))
NOON = day(0)


def plan(*instalments: Instalment, **changes: Any) -> Decision[Presentment]:
    file = a_file(*(instalments or (FIRST, SECOND)), loan=changes.pop("loan", None))
    facts: dict[str, Any] = {
        "numbers": None,
        "amount": None,
        "mandate": a_mandate(),
        "policy": a_policy(),
        "now": NOON,
        "board": ALL_ON,
    }
    return plan_pay_now(file, **(facts | changes))


def ordered(*instalments: Instalment, **changes: Any) -> Presentment:
    decision = plan(*instalments, **changes)
    assert isinstance(decision, Act), decision
    assert decision.reason is Reason.PAYMENT_ORDERED
    return decision.do


def refused(*instalments: Instalment, **changes: Any) -> Reason:
    decision = plan(*instalments, **changes)
    assert isinstance(decision, Drop), decision
    return decision.reason


def waits(*instalments: Instalment, **changes: Any) -> Defer:
    decision = plan(*instalments, **changes)
    assert isinstance(decision, Defer), decision
    return decision


def test_a_payoff_covers_every_unpaid_instalment_with_all_that_is_outstanding() -> None:
    part_paid = an_instalment(number=3, due_on=date(2026, 5, 10), paid_minor=1_500)
    found = ordered(FIRST, SECOND, part_paid)
    assert (found.numbers, found.amount) == ((1, 2, 3), Money(101_500 + 101_500 + 100_000, "CNY"))
    assert (found.owner, found.account_ref, found.slot) == (Owner.BORROWER, "balance-1", "2026-03-10T12:00")


def test_named_instalments_alone_in_the_order_in_which_they_are_due() -> None:
    assert ordered(numbers=[2]).numbers == (2,)
    assert ordered(FIRST, replace(SECOND, due_on=DUE - timedelta(days=1)), numbers=[1, 2]).numbers == (2, 1)


@pytest.mark.parametrize("minor", [1, 101_500, 203_000])
def test_a_lower_amount_is_taken_as_ordered(minor: int) -> None:
    assert ordered(amount=Money(minor, "CNY")).amount == Money(minor, "CNY")


@pytest.mark.parametrize("amount", [Money(0, "CNY"), Money(-1, "CNY"), Money(203_001, "CNY"), Money(100, "USD")])
def test_an_amount_of_nothing_or_above_what_is_outstanding_or_in_another_currency_is_refused(amount: Money) -> None:
    assert refused(amount=amount) is Reason.AMOUNT_OUT_OF_RANGE


def test_the_amount_counts_against_the_named_instalments_only() -> None:
    assert refused(numbers=[1], amount=Money(101_501, "CNY")) is Reason.AMOUNT_OUT_OF_RANGE


def test_eighty_instalments_are_one_payment_and_eighty_one_are_not() -> None:
    many = [an_instalment(number=n) for n in range(1, 82)]
    assert len(ordered(*many[:80]).numbers) == 80
    assert refused(*many) is Reason.TOO_MANY_INSTALMENTS


def test_one_open_attempt_among_them_refuses_the_whole_order() -> None:
    claimed = replace(SECOND, state=InstalmentState.CLAIMED)
    assert refused(FIRST, claimed) is Reason.ATTEMPT_OPEN
    assert ordered(FIRST, claimed, numbers=[1]).numbers == (1,)


def test_what_is_paid_unknown_or_closed_is_refused() -> None:
    paid = replace(FIRST, paid_minor=101_500, state=InstalmentState.PAID)
    assert refused(paid, SECOND, numbers=[1]) is Reason.ALREADY_PAID
    assert refused(paid) is Reason.ALREADY_PAID
    assert refused(SECOND, numbers=[1], loan=a_loan(first_open=2)) is Reason.ALREADY_PAID
    assert refused(numbers=[]) is Reason.ALREADY_PAID
    assert refused(numbers=[3]) is Reason.UNKNOWN_KEY
    assert refused(numbers=[0]) is Reason.UNKNOWN_KEY
    assert refused(loan=a_loan(status=LoanStatus.SETTLED)) is Reason.LOAN_CLOSED


def test_no_order_goes_past_the_budget_of_any_of_its_instalments() -> None:
    most = a_policy().max_attempts
    assert refused(replace(FIRST, attempts=most), SECOND) is Reason.BUDGET_SPENT
    ordered(replace(FIRST, attempts=most - 1), SECOND)
    strict = a_policy_over(a_rail(max_attempts=1))
    assert refused(replace(FIRST, attempts=1), policy=strict) is Reason.BUDGET_SPENT


def test_no_order_debits_what_a_person_must_look_at_first() -> None:
    assert refused(replace(FIRST, blocked=True), SECOND) is Reason.EVIDENCE_CONFLICT


def test_an_answer_after_which_the_rail_allows_no_repetition_binds_orders_too() -> None:
    failed = attempted(Outcome.LIMIT, "2026-03-09T08:00")
    only_funds = a_policy_over(a_rail(retry_outcomes=frozenset({Outcome.INSUFFICIENT})))
    assert refused(failed, policy=only_funds) is Reason.NOT_RETRIED


def test_without_an_active_mandate_or_an_account_that_may_be_debited_nothing_is_ordered() -> None:
    card = Source(SourceKind.CREDIT_CARD, "card-1")
    assert refused(mandate=None) is Reason.NO_ACTIVE_MANDATE
    assert refused(mandate=a_mandate(funding=(card,))) is Reason.NO_FUNDING_SOURCE
    debit_card = Source(SourceKind.DEBIT_CARD, "card-2")
    found = ordered(mandate=a_mandate(funding=(card, debit_card)))
    assert (found.account_ref, found.source, found.funding) == ("card-2", 1, ())


def test_a_rail_that_takes_the_order_in_one_call_gets_it() -> None:
    sources = (Source(SourceKind.BALANCE, "a-1"), Source(SourceKind.DEBIT_CARD, "a-2"))
    policy = a_policy_over(a_rail(order_in_one_call=True))
    assert ordered(mandate=a_mandate(funding=sources), policy=policy).funding == ("a-1", "a-2")


TWO = (Source(SourceKind.BALANCE, "a-1"), Source(SourceKind.DEBIT_CARD, "a-2"))


def from_account(outcome: Outcome | None, source: int = 0, seq: int = 1, **changes: Any) -> Instalment:
    """The first instalment after an order of this morning from an account."""
    row = attempted(outcome, "2026-03-10T09:17", seq)
    assert row.last_attempt is not None
    return replace(row, last_attempt=replace(row.last_attempt, source=source, **changes))


@pytest.mark.parametrize("outcome", [Outcome.INSUFFICIENT, Outcome.LIMIT])
def test_after_a_definite_answer_an_order_takes_the_next_account_and_after_the_last_the_first(outcome: Outcome) -> None:
    decision = plan(from_account(outcome), SECOND, mandate=a_mandate(funding=TWO))
    assert isinstance(decision, Act)
    assert (decision.reason, decision.do.account_ref, decision.do.source) == (Reason.NEXT_ACCOUNT, "a-2", 1)
    tomorrow = ordered(from_account(outcome, source=1), mandate=a_mandate(funding=TWO), now=day(1))
    assert (tomorrow.account_ref, tomorrow.source) == ("a-1", 0)


@pytest.mark.parametrize(
    ("last", "mandate"),
    [
        (from_account(Outcome.WINDOW), {}),
        (from_account(Outcome.CONFIG), {}),
        (from_account(Outcome.PAID), {}),
        (from_account(Outcome.INSUFFICIENT, mandate_id="m-0"), {}),
        (from_account(Outcome.INSUFFICIENT), {"since": day(0)}),  # the accounts may be others since
        (from_account(Outcome.INSUFFICIENT), {"funding": (TWO[0], replace(TWO[1], is_dead=True))}),
        (from_account(Outcome.INSUFFICIENT), {"funding": (TWO[0], Source(SourceKind.CREDIT_CARD, "a-2"))}),
    ],
)
def test_any_other_order_begins_with_the_first_account(last: Instalment, mandate: dict[str, Any]) -> None:
    found = ordered(last, mandate=a_mandate(**({"funding": TWO} | mandate)))
    assert (found.account_ref, found.source) == ("a-1", 0)


def test_of_several_instalments_the_newest_attempt_says_which_account_follows() -> None:
    older, newer = (
        from_account(Outcome.INSUFFICIENT, seq=1),
        from_account(Outcome.INSUFFICIENT, source=1, seq=2, together=True),
    )
    newer = replace(newer, number=2, due_on=SECOND.due_on)
    three = (*TWO, Source(SourceKind.MONEY_FUND, "a-3"))
    decision = plan(older, newer, mandate=a_mandate(funding=three))
    assert isinstance(decision, Act)
    assert decision.do.account_ref == "a-3"


def test_a_limit_binds_its_own_account_and_the_rails_daily_number_binds_all() -> None:
    mandate = a_mandate(funding=TWO)
    assert waits(from_account(Outcome.LIMIT, source=1), mandate=mandate) == Defer(
        at("2026-03-11 00:00"), Reason.ANOTHER_DAY
    )
    both = replace(from_account(Outcome.LIMIT, source=1, seq=1), number=2, due_on=SECOND.due_on)
    newest = from_account(Outcome.INSUFFICIENT, seq=2)
    assert waits(newest, both, mandate=mandate) == Defer(at("2026-03-11 00:00"), Reason.ANOTHER_DAY)
    daily = a_policy_over(a_rail(max_per_day=1))
    assert waits(from_account(Outcome.LIMIT), mandate=mandate, policy=daily).reason is Reason.ANOTHER_DAY


def test_a_rail_that_took_the_whole_order_gets_the_whole_order_again() -> None:
    policy = a_policy_over(a_rail(order_in_one_call=True))
    found = ordered(from_account(Outcome.INSUFFICIENT), mandate=a_mandate(funding=TWO), policy=policy)
    assert (found.account_ref, found.funding) == ("a-1", ("a-1", "a-2"))


@given(
    accounts=st.lists(st.tuples(st.sampled_from(SourceKind), st.booleans()), min_size=1, max_size=6),
    orders=st.integers(min_value=1, max_value=14),
)
def test_orders_in_vain_try_every_account_as_often_as_any_other(accounts: list[Any], orders: int) -> None:
    funding = tuple(Source(kind, f"a-{n}", is_dead=dead) for n, (kind, dead) in enumerate(accounts))
    policy, row, found = a_policy(max_attempts=orders), FIRST, list[str]()
    for seq in range(1, orders + 1):
        decision = plan(row, mandate=a_mandate(funding=funding), policy=policy)
        if not isinstance(decision, Act):
            assert decision == Drop(Reason.NO_FUNDING_SOURCE)
            return
        found.append(decision.do.account_ref)
        row = replace(from_account(Outcome.INSUFFICIENT, decision.do.source, seq), attempts=seq)
    alive = [s.account_ref for s in funding if not s.is_dead and s.kind not in policy.funding_deny]
    assert found == [alive[n % len(alive)] for n in range(orders)]


@pytest.mark.parametrize(
    ("board", "reason"),
    [
        (Switches(on=True, off=frozenset({"debit"})), Reason.SWITCHED_OFF),
        (Switches(on=True, off=frozenset({"rail:stub"})), Reason.SWITCHED_OFF),
        (Switches(on=True, off=frozenset({"product:jiebei"})), Reason.SWITCHED_OFF),
        (NEVER_WRITTEN, Reason.SWITCHED_OFF),
        (Switches(on=True, off=frozenset({"rail:ach", "product:huabei"})), Reason.PAYMENT_ORDERED),
    ],
)
def test_switches_stop_orders(board: Switches, reason: Reason) -> None:
    decision = plan(board=board)
    assert decision.reason is reason
    assert not isinstance(decision, Drop)


def test_a_rail_without_a_pack_is_not_debited() -> None:
    assert waits(policy=a_policy(rails={})).reason is Reason.RAIL_UNKNOWN


def test_the_rails_hours_and_days_hold_for_orders() -> None:
    hours = a_policy_over(a_rail(windows=((time(7), time(22)),)))
    assert waits(policy=hours, now=at("2026-03-10 22:00")) == Defer(at("2026-03-11 07:00"), Reason.RAIL_CLOSED)
    ordered(policy=hours, now=at("2026-03-10 21:59"))
    weekdays = a_policy_over(a_rail(settle_weekdays=frozenset(range(1, 6))))
    saturday = at("2026-03-14 12:00")
    assert waits(policy=weekdays, now=saturday) == Defer(at("2026-03-16 00:00"), Reason.RAIL_DOES_NOT_SETTLE)
    ended = a_policy_over(a_rail(calendar_until=date(2026, 3, 9)))
    assert waits(policy=ended).reason is Reason.RAIL_CALENDAR_ENDED


def test_the_rails_range_around_the_due_date_holds_for_orders() -> None:
    narrow = a_policy_over(a_rail(days_before_due=3, days_after_due=0))
    early = waits(numbers=[1], policy=narrow, now=at("2026-03-06 12:00"))
    assert early == Defer(at("2026-03-07 00:00"), Reason.NOT_YET_DUE)
    ordered(numbers=[1], policy=narrow, now=at("2026-03-07 00:00"))
    ordered(numbers=[1], policy=narrow, now=at("2026-03-10 23:59"))
    assert refused(numbers=[1], policy=narrow, now=at("2026-03-11 00:00")) is Reason.CATCH_UP_OVER


def test_a_rails_days_from_the_first_attempt_and_its_daily_limit_hold_for_orders() -> None:
    failed = replace(attempted(Outcome.INSUFFICIENT, "2026-03-10T08:00"), first_attempt_on=DUE)
    thirty = a_policy_over(a_rail(attempts_within_days=30))
    ordered(failed, policy=thirty, now=at("2026-04-09 12:00"))
    assert refused(failed, policy=thirty, now=at("2026-04-10 12:00")) is Reason.CATCH_UP_OVER
    daily = a_policy_over(a_rail(max_per_day=1))
    assert waits(failed, policy=daily) == Defer(at("2026-03-11 00:00"), Reason.ANOTHER_DAY)


def test_a_rail_that_repeats_the_same_amount_only_takes_no_other_from_an_order() -> None:
    tried = attempted(Outcome.INSUFFICIENT, "2026-03-09T08:00")
    same = a_policy_over(a_rail(same_amount=True))
    assert ordered(tried, policy=same).amount.minor == 101_500
    assert refused(tried, policy=same, amount=Money(50_000, "CNY")) is Reason.AMOUNT_CHANGED
    assert refused(tried, SECOND, policy=same) is Reason.AMOUNT_CHANGED
    ordered(SECOND, policy=same, amount=Money(50_000, "CNY"))


def test_what_is_left_after_a_part_was_paid_is_a_debit_of_its_own() -> None:
    paid = replace(attempted(Outcome.PAID, "2026-03-09T08:00"), paid_minor=40_000, interest_paid_minor=1_500)
    assert ordered(paid, policy=a_policy_over(a_rail(same_amount=True))).amount.minor == 61_500


def test_failures_over_all_loans_stop_orders_until_a_newer_authorisation() -> None:
    policy, stopped = a_policy_over(a_rail(failures_in_row=2)), DebitCard("b-1", 2, stopped_at=day(-1))
    assert refused(policy=policy, debits=stopped) is Reason.REAUTHORISATION_NEEDED
    assert waits(policy=policy, debits=DebitCard("b-1", 1, open=1)).reason is Reason.OTHER_ATTEMPTS_OPEN
    fresh = replace(stopped, failures=0)
    ordered(policy=policy, debits=fresh, mandate=a_mandate(since=day(0), signed_on=DUE))


def test_the_borrowers_own_order_needs_no_notice_and_may_come_before_the_due_date() -> None:
    ordered(now=day(-5))


def test_an_operators_order_is_a_debit_like_the_schedules() -> None:
    mine: dict[str, Any] = {"owner": Owner.OPERATOR, "numbers": [1]}
    assert waits(**mine, now=day(-1)) == Defer(at("2026-03-10 00:00"), Reason.NOT_YET_DUE)
    assert waits(**mine).reason is Reason.NOTICE_NOT_SENT
    told_today = replace(announced(), announced_on=DUE)
    assert waits(**mine, told={1: told_today}) == Defer(at("2026-03-11 00:00"), Reason.NOTICE_NOT_SENT)
    assert ordered(**mine, told={1: announced()}).owner is Owner.OPERATOR
    without = a_policy(notice_required=False)
    ordered(**mine, policy=without)


# refunds

PAID = Attempt(
    "l-1", 3, (1,), Money(101_500, "CNY"), "m-1", "stub", "paid-1", "2026-03-10T08:00", NOON, "v1",
    AttemptState.SETTLED, Outcome.PAID,
)  # fmt: skip
CAPTURED = LedgerEntry("l-1", "gateway", "l-1:P000003", Money(101_500, "CNY"), DUE, ((1, 101_500),))


def a_refund(minor: int, seq: int = 4, **changes: Any) -> Attempt:
    open_one = replace(PAID, seq=seq, amount=Money(minor, "CNY"), refunds=3, state=AttemptState.CLAIMED, outcome=None)
    return replace(open_one, **changes)


def taken(minor: int, kind: EntryKind) -> LedgerEntry:
    return LedgerEntry("l-1", "gateway", "x", Money(-minor, "CNY"), DUE, kind=kind, undoes="gateway#l-1:P000003")


def test_a_refund_gives_back_all_that_is_left_or_the_amount_that_was_ordered() -> None:
    assert plan_refund(PAID, CAPTURED, [PAID], [], None) == Act(Money(101_500, "CNY"), Reason.REFUND_ORDERED)
    assert plan_refund(PAID, CAPTURED, [], [], Money(500, "CNY")) == Act(Money(500, "CNY"), Reason.REFUND_ORDERED)


@pytest.mark.parametrize("kind", [EntryKind.REFUND, EntryKind.REVERSAL, EntryKind.CHARGEBACK])
def test_what_went_back_already_is_not_given_back_again(kind: EntryKind) -> None:
    gone = [taken(100_000, kind)]
    assert plan_refund(PAID, CAPTURED, [], gone, None) == Act(Money(1_500, "CNY"), Reason.REFUND_ORDERED)
    assert plan_refund(PAID, CAPTURED, [], gone, Money(1_501, "CNY")) == Drop(Reason.AMOUNT_OUT_OF_RANGE)
    assert plan_refund(PAID, CAPTURED, [], [taken(101_500, kind)], None) == Drop(Reason.NOTHING_TO_REFUND)


@pytest.mark.parametrize("state", [AttemptState.CLAIMED, AttemptState.UNKNOWN])
def test_a_refund_that_nobody_knows_the_end_of_counts(state: AttemptState) -> None:
    assert plan_refund(PAID, CAPTURED, [a_refund(101_500, state=state)], [], None) == Drop(Reason.NOTHING_TO_REFUND)


def test_a_refund_that_failed_for_certain_counts_no_more() -> None:
    failed = a_refund(101_500, state=AttemptState.SETTLED, outcome=Outcome.CONFIG)
    assert isinstance(plan_refund(PAID, CAPTURED, [failed], [], None), Act)


def test_refunds_of_other_payments_do_not_count() -> None:
    assert isinstance(plan_refund(PAID, CAPTURED, [a_refund(101_500, refunds=2)], [], None), Act)


def test_what_brought_no_money_is_not_given_back() -> None:
    assert plan_refund(PAID, None, [], [], None) == Drop(Reason.NOTHING_TO_REFUND)
    assert plan_refund(a_refund(500), CAPTURED, [], [], None) == Drop(Reason.NOTHING_TO_REFUND)


@pytest.mark.parametrize("amount", [Money(0, "CNY"), Money(101_501, "CNY"), Money(5, "USD")])
def test_a_refund_of_nothing_or_of_more_than_came_is_refused(amount: Money) -> None:
    assert plan_refund(PAID, CAPTURED, [], [], amount) == Drop(Reason.AMOUNT_OUT_OF_RANGE)
