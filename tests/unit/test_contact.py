"""The contact line: which message, when, and one for all instalments that ask for the same."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.book import (
    ContactCard,
    Instalment,
    InstalmentState,
    LoanFile,
    LoanStatus,
    Mandate,
    Outcome,
    Stage,
    Told,
)
from shared.domain.contact import plan_contact
from shared.domain.decision import Act, Decision, Defer, Drop, Reason
from shared.domain.money import Money
from shared.domain.notices import Notice, told_after
from shared.domain.policy import Policy
from shared.domain.steps import next_change
from shared.domain.tiers import NoticeKind
from tests.unit.builders import (
    DUE,
    a_borrower,
    a_card,
    a_file,
    a_loan,
    a_mandate,
    a_policy,
    an_instalment,
    announced,
    at,
    attempted,
    day,
    told_of,
)

POLICY = a_policy()
MANDATE = a_mandate()
INSTALMENT = an_instalment()
KEY = "l-1#001#0"


def plan(
    now: datetime,
    *files: LoanFile,
    told: dict[str, Told] | None = None,
    policy: Policy = POLICY,
    **borrower: object,
) -> Decision[Notice]:
    files = files or (a_file(),)
    card = a_card(*(f.loan.loan_id for f in files), told=told)
    return plan_contact(a_borrower(**borrower), card, files, {"jiebei": policy}, now)


def tier(decision: Decision[Notice]) -> str:
    """The tier of the message's first step, or the reason why there is none."""
    return decision.do.covers[0].tier if isinstance(decision, Act) else decision.reason.name


def with_mandate(*instalments: Instalment, mandate: Mandate = MANDATE) -> LoanFile:
    return a_file(*instalments, mandate=mandate)


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (-8, "NOTHING_DUE"),
        (-7, "REMIND_7"),
        (-4, "REMIND_7"),
        (-3, "REMIND_3"),
        (-2, "REMIND_3"),
        (-1, "REMIND_1"),
        (0, "DUE"),
        (1, "OVERDUE_1"),
        (2, "OVERDUE_1"),
        (3, "OVERDUE_3"),
        (6, "OVERDUE_3"),
        (7, "OVERDUE_7"),
        (14, "OVERDUE_7"),
        (15, "OVERDUE_15"),
        (29, "OVERDUE_15"),
        (30, "OVERDUE_30"),
        (59, "OVERDUE_30"),
        (60, "OVERDUE_60"),
        (400, "OVERDUE_60"),
    ],
)
def test_without_a_mandate_the_newest_tier_that_holds_is_told(offset: int, expected: str) -> None:
    assert tier(plan(day(offset))) == expected


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        (-8, "NOTHING_DUE"),
        (-7, "REMIND_7"),
        (-3, "REMIND_3"),
        (-2, "REMIND_3"),
        (-1, "PRE_DEBIT"),
        (0, "PRE_DEBIT"),
        (2, "PRE_DEBIT"),
        (3, "OVERDUE_3"),
    ],
)
def test_with_a_mandate_the_deduction_is_announced_while_it_can_still_follow(offset: int, expected: str) -> None:
    assert tier(plan(day(offset), with_mandate())) == expected


@pytest.mark.parametrize(("offset", "expected"), [(-11, "NOTHING_DUE"), (-10, "PRE_DEBIT"), (-9, "PRE_DEBIT")])
def test_an_amount_that_varies_is_announced_earlier_where_a_country_asks_for_it(offset: int, expected: str) -> None:
    """12 CFR 1005.10(d): ten days in the United States."""
    file = with_mandate(an_instalment(varies=True))
    assert tier(plan(day(offset), file, policy=a_policy(country="US"))) == expected
    assert tier(plan(day(offset), with_mandate(an_instalment()), policy=a_policy(country="US"))) == "NOTHING_DUE"


@pytest.mark.parametrize(
    ("offset", "told", "expected"),
    [
        (-5, "REMIND_7", "NOTHING_DUE"),
        (-3, "REMIND_7", "REMIND_3"),
        (0, "REMIND_7", "DUE"),
        (0, "DUE", "NOTHING_DUE"),
        (1, "FAILED", "OVERDUE_1"),
        (2, "OVERDUE_1", "NOTHING_DUE"),
        (45, "OVERDUE_1", "OVERDUE_30"),
        (90, "OVERDUE_60", "NOTHING_DUE"),
    ],
)
def test_a_tier_is_told_once_and_an_older_one_never_follows(offset: int, told: str, expected: str) -> None:
    earlier = DUE + timedelta(days=offset - 1)
    assert tier(plan(day(offset), told=told_of(INSTALMENT, told, earlier))) == expected


@pytest.mark.parametrize(
    ("told", "offset", "until"),
    [
        (None, -20, "2026-03-03 09:00"),
        ("REMIND_7", -7, "2026-03-07 09:00"),
        ("REMIND_7", -6, "2026-03-07 09:00"),
        ("REMIND_1", -1, "2026-03-10 09:00"),
        ("OVERDUE_3", 5, "2026-03-17 09:00"),
        ("OVERDUE_30", 35, "2026-05-09 09:00"),
    ],
)
def test_it_looks_again_when_the_next_tier_begins(told: str | None, offset: int, until: str) -> None:
    known = told_of(INSTALMENT, told, DUE + timedelta(days=min(offset, 4))) if told else None
    known = told_of(INSTALMENT, told, DUE + timedelta(days=-7)) if told == "REMIND_7" else known
    assert plan(day(offset), told=known) == Defer(at(until), Reason.NOTHING_DUE)


@pytest.mark.parametrize(
    ("policy", "offset", "told", "until"),
    [
        ({"reminder_days": (7, 3)}, -1, "REMIND_3", "2026-03-10 09:00"),
        ({"overdue_from_dpd": (7, 30, 60)}, 0, "DUE", "2026-03-17 09:00"),
        ({"overdue_from_dpd": (7, 30, 60)}, 1, "DUE", "2026-03-17 09:00"),
        ({"overdue_from_dpd": (7, 30, 60)}, 2, "DUE", "2026-03-17 09:00"),
        ({"overdue_from_dpd": (7, 30, 60)}, 3, "DUE", "2026-03-17 09:00"),
        ({"dpd_origin": 1}, 10, "OVERDUE_7", "2026-03-24 09:00"),
        ({}, -3, "REMIND_1", "2026-03-09 09:00"),
    ],
)
def test_it_looks_again_by_the_policys_own_days(policy: dict[str, Any], offset: int, told: str, until: str) -> None:
    known = told_of(INSTALMENT, told, DUE - timedelta(days=20))
    assert plan(day(offset), told=known, policy=a_policy(**policy)) == Defer(at(until), Reason.NOTHING_DUE)


def test_with_an_origin_of_one_the_due_date_itself_is_overdue() -> None:
    decision = plan(day(0), policy=a_policy(dpd_origin=1))
    assert tier(decision) == "OVERDUE_1"
    assert isinstance(decision, Act)
    assert (decision.do.amount.minor, decision.do.count) == (101_500, 1)


def test_a_day_without_a_tier_of_its_own_is_silent() -> None:
    assert tier(plan(day(1), policy=a_policy(overdue_from_dpd=(3, 30, 60)))) == "NOTHING_DUE"


def test_a_step_before_the_first_stages_notice_is_not_firm_yet() -> None:
    first, *others = POLICY.stages
    policy = a_policy(stages=(replace(first, from_dpd=3, notice_from_dpd=3), *others))
    decision = plan(day(1), policy=policy)
    assert isinstance(decision, Act)
    assert (decision.do.tone, decision.do.covers[0].mandatory) == (Stage.CURRENT, False)


@pytest.mark.parametrize(
    ("offset", "file", "date_told"),
    [
        (-3, a_file(), DUE),
        (-1, a_file(mandate=MANDATE), DUE),
        (0, a_file(), DUE),
        (3, a_file(), DUE),
        (0, a_file(attempted(Outcome.INSUFFICIENT, "2026-03-10T08:00", 3), mandate=MANDATE), DUE),
    ],
)
def test_every_step_names_its_due_date_and_its_pack(offset: int, file: LoanFile, date_told: date) -> None:
    decision = plan(day(offset), file)
    assert isinstance(decision, Act)
    assert (decision.do.date, decision.do.covers[0].date) == (date_told, date_told)
    assert decision.do.policy_version == POLICY.version
    assert decision.do.covers[0].mandatory is (offset >= -1)


@pytest.mark.parametrize(
    ("told", "offset", "mandatory"),
    [(None, 3, True), ("DUE", 7, True), ("OVERDUE_1", 3, False), ("OVERDUE_3", 7, False), ("OVERDUE_15", 30, True)],
)
def test_an_overdue_notice_is_mandatory_while_a_stage_waits_for_one(
    told: str | None, offset: int, mandatory: bool
) -> None:
    """Missed on its very day, because of a hold or a schedule that did not fire, it is owed as before."""
    known = told_of(INSTALMENT, told, DUE) if told else None
    decision = plan(day(offset), told=known)
    assert isinstance(decision, Act)
    assert decision.do.covers[0].mandatory is mandatory


def test_when_all_was_told_it_looks_again_in_a_week() -> None:
    known = told_of(INSTALMENT, "OVERDUE_60", DUE + timedelta(days=60))
    assert plan(day(100), told=known) == Defer(day(107), Reason.NOTHING_DUE)


# --- outcomes of deductions ---------------------------------------------------------------------------------------


def outcome(instalment: Instalment, now: str, told: Told | None = None, **policy: Any) -> Decision[Notice]:
    return plan(at(now), with_mandate(instalment), told={KEY: told or announced()}, policy=a_policy(**policy))


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-03-09 12:00", "2026-03-10 09:00"),
        ("2026-03-10 00:30", "2026-03-10 08:10"),
        ("2026-03-10 08:05", "2026-03-10 08:10"),
        ("2026-03-10 08:10", "2026-03-10 12:10"),
        ("2026-03-10 20:00", "2026-03-10 20:10"),
    ],
)
def test_on_the_due_day_the_deduction_speaks_first(now: str, until: str) -> None:
    decision = outcome(INSTALMENT, now)
    assert isinstance(decision, Defer)
    assert decision.until == at(until)


@pytest.mark.parametrize(
    ("slot", "attempts", "now", "expected"),
    [
        ("2026-03-10T08:00", 1, "2026-03-10 08:01", "AWAITING_DEDUCTION"),
        ("2026-03-10T12:00", 2, "2026-03-10 12:01", "AWAITING_DEDUCTION"),
        ("2026-03-10T20:00", 3, "2026-03-10 20:01", "FAILED"),
        ("2026-03-10T20:00", 2, "2026-03-10 20:01", "FAILED"),
        ("2026-03-10T08:00", 3, "2026-03-10 08:01", "FAILED"),
        ("2026-03-10T20:00", 3, "2026-03-10 22:00", "OUTSIDE_CONTACT_HOURS"),
        ("2026-03-11T08:00", 3, "2026-03-11 08:01", "OUTSIDE_CONTACT_HOURS"),
        ("2026-03-11T12:00", 3, "2026-03-11 12:01", "OVERDUE_1"),
        ("2026-03-10T20:00", 3, "2026-03-11 09:00", "OVERDUE_1"),
        ("2026-03-11T08:00", 1, "2026-03-11 08:01", "AWAITING_DEDUCTION"),
    ],
)
def test_the_days_last_failure_is_told_at_once(slot: str, attempts: int, now: str, expected: str) -> None:
    assert tier(outcome(attempted(Outcome.INSUFFICIENT, slot, attempts), now)) == expected


def test_a_failure_that_ends_the_mandate_is_the_days_last() -> None:
    failed = attempted(Outcome.MANDATE_DEAD, "2026-03-10T08:00")
    decision = plan(at("2026-03-10 08:01"), a_file(failed), told={KEY: announced()})
    assert tier(decision) == "FAILED"


@pytest.mark.parametrize(("offset", "expected"), [(-7, "REMIND_7"), (-5, "REMIND_7"), (-3, "REMIND_3"), (0, "FAILED")])
def test_an_order_that_failed_ahead_of_the_due_day_holds_no_step_back(offset: int, expected: str) -> None:
    """Seeds 2 and 11 of `duebell simulate`: its borrower had the answer where he ordered it."""
    slot = f"{DUE + timedelta(days=offset)}T08:05"
    spent = attempted(Outcome.INSUFFICIENT, slot, 3)
    assert tier(plan(day(offset), a_file(spent))) == expected


def test_a_failure_told_is_not_followed_by_another_message_that_day() -> None:
    failed = attempted(Outcome.INSUFFICIENT, "2026-03-10T20:00", 3)
    told = announced(tier="FAILED")
    assert tier(outcome(failed, "2026-03-10 20:30", replace(told, on=DUE))) == "NOTHING_DUE"


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-10 08:05", "AWAITING_DEDUCTION"),
        ("2026-03-10 08:10", "NOTHING_DUE"),
        ("2026-03-10 09:00", "NOTHING_DUE"),  # unknown by now: not a failure, and not a word of it
        ("2026-03-11 09:00", "OVERDUE_1"),  # an unknown debit stops debits, not messages
    ],
)
def test_an_open_attempt_is_awaited_for_a_while_only(now: str, expected: str) -> None:
    open_attempt = attempted(None, "2026-03-10T08:00", state=InstalmentState.CLAIMED)
    assert tier(outcome(open_attempt, now)) == expected


PAID = attempted(
    Outcome.PAID, "2026-03-10T08:00", paid_minor=101_500, state=InstalmentState.PAID, paid_on=DUE, paid_by=1
)
NEXT = an_instalment(number=2, due_on=date(2026, 4, 10))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-03-10 08:01", "RECEIVED"),
        ("2026-03-10 22:30", "OUTSIDE_CONTACT_HOURS"),
        ("2026-03-13 12:00", "RECEIVED"),
        ("2026-03-14 12:00", "NOTHING_DUE"),
    ],
)
def test_a_successful_deduction_is_told_at_once_and_not_when_it_is_old(now: str, expected: str) -> None:
    decision = plan(at(now), with_mandate(PAID, NEXT), told={KEY: announced()})
    assert tier(decision) == expected
    if isinstance(decision, Act):
        assert (decision.do.amount, decision.do.date) == (Money(101_500, "CNY"), DUE)


def test_a_receipt_is_optional_and_needs_the_attempt_that_paid() -> None:
    told = {KEY: announced()}
    decision = plan(at("2026-03-10 08:01"), with_mandate(PAID, NEXT), told=told)
    assert isinstance(decision, Act)
    assert decision.do.covers[0].mandatory is False
    assert tier(plan(at("2026-03-10 08:01"), with_mandate(PAID, NEXT), told=told, phone=None)) == "NOTHING_DUE"
    for half in (replace(PAID, last_attempt=None), replace(PAID, paid_on=None)):
        assert tier(plan(at("2026-03-10 08:01"), with_mandate(half, NEXT), told=told)) == "NOTHING_DUE"


@pytest.mark.parametrize(
    ("now", "expected"), [("2026-03-13 08:05", "AWAITING_DEDUCTION"), ("2026-03-14 08:05", "OUTSIDE_CONTACT_HOURS")]
)
def test_a_deduction_is_awaited_on_the_last_day_of_the_catch_up_and_not_after(now: str, expected: str) -> None:
    assert tier(outcome(INSTALMENT, now)) == expected


def test_on_the_due_day_a_deduction_that_did_not_happen_is_no_reason_to_ask_for_money() -> None:
    assert tier(outcome(INSTALMENT, "2026-03-10 21:00", catch_up_days=0)) == "NOTHING_DUE"


def test_a_receipt_is_told_once() -> None:
    told = {KEY: replace(announced(tier="RECEIVED"), on=DUE)}
    assert tier(plan(at("2026-03-10 12:00"), with_mandate(PAID, NEXT), told=told)) == "NOTHING_DUE"


def test_a_payment_by_hand_has_no_receipt_for_a_deduction() -> None:
    by_hand = replace(PAID, paid_by=None)
    assert tier(plan(at("2026-03-10 12:00"), with_mandate(by_hand, NEXT))) == "NOTHING_DUE"


@pytest.mark.parametrize("status", list(LoanStatus))
def test_the_end_of_a_loan_is_told_instead_of_its_last_receipt(status: LoanStatus) -> None:
    file = a_file(PAID, mandate=MANDATE, loan=a_loan(status=status))
    decision = plan(at("2026-03-10 08:01"), file, told={KEY: announced()})
    assert tier(decision) == "SETTLED"
    assert isinstance(decision, Act)
    assert (decision.do.key, decision.do.date) == ("SETTLED#l-1#000#0", DUE)
    told_late = plan(at("2026-03-13 12:00"), with_mandate(PAID))
    assert isinstance(told_late, Act)
    assert told_late.do.date == DUE, "the day on which it was repaid, not that of telling"
    assert decision.do.amount == Money(300_000, "CNY")
    after = told_after(a_card(told={KEY: announced()}), decision.do, [file], DUE)
    assert after.loan_ids == ()
    assert {key: told.tier for key, told in after.told.items()} == {KEY: "PRE_DEBIT", "l-1#000#0": "SETTLED"}


def test_a_loan_that_opens_again_tells_no_receipt_a_second_time() -> None:
    """Seed 1177 of `duebell simulate`: a part of its money was given back after it had been told as repaid."""
    second = replace(PAID, number=2, due_on=NEXT.due_on)
    told = {KEY: replace(announced(tier="RECEIVED"), on=DUE)}
    end = plan(at("2026-03-10 12:00"), with_mandate(PAID, second), told=told)
    assert isinstance(end, Act)
    after = told_after(a_card(told=told), end.do, [with_mandate(PAID, second)], DUE)
    opened = replace(NEXT, episode=1, blocked=True)
    assert tier(plan(at("2026-03-11 12:00"), with_mandate(PAID, opened), told=dict(after.told))) == "NOTHING_DUE"


# --- who, when, together --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        ("2026-03-07 08:59", "Asia/Shanghai", Defer(at("2026-03-07 09:00"), Reason.OUTSIDE_CONTACT_HOURS)),
        ("2026-03-07 22:00", "Asia/Shanghai", Defer(at("2026-03-08 09:00"), Reason.OUTSIDE_CONTACT_HOURS)),
        (
            "2026-03-07 12:00",
            "Europe/Prague",
            Defer(at("2026-03-07 09:00", "Europe/Prague"), Reason.OUTSIDE_CONTACT_HOURS),
        ),
    ],
)
def test_nothing_goes_outside_the_borrowers_hours(now: str, zone: str, expected: Defer) -> None:
    assert plan(at(now), time_zone=zone) == expected


def test_a_message_held_over_midnight_is_decided_anew() -> None:
    held = plan(at("2026-03-09 22:30"))
    assert isinstance(held, Defer)
    assert tier(plan(held.until)) == "DUE"


def test_without_a_phone_reminders_are_left_out_and_mandatory_notices_recorded() -> None:
    assert tier(plan(day(-3), phone=None)) == "NOTHING_DUE"
    decision = plan(day(1), phone=None)
    assert isinstance(decision, Act)
    assert decision.do.ways == ()
    recorded = told_of(INSTALMENT, "OVERDUE_1", DUE + timedelta(days=1))
    assert tier(plan(day(7), phone=None, told=recorded)) == "NOTHING_DUE"
    assert tier(plan(day(7), phone=None)) == "OVERDUE_7"
    assert tier(plan(day(30), phone=None, told=recorded)) == "OVERDUE_30"


def test_what_is_left_out_without_a_phone_hides_nothing_that_is_mandatory() -> None:
    soon = a_file(an_instalment(loan_id="l-0", due_on=DUE + timedelta(days=3)), loan=a_loan(loan_id="l-0"))
    assert tier(plan(day(0), soon, a_file(), phone=None)) == "DUE"
    late, today = an_instalment(due_on=DUE - timedelta(days=3)), an_instalment(number=2)
    recorded = told_of(late, "OVERDUE_1", DUE - timedelta(days=2))
    assert tier(plan(day(0), a_file(late, today), phone=None, told=recorded)) == "DUE"


def test_without_a_phone_it_looks_again_when_something_mandatory_may_hold() -> None:
    file = with_mandate(an_instalment())
    assert plan(day(-7), file, phone=None) == Defer(day(-3, "09:00"), Reason.NOTHING_DUE)
    assert plan(day(-2), file, phone=None) == Defer(day(-1, "09:00"), Reason.NOTHING_DUE)
    assert tier(plan(day(-1), file, phone=None)) == "PRE_DEBIT"


def test_an_instalment_paid_in_advance_hides_none_that_follows() -> None:
    ahead = an_instalment(due_on=DUE - timedelta(days=1), paid_minor=101_500, state=InstalmentState.PAID)
    assert plan(day(-9), a_file(ahead, an_instalment(number=2))) == Defer(day(-7, "09:00"), Reason.NOTHING_DUE)


def test_a_long_notice_period_reaches_further_than_the_reminders() -> None:
    rows = tuple(an_instalment(number=n, due_on=DUE + timedelta(days=d)) for n, d in ((1, -5), (2, 8), (3, 9)))
    told = told_of(rows[0], "OVERDUE_60", DUE - timedelta(days=1))
    decision = plan(day(0), with_mandate(*rows), told=told, policy=a_policy(notice_lead_days=9))
    assert isinstance(decision, Act)
    assert [s.number for s in decision.do.covers] == [2, 3]


@pytest.mark.parametrize(
    ("due", "policy"), [((2, 6), {}), ((-5, 6), {}), ((-5, 9), {"notice_lead_days": 9}), ((6, 7), {})]
)
def test_all_instalments_within_reach_are_looked_at(due: tuple[int, int], policy: dict[str, Any]) -> None:
    rows = tuple(an_instalment(number=n, due_on=DUE + timedelta(days=d)) for n, d in enumerate(due, start=1))
    told = told_of(rows[0], "OVERDUE_60", DUE - timedelta(days=1))
    decision = plan(day(0), with_mandate(*rows), told=told, policy=a_policy(**policy))
    assert isinstance(decision, Act)
    assert decision.do.covers[0].number == 2


def test_deductions_paid_far_ahead_are_receipted_in_one_message() -> None:
    due = [DUE + timedelta(days=d) for d in (0, 60, 90)]
    paid = [replace(PAID, number=n, due_on=d, paid_on=DUE, loan_id="l-1") for n, d in ((1, due[0]), (3, due[2]))]
    decision = plan(day(0), a_file(paid[0], an_instalment(number=2, due_on=due[1]), paid[1]))
    assert isinstance(decision, Act)
    assert [s.number for s in decision.do.covers] == [1, 3]


@pytest.mark.parametrize(
    ("offset", "until"),
    [
        (-3, -2),
        (0, 1),
        (1, 2),  # an announcement's last day: tomorrow it is an overdue notice, though no tier begins then
        (2, 3),
        (3, 7),
    ],
)
def test_what_an_announcement_hides_is_looked_at_tomorrow(offset: int, until: int) -> None:
    policy, today = a_policy(catch_up_days=3, notice_lead_days=2), DUE + timedelta(days=offset)
    assert next_change(INSTALMENT, MANDATE, None, policy, today, None) == DUE + timedelta(days=until)


def test_of_all_that_waits_the_first_says_when_to_look_again() -> None:
    later = a_file(an_instalment(loan_id="l-0", due_on=DUE + timedelta(days=1)), loan=a_loan(loan_id="l-0"))
    assert plan(day(-9), later, a_file()) == Defer(day(-7, "09:00"), Reason.NOTHING_DUE)


def test_a_reopened_instalments_messages_have_keys_of_their_own() -> None:
    again = replace(PAID, episode=2)
    decision = plan(at("2026-03-10 08:01"), with_mandate(replace(PAID, number=2), again))
    assert isinstance(decision, Act)
    assert decision.do.key == "SETTLED#l-1#000#2"


def test_one_message_covers_all_instalments_of_a_kind() -> None:
    other = a_file(an_instalment(loan_id="l-2", principal_minor=5_000), loan=a_loan(loan_id="l-2"))
    decision = plan(day(0), a_file(), other)
    assert isinstance(decision, Act)
    notice = decision.do
    assert [s.key for s in notice.covers] == ["DUE#l-1#001#0", "DUE#l-2#001#0"]
    assert (notice.amount, notice.count, notice.key) == (Money(108_000, "CNY"), 2, "DUE#l-1#001#0")


def test_amounts_of_two_currencies_go_in_two_messages() -> None:
    other = a_file(an_instalment(loan_id="l-2", currency="CZK"), loan=a_loan(loan_id="l-2", currency="CZK"))
    decision = plan(day(0), a_file(), other)
    assert isinstance(decision, Act)
    assert (decision.do.count, decision.do.amount.currency) == (1, "CNY")


def test_an_overdue_message_speaks_of_all_arrears_in_the_tone_of_the_worst() -> None:
    old = an_instalment(due_on=DUE - timedelta(days=60))
    recent = an_instalment(number=2, due_on=DUE - timedelta(days=30))
    coming = an_instalment(number=3, due_on=DUE + timedelta(days=2))
    told = told_of(old, "OVERDUE_30", DUE - timedelta(days=30)) | told_of(recent, "OVERDUE_15", DUE - timedelta(days=9))
    told |= told_of(coming, "REMIND_3", DUE - timedelta(days=1))
    decision = plan(day(0), a_file(old, recent, coming), told=told)
    assert isinstance(decision, Act)
    notice = decision.do
    assert [s.tier for s in notice.covers] == ["OVERDUE_60", "OVERDUE_30"]
    assert (notice.tone, notice.count, notice.amount.minor) == (Stage.M3, 2, 203_000)
    assert notice.date == DUE - timedelta(days=60)


@pytest.mark.parametrize(
    ("dpd", "tone"), [(1, Stage.M1), (15, Stage.M1), (30, Stage.M2), (59, Stage.M2), (60, Stage.M3)]
)
def test_notices_grow_firmer_by_stage(dpd: int, tone: Stage) -> None:
    decision = plan(day(dpd))
    assert isinstance(decision, Act)
    assert decision.do.tone is tone


def test_the_most_urgent_kind_goes_first() -> None:
    overdue = a_file(an_instalment(loan_id="l-2", due_on=DUE - timedelta(days=7)), loan=a_loan(loan_id="l-2"))
    assert tier(plan(day(-3), a_file(), overdue)) == "OVERDUE_3"


def test_nothing_is_told_of_loans_that_the_card_does_not_follow() -> None:
    card = ContactCard("b-1", ())
    assert plan_contact(a_borrower(), card, [a_file()], {"jiebei": POLICY}, day(0)) == Drop(Reason.NO_OPEN_LOAN)


def test_an_announcement_is_remembered_whatever_is_told_later() -> None:
    decision = plan(day(-1), with_mandate())
    assert isinstance(decision, Act)
    card = told_after(a_card(), decision.do, [with_mandate()], DUE - timedelta(days=1))
    assert card.told[KEY] == announced()
    failed = with_mandate(attempted(Outcome.INSUFFICIENT, "2026-03-10T20:00", 3))
    later = plan(at("2026-03-10 20:01"), failed, told=dict(card.told))
    assert isinstance(later, Act)
    told = told_after(card, later.do, [failed], DUE).told[KEY]
    assert (told.tier, told.on, told.announced_on, told.announced_minor) == (
        "FAILED",
        DUE,
        DUE - timedelta(days=1),
        101_500,
    )


def test_a_late_announcement_does_not_undo_what_was_told() -> None:
    known = told_of(INSTALMENT, "OVERDUE_1", DUE + timedelta(days=1))
    decision = plan(day(2), with_mandate(), told=known)
    assert tier(decision) == "PRE_DEBIT"
    assert isinstance(decision, Act)
    told = told_after(a_card(told=known), decision.do, [with_mandate()], DUE + timedelta(days=2)).told[KEY]
    assert (told.tier, told.announced_on) == ("OVERDUE_1", DUE + timedelta(days=2))


def test_what_was_told_of_paid_instalments_is_forgotten_after_a_month() -> None:
    decision = plan(day(0))
    assert isinstance(decision, Act)
    old, recent = Told("RECEIVED", DUE - timedelta(days=32)), Told("RECEIVED", DUE - timedelta(days=31))
    card = a_card(told={"l-1#007#0": old, "l-1#008#0": recent})
    after = told_after(card, decision.do, [a_file()], DUE).told
    assert set(after) == {KEY, "l-1#008#0"}
    assert after[KEY] == Told("DUE", DUE)


@given(
    st.lists(st.tuples(st.integers(-100, 100), st.booleans()), min_size=1, max_size=5),
    st.integers(0, 60),
    st.booleans(),
)
def test_day_by_day_nothing_bursts_and_nothing_repeats(rows: list[tuple[int, bool]], gap: int, mandated: bool) -> None:
    """A borrower left alone for `gap` days hears at most one message of a kind on the day after, and no tier twice."""
    offsets = sorted({o for o, _ in rows})
    instalments = tuple(an_instalment(number=n, due_on=DUE + timedelta(days=o)) for n, o in enumerate(offsets, start=1))
    file = a_file(*instalments, mandate=MANDATE if mandated else None)
    card, told_ever = a_card(), set[str]()
    for offset in [*range(-10, 0), *range(gap, gap + 5)]:
        kinds: list[NoticeKind] = []
        for _ in range(10):
            decision = plan_contact(a_borrower(), card, [file], {"jiebei": POLICY}, day(offset))
            if not isinstance(decision, Act):
                assert not isinstance(decision, Defer) or decision.until > day(offset)
                break
            kinds.append(decision.do.kind)
            for step in decision.do.covers:
                assert step.key not in told_ever
                told_ever.add(step.key)
            card = told_after(card, decision.do, [file], DUE + timedelta(days=offset))
        assert len(kinds) == len(set(kinds))
