"""The schemes' own examples, through the decision: with the rails' packs under the lender's rules.

The others stand beside what they are about: 1 in test_contact_windows.py and test_contact_channels.py, 2 in
test_contact_caps.py, 3, 4 and 14 in test_jurisdictions.py, 7 and 8 in test_business_days.py, 9 and 10 in
test_text_parts.py, 12 also in test_debit_rules_at_work.py, 15 in test_settlement.py.
"""

from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import pytest

from shared.domain.book import DebitCard, Instalment, LastAttempt, Outcome
from shared.domain.contact import plan_contact
from shared.domain.debit import Presentment, plan_debit
from shared.domain.debit_days import is_announced
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.intents import plan_pay_now
from shared.domain.settlement import debits_after
from shared.domain.switches import ALL_ON
from tests.unit.builders import a_borrower, a_card, a_file, a_loan, a_mandate, a_policy, an_instalment, announced, at

LENIENT: dict[str, Any] = {"max_attempts": 9, "retry_days": (1, 2, 3, 4, 5, 6, 7, 8, 9), "usual_paydays": ()}
"""A lender who would try every day, so that what stops a debit is the rail."""


def debit(
    rail: str, row: Instalment, when: str, told_on: date, zone: str = "Asia/Shanghai", **policy: Any
) -> Decision[Presentment]:
    rules = a_policy(**LENIENT | policy)
    return plan_debit(row, a_loan(), a_mandate(rail=rail), announced(on=told_on), rules, at(when, zone))


def failed(row: Instalment, times: int, outcome: Outcome, slot: str) -> Instalment:
    claimed_at = at(slot.replace("T", " "))
    on = date.fromisoformat(slot[:10])
    last = LastAttempt(times, slot, claimed_at, outcome, on, row.outstanding_minor, mandate_id="m-1")
    return replace(row, attempts=times, last_attempt=last, first_attempt_on=row.due_on)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        ("2026-03-01 12:00", Reason.NOTICE_NOT_SENT),  # the day of the notice
        ("2026-03-02 12:00", Reason.NOTICE_NOT_SENT),  # waited for
        ("2026-03-03 08:00", None),
        ("2026-03-03 21:59", None),
        ("2026-03-03 22:00", Reason.BEFORE_SLOT),
        ("2026-03-09 21:59", None),
        ("2026-03-10 08:00", Reason.NOTICE_NOT_SENT),  # a notice no longer holds on the tenth
    ],
)
def test_vector_5_wechat_is_told_on_the_first_and_debited_from_the_third_to_the_ninth(
    when: str, reason: Reason | None
) -> None:
    row = an_instalment(due_on=date(2026, 3, 1))
    decision = debit("wechat", row, when, date(2026, 3, 1), catch_up_days=20)
    assert (None if isinstance(decision, Act) else decision.reason) == reason


def test_vector_5_a_notice_holds_for_nine_days() -> None:
    rules = a_policy().under("wechat")
    assert rules is not None
    row, told = an_instalment(due_on=date(2026, 3, 1)), announced(on=date(2026, 3, 1))
    assert [is_announced(row, told, rules, date(2026, 3, n)) for n in (1, 3, 9, 10)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2026, 7, 2), Reason.NOT_YET_DUE),  # our reading of the days is the narrower one
        (date(2026, 7, 3), None),
        (date(2026, 7, 6), None),
        (date(2026, 7, 7), Reason.CATCH_UP_OVER),
    ],
)
def test_vector_6_alipay_takes_a_debit_until_its_plan_day_and_never_after(on: date, expected: Reason | None) -> None:
    row = an_instalment(due_on=date(2026, 7, 6))
    order = plan_pay_now(
        a_file(row, mandate=a_mandate(rail="alipay-cycle")),
        (1,),
        None,
        a_mandate(rail="alipay-cycle"),
        a_policy(),
        at(f"{on} 12:00"),
        ALL_ON,
    )
    assert (None if isinstance(order, Act) else order.reason) == expected


def test_vector_6_the_schedule_debits_on_the_plan_day_alone() -> None:
    row = an_instalment(due_on=date(2026, 7, 6))
    found = {on: debit("alipay-cycle", row, f"2026-07-{on:02d} 12:00", date(2026, 7, 1)).reason for on in (5, 6, 7, 8)}
    assert found == {
        5: Reason.NOT_YET_DUE,
        6: Reason.SLOT_OPEN,
        7: Reason.CATCH_UP_OVER,
        8: Reason.CATCH_UP_OVER,
    }
    following = an_instalment(number=2, due_on=date(2026, 8, 6))
    assert debit("alipay-cycle", following, "2026-08-06 12:00", date(2026, 8, 1)).reason is Reason.SLOT_OPEN


@pytest.mark.parametrize(("times", "goes"), [(1, True), (2, True), (3, False)])
def test_vector_11_after_three_returns_ach_takes_no_fourth_entry(times: int, goes: bool) -> None:
    row = failed(an_instalment(due_on=date(2026, 3, 9)), times, Outcome.INSUFFICIENT, f"2026-03-{8 + times:02d}T08:00")
    decision = debit("ach", row, f"2026-03-{9 + times:02d} 12:00", date(2026, 2, 1))
    if goes:
        assert isinstance(decision, Act)
        assert decision.do.amount == row.outstanding
    else:
        assert decision == Drop(Reason.BUDGET_SPENT)


def test_vector_12_two_failures_in_a_row_stop_the_authorisations_of_both_loans() -> None:
    rail = a_policy().rails["ach-covered"]
    card, now = DebitCard("b-1", open=2), at("2026-03-10 12:00")
    for _ in range(2):
        card = debits_after(card, Outcome.INSUFFICIENT, rail.failures_in_row, now)
    assert card.stopped_at == now
    for loan_id, mandate_id in (("l-1", "m-1"), ("l-2", "m-2")):
        row = an_instalment(loan_id=loan_id)
        mandate = a_mandate(mandate_id=mandate_id, loan_id=loan_id, rail="ach-covered")
        told = announced(on=date(2026, 2, 1))
        decision = plan_debit(row, a_loan(loan_id=loan_id), mandate, told, a_policy(), now, debits=card)
        assert decision == Drop(Reason.REAUTHORISATION_NEEDED)


def test_vector_13_upi_waits_for_its_quiet_hours_and_the_borrower_hears_nothing_of_it() -> None:
    kolkata = "Asia/Kolkata"
    policy = a_policy("IN", business_zone=kolkata)
    row, told = an_instalment(due_on=date(2026, 3, 10)), announced(on=date(2026, 3, 8))
    mandate, eleven = a_mandate(rail="upi"), at("2026-03-10 11:00", kolkata)
    tried = failed(row, 1, Outcome.WINDOW, "2026-03-10T08:00")
    rules = replace(policy, slots=(time(8), time(11), time(20)))
    decision = plan_debit(tried, a_loan(), mandate, told, rules, eleven)
    assert decision == Defer(at("2026-03-10 13:00", kolkata), Reason.RAIL_CLOSED)
    who = a_borrower(country="IN", time_zone=kolkata)
    heard = plan_contact(
        who, a_card(told={"l-1#001#0": told}), [a_file(tried, mandate=mandate)], {"jiebei": rules}, eleven
    )
    assert isinstance(heard, Defer)
    assert heard.reason in (Reason.AWAITING_DEDUCTION, Reason.NOTHING_DUE)
    assert heard.until - eleven < timedelta(hours=10)
