"""From which accounts, for how much, and what a rail or a rule over all loans forbids."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from shared.domain.book import DebitCard, Evidence, Instalment, Mandate, MandateStatus, Outcome, Source, SourceKind
from shared.domain.debit import plan_debit
from shared.domain.decision import Act, Defer, Drop, Reason
from shared.domain.settlement import debits_after
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
)

BALANCE = Source(SourceKind.BALANCE, "balance-1")
FUND = Source(SourceKind.MONEY_FUND, "fund-1")
CARD = Source(SourceKind.DEBIT_CARD, "card-1")
CREDIT = Source(SourceKind.CREDIT_CARD, "credit-1")
ORDERED = a_mandate(funding=(BALANCE, FUND, CARD))
NINE = at(f"{DUE} 09:00")


def plan(
    instalment: Instalment,
    now: Any = NINE,
    mandate: Mandate = ORDERED,
    debits: DebitCard | None = None,
    rail: dict[str, Any] | None = None,
    **policy: Any,
) -> Any:
    rules = a_policy_over(a_rail(**(rail or {})), **policy)
    return plan_debit(instalment, a_loan(), mandate, announced(), rules, now, debits=debits)


def answered(outcome: Outcome, source: int, attempts: int = 1, minor: int = 101_500) -> Instalment:
    row = attempted(outcome, f"{DUE}T08:00", attempts)
    assert row.last_attempt is not None
    return replace(row, last_attempt=replace(row.last_attempt, source=source, amount_minor=minor))


def test_the_first_account_in_the_borrowers_order_is_debited_first() -> None:
    decision = plan(an_instalment())
    assert (decision.do.account_ref, decision.do.source, decision.do.funding) == ("balance-1", 0, ())


@pytest.mark.parametrize("outcome", [Outcome.INSUFFICIENT, Outcome.ACCOUNT_DEAD])
def test_after_a_definite_answer_the_next_account_follows_in_the_same_slot(outcome: Outcome) -> None:
    decision = plan(answered(outcome, 0))
    assert decision.reason is Reason.NEXT_ACCOUNT
    assert (decision.do.account_ref, decision.do.source, decision.do.slot) == ("fund-1", 1, f"{DUE}T08:00")
    assert plan(answered(outcome, 1, 2)).do.account_ref == "card-1"


@pytest.mark.parametrize("outcome", [Outcome.UNKNOWN, Outcome.CONFIG, Outcome.WINDOW, Outcome.RISK, None])
def test_no_other_answer_moves_on_to_the_next_account(outcome: Outcome | None) -> None:
    row = answered(Outcome.CONFIG, 0)
    assert row.last_attempt is not None
    row = replace(row, last_attempt=replace(row.last_attempt, outcome=outcome))
    assert not isinstance(plan(row), Act)


def test_after_the_last_account_the_slot_is_used() -> None:
    assert plan(answered(Outcome.INSUFFICIENT, 2), max_attempts=9, due_day_attempts=9) == Defer(
        at(f"{DUE} 12:00"), Reason.SLOT_USED
    )


def test_accounts_share_the_one_budget() -> None:
    assert plan(answered(Outcome.INSUFFICIENT, 1, 3), max_attempts=3) == Drop(Reason.BUDGET_SPENT)


def test_a_rail_that_takes_the_order_gets_it_in_one_call() -> None:
    one_call = {"order_in_one_call": True}
    decision = plan(an_instalment(), rail=one_call)
    assert (decision.do.account_ref, decision.do.funding) == ("balance-1", ("balance-1", "fund-1", "card-1"))
    assert plan(answered(Outcome.INSUFFICIENT, 0), rail=one_call).reason is Reason.SLOT_USED


def test_credit_never_repays_a_loan() -> None:
    assert plan(an_instalment(), mandate=a_mandate(funding=(CREDIT, CARD))).do.account_ref == "card-1"
    assert plan(an_instalment(), mandate=a_mandate(funding=(CREDIT,))) == Drop(Reason.NO_FUNDING_SOURCE)
    assert plan(an_instalment(), mandate=a_mandate(funding=(CREDIT,)), funding_deny=frozenset()).do.source == 0


def test_a_dead_account_is_passed_over() -> None:
    mandate = a_mandate(funding=(replace(BALANCE, is_dead=True), FUND))
    decision = plan(an_instalment(), mandate=mandate)
    assert (decision.do.account_ref, decision.do.source) == ("fund-1", 1)


ALONE = a_mandate()


@pytest.mark.parametrize(("percent", "minor"), [(50, 50_750), (30, 30_450)])
def test_a_lower_amount_follows_a_definite_lack_of_funds(percent: int, minor: int) -> None:
    decision = plan(answered(Outcome.INSUFFICIENT, 0), mandate=ALONE, partial_percent=percent)
    assert decision.reason is Reason.LOWER_AMOUNT
    assert (decision.do.amount.minor, decision.do.slot) == (minor, f"{DUE}T08:00")


@pytest.mark.parametrize(
    ("instalment", "rail", "percent"),
    [
        (answered(Outcome.INSUFFICIENT, 0), {}, 0),
        (answered(Outcome.INSUFFICIENT, 0), {"partial": False}, 50),
        (answered(Outcome.INSUFFICIENT, 0), {"same_amount": True}, 50),
        (answered(Outcome.INSUFFICIENT, 0, 2, 50_750), {}, 50),  # the lower amount was tried
        (answered(Outcome.LIMIT, 0), {}, 50),
        (answered(Outcome.CONFIG, 0), {}, 50),
    ],
)
def test_no_lower_amount_without_all_of_its_conditions(
    instalment: Instalment, rail: dict[str, Any], percent: int
) -> None:
    assert not isinstance(plan(instalment, mandate=ALONE, rail=rail, partial_percent=percent), Act)


def test_after_a_lower_amount_the_accounts_are_not_asked_again() -> None:
    again = plan(answered(Outcome.INSUFFICIENT, 0, 4, 50_750), partial_percent=50, max_attempts=9, due_day_attempts=9)
    assert again == Defer(at(f"{DUE} 12:00"), Reason.SLOT_USED)


def test_the_next_account_does_not_wait_for_the_payday_of_the_next_try() -> None:
    """The due day's tries are used up, and the next planned day is a payday, of which only the last slot counts."""
    tomorrow = DUE.day + 1
    row = answered(Outcome.INSUFFICIENT, 0, 3)
    decision = plan(row, max_attempts=9, due_day_attempts=3, usual_paydays=(tomorrow,), payday_within_days=10)
    assert (decision.reason, decision.do.source) == (Reason.NEXT_ACCOUNT, 1)


def test_accounts_come_before_a_lower_amount() -> None:
    assert plan(answered(Outcome.INSUFFICIENT, 0), partial_percent=50).reason is Reason.NEXT_ACCOUNT
    last = plan(answered(Outcome.INSUFFICIENT, 2), partial_percent=50)
    assert (last.reason, last.do.source) == (Reason.LOWER_AMOUNT, 0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"max_attempts": 1}, Reason.BUDGET_SPENT),
        ({"retry_outcomes": frozenset({Outcome.LIMIT})}, Reason.NOT_RETRIED),
        ({"same_amount": True}, Reason.AMOUNT_CHANGED),
    ],
)
def test_what_a_rail_forbids_is_forbidden(changes: dict[str, Any], reason: Reason) -> None:
    row = answered(Outcome.INSUFFICIENT, 0, minor=90_000)
    assert plan(row, at(f"{DUE} 12:00"), ALONE, rail=changes) == Drop(reason)


def test_a_retry_of_the_same_amount_is_let_through() -> None:
    row = answered(Outcome.INSUFFICIENT, 0)
    assert plan(row, at(f"{DUE} 12:00"), ALONE, rail={"same_amount": True}).reason is Reason.SLOT_OPEN


def together(outcome: Outcome, minor: int = 304_500) -> Instalment:
    """After an order over three instalments, some days before this one was due."""
    row = answered(outcome, 0, minor=minor)
    assert row.last_attempt is not None
    return replace(row, last_attempt=replace(row.last_attempt, together=True, slot="2026-03-05T10:12"))


@pytest.mark.parametrize(
    ("outcome", "rail"),
    [
        (Outcome.INSUFFICIENT, {"same_amount": True}),
        (Outcome.LIMIT, {"retry_outcomes": frozenset({Outcome.INSUFFICIENT})}),
    ],
)
def test_an_order_over_several_instalments_speaks_for_none_of_them_alone(
    outcome: Outcome, rail: dict[str, Any]
) -> None:
    assert plan(together(outcome), at(f"{DUE} 12:00"), ALONE, rail=rail).reason is Reason.SLOT_OPEN


def test_a_part_that_was_paid_leaves_the_rest_to_the_schedule() -> None:
    part = replace(answered(Outcome.PAID, 0, minor=10_000), paid_minor=10_000)
    assert plan(part, at(f"{DUE} 12:00"), ALONE, rail={"same_amount": True}).reason is Reason.SLOT_OPEN


def test_a_rail_never_loosens_the_lenders_rules() -> None:
    rules = a_policy_over(a_rail(max_attempts=9, notice_lead_days=0), max_attempts=2, notice_lead_days=3).under("stub")
    assert rules is not None
    assert (rules.max_attempts, rules.notice_lead_days) == (2, 3)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-10 12:29", Reason.RAIL_CLOSED),  # 09:59 in Kolkata, but for one minute
        ("2026-03-10 12:31", Reason.RAIL_CLOSED),
        ("2026-03-10 15:30", Reason.SLOT_OPEN),
        ("2026-03-10 19:31", Reason.RAIL_CLOSED),
    ],
)
def test_a_rail_has_its_own_hours(now: str, expected: Reason) -> None:
    hours = {"windows": ((time(13), time(17)),), "zone": "Asia/Kolkata"}
    assert plan(an_instalment(), at(now), ALONE, rail=hours).reason is expected


def test_a_closed_rail_is_awaited() -> None:
    hours = {"windows": ((time(13), time(17)),), "zone": "Asia/Kolkata"}
    assert plan(an_instalment(), at(f"{DUE} 12:00"), ALONE, rail=hours) == Defer(at(f"{DUE} 15:30"), Reason.RAIL_CLOSED)


def test_over_a_rail_without_a_pack_nothing_is_debited() -> None:
    decision = plan(an_instalment(), mandate=a_mandate(rail="fax"))
    assert decision == Defer(NINE + timedelta(hours=1), Reason.RAIL_UNKNOWN)


@pytest.mark.parametrize(("expires_on", "debits"), [(None, True), (DUE, True), (DUE - timedelta(days=1), False)])
def test_a_mandate_debits_until_its_last_day(expires_on: date | None, debits: bool) -> None:
    file = a_file(mandate=a_mandate(expires_on=expires_on))
    assert (file.mandate_on(DUE) is not None) is debits


def test_of_two_mandates_the_newer_valid_one_debits() -> None:
    old, new = a_mandate(mandate_id="m-1"), a_mandate(mandate_id="m-2", signed_on=date(2026, 1, 1))
    both = replace(a_file(), mandates=(old, new))
    assert both.mandate_on(DUE) == new
    expired = replace(both, mandates=(old, replace(new, expires_on=date(2026, 2, 1))))
    assert expired.mandate_on(DUE) == old
    ended = replace(both, mandates=(old, replace(new, status=MandateStatus.SIGNED)))
    assert ended.mandate_on(DUE) == old


COVERED = {"failures_in_row": 2}


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (DebitCard("b-1"), Reason.SLOT_OPEN),
        (DebitCard("b-1", failures=1), Reason.SLOT_OPEN),
        (DebitCard("b-1", failures=1, open=1), Reason.OTHER_ATTEMPTS_OPEN),
        (DebitCard("b-1", open=2), Reason.OTHER_ATTEMPTS_OPEN),
        (DebitCard("b-1", stopped_at=NINE), Reason.REAUTHORISATION_NEEDED),
        (DebitCard("b-1", failures=2), Reason.REAUTHORISATION_NEEDED),  # counted under a higher limit
        (DebitCard("b-1", failures=3, open=1), Reason.REAUTHORISATION_NEEDED),
    ],
)
def test_failures_count_over_all_loans_of_a_borrower(card: DebitCard, expected: Reason) -> None:
    assert plan(an_instalment(), mandate=ALONE, debits=card, rail=COVERED).reason is expected
    assert plan(an_instalment(), mandate=ALONE, debits=card).reason is Reason.SLOT_OPEN  # a rail without such a rule


def agreed_to(at_: datetime) -> Mandate:
    return a_mandate(evidence=Evidence("1", "0" * 64, at_, "app"), since=NINE)


def test_only_a_newer_authorisation_is_debited_after_them() -> None:
    stopped = DebitCard("b-1", failures=0, stopped_at=NINE - timedelta(days=2))
    older, newer = agreed_to(NINE - timedelta(days=2)), agreed_to(NINE - timedelta(days=1))
    assert plan(an_instalment(), mandate=older, debits=stopped, rail=COVERED) == Drop(Reason.REAUTHORISATION_NEEDED)
    assert isinstance(plan(an_instalment(), mandate=newer, debits=stopped, rail=COVERED), Act)


@pytest.mark.parametrize(
    ("outcome", "failures", "stops"),
    [
        (Outcome.INSUFFICIENT, 0, True),
        (Outcome.LIMIT, 0, True),
        (Outcome.PAID, 0, False),
        (Outcome.CONFIG, 1, False),
        (Outcome.VOID, 1, False),
        (Outcome.RISK, 1, False),
    ],
)
def test_each_answer_counts_as_its_rule_says(outcome: Outcome, failures: int, stops: bool) -> None:
    card = debits_after(DebitCard("b-1", failures=1, open=1, rev=4), outcome, 2, NINE)
    assert (card.failures, card.open, card.rev) == (failures, 0, 5)
    assert card.stopped_at == (NINE if stops else None)


@pytest.mark.parametrize(("limit", "stops"), [(3, False), (2, True), (None, False)])
def test_money_after_a_limit_was_lowered_to_what_was_counted_lifts_no_stop(limit: int | None, stops: bool) -> None:
    card = debits_after(DebitCard("b-1", failures=2, open=1), Outcome.PAID, limit, NINE)
    assert (card.failures, card.open, card.stopped_at) == (0, 0, NINE if stops else None)


def test_the_policy_of_the_shelf_denies_credit() -> None:
    assert {SourceKind.CREDIT_CARD, SourceKind.CREDIT_LINE} == a_policy().funding_deny
