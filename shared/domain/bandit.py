"""Thompson sampling without randomness: each arm's share is drawn from what is known of it, at a number made of names.

An arm that was told so often and repaid so often has the share of Beta(1 + repaid, 1 + not repaid): before anything is
known, any share alike. Of each arm one share is drawn and the highest wins, so that a poor arm is tried rarely and an
unknown one often. What is drawn follows from a hash, so that the same question has the same answer on a replay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from math import exp, inf, lgamma, log, log1p, sqrt

_TINY = 1e-300
_EXACT = 1e-14
_CLOSE = 1e-9  # a step of Newton this short leaves an error of its square
_LOGISTIC = 1.702  # so much steeper a logistic curve is like the normal one
_MOST_TERMS = 100_000
_MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class Tally:
    """How many messages were told, and how many of them were repaid in time."""

    told: int = 0
    repaid: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.repaid <= self.told:
            raise ValueError("a tally holds at most as many repaid as told")


@dataclass(frozen=True, slots=True)
class Drawn[A]:
    """The arm that won, what was known of it, and the share that was drawn for it."""

    arm: A
    tally: Tally
    share: float


def uniform(*names: str) -> float:
    """A number strictly between 0 and 1 that follows from the names and looks like any other."""
    digest = sha256("\x1f".join(names).encode()).digest()
    return ((int.from_bytes(digest[:8]) >> 11) + 0.5) / 2**53


def drawn[A](arms: Mapping[A, Tally], *names: str) -> Drawn[A]:
    """The arm with the highest share at these names; of equal ones the first. Raises ValueError without any arm.

    Shares are rounded to nine digits, so that the last bit of one machine's logarithm decides nothing on another.
    """
    return max(
        (Drawn(arm, tally, _share(tally, uniform(*names, str(arm)))) for arm, tally in arms.items()),
        key=lambda found: found.share,
    )


def _share(tally: Tally, at: float) -> float:
    return round(beta_quantile(1 + tally.repaid, 1 + tally.told - tally.repaid, at), 9)


@lru_cache(maxsize=4096)
def beta_quantile(a: float, b: float, at: float) -> float:
    """Where Beta(a, b), with both at least 1, has `at` of its weight below, to within 1e-10; ValueError outside."""
    if not 0 < at < 1 or a < 1 or b < 1:
        raise ValueError("a quantile is asked for between 0 and 1, of a and b of at least 1")
    low, high = 0.0, 1.0
    mean = a / (a + b)
    guess = mean + log(at / (1 - at)) / _LOGISTIC * sqrt(mean * (1 - mean) / (a + b + 1))
    x = guess if 0 < guess < 1 else mean
    for _ in range(_MOST_STEPS):
        error = beta_cdf(a, b, x) - at
        low, high = (low, x) if error > 0 else (x, high)
        step = error / _density(a, b, x)
        following = x - step
        if not low < following < high:  # too far for the slope: halve what is left instead
            following = (low + high) / 2
        if abs(following - x) <= _CLOSE * following or high - low <= _EXACT:
            return following
        x = following
    return x


def beta_cdf(a: float, b: float, x: float) -> float:
    """The weight of Beta(a, b) below x: the regularised incomplete beta function, by its continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = exp(a * log(x) + b * log1p(-x) - _log_beta(a, b))
    if x > (a + 1) / (a + b + 2):  # where the fraction of the other side converges fast
        return 1 - front * _fraction(b, a, 1 - x) / b
    return front * _fraction(a, b, x) / a


def _density(a: float, b: float, x: float) -> float:
    if not 0 < x < 1:
        return inf
    return max(exp((a - 1) * log(x) + (b - 1) * log1p(-x) - _log_beta(a, b)), _TINY)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's evaluation, from the front; it takes about as many terms as the root of a + b."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        for part in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _not_zero(1 + part * d), _not_zero(1 + part / c)
            value *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
