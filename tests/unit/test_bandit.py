"""Drawing arms: the quantile against exact sums, a bandit that finds the better arm, intervals that keep their word."""

from fractions import Fraction
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.bandit import Tally, beta_cdf, beta_quantile, drawn, uniform
from shared.domain.lift import lift, wilson

SEEDS = range(6)


@pytest.mark.parametrize(
    ("a", "b", "at", "x"),
    [
        (1, 1, 0.3, 0.3),
        (2, 2, 0.5, 0.5),
        (7, 7, 0.5, 0.5),
        (1, 5, 0.3, 1 - 0.7 ** (1 / 5)),
        (6, 1, 0.3, 0.3 ** (1 / 6)),
        (1, 1_000, 1e-6, 1 - (1 - 1e-6) ** (1 / 1_000)),
        (1_000, 1, 1e-6, 1e-6 ** (1 / 1_000)),
        (2, 1, 0.999999, 0.999999**0.5),
    ],
)
def test_a_quantile_that_can_be_written_down(a: int, b: int, at: float, x: float) -> None:
    assert beta_quantile(a, b, at) == pytest.approx(x, rel=1e-9)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 5), (5, 2), (13, 40), (413, 622)])
@pytest.mark.parametrize("x", [Fraction(1, 50), Fraction(2, 5), Fraction(1, 2), Fraction(39, 40)])
def test_the_weight_below_is_a_sum_of_binomials(a: int, b: int, x: Fraction) -> None:
    """For whole numbers the incomplete beta function is one, and fractions make it exact."""
    n = a + b - 1
    exact = sum(comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(a, n + 1))
    assert beta_cdf(a, b, float(x)) == pytest.approx(float(exact), rel=1e-10, abs=1e-14)


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.floats(1e-9, 1 - 1e-9))
def test_a_quantile_has_its_weight_below(a: int, b: int, at: float) -> None:
    assert beta_cdf(a, b, beta_quantile(a, b, at)) == pytest.approx(at, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("a", "b", "at"), [(1, 1, 0), (1, 1, 1), (0.5, 1, 0.5), (1, 0, 0.5)])
def test_a_quantile_of_nothing_is_refused(a: float, b: float, at: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        beta_quantile(a, b, at)


def test_a_tally_holds_no_more_repaid_than_told() -> None:
    with pytest.raises(ValueError, match="at most"):
        Tally(1, 2)


def test_numbers_made_of_names_are_spread_evenly_and_stay_the_same() -> None:
    assert uniform("b-1", "REMIND_3") == uniform("b-1", "REMIND_3")
    assert uniform("b-1", "REMIND_3") != uniform("b-1R", "EMIND_3")
    tenths = [0] * 10
    for n in range(10_000):
        tenths[int(10 * uniform("b", str(n)))] += 1
    assert all(900 <= found <= 1_100 for found in tenths)


def test_arms_of_which_nothing_is_known_win_alike() -> None:
    won = [drawn(dict.fromkeys("abcd", Tally()), str(n)).arm for n in range(2_000)]
    assert all(430 <= won.count(arm) <= 570 for arm in "abcd")


def test_a_better_arm_wins_as_often_as_it_is_likely_to_be_better() -> None:
    """Beta(3, 1) is above Beta(1, 1) three times in four."""
    won = [drawn({"a": Tally(2, 2), "b": Tally()}, str(n)).arm for n in range(2_000)]
    assert won.count("a") / len(won) == pytest.approx(0.75, abs=0.03)


def test_an_arm_s_draw_does_not_depend_on_the_others() -> None:
    both = drawn({"a": Tally(9, 9), "b": Tally(9, 0)}, "b-1")
    assert drawn({"a": Tally(9, 9)}, "b-1") == both


@pytest.mark.parametrize("seed", SEEDS)
def test_it_finds_the_better_hour(seed: int) -> None:
    """Counted a day at a time, as packs are: of thirty days the last ten go by the best of four arms for the most."""
    true, fate = {"0900": 0.30, "1200": 0.32, "1800": 0.48, "2000": 0.28}, Random(seed)
    known, last = dict.fromkeys(true, Tally()), []
    for day in range(30):
        won = [drawn(known, str(seed), str(day), str(n)).arm for n in range(40)]
        for arm in won:
            known[arm] = Tally(known[arm].told + 1, known[arm].repaid + (fate.random() < true[arm]))
        last += won if day >= 20 else []
    assert last.count("1800") / len(last) > 0.75


@pytest.mark.parametrize("seed", SEEDS)
def test_it_holds_on_to_no_hour_where_all_are_alike(seed: int) -> None:
    fate, known = Random(seed), dict.fromkeys(("0900", "1800"), Tally())
    for day in range(30):
        for arm in [drawn(known, str(seed), str(day), str(n)).arm for n in range(20)]:
            known[arm] = Tally(known[arm].told + 1, known[arm].repaid + (fate.random() < 0.3))
    assert min(tally.told for tally in known.values()) >= 15


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718), (0, 0, 0, 1)],
)
def test_a_share_s_interval_is_the_published_one(part: int, whole: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857: table I, method 3."""
    found = wilson(part, whole)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        (Tally(70, 56), Tally(80, 48), 0.0524, 0.3339),
        (Tally(10, 9), Tally(10, 3), 0.1705, 0.8090),
        (Tally(7, 6), Tally(7, 2), 0.0582, 0.8062),
        (Tally(56, 5), Tally(29, 0), -0.0381, 0.1926),
        (Tally(10, 0), Tally(20, 0), -0.1611, 0.2775),
        (Tally(10, 0), Tally(10, 0), -0.2775, 0.2775),
        (Tally(10, 10), Tally(20, 0), 0.6791, 1.0),
        (Tally(10, 10), Tally(10, 0), 0.6075, 1.0),
    ],
)
def test_a_lift_s_interval_is_the_published_one(one: Tally, other: Tally, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 873: table II, method 10."""
    found = lift(one, other)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 300), st.integers(0, 300), st.data())
def test_a_lift_lies_in_its_interval_and_turns_round(told: int, others: int, data: st.DataObject) -> None:
    one, other = (Tally(n, data.draw(st.integers(0, n))) for n in (told, others))
    found, back = lift(one, other), lift(other, one)
    assert -1 - 1e-9 <= found.low <= found.value <= found.high <= 1 + 1e-9
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))


@pytest.mark.parametrize(("p", "q", "n", "m"), [(0.35, 0.30, 400, 100), (0.05, 0.05, 80, 20), (0.9, 0.6, 50, 50)])
def test_the_interval_covers_the_true_lift_about_95_times_in_100(p: float, q: float, n: int, m: int) -> None:
    fate = Random(7)

    def told(share: float, whole: int) -> Tally:
        return Tally(whole, sum(fate.random() < share for _ in range(whole)))

    found = [lift(told(p, n), told(q, m)) for _ in range(600)]
    assert 0.93 <= sum(one.low <= p - q <= one.high for one in found) / len(found) <= 0.985
