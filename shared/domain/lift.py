"""How much better one group repaid than another, and how sure that is: intervals that hold for small groups too."""

from dataclasses import dataclass
from math import sqrt

from shared.domain.bandit import Tally


@dataclass(frozen=True, slots=True)
class Interval:
    """A share, or a difference of two, with the bounds that cover the true one 95 times in 100."""

    value: float
    low: float
    high: float


_Z = 1.959963984540054
"""The normal distribution has 95 % of its weight within this many standard deviations."""


def wilson(part: int, whole: int) -> Interval:
    """A share with its score interval, which keeps its promise for small numbers too. Of nothing: 0 to 1."""
    if not whole:
        return Interval(0.0, 0.0, 1.0)
    share, z2 = part / whole, _Z * _Z
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = _Z * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def lift(one: Tally, other: Tally) -> Interval:
    """By how much the share of the first is above that of the second: Newcombe's interval of two score intervals."""
    a, b = wilson(one.repaid, one.told), wilson(other.repaid, other.told)
    value = a.value - b.value
    below = sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    above = sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Interval(value, value - below, value + above)
