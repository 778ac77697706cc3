"""Under a hold that stops debits the borrower may pay of his own will; nobody else may take from him."""

from datetime import date

import pytest

from shared.domain.book import Line, Outcome, Owner
from shared.domain.contact_rules import Stops
from shared.domain.decision import Act, Defer, Reason
from shared.domain.hold_orders import HoldAdd, HoldEnd
from shared.domain.holds import Hold
from shared.domain.intents import plan_pay_now
from shared.domain.operations import Order, Verb
from shared.domain.switches import ALL_ON
from shared.workflows.set_holds import Holds
from tests.unit.builders import DUE, a_file, a_loan, a_mandate, a_policy, announced, at, day
from tests.unit.ordering import due_town, operations, pay
from tests.unit.town import Town

ACTOR = "arn:alice"


def held_until(until: date | None, *stops: Stops) -> Hold:
    return Hold("dispute-2026-03-01-1", "dispute", frozenset(stops), at("2026-03-01 10:00"), until)


def set_hold(town: Town, code: str = "dispute") -> str:
    (result,) = Holds(town.book, town.shelf, town.clock).add(HoldAdd(code, "l-1", None, None, "ticket"), ACTOR)
    return result.hold_id


@pytest.mark.parametrize("owner", [Owner.OPERATOR, Owner.SCHEDULE])
@pytest.mark.parametrize(
    ("until", "then"), [(None, day(7)), (DUE, at("2026-03-11 00:00")), (date(2026, 3, 20), at("2026-03-21 00:00"))]
)
def test_another_one_s_order_waits_for_the_end_of_the_hold(owner: Owner, until: date | None, then: object) -> None:
    file = a_file(loan=a_loan(holds=(held_until(until, Stops.DEBIT),)))
    told = {1: announced()}
    decision = plan_pay_now(file, None, None, a_mandate(), a_policy(), day(0), ALL_ON, owner=owner, told=told)
    assert decision == Defer(then, Reason.ON_HOLD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hold", "owner"),
    [
        (held_until(None, Stops.DEBIT, Stops.CONTACT), Owner.BORROWER),
        (held_until(None, Stops.CONTACT, Stops.ESCALATION), Owner.OPERATOR),
        (held_until(date(2026, 3, 9), Stops.DEBIT), Owner.OPERATOR),
    ],
)
def test_the_borrower_s_own_order_goes_through_and_so_does_what_no_hold_stops(hold: Hold, owner: Owner) -> None:
    file = a_file(loan=a_loan(holds=(hold,)))
    told = {1: announced()}
    decision = plan_pay_now(file, None, None, a_mandate(), a_policy(), day(0), ALL_ON, owner=owner, told=told)
    assert isinstance(decision, Act)


def test_an_operator_s_recharge_is_refused_and_the_borrower_s_payment_is_made() -> None:
    town, _ = due_town("insufficient-1")
    town.live_through("2026-03-10", "2026-03-10")
    set_hold(town)
    (refused,) = operations(town).order(Order(Verb.RECHARGE, ("l-1:P000001",), "why"), ACTOR, "test").results
    assert (refused.word, refused.reason) == ("refused", Reason.ON_HOLD)
    town, _ = due_town()
    set_hold(town)
    assert pay(town, 1).outcome is Outcome.PAID


def test_the_schedule_debits_tells_and_escalates_nothing_until_the_hold_is_ended() -> None:
    town, _ = due_town("insufficient-1")
    told = len(town.notices())
    hold_id = set_hold(town)
    town.live_through("2026-03-10", "2026-03-12")
    assert (town.attempts(), town.escalations(), len(town.notices())) == ([], [], told)
    Holds(town.book, town.shelf, town.clock).end(HoldEnd("l-1", hold_id, "closed"), ACTOR)
    town.live_through("2026-03-13", "2026-03-14")
    assert len(town.notices()) > told
    assert town.escalations()


def test_a_complaint_stops_messages_and_stages_and_no_debit() -> None:
    town, _ = due_town()
    told = len(town.notices())
    set_hold(town, "complaint")
    town.work(Line.DEBIT, ["l-1#001"])
    assert [a.outcome for a in town.attempts()] == [Outcome.PAID]
    town.live_through("2026-03-11", "2026-03-12")
    assert len(town.notices()) == told
