"""Lives of loans, day by day through the real workflows in memory."""

from datetime import date, timedelta

import pytest

from shared.domain.book import InstalmentState, LoanStatus, MandateStatus, NoticeState, Outcome, Stage
from shared.domain.money import Money
from tests.unit.builders import DUE, a_borrower, a_loan, a_mandate, an_instalment, at
from tests.unit.town import Town

SECOND = an_instalment(number=2, due_on=date(2026, 4, 10))


def test_a_loan_that_is_deducted_hears_before_and_after() -> None:
    town = Town(an_instalment(), SECOND)
    town.live_through("2026-03-01", "2026-04-12")
    assert town.told() == [
        ("2026-03-03", "REMIND_7"),
        ("2026-03-07", "REMIND_3"),
        ("2026-03-09", "PRE_DEBIT"),
        ("2026-03-10", "RECEIVED"),
        ("2026-04-03", "REMIND_7"),
        ("2026-04-07", "REMIND_3"),
        ("2026-04-09", "PRE_DEBIT"),
        ("2026-04-10", "SETTLED"),
    ]
    assert [(a.slot, a.outcome) for a in town.attempts()] == [
        ("2026-03-10T08:00", Outcome.PAID),
        ("2026-04-10T08:00", Outcome.PAID),
    ]
    assert town.charged() == sum(e.amount.minor for e in town.entries()) == 203_000
    assert town.loan().status is LoanStatus.SETTLED
    assert town.escalations() == []


def test_a_loan_without_a_mandate_is_reminded_and_pays_by_hand() -> None:
    town = Town(an_instalment(), SECOND, account=None)
    town.live_through("2026-03-01", "2026-03-10")
    town.repay("1015.00")
    town.live_through("2026-03-11", "2026-03-31")
    assert [t for _, t in town.told()] == ["REMIND_7", "REMIND_3", "REMIND_1", "DUE"]
    assert town.instalment().state is InstalmentState.PAID


def test_a_loan_that_nobody_pays_goes_through_every_stage() -> None:
    town = Town(account="insufficient-1")
    town.live_through("2026-03-01", "2026-06-20")
    assert town.told() == [
        ("2026-03-03", "REMIND_7"),
        ("2026-03-07", "REMIND_3"),
        ("2026-03-09", "PRE_DEBIT"),
        ("2026-03-10", "FAILED"),
        ("2026-03-11", "OVERDUE_1"),
        ("2026-03-13", "OVERDUE_3"),
        ("2026-03-17", "OVERDUE_7"),
        ("2026-03-25", "OVERDUE_15"),
        ("2026-04-09", "OVERDUE_30"),
        ("2026-05-09", "OVERDUE_60"),
    ]
    assert [a.slot for a in town.attempts()] == [f"2026-03-10T{s}" for s in ("08:00", "12:00", "20:00")]
    assert [(e.stage, e.entered_on, e.dpd) for e in town.escalations()] == [
        (Stage.M1, date(2026, 3, 11), 1),
        (Stage.M2, date(2026, 4, 10), 31),
        (Stage.M3, date(2026, 5, 10), 61),
        (Stage.LEGAL, date(2026, 6, 9), 91),
    ]
    failed = next(n for n in town.notices() if n.kind == "failed")
    assert failed.claimed_at == at("2026-03-10 20:00")
    assert "逾期" not in town.inbox.sent[3].text


def test_paying_undoes_the_stages_in_reverse_and_a_later_delay_is_a_new_episode() -> None:
    later = an_instalment(number=2, due_on=date(2026, 6, 10))
    town = Town(an_instalment(), later, account=None)
    town.live_through("2026-03-01", "2026-04-12")
    assert town.loan().stage is Stage.M2
    town.repay("1015.00")
    town.pass_now()
    assert town.loan().stage is Stage.CURRENT
    assert {e.left_on for e in town.escalations()} == {date(2026, 4, 12)}
    town.live_through("2026-04-13", "2026-06-13")
    assert [(e.key, e.entered_on) for e in town.escalations()][2:] == [("001#M1", date(2026, 6, 11))]


def test_a_partial_payment_changes_what_is_asked_for_and_deducted() -> None:
    town = Town(an_instalment(), SECOND)
    town.live_through("2026-03-01", "2026-03-09")
    town.repay("15.00")
    town.live_through("2026-03-10", "2026-03-11")
    assert town.attempts()[0].amount == Money(100_000, "CNY")
    assert town.instalment().state is InstalmentState.PAID


@pytest.mark.parametrize("account", ["slow-1", "lost-1"])
def test_an_answer_that_never_came_is_asked_for_and_settled_once(account: str) -> None:
    town = Town(an_instalment(), SECOND, account=account)
    town.live_through("2026-03-01", "2026-03-12")
    assert town.charged() == sum(e.amount.minor for e in town.entries()) == 101_500
    assert len(town.attempts()) == 1
    assert town.told()[-1] == ("2026-03-10", "RECEIVED")


@pytest.mark.parametrize(
    ("account", "outcome", "status"),
    [
        ("mandate-dead-1", Outcome.MANDATE_DEAD, "revoked"),
        ("account-dead-1", Outcome.ACCOUNT_DEAD, "suspended"),
        ("risk-1", Outcome.RISK, "suspended"),
    ],
)
def test_an_answer_that_ends_the_mandate_ends_the_debits_and_is_told_at_once(
    account: str, outcome: Outcome, status: str
) -> None:
    town = Town(account=account)
    town.live_through("2026-03-01", "2026-03-12")
    assert [a.outcome for a in town.attempts()] == [outcome]
    failed = next(n for n in town.notices() if n.kind == "failed")
    assert failed.claimed_at == at("2026-03-10 08:00")
    file = town.book.loan_file("l-1")
    assert file is not None
    assert [m.status for m in file.mandates] == [status]
    assert file.loan.gate_rev == 1


def test_a_limit_of_the_day_is_tried_on_another_day() -> None:
    town = Town(account="limit-1")
    town.live_through("2026-03-01", "2026-03-20")
    assert [a.slot for a in town.attempts()] == ["2026-03-10T08:00", "2026-03-11T08:00", "2026-03-12T08:00"]


def test_our_own_mistake_is_tried_in_every_slot_and_costs_the_borrower_no_attempt() -> None:
    town = Town(account="nonsense-1")
    town.live_through("2026-03-01", "2026-03-20")
    assert len(town.attempts()) == 3 * 4  # slots of the due day and of three days of catching up
    assert town.instalment().attempts == 0
    assert {a.outcome for a in town.attempts()} == {Outcome.CONFIG}


def test_money_that_comes_at_noon_is_deducted_at_noon() -> None:
    town = Town(an_instalment(), SECOND, account="balance-1")
    town.live_through("2026-03-01", "2026-03-09")
    town.clock.set(at("2026-03-10 08:00"))
    town.pass_now()
    town.stub_books.credit("balance-1", "c-1", Money(101_500, "CNY"))
    town.live_through("2026-03-10", "2026-03-10")
    assert [a.outcome for a in town.attempts()] == [Outcome.INSUFFICIENT, Outcome.PAID]
    assert town.told()[-1] == ("2026-03-10", "RECEIVED")


@pytest.mark.parametrize("first", range(1, 14))
@pytest.mark.parametrize("mandated", [True, False])
def test_after_days_without_a_run_each_instalment_hears_at_most_once(first: int, mandated: bool) -> None:
    """Five days out, wherever they fall: one message on the day it is back, and the line goes on."""
    town = Town(account="insufficient-1" if mandated else None)
    skip = [f"2026-03-{d:02d}" for d in range(first, first + 5)]
    town.live_through("2026-03-01", "2026-04-15", skip)
    back = f"2026-03-{first + 5:02d}"
    assert len([t for day, t in town.told() if day == back]) <= 1
    tiers = [t for _, t in town.told()]
    assert len(tiers) == len(set(tiers))
    assert tiers[-1] == "OVERDUE_30"
    assert town.loan().stage is Stage.M2
    assert len(town.attempts()) <= 3


def test_a_deduction_whose_notice_came_late_is_caught_up() -> None:
    town = Town(an_instalment(), SECOND)
    town.live_through("2026-03-01", "2026-03-12", ["2026-03-08", "2026-03-09", "2026-03-10"])
    assert town.told()[-2:] == [("2026-03-11", "PRE_DEBIT"), ("2026-03-12", "RECEIVED")]
    assert town.attempts()[0].slot == "2026-03-12T08:00"


def test_a_borrower_in_another_zone_hears_in_his_own_hours() -> None:
    town = Town(account=None, borrower=a_borrower(time_zone="Europe/Prague", locale="cs-CZ"))
    town.live_through("2026-03-01", "2026-04-12")
    hours = [n.claimed_at.astimezone(at("2026-03-01 00:00").tzinfo).hour for n in town.notices()]
    assert hours == [12] * len(hours)
    assert [t for _, t in town.told()][-1] == "OVERDUE_30"


def test_a_borrower_without_a_phone_is_recorded_where_a_notice_is_mandatory() -> None:
    town = Town(account=None, borrower=a_borrower(phone=None))
    town.live_through("2026-03-01", "2026-04-12")
    assert {n.state for n in town.notices()} == {NoticeState.UNDELIVERABLE}
    assert [t for _, t in town.told()] == ["DUE", "OVERDUE_1", "OVERDUE_30"]
    assert town.loan().stage is Stage.M2
    assert town.inbox.sent == []


def test_two_loans_of_one_borrower_share_their_messages() -> None:
    town = Town(account=None)
    other = a_loan(loan_id="l-2", product="huabei")
    town.take_on(a_borrower(), other, [an_instalment(loan_id="l-2", principal_minor=50_000)])
    town.live_through("2026-03-01", "2026-03-11")
    assert [t for _, t in town.told()] == ["REMIND_7", "REMIND_3", "REMIND_1", "DUE", "OVERDUE_1"]
    assert all(len(n.covers) == 2 and n.amount.minor == 153_000 for n in town.notices())


def test_a_loan_taken_on_long_overdue_gets_one_notice_and_then_its_stages() -> None:
    town = Town(an_instalment(due_on=DUE - timedelta(days=300)), account=None)
    town.live_through("2026-03-01", "2026-03-03")
    assert town.told() == [("2026-03-01", "OVERDUE_60")]
    assert [e.stage for e in town.escalations()] == [Stage.M1, Stage.M2, Stage.M3, Stage.LEGAL]
    assert {e.entered_on for e in town.escalations()} == {date(2026, 3, 1)}


def test_paying_everything_early_settles_the_loan_at_once() -> None:
    town = Town(an_instalment(), SECOND)
    town.live_through("2026-03-01", "2026-03-04")
    town.repay("2040.00")
    town.pass_now()
    assert town.told()[-1] == ("2026-03-04", "SETTLED")
    assert town.loan().status is LoanStatus.SETTLED
    assert town.entries()[0].credit_minor == 1_000
    town.live_through("2026-03-05", "2026-04-12")
    assert town.attempts() == []


def test_a_suspended_mandate_is_not_used() -> None:
    town = Town(account=None)
    suspended = a_mandate(loan_id="l-2", status=MandateStatus.SUSPENDED)
    town.take_on(a_borrower(), a_loan(loan_id="l-2"), [an_instalment(loan_id="l-2")], suspended)
    town.live_through("2026-03-01", "2026-03-12")
    assert town.attempts() == []
    assert [t for _, t in town.told()] == ["REMIND_7", "REMIND_3", "REMIND_1", "DUE", "OVERDUE_1"]
