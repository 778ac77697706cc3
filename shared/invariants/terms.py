"""What a check is told besides the rows, and what it gives back."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.invariants.rows import LoanRow, Place
from shared.invariants.rules import RuleBook, Rules

_SLACK = timedelta(minutes=5)
"""How far the clocks of workers and of whoever checks may be apart."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The instant to judge by (aware, UTC), the rules, and how long an answer may be missing."""

    moment: datetime
    rules: RuleBook
    unknown_limit: timedelta
    skew: timedelta = timedelta(0)
    """How far apart two workers' clocks may be: what was stamped within it may have been in either order."""

    def rules_of(self, loan: LoanRow) -> Rules | None:
        return self.rules.at(loan.product, self.moment)

    def is_waiting(self, place: Place | None) -> bool:
        """The row is due to be looked at or stands in front of a person: it is known to be unfinished."""
        return place is not None and (place.quarantined or place.at <= self.moment + _SLACK)


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """One thing that must not be: the row that it is about, by its key, and what is wrong with it."""

    check: str
    subject: str
    problem: str


@dataclass(frozen=True, slots=True, order=True)
class Open:
    """One thing that a person should know of, and that is no breach."""

    kind: str
    subject: str
    detail: str
