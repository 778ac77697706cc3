"""Money onto instalments and back off them, to the minor unit."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.book import Component, Instalment, InstalmentState, LedgerEntry, Outcome
from shared.domain.debit import Presentment
from shared.domain.money import Money
from shared.domain.settlement import DEFAULT_WATERFALL, Allocation, allocate, claimed, taken_back
from tests.unit.builders import DUE, a_loan, a_policy, an_instalment, at, attempted

FEE, PENALTY, INTEREST, PRINCIPAL = Component
ROW = an_instalment(principal_minor=50_000, interest_minor=3_000, fee_minor=1_000)


def pay(minor: int, *rows: Instalment, on: date = DUE, **changes: object) -> Allocation:
    return allocate(Money(minor, "CNY"), rows, on, a_policy().waterfall, **changes)  # type: ignore[arg-type]


def booked(allocation: Allocation, minor: int) -> LedgerEntry:
    return LedgerEntry("l-1", "transfer", "r-1", Money(minor, "CNY"), DUE, allocation.split, parts=allocation.parts)


def test_costs_come_before_interest_and_interest_before_principal() -> None:
    assert pay(10_000, ROW).parts == ((1, FEE, 1_000), (1, INTEREST, 3_000), (1, PRINCIPAL, 6_000))


@pytest.mark.parametrize(("dpd", "first"), [(90, FEE), (91, PRINCIPAL)])
def test_after_ninety_days_principal_comes_first(dpd: int, first: Component) -> None:
    assert pay(500, ROW, on=DUE + timedelta(days=dpd)).parts == ((1, first, 500),)


def test_a_second_payment_goes_on_where_the_first_one_ended() -> None:
    (once,) = pay(2_000, ROW).instalments
    assert pay(3_000, once).parts == ((1, INTEREST, 2_000), (1, PRINCIPAL, 1_000))
    assert (once.paid(FEE), once.paid(INTEREST), once.paid(PRINCIPAL)) == (1_000, 1_000, 0)


def test_the_oldest_instalment_comes_first_unless_the_borrower_chose() -> None:
    second = replace(ROW, number=2, due_on=DUE + timedelta(days=31))
    assert pay(60_000, second, ROW).split == ((1, 54_000), (2, 6_000))
    assert pay(60_000, second, ROW, first=(2,)).split == ((2, 54_000), (1, 6_000))


def test_surplus_pays_nothing_and_is_credit() -> None:
    paid = pay(60_000, ROW)
    assert booked(paid, 60_000).credit_minor == 6_000
    assert paid.instalments[0].state is InstalmentState.PAID


def test_a_reversal_takes_the_credit_first_and_then_what_was_paid_last() -> None:
    paid = pay(60_000, ROW)
    back = taken_back(booked(paid, 60_000), (), 10_000, paid.instalments)
    assert back.parts == ((1, PRINCIPAL, -4_000),)
    (row,) = back.instalments
    assert (row.state, row.outstanding_minor, row.episode) == (InstalmentState.OPEN, 4_000, 1)
    assert (row.paid_on, row.paid_by) == (None, None)


def test_an_instalment_that_was_open_stays_in_its_episode() -> None:
    paid = pay(10_000, ROW)
    (row,) = taken_back(booked(paid, 10_000), (), 10_000, paid.instalments).instalments
    assert (row.paid_minor, row.episode) == (0, 0)


def test_an_entry_from_before_components_were_kept_gives_back_principal() -> None:
    old = LedgerEntry("l-1", "import", "p-1", Money(5_000, "CNY"), DUE, ((1, 5_000),))
    paid = replace(ROW, paid_minor=5_000)
    assert taken_back(old, (), 5_000, [paid]).parts == ((1, PRINCIPAL, -5_000),)


def rows() -> st.SearchStrategy[list[Instalment]]:
    part = st.integers(0, 500)
    one = st.tuples(part, part, part, st.integers(1, 500), st.integers(-100, 60))
    return st.lists(one, min_size=1, max_size=4).map(
        lambda found: [
            an_instalment(
                number=n,
                fee_minor=fee,
                penalty_minor=penalty,
                interest_minor=interest,
                principal_minor=principal,
                due_on=DUE + timedelta(days=days),
            )
            for n, (fee, penalty, interest, principal, days) in enumerate(found, start=1)
        ]
    )


@given(rows(), st.lists(st.integers(1, 3_000), min_size=1, max_size=4))
def test_every_payment_is_split_to_the_minor_unit(found: list[Instalment], amounts: list[int]) -> None:
    stand = {row.number: row for row in found}
    for minor in amounts:
        before = sum(row.outstanding_minor for row in stand.values())
        paid = allocate(Money(minor, "CNY"), stand.values(), DUE, a_policy().waterfall)
        stand |= {row.number: row for row in paid.instalments}
        assert sum(m for _, m in paid.split) == sum(m for _, _, m in paid.parts) == min(minor, before)
        for row in stand.values():
            assert all(0 <= row.paid(c) <= row.due(c) for c in Component)
            assert sum(row.paid(c) for c in Component) == row.paid_minor


@given(rows(), st.integers(1, 3_000), st.data())
def test_taking_all_of_it_back_leaves_what_was_there(found: list[Instalment], minor: int, data: st.DataObject) -> None:
    paid = allocate(Money(minor, "CNY"), found, DUE, DEFAULT_WATERFALL)
    stand = {row.number: row for row in found} | {row.number: row for row in paid.instalments}
    entry = booked(paid, minor)
    undone: list[LedgerEntry] = []
    left = minor
    while left:
        part = data.draw(st.integers(1, left))
        back = taken_back(entry, undone, part, stand.values())
        stand |= {row.number: row for row in back.instalments}
        undone.append(
            LedgerEntry(
                "l-1", "transfer", f"u-{left}", Money(-part, "CNY"), DUE, back.split, parts=back.parts, undoes="x"
            )
        )
        left -= part
    for row in found:
        again = stand[row.number]
        assert [again.paid(c) for c in Component] == [row.paid(c) for c in Component]
        assert again.outstanding_minor == row.outstanding_minor
    assert entry.credit_minor + sum(e.credit_minor for e in undone) == 0


@pytest.mark.parametrize(
    ("ordered", "stands", "of_day"),
    [
        ("2026-03-10T11:59", "2026-03-10T12:00", 2),  # by a clock that is behind
        ("2026-03-09T23:59", "2026-03-10T12:00", 2),  # on the day before, even
        ("2026-03-10T12:00", "2026-03-10T12:00", 2),
        ("2026-03-10T12:01", "2026-03-10T12:01", 2),
        ("2026-03-11T08:00", "2026-03-11T08:00", 1),
    ],
)
def test_the_slot_of_an_attempt_is_never_before_that_of_the_one_before(ordered: str, stands: str, of_day: int) -> None:
    tried = attempted(Outcome.WINDOW, "2026-03-10T12:00")
    order = Presentment("l-1", (1,), Money(101_500, "CNY"), "m-1", "stub", "acc-1", ordered)
    attempt, (taken,) = claimed(order, a_loan(), [tried], "v", at("2026-03-10 04:00"))
    assert attempt.slot == ordered
    assert taken.last_attempt
    assert (taken.last_attempt.slot, taken.last_attempt.of_day) == (stands, of_day)
