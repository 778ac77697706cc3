"""Delinquency by a country's own table: buckets of days past due, and when a loan counts as defaulted."""

from dataclasses import dataclass
from datetime import date

from shared.domain.calendar import days_past_due
from shared.domain.money import Money


@dataclass(frozen=True, slots=True)
class Materiality:
    """Arrears count only above both: an amount, and a share of what is owed in all."""

    amount: Money
    basis_points: int

    def is_exceeded(self, arrears: Money, exposure: Money) -> bool:
        """Raises CurrencyMismatchError for arrears in another currency than the amount."""
        return arrears > self.amount and arrears.minor * 10_000 > exposure.minor * self.basis_points


@dataclass(frozen=True, slots=True)
class Delinquency:
    """How a country counts. `dpd_origin` is what the due date itself counts at its end."""

    dpd_origin: int
    buckets: tuple[tuple[str, int], ...]  # name and first dpd, rising
    default_from_dpd: int
    materiality: Materiality | None  # None: any arrears count

    def dpd(self, due_on: date, today: date) -> int:
        return days_past_due(due_on, today, self.dpd_origin)

    def bucket(self, dpd: int) -> str | None:
        """The bucket of a dpd; None below the first."""
        return next((name for name, first in reversed(self.buckets) if first <= dpd), None)

    def is_default(self, dpd: int, arrears: Money, exposure: Money) -> bool:
        """`exposure` is what the borrower owes in all, arrears included."""
        late = dpd >= self.default_from_dpd
        return late and (self.materiality is None or self.materiality.is_exceeded(arrears, exposure))
