"""The plain count itself, on loans small enough to count on one's fingers."""

from datetime import date, timedelta

import pytest

from tests.berka.expected import Schedule, expected

DUE = date(2026, 4, 10)
LONG_AFTER = date(2027, 1, 1)


def events(first_day: date, pays: bool, has_mandate: bool = True) -> list[str]:
    """`days from the due date, what`, in order."""
    schedule = Schedule("C1", [(DUE, pays)], has_mandate)
    found = expected([schedule], first_day, LONG_AFTER)
    return [f"{(day - DUE).days:+} {what}" for day, _, what in sorted(found) for _ in range(found[day, _, what])]


def of_whom_does_not_pay(first: int) -> list[str]:
    return events(DUE + timedelta(days=first), pays=False)


LATE = ["+31 M2", "+60 overdue", "+61 M3", "+91 legal"]


def test_who_pays_hears_of_it_three_times_before_and_once_after() -> None:
    assert events(DUE - timedelta(days=30), pays=True) == [
        "-7 remind",
        "-3 remind",
        "-1 pre-debit",
        "+0 paid",
        "+0 settled",
    ]


def test_who_does_not_pay_is_debited_three_times_on_the_due_day_and_then_overdue() -> None:
    assert of_whom_does_not_pay(-30) == [
        "-7 remind",
        "-3 remind",
        "-1 pre-debit",
        "+0 insufficient",
        "+0 insufficient",
        "+0 insufficient",
        "+0 failed",
        "+1 overdue",
        "+1 M1",
        "+3 overdue",
        "+7 overdue",
        "+15 overdue",
        "+30 overdue",
        *LATE,
    ]


@pytest.mark.parametrize(
    ("first", "begins"),
    [
        (-6, ["-6 remind", "-3 remind", "-1 pre-debit", "+0 insufficient"]),
        (-4, ["-4 remind", "-3 remind", "-1 pre-debit"]),
        (-3, ["-3 remind", "-1 pre-debit"]),
        (-2, ["-2 remind", "-1 pre-debit"]),
        (-1, ["-1 pre-debit", "+0 insufficient", "+0 insufficient", "+0 insufficient", "+0 failed", "+1 overdue"]),
        (0, ["+0 pre-debit", *["+1 insufficient"] * 3, "+1 overdue", "+1 M1", "+3 overdue"]),
        (1, ["+1 pre-debit", *["+2 insufficient"] * 3, "+2 overdue", "+2 M1", "+3 overdue"]),
        (2, ["+2 pre-debit", *["+3 insufficient"] * 3, "+3 overdue", "+3 M1", "+7 overdue"]),
        (3, ["+3 overdue", "+3 M1", "+7 overdue"]),
        (14, ["+14 overdue", "+14 M1", "+15 overdue", "+30 overdue"]),
        (30, ["+30 overdue", "+30 M1", "+31 M2", "+60 overdue"]),
        (31, ["+31 overdue", "+31 M1", "+31 M2", "+60 overdue", "+61 M3"]),
        (60, ["+60 overdue", "+60 M1", "+60 M2", "+61 M3", "+91 legal"]),
        (200, ["+200 overdue", "+200 M1", "+200 M2", "+200 M3", "+200 legal"]),
    ],
)
def test_on_the_first_day_the_newest_step_is_told_once(first: int, begins: list[str]) -> None:
    assert of_whom_does_not_pay(first)[: len(begins)] == begins


def test_without_a_mandate_the_due_day_is_told_instead_of_debited() -> None:
    found = events(DUE - timedelta(days=30), pays=False, has_mandate=False)
    assert found[:6] == ["-7 remind", "-3 remind", "-1 remind", "+0 due", "+1 overdue", "+1 M1"]
    assert "+0 insufficient" not in found


def test_one_message_covers_all_instalments_of_a_borrower_that_ask_for_the_same_kind() -> None:
    second = DUE + timedelta(days=30)
    found = expected([Schedule("C1", [(DUE, False), (second, False)])], DUE + timedelta(days=100), LONG_AFTER)
    assert found[DUE + timedelta(days=100), "message", "overdue"] == 1
    assert found[DUE + timedelta(days=100), "stage", "M1"] == 1


def test_a_loan_is_settled_with_its_last_unpaid_instalment_and_never_where_one_stays_unpaid() -> None:
    second = DUE + timedelta(days=30)
    paid = expected([Schedule("C1", [(DUE, True), (second, True)])], DUE, LONG_AFTER)
    assert (paid[second, "message", "settled"], sum(what == "received" for _, _, what in paid)) == (1, 1)
    behind = expected([Schedule("C1", [(DUE, False), (second, True)])], DUE, LONG_AFTER)
    assert (behind[second, "message", "settled"], behind[second, "message", "received"]) == (0, 1)
