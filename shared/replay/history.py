"""A portfolio's files as history: what stands on the first morning, and what comes on each later day."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import chain

from shared.domain.book import Borrower, Instalment, LedgerEntry, Loan, Mandate
from shared.domain.policy import Policy
from shared.domain.portfolio import BORROWERS, Finding, Portfolio, Read, SourceLine
from shared.domain.portfolio_fields import known_zones
from shared.domain.portfolio_rules import check
from shared.replay.buckets import Group
from shared.replay.uncollected import uncollected

_STAND_IN = "Etc/UTC"
_FAR = datetime(9000, 1, 1, tzinfo=UTC)
"""History knows no future: every day in the files has come."""

type Files = Mapping[str, Iterable[SourceLine | Finding]]


@dataclass(frozen=True, slots=True)
class History:
    """`standing` is what was there before the first day began; `loans`, `mandates` and `payments` come by their day.

    A mandate that was signed by the day of its loan comes with it, each other one on the day on which it was signed.
    `zoneless` are borrowers whose zone is not known: nobody can say what time it is for them.
    """

    currency: str
    standing: Portfolio
    loans: Mapping[date, Portfolio]
    mandates: Mapping[date, Sequence[Mandate]]
    payments: Mapping[date, Sequence[LedgerEntry]]
    zoneless: frozenset[str]
    later: int  # loans, mandates and payments after the last day, which are left out

    @property
    def portfolios(self) -> tuple[Portfolio, ...]:
        """What stands on the first morning, and what comes day by day."""
        return self.standing, *self.loans.values()

    @property
    def countries(self) -> Mapping[str, str]:
        """Where each borrower lives."""
        return {read.row.borrower_id: read.row.country for read in self.standing.borrowers}

    @property
    def groups(self) -> frozenset[Group]:
        """Under which rules the loans are."""
        countries = self.countries
        loans = (read.row for portfolio in self.portfolios for read in portfolio.loans)
        return frozenset((loan.product, countries[loan.borrower_id]) for loan in loans)

    @property
    def rails(self) -> frozenset[str]:
        with_loans = (read.row for portfolio in self.portfolios for read in portfolio.mandates)
        return frozenset(mandate.rail for mandate in chain(with_loans, *self.mandates.values()))


@uncollected()
def read_history(
    files: Files,
    policy_of: Callable[[str], Policy],
    phone_problem: Callable[[str], str | None],
    first: date,
    last: date,
) -> History | tuple[Finding, ...]:
    """The history from the first to the last business date, both included, or everything that is wrong with the files.

    `policy_of` gives a product's policy. An empty or unknown time zone is no finding here, nor is what comes after the
    last day, which is left out. Loans in more than one currency are: their sums would add up apples and pears.
    """
    zoneless: set[str] = set()
    known = {name: _with_zones(lines, zoneless) if name == BORROWERS else lines for name, lines in files.items()}
    whole = check(known, policy_of, phone_problem, _FAR)
    if not isinstance(whole, Portfolio):
        return whole
    currencies = {read.row.currency: read for read in reversed(whole.loans)}
    if len(currencies) > 1:
        other = max(currencies.values(), key=lambda read: read.line)
        return (Finding("loans.csv", other.line, "currency", "is another than before: replay one currency at a time"),)
    return _by_day(whole, frozenset(zoneless), first, last, min(currencies, default=""))


def _with_zones(lines: Iterable[SourceLine | Finding], zoneless: set[str]) -> Iterator[SourceLine | Finding]:
    """The lines with a stand-in for the zones of a borrower who has no known one, who is remembered."""
    for line in lines:
        if isinstance(line, SourceLine) and line.values.get("time_zone", "") not in known_zones():
            zoneless.add(line.values.get("borrower_id", ""))
            yield replace(line, values=_stood_in(line.values))
        else:
            yield line


def _stood_in(values: Mapping[str, str]) -> dict[str, str]:
    """Nobody writes to him, so that no other zone of his matters."""
    return {**values, "time_zone": _STAND_IN} | ({"other_zones": ""} if "other_zones" in values else {})


def _by_day(whole: Portfolio, zoneless: frozenset[str], first: date, last: date, currency: str) -> History:
    borrowers = tuple(
        Read(r.line, replace(r.row, time_zone="") if r.row.borrower_id in zoneless else r.row) for r in whole.borrowers
    )
    days = {read.row.loan_id: max(read.row.disbursed_on, first) for read in whole.loans}
    loans: dict[date, list[Read[Loan]]] = defaultdict(list)
    for loan in whole.loans:
        loans[days[loan.row.loan_id]].append(loan)
    instalments = _grouped(whole.instalments, days)
    mandates = _grouped((m for m in whole.mandates if m.row.signed_on <= days[m.row.loan_id]), days)
    signed: dict[date, list[Mandate]] = defaultdict(list)
    for mandate in whole.mandates:
        if mandate.row.signed_on > days[mandate.row.loan_id]:
            signed[mandate.row.signed_on].append(mandate.row)
    before = tuple(p for p in whole.payments if p.row.booked_on < first)
    payments: dict[date, list[LedgerEntry]] = defaultdict(list)
    for payment in whole.payments:
        if first <= payment.row.booked_on <= last:
            payments[payment.row.booked_on].append(payment.row)

    def of(day: date, borrowers: tuple[Read[Borrower], ...], entries: tuple[Read[LedgerEntry], ...]) -> Portfolio:
        rows = tuple(loans[day]), tuple(instalments[day]), tuple(mandates[day])
        return Portfolio(borrowers, *rows, entries)

    standing = of(first, borrowers, before)
    coming = {day: of(day, (), ()) for day in sorted(loans) if first < day <= last}
    late_loans = sum(day > last for day in days.values())
    late_mandates = sum(len(rows) for day, rows in signed.items() if day > last)
    later = late_loans + late_mandates + sum(p.row.booked_on > last for p in whole.payments)
    in_time = {day: rows for day, rows in signed.items() if day <= last}
    return History(currency, standing, coming, in_time, payments, zoneless, later)


def _grouped[R: (Instalment, Mandate)](
    rows: Iterable[Read[R]], days: Mapping[str, date]
) -> Mapping[date, list[Read[R]]]:
    found: dict[date, list[Read[R]]] = defaultdict(list)
    for read in rows:
        found[days[read.row.loan_id]].append(read)
    return found
