"""A share of `make simulate`: a few seeds with fewer loans, the same seed twice, and patches that must be noticed."""

import shlex
from dataclasses import replace
from functools import cache

import pytest

from shared.cli.simulate import world as read_world
from shared.simulation.breaks import BREAKS
from shared.simulation.eras import EraName, World
from shared.simulation.faults import CALLS, Fault, Plan, Tally
from shared.simulation.series import Result, Task, first_caught, run
from shared.simulation.shrinking import fewest, shrunk

LOANS, DAYS = 20, 75
SMALL = Task(0, LOANS, DAYS)


@cache
def world() -> World:
    return read_world()


def lived(seed: int, **more: object) -> Result:
    return run(replace(SMALL, seed=seed, **more), world())  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_nothing_is_breached_whatever_fails(seed: int) -> None:
    result = lived(seed)
    assert result.breaches == (), "\n".join([result.task.line, *result.story])
    assert result.charges > 0
    assert result.messages > 0
    assert sum(result.hits.values()) > 50


def test_a_seed_gives_the_same_life_again() -> None:
    task = Task(3, 10, 40)
    first, second = run(task, world()), run(task, world())
    assert (first.calls, first.hits, first.counts) == (second.calls, second.hits, second.counts)
    assert (first.charges, first.charged_minor, first.messages) == (
        second.charges,
        second.charged_minor,
        second.messages,
    )


def test_seeds_live_under_all_kinds_of_packs() -> None:
    assert {world().era(seed).name for seed in range(30)} == set(EraName)


@pytest.mark.parametrize(
    "name",
    [
        "claim-after-act",
        "unknown-is-failed",
        "fresh-key-per-retry",
        "not-found-without-a-claim",
        "suspense-dropped",
        "bar-ignored",
        "cure-does-not-undo",
    ],
)
def test_a_patch_of_the_workflows_is_noticed(name: str) -> None:
    caught = first_caught(name, range(12), world(), LOANS, DAYS)
    assert caught.seed is not None
    assert caught.breach.partition(":")[0] in BREAKS[name].noticed_by


def test_every_patch_leaves_the_workflows_as_they_were() -> None:
    for one in BREAKS.values():
        patches = list(one.patches())
        assert patches
        assert all(getattr(patch.target, patch.name) is not patch.instead for patch in patches)
        assert one.sentence


def test_a_failing_seed_is_told_with_one_line_and_the_fewest_faults() -> None:
    failed = next(r for seed in range(12) if (r := lived(seed, broken_as="late-settle-overwrites")).breaches)
    assert failed.task.line == (
        f"duebell simulate --seed {failed.task.seed} --loans 20 --days 75 --break late-settle-overwrites"
    )
    least = shrunk(failed, world(), most_runs=20)
    assert least.check == failed.check
    assert len(least.drawn) < len(failed.drawn) / 4
    assert least.task.only is not None
    assert run(least.task, world()).check == failed.check
    assert len(least.story) > 1


def test_a_shell_takes_the_line_of_a_failing_seed_whatever_call_it_names() -> None:
    only = frozenset(f"{call}#3" for call in CALLS)
    words = shlex.split(Task(7, only=only).line)
    assert words[:4] == ["duebell", "simulate", "--seed", "7"]
    assert words[4:] == ["--faults", ",".join(sorted(only))]


def test_the_fewest_faults_are_those_that_are_all_needed() -> None:
    everything = tuple(f"present#{number}" for number in range(100))
    needed = {"present#17", "present#80"}
    assert fewest([(), everything], lambda places: needed <= set(places), 500) == ["present#17", "present#80"]
    assert fewest([()], bool, 500) is None
    assert fewest([(), everything], lambda _: True, 500) == []


def test_a_fault_stays_where_it_is_when_others_are_left_out() -> None:
    def drawn(only: frozenset[str] | None) -> list[str]:
        plan = Plan(5, Tally(), only=only)
        plan.armed = True
        for _ in range(2000):
            plan.draw("commit settle")
            plan.draw("present")
        return plan.drawn

    all_of_them = drawn(None)
    kept = all_of_them[3::7]
    assert len(kept) > 5
    assert drawn(frozenset(kept)) == kept
    assert drawn(frozenset()) == []


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
