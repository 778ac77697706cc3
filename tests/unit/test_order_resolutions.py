"""Money out of suspense by an operator's order: within its limits, and above a threshold by two persons."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.policy_files import PolicyFiles, read_packs
from shared.domain import keys
from shared.domain.changes import SaveAttempt
from shared.domain.errors import InputError
from shared.domain.money import Money
from shared.domain.operations import Extent, Resolution
from shared.workflows.order_resolutions import Resolutions, Resolved
from shared.workflows.resolve_suspense import Suspense
from tests.unit.builders import a_borrower, a_loan, an_instalment, at
from tests.unit.ordering import Intervening
from tests.unit.test_operate import ALICE, BOB, FIRST, Shelf, late_money_town
from tests.unit.test_record_repayments import cny
from tests.unit.test_refunds import credited_town, refund, taken_by_bank
from tests.unit.test_resolve_suspense import BANK, unmatched
from tests.unit.town import Town

type Products = Callable[[datetime], tuple[str, ...]]
PRODUCTS: Products = PolicyFiles().products


def desk(town: Town, products: Products = PRODUCTS) -> Resolutions:
    return Resolutions(Suspense(town.book, town.shelf, town.clock, town.queue), products)


def order(town: Town, products: Products = PRODUCTS, **changes: Any) -> Resolved:
    wanted = replace(Resolution(BANK, "l-1", (), "his slip"), **changes)
    return desk(town, products).order(wanted, ALICE, "test")


def asked_town() -> tuple[Town, str]:
    town = unmatched()
    Shelf(town, approve_above_minor={"CNY": 999})
    request = order(town, numbers=(2,)).request
    assert request is not None
    return town, request


def left(town: Town) -> list[Money]:
    return [one.left for one in desk(town).suspense.open()]


def test_within_its_limits_it_is_done_at_once() -> None:
    town = unmatched()
    done = order(town, at_most_amount=cny(1_000))
    assert (done.extent, done.request, done.out and done.out.amount) == (Extent(1, {"CNY": 1_000}), None, cny(-1_000))
    assert left(town) == []
    (note,) = town.book.audit("l-1")
    assert (note.actor, "approved_by" in note.detail) == (ALICE, False)


@pytest.mark.parametrize("loan_id", ["l-1", None])
def test_more_than_its_limit_of_money_is_refused_and_nothing_is_written(loan_id: str | None) -> None:
    town = unmatched()
    for limit in (cny(999), Money(1_000, "EUR")):
        with pytest.raises(InputError, match=r"comes to 10\.00 CNY, and --at-most-amount allows"):
            order(town, loan_id=loan_id, at_most_amount=limit)
    assert (left(town), town.book.audit("l-1"), town.book.audit(keys.SUSPENSE)) == ([cny(1_000)], (), ())


def test_the_loan_that_it_pays_and_the_one_that_it_had_closed_count() -> None:
    town, _ = late_money_town()
    town.take_on(a_borrower(), a_loan(loan_id="l-2"), [an_instalment(loan_id="l-2")])
    entry = f"gateway#{FIRST}"
    with pytest.raises(InputError, match="the selection has 2 loans, and --at-most allows 1"):
        order(town, entry=entry, loan_id="l-2")
    assert order(town, entry=entry, loan_id="l-2", at_most=2).extent.loans == 2


def test_money_that_left_had_closed_no_loan() -> None:
    town, _ = credited_town()
    Intervening(town, SaveAttempt, lambda: taken_by_bank(town))
    refund(town, "600.00")
    assert left(town) == [cny(-60_000)]
    assert order(town, entry="gateway#l-1:P000002", loan_id=None).extent == Extent(0, {"CNY": 60_000})


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({"approve_above_minor": {"CNY": 1_000}}, False),
        ({"approve_above_minor": {"CNY": 999}}, True),
        ({"approve_above_loans": 1}, False),
        ({"approve_above_loans": 0}, True),
    ],
)
def test_above_a_threshold_of_policy_nothing_moves_before_another_person_agrees(
    changes: dict[str, Any], asks: bool
) -> None:
    town = unmatched()
    Shelf(town, **changes)
    assert (order(town).request is not None, left(town)) == (asks, [cny(1_000)] if asks else [])


@pytest.mark.parametrize(("most", "asks"), [(1_000, False), (999, True)])
def test_money_that_goes_to_no_loan_is_under_the_thresholds_of_every_product(most: int, asks: bool) -> None:
    town = unmatched()
    Shelf(town, approve_above_minor={"CNY": most})
    assert (order(town, loan_id=None).request is not None) is asks


def test_a_product_that_ended_asks_for_no_second_person() -> None:
    town = unmatched()
    packs = read_packs()
    ended = replace(next(p for p in packs if p.id == "jiebei"), id="retired", valid_to=date(2025, 12, 31))
    assert order(town, PolicyFiles([*packs, ended]).products, loan_id=None).request is None


def test_where_no_policy_is_known_a_second_person_is_always_needed() -> None:
    assert order(unmatched(), lambda _: (), loan_id=None).request is not None
    town = unmatched()
    town.clock.advance(timedelta(days=1000))
    assert order(town).request is not None


def test_another_person_approves_and_then_it_moves_once() -> None:
    town, request = asked_town()
    assert desk(town).asks(request)
    done = desk(town).approve(request, BOB, "test")
    assert (done.out and done.out.amount, left(town)) == (cny(-1_000), [])
    assert town.instalment(2).paid_minor == 1_000, "the instalment that was asked for"
    (note,) = town.book.audit("l-1")
    assert (note.actor, note.reason, note.detail["approved_by"]) == (ALICE, "his slip", BOB)
    with pytest.raises(InputError, match=r"not in suspense|used already"):
        desk(town).approve(request, BOB, "test")
    with pytest.raises(InputError, match="there is no request"):
        desk(town).approve("R-0", BOB, "test")


def test_nobody_approves_his_own_and_the_same_order_is_one_request() -> None:
    town, request = asked_town()
    with pytest.raises(InputError, match="another person approves it"):
        desk(town).approve(request, ALICE, "test")
    assert order(town, numbers=(2,)).request == request
    assert order(town).request != request
    assert left(town) == [cny(1_000)]


def test_the_same_order_is_one_request_through_the_lenders_day_and_another_on_his_next_one() -> None:
    town = unmatched()
    Shelf(town, approve_above_minor={"CNY": 0})
    requests = []
    for clock in ("2026-03-12 07:59", "2026-03-12 08:01", "2026-03-12 23:59", "2026-03-13 00:01"):  # 08:00 is 0:00 UTC
        town.clock.set(at(clock))
        requests.append(order(town).request)
    assert requests[0] == requests[1] == requests[2] != requests[3]


def test_what_does_not_fit_is_refused_before_anybody_is_asked() -> None:
    town = unmatched()
    Shelf(town, approve_above_minor={"CNY": 0})
    with pytest.raises(InputError, match="there is no loan l-9"):
        order(town, loan_id="l-9")
    with pytest.raises(InputError, match="transfer#B-9 is not in suspense"):
        order(town, entry="transfer#B-9")


def test_money_that_grew_after_the_look_stays() -> None:
    town = unmatched()
    with pytest.raises(InputError, match="comes to more by now than was looked at"):
        desk(town).suspense.resolve(BANK, None, reason="x", actor=ALICE, looked_at={"CNY": 999})
    assert left(town) == [cny(1_000)]
