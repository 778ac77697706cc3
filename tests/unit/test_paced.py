"""The pace of an instance: waits on the real clock, takes nothing that it has no time to wait for."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.paced import LONGEST_WAIT, Paced
from shared.adapters.policy_files import read_packs
from shared.domain.provider_rules import ProviderRules, read_provider

SNS = replace(read_provider(next(p for p in read_packs() if p.id == "sns")), parts_per_second=10, burst=10)
SLOW = replace(SNS, name="eum", parts_per_second=1, burst=1)


class Street:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now, self.slept = datetime(2026, 3, 10, tzinfo=UTC), 0.0

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 1
        self.now += timedelta(seconds=seconds)
        self.slept += seconds

    def paced(self, instances: int = 1) -> Paced:
        return Paced(instances, lambda: self.now, self.sleep)


def always() -> bool:
    return True


@pytest.mark.parametrize(("instances", "seconds"), [(1, 10), (5, 50)])
def test_over_any_time_it_hands_on_what_the_rate_gives_and_no_more(instances: int, seconds: float) -> None:
    street = Street()
    paced = street.paced(instances)
    assert all(paced.take(SNS, 1, always) for _ in range(100))
    assert street.slept == pytest.approx(seconds, rel=0.02)


def test_a_new_instance_has_no_burst_to_begin_with() -> None:
    street = Street()
    assert street.paced().take(SNS, 10, always)
    assert street.slept == pytest.approx(1)


def test_parts_count_and_not_messages() -> None:
    street = Street()
    paced = street.paced()
    assert all(paced.take(SNS, 5, always) for _ in range(10))
    assert street.slept == pytest.approx(5, rel=0.02)


def test_what_there_is_no_time_to_wait_for_is_not_taken() -> None:
    street = Street()
    paced = street.paced()
    assert not paced.take(SLOW, 1, lambda: False)
    assert street.slept == 0
    assert paced.take(SLOW, 1, always)
    assert street.slept == 1  # as if the first had never asked


def test_time_that_runs_out_while_it_waits_ends_the_wait() -> None:
    street = Street()
    until = street.now + timedelta(seconds=2)
    assert not street.paced(instances=20).take(SLOW, 1, lambda: street.now < until)
    assert street.slept == 2


def test_nobody_stands_and_waits_for_longer_than_is_worth_it() -> None:
    street = Street()
    assert not street.paced(instances=int(LONGEST_WAIT.total_seconds()) + 1).take(SLOW, 1, always)
    assert street.slept == 0


def test_a_provider_that_throttles_all_the_same_gets_a_pause() -> None:
    street = Street()
    paced = street.paced()
    paced.take(SNS, 1, always)
    street.now += timedelta(hours=1)
    paced.slow_down(SNS)
    street.slept = 0
    assert paced.take(SNS, 10, always)
    assert street.slept == pytest.approx(1)


def test_providers_do_not_wait_for_each_other() -> None:
    street = Street()
    paced = street.paced()
    street.paced()
    paced.take(SLOW, 1, always)
    paced.take(SNS, 1, always)
    street.now += timedelta(seconds=1)
    street.slept = 0
    assert paced.take(SNS, 1, always)
    assert street.slept == 0


def test_another_rate_of_a_new_pack_counts_at_once() -> None:
    street = Street()
    paced = street.paced()
    paced.take(SNS, 1, always)
    faster: ProviderRules = replace(SNS, parts_per_second=1000, burst=1000)
    street.slept = 0
    assert all(paced.take(faster, 1, always) for _ in range(100))
    assert street.slept < 2
