"""A run that is over: the rows of the tables, and what the world outside says of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from demo.driver import Plan
from demo.figures import DayFigures, calendar, days_of
from demo.records import Records
from shared.adapters.policy_files import PolicyFiles
from shared.domain.book import Stage
from shared.domain.stage import bucket_for

OWN_BOOK = "the demo’s own"


@dataclass(frozen=True, slots=True)
class Check:
    """One of the checks that `duebell check` made: how many of what it looked at, and what it found wrong."""

    name: str
    sentence: str
    examined: int
    counted: str
    breaches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outside:
    """What the emulator and the command line say: `texts` by the reference that the sender was given."""

    texts: Mapping[str, str]
    phones: int
    invocations: Mapping[str, int]
    decisions: Mapping[str, Mapping[str, int]]
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class History:
    plan: Plan
    book: str  # what the portfolio is called
    records: Records
    outside: Outside

    def days(self) -> tuple[DayFigures, ...]:
        return days_of(self.records, calendar(self.plan.first_day, self.plan.days), buckets(self.plan))

    @property
    def skipped(self) -> frozenset[date]:
        return self.plan.skipped_days


def buckets(plan: Plan) -> Callable[[int], Stage]:
    """The bucket of a dpd by the policy of the first day; where products differ, by that of the first in order."""
    shelf = PolicyFiles()
    policy = shelf.policy(PRODUCTS[0], plan.morning())
    return lambda dpd: bucket_for(dpd, policy)


PRODUCTS = ("jiebei", "huabei", "wangshangdai", "baitiao")
