"""Delinquency day by day: which bucket each unpaid instalment is in at the end of each day, and since when.

It follows from due dates, payments and the packs of the day alone, never from what a line did: so a line can be held
against it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from shared.domain.book import Instalment, Stage
from shared.domain.calendar import days_past_due
from shared.domain.errors import PolicyError
from shared.domain.policy import Policy
from shared.domain.stage import bucket_for

type Group = tuple[str, str]
"""A product and a country: loans whose buckets begin on the same days past due."""


@dataclass(frozen=True, slots=True)
class Stay:
    """An instalment in a bucket; `left_on` is None while it is in."""

    loan_id: str
    number: int
    bucket: Stage
    entered_on: date
    left_on: date | None


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket at the end of a day: the loans whose oldest unpaid instalment is in it, and its own instalments."""

    day: date
    bucket: Stage
    loans: int
    instalments: int
    outstanding_minor: int


@dataclass(slots=True)
class _Unpaid:
    due_on: date
    group: Group
    outstanding_minor: int
    bucket: Stage = Stage.CURRENT
    since: date | None = None  # of the bucket; None in CURRENT


class Buckets:
    """Told of loans and payments; asked at each day's end. Work a day is that of what changes on it.

    `policy_of` gives a group's rules of a day. Where there are none any more, those of the day before go on.
    """

    def __init__(self, first: date, policy_of: Callable[[Group, date], Policy]) -> None:
        self._first, self._policy_of = first, policy_of
        self._policies: dict[Group, Policy] = {}
        self._unpaid: dict[str, dict[int, _Unpaid]] = {}
        self._oldest: dict[str, Stage] = {}
        self._moves: dict[date, list[tuple[str, int]]] = defaultdict(list)
        self._loans = dict.fromkeys(Stage, 0)
        self._instalments = dict.fromkeys(Stage, 0)
        self._outstanding = dict.fromkeys(Stage, 0)
        self._stays: list[Stay] = []

    def add(self, instalments: Iterable[Instalment], group: Group, day: date) -> None:
        """Follows a loan's instalments from a day on; each stands in the bucket of that day, since it got there."""
        policy = self._policy(group, day)
        for one in instalments:
            if one.is_paid:
                continue
            row = _Unpaid(one.due_on, group, one.outstanding_minor)
            self._unpaid.setdefault(one.loan_id, {})[one.number] = row
            self._instalments[Stage.CURRENT] += 1
            self._outstanding[Stage.CURRENT] += row.outstanding_minor
            for rule in policy.stages:
                starts = _starts(row, rule.from_dpd, policy)
                if starts <= day:
                    self._shift(one.loan_id, one.number, row, rule.stage, starts)
            self._plan(one.loan_id, one.number, row, policy, day)
            self._rank(one.loan_id)

    def pay(self, instalments: Iterable[Instalment], day: date) -> None:
        """What these instalments owe after a payment of the day."""
        for one in instalments:
            row = self._unpaid.get(one.loan_id, {}).get(one.number)
            if row is None or row.outstanding_minor == one.outstanding_minor:
                continue
            self._outstanding[row.bucket] += one.outstanding_minor - row.outstanding_minor
            row.outstanding_minor = one.outstanding_minor
            if one.is_paid:
                self._leave(one.loan_id, one.number, row, day)
                self._instalments[row.bucket] -= 1
                del self._unpaid[one.loan_id][one.number]
            self._rank(one.loan_id)

    def end(self, day: date) -> list[Level]:
        """Every bucket at the end of a day; asked once for each day, in order."""
        for group in tuple(self._policies):
            self._policy(group, day)
        for loan_id, number in self._moves.pop(day, ()):
            if row := self._unpaid.get(loan_id, {}).get(number):
                self._place(loan_id, number, row, day)
        return [
            Level(day, stage, self._loans[stage], self._instalments[stage], self._outstanding[stage]) for stage in Stage
        ]

    def stays(self) -> Iterator[Stay]:
        """Every stay in a bucket that reached the first day, or began later, by instalment and day."""
        now = (
            Stay(loan_id, number, row.bucket, row.since, None)
            for loan_id, rows in self._unpaid.items()
            for number, row in rows.items()
            if row.since
        )
        yield from sorted((*self._stays, *now), key=lambda s: (s.loan_id, s.number, s.entered_on))

    def _policy(self, group: Group, day: date) -> Policy:
        """A group's rules of a day; where buckets begin on other days under them, its instalments are placed anew."""
        known = self._policies.get(group)
        try:
            policy = self._policy_of(group, day)
        except PolicyError:
            if known is None:
                raise
            return known
        self._policies[group] = policy
        if known and _terms(known) != _terms(policy):
            for loan_id, rows in self._unpaid.items():
                for number, row in rows.items():
                    if row.group == group:
                        self._plan(loan_id, number, row, policy, day)
                        self._place(loan_id, number, row, day)
        return policy

    def _plan(self, loan_id: str, number: int, row: _Unpaid, policy: Policy, day: date) -> None:
        for rule in policy.stages:
            if (starts := _starts(row, rule.from_dpd, policy)) > day:
                self._moves[starts].append((loan_id, number))

    def _place(self, loan_id: str, number: int, row: _Unpaid, day: date) -> None:
        """Into the bucket of the day, where it is another; a move that was planned under earlier packs may be none."""
        policy = self._policies[row.group]
        stage = bucket_for(days_past_due(row.due_on, day, policy.dpd_origin), policy)
        if stage is not row.bucket:
            self._shift(loan_id, number, row, stage, day)
            self._rank(loan_id)

    def _shift(self, loan_id: str, number: int, row: _Unpaid, stage: Stage, day: date) -> None:
        self._leave(loan_id, number, row, day)
        for counts, size in ((self._instalments, 1), (self._outstanding, row.outstanding_minor)):
            counts[row.bucket] -= size
            counts[stage] += size
        row.bucket, row.since = stage, None if stage is Stage.CURRENT else day

    def _leave(self, loan_id: str, number: int, row: _Unpaid, day: date) -> None:
        if row.since and day >= self._first and row.since < day:
            self._stays.append(Stay(loan_id, number, row.bucket, row.since, day))

    def _rank(self, loan_id: str) -> None:
        """Counts the loan under the bucket of its oldest unpaid instalment, or no longer."""
        rows = self._unpaid.get(loan_id)
        if old := self._oldest.pop(loan_id, None):
            self._loans[old] -= 1
        if rows:
            oldest = min(rows.items(), key=lambda item: (item[1].due_on, item[0]))[1].bucket
            self._oldest[loan_id] = oldest
            self._loans[oldest] += 1


def _terms(policy: Policy) -> tuple[int, list[tuple[Stage, int]]]:
    return policy.dpd_origin, [(rule.stage, rule.from_dpd) for rule in policy.stages]


def _starts(row: _Unpaid, from_dpd: int, policy: Policy) -> date:
    """The day on which the instalment is so many days past due."""
    return row.due_on + timedelta(days=from_dpd - policy.dpd_origin)
