"""What counts as a fault: what changed something. And how long a request may be on its way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from shared.adapters.memory.book import MemoryBook
from shared.adapters.memory.world import FixedClock
from shared.cli.simulate import world as read_world
from shared.domain import keys
from shared.domain.book import Line, Outcome
from shared.domain.changes import SaveInstalment
from shared.domain.errors import StoreError
from shared.domain.money import Money
from shared.ports.portfolio import Imported
from shared.ports.world import DebitRequest, RefundRequest
from shared.simulation.actors import Baton, Job
from shared.simulation.boundaries import Boundary
from shared.simulation.engine import MISSED_FOR, STALLS, TOLD_WITHIN, WORKER_LIFE, Options, Simulation
from shared.simulation.faults import CrashError, Fault, Plan, Tally
from shared.simulation.gateway import Account, Charge, GatewayModel, Habit, Manners
from shared.simulation.portfolio import draw_book, draw_young_loans
from shared.simulation.stored import SimulatedBook
from shared.simulation.story import named_in
from shared.simulation.wire import SimulatedGateway
from shared.workflows.attempt_deductions import FRESH
from tests.unit.builders import DUE, a_card, a_loan, an_instalment, at

NOON = at("2026-03-10 12:00")
KEY = "l-1:P000001"
REQUEST = DebitRequest(KEY, Money(101_500, "CNY"), "balance-1", "m-1", ())


class Chosen(Plan):
    """A plan that draws the same fault at every call."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(0, Tally())
        self._fault = fault
        self.tally = self._tally

    def draw(self, call: str) -> Fault | None:
        self.note(call, self._fault)
        return self._fault


def world(fault: Fault) -> tuple[SimulatedBook, Chosen, MemoryBook]:
    store, plan = MemoryBook(), Chosen(fault)
    for row in (a_card(), an_instalment(), a_loan()):
        store.write([Imported(row, "")])
    boundary = Boundary(Baton(), plan, FixedClock(NOON))
    return SimulatedBook(store, boundary, Random(0), lambda _: None, lambda *_: None), plan, store


MADE, LOST = SaveInstalment(an_instalment(rev=1)), SaveInstalment(an_instalment(rev=9))


@pytest.mark.parametrize(("change", "counted"), [(MADE, 1), (LOST, 0)])
def test_a_lost_answer_is_that_of_a_commit_that_was_made(change: SaveInstalment, counted: int) -> None:
    book, plan, _ = world(Fault.ANSWER_LOST)
    with pytest.raises(StoreError):
        book.commit([change])
    assert plan.tally.hits["commit deferral", Fault.ANSWER_LOST] == counted


@pytest.mark.parametrize(("change", "counted"), [(MADE, 1), (LOST, 0)])
def test_what_was_not_made_is_not_retried_as_its_own(change: SaveInstalment, counted: int) -> None:
    book, plan, _ = world(Fault.RETRIED)
    assert book.commit([change]) is bool(counted)
    assert plan.tally.hits["commit deferral", Fault.RETRIED] == counted


def test_an_index_lags_where_it_shows_something_else_than_stands_there() -> None:
    book, plan, store = world(Fault.LAGS)
    shard = keys.shard_name(0)
    seen = [book.agenda(Line.STAGE, shard, None, 10).keys for _ in range(2)]
    assert plan.tally.hits["read agenda", Fault.LAGS] == 0
    store.open([a_loan(step=NOON)], NOON)
    seen.append(book.agenda(Line.STAGE, shard, None, 10).keys)
    assert seen == [()] * 3
    assert store.agenda(Line.STAGE, shard, None, 10).keys == ("l-1",)
    assert plan.tally.hits["read agenda", Fault.LAGS] == 1


def test_an_enquiry_lags_where_there_is_an_answer_to_lag_behind() -> None:
    gateway, plan, _, _ = a_gateway(Fault.LAGS, final=True)
    assert gateway.enquire(KEY) is None
    assert plan.tally.hits["enquire", Fault.LAGS] == 0
    gateway.model.present(REQUEST)
    answer = gateway.enquire(KEY)
    assert answer
    assert answer.outcome is Outcome.PENDING
    assert plan.tally.hits["enquire", Fault.LAGS] == 1


type Coming = list[tuple[timedelta, Callable[[], None]]]


def a_gateway(fault: Fault, *, final: bool) -> tuple[SimulatedGateway, Chosen, Coming, FixedClock]:
    """A gateway whose requests all meet one fault; what will come later is listed with its wait."""
    clock, plan, coming = FixedClock(NOON), Chosen(fault), list[tuple[timedelta, Callable[[], None]]]()
    model = GatewayModel(
        Manners(final, timedelta(days=1)),
        Random(1),
        clock.now,
        lambda when, _, act: coming.append((when - NOON, act)),
        lambda _: None,
        {"balance-1": Account(Habit.PAYS)},
    )
    boundary = Boundary(Baton(), plan, clock)
    return SimulatedGateway(model, MemoryBook(), boundary, Random(2), lambda _: None), plan, coming, clock


@pytest.mark.parametrize(("final", "most"), [(True, 200), (False, 7200)])
def test_a_request_outlives_the_lease_only_where_not_found_is_not_final(final: bool, most: int) -> None:
    gateway, _, coming, clock = a_gateway(Fault.ARRIVES_LATE, final=final)
    for _ in range(60):
        clock.set(NOON)
        assert gateway.present(REQUEST).outcome is Outcome.UNKNOWN
        assert clock.at == NOON + timedelta(seconds=5)
    assert max(wait.total_seconds() for wait, _ in coming) == most


def test_a_late_refund_comes_too() -> None:
    gateway, _, coming, _ = a_gateway(Fault.ARRIVES_LATE, final=False)
    gateway.model.present(REQUEST)
    refund = RefundRequest("l-1:P000002", KEY, Money(500, "CNY"))
    assert gateway.refund(refund).outcome is Outcome.UNKNOWN
    assert [c.amount.minor for c in gateway.model.charges] == [101_500]
    coming[-1][1]()
    assert [c.amount.minor for c in gateway.model.charges] == [101_500, -500]


@pytest.mark.parametrize("looked", [False, True])
def test_money_that_comes_after_a_person_did_not_find_it_contradicts_the_list(looked: bool) -> None:
    gateway, _, _, _ = a_gateway(Fault.ARRIVES_LATE, final=False)
    if looked:
        assert gateway.model.in_books(KEY) is None
    gateway.model.present(REQUEST)
    assert [c.contradicts for c in gateway.model.charges] == [looked]


def a_life(fault: Fault) -> tuple[Simulation, Chosen]:
    """A lender of one loan whose schedules and races meet one fault."""
    world, plan = read_world(), Chosen(fault)
    options = Options(world.names("product"), world.names("rail"), loans=1)
    life = Simulation(0, options, world.era(0), world.fill, Baton())
    life.plan = plan
    return life, plan


def test_a_schedule_that_was_missed_for_days_is_not_missed_again_soon() -> None:
    """What is drawn by then does not happen, and does not count."""
    life, plan = a_life(Fault.LOST_FOR_DAYS)
    life.clock.advance(timedelta(seconds=1))
    fired: list[str] = []
    waits: list[timedelta] = []
    for hours in (0, 50, 50, 50):
        life.clock.advance(timedelta(hours=hours))
        waits.append(life._fired("fire planner", lambda: Job("plan", lambda: fired.append("fired"))) - life.clock.at)
    assert [wait in MISSED_FOR for wait in waits] == [True, False, False, True]
    assert len(fired) == 2
    assert plan.tally.hits["fire planner", Fault.LOST_FOR_DAYS] == 2


def test_who_is_held_up_goes_on_as_long_as_his_life_lasts() -> None:
    life, plan = a_life(Fault.STALLED)
    life._race_ends = life.clock.at + WORKER_LIFE
    killed = [life._between()[1] for _ in range(20)]
    assert not any(killed)
    assert life.clock.at < life._race_ends
    assert 0 < plan.tally.hits["a turn of a race", Fault.STALLED] < 8


def test_who_is_frozen_past_his_life_is_killed() -> None:
    life, _ = a_life(Fault.FROZEN)
    life._race_ends = life.clock.at + WORKER_LIFE
    assert life._between()[1]


def test_who_is_held_up_lives_on_past_the_time_for_acting() -> None:
    assert min(STALLS) > FRESH
    assert max(STALLS) < WORKER_LIFE


def test_who_is_killed_before_his_first_call_has_died_of_it() -> None:
    """Else the job would count as done, and what must arrive would be lost."""
    baton, ran = Baton(), list[str]()

    def first() -> None:
        ran.append("first")
        baton.pause()
        ran.append("and on")

    jobs = [Job("first", first), Job("second", first)]
    ended = list(baton.race(jobs, Random(0), lambda: ([], True)))
    assert sorted(job.name for job, _ in ended) == ["first", "second"]
    assert [type(error) for _, error in ended] == [CrashError, CrashError]
    assert ran == ["first"]


def test_a_charge_of_which_no_news_ever_came_is_a_breach() -> None:
    life, _ = a_life(Fault.STALLED)
    life.model.charges.append(Charge(KEY, "ref-1", Money(101_500, "CNY"), life.clock.at))
    life.news.untold.add((KEY, "ref-1"))
    life.clock.advance(TOLD_WITHIN)
    assert list(life._never_told()) == []
    life.clock.advance(timedelta(seconds=1))
    assert [(breach.check, breach.subject) for breach in life._never_told()] == [("news-arrives", KEY)]
    life.news.untold.clear()
    assert list(life._never_told()) == []


def test_a_key_that_is_used_for_another_request_is_a_breach() -> None:
    life, _ = a_life(Fault.STALLED)
    life.model.accounts["balance-1"] = Account(Habit.PAYS)
    life.model.present(REQUEST)
    life.model.present(REQUEST)
    life._check()
    assert not {breach.check for breach in life.verdict.breaches} & {"requests-were-claimed"}
    life.model.present(replace(REQUEST, amount=Money(1, "CNY")))
    life._check()
    assert "requests-were-claimed" in {breach.check for breach in life.verdict.breaches}


def test_the_loans_of_the_last_days_are_none_of_a_large_book() -> None:
    def draw() -> tuple[set[str], set[str]]:
        rest: Any = (["jiebei"], ["stub"], {})
        book, young = draw_book(Random(0), 1_200, *rest), draw_young_loans(Random(1), 8, DUE, *rest)
        return {h.loan.loan_id for h in book}, {h.loan.loan_id for h in young}

    old, young = draw()
    assert len(old) >= 1_200
    assert not old & young
    assert {named_in(f"instalment {loan}#001") for loan in old | young} == old | young
