"""What the lab does as AWS would."""

import pytest

from demo.stack import StackError
from drills.lab import Lab
from infra.check_template import read


@pytest.mark.parametrize("function", ["PlanWork", "Reconcile"])
def test_a_scheduled_run_that_fails_is_tried_as_often_as_the_template_says(function: str) -> None:
    retries = read()["Resources"][function]["Properties"]["EventInvokeConfig"]["MaximumRetryAttempts"]
    lab, runs = object.__new__(Lab), list[str]()
    lab.failed_runs = 0

    def run() -> int:
        runs.append(function)
        raise StackError("its packs cannot be read")

    assert lab._as_scheduled(run) == 0
    assert len(runs) == lab.failed_runs == 1 + retries


def test_a_run_that_works_the_second_time_is_done() -> None:
    lab, answers = object.__new__(Lab), list[StackError | int]([7, StackError("throttled")])
    lab.failed_runs = 0

    def run() -> int:
        answer = answers.pop()
        if isinstance(answer, StackError):
            raise answer
        return answer

    assert lab._as_scheduled(run) == 7
    assert lab.failed_runs == 1
