"""A share of `make faults`: a few seeds with fewer loans, the same seed twice, and patches that must be noticed."""

import pytest

from shared.simulation.faults import CALLS, Fault, Plan, Tally
from tests.simulation.breaks import BREAKS
from tests.simulation.runs import Task, first_caught, run

LOANS, DAYS = 20, 75


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_nothing_is_breached_whatever_fails(seed: int) -> None:
    result = run(Task(seed, LOANS, DAYS))
    assert result.breaches == (), "\n".join([result.line, *result.story])
    assert result.charges > 0
    assert sum(result.hits.values()) > 50


def test_a_seed_gives_the_same_life_again() -> None:
    first, second = run(Task(3, 10, 40)), run(Task(3, 10, 40))
    assert (first.calls, first.hits, first.counts) == (second.calls, second.hits, second.counts)
    assert (first.charges, first.charged_minor) == (second.charges, second.charged_minor)


@pytest.mark.parametrize("name", ["claim-after-act", "suspense-dropped", "not-found-without-a-claim"])
def test_a_patch_of_the_workflows_is_noticed(name: str) -> None:
    caught = first_caught(name, range(12), LOANS, DAYS)
    assert caught.seed is not None
    assert caught.breach.partition(":")[0] in BREAKS[name].noticed_by


def test_a_failing_seed_tells_how_to_see_it_again_and_what_happened() -> None:
    result = next(r for seed in range(12) if (r := run(Task(seed, LOANS, DAYS, "claim-after-act"))).breaches)
    assert result.line == f'make faults ARGS="--seed {result.task.seed} --loans 20 --days 75 --break claim-after-act"'
    assert any("present" in line for line in result.story)


def test_every_fault_is_drawn_in_its_turn() -> None:
    """Each seed leans on one pair of call and fault, and as many seeds as there are pairs lean on all of them."""
    pairs = [(call, fault) for call, faults in CALLS.items() for fault in faults]
    plans = [Plan(seed, Tally()) for seed in range(len(pairs))]
    assert [plan.focus for plan in plans] == pairs
    assert len(set(pairs)) == len(pairs)


def test_nothing_is_drawn_before_the_plan_is_armed() -> None:
    tally = Tally()
    plan = Plan(0, tally)
    assert {plan.draw("commit claim") for _ in range(500)} == {None}
    plan.armed = True
    assert Fault.CRASH_BEFORE in {plan.draw("commit claim") for _ in range(500)}
    assert tally.calls["commit claim"] == 1000
    assert ("commit settle", Fault.CRASH_AFTER) in tally.never()
